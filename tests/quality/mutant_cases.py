"""Mutants of the printers: each printer's table with one wrong entry, or its text with one wrong turn, run against the oracle.

NUMBA_DISABLE_JIT=1 python tests/quality/mutant_cases.py numba      # mutants by their fate, as JSON
TRITON_INTERPRET=1 python tests/quality/mutant_cases.py triton 3    # of three mutants one
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.arrays.flint import FLINT
from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.printer import ArrayDialect, print_arrays
from s6flow.symbolic.codegen.arrays.torch import TORCH
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.load import load_module
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import BACKENDS
from s6flow.symbolic.codegen.numba import printer as numba_printer
from s6flow.symbolic.codegen.rewrite import apply_passes
from s6flow.symbolic.codegen.triton import printer as triton_printer
from s6flow.symbolic.layer import flow_cell

RNG = np.random.default_rng(5)
L, N = 4, 3
FLOW = {
    "x": RNG.normal(size=L), "mu": RNG.normal(size=N), "a": RNG.uniform(0.2, 2, N), "s": 0.7, "b": -0.3, "floor": 0.05,
}  # fmt: skip


def every_operation() -> dict[str, sp.Expr]:
    """Expressions that use every operation of the array printers that a statement can reach."""
    x, s, b = nt.x[nt.l], nt.s, nt.b
    z = s * x + b
    return {
        "scan": flow_cell().formula,
        "smooth": sp.exp(z) - 1 + sp.log(1 + x**2) + sp.sinh(x) * sp.cosh(b) + sp.sqrt(x**2 + 1) / (2 + x**2),
        "power": (x**2 + 1) ** sp.Symbol("floor", nonnegative=True) + sp.log(2 + x**2),
        "choice": sp.Piecewise(
            (sp.Max(x, b), sp.And(x > 0, b < 2)), (sp.Min(x, s), sp.Or(x <= -1, sp.Eq(s, b))), (-x, True)
        )
        + sp.Piecewise((1, sp.Not(sp.Lt(x, s), evaluate=False)), (nt.l, True)),
        "small": sp.exp(z) - 1,
        "other": sp.Piecewise((x, sp.Ne(nt.l, 2)), (b, True)),
        "size": sp.Abs(x) + sp.sign(x) * b,
        "before": nt.x[nt.l - 1] * x,
        "prefix": sp.Sum(nt.softplus(nt.x[nt.j]) * nt.x[nt.l], (nt.j, 1, nt.l)),
        "between": sp.Sum(
            nt.x[nt.j] * sp.exp(-sp.Sum(nt.softplus(nt.x[nt.k]), (nt.k, nt.j + 1, nt.l))), (nt.j, 1, nt.l - 1)
        ),
        "total": sp.Sum(nt.mu[nt.n] * nt.a[nt.n], (nt.n, 1, nt.N)),
    }


PLAIN = lower_program("everything", every_operation(), "test", "every operation")
#: Balls keep softplus whole; elsewhere it is spelled in stable parts, and its own entry is mutated in the plain program.
PROGRAMS = {
    name: apply_passes(PLAIN, "exact" if name == "flint" else "fast")
    for name in ("numpy", "torch", "flint", "numba", "triton")
}
REFERENCE = {name: np.array(value, dtype=float) for name, value in interpret_reference(PLAIN, FLOW).items()}
DIALECTS: dict[str, ArrayDialect] = {"numpy": NUMPY, "torch": TORCH, "flint": FLINT}
TABLES: dict[str, Mapping[str, str]] = {
    **{name: dialect.table for name, dialect in DIALECTS.items()},
    "numba": numba_printer.TABLE,
    "triton": triton_printer.TABLE,
}


def wrong_entries(table: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Mutant -> (operation, wrong form): another entry of the same table, arguments swapped, or one of them lost."""

    def swapped(op: str) -> str:
        return table[op].format("{1}", "{0}", "{2}")

    rows = {
        "add": table["sub"], "sub": table["add"], "mul": table["add"], "div": table["mul"], "neg": "{0}",
        "sqrt": "{0}", "exp": table["expm1"], "expm1": table["exp"], "sinh": table["cosh"], "cosh": table["sinh"],
        "log": table["log1p"], "log1p": table["log"], "abs": "{0}", "sign": table["neg"], "max": table["min"],
        "min": table["max"], "lt": swapped("lt"), "le": swapped("le"), "eq": table["lt"], "and": table["or"],
        "or": table["and"], "not": table["lt"].format("{0}", "{0}"), "pow": swapped("pow"),
        "where": table["where"].format("{0}", "{2}", "{1}"), "softplus": table["exp"], "powi": "{0}",
        "reduce_sum": table.get("reduce_max", ""), "shift": "{0}", "as_source": "{0}",
        "scan": table.get("scan", "").replace("{0}", "1 + 0 * {0}", 1), "contract": "2 * " + table.get("contract", ""),
    }  # fmt: skip
    more = {"sub order": ("sub", swapped("sub")), "div order": ("div", swapped("div")), "mul lost": ("mul", "{0}")}
    return {**{op: (op, form) for op, form in rows.items() if op in table}, **more}


