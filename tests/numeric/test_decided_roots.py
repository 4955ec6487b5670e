"""Certified roots, exponential sums and phase lines: planted polynomials with known roots, naive loops, both sides of bounds.

One long file: planted polynomials shared by three solvers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.criteria.certify import RootCertificate, RootEnclosure, certify_K, enclose_blow_up_time
from s6flow.numeric.criteria.exponential_sums import certify_orbit
from s6flow.numeric.criteria.phase_line import fate_of, probes
from s6flow.numeric.criteria.reach import reachable, reached
from s6flow.numeric.criteria.sums import Nodes, Pieces, Sums
from s6flow.numeric.thresholds import PHASE_ROUNDING
from s6flow.symbolic.ends import End

flint = pytest.importorskip("flint")


def polynomial(roots: list[float], lead: float = 1.0) -> tuple[list[float], list[float]]:
    """Weights and rates of u (u - r1) (u - r2) ... in u = e^-z: K has the roots z = -ln r."""
    weights = np.atleast_1d(lead * np.poly(roots))[::-1]
    return weights.tolist(), [1.0 + place for place in range(len(weights))]


@pytest.mark.parametrize(
    ("roots", "lead"),
    [([0.5], 1.0), ([0.25], -3.0), ([0.75, 0.25], 2.0), ([0.9, 0.5, 0.1], -1.0), ([0.99, 0.7, 0.3, 0.01], 1.0), ([2.0, 0.5], 1.0), ([3.0], 1.0), ([-0.5, 0.125], 1.0)],
)  # fmt: skip
@pytest.mark.parametrize(("s", "b", "floor"), [(1.0, 0.3, 0.0), (-2.0, -1.0, 0.2), (0.5, 2.0, 0.05)])
def test_roots_of_polynomials_are_found(roots: list[float], lead: float, s: float, b: float, floor: float) -> None:
    weights, rates = polynomial(roots, lead)
    found = certify_K(weights, rates, s, b, floor)
    exact = sorted(-np.log(root) for root in roots if 0 < root < np.exp(-floor))
    assert found.complete
    assert found.mu_sign == np.sign(sum(weights))
    at_zero = np.exp(-(np.logaddexp(0, b) + floor))
    assert found.sign_at_zero == np.sign(lead * np.prod([at_zero - root for root in roots])) * found.mu_sign
    signs = [sign for sign in np.sign(weights) if sign]
    assert found.descartes == sum(one != other for one, other in pairwise(signs))
    assert len(found.roots) == len(exact)
    for one, z in zip(found.roots, exact, strict=True):
        assert one.low <= z * (1 + 1e-12)
        assert z * (1 - 1e-12) <= one.high
        assert one.high - one.low <= 4e-12 * z
        assert one.x == pytest.approx((np.log(np.expm1(z - floor)) - b) / s, rel=1e-9, abs=1e-9)
        later, before = (
            lead * np.prod([np.exp(-z * share) - root for root in roots]) * found.mu_sign
            for share in (1 + 1e-6, 1 - 1e-6)
        )
        assert one.falling == (later < before)


def test_states_of_one_rate_are_one_term() -> None:
    weights, rates = polynomial([0.75, 0.25])
    plain = certify_K(weights, rates, 1.0, 0.3)
    split = certify_K(
        [*(0.25 * np.array(weights)), 0.0, *(1.5 * np.array(weights)), *(-0.75 * np.array(weights))],
        [*rates, 0.5, *rates, *rates], 1.0, 0.3,
    )  # fmt: skip
    assert (split.descartes, split.complete, len(split.roots)) == (plain.descartes, plain.complete, 2)
    for one, other in zip(split.roots, plain.roots, strict=True):
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-11)
        assert one.falling == other.falling


@pytest.mark.parametrize("beside", [[], [0.875], [0.0625]])
def test_a_double_root_is_left_open(beside: list[float]) -> None:
    """u (u - 1/2)^2 touches zero at z = ln 2: no sign, and no count, can be certified there."""
    found = certify_K(*polynomial([0.5, 0.5, *beside]), 1.0, 0.3)
    assert not found.complete
    assert len(found.roots) <= len(beside)


def test_sums_of_no_weight_or_no_slope() -> None:
    none = certify_K([0.0], [1.0], 0.0, 0.0)
    assert (none.roots, none.complete, none.descartes, none.sign_at_zero, none.mu_sign) == ((), False, 0, 0, 0)
    flat = certify_K([2.0, -1.0], [1.0, 2.0], 0.0, 0.0)  # s = 0: K is one number
    assert (flat.roots, flat.complete, flat.sign_at_zero, flat.mu_sign, flat.descartes) == ((), True, 1, 1, 1)
    balanced = certify_K([1.0, -1.0], [1.0, 2.0], 1.0, 0.0)
    assert (balanced.complete, balanced.mu_sign, balanced.sign_at_zero) == (False, 0, 0)


@pytest.mark.parametrize(
    ("weights", "rates", "step", "low"),
    [
        ([np.nan, 1.0], [1.0, 2.0], (1.0, 0.0, 0.0), "1"),
        ([1.0, np.inf], [1.0, 2.0], (1.0, 0.0, 0.0), "1"),
        ([1.0, 1.0], [0.0, 2.0], (1.0, 0.0, 0.0), "0"),
        ([1.0, 1.0], [3.0, -2.0], (1.0, 0.0, 0.0), "-2"),
        ([1.0, 1.0], [3.0, 2.0], (np.nan, 0.0, 0.0), "2"),
        ([1.0, 1.0], [3.0, 2.0], (1.0, np.inf, 0.0), "2"),
        ([1.0, 1.0], [3.0, 2.0], (1.0, 0.0, np.inf), "2"),
    ],
)
def test_sums_need_finite_numbers(weights: list[float], rates: list[float], step: tuple[float, ...], low: str) -> None:
    with pytest.raises(AssumptionError, match=rf"every a_n > 0; got {low}[.0]* at certify_K"):
        certify_K(weights, rates, *step)


@pytest.mark.parametrize(("x", "falling", "s", "stable"), [
    (1.0, True, 1.0, True), (1.0, False, 1.0, False), (1.0, True, -1.0, False), (1.0, False, -1.0, True),
    (-1.0, True, 1.0, False), (-1.0, False, 1.0, True), (-1.0, True, -1.0, True), (-1.0, False, -1.0, False),
])  # fmt: skip
def test_a_root_is_stable_where_K_falls_as_the_token_grows(x: float, falling: bool, s: float, stable: bool) -> None:
    assert RootEnclosure(1.0, 1.1, x, falling).stable(s) is stable


@pytest.mark.parametrize(
    ("mu", "at_zero", "root", "complete", "fails"),
    [
        (None, 1, None, True, None), (1, None, None, True, None), (None, -1, None, True, None), (0, -1, None, True, False), (-1, -1, True, True, False),
        (1, -1, None, False, True), (1, 0, None, True, False), (1, 0, None, False, None), (1, 1, None, True, False), (1, 1, None, False, None),
        (1, 1, True, False, True), (1, 1, True, True, True), (1, 1, False, True, False), (1, 1, False, False, None),
    ],
)  # fmt: skip
def test_when_the_dichotomy_can_fail(mu: Any, at_zero: Any, root: bool | None, complete: bool, fails: Any) -> None:
    roots = () if root is None else (RootEnclosure(1.0, 1.1, 1.0, root),)
    assert RootCertificate(roots, complete, 1, at_zero, mu).dichotomy_can_fail(1.0) is fails


@pytest.mark.parametrize(("x0", "mu", "s", "b", "floor"), [
    (0.8, 0.7, 0.0, -0.4, 0.0), (-3.0, 2.0, 0.0, 5.0, 0.1), (0.5, 1.0, 1.0, 0.0, 0.0), (-2.0, 0.3, -0.7, -3.0, 0.2), (1e-3, 40.0, 5.0, 2.0, 0.0),
])  # fmt: skip
def test_blow_up_times_are_enclosed_to_the_last_digits(x0: float, mu: float, s: float, b: float, floor: float) -> None:
    low, high = enclose_blow_up_time(x0, mu, s, b, floor)
    with mp.workdps(30):

        def integrand(w: mp.mpf) -> mp.mpf:
            return w / (mp.log1p(mp.exp(s * x0 / w + b)) + floor)

        if s == 0:
            exact = 1 / (2 * (mp.log1p(mp.exp(mp.mpf(b))) + mp.mpf(floor)) * mu * mp.mpf(x0) ** 2)
        else:
            exact = mp.quad(integrand, [mp.mpf(2) ** -power for power in range(40, -1, -4)]) / (mu * mp.mpf(x0) ** 2)
        assert low <= exact <= high
    assert high - low <= 6e-16 * high


@pytest.mark.parametrize(
    "case", [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, -1.0), (-1.0, 1.0, 1.0)]
)
def test_no_time_is_enclosed_where_nothing_blows_up(case: tuple[float, float, float]) -> None:
    with pytest.raises(AssumptionError, match="T_1 needs"):
        enclose_blow_up_time(*case, 0.0)
    with pytest.raises(AssumptionError, match="T_1 needs"):
        enclose_blow_up_time(1.0, 1.0, 1.0, 0.0, -1e-9)


BIAS = np.log(np.expm1([1.0, 2.0]))  # steps of 1 and 2


@pytest.mark.parametrize(
    ("zeros", "lead"),
    [([], 1.0), ([], -2.0), ([0.5], 1.0), ([2.0], 1.0), ([0.5, 4.0], 1.0), ([0.25, 0.5], -1.0), ([3.0, 5.0], 2.0)],
)
def test_forms_on_orbits_have_their_planted_zeros(zeros: list[float], lead: float) -> None:
    """Exponents 2, 3, 4: v^2 (A + B v + C v^2) with v = e^s, whose zeros are s = ln v."""
    A, B, C = [*np.atleast_1d(lead * np.poly(zeros))[::-1], 0.0, 0.0][:3]
    x = np.array([2.0, -0.5])
    form = np.array([[A / x[0] ** 2, 0.75 * B / (x[0] * x[1])], [0.25 * B / (x[0] * x[1]), C / x[1] ** 2]])
    found = certify_orbit(form, x, BIAS)
    exact = np.log(sorted(zeros))
    assert found.complete
    assert found.sign == np.sign(A + B + C)
    np.testing.assert_allclose([(low + high) / 2 for low, high in found.zeros], exact, rtol=1e-9)
    assert all(
        low <= zero * (1 + np.sign(zero) * 1e-11) and zero * (1 - np.sign(zero) * 1e-11) <= high
        for (low, high), zero in zip(found.zeros, exact, strict=True)
    )
    ahead = [zero for zero in exact if zero * found.sign > 0]
    assert found.end == pytest.approx(found.sign * min(map(abs, ahead), default=np.inf), rel=1e-9)
    signs = [np.sign(value) for value in (A, B, C) if value]
    assert found.changes == sum(one != other for one, other in pairwise(signs))
    other = certify_orbit(form, x, BIAS, 1.0)  # steps of 2 and 3: exponents 4, 5, 6
    np.testing.assert_allclose([(low + high) / 2 for low, high in other.zeros], exact, rtol=1e-9)
    again = certify_orbit(form, x, np.log(np.expm1([0.5, 1.5])), 0.5)
    np.testing.assert_allclose([(low + high) / 2 for low, high in again.zeros], exact, rtol=1e-9)


def test_the_default_floor_is_none() -> None:
    form = np.array([[1.0, -3.0], [0.0, 1.0]])
    plain, floored = certify_orbit(form, [1.0, 1.0], [0.0, 1.0]), certify_orbit(form, [1.0, 1.0], [0.0, 1.0], 0.0)
    assert plain == floored
    assert plain.zeros


@pytest.mark.parametrize("place", range(5))
def test_forms_need_finite_numbers(place: int) -> None:
    given: list[Any] = [np.eye(2), np.ones(2), np.zeros(2), 0.0]
    if place == 3:
        given[3] = np.inf
    elif place == 4:
        given[2] = np.array([0.0, np.nan])
    else:
        given[place] = given[place].copy()
        given[place].flat[0] = np.nan
    with pytest.raises(AssumptionError, match="finite parameters"):
        certify_orbit(*given)


# ---- exponential sums in float64


def test_sums_are_the_written_ones_with_equal_rates_together() -> None:
    rng = np.random.default_rng(0)
    a = rng.choice([0.5, 1.0, 1.5, 3.0], size=(60, 5))
    mu = rng.choice([-2.0, -0.5, 0.25, 1.0, 3.0], size=(60, 5))
    mu[0], a[0] = [1.0, -1.0, 2.0, -2.0, 0.5], [1.0, 1.0, 3.0, 3.0, 0.5]
    mu[1], a[1] = [1.0, 2.0, 3.0, 4.0, -5.0], [0.5, 0.5, 0.5, 3.0, 3.0]
    sums, step = Sums.of(mu, a), rng.uniform(0, 2, 60)
    for row in range(60):
        rates = sorted(set(a[row]))
        weights = [sum(m for m, r in zip(mu[row], a[row], strict=True) if r == rate) for rate in rates]
        kept = [(rate - rates[0], weight) for rate, weight in zip(rates, weights, strict=True) if weight]
        found = [(rate, weight) for rate, weight in zip(sums.rates[row], sums.weights[row], strict=True) if weight]
        assert found == kept
        signs = [np.sign(weight) for _, weight in kept]
        assert sums.sign_changes()[row] == sum(one != other for one, other in pairwise(signs))
        direct = sum(m * np.exp(-(r - rates[0]) * step[row]) for m, r in zip(mu[row], a[row], strict=True))
        assert sums.at(step)[row].sum() == pytest.approx(direct, rel=1e-12, abs=1e-14)
        if kept:
            assert (sums.leading()[1][row], sums.leading()[0][row]) == kept[0]
            rival = sum(abs(weight) for _, weight in kept if weight * kept[0][1] < 0)
            gaps = [rate - kept[0][0] for rate, weight in kept if weight * kept[0][1] < 0]
            after = np.log(max(2 * rival / abs(kept[0][1]), 2.0)) / min(gaps) if gaps else 0.0
            assert sums.settled_after()[row] == pytest.approx(after)
        magnitudes, bends = [abs(weight) for _, weight in found], [weight * rate**2 for rate, weight in found]
        whole = sums.four[:, row].sum(axis=1)
        expected = [
            sum(w for _, w in found),
            sum(magnitudes),
            sum(max(one, 0) for one in bends),
            -sum(min(one, 0) for one in bends),
        ]
        np.testing.assert_allclose(whole, expected, rtol=1e-14)


def test_rounding_of_equal_rates_is_no_weight() -> None:
    for rest, counts in ((1e-17, False), (4.5e-16, False), (1e-15, True)):
        found = Sums.of(np.array([[1.0 + rest, -1.0]]), np.array([[1.0, 1.0]])).weights
        assert (found != 0).any() == counts


def pieces(low: list[float], high: list[float], steps: tuple[float, float]) -> Pieces:
    rows = np.zeros(1, dtype=np.int64)
    one, other = (np.array(values)[:, None] for values in (low, high))
    return Pieces(Nodes(rows, np.array([steps[0]]), one), Nodes(rows, np.array([steps[1]]), other))


@pytest.mark.parametrize(("bend", "closed"), [(1.98, True), (2.02, False)])
@pytest.mark.parametrize("turned", [False, True])
def test_an_interval_is_closed_by_its_chord_less_its_sag(bend: float, closed: bool, turned: bool) -> None:
    """At 1 and 5 over a span of 2: the chord's least is 1, the sag 4/8 of what K'' can be, up at the left less down at the right."""
    low, high = (
        ([5.0, 9.0, bend + 0.5, 7.0], [1.0, 8.0, 7.0, 0.5])
        if turned
        else ([1.0, 9.0, bend + 0.5, 7.0], [5.0, 8.0, 7.0, 0.5])
    )
    assert pieces(low, high, (1.0, 3.0)).closed(1e-6)[0] == closed
    assert pieces(low, high, (1.0, 3.0)).closed(1.0e-3)[0] == closed
    assert not pieces(low, high, (1.0, 3.0)).closed(1.2e-3)[0]
    assert pieces([1.0, 9.0, 0.0, 0.0], [5.0, 9.0, 0.0, 9.0], (1.0, 3.0)).closed(0.11)[0]
    assert not pieces([1.0, 9.0, 0.0, 0.0], [5.0, 9.0, 0.0, 9.0], (1.0, 3.0)).closed(0.112)[0]


