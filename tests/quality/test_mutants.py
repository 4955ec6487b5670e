"""Mutants of the printers and of the scan cell: parity with the oracle, or the linear recursion, must kill each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

from s6flow.numeric.checks import check
from s6flow.proofs.registry import get
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.arrays import ArrayDialect, print_arrays
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import load_module
from s6flow.symbolic.codegen.numpy import NUMPY
from s6flow.symbolic.codegen.rewrite import apply_passes
from s6flow.symbolic.layer import Scan, ScanCell, flow_cell, layer_cell

RNG = np.random.default_rng(5)
L, N, D, R = 4, 3, 3, 2
FLOW = {
    "x": RNG.normal(size=L), "mu": RNG.normal(size=N), "a": RNG.uniform(0.2, 2, N), "s": 0.7, "b": -0.3, "floor": 0.05,
}  # fmt: skip


def every_operation() -> Program:
    """A program that uses every table entry of the array printers that a statement can reach."""
    x, s, b = nt.x[nt.l], nt.s, nt.b
    z = s * x + b
    flow = flow_cell()
    body = {
        "scan": flow.formula,
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
    return apply_passes(lower_program("everything", body, "test", "every operation"), "fast")


PROGRAM = every_operation()
REFERENCE = {name: np.array(value, dtype=float) for name, value in interpret_reference(PROGRAM, FLOW).items()}


def survives(dialect: ArrayDialect) -> bool:
    """Whether a printer passes parity with the oracle."""
    try:
        text = dialect.header + "\n\n" + print_arrays(PROGRAM, dialect)
        module, _ = load_module(text, PROGRAM.name, ("numpy",))
        with np.errstate(all="ignore"):
            results = module.everything(*(np.asarray(FLOW[inp.name], dtype=float) for inp in PROGRAM.inputs))
        return all(
            np.allclose(np.squeeze(result), np.squeeze(REFERENCE[name]), rtol=1e-12, atol=1e-12)
            for (name, _), result in zip(PROGRAM.outputs, results, strict=True)
        )
    except Exception:  # a mutant that does not run is dead too
        return False


def table(**entries: str) -> ArrayDialect:
    return dataclasses.replace(NUMPY, table={**NUMPY.table, **entries})


PRINTERS = {
    "add": {"add": "{0} - {1}"}, "sub": {"sub": "{0} + {1}"}, "sub order": {"sub": "{1} - {0}"},
    "mul": {"mul": "{0} + {1}"}, "mul missing": {"mul": "{0}"}, "div": {"div": "{0} * {1}"}, "div order": {"div": "{1} / {0}"},
    "neg": {"neg": "{0}"}, "powi": {"powi": "{0} ** ({attr} + 1)"}, "powi one": {"powi": "{0}"}, "pow": {"pow": "{1} ** {0}"},
    "sqrt": {"sqrt": "{0}"}, "exp": {"exp": "np.exp(-{0})"}, "exp2": {"exp": "np.exp2({0})"}, "expm1": {"expm1": "np.exp({0})"},
    "sinh": {"sinh": "np.cosh({0})"}, "cosh": {"cosh": "np.sinh({0})"}, "log": {"log": "np.log10({0})"},
    "log1p": {"log1p": "np.log({0})"}, "abs": {"abs": "{0}"}, "sign": {"sign": "-np.sign({0})"},
    "max": {"max": "np.minimum({0}, {1})"}, "min": {"min": "np.maximum({0}, {1})"}, "lt": {"lt": "{0} > {1}"},
    "le": {"le": "{0} >= {1}"}, "and": {"and": "np.logical_or({0}, {1})"}, "not": {"not": "({0})"},
    "where": {"where": "np.where({0}, {2}, {1})"}, "scan": {"scan": "np.broadcast_arrays({0}, {1})[1]"},
    "scan gate": {"scan": "rt.scan(np.ones_like({0} + 0 * {1}), {1}, axis={axis})"}, "shift": {"shift": "{0}"},
    "shift two": {"shift": "rt.shift(rt.shift({0}, axis={axis}), axis={axis})"}, "as_source": {"as_source": "{0}"},
    "position": {"position": "np.arange(0.0, {0})"}, "reduce_sum": {"reduce_sum": "{0}.max(axis={axis}, keepdims=True)"},
    "reduce mean": {"reduce_sum": "{0}.mean(axis={axis}, keepdims=True)"}, "contract": {"contract": "2 * np.einsum('{signature}', {0}, {1})"},
}  # fmt: skip

FLOW_CELL = flow_cell()
x, Delta = nt.x[nt.l], nt.softplus(nt.s * nt.x[nt.l] + nt.b) + nt.floor
CELLS: dict[str, ScanCell] = {
    "gate sign": dataclasses.replace(FLOW_CELL, gate=1 / FLOW_CELL.gate),
    "gate without a": dataclasses.replace(FLOW_CELL, gate=sp.exp(-Delta)),
    "gate squared": dataclasses.replace(FLOW_CELL, gate=FLOW_CELL.gate**2),
    "gate missing": dataclasses.replace(FLOW_CELL, gate=sp.exp(-nt.a[nt.n])),
    "increment sign": dataclasses.replace(FLOW_CELL, increment=-FLOW_CELL.increment),
    "increment power": dataclasses.replace(FLOW_CELL, increment=nt.mu[nt.n] * x * Delta),
    "increment cube": dataclasses.replace(FLOW_CELL, increment=nt.mu[nt.n] * x**3 * Delta),
    "increment without step": dataclasses.replace(FLOW_CELL, increment=nt.mu[nt.n] * x**2),
    "increment without mu": dataclasses.replace(FLOW_CELL, increment=x**2 * Delta),
    "increment gated": dataclasses.replace(FLOW_CELL, increment=FLOW_CELL.increment * FLOW_CELL.gate),
    "floor missing": FLOW_CELL.at({nt.floor: 0}),
    "bias missing": FLOW_CELL.at({nt.b: 0}),
    "index late": dataclasses.replace(FLOW_CELL, increment=FLOW_CELL.increment.subs(nt.x[nt.l], nt.x[nt.l - 1])),
}


@pytest.mark.parametrize("name", PRINTERS)
def test_printer_mutants_are_killed(name: str) -> None:
    assert not survives(table(**PRINTERS[name]))


@pytest.mark.parametrize("name", CELLS)
def test_cell_mutants_are_killed(name: str) -> None:
    theorem = get("linear-recursion")
    cell = CELLS[name]
    recursion = sp.Sum(Scan(cell.gate, cell.increment), (nt.n, 1, nt.N)).replace(
        lambda e: isinstance(e, sp.Indexed) and e.base == nt.x, lambda e: nt.x0[e.indices]
    )
    mutant = dataclasses.replace(theorem, conclusion=sp.Eq(recursion, theorem.conclusion.rhs, evaluate=False))
    assert not check(mutant, examples=40, real_weights=False).verdict.passes


def test_the_original_survives_and_mutants_are_counted(record_property: Callable[[str, object], None]) -> None:
    assert survives(NUMPY)
    count = len(PRINTERS) + len(CELLS)
    record_property("mutants", count)
    print(f"{count} mutants of printers and scan cell, all killed")
    assert count >= 30


def test_a_layer_program_exists_for_the_same_printer() -> None:
    assert layer_cell().formula.has(sp.Sum)
