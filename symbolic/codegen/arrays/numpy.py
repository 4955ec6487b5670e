"""The NumPy printer: a table, and the few functions that generated code calls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.symbolic.codegen.arrays.printer import ArrayDialect
from s6flow.symbolic.codegen.arrays.treescan import tree_scan

__all__ = ["NUMPY", "product_error", "scan", "shift", "sigmoid", "sum_error"]

Array = NDArray[Any]
#: A number or an array; arithmetic alone serves tensors, too.
Value = Any


def scan(gate: Array | float, increment: Array | float, axis: int) -> Array:
    """f_l = gate_l f_{l-1} + increment_l along `axis`, in O(length) work and logarithmic depth."""
    gates, increments = np.broadcast_arrays(gate, increment)
    scanned: Array = tree_scan(np.moveaxis(gates, axis, 0), np.moveaxis(increments, axis, 0), np.empty_like)
    return np.moveaxis(scanned, 0, axis)


def shift(x: Array, axis: int) -> Array:
    """The value at the previous position along `axis`; 0 at the first."""
    moved = np.moveaxis(x, axis, 0)
    out = np.zeros_like(moved)
    out[1:] = moved[:-1]
    return np.moveaxis(out, 0, axis)


def sigmoid(x: Array | float) -> Array:
    """1 / (1 + e^-x) without overflow."""
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + tail), tail / (1 + tail))


def sum_error(x: Value, y: Value) -> Value:
    """Knuth's two-sum: (x + y) - fl(x + y), exactly."""
    total = x + y
    back = total - x
    return (x - (total - back)) + (y - back)


def product_error(x: Array | float, y: Array | float) -> Array | float:
    """Dekker's product error x y - fl(x y); exact unless an argument exceeds 1e300."""
    product = x * y
    if np.result_type(x, y) == np.float32:
        return np.asarray(np.float64(x) * np.float64(y) - product).astype(np.float32)
    xh, yh = _high(x), _high(y)
    xl, yl = x - xh, y - yh
    return ((xh * yh - product) + xh * yl + xl * yh) + xl * yl


def _high(x: Array | float) -> Array | float:
    scaled = 134217729.0 * x
    return scaled - (scaled - x)


def _constant(attr: object) -> str:
    if isinstance(attr, tuple):
        return f"({attr[0]} / {attr[1]})"
    return str(float(attr)) if isinstance(attr, str) else f"{attr}.0"  # python floats take the arrays' precision


NUMPY = ArrayDialect(
    "numpy",
    "import numpy as np\n\nfrom s6flow.symbolic.codegen.arrays import numpy as rt\n",
    {
        "input": "np.asarray({0})",
        "swap": "np.swapaxes({0}, -1, -2)",
        "add": "{0} + {1}",
        "sub": "{0} - {1}",
        "mul": "{0} * {1}",
        "div": "{0} / {1}",
        "neg": "-{0}",
        "powi": "{0} ** {attr}",
        "pow": "{0} ** {1}",
        "sqrt": "np.sqrt({0})",
        "hypot": "np.hypot({0}, {1})",
        "exp": "np.exp({0})",
        "expm1": "np.expm1({0})",
        "sinh": "np.sinh({0})",
        "cosh": "np.cosh({0})",
        "log": "np.log({0})",
        "log1p": "np.log1p({0})",
        "sigmoid": "rt.sigmoid({0})",
        "softplus": "np.logaddexp(0.0, {0})",
        "abs": "np.abs({0})",
        "sign": "np.sign({0})",
        "max": "np.maximum({0}, {1})",
        "min": "np.minimum({0}, {1})",
        "lt": "{0} < {1}",
        "le": "{0} <= {1}",
        "eq": "np.equal({0}, {1})",
        "and": "np.logical_and({0}, {1})",
        "or": "np.logical_or({0}, {1})",
        "not": "np.logical_not({0})",
        "where": "np.where({0}, {1}, {2})",
        "sum_error": "rt.sum_error({0}, {1})",
        "product_error": "rt.product_error({0}, {1})",
        "reduce_sum": "{0}.sum(axis={axis}, keepdims=True)",
        "reduce_max": "{0}.max(axis={axis}, keepdims=True)",
        "contract": "np.einsum('{signature}', {0}, {1})",
        "scan": "rt.scan({0}, {1}, axis={axis})",
        "shift": "rt.shift({0}, axis={axis})",
        "as_source": "np.swapaxes({0}, {token}, {source})",
        "position": "np.arange(1.0, {0} + 1.0)",
    },
    _constant,
)
