"""The nightly run: every theorem on every backend with many systems, as one report that is written after every theorem.

python -m s6flow.numeric.checks.nightly --examples 20000 --out proofs/nightly.json

A run that was interrupted goes on where it was: rows of the report that the same code made from the same statement,
with the same options, are kept, those of another machine with its device and versions. Where a margin was smallest is told
by a place, from which `examples_of` builds the system again; what a violation was found at is written out.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError, S6FlowError
from s6flow.files import refuse_clashes, write_atomic
from s6flow.numeric.checks.check import CheckReport, Verdict, check_together
from s6flow.numeric.checks.engines import ENGINES, applicable
from s6flow.numeric.evidence import evidence_of
from s6flow.numeric.flow.backends import fastest_on_cpu
from s6flow.processes import end_with_parent
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.status import status
from s6flow.provenance import package_root
from s6flow.symbolic.margin import margin_program
from s6flow.symbolic.theorem import Theorem

__all__ = ["code_digest", "kept_rows", "main", "nightly", "processor", "row_of", "seal", "short_report", "statement_digest", "versions"]  # fmt: skip

#: What a report says of the machine that ran, and a row where that was another one.
_MACHINE = ("device", "versions")
_TOOLS = ("numpy", "scipy", "sympy", "torch", "python-flint", "numba", "typeseg")


def statement_digest(theorem: Theorem) -> str:
    """What is checked: the claim as lowered, the assumptions, and the systems that are drawn."""
    claims = [margin_program(theorem).digest] + (
        [margin_program(theorem, True).digest] if theorem.core is not None else []
    )
    rest = (theorem.assumptions, theorem.variables, theorem.measurement, theorem.tolerance, theorem.witness)
    drawn = sorted(theorem.options.items()), sorted(theorem.ranges.items())
    return hashlib.sha256(repr((claims, rest, drawn)).encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """Of the code behind a check; statements and derivations have their own digests."""
    return evidence_of(package_root().resolve().parent / "proofs" / "nightly.json").digest()


def row_of(key: str, backends: tuple[str, ...], examples: int, seed: int, integrator: str) -> dict[str, Any]:
    """One theorem on all of its backends."""
    theorem, start = get(key), time.process_time()
    reports = check_together(theorem, backends, examples, seed, integrator=integrator)
    row = {
        "id": key,
        "status": status(theorem),
        "statement": statement_digest(theorem),
        "integrator": next((report.integrator for report in reports if report.integrator), None),
        "processor_seconds": round(time.process_time() - start, 1),
        "backends": {report.backend: short_report(report) for report in reports},
    }
    return {**row, "seal": seal(row)}


def short_report(report: CheckReport) -> dict[str, Any]:
    """What the report keeps of a backend; the inputs of the worst system where it violates."""
    whole = report.as_json()
    names = ["verdict", "margin", "place", "examples", "undecided", "idle", "real"]
    names += ["where"] if report.verdict is Verdict.VIOLATED else []
    return {name: whole[name] for name in names}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started within use one thread unless the user said otherwise; this one is left as it was."""
    added = [name for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS") if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def nightly(
    examples: int,
    backends: tuple[str, ...],
    seed: int,
    integrator: str,
    processes: int,
    kept: dict[str, dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Rows of the report as they are finished.

    Args:
        examples: random systems a theorem and backend.
        backends: keys of `ENGINES`; a theorem that one cannot judge is checked on the others.
        seed: of the generator.
        integrator: the flow backend of trajectories.
        processes: that share the theorems.
        kept: rows of an earlier run by id.
    """
    yield from kept.values()
    todo = {key: tuple(b for b in backends if applicable(theorem, b)) for key, theorem in REGISTRY.items()}
    todo = {key: able for key, able in todo.items() if able and key not in kept}
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=end_with_parent) as pool:
        with _one_thread():
            jobs = [pool.submit(row_of, key, able, examples, seed, integrator) for key, able in todo.items()]
        for job in as_completed(jobs):
            yield job.result()


def versions() -> dict[str, str]:
    """Of Python and of what computes."""
    found = {"python": platform.python_version()}
    for tool in _TOOLS:
        try:
            found[tool] = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            found[tool] = "not installed"
    return found


def processor() -> str:
    """Of this machine, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"CPU: {model}, {os.cpu_count()} cores"


def main(arguments: list[str] | None = None) -> int:
    """Run and write the report; 1 if a verdict does not pass."""
    parser = argparse.ArgumentParser(description="Check the whole registry with many examples.")
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--backends", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--integrator", default=fastest_on_cpu())
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("proofs/nightly.json"))
    parser.add_argument("--fresh", action="store_true", help="keep no row of an earlier run")
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    backends = tuple(options.backends.split(","))
    refuse_clashes({"--out": [options.out]}, {})  # what cannot be written is found before hours of work
    header = {
        "command": "python -m s6flow.numeric.checks.nightly "
        + " ".join(options.out.name if word == str(options.out) else word for word in given),  # no path of a machine
        "examples": options.examples,
        "seed": options.seed,
        "integrator": options.integrator,
        "code": code_digest(),
        "device": processor(),
        "versions": versions(),
    }
    kept = {} if options.fresh else kept_rows(options.out, header, backends)
    rows: dict[str, dict[str, Any]] = {}
    start = time.perf_counter()
    for row in nightly(options.examples, backends, options.seed, options.integrator, options.processes, kept):
        rows[row["id"]] = row
        ordered = [rows[key] for key in REGISTRY if key in rows]
        report = {
            **header,
            "date": datetime.date.today().isoformat(),
            "processor_seconds": round(sum(r["processor_seconds"] for r in ordered), 1),
            "not_run": [key for key in REGISTRY if key not in rows],
            "theorems": ordered,
        }
        write_atomic(options.out, json.dumps(report, indent=1) + "\n")
        if row["id"] not in kept:
            print(f"{time.perf_counter() - start:7.0f} s  {_line(row)}", file=sys.stderr, flush=True)
    verdicts = [Verdict(found["verdict"]) for row in rows.values() for found in row["backends"].values()]
    return 0 if all(verdict.passes for verdict in verdicts) else 1


