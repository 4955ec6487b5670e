"""Generated GPU kernels against the float64 CPU reference, on 10,000 random systems with extremes.

python benchmarks/gpu_parity.py --reference FILE.npz       on any machine: the CPU's answers
python benchmarks/gpu_parity.py --against FILE.npz --out FILE.json     on the GPU
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
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
#: How near the reference results must be, and the tolerances of local errors that reach it.
TARGET = {"float32": 1e-5, "float64": 1e-11}
RTOL = {"float32": 2e-7, "float64": 1e-14}
REFERENCE_RTOL, DRAWS = 1e-14, 3
#: A result that uses a number of roundings moves by some units in the last place: it is held to this many draws' most.
MARGIN = 4.0
WORST = 12


def rate_systems(index: int, precision: str) -> dict[str, Any]:
    """Inputs rounded to the precision that is tested, so that both sides see the same numbers."""
    systems = extreme_systems(100 + index, *RATES[index])
    return {k: v.astype(precision).astype(np.float64) for k, v in systems.items()}


def flow_systems(index: int) -> dict[str, Any]:
    """As above, but moderate enough that a trajectory means something at fixed depth-times."""
    systems = extreme_systems(200 + index, *FLOWS[index])
    systems["x"] = np.sign(systems["x"]) * np.minimum(np.abs(systems["x"]), 30.0)
    return {k: v.astype(np.float32).astype(np.float64) for k, v in systems.items()}


def trajectories(systems: dict[str, Any], backend: str, rtol: float) -> Any:
    params = FlowParameters(**{k: systems[k] for k in ("mu", "a", "s", "b", "floor")})
    return integrate(systems["x"], params, times=TIMES, horizon=float(TIMES[-1]), rtol=rtol, backend=backend)


def jolted(index: int, precision: str, draw: int) -> dict[str, Any]:
    """The systems of `flow_systems` with ln|x| and every parameter moved by one unit in the last place, up or down.

    Tokens are held as ln|x|, so that a unit of it is |ln|x|| units of x.
    """
    rng = np.random.default_rng([index, draw])
    unit, systems = np.finfo(precision).eps, flow_systems(index)
    with np.errstate(divide="ignore"):
        size = np.maximum(1.0, np.abs(np.log(np.abs(systems["x"]))))
    units = {"x": unit * np.where(np.isfinite(size), size, 1.0)}
    return {k: v * (1 + units.get(k, unit) * rng.choice([-1.0, 1.0], v.shape)) for k, v in systems.items()}


def apart(one: Any, other: Any) -> Any:
    """|one - other|, 0 where both are infinite or either is unknown."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(one - other)
    return np.where(np.isnan(difference), 0.0, difference)


def reference(path: str) -> None:
    """Trajectories by the NumPy driver in float64, and by the compiled loop.

    How far the compiled reference moves when its inputs do by one unit in the last place is kept too: no result in
    that precision can be nearer to it.
    """
    found: dict[str, Any] = {}
    for index in range(len(FLOWS)):
        run = trajectories(flow_systems(index), "numpy", REFERENCE_RTOL)
        twin = trajectories(flow_systems(index), "numba", REFERENCE_RTOL)
        exact, same = run.log_abs.filled(np.nan), twin.log_abs.filled(np.nan)
        found |= {f"log_abs{index}": exact, f"reached{index}": run.reached, f"status{index}": run.status}
        found |= {f"log_blow_up{index}": run.log_blow_up_time, f"twin{index}": apart(exact, same)}
        found[f"twin_fates{index}"] = int((run.status != twin.status).sum())
        for precision in ("float32", "float64"):
            moved, moved_T, fate = np.zeros(exact.shape), np.zeros(len(run.status)), run.status != twin.status
            for draw in range(DRAWS):
                other = trajectories(jolted(index, precision, draw), "numba", REFERENCE_RTOL)
                moved = np.maximum(moved, apart(other.log_abs.filled(np.nan), same))
                moved_T = np.maximum(moved_T, apart(other.log_blow_up_time, twin.log_blow_up_time))
                fate = fate | (other.status != twin.status)
            found |= {f"moved{index}_{precision}": moved, f"fate{index}_{precision}": fate}
            found[f"moved_T{index}_{precision}"] = moved_T
        print("reference", FLOWS[index], "compiled differs by", found[f"twin{index}"].max(), flush=True)
    np.savez_compressed(path, **found)