def test_nodes_are_negative_beyond_rounding() -> None:
    values = np.array([[-1.0, -1.0, 0.0, 1.0, -1e-9], [0.9e3, 1.1e3, 0.0, 1.0, 0.0]])
    nodes = Nodes(np.arange(5), np.ones(5), np.concatenate([values, values]))
    np.testing.assert_array_equal(nodes.negative(1e-3), [True, False, False, False, True])


def test_sums_of_steps_that_can_be_reached() -> None:
    """Against a loop over the number of steps, in dyadic numbers, so that ends meet exactly."""
    for low, high in ((1.0, 1.25), (0.5, 0.5), (0.75, 2.0), (0.25, 0.3125)):
        for eighth in range(1, 80):
            total = eighth / 8
            count = 1
            while count * high < total:
                count += 1
            args = (np.array([value]) for value in (total, low, high))
            assert reached(*args)[0] == max(total, count * low)
            right = total + 0.375
            most = int(total / low + 1e-9)
            alone = (most + 1) * low >= right
            expected = min(right, max(total, most * high)) if alone else right
            found = reachable(*(np.array([value]) for value in (total, right, low, high)))[0]
            assert found == expected


# ---- the phase line


@pytest.mark.parametrize(("low", "high", "sign", "expected"), [
    (1.0, 3.0, 1, [0.5, 2.0, 6.0]), (3.0, 1.0, 1, [0.5, 2.0, 6.0]), (-2.0, 3.0, 1, [1.5, 6.0, np.nan]), (-2.0, 3.0, -1, [-1.0, -4.0, np.nan]),
    (-3.0, -1.0, -1, [-0.5, -2.0, -6.0]), (-3.0, -1.0, 1, [1.0, np.nan, np.nan]), (np.nan, np.nan, -1, [-1.0, np.nan, np.nan]), (0.0, 4.0, 1, [2.0, 8.0, np.nan]),
])  # fmt: skip
def test_a_probe_stands_between_all_equilibria(low: float, high: float, sign: int, expected: list[float]) -> None:
    found = probes({"root_low": np.array([low]), "root_high": np.array([high])}, sign)
    np.testing.assert_array_equal(found[:, 0], expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("share", "decided"), [(0.96, False), (1.04, True), (-0.96, False), (-1.04, True)])
def test_a_start_is_decided_beyond_the_rounding_of_its_rate(sign: float, share: float, decided: bool) -> None:
    """p = (x - 3) (x - 1/2) at 3 (1 + d): 7.5 d, whose terms are 9, 10.5 and 1.5."""
    numbers = {key: np.array([value]) for key, value in {
        "mu": 1.0, "nu": -3.5 * sign, "lambda": 1.5, "s": sign, "root_low": min(0.5 * sign, 3 * sign), "root_high": max(0.5 * sign, 3 * sign),
    }.items()}  # fmt: skip
    start = np.array([sign * 3.0 * (1 + share * PHASE_ROUNDING * 21.0 / 7.5)])
    found = int(fate_of(start, numbers, 0.0)[0])
    assert (found != End.NOT_DECIDED) == decided
    if decided:
        assert found == (End.FAST if share > 0 else End.ROOT)
