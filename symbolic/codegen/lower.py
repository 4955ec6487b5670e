"""Lowering: SymPy expressions in indexed notation to the IR.

Indices carry axes (l: token, j: source, d/e: channel, n: state, r: rank), so an expression says by itself which
arrays it needs. Sums become reductions, matrix products, prefix sums or masked sums; `Scan` becomes the scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp

from s6flow.errors import CodegenError
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Input, Node, Program, make
from s6flow.symbolic.layer import Scan

__all__ = ["lower_expression", "lower_program"]

Axes = Mapping[sp.Symbol, str]


def constant(value: int | Fraction) -> Node:
    """A rational constant."""
    q = Fraction(value)
    return make("const", attr=q.numerator if q.denominator == 1 else (q.numerator, q.denominator))


def _fold(op: str, unit: int) -> Callable[..., Node]:
    def lower(args: Sequence[Node]) -> Node:
        return reduce(lambda left, right: make(op, left, right), args) if args else constant(unit)

    return lower


#: SymPy class -> IR operation of as many arguments.
_UNARY = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.Abs: "abs",
    sp.sign: "sign",
    nt.softplus: "softplus",
    sp.Not: "not",
}
_BINARY = {nt.hypot: "hypot"}
_FOLD = {sp.Max: "max", sp.Min: "min", sp.And: "and", sp.Or: "or"}
_RELATION = {
    sp.Lt: ("lt", False),
    sp.Le: ("le", False),
    sp.Gt: ("lt", True),
    sp.Ge: ("le", True),
    sp.Eq: ("eq", False),
}


def lower_expression(expression: sp.Basic, axes: Axes = nt.AXIS_OF_INDEX) -> Node:
    """The IR node of a SymPy expression or relation.

    Args:
        expression: built of notation symbols, indexed arrays, sums over whole axes, prefix sums and `Scan`.
        axes: which axis an index letter runs along.
    Raises: CodegenError: naming the SymPy node that has no lowering.
    """
    memo: dict[Any, Node] = {}

    def go(e: Any) -> Node:
        if e not in memo:
            memo[e] = build(e)
        return memo[e]

    def build(e: Any) -> Node:
        if isinstance(e, sp.Symbol):
            if e in axes:
                return make("position", attr=axes[e])
            return make("input", attr=(e.name, ()))
        if isinstance(e, sp.Indexed):
            return indexed(e)
        if isinstance(e, sp.Rational):
            return constant(Fraction(int(e.p), int(e.q)))
        if isinstance(e, (sp.Float, sp.NumberSymbol)):
            return make("const", attr=str(sp.N(e, 40)))
        if isinstance(e, sp.Add):
            return add(e)
        if isinstance(e, sp.Mul):
            return mul(e)
        if isinstance(e, sp.Pow):
            return power(go(e.base), e.exp)
        if isinstance(e, Scan):
            return make("scan", go(e.args[0]), go(e.args[1]))
        if isinstance(e, sp.Sum):
            return total(e)
        if isinstance(e, sp.Piecewise):
            return piecewise(e)
        if isinstance(e, sp.Ne):
            return make("not", make("eq", go(e.lhs), go(e.rhs)))
        if e in (sp.true, sp.false):
            return make("eq", constant(0), constant(0 if e == sp.true else 1))
        for kind, op in _UNARY.items():
            if isinstance(e, kind):
                return make(op, go(e.args[0]))
        for kind, op in _BINARY.items():
            if isinstance(e, kind):
                return make(op, go(e.args[0]), go(e.args[1]))
        for kind, op in _FOLD.items():
            if isinstance(e, kind):
                return _fold(op, 0)([go(arg) for arg in sorted(e.args, key=sp.default_sort_key)])
        for kind, (op, swap) in _RELATION.items():
            if isinstance(e, kind):
                left, right = (go(e.rhs), go(e.lhs)) if swap else (go(e.lhs), go(e.rhs))
                return make(op, left, right)
        raise CodegenError("lowering knows no IR form for the SymPy node", type(e).__name__, str(e)[:80])

    def indexed(e: sp.Indexed) -> Node:
        letters = e.indices
        shifts = [sp.expand(index - symbol) for index in letters for symbol in index.free_symbols]
        where = tuple(_axis(index, axes, e) for index in letters)
        if "source" in where:
            token = tuple("token" if axis == "source" else axis for axis in where)
            return make("as_source", make("input", attr=(e.base.name, token)))
        node = make("input", attr=(e.base.name, where))
        if any(shift == -1 for shift in shifts):
            return make("shift", node)
        return node

    def add(e: sp.Add) -> Node:
        terms = e.as_ordered_terms()
        negative = [term for term in terms if term.could_extract_minus_sign()]
        positive = [term for term in terms if term not in negative]
        if not positive:
            return make("neg", go(-e))
        node = _fold("add", 0)([go(term) for term in positive])
        for term in negative:
            node = make("sub", node, go(-term))
        return node

    def mul(e: sp.Mul) -> Node:
        coefficient, rest = e.as_coeff_Mul()
        if coefficient.is_negative:
            return make("neg", go(-e))
        numerator, denominator = [], []
        for factor in rest.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if exponent.is_number and exponent.is_negative and not isinstance(factor, sp.exp):
                denominator.append(go(base**-exponent))
            else:
                numerator.append(go(factor))
        if coefficient != 1:
            numerator.insert(0, go(coefficient))
        top = _fold("mul", 1)(numerator)
        return top if not denominator else make("div", top, _fold("mul", 1)(denominator))

    def power(base: Node, exponent: sp.Expr) -> Node:
        if exponent.is_Integer and exponent >= 2:
            return make("powi", base, attr=int(exponent))
        if exponent == sp.Rational(1, 2):
            return make("sqrt", base)
        if exponent.is_number and exponent.is_negative:
            return make("div", constant(1), go_power(base, -exponent))
        return make("pow", base, go(exponent))

    def go_power(base: Node, exponent: sp.Expr) -> Node:
        return base if exponent == 1 else power(base, exponent)

    def piecewise(e: sp.Expr) -> Node:
        *cases, (last, _) = e.args
        node = go(last)
        for value, condition in reversed(cases):
            node = make("where", go(condition), go(value), node)
        return node

    def total(e: sp.Sum) -> Node:
        if len(e.limits) != 1:
            raise CodegenError("sums are lowered one index at a time", len(e.limits), str(e)[:80])
        (index, lower, upper) = e.limits[0]
        axis = axes.get(index, "")
        ranges = nt.axis_ranges()
        if axis in ("state", "channel", "rank") and lower == 1 and upper == ranges[axis]:
            return contraction(e.function, axis, index)
        if axis == "source" and lower == 1:
            mask = make(
                "le" if upper == nt.l else "lt",
                make("position", attr="source"),
                make("position", attr="token"),
            )
            if upper not in (nt.l, nt.l - 1):
                raise CodegenError("a sum over sources must end at l or l - 1", upper)
            return make("reduce_sum", make("where", mask, go(e.function), constant(0)), attr="source")
        if axis == "token":
            return between(e.function, index, lower, upper)
        raise CodegenError(
            "a sum must run over a whole axis, a prefix, or the sources", f"{lower}..{upper}", str(e)[:80]
        )

    def contraction(body: sp.Expr, axis: str, index: sp.Symbol) -> Node:
        factors = body.as_ordered_factors() if isinstance(body, sp.Mul) else [body]
        bound = [factor for factor in factors if index in factor.free_symbols]
        free = [factor for factor in factors if index not in factor.free_symbols]
        arrays = all(isinstance(factor, sp.Indexed | sp.Sum) for factor in bound)
        if len(bound) == 2 and arrays and all(not isinstance(f, Scan) for f in bound):
            left, right = (go(factor) for factor in bound)
            node = make("contract", left, right, attr=axis)
        else:
            node = make("reduce_sum", go(sp.Mul(*bound)), attr=axis)
        return _fold("mul", 1)([*(go(factor) for factor in free), node])

    def between(body: sp.Expr, index: sp.Symbol, lower: sp.Expr, upper: sp.Expr) -> Node:
        """sum_{index=lower}^{upper}: a difference of prefix sums along tokens."""
        prefix = make("scan", constant(1), go(body.subs(index, nt.l)))
        if upper not in (nt.l, nt.l - 1):
            raise CodegenError("a prefix sum must end at l or l - 1", upper)
        node = prefix if upper == nt.l else make("shift", prefix)
        if lower == 1:
            return node
        if lower == nt.j + 1:
            return make("sub", node, make("as_source", prefix))
        raise CodegenError("a prefix sum must start at 1 or j + 1", lower)

    return go(expression)


def _axis(index: sp.Expr, axes: Axes, e: sp.Indexed) -> str:
    letters = [symbol for symbol in index.free_symbols if symbol in axes]
    if len(letters) != 1 or sp.expand(index - letters[0]) not in (0, -1):
        raise CodegenError("an index must be an axis letter or that letter minus one", index, str(e))
    return axes[letters[0]]


def lower_program(
    name: str, outputs: Mapping[str, sp.Basic], source: str, meaning: str, inputs: Sequence[str] = ()
) -> Program:
    """A program of several expressions over the inputs that they use.

    Args:
        inputs: calling order of the arguments; those not named follow in alphabetical order.
    """
    nodes = tuple((label, lower_expression(expression)) for label, expression in outputs.items())
    program = Program(name, (), nodes, source, meaning, ("lower",))
    found: dict[str, tuple[str, ...]] = {}
    for node in program.nodes():
        if node.op == "input":
            label, axes = node.array
            if found.setdefault(label, axes) != axes:
                raise CodegenError(
                    "an array must be used on the same axes everywhere", f"{found[label]}, {axes}", label
                )
    unused = [label for label in inputs if label not in found]
    order = [label for label in inputs if label in found] + sorted(set(found) - set(inputs))
    if unused:
        raise CodegenError("every named input must be used", ", ".join(unused), name)
    return Program(name, tuple(Input(label, found[label]) for label in order), nodes, source, meaning, ("lower",))
