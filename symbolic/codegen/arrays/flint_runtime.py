"""What generated ball-arithmetic code calls. Truth values are True, False or None, where the balls do not decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import numpy as np
from flint import arb
from numpy.typing import NDArray

__all__ = ["balls", "decimal", "positions", "rational", "reduce_max", "reduce_sum", "scan", "shift"]

Array = NDArray[Any]
_ZERO = arb(0)


def _ball(value: Any) -> arb:
    return value if isinstance(value, arb) else arb(float(value))


def balls(value: Any) -> Array:
    """Machine numbers as exact balls; balls stay as they are."""
    array = np.asarray(value, dtype=object)
    return np.asarray(np.frompyfunc(_ball, 1, 1)(array), dtype=object)


def _scalar(value: arb) -> Array:
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def rational(p: int, q: int) -> Array:
    """The ball of p / q at the current precision."""
    return _scalar(arb(flint.fmpq(p, q)))


def decimal(text: str) -> Array:
    """A real known to the printed digits: the ball reaches one unit of the last digit."""
    value = arb(text)
    return _scalar(value + abs(value) * arb(0, 1e-38))


def positions(length: int) -> Array:
    """1, 2, ..., length."""
    return balls(np.arange(1, length + 1))


def _map(function: Callable[..., Any], arity: int) -> Callable[..., Array]:
    mapped = np.frompyfunc(function, arity, 1)

    def apply(*args: Any) -> Array:
        return np.asarray(mapped(*args), dtype=object)

    return apply


def _softplus(z: arb) -> arb:
    # ln(1 + e^z): the two forms agree; the one used loses no digits and cannot overflow
    return z + (-z).exp().log1p() if z > 0 else z.exp().log1p()


def _abs(z: arb) -> arb:
    return abs(z)


def _sign(z: arb) -> arb:
    return z.sgn()


def _truth_lt(x: arb, y: arb) -> bool | None:
    return True if x < y else (False if x >= y else None)


def _truth_le(x: arb, y: arb) -> bool | None:
    return True if x <= y else (False if x > y else None)


def _truth_eq(x: arb, y: arb) -> bool | None:
    if not x.overlaps(y):
        return False
    return True if x.is_exact() and y.is_exact() else None


def _and(p: bool | None, q: bool | None) -> bool | None:
    if p is False or q is False:
        return False
    return None if p is None or q is None else True


def _not(p: bool | None) -> bool | None:
    return None if p is None else not p


def _or(p: bool | None, q: bool | None) -> bool | None:
    return _not(_and(_not(p), _not(q)))


def _choose(condition: bool | None, yes: arb, no: arb) -> arb:
    if condition is None:
        return yes.union(no)
    return yes if condition else no


def _power(base: arb, exponent: arb) -> arb:
    # 0^positive = 0, where exp(exponent log 0) would be indeterminate
    return _ZERO if base.is_zero() and exponent > 0 else base**exponent


exp_ = _map(lambda z: z.exp(), 1)
expm1_ = _map(lambda z: z.expm1(), 1)
sinh_ = _map(lambda z: z.sinh(), 1)
cosh_ = _map(lambda z: z.cosh(), 1)
log_ = _map(lambda z: z.log(), 1)
log1p_ = _map(lambda z: z.log1p(), 1)
sqrt_ = _map(lambda z: z.sqrt(), 1)
hypot_ = _map(lambda x, y: (x * x + y * y).sqrt(), 2)
sigmoid_ = _map(lambda z: 1 / (1 + (-z).exp()), 1)
softplus_ = _map(_softplus, 1)
abs_ = _map(_abs, 1)
sign_ = _map(_sign, 1)
max_ = _map(lambda x, y: x.max(y), 2)
min_ = _map(lambda x, y: x.min(y), 2)
pow_ = _map(_power, 2)
lt_ = _map(_truth_lt, 2)
le_ = _map(_truth_le, 2)
eq_ = _map(_truth_eq, 2)
and_ = _map(_and, 2)
or_ = _map(_or, 2)
not_ = _map(_not, 1)
where_ = _map(_choose, 3)


def reduce_sum(x: Array, axis: int) -> Array:
    """Sum along `axis`, which stays with length 1."""
    return np.asarray(x.sum(axis=axis, keepdims=True), dtype=object)


def reduce_max(x: Array, axis: int) -> Array:
    """Maximum along `axis`, which stays with length 1."""
    moved = np.moveaxis(x, axis, 0)
    best = moved[0]
    for other in moved[1:]:
        best = max_(best, other)
    return np.moveaxis(best[None], 0, axis)


def scan(gate: Any, increment: Any, axis: int) -> Array:
    """f_l = gate_l f_{l-1} + increment_l along `axis`, one token after another."""
    gate, increment = np.broadcast_arrays(np.asarray(gate, dtype=object), np.asarray(increment, dtype=object))
    gate, increment = np.moveaxis(gate, axis, 0), np.moveaxis(increment, axis, 0)
    out = np.empty_like(increment)
    out[:1] = increment[:1]
    for index in range(1, len(increment)):
        out[index] = gate[index] * out[index - 1] + increment[index]
    return np.moveaxis(out, 0, axis)


def shift(x: Array, axis: int) -> Array:
    """The value at the previous position along `axis`; 0 at the first."""
    moved = np.moveaxis(np.asarray(x, dtype=object), axis, 0)
    out = np.empty_like(moved)
    out[:1] = _ZERO
    out[1:] = moved[:-1]
    return np.moveaxis(out, 0, axis)
