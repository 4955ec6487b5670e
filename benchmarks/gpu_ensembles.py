"""Whole adaptive ensembles of every fate on a GPU, ours and other solvers', at no larger mean error, in the same run.

python benchmarks/gpu_ensembles.py --out benchmarks/results/gpu_ensembles.json
python benchmarks/gpu_ensembles.py --only slow mixed --out FILE.json      measures these fates of FILE.json anew

Others integrate x, as the equation is written, and ln|x|, as our kernels do. Of two tolerances each the one counts that
favours the other solver, and of ours the fastest whose mean error of ln|x| is no larger. Only runs count that brought
every system to the horizon, theirs and ours.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np
import torch
from gpu_cases import measure, provenance, write_json
from gpu_fates import FATES, Batch, fate_systems
from gpu_peers import COORDINATES, SOLVERS, TIME, Ensemble, timed

from s6flow.numeric.flow.problem import Status

SYSTEMS, TOKENS = 65536, 128
#: Systems whose ends are known.
KNOWN = 4096
#: Tolerances of the others, and the first step that they get where one of their own choosing does not lead to the end.
THEIRS, FIRST_STEP = (1e-4, 1e-5), 1e-3
#: Tolerances of ours; more are tried below the mean error of each other run.
OURS = (8e-3, 6e-3, 4e-3, 2e-3, 1e-3, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6)
#: How often the interval between two of ours is halved, one whose mean error is another's or less and one of more.
HALVINGS = 4
#: Also in one independent variable for all, which the backend would not choose.
SET_CLOCKS = {"converging": ("work",)}
#: Tried on one fate.
ONLY_CONVERGING = {"torchdiffeq compiled"}
#: Where one system fails these stop all: nothing is known of the others.
STOP_ALL = {"torchode"}

Row = dict[str, Any]


def errors(end: torch.Tensor, exact: torch.Tensor) -> Row:
    """Largest and mean difference of ln|x / x(0)| on the systems whose ends are known."""
    difference = (end[: len(exact)].double() - exact).abs()
    return {"error": float(difference.max()), "mean_error": float(difference.mean())}


def fused(batch: Batch, rtol: float, exact: torch.Tensor) -> Row:
    """Seconds of our ensemble at a tolerance, its errors, and what did not finish."""
    timing: Row = measure(lambda _: batch.run(rtol), 1, repeats=5)
    end, ends = batch.run(rtol)
    unfinished = sum(int((status != Status.HORIZON).sum()) for status in ends)
    return {**timing, **errors(end, exact), "unfinished": unfinished}


def other(name: str, given: Ensemble, exact: torch.Tensor) -> Row:
    """The same of another solver; where it fails, but not for time, or leaves systems behind, the better of that and of a run
    with a short first step."""
    start = given.x.double().abs().log()

    def run(given: Ensemble) -> Row:
        try:
            end, timing = timed(SOLVERS[name], given)
        except Exception as failure:  # one that does not run must not hide the others
            return {"failed": repr(failure)[:300]}
        finally:
            torch.cuda.empty_cache()
        if name in STOP_ALL and not counts(timing):
            return {"failed": "stopped all systems, since one failed", "after_s": timing["median_s"]}
        return {**timing, **errors(end - start, exact)}

    found = run(given)
    if counts(found) or "TimeoutError" in found.get("failed", ""):
        return found
    again = {**run(replace(given, first_step=FIRST_STEP)), "first_step": FIRST_STEP}
    return min(found, again, key=lambda row: row.get("unfinished", np.inf))


def counts(row: Row) -> bool:
    """Whether a run brought every system to the horizon."""
    return row.get("unfinished") == 0


def as_exact(ours: Callable[[float], Row], found: dict[float, Row], aim: float) -> None:
    """Bring our mean error nearer below another's: a grid of tolerances would have us be more exact.

    Args:
        ours: times a run at a tolerance and finds its errors.
        found: tolerance -> such a row; more are put in.
        aim: the other's mean error.
    """
    good = max((rtol for rtol, row in found.items() if counts(row) and row["mean_error"] <= aim), default=None)
    if good is None:
        return
    bad = min((rtol for rtol in found if rtol > good), default=None)
    if bad is None:
        return
    for _ in range(HALVINGS):
        middle = float(np.sqrt(good * bad))
        row = found[middle] = ours(middle)
        good, bad = (middle, bad) if counts(row) and row["mean_error"] <= aim else (good, middle)


def compared(others: dict[str, Row], ours: dict[str, Row]) -> dict[str, Any]:
    """Their time over ours for each of their runs, by solver the least, and the runs that none of ours is as exact as."""
    by_run: dict[str, Row] = {}
    least: dict[str, float] = {}
    beyond = []
    for key, row in others.items():
        if not counts(row):
            continue
        mine = [one for one in ours if counts(ours[one]) and ours[one]["mean_error"] <= row["mean_error"]]
        if not mine:
            beyond.append(key)
            continue
        fastest = min(mine, key=lambda one: float(ours[one]["median_s"]))
        times = row["median_s"] / ours[fastest]["median_s"]
        by_run[key] = {"times_ours": times, "our_tolerance": fastest}
        name = key.rpartition(", ")[0]
        least[name] = min(least.get(name, np.inf), times)
    return {"ratios at no larger mean error": least, "by run": by_run, "more exact than ours": beyond}


def ensembles(fate: str, save: Callable[[dict[str, Any]], None]) -> None:
    """Ensembles of a fate to TIME, which lies before each blow-up; solvers in x do not get past one."""
    x, p = fate_systems(fate, SYSTEMS, TOKENS)
    batch = Batch(x, p)
    exact = batch.exact(KNOWN)
    clocks = {"": batch} | {f" in {clock} time": replace(batch, clock=clock) for clock in SET_CLOCKS.get(fate, ())}
    mine = {clock: {rtol: fused(one, rtol, exact) for rtol in OURS} for clock, one in clocks.items()}
    print(f"{time.strftime('%H:%M:%S')} {fate}: ours at {len(OURS)} tolerances", flush=True)
    theirs: dict[str, Row] = {}
    for name, coordinate, rtol in product(SOLVERS, COORDINATES, THEIRS):
        if name in ONLY_CONVERGING and fate != "converging":
            continue
        key = f"{name} in {coordinate}, {rtol:g}"
        row = theirs[key] = other(name, Ensemble(x, p, coordinate, rtol), exact)
        print(f"{time.strftime('%H:%M:%S')} {fate}: {key}: {row}", flush=True)
        found: dict[str, Any] = {}
        for clock, rows in mine.items():
            if counts(row):
                as_exact(lambda rtol: fused(clocks[clock], rtol, exact), rows, row["mean_error"])  # noqa: B023
            named = {f"{one:g}": rows[one] for one in sorted(rows)}
            found |= {f"ours{clock}": named}
            found |= {f"{what}{clock}": value for what, value in compared(theirs, named).items()}
        save({"others": theirs, **found})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="benchmarks/results/gpu_ensembles.json")
    parser.add_argument(
        "--only", nargs="+", choices=FATES, help="measure these fates anew, into the file that is there"
    )
    options = parser.parse_args()
    known = Path(options.out)
    report: dict[str, Any] = json.loads(known.read_text()) if options.only and known.exists() else {}
    for fate in options.only or FATES:

        def save(found: dict[str, Any], fate: str = fate) -> None:
            report[fate] = {**found, "provenance": provenance()}
            whole = {"systems": SYSTEMS, "tokens": TOKENS, "horizon_t": TIME, **report, "provenance": provenance()}
            write_json(options.out, whole)

        ensembles(fate, save)


if __name__ == "__main__":
    main()
