"""The oracle: evaluates a program entry by entry in any arithmetic, by definition and slowly.

No vectors, no tree scans, no rewrites: index dictionaries and Python loops over mpmath numbers (or floats). What
the printers generate is compared with this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program

__all__ = ["interpret_reference"]


def interpret_reference(program: Program, arrays: Mapping[str, Any], context: Any = None) -> dict[str, np.ndarray]:
    """Evaluate `program` for one system.

    Args:
        arrays: input name -> number or array, its axes in the order of `program.inputs`; no batch axes.
        context: where exp, log, mpf live; mpmath.mp with 50 digits by default.
    Returns: output name -> array of context numbers, axes in canonical order.
    Raises: CodegenError: if two inputs disagree on the length of an axis.
    """
    if context is None:
        import mpmath

        context = mpmath.mp.clone()
        context.dps = 50
    values = {inp.name: np.array(_exact(arrays[inp.name]), dtype=object) for inp in program.inputs}
    size: dict[str, int] = {}
    for inp in program.inputs:
        for axis, length in zip(inp.axes, values[inp.name].shape, strict=True):
            if size.setdefault(axis, length) != length:
                raise CodegenError("inputs must agree on the length of an axis", f"{size[axis]}, {length}", axis)
    size.setdefault("source", size.get("token", 1))
    evaluator = _Evaluator(values, size, context)
    out = {}
    for label, node in program.outputs:
        axes = [axis for axis in program.axes if axis in node.axes]
        result = np.empty([size[axis] for axis in axes], dtype=object)
        for where in np.ndindex(*result.shape):
            result[where] = evaluator.at(node, dict(zip(axes, where, strict=True)))
        out[label] = result
    return out


def _exact(value: Any) -> Any:
    """Machine numbers as Python numbers, which every arithmetic takes exactly."""
    return value.astype(float) if isinstance(value, np.ndarray | np.generic) and value.dtype != object else value


class _Evaluator:
    def __init__(self, values: Mapping[str, np.ndarray], size: Mapping[str, int], context: Any) -> None:
        self.values, self.size, self.ctx = values, size, context
        self.memo: dict[Any, Any] = {}

    def at(self, node: Node, index: Mapping[str, int]) -> Any:
        """Value of `node` at `index`, which may name more axes than the node has."""
        own = tuple((axis, index[axis]) for axis in sorted(node.axes))
        key = (id(node), own)
        if key not in self.memo:
            self.memo[key] = self.evaluate(node, dict(own))
        return self.memo[key]

    def evaluate(self, node: Node, index: dict[str, int]) -> Any:
        ctx, attr = self.ctx, node.attr
        match node.op:
            case "const":
                if isinstance(attr, tuple):
                    return ctx.mpf(attr[0]) / attr[1]
                return ctx.mpf(attr)
            case "input":
                name, axes = node.array
                value = self.values[name][tuple(index[axis] for axis in axes)]
                return ctx.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else ctx.mpf(value)
            case "reduce_sum" | "reduce_max":
                terms = [self.at(node.args[0], {**index, attr: i}) for i in range(self.size[attr])]  # type: ignore[dict-item, index]
                return ctx.fsum(terms) if node.op == "reduce_sum" else max(terms)
            case "contract":
                left, right = node.args
                at = [{**index, attr: i} for i in range(self.size[attr])]  # type: ignore[dict-item, index]
                return ctx.fsum(self.at(left, where) * self.at(right, where) for where in at)
            case "scan":
                gate, increment = (self.at(arg, index) for arg in node.args)
                before = self.at(node, {**index, "token": index["token"] - 1}) if index["token"] else ctx.mpf(0)
                return gate * before + increment
            case "shift":
                last = index["token"] - 1
                return self.at(node.args[0], {**index, "token": last}) if last >= 0 else ctx.mpf(0)
            case "as_source":
                return self.at(node.args[0], {**index, "token": index.get("source", 0)})
            case "position":
                return ctx.mpf(index[str(attr)] + 1)
            case "where":
                condition, yes, no = node.args
                return self.at(yes if self.at(condition, index) else no, index)
        return self.elementwise(node, [self.at(arg, index) for arg in node.args])

    def elementwise(self, node: Node, v: list[Any]) -> Any:
        ctx = self.ctx
        table: dict[str, Callable[[], Any]] = {
            "add": lambda: v[0] + v[1],
            "sub": lambda: v[0] - v[1],
            "mul": lambda: v[0] * v[1],
            "div": lambda: v[0] / v[1],
            "neg": lambda: -v[0],
            "powi": lambda: v[0] ** node.attr,
            "pow": lambda: v[0] ** v[1],
            "sqrt": lambda: ctx.sqrt(v[0]),
            "hypot": lambda: ctx.sqrt(v[0] ** 2 + v[1] ** 2),
            "exp": lambda: ctx.exp(v[0]),
            "expm1": lambda: ctx.expm1(v[0]),
            "sinh": lambda: ctx.sinh(v[0]),
            "cosh": lambda: ctx.cosh(v[0]),
            "log": lambda: ctx.log(v[0]),
            "log1p": lambda: ctx.log1p(v[0]),
            "softplus": lambda: ctx.log1p(ctx.exp(v[0])),
            "sigmoid": lambda: 1 / (1 + ctx.exp(-v[0])),
            "abs": lambda: abs(v[0]),
            "sign": lambda: ctx.sign(v[0]),
            "max": lambda: max(v),
            "min": lambda: min(v),
            "lt": lambda: v[0] < v[1],
            "le": lambda: v[0] <= v[1],
            "eq": lambda: v[0] == v[1],
            "and": lambda: bool(v[0]) and bool(v[1]),
            "or": lambda: bool(v[0]) or bool(v[1]),
            "not": lambda: not v[0],
            "sum_error": lambda: ctx.mpf(0),
            "product_error": lambda: ctx.mpf(0),
        }
        if node.op not in table:
            raise CodegenError("the interpreter has no rule for the IR operation", node.op)
        return table[node.op]()
