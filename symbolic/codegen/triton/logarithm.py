"""The logarithm of numbers between 1 and 2 as text: a polynomial on the multiply-add units."""

from __future__ import annotations

from collections.abc import Mapping

from s6flow.symbolic.codegen.polynomials import log1p_coefficients

__all__ = ["LOG_DEGREES", "log1p_unit_text"]

#: Degree that is exact to a rounding.
LOG_DEGREES = {"float32": 9, "float64": 20}


def log1p_unit_text(degrees: Mapping[str, int]) -> str:
    """The polynomial logarithm, of one degree or of each precision's own."""

    def body(degree: int, indent: str) -> str:
        first, second, *rest = log1p_coefficients(degree)
        return f"\n{indent}".join([f"p = y * {first!r} + {second!r}", *(f"p = p * y + {c!r}" for c in rest)])

    if len(set(degrees.values())) == 1:
        lines = body(next(iter(degrees.values())), "    ")
    else:
        parts = [(f"y.dtype == tl.{name}", body(degree, "        ")) for name, degree in degrees.items()]
        lines = "\n    ".join(
            f"{'if' if i == 0 else 'elif'} {test}:\n        {text}" for i, (test, text) in enumerate(parts)
        )
        lines = lines.replace(f"elif {parts[-1][0]}:", "else:")
    doc = '"""ln(1 + y) for y in [0, 1], without special functions."""'
    return f"@triton.jit\ndef log1p_unit(y):\n    {doc}\n    {lines}\n    return y * p\n"
