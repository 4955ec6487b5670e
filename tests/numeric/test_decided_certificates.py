"""Certificates of exponential sums whose zeros are known: products of powers, double zeros, zeros out of reach, edges of rounding."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.criteria import certificate, certify
from s6flow.numeric.criteria.certify import BITS, RootCertificate, Roots, certify_K, enclose_blow_up_time, sign_changes
from s6flow.numeric.criteria.exponential_sums import HalfLine, OrbitCertificate, certify_orbit, orbit_terms
from s6flow.numeric.weights import S6Layer

flint = pytest.importorskip("flint")


def product(*zeros: float) -> tuple[np.ndarray, np.ndarray]:
    """mu_n and a_n of t prod (t - t_k) with t = exp(-z): the sum is 0 at z = -ln t_k alone."""
    return np.poly(zeros)[::-1], np.arange(1.0, len(zeros) + 2)


def isolated(mu: Any, a: Any, floor: float = 0.0, begun: int = 0) -> tuple[Roots, RootCertificate]:
    """The certificate of a sum over z > floor, of s = 1 and b = 0, and what made it."""
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        roots = Roots(flint, np.asarray(mu, dtype=float), np.asarray(a, dtype=float), 1.0, 0.0, floor)
        roots.splits += begun
        return roots, roots.certificate()
    finally:
        flint.ctx.prec = before


#: zeros in t, and how many intervals are looked at.
PRODUCTS = [((0.5,), 5), ((0.9, 0.2), 25), ((0.7, 0.5, 0.3), 141), ((0.99, 0.5, 0.49, 0.01), 295)]


@pytest.mark.parametrize(("zeros", "work"), PRODUCTS)
def test_every_zero_of_a_product_is_enclosed_as_finely_as_is_said(zeros: tuple[float, ...], work: int) -> None:
    roots, found = isolated(*product(*zeros))
    assert found.complete
    assert found.descartes == len(zeros)
    assert [root.falling for root in found.roots] == [k % 2 == 0 for k in range(len(zeros))]
    for root, t in zip(found.roots, zeros, strict=True):
        exact = -mpmath.log(t)
        assert root.low <= exact + 1e-15 * exact
        assert root.high >= exact - 1e-15 * exact
        assert 4.9e-13 < (root.high - root.low) / float(exact) < 1.01e-12, "halved until it is below 1e-12, not further"
        assert math.log1p(math.exp(root.x)) == pytest.approx(float(exact), rel=1e-11)
    assert roots.splits == work, "an interval is closed as soon as one of its bounds says so"


def test_a_search_begins_at_the_floor() -> None:
    """Zeros at 0.105 and 1.609; the token is that of the step without the floor."""
    roots, found = isolated(*product(0.9, 0.2), floor=0.05)
    assert found.complete
    assert roots.splits == 27
    steps = [math.log1p(math.exp(root.x)) + 0.05 for root in found.roots]
    assert steps == pytest.approx([-math.log(0.9), -math.log(0.2)], rel=1e-10)
    roots, found = isolated(*product(0.9, 0.2), floor=0.5)
    assert roots.splits == 17
    (root,) = found.roots
    assert found.complete
    assert root.low <= -math.log(0.2) <= root.high


#: Sums with an interval that the value alone closes, above 0 or below, where its middle and its slope do not; their splits.
VALUED = [([-0.1, 1.6], [0.22, 3.1], 5), ([-0.1, 1.4, -0.7], [1.16, 1.7, 3.89], 29), ([-0.2, -0.8, 1.1, 0.7, -0.1], [0.08, 0.36, 0.51, 0.83, 1.27], 13)]  # fmt: skip


@pytest.mark.parametrize(("mu", "a", "work"), VALUED)
def test_an_interval_on_which_every_value_has_a_sign_is_closed(mu: list[float], a: list[float], work: int) -> None:
    z = np.linspace(0.0, 40.0, 400_001)
    values = (np.array(mu)[:, None] * np.exp(-np.outer(np.array(a) - a[0], z))).sum(axis=0)
    roots, found = isolated(mu, a)
    assert found.complete
    assert len(found.roots) == np.count_nonzero(np.diff(np.sign(values)))
    assert roots.splits == work


def test_a_double_zero_stays_open_and_its_neighbours_are_found() -> None:
    """Around it neither the sum nor its slope has a sign, down to the last interval."""
    roots, found = isolated(*product(0.5, 0.5))
    assert (found.roots, found.complete, found.descartes) == ((), False, 2)
    assert roots.splits == 589
    _, found = isolated(*product(0.5, 0.5, 0.25))
    assert not found.complete
    (root,) = found.roots
    assert root.low <= math.log(4.0) <= root.high


def test_as_many_intervals_as_are_allowed() -> None:
    """One short of 4,000 leaves a part open that is not said to be searched."""
    assert isolated(*product(0.9, 0.2), begun=4000 - 25)[1].complete
    assert not isolated(*product(0.9, 0.2), begun=4000 - 24)[1].complete


@pytest.mark.parametrize(("size", "tried"), [(100, True), (200, False)])
def test_a_zero_out_of_reach_leaves_the_certificate_open(
    size: float, tried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """exp(-z) - e^size exp(-(1 + 2^-52) z) is 0 at size 2^52; steps are looked at up to 2^59."""
    monkeypatch.setattr(certify, "MOST_SPLITS", 20)
    roots, found = isolated([1.0, -math.exp(size)], [1.0, 1 + 2.0**-52])
    assert (found.roots, found.complete) == ((), False)
    assert (roots.splits > 0) is tried


def test_an_end_without_a_certified_sign_completes_nothing() -> None:
    roots, _ = isolated([1.0, -2.0], [1.0, 2.0])
    brackets: list[Any] = []
    assert roots.split(flint.arb(math.log(2.0), 1e-3), flint.arb(2.0), brackets) is False
    assert brackets == []


def test_signs_that_rounding_hides_are_not_told() -> None:
    """1e30 + 1e-30 - 1e30 is no certified sum in 80 bits, K(0) beside it is."""
    found = certify_K([1e30, 1e-30, -1e30], [1.0, 2.0, 3.0], 1.0, 0.0)
    assert (found.mu_sign, found.sign_at_zero, found.complete) == (None, None, False)
    for mu_sign, at_zero in ((None, 1), (1, None), (-1, None), (None, None)):
        assert RootCertificate((), True, 0, at_zero, mu_sign).dichotomy_can_fail(1.0) is None
    assert sign_changes([flint.arb(1), flint.arb(0, 1)]) is None


def test_states_of_one_rate_count_as_one_for_descartes() -> None:
    assert certify_K([1.0, 2.0, -4.0], [1.0, 1.0, 2.0], 1.0, 0.0).descartes == 1
    assert certify_K([1.0, 2.0, -2.0], [1.0, 2.0, 2.0], 1.0, 0.0).descartes == 0
    assert certify_K([3.0, -2.0, -2.0], [1.0, 1.0, 2.0], 1.0, 0.0).descartes == 1


@pytest.mark.parametrize(
    ("s", "descartes", "fails", "word"),
    [(1.0, 2, False, "holds"), (0.0, 0, False, "holds"), (0.0, 1, False, "inconclusive"), (1.0, 0, None, "inconclusive"), (0.0, 2, True, "fails")],
)  # fmt: skip
def test_without_a_slope_only_one_sign_decides_every_multiple_of_the_step(
    s: float, descartes: int, fails: bool | None, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(dichotomy_can_fail=lambda slope: fails, descartes=descartes)
    monkeypatch.setattr(certificate, "certify_K", lambda *_: found)
    one = np.ones((1, 1))
    layer = S6Layer("one", one, one, one, np.zeros(1), np.zeros(1), one, s * one, np.zeros(1), 0.0)
    assert certificate.certified_verdict(layer, 0) == word


#: x0, mu, s, b, floor: where a step of the rest would be 0, tiny or huge were it computed otherwise.
TIMES = [(1.0, 1.0, 0.0, 0.0, math.log(2.0)), (1.0, 1.0, 0.0, 60.0, 0.0), (1.0, 2.0, 100.0, -60.0, 0.0), (-0.5, 0.3, -2.0, 0.4, 0.1)]  # fmt: skip


@pytest.mark.parametrize(("x0", "mu", "s", "b", "floor"), TIMES)
def test_a_blow_up_time_is_enclosed_within_rounding(x0: float, mu: float, s: float, b: float, floor: float) -> None:
    low, high = enclose_blow_up_time(x0, mu, s, b, floor)
    with mpmath.workdps(40):
        reach = mpmath.mpf(abs(s * x0))
        knee = reach / 60 if reach else mpmath.mpf(1) / 2
        exact = mpmath.quad(
            lambda w: w / (mpmath.log1p(mpmath.exp(-abs(reach / w + b))) + max(reach / w + b, 0) + floor),
            sorted({mpmath.mpf(2) ** -k for k in range(0, 60, 3)} | ({knee} if 0 < knee < 1 else set())),
        ) / (mpmath.mpf(mu) * mpmath.mpf(x0) ** 2)
        assert low * (1 - mpmath.mpf(10) ** -15) <= exact <= high * (1 + mpmath.mpf(10) ** -15)
    assert high - low <= 4 * np.spacing(high)


def test_a_time_asks_for_an_outward_start() -> None:
    for given in ((0.0, 1.0, 1.0, 0.0), (1.0, 0.0, 1.0, 0.0), (1.0, 1.0, -1.0, 0.0), (1.0, 1.0, 1.0, 0.0, -1.0)):
        with pytest.raises(AssumptionError, match="T_1 needs"):
            enclose_blow_up_time(*given)


# ---- the form of token 1 on its orbit


def test_a_floor_moves_every_exponent_alike_and_no_zero() -> None:
    """g(s) of two channels with steps ln 2 and ln(1 + e): 1 - z - z^2 / 4 with z = exp((Delta_2 - Delta_1) s)."""
    M, x, b = [[1.0, -1.0], [-1.0, -1.0]], [1.0, 0.5], [0.0, 1.0]
    gap = math.log1p(math.e) - math.log(2.0)
    exact = math.log(2 * math.sqrt(2.0) - 2) / gap
    for floor in (0.0, 0.4, 5.0):
        found = certify_orbit(M, x, b, floor)
        assert found.complete
        assert (found.changes, found.sign) == (1, -1)
        assert found.end == pytest.approx(exact, rel=1e-11)
        assert len(found.zeros) == 1


def test_a_square_has_a_double_zero_that_stays_open_on_its_side_alone() -> None:
    for x in ([1.0, 2.0], [2.0, 1.0]):  # (x_1 e^(Delta_1 s) - x_2 e^(Delta_2 s))^2, its zero backwards and forwards
        found = certify_orbit([[1.0, -1.0], [-1.0, 1.0]], x, [0.0, 1.0])
        assert (found.zeros, found.complete, found.changes, found.sign) == ((), False, 2, 1)
        assert math.isnan(found.end)


def test_exponents_that_overlap_are_in_no_order() -> None:
    """softplus(-800) and softplus(-801) are both 0 beside a floor of 1; beside no floor they are not."""
    M = np.diag([1.0, -2.0])
    assert certify_orbit(M, [1.0, 0.5], [-801.0, -800.0], 1.0).changes is None
    assert certify_orbit(M, [1.0, 0.5], [-801.0, -800.0]).changes == 1


def test_what_lies_ahead_of_an_orbit() -> None:
    zeros = ((-3.0, -3.0), (-1.0, -1.0), (2.0, 2.0))
    assert OrbitCertificate(zeros, True, 3, 1).ahead(2) == (2.0, math.inf)
    assert OrbitCertificate(zeros, True, 3, -1).ahead(3) == (-1.0, -3.0, -math.inf)
    assert OrbitCertificate(zeros, True, 3, -1).end == -1.0
    assert np.isnan(OrbitCertificate(zeros, True, 3, None).ahead(1)[0]), "no direction, nothing ahead"
    assert math.isnan(OrbitCertificate((), False, 3, 1).end)
    assert math.isnan(OrbitCertificate((), True, 3, None).end)
    assert OrbitCertificate((), False, 3, 0).end == 0.0


def test_one_side_of_an_orbit_begins_with_no_interval_looked_at() -> None:
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        M, x, b = np.array([[1.0, -1.0], [-1.0, -1.0]]), np.array([1.0, 0.5]), np.array([0.0, 1.0])
        half = HalfLine(flint.arb, orbit_terms(flint.arb, M, x, b, 0.0))
        (zero,), complete = half.zeros()
    finally:
        flint.ctx.prec = before
    assert complete
    assert zero[0] > 0
    assert half.splits == 7
