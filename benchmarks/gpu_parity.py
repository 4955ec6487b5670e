"""Generated GPU kernels against the float64 CPU reference, on 10,000 random systems with extremes.

python benchmarks/gpu_parity.py --reference FILE.npz       on any machine: the CPU's answers
python benchmarks/gpu_parity.py --against FILE.npz --out FILE.json     on the GPU
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from gpu_cases import extreme_systems, provenance, write_json

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.coordinates import growth_rate_program

#: (systems, tokens, states): 10,000 systems in all.
RATES = [(2500, 1, 1), (2900, 7, 1), (2000, 64, 4), (1500, 100, 16), (1000, 33, 1), (80, 1000, 4), (20, 5000, 1)]
FLOWS = [(4500, 8, 1), (2500, 5, 1), (2000, 7, 4), (1000, 33, 2)]
TIMES = np.array([1e-6, 1e-3, 1.0, 1e3])
RATE_INPUTS = ("x", "mu", "a", "s", "b", "floor")
#: Below this a float32 result has lost digits to denormal numbers.
SMALLEST = {"float32": 1e-30, "float64": 1e-280}


def rate_systems(index: int, precision: str) -> dict[str, Any]:
    """Inputs rounded to the precision that is tested, so that both sides see the same numbers."""
    systems = extreme_systems(100 + index, *RATES[index])
    return {k: v.astype(precision).astype(np.float64) for k, v in systems.items()}


def flow_systems(index: int) -> dict[str, Any]:
    """As above, but moderate enough that a trajectory means something at fixed depth-times."""
    systems = extreme_systems(200 + index, *FLOWS[index])
    systems["x"] = np.sign(systems["x"]) * np.minimum(np.abs(systems["x"]), 30.0)
    return {k: v.astype(np.float32).astype(np.float64) for k, v in systems.items()}


def trajectories(index: int, backend: str, rtol: float, **options: Any) -> Any:
    systems = flow_systems(index)
    params = FlowParameters(**{k: systems[k] for k in ("mu", "a", "s", "b", "floor")})
    return integrate(systems["x"], params, times=TIMES, horizon=float(TIMES[-1]), rtol=rtol, backend=backend, **options)


def reference(path: str) -> None:
    """Rates by NumPy in float64, with the sum of absolute terms as their scale; trajectories by the NumPy driver."""
    rate = generate(growth_rate_program(), "numpy")
    found = {}
    for index in range(len(RATES)):
        for precision in ("float32", "float64"):
            systems = rate_systems(index, precision)
            found[f"rate{index}_{precision}"] = rate(*(systems[k] for k in RATE_INPUTS))
            found[f"scale{index}_{precision}"] = rate(
                *(np.abs(systems[k]) if k == "mu" else systems[k] for k in RATE_INPUTS)
            )
    for index in range(len(FLOWS)):
        run = trajectories(index, "numpy", 1e-12)
        found[f"log_abs{index}"] = run.log_abs.filled(np.nan)
        found[f"reached{index}"], found[f"status{index}"] = run.reached, run.status
        found[f"log_blow_up{index}"] = run.log_blow_up_time
    np.savez_compressed(path, **found)


def compare_rates(known: Any, precision: str) -> dict[str, Any]:
    """Largest error over the sum of absolute terms, and how many entries are below the range."""
    import torch

    rate = generate(growth_rate_program(), "triton")
    errors, below, entries, systems = [], 0, 0, 0
    for index in range(len(RATES)):
        cases = rate_systems(index, precision)
        values = [torch.as_tensor(cases[k], dtype=getattr(torch, precision), device="cuda") for k in RATE_INPUTS]
        got = rate(*values).double().cpu().numpy()
        exact, scale = known[f"rate{index}_{precision}"], known[f"scale{index}_{precision}"]
        inside = (scale > SMALLEST[precision]) & (scale < 1 / SMALLEST[precision])
        errors.append((np.abs(got - exact) / np.where(inside, scale, 1.0))[inside])
        below, entries, systems = below + int((~inside).sum()), entries + inside.size, systems + len(exact)
    every = np.concatenate(errors)
    return {
        "systems": systems,
        "entries": entries,
        "outside_range": below,
        "largest_error": every.max(),
        "median_error": np.median(every),
        "not_finite": int((~np.isfinite(every)).sum()),
    }


def compare_flows(known: Any, precision: str, rtol: float) -> dict[str, Any]:
    """Endpoints ln|x| at equal times, and fates. Errors are divided by 1 + |d ln|x| / d ln t|, their sensitivity to t."""
    from s6flow.numeric.flow import problem
    from s6flow.numeric.gpu.flow import solve

    raw, conditioned, status, blow_up, systems, fates = [], [], 0, [], 0, []
    for index in range(len(FLOWS)):
        problem.BACKENDS["triton-parity"] = f"{__name__}:solve_{precision}"
        globals()[f"solve_{precision}"] = lambda p: solve(p, precision=precision)
        run = trajectories(index, "triton-parity", rtol)
        ours, theirs = run.log_abs.filled(np.nan), known[f"log_abs{index}"]
        both = run.reached & known[f"reached{index}"]
        finite = np.isfinite(theirs) & both[..., None]
        error = np.abs(ours - theirs)[finite]
        pace = sensitivity(index, theirs)[finite]
        raw.append(error)
        conditioned.append(error / (1 + pace))
        differs = run.status != known[f"status{index}"]
        status += int(differs.sum())
        fates += [
            f"{old} -> {new}" for old, new in zip(known[f"status{index}"][differs], run.status[differs], strict=True)
        ]
        blown = (run.status == 1) & ~differs
        blow_up.append(np.abs(run.log_blow_up_time - known[f"log_blow_up{index}"])[blown])
        systems += len(run.status)
    errors, sensible, times = np.concatenate(raw), np.concatenate(conditioned), np.concatenate(blow_up)
    return {
        "systems": systems,
        "endpoints": len(errors),
        "rtol": rtol,
        "largest_error": errors.max(),
        "largest_conditioned_error": sensible.max(),
        "quantile_999_conditioned": np.quantile(sensible, 0.999),
        "median_error": np.median(errors),
        "different_fates": status,
        "which_fates": {pair: fates.count(pair) for pair in sorted(set(fates))},
        "blow_ups": len(times),
        "largest_error_log_blow_up_time": times.max(),
    }


def sensitivity(index: int, log_abs: Any) -> Any:
    """|d ln|x| / d ln t| = t |F_l| at the reference's states."""
    systems = flow_systems(index)
    rate = generate(growth_rate_program(), "numpy")
    out = np.empty_like(log_abs)
    for at, t in enumerate(TIMES):
        x = np.sign(systems["x"]) * np.exp(np.nan_to_num(log_abs[:, at], nan=0.0, neginf=-700.0))
        out[:, at] = t * np.abs(rate(x, *(systems[k] for k in RATE_INPUTS[1:])))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference")
    parser.add_argument("--against")
    parser.add_argument("--precision", choices=("float32", "float64"), action="append")
    parser.add_argument("--out", default="benchmarks/results/gpu_parity_h200.json")
    options = parser.parse_args()
    if options.reference:
        reference(options.reference)
        return
    known = np.load(options.against)
    report: dict[str, Any] = {}
    for precision, rtol in (("float64", 1e-12), ("float32", 1e-6)):
        if precision not in (options.precision or ("float32", "float64")):
            continue
        report[precision] = {"rates": compare_rates(known, precision), "flows": compare_flows(known, precision, rtol)}
        print(precision, report[precision], flush=True)
    write_json(options.out, {**report, "provenance": provenance()})


if __name__ == "__main__":
    main()
