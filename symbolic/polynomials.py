"""Polynomials that stand for exp and ln(1 + y) in generated loops, and ln 2 in parts, computed in 60 digits.

The powers of a variable are an ill-conditioned basis: float64 would lose ten digits on the way to its own coefficients.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import mpmath

__all__ = ["exp_coefficients", "ln2_parts", "log1p_coefficients"]


def _context() -> Any:
    context = mpmath.mp.clone()
    context.dps = 60
    return context


@cache
def exp_coefficients(degree: int) -> tuple[float, ...]:
    """Coefficients of p with e^r = 1 + r + r^2 p(r) for |r| <= ln(2)/2, from Chebyshev points; highest power first."""
    context = _context()
    bound = context.ln2 / 2 * context.mpf("1.001")

    def rest(r: Any) -> Any:
        return (context.exp(r) - 1 - r) / r**2 if r else context.mpf("0.5")

    return tuple(float(c) for c in context.chebyfit(rest, [-bound, bound], degree - 1))


@cache
def log1p_coefficients(degree: int) -> tuple[float, ...]:
    """Coefficients of p with ln(1 + y) = y p(y) on [0, 1], from Chebyshev points; highest power first.

    The relative error falls by 6 a degree: 2.2e-7 at degree 7, below 1e-16 at degree 20.
    """
    context = _context()

    def quotient(y: Any) -> Any:
        return context.log1p(y) / y if y else context.mpf(1)

    return tuple(float(c) for c in context.chebyfit(quotient, [0, 1], degree + 1))


@cache
def ln2_parts() -> tuple[float, float, float]:
    """1 / ln 2, and ln 2 as a sum: times an integer below 2^20 the first part is exact, the second is the rest."""
    context = _context()
    high = math.ldexp(round(math.ldexp(math.log(2.0), 32)), -32)
    return float(1 / context.ln2), high, float(context.ln2 - high)
