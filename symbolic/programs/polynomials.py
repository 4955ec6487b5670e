"""Coefficients of the polynomials in generated loops, as `symbolic.polynomials` computes them."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.programs.store import table

__all__ = ["EXP_DEGREE", "LOG1P_DEGREE", "exp_coefficients", "ln2_parts", "log1p_coefficients"]

#: Degrees for which the polynomials err by less than half a unit in the last place of float64; the file has these.
EXP_DEGREE, LOG1P_DEGREE = 11, 20


@cache
def exp_coefficients(degree: int) -> tuple[float, ...]:
    """As `polynomials.exp_coefficients`."""
    if (found := _stored(f"exp/{degree}")) is not None:
        return found
    from s6flow.symbolic import polynomials

    return polynomials.exp_coefficients(degree)


@cache
def log1p_coefficients(degree: int) -> tuple[float, ...]:
    """As `polynomials.log1p_coefficients`."""
    if (found := _stored(f"log1p/{degree}")) is not None:
        return found
    from s6flow.symbolic import polynomials

    return polynomials.log1p_coefficients(degree)


@cache
def ln2_parts() -> tuple[float, ...]:
    """As `polynomials.ln2_parts`."""
    if (found := _stored("ln2")) is not None:
        return found
    from s6flow.symbolic import polynomials

    return polynomials.ln2_parts()


def _stored(name: str) -> tuple[float, ...] | None:
    found = table(f"polynomials/{name}")
    return None if found is None else tuple(map(float, found[0]))
