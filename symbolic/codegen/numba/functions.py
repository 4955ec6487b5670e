"""Scalar functions that generated loops call, as text: free of branches and calls, so that a loop of them vectorises.

The C library's exp takes one number at a time; ten tokens at once cost as much in these.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import mpmath

from s6flow.symbolic.codegen.triton.special import log1p_coefficients

__all__ = ["DECORATOR", "INLINE", "PLAIN", "REORDERED", "exp_coefficients", "functions_text"]

#: Products may fuse with sums; nothing else is reordered, so that error terms survive. Entries are kept on disk.
PLAIN = '@njit(nogil=True, error_model="numpy", fastmath={"contract"})'
DECORATOR = PLAIN.replace("nogil", "cache=True, nogil")
REORDERED = PLAIN.replace('"contract"', '"contract", "reassoc"')  # sums over tokens in vectors
INLINE = PLAIN.replace("nogil=True", "forceinline=True")

#: Degrees for which the polynomials err by less than half a unit in the last place.
_EXP_DEGREE, _LOG1P_DEGREE = 11, 20
#: Adding it rounds to an integer, which then lies in the low bits.
_ROUND = 1.5 * 2.0**52


@cache
def exp_coefficients(degree: int) -> tuple[float, ...]:
    """Coefficients of p with e^r = 1 + r + r^2 p(r) for |r| <= ln(2)/2, from Chebyshev points; highest power first."""
    context = mpmath.mp.clone()
    context.dps = 60
    bound = context.ln2 / 2 * context.mpf("1.001")

    def rest(r: Any) -> Any:
        return (context.exp(r) - 1 - r) / r**2 if r else context.mpf("0.5")

    return tuple(float(c) for c in context.chebyfit(rest, [-bound, bound], degree - 1))


def _horner(variable: str, coefficients: tuple[float, ...]) -> str:
    first, *rest = coefficients
    return "\n    ".join([f"p = {first!r}", *(f"p = p * {variable} + {c!r}" for c in rest)])


def _exp() -> str:
    context = mpmath.mp.clone()
    context.dps = 60
    high = math.ldexp(round(math.ldexp(math.log(2.0), 32)), -32)  # times an integer below 2^20: exact
    low = float(context.ln2 - high)
    return f'''{INLINE}
def exp(x):
    """e^x to one unit in the last place, 0 below -745 and inf above 709.8: x = k ln 2 + r, e^x = 2^k e^r."""
    x = -750.0 if x < -750.0 else x
    x = 720.0 if x > 720.0 else x
    shifted = x * {float(1 / context.ln2)!r} + {_ROUND!r}
    k = rt.bits(shifted) - rt.bits({_ROUND!r})
    whole = shifted - {_ROUND!r}
    r = (x - whole * {high!r}) - whole * {low!r}
    {_horner("r", exp_coefficients(_EXP_DEGREE))}
    half = k >> 1  # two factors: 2^k may be no normal number
    return ((p * (r * r) + r) + 1.0) * rt.power_of_two(half) * rt.power_of_two(k - half)
'''


def _log1p_unit() -> str:
    return f'''{INLINE}
def log1p_unit(y):
    """ln(1 + y) for y in [0, 1]."""
    {_horner("y", log1p_coefficients(_LOG1P_DEGREE))}
    return y * p
'''


def _softplus() -> str:
    return f'''{INLINE}
def softplus(z):
    """ln(1 + e^z) without overflow."""
    return rt.larger(z, 0.0) + log1p_unit(exp(-abs(z)))
'''


def _sigmoid() -> str:
    return f'''{INLINE}
def sigmoid(z):
    """1 / (1 + e^-z) without overflow."""
    tail = exp(-abs(z))
    return (1.0 if z >= 0 else tail) / (1.0 + tail)
'''


@cache
def functions_text(used: frozenset[str]) -> str:
    """The source of the functions in `used` and of what they call."""
    makers = {"exp": _exp, "log1p_unit": _log1p_unit, "softplus": _softplus, "sigmoid": _sigmoid}
    needs = {"softplus": {"exp", "log1p_unit"}, "sigmoid": {"exp"}}
    wanted = set(used).union(*(needs.get(name, set()) for name in used))
    return "\n\n".join(make() for name, make in makers.items() if name in wanted)
