"""Exactly on a threshold: which side it belongs to, where a run meets it only by chance."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

from s6flow.errors import AssumptionError
from s6flow.numeric.flow import FlowParameters, FlowResult, Status, classify, fates, integrate, oracles
from s6flow.numeric.flow import equation as equations
from s6flow.numeric.thresholds import DECAY, EARLIEST, EXPONENT, GONE, SLOW_HIGH, SLOW_LOW
from s6flow.symbolic.ends import End


@pytest.fixture(scope="module")
def run() -> FlowResult:
    """Two tokens of one system, to a horizon at which they move still."""
    return integrate([[1.0, 0.5]], FlowParameters([[-1.0]], [[1.0]], [0.5], [0.0]), log_horizon=20.0)


def ended(run: FlowResult, **given: Any) -> FlowResult:
    """The run with another end: every number of the first token, the second one at rest."""
    fields = {name: np.asarray(value) for name, value in given.items()}
    return dataclasses.replace(run, **fields)


def first(result: FlowResult) -> End:
    return End(int(classify(result).tokens[0, 0]))


@pytest.mark.parametrize(
    ("pace", "log_t", "fate"),
    [
        (DECAY, 20.0, End.CONVERGENT),
        (math.nextafter(DECAY, 0.0), 20.0, End.UNDECIDED),
        (-1.0, EARLIEST, End.CONVERGENT),
        (-1.0, math.nextafter(EARLIEST, 0.0), End.UNDECIDED),
        (SLOW_LOW / 16, 16.0, End.SLOW),
        (math.nextafter(SLOW_LOW / 16, 0.0), 16.0, End.UNDECIDED),
        (SLOW_HIGH / 16, 16.0, End.SLOW),
        (math.nextafter(SLOW_HIGH / 16, 1.0), 16.0, End.UNDECIDED),
    ],
)
def test_paces_on_a_threshold(run: FlowResult, pace: float, log_t: float, fate: End) -> None:
    result = ended(run, final_pace=[[pace, 0.0]], final_log_time=[log_t], settled=[False], status=[Status.HORIZON])
    assert first(result) == fate


@pytest.mark.parametrize(("size", "fate"), [(GONE, End.LIMIT), (math.nextafter(GONE, -11.0), End.CONVERGENT)])
def test_a_resting_token_of_just_that_size_is_not_gone(run: FlowResult, size: float, fate: End) -> None:
    assert first(ended(run, final_log_abs=[[size, -1.0]], settled=[True], status=[Status.HORIZON])) == fate


@pytest.mark.parametrize(
    ("share", "fate"),
    [(-EXPONENT, End.LIMIT), (-2 * EXPONENT, End.CONVERGENT), (EXPONENT, End.LIMIT), (2 * EXPONENT, End.FAST)],
)
def test_a_share_of_just_the_exponent_moves_nothing(run: FlowResult, share: float, fate: End) -> None:
    result = ended(
        run,
        status=[Status.BLOW_UP],
        blow_up_token=[1],
        final_share=[[share, share]],
        final_log_abs=[[-20.0, -20.0]],
        final_sign=[[1.0, 1.0]],
    )
    assert first(result) == fate


def test_a_gate_that_lets_just_the_exponent_through_is_not_shut(
    run: FlowResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With floor 2 and a step of zero the gate is e^(-2 a)."""
    params = FlowParameters([[1.0]], [[4.0]], [0.0], [-1e4], [2.0])
    result = ended(
        run, status=[Status.BLOW_UP], blow_up_token=[1], final_share=[[0.0, 0.0]],
        final_log_abs=[[0.0, 0.0]], final_sign=[[1.0, 1.0]],
    )  # fmt: skip
    result = dataclasses.replace(result, params=params)
    monkeypatch.setattr(fates, "EXPONENT", math.exp(-8.0))
    assert -np.log(fates.EXPONENT) == 8.0, "what the gate's exponent is compared with"
    assert first(result) == End.LIMIT
    monkeypatch.setattr(fates, "EXPONENT", math.exp(-7.9))
    assert first(result) == End.UNDECIDED


@pytest.mark.parametrize(("limit", "counts"), [(0.0, True), (math.nextafter(0.0, 1.0), False)])
def test_a_rate_of_just_the_limit_is_a_blow_up(limit: float, counts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """asinh(x) has the speed 1 at x = 0, whose logarithm is 0."""
    flow = equations.flow_of(1 + 0 * sp.Symbol("x", real=True) ** 2, None)
    state, extra = flow.coordinates().encode(np.zeros((1, 1)))
    arrays = flow.arrays() | extra
    monkeypatch.setattr(equations, "LARGEST_LOG_RATE", limit)
    monkeypatch.setattr(equations, "log_norm", lambda rate: np.log(np.abs(np.full_like(rate, 1.0))).max(axis=-1))
    size = flow.coordinates().log_size(state, arrays)
    assert bool(np.isinf(size[0]) and size[0] > 0) == counts
    if counts:
        with pytest.raises(AssumptionError, match="below 1e150"):
            flow.require_start(state, arrays)
    else:
        flow.require_start(state, arrays)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Panels of every quadrature, in turn."""
    panels: list[int] = []
    rate = oracles.token_one_rate

    def counting(w: Any, *letters: float) -> Any:
        panels.append(len(w))
        return rate(w, *letters)

    monkeypatch.setattr(oracles, "token_one_rate", counting)
    return panels


def test_a_quadrature_doubles_its_panels_until_it_rests_or_has_the_most(
    counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    took = oracles.duration(0.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0)
    assert counted == [32, 64], "a smooth integrand rests at once"
    monkeypatch.setattr(oracles, "QUADRATURE_RTOL", -1.0)  # nothing rests
    counted.clear()
    assert oracles.duration(0.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0) == pytest.approx(took, rel=1e-13)
    assert counted == [1 << power for power in range(5, 15)]
    monkeypatch.setattr(oracles, "QUADRATURE_RTOL", 0.0)
    counted.clear()
    assert oracles.duration(0.0, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0) == 0.0
    assert counted == [32, 64], "two zeros are equal"


def test_a_quadrature_is_exact_for_what_its_nodes_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty nodes are exact to degree 39: less would be seen at degree 39, on one panel."""
    monkeypatch.setattr(oracles, "QUADRATURE_RTOL", np.inf)  # the first sum is the answer
    monkeypatch.setattr(oracles, "token_one_rate", lambda w, *_: w**-39.0)
    assert oracles.duration(0.0, 64.0, 1.0, 1.0, 0.0, 0.0, 0.0) == pytest.approx(64.0**40 / 40, rel=1e-13)


def test_the_bracket_of_a_late_time_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """ln|x| of token 1 after a time: the distance is looked for in 1e-3, 2e-3, 4e-3, ..."""
    tried: list[float] = []
    own = oracles.duration

    def recording(low: float, high: float, *law: float) -> float:
        tried.append(high - low)
        return own(low, high, *law)

    monkeypatch.setattr(oracles, "duration", recording)
    found = oracles.token_one(0.01, 1.0, 1.0, 0.0, 0.0)
    rate = math.log(2.0)
    assert found == pytest.approx(-0.5 * math.log1p(-2 * rate * 0.01), rel=1e-12)
    brackets = [1e-3 * 2**power for power in range(4)]
    assert tried[: len(brackets)] == pytest.approx(brackets, rel=1e-9)
