"""The form of token 1 on its orbit when steps are constant: a sum of exponentials, its zeros certified (theory 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from s6flow.errors import AssumptionError
from s6flow.numeric.criteria.certify import BITS, Roots, ball_softplus, require_flint, sign_changes, sign_of

__all__ = ["HalfLine", "OrbitCertificate", "certify_orbit", "orbit_terms"]


@dataclass(frozen=True)
class OrbitCertificate:
    """The real zeros of g(s) = sum_de M_de x_d x_e exp((Delta_d + Delta_e) s).

    Args:
        zeros: enclosures (low, high) in ascending order, exactly one zero in each.
        complete: whether it is certified that there are no others; not where g(0) = 0.
        changes: sign changes of the coefficients in the order of their exponents, an upper bound of the number of zeros;
            None if a coefficient's sign is not certified.
        sign: certified sign of g(0), the form at the start, or None.
    """

    zeros: tuple[tuple[float, float], ...]
    complete: bool
    changes: int | None
    sign: int | None

    @property
    def end(self) -> float:
        """The first zero ahead: of the positive ones where g(0) > 0, of the negative ones where g(0) < 0; inf or -inf if
        there is none, 0 where g(0) = 0, NaN if that is undecided."""
        if self.sign == 0:
            return 0.0
        if self.sign is None or not self.complete:
            return math.nan
        return self.ahead(1)[0]

    def ahead(self, count: int) -> tuple[float, ...]:
        """The zeros that the token moves towards from where it starts, nearest first; inf or -inf where there are no more."""
        side = self.sign or 0
        found = sorted(abs(low + high) / 2 for low, high in self.zeros if (low + high) * side > 0)
        return tuple(side * value for value in (found + [math.inf] * count)[:count])


def certify_orbit(form: ArrayLike, x: ArrayLike, b: ArrayLike, floor: float = 0.0) -> OrbitCertificate:
    """Isolate every zero of the form on the orbit of token 1.

    Args:
        form: M = S_C^T S_B, shape (channel, channel).
        x: token 1 at the start, shape (channel).
        b: step biases, so that Delta_d = softplus(b_d) + floor for every token, shape (channel).
    Raises: AssumptionError: no finite numbers. MissingDependencyError: python-flint is not installed.
    Numerics: backwards g is a sum of decaying exponentials in -s as it stands; forwards it becomes one when divided by
    an exponential that grows faster than all of its terms.
    """
    flint = require_flint()
    M, start, bias = (np.asarray(value, dtype=float) for value in (form, x, b))
    if not (np.isfinite(M).all() and np.isfinite(start).all() and np.isfinite([*bias, floor]).all()):
        raise AssumptionError("the form on an orbit needs finite parameters", None, "certify_orbit")
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        terms = orbit_terms(flint.arb, M, start, bias, float(floor))
        return _certificate(flint, terms)
    finally:
        flint.ctx.prec = before


def orbit_terms(arb: Any, M: Any, start: Any, bias: Any, floor: float) -> list[tuple[Any, Any]]:
    """(coefficient, exponent) of the form on an orbit, in ascending order of the exponents.

    Channels of equal bias share one step, and terms that cancel are left out.

    Args:
        arb: the type of balls.
        M, start, bias, floor: as `certify_orbit` takes them.
    Returns: pairs of balls.
    """
    used = [index for index in range(len(start)) if start[index] != 0]
    steps = {float(bias[index]): ball_softplus(arb(float(bias[index]))) + arb(floor) for index in used}
    sums: dict[tuple[float, float], Any] = {}
    for i in used:
        for j in used:
            low, high = sorted((float(bias[i]), float(bias[j])))
            key = (low, high)
            sums[key] = sums.get(key, arb(0)) + arb(float(M[i, j])) * arb(float(start[i])) * arb(float(start[j]))
    terms = [(value, steps[low] + steps[high]) for (low, high), value in sums.items() if not value.is_zero()]
    return sorted(terms, key=lambda term: float(term[1].mid()))


def _certificate(flint: Any, terms: list[tuple[Any, Any]]) -> OrbitCertificate:
    if not terms:
        return OrbitCertificate((), True, 0, 0)
    arb = flint.arb
    ordered = all(bool(terms[k + 1][1] > terms[k][1]) for k in range(len(terms) - 1))
    changes = sign_changes([value for value, _ in terms]) if ordered else None
    sign = sign_of(sum((value for value, _ in terms), arb(0)))
    if sign in (0, None):  # a zero at the start itself: the token rests
        return OrbitCertificate((), False, changes, sign)
    top = terms[-1][1] + 1
    forwards = HalfLine(arb, [(value, top - exponent) for value, exponent in reversed(terms)])
    backwards = HalfLine(arb, terms)
    (right, done), (left, over) = forwards.zeros(), backwards.zeros()
    zeros = [(-high, -low) for low, high in reversed(left)] + right
    return OrbitCertificate(tuple(zeros), done and over, changes, sign)


class HalfLine(Roots):
    """One side of s = 0: sum of weights exp(-rates z) for z > 0.

    Args:
        arb: the type of balls.
        terms: (weight, rate), balls, in ascending order of the rates.
    """

    def __init__(self, arb: Any, terms: list[tuple[Any, Any]]) -> None:
        self.arb = arb
        self.mu, self.a = [value for value, _ in terms], [rate for _, rate in terms]
        self.minus_a = [-rate for rate in self.a]
        self.s, self.b, self.floor, self.splits = 1.0, 0.0, 0.0, 0

    def zeros(self) -> tuple[list[tuple[float, float]], bool]:
        """Enclosures in ascending order, and whether they are all."""
        found, complete = self.isolate()
        return [(zero.low, zero.high) for zero in found], complete
