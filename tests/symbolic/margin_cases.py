"""Margins of every theorem as a printer makes them, against NumPy's: name -> largest relative difference, as JSON.

python tests/symbolic/margin_cases.py numba
TRITON_INTERPRET=1 python tests/symbolic/margin_cases.py triton 1 3    # of every third theorem from the second on
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.codegen.arrays.numpy import sigmoid
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate, source_text

SIZES = {"token": 5, "state": 2, "channel": 3, "rank": 2}


def numba_loops(program: Program) -> Callable[..., Any]:
    """The printed loops as plain Python around NumPy's functions of numbers: compiling them all would take minutes."""
    module: dict[str, Any] = {}
    exec(re.sub(r"@njit\([^\n]*\)\n", "", source_text(program, "numba")[0]), module)
    module |= {"math": np, "exp": np.exp, "log1p_unit": np.log1p, "sigmoid": sigmoid}
    module |= {"softplus": lambda z: np.logaddexp(0.0, z)}
    return module[program.name]


PRINTERS: dict[str, Callable[[Program], Callable[..., Any]]] = {
    "numba": numba_loops,
    "triton": lambda program: generate(program, "triton"),
}


def apart(got: np.ndarray, expected: np.ndarray) -> float:
    """Largest relative difference; infinite where one is infinite, or not a number, and the other is not."""
    finite = np.isfinite(expected)
    if got.shape != expected.shape or not np.array_equal(got[~finite], expected[~finite], equal_nan=True):
        return np.inf
    return float(np.max(np.abs(got - expected)[finite] / (np.abs(expected[finite]) + 1e-3), initial=0.0))


def difference(program: Program, printer: Callable[[Program], Callable[..., Any]]) -> float:
    """`apart` on drawn arguments; a claim that says nothing of them has an infinite margin."""
    rng, values = np.random.default_rng(3), []
    for inp in program.inputs:
        value = rng.standard_normal((4, *(SIZES[axis] for axis in inp.axes)))
        values.append(np.abs(value) if inp.name in ("a", "floor", "Delta") else value)
    with np.errstate(all="ignore"):
        return apart(np.asarray(printer(program)(*values), float), np.asarray(generate(program)(*values), float))


def main() -> None:
    printer = PRINTERS[sys.argv[1]]
    first, step = map(int, sys.argv[2:] or (0, 1))
    theorems = {key: checked(key) for key in list(REGISTRY)[first::step]}  # lowered once
    found = {key: difference(theorem.margin, printer) for key, theorem in theorems.items()}
    for key, theorem in theorems.items():
        if theorem.core is not None:
            found[f"{key}, core"] = difference(theorem.core, printer)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
