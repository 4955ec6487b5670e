"""Criteria pinned: numbers, verdicts, certificates and phase portraits of planted channels.

Beside the committed outcomes numbers are computed once more in plain NumPy, and certified roots are roots.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pinned
import pytest

from s6flow.numeric.criteria.carried import carried_signs
from s6flow.numeric.criteria.certify import certify_K, enclose_blow_up_time
from s6flow.numeric.criteria.exponential_sums import certify_orbit
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.phase_line import describe, fate_of
from s6flow.numeric.criteria.portrait import followers
from s6flow.numeric.criteria.reach import negative_within
from s6flow.numeric.criteria.sums import Sums, closed
from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.criteria.verdict import channel_verdicts
from s6flow.numeric.flow import FlowParameters
from s6flow.numeric.weights import S6Layer


def layer(channels: int = 24, states: int = 4, seed: int = 0, beta: float = 0.0, floor: float = 0.0) -> S6Layer:
    """Random weights with planted channels: mu_n all zero, s = 0, equal rates, one sign, a sum that nearly cancels."""
    rng = np.random.default_rng(seed)
    S_B, S_C = rng.normal(size=(2, states, channels))
    a, dt_out = np.exp(rng.normal(size=(channels, states))), rng.normal(size=(channels, 2))
    S_B[:, 0] = 0.0
    dt_out[1] = 0.0
    a[2] = 1.5
    a[3, 1:] = a[3, 0]
    S_C[:, 4] = np.abs(S_C[:, 4]) * np.sign(S_B[:, 4])
    S_C[:, 5] = -np.abs(S_C[:, 5]) * np.sign(S_B[:, 5])
    S_C[-1, 6] = -(S_C[:-1, 6] * S_B[:-1, 6]).sum() / S_B[-1, 6] * (1 - 1e-6)
    return S6Layer(
        f"planted-{seed}", a, S_B, S_C, beta * rng.normal(size=states), beta * rng.normal(size=states),
        rng.normal(size=(2, channels)), dt_out, rng.normal(size=channels), floor,
    )  # fmt: skip


LAYERS = {
    "plain": layer(),
    "floor": layer(seed=1, floor=0.05),
    "biased": layer(seed=2, beta=0.7),
    "biased floor": layer(seed=3, beta=0.7, floor=0.2),
    "one state": layer(channels=8, states=1, seed=4),
    "many states": layer(channels=40, states=9, seed=5),
}


def plain(value: Any) -> Any:
    return value.words() if isinstance(value, Labels) else np.asarray(value)


@cache
def numbers(key: str) -> dict[str, np.ndarray]:
    return channel_numbers(LAYERS[key])


def judged(key: str) -> dict[str, Any]:
    return {
        name: plain(value) for name, value in {**numbers(key), **channel_verdicts(LAYERS[key], numbers(key))}.items()
    }


def channels(key: str, count: int = 10) -> list[tuple[Any, ...]]:
    one = LAYERS[key]
    return [
        (one.mu_n[c], one.a[c], float(one.s[c]), float(one.b[c]), one.floor) for c in range(min(count, one.channels))
    ]


def certified(key: str) -> list[Any]:
    found = [certify_K(*channel) for channel in channels(key, 8)]
    return [
        {
            **asdict(one),
            "fails": [one.dichotomy_can_fail(s) for s in (-1.0, 0.0, 1.0)],
            "stable": [r.stable(s) for r in one.roots for s in (-1.0, 1.0)],
        }
        for one in found
    ]


def portraits(key: str) -> Any:
    one = LAYERS[key]
    rows = np.repeat(np.arange(one.channels), 6)
    rng = np.random.default_rng(1)
    first = 1e3 * np.exp(rng.uniform(-1, 1, len(rows))) * np.where(one.s[rows] < 0, -1, 1)
    second = np.exp(rng.uniform(-3, 3, len(rows))) * np.where(np.arange(len(rows)) % 2, 1, -1)
    found = followers(one.mu_n[rows], one.a[rows], one.s[rows], one.b[rows], one.floor, first, second)
    return {"vanishes": found.vanishes, "held": found.held, "root": found.root}


def signs(key: str) -> Any:
    one = LAYERS[key]
    rows = np.flatnonzero(one.mu_n.sum(axis=1) > 0)
    delta = numbers(key)["delta0"][rows]
    found = carried_signs(one.mu_n[rows], one.a[rows], delta, one.s[rows], one.floor)
    sums = Sums.of(one.mu_n[rows], one.a[rows])
    every = np.repeat(np.arange(len(rows)), 12)
    low = np.tile(np.linspace(0.0, 5.0, 12), len(rows))
    return {
        "bound": found.bound, "below": found.below, "above": found.above, "step": found.step, "evidence": found.evidence.words(),
        "anywhere": found.anywhere, "settled": sums.settled_after(), "leading": sums.leading(), "closed": closed(sums, every, low, low + 0.3, 1e-15),
        "within": negative_within(one.mu_n[rows], one.a[rows], 0.3 * delta, 1.7 * delta),
        "wide": negative_within(one.mu_n[rows], one.a[rows], 0 * delta, 3 * delta),
        "narrow": negative_within(one.mu_n[rows], one.a[rows], delta, delta),
    }  # fmt: skip


STARTS = np.array([1e-6, 0.02, 0.3, 1.0, 4.0, 60.0])


def phases(key: str) -> Any:
    one = LAYERS[key]
    starts = np.concatenate([STARTS, -STARTS])[:, None] * np.ones(one.channels)
    kept = {
        name: value
        for name, value in {**numbers(key), **channel_verdicts(one, numbers(key))}.items()
        if isinstance(value, np.ndarray)
    }
    return {
        "fates": fate_of(starts, kept, one.floor),
        "words": [describe(kept, channel, one.floor) for channel in range(min(12, one.channels))],
    }


def systems(key: str) -> Any:
    tokens = (
        [0.5],
        [-0.5],
        [0.5, 0.2],
        [0.5, -0.2],
        [-0.5, 0.2],
        [-0.5, -0.3],
        [300.0, 0.2],
        [300.0, -0.01],
        [0.5, 0.0, 0.3],
        [0.0, 0.0],
        [-300.0, 0.2],
        [0.4, 0.3, -0.2],
    )
    return [list(axis_verdict(FlowParameters(*channel), np.array(x))) for channel in channels(key, 7) for x in tokens]


def orbits(key: str) -> Any:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(8):
        M, x, b = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
        one = certify_orbit(M, x, b, 0.1)
        found.append({**asdict(one), "end": one.end})
    M = np.diag([1.0, -1.0, 0.0])
    for x in ([1.0, 2.0, 0.0], [2.0, 1.0, 5.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]):
        one = certify_orbit(M, x, [0.3, 0.9, 0.0])
        found.append({**asdict(one), "end": one.end})
    return found


def times(key: str) -> Any:
    return [
        enclose_blow_up_time(*row)
        for row in ((0.3, 0.7, 1.2, -0.4, 0.0), (2.0, 1.0, 0.0, 3.0, 0.0), (-0.3, 0.7, -1.2, 0.4, 0.1))
    ]


UNBIASED = ["plain", "floor", "one state", "many states"]
#: Outcomes agree to this share of their size.
CLOSE = 1e-8
PINNED = [
    ("criteria_judged", list(LAYERS), judged, CLOSE), ("criteria_certified", UNBIASED, certified, CLOSE), ("criteria_portraits", UNBIASED, portraits, CLOSE),
    ("criteria_signs", UNBIASED, signs, CLOSE), ("criteria_phases", list(LAYERS), phases, CLOSE), ("criteria_systems", ["plain", "floor"], systems, CLOSE),
    ("criteria_orbits", ["random"], orbits, CLOSE), ("criteria_times", ["three"], times, CLOSE),
]  # fmt: skip
CASES = [(name, key, outcome) for name, keys, outcome, _ in PINNED for key in keys]


@pytest.mark.parametrize(("name", "key", "outcome"), CASES, ids=[f"{name}-{key}" for name, key, _ in CASES])
def test_criteria_say_what_they_said(name: str, key: str, outcome: Any) -> None:
    pinned.check(name, key, outcome(key), CLOSE)


@pytest.mark.parametrize("key", list(LAYERS))
def test_numbers_are_their_formulas(key: str) -> None:
    """mu, the counts, s, Delta(0), K(0), nu, lambda and the roots of p, from theory 0, 3, 8, 8b in plain NumPy."""
    one, found = LAYERS[key], numbers(key)
    mu_n = (one.S_B * one.S_C).T
    mu = mu_n.sum(axis=1)
    mu[np.abs(mu) <= (one.states + 1) * np.finfo(float).eps * np.abs(mu_n).sum(axis=1)] = 0.0
    delta = np.log1p(np.exp(one.b)) + one.floor
    np.testing.assert_allclose(found["mu"], mu, atol=1e-15)
    np.testing.assert_array_equal(found["mu_n_positive"], (mu_n > 0).sum(axis=1))
    np.testing.assert_array_equal(found["mu_n_negative"], (mu_n < 0).sum(axis=1))
    np.testing.assert_array_equal(found["mu_n_zero"], (mu_n == 0).sum(axis=1))
    np.testing.assert_allclose(found["delta0"], delta, rtol=1e-14)
    np.testing.assert_allclose(found["s"], (one.dt_out * one.dt_in.T).sum(axis=1), rtol=1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        K0 = np.where(mu != 0, (mu_n * np.exp(-one.a * delta[:, None])).sum(axis=1) / mu, np.nan)
    np.testing.assert_allclose(found["K0"], K0, rtol=1e-9)
    kappa = np.where(mu < 0, K0, np.nan)
    np.testing.assert_allclose(found["kappa_2"], kappa, rtol=1e-9)
    nu = one.S_C.T @ one.beta_B + one.S_B.T @ one.beta_C
    np.testing.assert_allclose(found["nu"], nu, atol=1e-13)
    np.testing.assert_allclose(found["lambda"], np.full(one.channels, one.beta_B @ one.beta_C), atol=1e-13)
    for channel in range(one.channels):
        ends = [found["root_low"][channel], found["root_high"][channel]]
        for x in (end for end in ends if np.isfinite(end)):
            p = mu[channel] * x**2 + nu[channel] * x + one.beta_B @ one.beta_C
            assert abs(p) < 1e-9 * (abs(mu[channel]) * x**2 + abs(nu[channel] * x) + 1e-12)


@pytest.mark.parametrize("key", UNBIASED)
def test_certified_roots_are_roots_of_the_written_sum(key: str) -> None:
    for mu, a, s, b, floor in channels(key, 8):
        found = certify_K(mu, a, s, b, floor)
        for root in found.roots:
            middle = np.linspace(root.low, root.high, 3)[1]
            values = [(mu * np.exp(-a * z)).sum() for z in (middle * (1 - 1e-6), middle * (1 + 1e-6))]
            assert values[0] * values[1] < 0
            assert (values[1] * np.sign(mu.sum()) < 0) == root.falling
            if np.isfinite(root.x) and s:
                assert np.logaddexp(0, s * root.x + b) + floor == pytest.approx(middle, rel=1e-6)


def test_numbers_do_not_depend_on_the_order_of_states() -> None:
    one = LAYERS["many states"]
    order = np.random.default_rng(0).permutation(one.states)
    turned = replace(one, a=one.a[:, order], S_B=one.S_B[order], S_C=one.S_C[order])
    for name, value in channel_numbers(turned).items():
        np.testing.assert_allclose(value, numbers("many states")[name], rtol=1e-8, atol=1e-12)
