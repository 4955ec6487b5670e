"""Quadratures and closed forms that the integrator is held to: against mpmath, at their edges, and refused beyond them."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.flow.oracles import blow_up_quadrature, closed_form_s0, duration, token_one

#: x0, mu, s, b, floor: either sign of the token, of s and of mu; with and without a floor.
TOKENS = [
    (0.8, 0.7, 1.2, -0.4, 0.0),
    (-0.3, 0.7, 1.2, 0.4, 0.1),
    (0.3, 0.02, -4.0, 0.2, 0.05),
    (-2.0, 0.4, -0.7, -3.0, 0.0),
    (-2.0, 3.0, -0.7, -3.0, 0.0),
    (1e-4, 40.0, 0.0, 1.0, 0.0),
]


def elapsed(w: float, x0: float, mu: float, s: float, b: float, floor: float) -> float:
    """The time from |x0| to e^w by the midpoint rule, extrapolated: dt = dw / (mu x^2 (softplus(s x + b) + floor))."""
    start = np.log(abs(x0))
    table: list[list[float]] = []
    for level in range(7):  # Romberg: errors of the midpoint rule go by even powers
        count = 64 << level
        token = np.sign(x0) * np.exp(start + (w - start) * (np.arange(count) + 0.5) / count)
        rate = mu * token**2 * (np.logaddexp(0.0, s * token + b) + floor)
        row = [float((1 / rate).sum() * (w - start) / count)]
        for order, before in enumerate(table[-1] if table else [], 1):
            row.append(row[-1] + (row[-1] - before) / (4**order - 1))
        table.append(row)
    return table[-1][-1]


@pytest.mark.parametrize("case", TOKENS)
@pytest.mark.parametrize("share", [1e-9, 0.999])
def test_token_one_took_as_long(case: tuple[float, ...], share: float) -> None:
    x0, mu, *step = case
    t = share * float(blow_up_quadrature(x0, mu, *step))
    for sign in (1, -1):
        found = token_one(t, x0, sign * mu, *step)
        assert np.sign(found - np.log(abs(x0))) == sign
        assert elapsed(found, x0, sign * mu, *step) == pytest.approx(t, rel=1e-11 + 1e-14 / share)


def test_a_duration_in_thirty_digits() -> None:
    _, mu, s, b, floor = TOKENS[1]
    with mp.workdps(30):

        def integrand(v: mp.mpf) -> mp.mpf:
            token = -mp.exp(v)
            return 1 / (mu * token**2 * (mp.log1p(mp.exp(s * token + b)) + floor))

        exact = float(mp.quad(integrand, mp.linspace(mp.log(0.3), mp.log(0.3) + 3, 4)))
    low = float(np.log(0.3))
    assert duration(low, low + 3.0, -1.0, mu, s, b, floor) == pytest.approx(exact, rel=2e-14)
    assert elapsed(low + 3.0, *TOKENS[1]) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("case", TOKENS)
def test_durations_add_up_and_turn_round(case: tuple[float, ...]) -> None:
    x0, mu, s, b, floor = case
    law, low = (float(np.sign(x0)), mu, s, b, floor), float(np.log(abs(x0)))
    whole = duration(low, low + 3.0, *law)
    assert whole == pytest.approx(elapsed(low + 3.0, *case), rel=1e-12)
    assert duration(low, low + 1.25, *law) + duration(low + 1.25, low + 3.0, *law) == pytest.approx(whole, rel=1e-13)
    assert duration(low + 3.0, low, *law) == pytest.approx(-whole, rel=1e-13)


def test_a_kink_takes_the_panels_that_it_needs() -> None:
    """A step that opens within 1e-3 of ln x: parts with other panels add up to the whole; and a way of 350 e-folds."""
    law = (1.0, 0.5, 3000.0, -3000.0, 0.01)
    parts = duration(-1.0, 0.0007, *law) + duration(0.0007, 1.3, *law)
    assert duration(-1.0, 1.3, *law) == pytest.approx(parts, rel=2e-12)
    assert duration(0.0, 350.0, 1.0, 0.5, 0.0, 1.0, 0.0) == pytest.approx(1 / float(np.logaddexp(0, 1.0)), rel=1e-12)


@pytest.mark.parametrize("t", [1e-280, 1e-200, 1e-100, 1e-30])
def test_the_first_moments_keep_their_digits(t: float) -> None:
    """ln|x| of a token that starts at 1 is F t, however small: no float64 of its own is lost beside the start."""
    for mu in (0.5, -3.0):
        assert token_one(t, 1.0, mu, 0.0, 1.0) == pytest.approx(mu * t * float(np.logaddexp(0, 1.0)), rel=1e-9)


@pytest.mark.parametrize("distance", [0.9e-3, 1.1e-3, 3.9e-3, 4.1e-3, 1.0, 100.0, 330.0])
def test_any_distance_is_found(distance: float) -> None:
    """Decay at s = 0 from e^distance to 1: x^-2 = x0^-2 + 2 |mu| Delta t."""
    t = -float(np.expm1(-2 * distance)) / (2 * float(np.log(2.0)))
    assert token_one(t, np.exp(distance), -1.0, 0.0, 0.0) == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be_reached_is_refused() -> None:
    for case in (TOKENS[4], TOKENS[5]):  # at s = 0, s x is no number where x leaves float64
        until = float(blow_up_quadrature(*case))
        with pytest.raises(AssumptionError, match="t must lie before the blow-up"):
            token_one(1.01 * until, *case)
    for t in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(AssumptionError, match="t must be positive"):
            token_one(t, 1.0, 1.0, 0.0, 0.0)


def test_what_does_not_blow_up_has_no_time() -> None:
    """mu <= 0; a zero token; a token against the sign of s without a floor: its step shuts. With a floor it blows up."""
    x0 = np.array([1.0, 1.0, 0.0, -1.0, -1.0, 1.0, 1.0, 1.0])
    mu = np.array([0.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1e-9])
    s = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 0.0, 1.0])
    floor = np.array([0.1, 0.1, 0.1, 0.0, 1e-3, 0.0, 0.0, 0.0])
    found = blow_up_quadrature(x0, mu, s, 0.3, floor)
    np.testing.assert_array_equal(np.isfinite(found), [False, False, False, False, True, False, True, True])
    assert blow_up_quadrature(np.ones((2, 1)), 1.0, np.zeros(3), 0.0).shape == (2, 3)


def test_the_closed_form_ends_at_its_blow_up() -> None:
    """x1^-2 = 1 - 2 mu Delta t is literally 0 at mu = Delta = 1, t = 1/2; just before it the form holds."""
    for t, second in ((0.5, 1e-9), (0.5, 1.0), (0.75, 1.0)):
        with pytest.raises(AssumptionError, match="t must lie before the blow-up"):
            closed_form_s0([0.1, t], [1.0, second], 1.0, 0.7, 1.0)
    found = closed_form_s0([0.25, np.nextafter(0.5, 0)], [1.0, -1e-9], 1.0, 0.7, 1.0)
    np.testing.assert_allclose(found[0, 0], np.sqrt(2.0), rtol=1e-15)
    assert found[1, 0] > 1e7
    assert (found[:, 1] < 0).all()


@pytest.mark.parametrize("start", [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_the_closed_form_needs_two_tokens(start: list[float]) -> None:
    with pytest.raises(AssumptionError, match="two nonzero tokens"):
        closed_form_s0([0.1], start, -1.0, 0.7, 1.0)
