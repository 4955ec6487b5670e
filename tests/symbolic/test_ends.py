"""One vocabulary of ends: words, the codes that theorems use, and the rules as generated programs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import sympy as sp

from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.end_rules import PHASE_RULES, SYSTEM_RULES, rule_program
from s6flow.symbolic.ends import ENDS, NO_THEOREM, OBSERVED, SCENARIOS, WORDS, End
from s6flow.symbolic.observables import OBSERVABLES, fate
from s6flow.symbolic.programs.rules import cited

SETTING = {
    "mu_sum": 1.0, "states": 2, "definite": 0, "floor": 0.0, "tokens": 2, "outward": 1, "gaps": 0, "least_carried": 0,
    "vanishes": 0, "held": 0,
}  # fmt: skip


def test_words_are_unique_and_every_end_has_one() -> None:
    assert len(set(WORDS)) == len(WORDS) == len(End) == len(ENDS)
    assert set(SCENARIOS) | set(OBSERVED) == set(WORDS)
    assert set(SCENARIOS) - set(OBSERVED) == {"by size", "not decided"}
    assert set(OBSERVED) - set(SCENARIOS) == {"elsewhere", "undecided"}


def test_theorems_speak_in_the_same_codes() -> None:
    """Conclusions like fate = 2 mean `End.SLOW` and print its word; the observable says what the words mean."""
    used = {
        int(equation.rhs)
        for theorem in REGISTRY.values()
        for claim in (theorem.conclusion, theorem.finite)
        if claim is not None
        for equation in claim.atoms(sp.Eq)
        if isinstance(equation.lhs, sp.Indexed) and equation.lhs.base == fate
    }
    assert used == {End.CONVERGENT, End.SLOW, End.FAST}
    for end in (End.CONVERGENT, End.STATIONARY, End.SLOW, End.FAST):
        assert f"{ENDS[end].word}: {ENDS[end].token}" in OBSERVABLES["fate"].meaning


def test_an_end_without_a_theorem_is_not_decided_and_the_other_way_round() -> None:
    for rule in (*SYSTEM_RULES, *PHASE_RULES):
        assert (rule.theorem == NO_THEOREM) == (rule.end == End.NOT_DECIDED)
        assert ENDS[rule.end].predicted
    assert cited()[-1] == NO_THEOREM


@pytest.mark.parametrize(
    ("change", "end", "theorem"),
    [
        ({"tokens": 0, "outward": 0}, "stationary", "sign-invariance"),
        ({"states": 0, "mu_sum": 0.0}, "stationary", "stationary"),
        ({"mu_sum": 0.0}, "not decided", "none"),
        ({"mu_sum": -1.0, "definite": 1, "gaps": 1}, "convergent", "convergence-rate"),
        ({"mu_sum": -1.0}, "convergent", "state-convergence"),
        ({"mu_sum": -1.0, "gaps": 1}, "not decided", "none"),
        ({"outward": 0, "definite": 1, "gaps": 1}, "slow", "slow-log-rate"),
        ({"outward": 0}, "slow", "state-slow-divergence"),
        ({"outward": 0, "gaps": 1}, "not decided", "none"),
        ({"outward": 0, "floor": 0.1}, "not decided", "none"),
        ({"least_carried": 1}, "fast", "carried-order"),
        ({"least_carried": 1, "vanishes": 1}, "fast", "carried-order"),
        ({}, "not decided", "none"),  # K undecided
        ({"least_carried": -1}, "not decided", "none"),
        ({"least_carried": -1, "vanishes": 1}, "coexistence", "coexistence"),
        ({"least_carried": -1, "held": 1}, "finite limit", "carried-root-attracts"),
        ({"definite": 1}, "fast", "dichotomy"),
        ({"definite": 1, "outward": 2}, "fast", "fast-blow-up-time"),
        ({"definite": 1, "outward": 0, "floor": 0.1}, "fast", "step-floor"),
    ],
)
def test_rules_of_systems(change: dict[str, Any], end: str, theorem: str) -> None:
    program = generate(rule_program("system_rules"))
    letters = SETTING | change
    row = SYSTEM_RULES[int(program(*(np.float64(letters[name]) for name in program.inputs)))]
    assert (ENDS[row.end].word, row.theorem) == (end, theorem)


@pytest.mark.parametrize(("name", "rules"), [("system_rules", SYSTEM_RULES), ("phase_rules", PHASE_RULES)])
def test_generated_rules_are_the_expressions(name: str, rules: tuple[Any, ...]) -> None:
    """Against SymPy's own evaluation of the conditions, on a grid of every letter around the values that decide."""
    program = generate(rule_program(name))
    free = {symbol.name: symbol for rule in rules for symbol in rule.condition.free_symbols}
    assert set(program.inputs) == set(free)
    rng = np.random.default_rng(0)
    grid = list(itertools.islice(itertools.product((-1.0, 0.0, 1.0, 2.0), repeat=len(free)), 0, None, 1))
    for index in rng.choice(len(grid), 300, replace=False):
        values = dict(zip(program.inputs, grid[index], strict=True))
        values["floor"] = abs(values["floor"])
        point = {free[key]: value for key, value in values.items()}
        expected = next(i for i, rule in enumerate(rules) if rule.condition.subs(point) == sp.true)
        assert int(program(*(np.float64(values[key]) for key in program.inputs))) == expected
