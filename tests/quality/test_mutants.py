"""Mutants of every printer and of the scan cell: parity with the oracle, or the linear recursion, must kill each."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
from representatives import sweep

from s6flow.numeric.checks import check
from s6flow.proofs.formal import formula
from s6flow.proofs.formal.reader import evaluate
from s6flow.proofs.registry import get
from s6flow.symbolic import notation as nt
from s6flow.symbolic.charts import growth_rate_program
from s6flow.symbolic.codegen import coq
from s6flow.symbolic.codegen.arrays.numpy import NUMPY
from s6flow.symbolic.codegen.arrays.printer import print_arrays
from s6flow.symbolic.codegen.coq import FLOOR
from s6flow.symbolic.codegen.interpret import interpret_reference
from s6flow.symbolic.codegen.load import load_module
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.rewrite import apply_passes
from s6flow.symbolic.criteria import quantity
from s6flow.symbolic.layer import Scan, ScanCell, flow_cell

SCRIPT = Path(__file__).with_name("mutant_cases.py")
#: Printers whose texts run in a process of their own: one without its compiler, one under its interpreter.
APART = {"numba": {"NUMBA_DISABLE_JIT": "1"}, "triton": {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}}
BACKENDS = ("numpy", "torch", "flint", "numba", "triton")


def load(path: Path) -> ModuleType:
    """A module by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def report(backend: str, every: int = 1) -> dict[str, Any]:
    """The mutants of a printer by their fate, of each `every` one."""
    pytest.importorskip(backend)
    if backend not in APART:
        return load(SCRIPT).report(backend, every)
    command, environment = [sys.executable, str(SCRIPT), backend, str(every)], {**os.environ, **APART[backend]}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


#: Under its interpreter Triton takes a fifth of a second for a mutant: of nine one stays.
PARTS = [*((backend, 1) for backend in BACKENDS), ("triton", 9)]


@pytest.mark.parametrize(("backend", "every"), sweep(PARTS, [part for part in PARTS if part != ("triton", 1)]))
def test_printer_mutants_are_killed(backend: str, every: int, record_property: Callable[[str, object], None]) -> None:
    found = report(backend, every)
    assert found["original"] == "alive", "the printer itself must pass what its mutants fail"
    assert found["alive"] == []
    count = len(found["wrong"]) + len(found["broken"])
    record_property("mutants", count)
    print(f"{backend}: {count} mutants killed, {len(found['wrong'])} of them by a wrong value")
    assert count >= 30 / every
    assert len(found["broken"]) <= count / 10, "most must die by their values"


#: What balances rounding in exponents; only single precision shows it.
ERROR_TERMS = {
    "sum_error": "0.0 * {0}",
    "product_error": "0.0 * {0}",
    "sigmoid": "0.0 * {0}",
}


@pytest.mark.parametrize("name", [*ERROR_TERMS, "the original"])
def test_mutants_of_the_error_terms_fail_single_precision(name: str) -> None:
    program = apply_passes(growth_rate_program(), "accurate")
    table = {**NUMPY.table, **({name: ERROR_TERMS[name]} if name in ERROR_TERMS else {})}
    text = NUMPY.header + "\n\n" + print_arrays(program, dataclasses.replace(NUMPY, table=table))
    module, _ = load_module(text, program.name, ("numpy",))
    worst = 0.0
    for data in load(Path(__file__).parents[1] / "symbolic" / "test_codegen.py").cases(True):
        exact = interpret_reference(growth_rate_program(), data)["growth_rate"].astype(float)
        got = module.growth_rate(*(np.asarray(data[inp.name], dtype=np.float32) for inp in program.inputs))
        normal = np.abs(exact) > 1e6 * np.finfo(np.float32).tiny
        worst = max(worst, float((np.abs(got - exact)[normal] / np.abs(exact)[normal]).max(initial=0.0)))
    assert (worst > 1e-6) == (name in ERROR_TERMS), worst


