"""Rewrite passes that spare special-function units, for kernels that are bound by them.

A GPU evaluates few exponentials a clock. e^{2u-c} is the square of e^u e^{-c/2} when e^u is at hand, and
ln(1 + y) for y in [0, 1] is a polynomial on the multiply-add units.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, reduce

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from s6flow.symbolic.codegen.ir import Node, Program, make
from s6flow.symbolic.codegen.rewrite import apply_passes, share_subexpressions

__all__ = ["kernel_form", "log1p_coefficients", "merge_squares", "share_exponentials"]

_TWO = make("const", attr=2)
_HALF = make("const", attr=(1, 2))


def share_exponentials(program: Program) -> Program:
    """exp(2 u - c) -> (exp(u) exp(-c/2))^2 where exp(u) is computed anyway and c is one number a system."""
    known = {node.args[0] for node in program.nodes() if node.op == "exp"}

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "exp" and args[0].op == "sub":
            double, scale = args[0].args
            if double.op == "mul" and _TWO in double.args and not scale.axes:
                (u,) = [arg for arg in double.args if arg is not _TWO]
                if u in known:
                    root = make("exp", make("neg", make("mul", _HALF, scale)))
                    return make("powi", make("mul", make("exp", u), root), attr=2)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "share_exponentials")


def merge_squares(program: Program) -> Program:
    """x^2 y^2 -> (x y)^2, formed from products that the program has already."""
    products = {frozenset(map(id, node.args)): node for node in program.nodes() if node.op == "mul"}

    def factors(node: Node) -> list[Node]:
        return [f for arg in node.args for f in factors(arg)] if node.op == "mul" else [node]

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        node = make(old.op, *args, attr=old.attr)
        if node.op != "mul":
            return node
        parts = factors(node)
        squares = [f for f in parts if f.op == "powi" and f.attr == 2]
        if len(squares) < 2:
            return node
        roots = [f for square in squares for f in factors(square.args[0])]
        for i, left in enumerate(roots):
            for j in range(i + 1, len(roots)):
                if frozenset((id(left), id(roots[j]))) in products:
                    known = products[frozenset((id(left), id(roots[j])))]
                    rest = [f for k, f in enumerate(roots) if k not in (i, j)]
                    return join([square(join([known, *rest])), *(f for f in parts if f not in squares)])
        return join([square(join(roots)), *(f for f in parts if f not in squares)])

    def join(parts: list[Node]) -> Node:
        return reduce(lambda left, right: make("mul", left, right), sorted(parts, key=lambda f: len(f.axes)))

    def square(node: Node) -> Node:
        return make("powi", node, attr=2)

    return program.map(rule, "merge_squares")


def kernel_form(program: Program) -> Program:
    """The program as fused kernels evaluate it: the fast pipeline, then the passes of this module."""
    program = merge_squares(share_exponentials(apply_passes(program, "fast")))
    return share_subexpressions(program)


@cache
def log1p_coefficients(degree: int = 7) -> tuple[float, ...]:
    """Coefficients of p with ln(1 + y) = y p(y) on [0, 1], from Chebyshev points; constant term first.

    The relative error is 2.2e-7 at degree 7 and falls by 6 a degree.
    """

    def quotient(y: np.ndarray) -> np.ndarray:
        return np.log1p(y) / y

    fitted = Chebyshev.interpolate(quotient, degree, domain=[float(Fraction(1, 10**12)), 1.0])
    return tuple(float(c) for c in fitted.convert(kind=Polynomial).coef)
