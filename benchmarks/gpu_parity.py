"""Generated GPU kernels against the float64 CPU reference, on 10,000 random systems with extremes.

python benchmarks/gpu_parity.py --out FILE.json      on a GPU

NumPy's answers come from the same machine: between machines its exponentials round differently, and the stiffest of
these systems turn one unit in the last place into 1e-7. Those are the ones that the kernels hand to the CPU, whose
answers are then NumPy's own: `on_the_cpu` says how many, and `again_in_float64` how many float32 put in doubt.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gpu_cases import extreme_systems, provenance, write_json

from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen.module import generate

#: (systems, tokens, states): 10,000 systems in all.
RATES = [(2500, 1, 1), (2900, 7, 1), (2000, 64, 4), (1500, 100, 16), (1000, 33, 1), (80, 1000, 4), (20, 5000, 1)]
FLOWS = [(4500, 8, 1), (2500, 5, 1), (2000, 7, 4), (1000, 33, 2)]
TIMES = np.array([1e-6, 1e-3, 1.0, 1e3])
RATE_INPUTS = ("x", "mu", "a", "s", "b", "floor")
#: Below this a float32 result has lost digits to denormal numbers.
SMALLEST = {"float32": 1e-30, "float64": 1e-280}
#: How near the reference results must be, and the tolerances of local errors that reach it.
TARGET = {"float32": 1e-5, "float64": 1e-11}
RTOL = {"float32": 1e-7, "float64": 1e-14}
REFERENCE_RTOL = 1e-14
#: Attempts that the reference has where it met its step limit, which is no fate, and the kernel did not.
PATIENCE = 100_000
#: A result that uses a number of roundings moves by some units in the last place: it is held to this many times the
#: most that so many draws of one unit move the reference.
MARGIN, DRAWS = 4.0, 8


def rate_systems(index: int, precision: str) -> dict[str, Any]:
    """Inputs rounded to the precision that is tested, so that both sides see the same numbers."""
    systems = extreme_systems(100 + index, *RATES[index])
    return {k: v.astype(precision).astype(np.float64) for k, v in systems.items()}


def flow_systems(index: int) -> dict[str, Any]:
    """As above, but moderate enough that a trajectory means something at fixed depth-times."""
    systems = extreme_systems(200 + index, *FLOWS[index])
    systems["x"] = np.sign(systems["x"]) * np.minimum(np.abs(systems["x"]), 30.0)
    return {k: v.astype(np.float32).astype(np.float64) for k, v in systems.items()}


def trajectories(systems: dict[str, Any], backend: Any, rtol: float, **options: Any) -> Any:
    params = FlowParameters(**{k: systems[k] for k in ("mu", "a", "s", "b", "floor")})
    return integrate(systems["x"], params, times=TIMES, horizon=float(TIMES[-1]), rtol=rtol, backend=backend, **options)


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


def wrong_by(got: Any, wanted: Any) -> Any:
    """|got - wanted| where `wanted` is finite; no number is infinitely wrong."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(got - wanted)
    return np.where(np.isnan(difference), np.inf, difference)


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


def moved(index: int, rows: Any, status: Any, precision: str) -> tuple[Any, Any, Any]:
    """How far one unit in the last place of the inputs moves ends and ln T of some systems, and whether their fates.

    No result in that precision can be nearer to the reference. The compiled loop stands in for NumPy's; where its fate
    is not NumPy's (`status`), less than a unit decides it.
    """

    def solve(systems: dict[str, Any]) -> Any:
        return trajectories({k: v[rows] for k, v in systems.items()}, "numba", REFERENCE_RTOL)

    base = solve(flow_systems(index))
    ends, times, fates = np.zeros(base.log_abs.shape), np.zeros(len(rows)), base.status != status
    for draw in range(DRAWS if len(rows) else 0):
        other = solve(jolted(index, precision, draw))
        ends = np.maximum(ends, apart(other.log_abs.filled(np.nan), base.log_abs.filled(np.nan)))
        times = np.maximum(times, apart(other.log_blow_up_time, base.log_blow_up_time))
        fates = fates | (other.status != base.status)
    return ends, times, fates


def on_gpu(index: int, precision: str) -> tuple[Any, dict[str, int]]:
    """The kernel's run of a group of systems, and how many of them ran again in float64 and on the CPU."""
    from s6flow.numeric.flow.backends.triton.backend import complete, on_device

    counts: dict[str, int] = {}

    def solve(problem: Any) -> Any:
        run, again = complete(problem, on_device(problem, precision), precision)
        counts.update(again)
        return run

    return trajectories(flow_systems(index), solve, RTOL[precision]), counts


