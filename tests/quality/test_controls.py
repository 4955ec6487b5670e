"""Negative controls: a check that cannot fail checks nothing."""

from __future__ import annotations

import dataclasses
import functools
import sys
from typing import Any

import numpy as np
import pytest
import sympy as sp
from representatives import sweep

from s6flow.errors import TheoremError
from s6flow.numeric.checks import MEASUREMENTS, Verdict, check, engines, judge_data
from s6flow.numeric.checks.check import LEAST_JUDGED, batch_of
from s6flow.numeric.checks.data.adjust import ADJUST
from s6flow.numeric.checks.given import refuse_bad_witness
from s6flow.numeric.checks.judge import satisfied
from s6flow.numeric.flow import fastest_on_cpu
from s6flow.proofs import index
from s6flow.proofs.checked import checked
from s6flow.proofs.drafts import PLACEHOLDER
from s6flow.proofs.registry import REGISTRY, get
from s6flow.symbolic import notation as nt
from s6flow.symbolic.assumptions import ASSUMPTIONS
from s6flow.symbolic.programs.checked import Checked
from s6flow.symbolic.theorem import Theorem

DROPS = [(key, index) for key, theorem in REGISTRY.items() for index in range(len(theorem.counterexamples))]
SHARP = [key for key, theorem in REGISTRY.items() if theorem.sharpness is not None]
#: Twice as long runs as those of the other counterexamples of their theorem.
LONG = (("axis-at-infinity", 0), ("axis-at-infinity", 1))
#: A counterexample of every kind of measurement: from there a check goes one way for all theorems. The first one that
#: is no long run.
ONE_OF_EACH = list({REGISTRY[case[0]].measurement: case for case in reversed(DROPS) if case not in LONG}.values())
SHORT = [case for case in DROPS if case not in LONG]
WITNESSED = [key for key, theorem in REGISTRY.items() if theorem.witness is not None]


def without(key: str, index: int) -> Checked:
    """The theorem without the assumption that its counterexample `index` breaks; its data are the witness."""
    form, example = checked(key), REGISTRY[key].counterexamples[index]
    kept = tuple(name for name in form.assumptions if name != example.drops)
    return dataclasses.replace(form, assumptions=kept, witness=example.data)