def compare_rates(precision: str) -> dict[str, Any]:
    """Largest error over the sum of absolute terms by NumPy in float64, and how many entries are out of range."""
    import torch

    rate, cpu = generate(growth_rate_program(), "triton"), generate(growth_rate_program(), "numpy")
    errors, below, entries, systems = [], 0, 0, 0
    for index in range(len(RATES)):
        cases = rate_systems(index, precision)
        values = [torch.as_tensor(cases[k], dtype=getattr(torch, precision), device="cuda") for k in RATE_INPUTS]
        got = rate(*values).double().cpu().numpy()
        exact = cpu(*(cases[k] for k in RATE_INPUTS))
        scale = cpu(*(np.abs(cases[k]) if k == "mu" else cases[k] for k in RATE_INPUTS))
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
    """Endpoints ln|x| at equal times, blow-up times and fates, each beside how far one unit in the last place moves it."""
    from s6flow.numeric.flow import problem
    from s6flow.numeric.gpu.flow import hand_over, on_device, unfinished

    def solve(problem: Any) -> Any:
        run = on_device(problem, precision)
        handed.append(int(unfinished(run).sum()))
        return hand_over(problem, run)

    handed: list[int] = []
    problem.BACKENDS["triton-parity"] = f"{__name__}:counted"
    globals()["counted"] = solve
    target = TARGET[precision]
    largest, beyond, unexplained, outside, endpoints = 0.0, 0, 0, 0, 0
    every, times, fates, excused, worst = [], [], [], 0, []
    for index in range(len(FLOWS)):
        run = trajectories(flow_systems(index), "triton-parity", rtol)
        exact, moved = known[f"log_abs{index}"], known[f"moved{index}_{precision}"]
        both = run.reached & known[f"reached{index}"]
        finite = np.isfinite(exact) & both[..., None]
        inside = finite & (np.abs(exact) < -np.log(SMALLEST[precision]))
        outside += int((finite & ~inside).sum())
        error = np.where(inside, np.abs(run.log_abs.filled(np.nan) - np.where(finite, exact, 0.0)), 0.0)
        over = error > target
        endpoints, beyond = endpoints + int(inside.sum()), beyond + int(over.sum())
        unexplained += int((over & (error > MARGIN * moved)).sum())
        every.append(error[inside & (MARGIN * moved <= target)])
        largest = max(largest, float(error.max()))
        for place in np.argwhere(over)[:WORST]:
            row, at, token = (int(i) for i in place)
            worst.append([index, row, float(TIMES[at]), token, error[row, at, token], moved[row, at, token]])
        differs = run.status != known[f"status{index}"]
        excused += int((differs & known[f"fate{index}_{precision}"]).sum())
        fates += [
            f"{old} -> {new}" for old, new in zip(known[f"status{index}"][differs], run.status[differs], strict=True)
        ]
        blown = (run.status == 1) & ~differs
        difference = np.abs(run.log_blow_up_time - known[f"log_blow_up{index}"])[blown]
        times.append(np.stack([difference, known[f"moved_T{index}_{precision}"][blown]]))
    conditioned, (blow_up, moved_T) = np.concatenate(every), np.concatenate(times, axis=1)
    return {
        "systems": sum(case[0] for case in FLOWS),
        "rtol": rtol,
        "endpoints": endpoints,
        "endpoints_outside_range": outside,
        "target": target,
        "beyond_target": beyond,
        "beyond_target_and_one_ulp": unexplained,
        "largest_error": largest,
        "largest_error_where_the_target_is_four_ulp_or_more": float(conditioned.max()),
        "endpoints_of_that_kind": conditioned.size,
        "quantile_999_of_them": float(np.quantile(conditioned, 0.999)),
        "median_of_them": float(np.median(conditioned)),
        "beyond": sorted(worst, key=lambda row: -row[4])[:WORST],
        "different_fates": len(fates),
        "different_fates_that_one_ulp_changes": excused,
        "which_fates": {pair: fates.count(pair) for pair in sorted(set(fates))},
        "handed_to_the_cpu": sum(handed),
        "blow_ups": blow_up.size,
        "largest_error_log_blow_up_time": float(blow_up.max()),
        "blow_ups_beyond_target_and_one_ulp": int(((blow_up > target) & (blow_up > MARGIN * moved_T)).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference")
    parser.add_argument("--against")
    parser.add_argument("--precision", choices=("float32", "float64"), action="append")
    parser.add_argument("--out", default="benchmarks/results/gpu_parity_h100.json")
    options = parser.parse_args()
    if options.reference:
        reference(options.reference)
        return
    known, out = np.load(options.against), Path(options.out)
    report: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    for precision in options.precision or ("float64", "float32"):
        rates, flows = compare_rates(precision), compare_flows(known, precision, RTOL[precision])
        report[precision] = {"rates": rates, "flows": flows, "provenance": provenance()}
        print(precision, report[precision], flush=True)
        write_json(out, report)


if __name__ == "__main__":
    main()
