"""How near to 0 a sum may come and still be decided: mu K = q ((q - c)^2 + e) in the gate q, which never vanishes for e > 0.

What is said is compared with the sum's own least value; how fine a scan is stands in tables of how many of 400 sizes of e are
left open, a factor of 1.08 apart, so that a coarser grid, fewer cuts or another bound show.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.criteria.carried import NEGATIVE, NONNEGATIVE, UNDECIDED, carried_signs
from s6flow.numeric.criteria.reach import DISTANCES, negative_within, reachable, reached
from s6flow.numeric.criteria.sums import Sums, closed

SIZES = 10.0 ** np.linspace(-16.0, -2.0, 400)


def touching(c: float, e: Any) -> tuple[np.ndarray, np.ndarray]:
    """mu_n and a_n = 1, 2, 3 of sums whose least value is about c e, at the step -ln c."""
    e = np.asarray(e, dtype=float)
    mu = np.stack([c**2 + e, np.full_like(e, -2 * c), np.ones_like(e)], axis=-1)
    return mu, np.broadcast_to([1.0, 2.0, 3.0], mu.shape).copy()


def open_of(codes: np.ndarray) -> int:
    return int((codes == UNDECIDED).sum())


#: c, Delta(0), s, floor -> how many sizes are left open below and above Delta(0).
SCANS = [
    (0.5, 0.3, 1.0, 0.0), (0.5, 1.0, -1.0, 0.0), (0.5, 0.9, 1.0, 0.2), (0.5, 6.0, 1.0, 0.5), (0.05, 0.3, 1.0, 0.0), (0.05, 1.0, -1.0, 0.0),
    (0.05, 0.9, 1.0, 0.2), (0.05, 6.0, 1.0, 0.5), (0.9, 0.05, 2.0, 0.0), (0.2, 40.0, 1.0, 1.5),
]  # fmt: skip

OPEN = [47, 47, 47, 46, 28, 28, 31, 42, 69, 41]
#: Of those that cross 0 by as much, at how many a negative value is seen.
SEEN = [342, 342, 350, 356, 366, 366, 371, 391, 344, 381]


@pytest.mark.parametrize(("place", "scan"), list(enumerate(SCANS)))
def test_a_positive_sum_is_never_called_negative_and_open_only_near_zero(
    place: int, scan: tuple[float, float, float, float]
) -> None:
    c, delta0, s, floor = scan
    every = np.ones_like(SIZES)
    found = carried_signs(*touching(c, SIZES), delta0 * every, s * every, floor)
    sides = (found.below, found.above)
    assert not any((side == NEGATIVE).any() for side in sides)
    meets = int(-np.log(c) >= delta0)  # the side of Delta(0) on which the sum comes near 0
    assert open_of(sides[1 - meets]) == 0
    assert open_of(sides[meets]) == OPEN[place]
    assert (np.flatnonzero(sides[meets] == UNDECIDED) == np.arange(OPEN[place])).all(), "the nearest are left open"
    words = np.array(found.evidence.words())
    assert set(words[sides[meets] == UNDECIDED]) == {"undecided"}
    assert "undecided" not in words[sides[meets] != UNDECIDED]
    # and where it does cross, by as little as that, it is found or left open
    lower = carried_signs(*touching(c, -SIZES), delta0 * every, s * every, floor)
    assert (np.stack([lower.below, lower.above]) != NONNEGATIVE).any(axis=0)[20:].all()
    negative = ~np.isnan(lower.step)
    sums = Sums.of(*touching(c, -SIZES))
    assert (sums.at(np.where(negative, lower.step, 0.0)).sum(axis=1)[negative] < 0).all()
    assert int(negative.sum()) == SEEN[place]


def test_a_sum_that_vanishes_at_the_step_of_a_vanishing_token_is_open_on_both_sides() -> None:
    found = carried_signs(*touching(0.5, [1e-16]), np.array([np.log(2.0)]), np.ones(1), 0.0)
    assert (found.below[0], found.above[0], found.anywhere[0]) == (UNDECIDED, UNDECIDED, UNDECIDED)


def test_what_decides_is_named() -> None:
    """Partial sums at Delta(0) = 1 are 1, 0.45, 0.56 of the first; at 0 the second is below 0, and it reads no scan without a slope."""
    mu, a, one = np.array([[1.0, -1.5, 0.8]]), np.array([[1.0, 2.0, 3.0]]), np.ones(1)
    flat = carried_signs(mu, a, one, 0 * one, 0.0)
    assert (flat.evidence.words()[0], flat.above[0], flat.bound[0]) == ("partial sums", NONNEGATIVE, 2)
    sloped = carried_signs(mu, a, one, one, 0.0)
    assert sloped.evidence.words()[0] == "scan"
    floored = carried_signs(mu, a, 1.5 * one, one, 1.0)  # from a floor of 1 on, partial sums hold
    assert (floored.evidence.words()[0], floored.below[0]) == ("partial sums", NONNEGATIVE)
    for weights, word in (
        ([1.0, 2.0, 0.5], "one sign"),
        ([-0.1, 0.2, 1.0], "slowest state"),
        ([0.3, -3.0, 4.0], "K(0)"),
    ):
        found = carried_signs(np.array([weights]), a, one, one, 0.0)
        assert found.evidence.words()[0] == word
        assert found.anywhere[0] == (NONNEGATIVE if word == "one sign" else NEGATIVE)
        if word != "one sign":
            assert (np.array(weights) * np.exp(-a[0] * found.step[0])).sum() < 0


#: low, high -> how many are left open at sums of 1, 8 and 128 steps, and how many that cross 0 are seen, for c = 1/2 and 1/20.
RANGES = [(0.3, 0.4), (0.01, 2.0), (0.5, 0.5), (1e-320, 3.0), (0.1, 0.11), (1e-7, 0.7)]

WITHIN = [
    [[0, 102, 102, 0, 331, 331], [0, 47, 47, 0, 327, 327]],
    [[116, 116, 116, 277, 277, 277], [0, 84, 84, 4, 326, 326]],
    [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 153, 153]],
    [[140, 140, 140, 294, 294, 294], [83, 83, 83, 362, 362, 362]],
    [[0, 0, 0, 0, 84, 84], [0, 0, 78, 0, 0, 343]],
    [[99, 99, 99, 309, 309, 309], [0, 83, 83, 0, 400, 400]],
]


@pytest.mark.parametrize(("place", "ends"), list(enumerate(RANGES)))
def test_tokens_of_a_range_decide_as_finely(place: int, ends: tuple[float, float]) -> None:
    low, high = (end * np.ones_like(SIZES) for end in ends)
    got = []
    for c in (0.5, 0.05):
        found = negative_within(*touching(c, SIZES), low, high)
        assert (found != NEGATIVE).all()
        got.append([open_of(row) for row in found])
        for row, count in zip(found, DISTANCES, strict=True):
            if -np.log(c) > count * ends[1]:
                assert open_of(row) == 0, "no sum of so few steps comes near the place"
        lower = negative_within(*touching(c, -SIZES), low, high)
        got[-1] += [int((row == NEGATIVE).sum()) for row in lower]
    assert got == WITHIN[place]


def test_multiples_of_one_step_are_asked_without_a_slope() -> None:
    """s = 0: K is negative on steps from 0.8 to 1.4, which a multiple of Delta(0) meets or not."""
    first, second = np.exp(-0.8), np.exp(-1.4)
    steps = np.array([0.1, 0.27, 0.39, 0.41, 0.46, 0.5, 0.699, 0.701, 0.75, 0.79, 0.81, 1.2, 1.39, 1.41, 3.0])
    mu = np.tile([first * second, -(first + second), 1.0], (len(steps), 1))
    a = np.tile([1.0, 2.0, 3.0], (len(steps), 1))
    found = carried_signs(mu, a, steps, np.zeros_like(steps), 0.0)
    meets = [any(0.8 < k * step < 1.4 for k in range(1, 20)) for step in steps]
    np.testing.assert_array_equal(found.above == NEGATIVE, meets)
    np.testing.assert_array_equal(found.above == NONNEGATIVE, ~np.array(meets))
    assert (found.below == NONNEGATIVE).all()
    assert (found.anywhere == found.above).all()


def test_more_multiples_than_are_looked_at_leave_the_end_open() -> None:
    """22 multiples of Delta(0) are asked; of a step so small they end before the slowest state outweighs the others."""
    mu, a = touching(0.5, [1e-3])
    settled = Sums.of(mu, a).settled_after()[0]
    for share, open_end in ((1.01, False), (0.99, True)):
        found = carried_signs(mu, a, np.array([share * settled / 22]), np.zeros(1), 0.0)
        assert bool(found.above[0] == UNDECIDED) is open_end
        assert found.below[0] == NONNEGATIVE


@pytest.mark.parametrize("low", [0.1, 0.3, 1.0])
def test_sums_of_whole_numbers_of_steps_by_brute_force(low: float) -> None:
    high = 1.15 * low
    totals = np.linspace(0.5 * low, 9 * low, 400)
    spans = [(k * low, k * high) for k in range(1, 40)]
    wanted = [next(max(total, start) for start, end in spans if total <= end * (1 + 1e-15)) for total in totals]
    np.testing.assert_allclose(reached(totals, np.full(400, low), np.full(400, high)), wanted, rtol=1e-14)
    assert reached(np.zeros(1), np.array([low]), np.array([high])) == low, "no step is no sum"
    # of k steps exactly, and of an end that k steps have, nothing is drawn forward or back by rounding
    few, many = np.full(1, low), np.full(1, high)
    for k in range(1, 30):
        assert reached(k * many, few, many)[0] == k * high
        assert reached(k * few, few, many)[0] == pytest.approx(k * low, rel=1e-15)
        wanted_end = min((k + 1) * low, k * high) if k * high < (k + 1) * low else (k + 1) * low
        assert reachable(k * few, (k + 1) * few, few, many)[0] == pytest.approx(wanted_end, rel=1e-14)


def test_an_interval_closes_by_its_chord_and_its_bend() -> None:
    """K = e^(-z) - 3 e^(-2z) + 4 e^(-3z) has its least values where they are: no interval that holds a root closes."""
    mu, a = np.array([[1.0, -3.0, 4.0]]), np.array([[1.0, 2.0, 3.0]])
    sums = Sums.of(mu, a)
    low = np.linspace(0.0, 5.0, 101)[:-1]
    rows = np.zeros(len(low), dtype=np.int64)
    finely = closed(sums, rows, low, low + 0.05, 1e-15)
    assert finely.all(), "its least value over e^(-z) is 7/16"
    mu = np.array([[1.0, -4.2, 4.0]])  # e^(-z) (1 - 4.2 q + 4 q^2) vanishes at q = 0.351 and 0.713
    sums = Sums.of(mu, a)
    finely = closed(sums, rows, low, low + 0.05, 1e-15)
    z = low[:, None] + np.linspace(0.0, 0.05, 60)
    q = np.exp(-z)
    least = (1 - 4.2 * q + 4 * q**2).min(axis=1)
    assert not finely[least <= 0].any()
    assert finely[least > 0.02].all()
    # equal values at both ends of nothing: an empty sum is not above its margin
    assert not closed(
        Sums(np.zeros((1, 2)), np.zeros((1, 2))), np.zeros(1, dtype=np.int64), np.zeros(1), np.ones(1), 0.0
    ).any()


@pytest.mark.parametrize(("units", "code"), [(10, UNDECIDED), (60, NEGATIVE), (-60, NONNEGATIVE)])
def test_a_sum_has_a_sign_beyond_its_rounding(units: float, code: int) -> None:
    """1 + 1 - 2 (1 + k eps) at steps so small that every gate is 1: k / 2 eps beside its magnitudes, against 12 eps for three."""
    mu, a = np.array([[1.0, 1.0, -2.0 * (1 + units * np.finfo(float).eps)]]), np.array([[1.0, 2.0, 3.0]])
    step = np.full(1, 1e-290)
    for widest in (1.5, 1.0):  # sums that lie in intervals, and whole multiples of one step alone
        assert (negative_within(mu, a, step, widest * step) == code).all()
    if code == UNDECIDED:
        assert carried_signs(mu, a, step, np.zeros(1), 0.0).above[0] != NONNEGATIVE


@pytest.mark.parametrize(("low", "high", "found"), [(0.5, 0.6, [0, 0, 0]), (0.35, 0.36, [0, 1, 1]), (0.2, 0.8, [1, 1, 1]), (0.3, 0.34, [0, 0, 0]), (0.91, 2.0, [0, 0, 0])])  # fmt: skip
def test_K_between_sums_of_whole_numbers_of_steps_is_not_met(low: float, high: float, found: list[int]) -> None:
    """Negative on sums from 0.70 to 0.89, which one step, or two, or three, have or have not."""
    first, second = np.exp(-0.70), np.exp(-0.89)
    mu, a = np.array([[first * second, -(first + second), 1.0]]), np.array([[1.0, 2.0, 3.0]])
    got = negative_within(mu, a, np.full(1, low), np.full(1, high))[:, 0]
    np.testing.assert_array_equal(got, found)


@pytest.mark.parametrize("met", [True, False])
def test_K_below_zero_at_the_last_sum_before_a_gap_is_met(met: bool) -> None:
    """No sum of steps lies between `count` of the longest and one more of the shortest: what is negative there, and at the
    last one before it or not.
    """
    rng, systems = np.random.default_rng(0), 300
    low = rng.uniform(0.1, 1.0, systems)
    high = low * rng.uniform(1.05, 1.12, systems)
    count = rng.integers(2, 8, systems)
    last, after = count * high, (count + 1) * low
    assert (after > 1.01 * last).all()
    first, second = last * (1 - 0.02 if met else 1 + 1e-3), last + 0.5 * (after - last)
    gates = np.exp(-np.stack([first, second]) / last)
    mu = np.stack([gates.prod(axis=0), -gates.sum(axis=0), np.ones(systems)], axis=1)
    found = negative_within(mu, np.array([1.0, 2.0, 3.0]) / last[:, None], low, high)
    assert (found[0] == NONNEGATIVE).all()
    assert (found[1:] == (NEGATIVE if met else NONNEGATIVE)).all()


def test_equal_rates_are_one_state_and_a_state_alone_keeps_its_weight() -> None:
    """However small it is beside a pair of one rate that cancels to rounding, or not."""
    mu = np.array([[1.0, 2.0, 1e-17, 5.0], [3.0, 1.0, -1.0, 1e-17], [1e-17, 0.1, 0.2, -0.3]])
    a = np.array([[1.0, 1.0, 3.0, 2.0], [1.0, 2.0, 2.0, 5.0], [1.0, 4.0, 4.0, 4.0]])
    found = Sums.of(mu, a)
    np.testing.assert_array_equal(
        found.weights, [[0.0, 3.0, 5.0, 1e-17], [3.0, 0.0, 0.0, 1e-17], [1e-17, 0.0, 0.0, 0.0]]
    )
    np.testing.assert_array_equal(found.sign_changes(), [0, 0, 0])
    for step in (0.0, 0.7):
        exact = (mu * np.exp(-(a - a.min(axis=1, keepdims=True)) * step)).sum(axis=1)
        np.testing.assert_allclose(found.at(np.full(3, step)).sum(axis=1), exact, rtol=1e-14, atol=1e-16)


def test_the_slowest_state_that_counts_outweighs_all_against_it_twice() -> None:
    mu = np.array([[0.0, 1.0, -2.0, 0.5], [1.0, 2.0, 0.0, 0.1], [-0.5, 3.0, 4.0, 0.0], [2.0, -1e-3, 1.0, 1.0]])
    a = np.array([[1.0, 2.0, 3.0, 9.0]] * 4)
    sums = Sums.of(mu, a)
    settled = sums.settled_after()
    np.testing.assert_allclose(settled, [np.log(4.0), 0.0, np.log(28.0), np.log(2.0)])
    np.testing.assert_allclose(sums.leading()[0], [1.0, 1.0, -0.5, 2.0])
    np.testing.assert_allclose(sums.leading()[1], [1.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(sums.sign_changes(), [2, 0, 1, 2])