def planted(key: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and observables of a theorem's counterexample of that number, or of its witness as -1."""
    return _planted(key, (key, number) in LONG)[number]


@functools.cache
def _planted(key: str, long: bool) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """All of a theorem by number, but for long runs, which are integrated where they are asked for.

    Those of one shape are integrated together: no system's result depends on its batch, and a batch costs what one does.
    """
    theorem = REGISTRY[key]
    cases = {number: batch_of(theorem, example.data) for number, example in enumerate(theorem.counterexamples)}
    if theorem.witness is not None:
        cases[-1] = batch_of(theorem, theorem.witness)
    cases = {number: data for number, data in cases.items() if ((key, number) in LONG) == long}
    alike: dict[Any, list[int]] = {}
    for number, data in cases.items():
        lengths = {name: value if np.ndim(value) == 0 else np.shape(value)[1:] for name, value in data.items()}
        alike.setdefault(tuple(sorted(lengths.items())), []).append(number)
    found = {}
    for numbers in alike.values():
        first = cases[numbers[0]]
        batch = {
            name: np.concatenate([cases[number][name] for number in numbers]) if np.ndim(value) else value
            for name, value in first.items()
        }
        observed = MEASUREMENTS[theorem.measurement](theorem, batch, fastest_on_cpu())
        assert all(len(value) == len(numbers) for value in observed.values()), "every observable has a row a system"
        for row, number in enumerate(numbers):
            found[number] = cases[number], {name: value[row : row + 1] for name, value in observed.items()}
    return found


def uncovered(theorem: Theorem) -> set[str]:
    """Assumptions with neither a counterexample nor a reason why there is none."""
    return set(theorem.assumptions) - {example.drops for example in theorem.counterexamples} - set(theorem.unbroken)


def test_there_are_controls() -> None:
    assert len(DROPS) >= 65
    assert len(SHARP) >= 15
    reasons = sum(len(theorem.unbroken) for theorem in REGISTRY.values())
    print(f"{len(DROPS)} counterexamples, {reasons} reasons, {len(SHARP)} sharp constants")
    assert reasons <= len(DROPS) / 2, "a reason is the exception"


@pytest.mark.parametrize("key", REGISTRY)
def test_every_assumption_has_a_counterexample_or_a_reason(key: str) -> None:
    theorem = REGISTRY[key]
    assert not uncovered(theorem)
    assert all(len(reason) > 30 for reason in theorem.unbroken.values())
    noted = [example.drops for example in theorem.counterexamples if example.note == PLACEHOLDER]
    assert not noted, f"a counterexample must not keep the note of the draft: {key}, {noted}"
    for example in theorem.counterexamples:  # one fewer is seen
        others = tuple(other for other in theorem.counterexamples if other.drops != example.drops)
        assert uncovered(dataclasses.replace(theorem, counterexamples=others)) == {example.drops}
    for name in theorem.unbroken:
        assert uncovered(dataclasses.replace(theorem, unbroken={})) >= {name}


def test_every_assumption_of_the_vocabulary_is_used_and_constructed() -> None:
    assert {name for theorem in REGISTRY.values() for name in theorem.assumptions} == set(ASSUMPTIONS)
    assert set(ASSUMPTIONS) == set(ADJUST)


@pytest.mark.parametrize(("key", "index"), sweep(DROPS, SHORT, ids=lambda case: f"{case[0]}-{case[1]}"))
def test_dropping_an_assumption_lets_its_counterexample_through(key: str, index: int) -> None:
    theorem = checked(key)
    data, observed = planted(key, index)
    assert not satisfied(theorem, data, observed)[0], "the data must break the assumption"
    weaker = without(key, index)
    for backend in ("numpy", "torch", "flint"):
        if backend == "flint" and theorem.measurement != "pointwise":
            continue
        judged = judge_data(weaker, data, backend, observed=observed)
        assert judged.satisfied[0], "the data must break no other assumption"
        assert judged.margins[0] < 0, f"the conclusion must fail on it, on {backend}"


@pytest.mark.parametrize(("key", "index"), sweep(DROPS, ONE_OF_EACH, ids=lambda case: f"{case[0]}-{case[1]}"))
def test_a_check_without_the_assumption_is_violated(key: str, index: int) -> None:
    report = check(without(key, index), examples=1, real_weights=False)
    assert report.verdict is Verdict.VIOLATED
    assert not report.verdict.passes


def test_every_counterexample_is_a_system_of_its_theorem() -> None:
    """Letters, axes and domains as a check asks them of a witness, and the assumptions that it does not drop."""
    for case in DROPS:
        refuse_bad_witness(without(*case))


@pytest.mark.parametrize("key", WITNESSED)
def test_witness_meets_the_theorem(key: str) -> None:
    theorem = checked(key)
    data, observed = planted(key, -1)
    judged = judge_data(theorem, data, observed=observed)
    assert judged.satisfied[0]
    assert judged.margins[0] >= 0


@pytest.mark.parametrize("key", SHARP)
def test_one_per_cent_tighter_fails_on_the_witness(key: str) -> None:
    theorem = REGISTRY[key]
    assert abs(theorem.sharpness.tightened - 1) == sp.Rational(1, 100)
    data, observed = planted(key, -1)
    assert judge_data(checked(key), data, observed=observed).margins[0] >= 0
    assert judge_data(theorem, data, factor=theorem.sharpness.tightened, observed=observed).margins[0] < 0


def test_a_vacuous_domain_is_vacuous_and_fails() -> None:
    report = check("convergence-rate", examples=0)
    assert report.verdict is Verdict.VACUOUS
    assert not report.verdict.passes
    never = dataclasses.replace(
        get("stationary"), conclusion=sp.Implies(sp.Gt(nt.mu[nt.n] ** 2, 0), sp.Gt(nt.s, 0)), counterexamples=()
    )
    assert check(never, examples=20).verdict is Verdict.VACUOUS
    nobody = dataclasses.replace(get("stationary"), assumptions=("states-zero", "mu-positive"), counterexamples=())
    report = check(nobody, examples=20)
    assert report.verdict is Verdict.VACUOUS, "no system meets both assumptions"
    assert report.examples == 0


def test_undecided_is_inconclusive_and_fails() -> None:
    theorem = dataclasses.replace(get("convergence-rate"), options={"max_steps": 1}, core=None)
    report = check(theorem, examples=10, real_weights=False)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.verdict.passes


@pytest.mark.parametrize(
    ("judged", "verdict"), [(LEAST_JUDGED - 1, Verdict.INCONCLUSIVE), (LEAST_JUDGED, Verdict.HOLDS)]
)
def test_a_few_systems_pass_nothing(judged: int, verdict: Verdict) -> None:
    """Planted: a true theorem, on one system fewer than are needed, and on as many."""
    theorem = dataclasses.replace(get("scaling"), witness=None, sharpness=None)
    report = check(theorem, examples=judged, real_weights=False)
    assert (report.examples, report.verdict) == (judged, verdict)


def test_a_false_claim_is_violated() -> None:
    theorem = get("linear-recursion")
    false = dataclasses.replace(theorem, conclusion=sp.Eq(theorem.conclusion.lhs * 2, theorem.conclusion.rhs))
    assert check(false, examples=30).verdict is Verdict.VIOLATED


#: Claims in letters alone that share their inputs; `tolerance` is positive, so that a check by itself would pass on it.
ECHOED = ("stationary", "causality", "one-decay-sum")
ECHOES = sorted({inp.name for key in ECHOED for inp in checked(key).margin.inputs})


def healthy() -> bool:
    """Whether the checks pass and every counterexample is still caught."""
    return all(
        check(key, examples=30).verdict.passes
        and all(
            judge_data(checked(key), batch_of(theorem, e.data)).margins[0] < 0
            for theorem in [REGISTRY[key]]
            for e in theorem.counterexamples
        )
        for key in ECHOED
    )


@pytest.fixture(scope="module")
def well() -> None:
    assert healthy()


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize("name", ECHOES)
def test_a_backend_that_returns_its_input_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(program, target, values):  # type: ignore[no-untyped-def]
        if name not in values:
            return engines.evaluate(program, target, values)
        count = max(np.shape(value)[0] for value in values.values() if np.ndim(value))
        return np.broadcast_to(np.asarray(values[name], dtype=float).T, (*np.shape(values[name])[1:][::-1], count)).T

    monkeypatch.setattr(sys.modules[judge_data.__module__], "evaluate", echo)
    assert not healthy()


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
    """Every residual reduces to literal zero, as the committed index has it; a wrong one is seen to be nonzero.

    tests/proofs/test_index.py reduces all of them anew and compares.
    """
    from s6flow.symbolic.derivation.step import Step
    from s6flow.symbolic.theorem import check_step

    states = {key: [row["state"] for row in index.content(key)["proof"]] for key in REGISTRY}
    assert {"zero"} <= {state for found in states.values() for state in found} <= {"zero", "cited"}
    for key in ("linear-recursion", "scaling"):
        assert [report.state for report in REGISTRY[key].verify()] == states[key]
    x = sp.Symbol("x", positive=True)
    assert check_step(Step("s", "t", (), "", (sp.log(1 + x) - x,))).state == "nonzero"
