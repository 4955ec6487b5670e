"""Polynomials that stand for exp and ln(1 + y) in generated loops, and ln 2 in parts, computed in 60 digits.

The powers of a variable are an ill-conditioned basis: float64 would lose ten digits on the way to its own coefficients.
That takes longer than a command may; `polynomials.json` keeps what loops on a CPU ask for.

    python -m s6flow.symbolic.codegen.polynomials          writes the file; a test compares it with what is computed
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

from s6flow.files import write_atomic

__all__ = ["EXP_DEGREE", "FILE", "LOG1P_DEGREE", "computed", "exp_coefficients", "ln2_parts", "log1p_coefficients"]

FILE = Path(__file__).with_suffix(".json")
#: Degrees for which the polynomials err by less than half a unit in the last place of float64; the file has these.
EXP_DEGREE, LOG1P_DEGREE = 11, 20


def exp_coefficients(degree: int) -> tuple[float, ...]:
    """Coefficients of p with e^r = 1 + r + r^2 p(r) for |r| <= ln(2)/2, from Chebyshev points; highest power first."""
    return _kept().get(f"exp/{degree}") or _exp(degree)


def log1p_coefficients(degree: int) -> tuple[float, ...]:
    """Coefficients of p with ln(1 + y) = y p(y) on [0, 1], from Chebyshev points; highest power first.

    The relative error falls by 6 a degree: 2.2e-7 at degree 7, below 1e-16 at degree 20.
    """
    return _kept().get(f"log1p/{degree}") or _log1p(degree)


def ln2_parts() -> tuple[float, ...]:
    """1 / ln 2, and ln 2 as a sum: times an integer below 2^20 the first part is exact, the second is the rest."""
    return _kept().get("ln2") or _ln2()


def computed() -> dict[str, tuple[float, ...]]:
    """What the file holds, computed now."""
    return {
        f"exp/{EXP_DEGREE}": _exp(EXP_DEGREE),
        f"log1p/{LOG1P_DEGREE}": _log1p(LOG1P_DEGREE),
        "ln2": _ln2(),
    }


@cache
def _kept() -> dict[str, tuple[float, ...]]:
    if not FILE.exists():
        return {}
    return {key: tuple(row) for key, row in json.loads(FILE.read_text(encoding="utf-8")).items()}


def _context() -> Any:
    import mpmath  # here: what the file holds is asked for by every command that integrates

    context = mpmath.mp.clone()
    context.dps = 60
    return context


@cache
def _exp(degree: int) -> tuple[float, ...]:
    context = _context()
    bound = context.ln2 / 2 * context.mpf("1.001")

    def rest(r: Any) -> Any:
        return (context.exp(r) - 1 - r) / r**2 if r else context.mpf("0.5")

    return tuple(float(c) for c in context.chebyfit(rest, [-bound, bound], degree - 1))


@cache
def _log1p(degree: int) -> tuple[float, ...]:
    context = _context()

    def quotient(y: Any) -> Any:
        return context.log1p(y) / y if y else context.mpf(1)

    return tuple(float(c) for c in context.chebyfit(quotient, [0, 1], degree + 1))


def _ln2() -> tuple[float, ...]:
    context = _context()
    high = math.ldexp(round(math.ldexp(math.log(2.0), 32)), -32)
    return float(1 / context.ln2), high, float(context.ln2 - high)


if __name__ == "__main__":
    write_atomic(FILE, json.dumps(computed(), indent=1) + "\n")
