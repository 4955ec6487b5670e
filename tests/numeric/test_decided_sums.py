"""Sums of exponentials, portraits and the sums of steps in reach: exact weights, slacks that grow with rounding, bounds that hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import SourceError
from s6flow.numeric.audit import report
from s6flow.numeric.criteria import portrait, reach
from s6flow.numeric.criteria.carried import UNDECIDED
from s6flow.numeric.criteria.sums import IN_CACHE, Nodes, Sums

EPS = np.finfo(np.float64).eps


def test_a_state_with_a_rate_of_its_own_keeps_its_weight_to_the_last_bit() -> None:
    """Beside two equal rates, whose weights add up: a difference of running totals would lose the small one."""
    sums = Sums.of(np.array([[1.0, 0.5, 1e-20, 0.1, 2.0]]), np.array([[1.0, 1.0, 2.0, 3.0, 4.0]]))
    assert sums.weights.tolist() == [[0.0, 1.5, 1e-20, 0.1, 2.0]]


@pytest.mark.parametrize("cancels", [False, True])
def test_beyond_a_settled_step_the_slowest_state_outweighs_its_rivals_twice(cancels: bool) -> None:
    """Where the slowest rate's weights cancel the next one leads, and its distance to the rivals counts, not its rate."""
    mu, a = ([1.0, -1.0, 1.0, -5.0], [1.0, 1.0, 2.0, 3.0]) if cancels else ([1.0, 2.0, -5.0], [1.0, 1.5, 2.0])
    sums = Sums.of(np.array([mu]), np.array([a]))
    step = sums.settled_after()
    lead = 1 if cancels else 0
    for factor, settled in ((1.0 + 1e-12, True), (0.99, False)):
        here = sums.at(factor * step)[0]
        assert (here[here > 0][:1].sum() >= 2 * -here[here < 0].sum()) == settled
    assert np.count_nonzero(sums.weights[0, :lead]) == 0


def test_without_rivals_every_step_is_settled() -> None:
    weights = np.array([[1.0, 2.0], [-1.0, -0.1], [0.0, 0.0]])
    assert Sums.of(weights, np.array([[1.0, 2.0]] * 3)).settled_after().tolist() == [0, 0, 0]


def test_a_channel_with_more_numbers_than_are_taken_together_is_taken_alone() -> None:
    states, count = 40, IN_CACHE // 32
    rng = np.random.default_rng(4)
    sums = Sums.of(rng.normal(size=(2, states)), rng.uniform(0.1, 3.0, (2, states)))
    steps = np.sort(rng.uniform(0.0, 2.0, (2, count)), axis=1)
    assert states * count > IN_CACHE
    every = sums.weights[:, None] * np.exp(-sums.rates[:, None] * steps[..., None])
    np.testing.assert_allclose(Nodes.of(sums, np.arange(2), steps).sums[0], every.sum(axis=2), rtol=1e-11, atol=1e-13)


# ---- the portrait of token 2


def pairs(scale: float = 1.0, states: int = 2) -> portrait.Pairs:
    """K falls through zero as token 2 grows: mu_n of both signs, and a step that grows with x."""
    mu = np.zeros((1, states))
    mu[0, :2] = 20.0, -2.0
    one = np.ones(1)
    return portrait.Pairs(
        scale * mu, np.linspace(2.5, 0.3, states)[None], 0.8 * one, 0.1 * one, 0.0, 0.9 * one, 0.1 * one
    )


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_rounding_of_mu_K_has_its_unit(scale: float) -> None:
    (value, rounding), (scaled, more) = (pairs(scale=one).carried(np.array([0.3])) for one in (1.0, scale))
    np.testing.assert_allclose(scaled, scale * value, rtol=1e-13)
    np.testing.assert_allclose(more, scale * rounding, rtol=1e-13)


def test_rounding_grows_with_the_states_that_are_added() -> None:
    """A sum of n numbers is off by up to n roundings of the sum of their sizes; 64 states."""
    many = pairs(states=64)
    token = np.array([0.3])
    size = np.abs(many.mu_n * np.exp(-many.a * many.step(token)[:, None])).sum(axis=1)
    assert (many.carried(token)[1] >= 64 * EPS * size).all()


def test_margins_of_intervals_grow_with_the_states(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def closed(sums: Sums, rows: Any, left: Any, right: Any, margin: float) -> Any:
        seen.append(margin)
        return np.ones(len(rows), dtype=bool)

    def segment(evaluate: Any, start: Any, end: Any, low: Any, high: Any, margin: float, deepest: int) -> Any:
        seen.append(margin)
        return np.full(len(start), UNDECIDED, dtype=np.int8)

    monkeypatch.setattr(portrait, "closed", closed)
    monkeypatch.setattr(reach, "signs_on", segment)
    rates = np.linspace(1.0, 2.0, 64)[None]
    portrait.closed_in_pieces(np.ones((1, 64)), rates, np.ones(1), 2 * np.ones(1))
    reach.negative_within(np.ones((1, 64)), rates, np.ones(1), 2 * np.ones(1))
    assert min(seen) >= 64 * EPS
    assert len(seen) == portrait.PIECES + 2  # what float32 leaves open is asked in float64
    assert seen[-2] >= 64 * float(np.finfo(np.float32).eps)


@pytest.mark.parametrize(("share", "held"), [(0.5, False), (-0.5, False), (-2.0, True)])
def test_a_bound_within_its_rounding_holds_nothing(share: float, held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token 2 is held where the bound of its growth is below zero by more than what rounding adds to it."""

    def bound(self: portrait.Pairs, y: np.ndarray) -> np.ndarray:
        return np.where(np.abs(y) > 0.5, share * self.carried(y)[1], 1.0)

    monkeypatch.setattr(portrait.Pairs, "bound", bound)
    found, root = portrait.held_at_root(pairs())
    assert found.tolist() == [held]
    assert np.isfinite(root).tolist() == [held]


def test_no_step_is_the_least_of_one_token() -> None:
    """The nearest sum of at least one step from 0 on is the smallest step; from beyond the largest, of two steps."""
    low, high = np.array([0.5, 0.5, 0.5]), np.array([1.0, 1.0, 1.0])
    np.testing.assert_array_equal(reach.reached(np.array([0.0, 0.7, 1.5]), low, high), [0.5, 0.7, 1.5])
    np.testing.assert_array_equal(reach.reached(np.array([1.5]), np.array([0.9]), np.array([1.0])), [1.8])


# ---- layers that are refused when they are read


@pytest.mark.parametrize(("withheld", "sound"), [(["a"], True), (["a", "z"], True), (["z"], False), ([], False)])
def test_a_layer_that_is_refused_is_on_record(withheld: list[str], sound: bool) -> None:
    def layer(name: str) -> Any:
        raise SourceError("no", name)

    checkpoint: Any = SimpleNamespace(
        layer_names=("a", "b"), layer=layer, withheld=[SimpleNamespace(name=name) for name in withheld]
    )
    if sound:
        assert list(report.read_layers(checkpoint, {"a": None})) == []
    else:
        with pytest.raises(AssertionError, match="neither read nor withheld"):
            list(report.read_layers(checkpoint, {"a": None}))