def kept_rows(path: Path, header: dict[str, Any], backends: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Rows of an earlier report that this run would only compute again."""
    if not path.exists():
        return {}
    try:
        old = json.loads(path.read_text())
        rows = {row["id"]: row for row in old["theorems"] if _is_row(row)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        remedy = "Delete it, or run with --fresh."
        raise FormatError("an earlier report must be whole", error, str(path), remedy) from error
    if any(old.get(name) != value for name, value in header.items() if name not in ("command", *_MACHINE)):
        return {}
    elsewhere = {name: old[name] for name in _MACHINE if name in header and old.get(name) != header[name]}
    able = {key: {b for b in backends if applicable(theorem, b)} for key, theorem in REGISTRY.items()}
    same = {
        key: row for key, row in rows.items() if key in able and row["statement"] == statement_digest(REGISTRY[key])
    }
    whole = {key: elsewhere | row for key, row in same.items() if set(row["backends"]) == able[key]}
    return {key: {**row, "status": status(get(key)), "seal": seal(row)} for key, row in whole.items()}


def _is_row(row: dict[str, Any]) -> bool:
    """Whether a row is as it was written: one that was edited by hand is computed again."""
    return row["seal"] == seal(row)


def seal(row: dict[str, Any]) -> str:
    """Hash of what was measured; of a status, which is looked up anew, and of the time taken it does not speak."""
    measured = {key: part for key, part in row.items() if key not in ("seal", "status", "processor_seconds")}
    return hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()[:16]


def _line(row: dict[str, Any]) -> str:
    found = ", ".join(
        f"{name} {one['verdict']} {one['margin'] if one['margin'] is None else format(one['margin'], '+.2e')}"
        for name, one in row["backends"].items()
    )
    return f"{row['id']:26} {found} ({row['processor_seconds']} s)"


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except S6FlowError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
