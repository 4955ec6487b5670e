"""Named rewrite passes from the lowered program to one that floating point survives.

Each pass is a function from program to program; `PASSES` lists them with their reason, `PIPELINES` says which
ones a use applies, in order. `s6flow.symbolic.codegen.explain` prints a program after every pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import reduce

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program, make

__all__ = ["PASSES", "PIPELINES", "apply_passes", "in_unit"]

ZERO = make("const", attr=0)
ONE = make("const", attr=1)


def share_subexpressions(program: Program) -> Program:
    """Order the arguments of commutative operations, so that equal subexpressions become one node."""
    keys: dict[int, str] = {}

    def key(node: Node) -> str:
        if id(node) not in keys:
            text = f"{node.op}{node.attr}({','.join(key(arg) for arg in node.args)})"
            keys[id(node)] = hashlib.sha256(text.encode()).hexdigest()
        return keys[id(node)]

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op in ("add", "mul", "max", "min", "eq", "and", "or"):
            args = tuple(sorted(args, key=lambda arg: (len(arg.axes), key(arg))))
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "share_subexpressions")


def gather_products(program: Program) -> Program:
    """Multiply factors on few axes before factors on many: x^2 Delta is formed once a token, not once a state."""

    def factors(node: Node) -> list[Node]:
        return [f for arg in node.args for f in factors(arg)] if node.op == "mul" else [node]

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        node = make(old.op, *args, attr=old.attr)
        if node.op != "mul":
            return node
        groups: dict[frozenset[str], Node] = {}
        for factor in factors(node):
            groups[factor.axes] = make("mul", groups[factor.axes], factor) if factor.axes in groups else factor
        ordered = sorted(groups.values(), key=lambda f: len(f.axes))
        return reduce(lambda left, right: make("mul", left, right), ordered)

    return program.map(rule, "gather_products")


def use_expm1_log1p(program: Program) -> Program:
    """exp(y) - 1 -> expm1(y), 1 - exp(y) -> -expm1(y), log(1 + y) -> log1p(y): no cancellation near 0."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "sub" and args[0].op == "exp" and args[1] is ONE:
            return make("expm1", args[0].args[0])
        if old.op == "sub" and args[0] is ONE and args[1].op == "exp":
            return make("neg", make("expm1", args[1].args[0]))
        if old.op == "log" and args[0].op == "add" and ONE in args[0].args:
            rest = [arg for arg in args[0].args if arg is not ONE]
            return make("log1p", rest[0]) if len(rest) == 1 else make("log", *args)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "use_expm1_log1p")


def stable_softplus(program: Program) -> Program:
    """softplus(z) -> max(z, 0) + log1p(exp(-|z|)): no overflow for z >> 0, full precision for z << 0."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "softplus":
            return make("add", make("max", args[0], ZERO), _softplus_tail(args[0]))
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "stable_softplus")


def _softplus_tail(z: Node) -> Node:
    return make("log1p", make("exp", make("neg", make("abs", z))))


def in_unit(node: Node) -> bool:
    """Whether the node is e^{-|z|}, as in softplus, so that it lies in [0, 1]."""
    return node.op == "exp" and node.args[0].op == "neg" and node.args[0].args[0].op == "abs"


#: What double words are carried through.
_CARRIED = ("neg", "add", "sub", "mul", "softplus", "as_source", "scan")


def compensate_exponents(program: Program) -> Program:
    """exp(y) -> exp(hi) (1 + lo), y = hi + lo in double words, and softplus likewise: errors stop growing with |y|.

    Sums along tokens count too: a gate is a small difference of two of them, which may be large.
    """
    memo: dict[int, tuple[Node, Node | None]] = {}

    def plus(*terms: Node | None) -> Node | None:
        present = [term for term in terms if term is not None]
        return reduce(lambda left, right: make("add", left, right), present) if present else None

    def times(left: Node, right: Node | None) -> Node | None:
        return None if right is None else make("mul", left, right)

    def word(node: Node) -> tuple[Node, Node | None]:
        if id(node) not in memo:
            memo[id(node)] = split(node)
        return memo[id(node)]

    def split(node: Node) -> tuple[Node, Node | None]:
        parts = [word(arg) for arg in node.args] if node.op in _CARRIED else []
        match node.op, parts:
            case "neg", [(hi, lo)]:
                return make("neg", hi), None if lo is None else make("neg", lo)
            case "add", [(x, dx), (y, dy)]:
                return make("add", x, y), plus(make("sum_error", x, y), dx, dy)
            case "sub", [(x, dx), (y, dy)]:
                minus = make("neg", y)
                low = plus(make("sum_error", x, minus), dx, None if dy is None else make("neg", dy))
                return make("sub", x, y), low
            case "mul", [(x, dx), (y, dy)]:
                return make("mul", x, y), plus(make("product_error", x, y), times(y, dx), times(x, dy))
            case "softplus", [(z, dz)]:
                head, tail = make("max", z, ZERO), _softplus_tail(z)
                return make("add", head, tail), plus(make("sum_error", head, tail), times(make("sigmoid", z), dz))
            case "as_source", [(x, dx)]:
                return node, None if dx is None else make("as_source", dx)
            case "scan", [(gate, _), (y, dy)] if gate is ONE:
                total = make("scan", ONE, y)
                back = make("neg", make("shift", total))
                # what the sum took in at each token, exactly: the rest of y it lost, whatever the order of summation
                lost = make("sub", make("sub", y, make("add", total, back)), make("sum_error", total, back))
                return total, make("scan", ONE, lost if dy is None else make("add", lost, dy))
        return node, None

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "exp":
            hi, lo = word(old.args[0])
            value = make("exp", hi)
            return value if lo is None else make("add", value, make("mul", value, lo))
        if old.op == "softplus":
            hi, lo = word(old)
            return hi if lo is None else make("add", hi, lo)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "compensate_exponents")


def contract_products(program: Program) -> Program:
    """Sum over an axis of a product -> one matrix product, so that the product array is never stored."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "reduce_sum" and args[0].op == "mul":
            left, right = args[0].args
            if old.attr in left.axes and old.attr in right.axes:
                return make("contract", left, right, attr=old.attr)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "contract_products")


PASSES: dict[str, Callable[[Program], Program]] = {
    rule.__name__: rule
    for rule in (
        gather_products,
        use_expm1_log1p,
        compensate_exponents,
        stable_softplus,
        contract_products,
        share_subexpressions,
    )
}

#: accurate: checks and CPU flows; fast: inner loops where 1e-5 (float32) is enough; exact: interval arithmetic.
PIPELINES: dict[str, tuple[str, ...]] = {
    "accurate": tuple(PASSES),
    "fast": (
        "gather_products",
        "use_expm1_log1p",
        "stable_softplus",
        "contract_products",
        "share_subexpressions",
    ),
    "exact": ("gather_products", "use_expm1_log1p", "share_subexpressions"),
}


def apply_passes(program: Program, pipeline: str) -> Program:
    """The program after the passes of `pipeline`, which its `passes` then lists.

    Raises: CodegenError: if there is no such pipeline.
    """
    if pipeline not in PIPELINES:
        raise CodegenError("a pipeline must be one of " + ", ".join(PIPELINES), pipeline)
    return reduce(lambda current, name: PASSES[name](current), PIPELINES[pipeline], program)