#: What the loop printers spell outside their tables: mutant -> (pattern in the text, replacement).
WRONG_TURNS: dict[str, dict[str, tuple[str, str]]] = {
    "numba": {
        "scan gate": (r"\* (carry\d+) \+", r"+ \1 +"),
        "scan increment": (r"(= .* \* carry\d+) \+ ", r"\1 - "),
        "position": (r"\b([ij]|block \+ i) \+ 1\.0", r"\1"),
        "sum start": (r"(sum\d+(?:_\[.*?\])?) = 0\.0", r"\1 = 1.0"),
        "sum step": (r"(sum\d+\S*) = \1 \+ ", r"\1 = "),
        "power": (r"= x\[(\w+)\] \* x\[\1\]", r"= x[\1]"),
        "source index": (r"x\[j\]", "x[i]"),
    },
    "triton": {
        "scan gate": (r"rt\.scan\(", "rt.scan(1.0 + 0.0 * "),
        "shift": (r"rt\.shift\(", "rt.shift(2.0 * "),
        "sum": (r"tl\.sum\(", "tl.max("),
        "position": (r"\((\w+) \+ 1\)\.to\(DTYPE\)", r"\1.to(DTYPE)"),
        "power": (r"\(x_ \* x_\)", "(x_)"),
        "load": (r"tl\.load\(a_ptr \+ system \* states \+ state", "tl.load(a_ptr + state * 0"),
        "store": (r"(tl\.store\(\w+ \+ [^,]*), ", r"\1, 2.0 * "),
    },
}


def printed(backend: str, table: Mapping[str, str] | None = None) -> str:
    """The program's text, by a mutated table if one is given."""
    program = PROGRAMS[backend]
    if backend in DIALECTS:
        dialect = DIALECTS[backend]
        return print_arrays(program, dialect if table is None else dataclasses.replace(dialect, table=table))
    printer = numba_printer if backend == "numba" else triton_printer
    with mock.patch.object(printer, "TABLE", table or printer.TABLE):
        if backend == "numba":
            return numba_printer.print_numba(program)
        with mock.patch.object(triton_printer.spell, "__defaults__", (triton_printer.TABLE,)):
            return triton_printer.print_triton(program)


def mutants(backend: str) -> Iterator[tuple[str, str]]:
    """(name, text) of every mutant whose text differs from the original's.

    Raises: AssertionError: if a mutant changes nothing, which would make it a control that cannot fail.
    """
    original, table = printed(backend), TABLES[backend]
    used = {node.op for node in PROGRAMS[backend].nodes()}
    for name, (op, form) in wrong_entries(table).items():
        if op in used:
            text = printed(backend, {**table, op: form})
            assert text != original, f"{backend}: {name} changes nothing"
            yield name, text
    for name, (pattern, replacement) in WRONG_TURNS.get(backend, {}).items():
        text = re.sub(pattern, replacement, original)
        assert text != original, f"{backend}: {name} changes nothing"
        yield f"text: {name}", text


def fate(backend: str, text: str) -> str:
    """What parity with the oracle says of a text: `alive`, `wrong`, or `broken` if it does not even run."""
    target, program = BACKENDS[backend], PROGRAMS[backend]
    try:
        module, _ = load_module(target.header + "\n\n" + text, program.name, target.packages)
        arguments: list[Any] = [np.asarray(FLOW[inp.name], dtype=float)[None] for inp in program.inputs]
        with np.errstate(all="ignore"):
            results = RUN.get(backend, _call)(module, program, arguments)
        agrees = all(
            np.allclose(np.squeeze(result), np.squeeze(REFERENCE[name]), rtol=1e-12, atol=1e-12)
            for (name, _), result in zip(program.outputs, results, strict=True)
        )
        return "alive" if agrees else "wrong"
    except Exception:
        return "broken"


def _call(module: Any, program: Program, arguments: list[Any]) -> list[Any]:
    results = getattr(module, program.name)(*arguments)
    return [np.vectorize(float, otypes=[float])(result) for result in results]  # tensors and balls too


def _call_torch(module: Any, program: Program, arguments: list[Any]) -> list[Any]:
    import torch

    return _call(module, program, [torch.from_numpy(argument) for argument in arguments])


def _call_loops(module: Any, program: Program, arguments: list[Any]) -> list[Any]:
    """The loops as Python: seconds of compilation are saved, the text is the same."""
    outputs = [np.zeros((1, *np.shape(np.squeeze(REFERENCE[name])))) for name, _ in program.outputs]
    outputs = [out.reshape(1, -1) if out.ndim == 1 else out for out in outputs]
    getattr(module, f"{program.name}_many")(0, 1, *arguments, *outputs)
    return outputs


RUN: dict[str, Callable[[Any, Program, list[Any]], list[Any]]] = {"torch": _call_torch, "numba": _call_loops}


def without_compiler() -> None:
    """Python in place of the runtime's intrinsics."""
    from s6flow.symbolic.codegen.numba import runtime as rt

    def fma(x: float, y: float, z: float) -> float:
        return float(Fraction(x) * Fraction(y) + Fraction(z))

    rt.bits = lambda x: struct.unpack("<q", struct.pack("<d", x))[0]
    rt.power_of_two = lambda k: 2.0 ** int(k)
    rt.fma = fma


def report(backend: str, every: int = 1) -> dict[str, Any]:
    """The fate of the original, and the mutants by theirs: of each `every` one."""
    found: dict[str, Any] = {"original": fate(backend, printed(backend)), "alive": [], "wrong": [], "broken": []}
    for name, text in itertools.islice(mutants(backend), 0, None, every):
        found[fate(backend, text)].append(name)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "numba":
        without_compiler()
    print(json.dumps(report(sys.argv[1], *map(int, sys.argv[2:]))))
