"""Certificates in ball arithmetic: roots of K and the blow-up time of token 1."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from s6flow.errors import AssumptionError, MissingDependencyError

__all__ = [
    "MOST_SPLITS",
    "RootCertificate",
    "RootEnclosure",
    "Roots",
    "ball_softplus",
    "certify_K",
    "enclose_blow_up_time",
    "require_flint",
    "sign_changes",
    "sign_of",
]

#: Bits of the balls for roots: doubles are settled with room to spare.
BITS = 80
#: Intervals that one search for roots looks at; what is left of it then is not said to be searched.
MOST_SPLITS = 4000


def require_flint() -> Any:
    """The flint module.

    Raises: MissingDependencyError: if it is not installed.
    """
    try:
        import flint
    except ImportError:
        raise MissingDependencyError(
            "certificates need python-flint", "no python-flint", "", "Run pip install 's6flow[rigorous]'."
        ) from None
    return flint


@dataclass(frozen=True)
class RootEnclosure:
    """One simple root of K, certified by opposite signs at the ends and a derivative that keeps its sign.

    Args:
        low, high: the root's step Delta lies between.
        x: the root's token, to the accuracy of float64.
        falling: whether K / mu's sign falls as Delta grows there.
    """

    low: float
    high: float
    x: float
    falling: bool

    def stable(self, s: float) -> bool:
        """Whether K falls as |x| grows: then token m+1 tends to this root, a finite nonzero limit (theory 8, E3)."""
        grows_with_x = (s > 0) != self.falling
        return (self.x > 0) != grows_with_x


@dataclass(frozen=True)
class RootCertificate:
    """The roots of K(x) = sum_n (mu_n / mu) exp(-a_n Delta(x)) over all tokens x.

    Args:
        roots: enclosures in ascending order of Delta.
        complete: whether it is certified that there are no others.
        descartes: sign changes of mu_n in the order of a_n, an upper bound of the number of roots.
        sign_at_zero: certified sign of K(0), or None if the ball holds zero.
        mu_sign: certified sign of mu, or None.
    """

    roots: tuple[RootEnclosure, ...]
    complete: bool
    descartes: int
    sign_at_zero: int | None
    mu_sign: int | None

    def dichotomy_can_fail(self, s: float) -> bool | None:
        """Certified: mu > 0 and K(0) < 0, or a root at which K falls as |x| grows; None if undecided (theory 8)."""
        if self.mu_sign is None or self.sign_at_zero is None:
            return None
        if self.mu_sign <= 0:
            return False
        if self.sign_at_zero < 0 or any(root.stable(s) for root in self.roots):
            return True
        return False if self.complete else None


def ball_softplus(z: Any) -> Any:
    """softplus of a ball, without cancellation where it is positive."""
    return z + (-z).exp().log1p() if z > 0 else z.exp().log1p()


def sign_of(ball: Any) -> int | None:
    """Certified sign of a ball; None if it is not certified."""
    return 1 if ball > 0 else (-1 if ball < 0 else (0 if ball.is_zero() else None))


def sign_changes(values: list[Any]) -> int | None:
    """Sign changes of a sequence of balls; None if a sign is not certified."""
    signs = [sign_of(value) for value in values]
    if None in signs:
        return None
    kept = [sign for sign in signs if sign]
    return sum(x != y for x, y in itertools.pairwise(kept))


def certify_K(mu: ArrayLike, a: ArrayLike, s: float, b: float, floor: float = 0.0) -> RootCertificate:
    """Isolate every root of K with certified signs and a certified count.

    Args:
        mu, a: mu_n and decay rates a_n > 0, shape (state).
        s, b, floor: the step.
    Raises: AssumptionError: a_n <= 0 or no finite numbers. MissingDependencyError: python-flint is not installed.
    Numerics: K is an exponential sum in z = Delta. Beyond z0 it has at most as many roots as its partial sums at z0
    change sign (Laguerre); up to there intervals are split until the sum, or its derivative, keeps its sign.
    """
    flint = require_flint()
    weights, rates = np.asarray(mu, dtype=float), np.asarray(a, dtype=float)
    if not (np.isfinite(weights).all() and np.isfinite([s, b, floor]).all() and (rates > 0).all()):
        low = rates.min() if rates.size else None
        raise AssumptionError("K needs finite parameters and every a_n > 0", low, "certify_K")
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        return Roots(flint, weights, rates, float(s), float(b), float(floor)).certificate()
    finally:
        flint.ctx.prec = before


class Roots:
    def __init__(self, flint: Any, mu: Any, a: Any, s: float, b: float, floor: float) -> None:
        keep = [index for index in np.argsort(a, kind="stable") if mu[index] != 0]
        self.arb = flint.arb
        self.mu = [self.arb(float(mu[index])) for index in keep]
        self.a = [self.arb(float(a[index])) for index in keep]
        self.minus_a = [-rate for rate in self.a]
        self.s, self.b, self.floor = s, b, floor
        self.splits = 0

    def terms(self, z: Any) -> list[Any]:
        return [m * (r * z).exp() for m, r in zip(self.mu, self.minus_a, strict=True)]

    def value(self, z: Any) -> Any:
        return sum(self.terms(z), self.arb(0))

    def slope(self, z: Any) -> Any:
        return sum((r * term for r, term in zip(self.minus_a, self.terms(z), strict=True)), self.arb(0))

    def partial_sums(self, z: Any) -> list[Any]:
        # states with one and the same rate are one term
        sums, total = [], self.arb(0)
        terms = self.terms(z)
        for index, term in enumerate(terms):
            total = total + term
            if index + 1 == len(terms) or self.a[index + 1] > self.a[index]:
                sums.append(total)
        return sums

    def certificate(self) -> RootCertificate:
        arb = self.arb
        total = sign_of(sum(self.mu, arb(0)))
        step = arb(self.b)
        softplus = ball_softplus(step)
        at_zero = sign_of(self.value(softplus + arb(self.floor)))
        K0 = None if total is None or at_zero is None else at_zero * total
        merged: list[tuple[float, Any]] = []
        for m, rate in zip(self.mu, self.a, strict=True):
            if merged and merged[-1][0] == float(rate):
                merged[-1] = (merged[-1][0], merged[-1][1] + m)
            else:
                merged.append((float(rate), m))
        descartes = sign_changes([m for _, m in merged])
        bound = len(self.mu) if descartes is None else descartes
        if self.s == 0 or total in (0, None):
            return RootCertificate((), self.s == 0 and bool(K0), bound, K0, total)  # s = 0: K is one number, perhaps 0
        found, complete = self.isolate()
        return RootCertificate(tuple(found), complete, bound, K0, total)

    def isolate(self) -> tuple[list[RootEnclosure], bool]:
        low = self.arb(self.floor)
        if sign_changes(self.partial_sums(low)) == 0:
            return [], True
        high = low + 1 / self.a[0]
        for _ in range(60):
            if sign_changes(self.partial_sums(high)) == 0:
                break
            high = self.arb((low + 2 * (high - low)).mid())
        else:
            return [], False
        brackets: list[tuple[Any, Any]] = []
        complete = self.split(low, self.arb(high.mid()), brackets)
        return [self.refine(lo, hi) for lo, hi in brackets], complete

    def split(self, low: Any, high: Any, brackets: list[tuple[Any, Any]]) -> bool:
        """Collect intervals with exactly one root each; False if some part stays undecided."""
        self.splits += 1
        if self.splits > MOST_SPLITS:
            return False
        ball = low.union(high)
        middle = self.arb(((low + high) / 2).mid())
        slope = self.slope(ball)
        if sign_of(slope) in (1, -1):
            left, right = sign_of(self.value(low)), sign_of(self.value(high))
            if left is None or right is None or 0 in (left, right):
                return self.halve(low, middle, high, brackets)
            if left * right < 0:
                brackets.append((low, high))
            return True
        centred = self.value(middle) + slope * (ball - middle)  # mean value form: second-order enclosure
        if sign_of(centred) in (1, -1) or sign_of(self.value(ball)) in (1, -1):
            return True
        return self.halve(low, middle, high, brackets)

    def halve(self, low: Any, middle: Any, high: Any, brackets: list[tuple[Any, Any]]) -> bool:
        if not low < middle < high or float((high - low).mid()) < 1e-13 * float(high.mid()):
            return False
        left = self.split(low, middle, brackets)
        return self.split(middle, high, brackets) and left

    def refine(self, low: Any, high: Any) -> RootEnclosure:
        sign = sign_of(self.value(low))
        for _ in range(60):
            middle = self.arb(((low + high) / 2).mid())
            here = sign_of(self.value(middle))
            if here in (None, 0) or float((high - low).mid()) < 1e-12 * float(high.mid()):
                break
            low, high = (middle, high) if here == sign else (low, middle)
        z = max(float(((low + high) / 2 - self.floor).mid()), 5e-324)
        x = (z + math.log(-math.expm1(-z)) - self.b) / self.s  # inverse of softplus
        total = sign_of(sum(self.mu, self.arb(0))) or 1
        return RootEnclosure(_down(low.lower()), _up(high.upper()), x, (sign or 0) * total > 0)


def enclose_blow_up_time(
    x0: float, mu: float, s: float, b: float, floor: float = 0.0, bits: int = 128
) -> tuple[float, float]:
    """A rigorous enclosure of T_1 = int_{|x0|}^oo dr / (mu r^3 Delta(sign(x0) r)).

    Args:
        x0: token 1 at the start, not zero, s x0 >= 0.
        mu: sum of the mu_n, > 0.
        s, b, floor: the step.
    Returns: lower and upper end, rounded outwards.
    Raises: AssumptionError: outside these domains.
    Numerics: r = |x0|/w maps to w in (0, 1]; rigorous quadrature down to w = 2^-40, the rest lies between 0 and
    w^2/2 over the smallest step there.
    """
    if not (x0 != 0 and mu > 0 and s * x0 >= 0 and floor >= 0):
        raise AssumptionError("T_1 needs x0 != 0, mu > 0, s x0 >= 0", (x0, mu, s), "enclose_blow_up_time")
    flint = require_flint()
    arb, acb = flint.arb, flint.acb
    before, flint.ctx.prec = flint.ctx.prec, bits
    try:
        reach = arb(abs(s)) * arb(abs(x0))

        def step(z: Any, analytic: bool = False) -> Any:
            if z.real > 0:
                return z + (1 + (-z).exp()).log(analytic)
            return (1 + z.exp()).log(analytic)

        def integrand(w: Any, analytic: bool) -> Any:
            return w / (step(reach / w + b, analytic) + floor)

        cut = arb(2) ** -40
        edges = [cut * arb(2) ** power for power in range(0, 41, 5)]
        total = arb(0)
        for low, high in itertools.pairwise(edges):
            total += acb.integral(integrand, acb(low), acb(high)).real
        rest = cut**2 / (2 * (step(acb(reach / cut + b)).real + floor))
        time = (total + rest.union(arb(0))) / (arb(mu) * arb(x0) ** 2)
        return _down(time.lower()), _up(time.upper())
    finally:
        flint.ctx.prec = before


def _down(value: Any) -> float:
    return math.nextafter(float(value), -math.inf)


def _up(value: Any) -> float:
    return math.nextafter(float(value), math.inf)