#: Quantity -> letters as the Coq printer spells them; together they use every rule of the printer.
FORMULAS = (
    "convergence_bound",
    "carried",
    "decay_constant_single",
    "slow_expansion",
    "blow_up_integrand",
    "contraction_number",
)
LETTERS: dict[str, Any] = {
    "mu": np.array([0.7, -0.2, 1.1]), "a": np.array([0.3, 1.2, 2.2]), "s": 0.7, "b": -0.4, "floor": 0.2, "y": 1.3, "y0": -0.8,
    "t": 1.7, "gap": 3, "decay": 0.6, "log_t": 4.0, "r": 1.9, "orientation": -1.0, "h": 0.3,
}  # fmt: skip
COQ_FUNCTIONS = {"exp": "ln", "ln": "exp", "Rabs": "- ", "Rmin": "Rmax"}
COQ_TEXT = {
    "power": ("^ 2", "^ 3"), "power lost": ("^ 2", ""), "quotient": (" / ", " * "), "sign": ("(- ", "("), "sum": (" + ", " - "),
    "product": (" * ", " + "), "root": ("sqrt ", ""), "step": ("Delta s b", "Delta b s"), "floor": ("softplus b + eps", "softplus b"), "length": ("sum_below N", "sum_below (S 1)"),
    "softplus": ("softplus", "exp"), "difference": ("1 - ", "1 + "),
}  # fmt: skip


def coq_is_right(change: Callable[[str], str] = str) -> bool:
    """Whether every formula, as printed and then changed, still has the value that the numerics compute."""
    names = {key: value.__getitem__ if isinstance(value, np.ndarray) else value for key, value in LETTERS.items()}
    for name in FORMULAS:
        function = generate(quantity(name))
        expected = float(function(*(LETTERS[letter] for letter in function.inputs)))
        try:
            value = evaluate(change(formula(name)), {**names, "N": 3, FLOOR: LETTERS["floor"]})
        except Exception:
            return False
        if abs(value - expected) > 1e-11 * abs(expected):
            return False
    return True


@pytest.mark.parametrize("name", COQ_FUNCTIONS)
def test_mutants_of_the_coq_table_are_killed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert coq_is_right()
    table = tuple((kind, COQ_FUNCTIONS[name] if text == name else text) for kind, text in coq.FUNCTIONS)
    monkeypatch.setattr(coq, "FUNCTIONS", table)
    assert not coq_is_right()


@pytest.mark.parametrize("name", COQ_TEXT)
def test_mutants_of_the_coq_text_are_killed(name: str) -> None:
    old, new = COQ_TEXT[name]
    assert any(old in formula(key) for key in FORMULAS), "a mutant that changes nothing is no control"
    assert not coq_is_right(lambda text: text.replace(old, new))


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


@pytest.mark.parametrize("name", CELLS)
def test_cell_mutants_are_killed(name: str) -> None:
    theorem = get("linear-recursion")
    cell = CELLS[name]
    recursion = sp.Sum(Scan(cell.gate, cell.increment), (nt.n, 1, nt.N)).replace(
        lambda e: isinstance(e, sp.Indexed) and e.base == nt.x, lambda e: nt.x0[e.indices]
    )
    mutant = dataclasses.replace(theorem, conclusion=sp.Eq(recursion, theorem.conclusion.rhs, evaluate=False))
    assert not check(mutant, examples=40, real_weights=False).verdict.passes


def test_mutants_are_counted(record_property: Callable[[str, object], None]) -> None:
    found = [report(*part) for part in PARTS if part != ("triton", 1)]
    printers = sum(len(one["wrong"]) + len(one["broken"]) for one in found)
    count = printers + len(ERROR_TERMS) + len(COQ_FUNCTIONS) + len(COQ_TEXT) + len(CELLS)
    record_property("mutants", count)
    print(f"{count} mutants of printers and the scan cell, all killed")
    assert count >= 30
