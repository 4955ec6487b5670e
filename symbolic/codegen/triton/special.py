"""Rewrite passes that spare special-function units, for kernels that are bound by them.

A GPU evaluates few exponentials a clock. e^{2u-c} is the square of e^u e^{-c/2} when e^u is at hand, and
ln(1 + y) for y in [0, 1] is a polynomial on the multiply-add units.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from s6flow.symbolic.codegen.ir import Node, Program, make
from s6flow.symbolic.codegen.rewrite import ONE, ZERO, apply_passes, share_subexpressions

__all__ = ["bind", "kernel_form", "merge_squares", "share_exponentials", "times_input"]

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
        squares = [f for f in parts if f.op == "powi" and f.attr == 2]  # two at a time
        if len(squares) < 2:
            return node
        first, second = (factors(square.args[0]) for square in squares[:2])
        others = [f for f in parts if f not in squares[:2]]
        for left in first:
            for right in second:
                known = products.get(frozenset((id(left), id(right))))
                if known is not None:
                    rest = [f for f in (*first, *second) if f not in (left, right)]
                    return join([square(join([known, *rest])), *others])
        return join([square(join([*first, *second])), *others])

    def join(parts: list[Node]) -> Node:
        return reduce(lambda left, right: make("mul", left, right), sorted(parts, key=lambda f: len(f.axes)))

    def square(node: Node) -> Node:
        return make("powi", node, attr=2)

    return program.map(rule, "merge_squares")


def bind(program: Program, values: Mapping[str, float | int]) -> Program:
    """The program with some inputs fixed: a system without a step floor, say, or in units where mu = 1."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "input" and old.attr[0] in values:  # type: ignore[index]
            value = values[old.attr[0]]  # type: ignore[index]
            return make("const", attr=value if isinstance(value, int) else repr(value))
        neutral = {"add": ZERO, "mul": ONE}.get(old.op)
        if neutral in args:
            return args[1] if args[0] is neutral else args[0]
        return make(old.op, *args, attr=old.attr)

    bound = program.map(rule, "bind")
    inputs = tuple(inp for inp in program.inputs if inp.name not in values)
    return Program(bound.name, inputs, bound.outputs, bound.source, bound.meaning, bound.passes)


def times_input(program: Program, name: str) -> Program:
    """The program with its output multiplied by an input: a growth rate becomes a velocity."""
    ((label, output),) = program.outputs
    factor = next(node for node in program.nodes() if node.op == "input" and node.attr[0] == name)  # type: ignore[index]
    outputs = ((label, make("mul", output, factor)),)
    return Program(
        program.name,
        program.inputs,
        outputs,
        program.source,
        f"{name} times {program.meaning}",
        (*program.passes, "times_input"),
    )


def kernel_form(program: Program) -> Program:
    """The program as fused kernels evaluate it: the fast pipeline, then the passes of this module."""
    program = merge_squares(share_exponentials(apply_passes(program, "fast")))
    return share_subexpressions(program)
