"""The intermediate representation: elementwise expressions, axis reductions and one associative linear scan.

A `Node` is an operation on other nodes and lives on a set of axes; nodes are interned, so that equal
subexpressions are one object and a program is a DAG. `OPS` is the whole language: a printer that covers the
table covers every theorem, and one that does not refuses the missing operation by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field

from s6flow.errors import CodegenError

__all__ = ["AXES", "OPS", "Input", "Node", "Op", "Program", "make", "topological"]

#: Canonical order of axes behind the batch axes; arrays carry their axes in this order.
AXES: tuple[str, ...] = ("token", "source", "channel", "state", "rank")


@dataclass(frozen=True)
class Op:
    """What one operation is: number of arguments, and its meaning.

    `axes_rule` is "union" (elementwise), or what a structural operation does to its axis `attr`:
    "drop" it, "keep" it, turn token into "source", or introduce ("index") it.
    """

    arity: int
    meaning: str
    axes_rule: str = "union"


OPS: dict[str, Op] = {
    "const": Op(0, "a number; attr is an int, a Fraction as (p, q), or a decimal string, inf among them"),
    "input": Op(0, "an input array; attr is (name, axes)", "input"),
    "add": Op(2, "x + y"),
    "sub": Op(2, "x - y"),
    "mul": Op(2, "x y"),
    "div": Op(2, "x / y"),
    "neg": Op(1, "-x"),
    "powi": Op(1, "x to the integer power attr >= 2"),
    "pow": Op(2, "x to a real power, x >= 0"),
    "sqrt": Op(1, "square root"),
    "hypot": Op(2, "square root of x^2 + y^2 without overflow"),
    "exp": Op(1, "exponential"),
    "expm1": Op(1, "e^x - 1 without cancellation"),
    "sinh": Op(1, "hyperbolic sine"),
    "cosh": Op(1, "hyperbolic cosine"),
    "log": Op(1, "natural logarithm"),
    "log1p": Op(1, "ln(1 + x) without cancellation"),
    "softplus": Op(1, "ln(1 + e^x)"),
    "sigmoid": Op(1, "1 / (1 + e^-x)"),
    "abs": Op(1, "|x|"),
    "sign": Op(1, "-1, 0 or 1"),
    "max": Op(2, "larger of two"),
    "min": Op(2, "smaller of two"),
    "lt": Op(2, "x < y"),
    "le": Op(2, "x <= y"),
    "eq": Op(2, "x = y"),
    "and": Op(2, "both"),
    "or": Op(2, "either"),
    "not": Op(1, "negation"),
    "where": Op(3, "second argument where the first holds, else the third"),
    "sum_error": Op(2, "(x + y) - fl(x + y), exactly; 0 in exact arithmetic"),
    "product_error": Op(2, "x y - fl(x y), exactly; 0 in exact arithmetic"),
    "reduce_sum": Op(1, "sum over the axis attr", "drop"),
    "reduce_max": Op(1, "maximum over the axis attr", "drop"),
    "contract": Op(2, "sum of products over the axis attr (a matrix product)", "drop"),
    "scan": Op(2, "f_l = x_l f_{l-1} + y_l along tokens, f_0 = 0", "keep"),
    "shift": Op(1, "value at the previous token, 0 at the first", "keep"),
    "as_source": Op(1, "the same values with the token axis read as the source axis", "source"),
    "position": Op(0, "1, 2, 3, ... along the axis attr", "index"),
}


class Node:
    """One operation; made by `make`, which returns the same object for the same operation."""

    __slots__ = ("args", "attr", "axes", "op")
    op: str
    args: tuple[Node, ...]
    attr: object
    axes: frozenset[str]

    @property
    def array(self) -> tuple[str, tuple[str, ...]]:
        """Name and axes of an input, in the order that it is indexed."""
        assert isinstance(self.attr, tuple), "only inputs name an array"
        name, axes = self.attr
        return name, axes

    def __repr__(self) -> str:
        inner = ", ".join(map(repr, self.args))
        attr = "" if self.attr is None else f"[{self.attr}]"
        return f"{self.op}{attr}({inner})"


_INTERNED: dict[tuple[object, ...], Node] = {}


def make(op: str, *args: Node, attr: object = None) -> Node:
    """The node of operation `op`.

    Raises: CodegenError: if the operation is unknown, its arity is wrong or an axis is missing.
    """
    if op not in OPS:
        raise CodegenError("an IR operation must be one of OPS", op, remedy="Add it to ir.OPS and to the printers.")
    spec = OPS[op]
    if spec.arity != len(args):
        raise CodegenError(f"IR operation {op} takes {spec.arity} arguments", len(args))
    key = (op, attr, *map(id, args))
    node = _INTERNED.get(key)
    if node is None:
        node = Node()
        node.op, node.args, node.attr = op, args, attr
        node.axes = _axes(op, args, attr, spec.axes_rule)
        _INTERNED[key] = node
    return node


def _axes(op: str, args: tuple[Node, ...], attr: object, rule: str) -> frozenset[str]:
    union: frozenset[str] = frozenset().union(*(arg.axes for arg in args))
    if rule == "input":
        return frozenset(attr[1])  # type: ignore[index]
    if rule == "index":
        return frozenset({str(attr)})
    if rule == "drop":
        if attr not in union:
            raise CodegenError(f"{op} needs an argument on the axis it reduces", sorted(union), f"axis {attr}")
        return union - {str(attr)}
    if rule == "keep":
        return union | {"token"}
    if rule == "source":
        if "source" in union:
            raise CodegenError("as_source needs an argument without a source axis", sorted(union))
        return (union - {"token"}) | ({"source"} if "token" in union else frozenset())
    return union


@dataclass(frozen=True)
class Input:
    """An argument of a program: its name and its axes behind the batch axes, in the order that it is indexed."""

    name: str
    axes: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A named function from input arrays to output arrays.

    Args:
        name: identifier of the generated function.
        inputs: arguments in calling order.
        outputs: (name, node) pairs in returning order.
        source: id of the theorem, or the derivation step, that it states.
        meaning: one line for its docstring.
        passes: names of the rewrite passes already applied.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[tuple[str, Node], ...]
    source: str
    meaning: str
    passes: tuple[str, ...] = field(default=())

    @property
    def axes(self) -> tuple[str, ...]:
        """Every axis that occurs, in canonical order."""
        present = {axis for node in self.nodes() for axis in node.axes}
        return tuple(axis for axis in AXES if axis in present)

    def nodes(self) -> list[Node]:
        """Every node once, arguments before what uses them."""
        return topological([node for _, node in self.outputs])

    def map(self, rule: Callable[[Node, tuple[Node, ...]], Node], name: str) -> Program:
        """The program with every node rebuilt bottom-up by `rule(old, new_args)`."""
        new: dict[int, Node] = {}
        for node in self.nodes():
            new[id(node)] = rule(node, tuple(new[id(arg)] for arg in node.args))
        outputs = tuple((label, new[id(node)]) for label, node in self.outputs)
        return Program(self.name, self.inputs, outputs, self.source, self.meaning, (*self.passes, name))

    def listing(self) -> str:
        """The program as readable text, one assignment a line; equal text means equal meaning."""
        numbers = {id(node): index for index, node in enumerate(self.nodes())}
        lines = [f"program {self.name}({', '.join(inp.name for inp in self.inputs)})  # {self.source}"]
        for node in self.nodes():
            attr = "" if node.attr is None else f"[{node.attr}]"
            args = ", ".join(f"v{numbers[id(arg)]}" for arg in node.args)
            axes = ",".join(axis for axis in AXES if axis in node.axes)
            lines.append(f"  v{numbers[id(node)]}: ({axes}) = {node.op}{attr}({args})")
        lines.append("  return " + ", ".join(f"{label}=v{numbers[id(node)]}" for label, node in self.outputs))
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the listing."""
        return hashlib.sha256(self.listing().encode()).hexdigest()[:16]


def topological(roots: Sequence[Node], given: Container[Node] = ()) -> list[Node]:
    """Nodes reachable from `roots`, arguments first, in an order that depends on structure alone.

    Args:
        given: nodes that are known already: neither they nor what they alone need is listed.
    """
    done: dict[Node, None] = {}
    for root in roots:
        stack: list[tuple[Node, Iterator[Node]]] = [(root, iter(root.args))]
        while stack:
            node, rest = stack[-1]
            if node in done or node in given:
                stack.pop()
                continue
            child = next((arg for arg in rest if arg not in done), None)
            if child is None:
                done[node] = None
                stack.pop()
            else:
                stack.append((child, iter(child.args)))
    return list(done)
