"""The python-flint printer: the same IR in ball arithmetic, every result an enclosure.

Arrays are NumPy object arrays of `arb`, so that the array printer's shapes and broadcasting carry over; the
functions that generated code calls live in `flint_runtime`. Only the `exact` pipeline makes sense here.
"""

from __future__ import annotations

from s6flow.symbolic.codegen.arrays.printer import ArrayDialect

__all__ = ["FLINT"]


def _constant(attr: object) -> str:
    if isinstance(attr, tuple):
        return f"rt.rational({attr[0]}, {attr[1]})"
    return f"rt.decimal({attr!r})" if isinstance(attr, str) else f"rt.rational({attr}, 1)"


_CALLS = (
    "sqrt", "hypot", "exp", "expm1", "sinh", "cosh", "log", "log1p", "sigmoid", "softplus", "abs", "sign", "max", "min", "pow",
    "lt", "le", "eq", "and", "or", "not", "where",
)  # fmt: skip
_ARITY = {"hypot": 2, "max": 2, "min": 2, "pow": 2, "lt": 2, "le": 2, "eq": 2, "and": 2, "or": 2, "where": 3}


def _call(op: str) -> str:
    arguments = ", ".join(f"{{{index}}}" for index in range(_ARITY.get(op, 1)))
    return f"rt.{op}_({arguments})"


FLINT = ArrayDialect(
    "flint",
    "import numpy as np\n\nfrom s6flow.symbolic.codegen.arrays import flint_runtime as rt\n",
    {
        "input": "rt.balls({0})",
        "swap": "np.swapaxes({0}, -1, -2)",
        "add": "{0} + {1}",
        "sub": "{0} - {1}",
        "mul": "{0} * {1}",
        "div": "{0} / {1}",
        "neg": "-{0}",
        "powi": "{0} ** {attr}",
        **{op: _call(op) for op in _CALLS},
        "reduce_sum": "rt.reduce_sum({0}, {axis})",
        "reduce_max": "rt.reduce_max({0}, {axis})",
        "contract": "np.einsum('{signature}', {0}, {1})",
        "scan": "rt.scan({0}, {1}, axis={axis})",
        "shift": "rt.shift({0}, axis={axis})",
        "as_source": "np.swapaxes({0}, {token}, {source})",
        "position": "rt.positions({0})",
    },
    _constant,
)
