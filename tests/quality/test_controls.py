"""Negative controls: a check that cannot fail checks nothing."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import sympy as sp

from s6flow.numeric.checks import Verdict, check, engines, judge_data
from s6flow.numeric.checks.check import batch_of
from s6flow.proofs.registry import REGISTRY, get
from s6flow.symbolic import notation as nt
from s6flow.symbolic.errors import TheoremError

DROPS = [(key, index) for key, theorem in REGISTRY.items() for index in range(len(theorem.counterexamples))]
SHARP = [key for key, theorem in REGISTRY.items() if theorem.sharpness is not None]
WITNESSED = [key for key, theorem in REGISTRY.items() if theorem.witness is not None]


def test_there_are_controls() -> None:
    assert len(DROPS) >= 25
    assert len(SHARP) >= 10


@pytest.mark.parametrize(("key", "index"), DROPS)
def test_dropping_an_assumption_lets_its_counterexample_through(key: str, index: int) -> None:
    theorem = REGISTRY[key]
    example = theorem.counterexamples[index]
    data = batch_of(theorem, example.data)
    assert not judge_data(theorem, data).satisfied[0], "the data must break the assumption"
    kept = tuple(name for name in theorem.assumptions if name != example.drops)
    weaker = dataclasses.replace(theorem, assumptions=kept, counterexamples=())
    judged = judge_data(weaker, data)
    assert judged.satisfied[0], "the data must break no other assumption"
    assert judged.margins[0] < 0, "the conclusion must fail on it"


@pytest.mark.parametrize("key", WITNESSED)
def test_witness_meets_the_theorem(key: str) -> None:
    theorem = REGISTRY[key]
    judged = judge_data(theorem, batch_of(theorem, theorem.witness))
    assert judged.satisfied[0]
    assert judged.margins[0] >= 0


@pytest.mark.parametrize("key", SHARP)
def test_one_per_cent_tighter_fails_on_the_witness(key: str) -> None:
    theorem = REGISTRY[key]
    data = batch_of(theorem, theorem.witness)
    assert judge_data(theorem, data).margins[0] >= 0
    assert judge_data(theorem, data, factor=theorem.sharpness.tightened).margins[0] < 0


def test_a_vacuous_domain_is_vacuous_and_fails() -> None:
    report = check("convergence-rate", examples=0)
    assert report.verdict is Verdict.VACUOUS
    assert not report.verdict.passes
    never = dataclasses.replace(
        get("stationary"), conclusion=sp.Implies(sp.Gt(nt.mu[nt.n] ** 2, 0), sp.Gt(nt.s, 0)), counterexamples=()
    )
    assert check(never, examples=20).verdict is Verdict.VACUOUS


def test_undecided_is_inconclusive_and_fails() -> None:
    theorem = dataclasses.replace(get("convergence-rate"), options={"max_steps": 1}, core=None)
    report = check(theorem, examples=10, real_weights=False)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.verdict.passes


def test_a_false_claim_is_violated() -> None:
    theorem = get("linear-recursion")
    false = dataclasses.replace(theorem, conclusion=sp.Eq(theorem.conclusion.lhs * 2, theorem.conclusion.rhs))
    assert check(false, examples=30).verdict is Verdict.VIOLATED


def test_a_backend_that_returns_its_input_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(program, target, values):  # type: ignore[no-untyped-def]
        return np.asarray(values["x0"], dtype=float)

    monkeypatch.setattr(sys.modules[judge_data.__module__], "evaluate", echo)
    assert not check("linear-recursion", examples=30).verdict.passes


def test_flint_refuses_trajectories() -> None:
    assert not engines.applicable(get("fast-blow-up-time"), "flint")
    with pytest.raises(TheoremError, match="trajectories"):
        check("fast-blow-up-time", "flint", 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "Not A Slug"}, "kebab"),
        ({"variables": ("mu",)}, "every letter"),
        ({"variables": ("nonsense",)}, "letter of the notation"),
        ({"assumptions": ("mu-negativ",)}, "vocabulary"),
        ({"conclusion": sp.true}, "not already decided"),
        ({"kind": "guess"}, "kind"),
        ({"kind": "limit"}, "finite time"),
        ({"source": "folklore"}, "source"),
    ],
)
def test_a_theorem_validates_itself(change: dict[str, object], message: str) -> None:
    with pytest.raises(TheoremError, match=message):
        dataclasses.replace(get("linear-recursion"), **change)


def test_unknown_id_names_near_ones() -> None:
    with pytest.raises(TheoremError, match="convergence-rate"):
        get("convergence-rates")


def test_proof_steps_reduce_to_zero() -> None:
    """Every residual reduces to literal zero; a wrong one is seen to be nonzero."""
    from s6flow.symbolic.derivation.step import Step
    from s6flow.symbolic.theorem import check_step

    states = {report.state for theorem in REGISTRY.values() for report in theorem.verify()}
    assert states <= {"zero", "cited"}
    x = sp.Symbol("x", positive=True)
    assert check_step(Step("s", "t", (), "", (sp.log(1 + x) - x,))).state == "nonzero"
