"""Scalar functions that generated loops call, as text: free of branches and calls, so that a loop of them vectorises.

The C library's exp takes one number at a time; ten tokens at once cost as much in these.
"""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.polynomials import (
    EXP_DEGREE,
    LOG1P_DEGREE,
    exp_coefficients,
    ln2_parts,
    log1p_coefficients,
)

__all__ = ["DECORATOR", "INLINE", "PLAIN", "REORDERED", "functions_text"]

#: Products may fuse with sums; nothing else is reordered, so that error terms survive. Entries are kept on disk.
PLAIN = '@njit(nogil=True, error_model="numpy", fastmath={"contract"})'
DECORATOR = PLAIN.replace("nogil", "cache=True, nogil")
REORDERED = PLAIN.replace('"contract"', '"contract", "reassoc"')  # sums over tokens in vectors
INLINE = PLAIN.replace("nogil=True", "forceinline=True")

#: Adding it rounds to an integer, which then lies in the low bits.
_ROUND = 1.5 * 2.0**52


def _horner(variable: str, coefficients: tuple[float, ...]) -> str:
    first, *rest = coefficients
    return "\n    ".join([f"p = {first!r}", *(f"p = p * {variable} + {c!r}" for c in rest)])


def _exp() -> str:
    inverse, high, low = ln2_parts()
    return f'''{INLINE}
def exp(x):
    """e^x to one unit in the last place, 0 below -745 and inf above 709.8: x = k ln 2 + r, e^x = 2^k e^r."""
    x = -750.0 if x < -750.0 else x
    x = 720.0 if x > 720.0 else x
    shifted = x * {inverse!r} + {_ROUND!r}
    k = rt.bits(shifted) - rt.bits({_ROUND!r})
    whole = shifted - {_ROUND!r}
    r = (x - whole * {high!r}) - whole * {low!r}
    {_horner("r", exp_coefficients(EXP_DEGREE))}
    half = k >> 1  # two factors: 2^k may be no normal number
    return ((p * (r * r) + r) + 1.0) * rt.power_of_two(half) * rt.power_of_two(k - half)
'''


def _log1p_unit() -> str:
    return f'''{INLINE}
def log1p_unit(y):
    """ln(1 + y) for y in [0, 1]."""
    {_horner("y", log1p_coefficients(LOG1P_DEGREE))}
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