def reference(index: int, status: Any) -> Any:
    """NumPy's run of a group; where it met its step limit and the kernel has a `status`, with more steps."""
    systems = flow_systems(index)
    run = trajectories(systems, "numpy", REFERENCE_RTOL)
    rows = np.flatnonzero((run.status == Status.STEP_LIMIT) & (status != Status.STEP_LIMIT))
    if not len(rows):
        return run
    longer = trajectories({k: v[rows] for k, v in systems.items()}, "numpy", REFERENCE_RTOL, max_steps=PATIENCE)
    whole = {name: getattr(run, name).copy() for name in ("status", "reached", "log_abs", "log_blow_up_time")}
    for name, value in whole.items():
        value[rows] = getattr(longer, name)
    return replace(run, **whole)


def compare_group(index: int, precision: str) -> dict[str, Any]:
    """Ends ln|x| at equal times, blow-up times and fates of a group, and what rounding explains of their differences."""
    run, again = on_gpu(index, precision)
    exact = reference(index, run.status)
    got, wanted = run.log_abs.filled(np.nan), exact.log_abs.filled(np.nan)
    target, differs = TARGET[precision], run.status != exact.status
    finite = np.isfinite(wanted) & (run.reached & exact.reached)[..., None]
    inside = finite & (np.abs(wanted) < -np.log(SMALLEST[precision]))
    error = np.where(inside, wrong_by(got, wanted), 0.0)
    blown = (run.status == 1) & ~differs
    time_error = np.where(blown, wrong_by(run.log_blow_up_time, exact.log_blow_up_time), 0.0)
    over, late = error > target, time_error > target
    rows = np.flatnonzero(over.any(axis=(1, 2)) | late | differs)
    ends, times, fates = moved(index, rows, exact.status[rows], precision)
    systems = []
    for row, shift in zip(rows, ends, strict=True):
        if over[row].any():
            at = int(error[row].max(axis=1).argmax())
            systems.append(
                {
                    "case": index, "row": int(row), "t": float(TIMES[at]), "error": float(error[row, at].max()),
                    "one_ulp_moves": float(shift[at].max()),
                }
            )  # fmt: skip
    return {
        "error": error[inside],
        "time_error": time_error[blown],
        "outside": int((finite & ~inside).sum()),
        "over": int(over.sum()),
        "over_margin": int((over[rows] & (error[rows] > MARGIN * ends)).sum()),
        "late": int(late.sum()),
        "late_margin": int((late[rows] & (time_error[rows] > MARGIN * times)).sum()),
        "fates": [f"{old} -> {new}" for old, new in zip(exact.status[differs], run.status[differs], strict=True)],
        "fates_moved": int((fates & differs[rows]).sum()),
        **again,
        "systems": systems,
    }


def summary(groups: list[dict[str, Any]], precision: str) -> dict[str, Any]:
    """All groups of a precision."""

    def total(name: str) -> int:
        return sum(group[name] for group in groups)

    every, times = (np.concatenate([group[name] for group in groups]) for name in ("error", "time_error"))
    fates = [pair for group in groups for pair in group["fates"]]
    systems = sorted((row for group in groups for row in group["systems"]), key=lambda row: -row["error"])
    return {
        "systems": sum(case[0] for case in FLOWS),
        "rtol": RTOL[precision],
        "target": TARGET[precision],
        "endpoints": every.size,
        "endpoints_outside_range": total("outside"),
        "median_error": float(np.median(every)),
        "quantile_999": float(np.quantile(every, 0.999)),
        "largest_error": float(every.max()),
        "beyond_target": total("over"),
        "beyond_target_and_four_ulp": total("over_margin"),
        "systems_beyond_target": systems,
        "different_fates": len(fates),
        "different_fates_that_one_ulp_changes": total("fates_moved"),
        "which_fates": {pair: fates.count(pair) for pair in sorted(set(fates))},
        "again_in_float64": total("float64"),
        "on_the_cpu": total("cpu"),
        "blow_ups": times.size,
        "largest_error_log_blow_up_time": float(times.max()),
        "blow_ups_beyond_target": total("late"),
        "blow_ups_beyond_target_and_four_ulp": total("late_margin"),
    }


def compare(out: Path) -> None:
    """Both precisions, every group in a process of its own: most of the time is compilation and the CPU's runs."""
    import torch  # noqa: F401  its version is part of the provenance
    import triton  # noqa: F401

    kinds = ("float64", "float32")
    context = multiprocessing.get_context("spawn")  # a CUDA context does not survive fork
    with concurrent.futures.ProcessPoolExecutor(len(FLOWS) * len(kinds), mp_context=context) as pool:
        flows = {kind: [pool.submit(compare_group, index, kind) for index in range(len(FLOWS))] for kind in kinds}
        rates = {kind: pool.submit(compare_rates, kind) for kind in kinds}
        report: dict[str, Any] = {}
        for kind in kinds:
            groups = [future.result() for future in flows[kind]]
            report[kind] = {"rates": rates[kind].result(), "flows": summary(groups, kind), "provenance": provenance()}
            print(kind, report[kind], flush=True)
            write_json(out, report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu_parity.json"))
    compare(parser.parse_args().out)


if __name__ == "__main__":
    main()
