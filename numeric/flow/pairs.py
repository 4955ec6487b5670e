"""Coefficients of the embedded Runge-Kutta pairs, taken from SciPy and kept in `pairs.json`.

Importing SciPy's integrators takes longer than a flow; a test compares the file with them, number by number.

    python -m s6flow.numeric.flow.pairs    writes pairs.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s6flow.files import write_atomic

__all__ = ["PAIRS_FILE", "from_scipy", "main", "read"]

PAIRS_FILE = Path(__file__).parent / "pairs.json"
#: Bogacki-Shampine, Dormand-Prince 5(4), Dormand-Prince 8(5,3): SciPy's name -> its names of the error estimates.
_ESTIMATES = {"RK23": ("E",), "RK45": ("E",), "DOP853": ("E5", "E3")}


def _sparse(row: Sequence[float]) -> list[list[float]]:
    """[stage, weight] of all that are not zero."""
    return [[index, float(weight)] for index, weight in enumerate(row) if weight]


def from_scipy() -> dict[str, dict[str, Any]]:
    """Name -> rows a of the stages after the first, row b of the result, rows of the errors, order of the estimate."""
    from scipy import integrate

    found = {}
    for name, estimates in _ESTIMATES.items():
        method = getattr(integrate, name)
        found[name] = {
            "a": [_sparse(method.A[i][:i]) for i in range(1, method.n_stages)],
            "b": _sparse(method.B),
            "errors": {estimate: _sparse(getattr(method, estimate)) for estimate in estimates},
            "order": method.error_estimator_order,
        }
    return found


def read() -> dict[str, dict[str, Any]]:
    """The committed coefficients; a float's decimal form in the file is exact."""
    stored: dict[str, dict[str, Any]] = json.loads(PAIRS_FILE.read_text())
    return stored


def main() -> int:
    """Write the file."""
    write_atomic(PAIRS_FILE, json.dumps(from_scipy(), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
