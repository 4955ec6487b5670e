"""The nightly run: every theorem on every backend with many systems, written as one JSON report.

python -m s6flow.numeric.checks.nightly --examples 20000 --measured 20000 --out proofs/nightly.json
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from s6flow.numeric.checks.check import check
from s6flow.numeric.checks.engines import ENGINES, applicable
from s6flow.proofs.registry import REGISTRY, status
from s6flow.symbolic.files import write_atomic

__all__ = ["main", "nightly"]

_TOOLS = ("numpy", "sympy", "torch", "python-flint", "typeseg")


def nightly(examples: int, measured: int, backends: tuple[str, ...], seed: int, budget: float) -> dict[str, Any]:
    """Check every theorem.

    Args:
        examples: random systems of a claim about letters.
        measured: random systems of a claim about trajectories.
        backends: keys of `ENGINES`.
        seed: of the generator.
        budget: seconds after which what is left is listed as not run.
    """
    start = time.perf_counter()
    results, left = [], []
    for key, theorem in REGISTRY.items():
        for backend in backends:
            if not applicable(theorem, backend):
                continue
            if time.perf_counter() - start > budget:
                left.append(f"{key} on {backend}")
                continue
            pointwise = theorem.measurement == "pointwise" or backend == "flint"
            report = check(key, backend, examples if pointwise else measured, seed)
            results.append({"status": status(theorem), **report.as_json()})
            print(report.line(), file=sys.stderr, flush=True)
    versions = {}
    for tool in _TOOLS:
        try:
            versions[tool] = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            versions[tool] = "not installed"
    return {
        "command": "python -m s6flow.numeric.checks.nightly " + " ".join(sys.argv[1:]),
        "python": platform.python_version(),
        "versions": versions,
        "seconds": round(time.perf_counter() - start, 1),
        "not_run": left,
        "results": results,
    }


def main() -> int:
    """Run and write the report; 1 if a verdict does not pass."""
    parser = argparse.ArgumentParser(description="Check the whole registry with many examples.")
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--measured", type=int, default=20_000)
    parser.add_argument("--backends", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=36_000.0, help="seconds")
    parser.add_argument("--out", type=Path, default=Path("proofs/nightly.json"))
    options = parser.parse_args()
    backends = tuple(options.backends.split(","))
    report = nightly(options.examples, options.measured, backends, options.seed, options.budget)
    write_atomic(options.out, json.dumps(report, indent=1) + "\n")
    return 0 if all(row["verdict"] in ("HOLDS", "CONSISTENT") for row in report["results"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
