"""Every number that turns a run into a word has a name and cases on either side of it; a number that moves is noticed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp

from s6flow.numeric.checks.engines import engine, tolerance
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.theorems.mixed import mixed_blow_up
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.ends import End
from s6flow.symbolic.margin import margin_program
from s6flow.symbolic.theorem import Theorem
from tests.proofs.finite_rows import ROWS, STRUCTURAL, TOLERANCE, Row, named

FINITE = [key for key, theorem in REGISTRY.items() if theorem.finite is not None]
#: Signs and inverses, zero tokens, the first token and what a ratio tends to.
EVERYWHERE = {sp.Integer(number) for number in (-1, 0, 1)}


def least(program: Program, letters: dict[str, Any], tolerance: float) -> float:
    """The smallest margin of one observation, its rounding allowance given: below zero where the finite form fails."""
    given = letters | {"tolerance": tolerance}
    lengths = {axis: 1 for inp in program.inputs for axis in inp.axes}
    for inp in program.inputs:
        if np.ndim(given[inp.name]):
            lengths[inp.axes[0]] = max(lengths[inp.axes[0]], len(given[inp.name]))
    values = [
        np.broadcast_to(np.asarray(given[inp.name], float), tuple(lengths[axis] for axis in inp.axes))[None]
        for inp in program.inputs
    ]
    with np.errstate(all="ignore"):
        found = np.asarray(generate(program)(*values), float)
    assert not np.isnan(found).any(), "an observation is decided"
    return float(found.min())


def verdicts(theorem: Theorem, row: Row) -> tuple[bool, bool]:
    """Of what lies on the near side of the number and what lies beyond."""
    allowance = theorem.tolerance if row.name == TOLERANCE else 0.0  # else the number alone decides
    assert allowance is not None
    program = margin_program(theorem)
    return least(program, row.holds, allowance) >= 0, least(program, row.fails, allowance) >= 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.key}, {row.name}")
def test_a_run_on_either_side_of_a_number(row: Row) -> None:
    assert verdicts(get(row.key), row) == (True, False)


def test_the_allowance_of_a_check_hides_no_number() -> None:
    """A number near one that hardly differs from it would decide nothing beside 1e-6 of both sides, as T < T_1 did."""
    hidden = []
    for row in ROWS:
        theorem = get(row.key)
        program, allowance = margin_program(theorem), tolerance(theorem, engine("numpy"), False)
        assert least(program, row.holds, allowance) >= 0
        if least(program, row.fails, allowance) >= 0:
            hidden.append((row.key, row.name))
    assert not hidden


def test_every_name_has_a_row_and_every_row_a_name() -> None:
    rows = {(row.key, row.name) for row in ROWS if row.name not in End.__members__}
    assert rows == {(key, name) for key in FINITE for name in named(key)}
    ends = {(row.key, row.name) for row in ROWS} - rows
    assert ends == {
        ("dichotomy", "CONVERGENT"),
        ("dichotomy", "SLOW"),
        ("dichotomy", "FAST"),
        ("state-slow-divergence", "SLOW"),
    }


def shapes(value: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """Numbers that a named one leaves in a formula, and what would stand there if it were twice as large or half as large."""
    if not value.is_Number:  # a product of logarithms, say
        for atom in value.atoms(sp.Number):
            yield atom, 2 * atom, atom / 2
        return
    for sign, shift in (
        (1, 0),
        (-1, 0),
        *(((1, 1), (-1, 1)) if value < sp.Rational(1, 100) else ()),
    ):  # 1 - c of an allowance c
        yield shift + sign * value, shift + 2 * sign * value, shift + sign * value / 2


def meant(key: str) -> dict[sp.Expr, tuple[sp.Expr, sp.Expr]]:
    """Numbers of a finite form that come from a name -> what they might have been."""
    found = {name: value for name, value in named(key).items() if name != TOLERANCE}
    return {number: (twice, half) for value in found.values() for number, twice, half in shapes(value)}


@pytest.mark.parametrize("key", FINITE)
def test_every_number_has_a_name_or_is_part_of_the_law(key: str) -> None:
    numbers = get(key).finite.atoms(sp.Number) - EVERYWHERE
    structural = set(map(sp.sympify, STRUCTURAL.get(key, {})))
    assert structural <= numbers, "listed and not there"
    assert not structural & set(meant(key)), "a name and a part of the law would not be told apart"
    assert numbers - structural <= set(meant(key)), "a bare number"
    absent = {
        name
        for name, value in named(key).items()
        if name != TOLERANCE and not {n for n, _, _ in shapes(value)} & numbers
    }
    assert not absent, "a name that the finite form does not use"


def replaced(claim: sp.Basic, number: sp.Expr, new: sp.Expr) -> Iterator[sp.Basic]:
    """The claim with one occurrence of a number changed, for every occurrence."""
    for place, part in enumerate(claim.args):
        inner = [new] if part == number else replaced(part, number, new)
        for changed in inner:
            yield claim.func(*claim.args[:place], changed, *claim.args[place + 1 :])


@pytest.mark.parametrize("key", [key for key in FINITE if meant(key)])
def test_a_number_that_is_twice_or_half_as_large_is_noticed(key: str) -> None:
    theorem = get(key)
    rows = [row for row in ROWS if row.key == key]
    seen = 0
    for number, others in meant(key).items():
        for other in others:
            for claim in replaced(theorem.finite, number, other):
                mutant = dataclasses.replace(theorem, finite=claim)
                assert any(verdicts(mutant, row) != (True, False) for row in rows), f"{number} as {other}: {claim}"
                seen += 1
    assert seen >= 2


def test_a_run_lasts_beyond_what_is_claimed_of_it() -> None:
    assert get("mixed-blow-up").options["log_horizon"] > mixed_blow_up.HORIZON
