"""The plan of a Numba text: which value is computed in which loop, and which goes through an array.

Values are put into loops in topological order; a loop is shared by all that can run in it. A value stays in a
register inside its loop and goes through a small array only from one loop to another. Tokens run in blocks whose
arrays stay in the first-level cache; a scan carries its last value from block to block and has a loop of its own,
since beside a recurrence nothing vectorises. A plan is data: `numba` spells its steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import Node, Program, make

__all__ = ["Loop", "Path", "Plan", "Step", "Value", "plan_loops"]

#: Axes of loops from the outside in.
_ORDER = ("channel", "rank", "state", "source", "token")
_FOLDS = ("reduce_sum", "reduce_max")
_MOVES = ("scan", "shift")
#: Spelled where they are read.
_LEAVES = ("input", "const", "as_source")


class Step(NamedTuple):
    """One act on a value; the label is that of an output.

    A value is computed, then stored if it goes through an array. A reduction is started before a loop and fed in it.
    What a recurrence carries is loaded before its loop and saved behind it.
    """

    act: Literal["compute", "store", "start", "feed", "load", "save", "output"]
    node: Node
    label: str = ""


@dataclass(eq=False)
class Loop:
    """A loop over an axis, or over the "block"s of tokens: the steps before it, in it, and behind it.

    The root, which holds everything, has the axis "" and no steps around it.
    """

    axis: str
    before: list[Step] = field(default_factory=list)
    body: list[Loop | Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)


#: The loops around a statement, from the root in.
Path = tuple[Loop, ...]


@dataclass(frozen=True)
class Value:
    """A computed value.

    Args:
        name: of its register.
        home: the loops around its statement.
        axes: of the array that it goes through, in the order of loops; none if it stays in its register.
    """

    name: str
    home: Path
    axes: tuple[str, ...]

    @property
    def array(self) -> str:
        """What takes it from loop to loop."""
        return f"{self.name}_"

    @property
    def kept(self) -> str:
        """Where a recurrence keeps its last values."""
        return f"{self.name}_last"


@dataclass(frozen=True)
class Plan:
    """The steps that compute a program, and where its values are.

    Args:
        program: as planned, with sums of products in place of contractions.
        blocks: whether tokens run in blocks.
        values: what has a statement; other nodes are spelled where they are read.
        root: all loops and steps.
        scratch: array -> its axes.
    """

    program: Program
    blocks: bool
    values: Mapping[Node, Value]
    root: Loop
    scratch: dict[str, tuple[str, ...]] = field(default_factory=dict)


def plan_loops(program: Program) -> Plan:
    """The loops of one system.

    Raises: CodegenError: if an output is not computed.
    """
    program = _products_as_sums(program)
    spelled, stages, root = _spelled(program), _stages(program), Loop("")
    parts = zip(stages or [program.nodes()], [(root,), (root, Loop("block")), (root,)], strict=False)
    homes = {node: home for nodes, path in parts for node, home in _homes(nodes, path, spelled)}
    reads = {node: list(_reads(node, spelled)) for node in homes}
    crossed = _crossed(homes, reads)
    values = {}
    for number, (node, home) in enumerate(homes.items()):
        stem = node.op.removeprefix("reduce_") if node.op in _FOLDS else "v"
        values[node] = Value(f"{stem}{number}", home, _ordered(crossed[node]))
    plan = Plan(program, bool(stages), values, root)
    for node, read in reads.items():
        _add(plan, node, [value for value, _ in read])
    for label, node in program.outputs:
        if node not in values:
            raise CodegenError("an output must be a computed value", node.op, label)
        _access(plan, node)
        values[node].home[-1].body.append(Step("output", node, label))
    return plan


def _products_as_sums(program: Program) -> Program:
    """contract -> a sum of products, and leaves of reductions -> products with 1: loops store neither."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "contract":
            return make("reduce_sum", make("mul", *args), attr=old.attr)
        if old.op in _FOLDS and args[0].op in _LEAVES:
            return make(old.op, make("mul", make("const", attr=1), args[0]), attr=old.attr)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "products_as_sums")


def _spelled(program: Program) -> set[Node]:
    """Leaves, and sums and products that a scan alone reads: cheaper to form beside the recurrence than to store."""
    readers = {node: ["output"] for _, node in program.outputs}
    for node in program.nodes():
        for arg in node.args:
            readers.setdefault(arg, []).append(node.op)
    cheap = {node for node in readers if node.op in ("add", "sub", "mul", "neg") and readers[node] == ["scan"]}
    return cheap | {node for node in readers if node.op in _LEAVES}


def _stages(program: Program) -> list[list[Node]]:
    """Nodes before, in and behind a loop over blocks of tokens; none if something goes back to tokens."""
    before: list[Node] = []
    inside: list[Node] = []
    behind: dict[Node, None] = {}
    for node in program.nodes():
        late = (node.op in _FOLDS and node.attr == "token") or any(arg in behind for arg in node.args)
        if "source" in node.axes or (late and "token" in node.axes):
            return []
        if late:
            behind[node] = None
        else:
            (inside if "token" in node.axes else before).append(node)
    return [before, inside, list(behind)] if inside else []


def _reads(node: Node, spelled: set[Node]) -> Iterator[tuple[Node, bool]]:
    """The values that a statement reads, and whether at another token than its own."""
    for arg in node.args:
        if arg in spelled:
            yield from ((value, at_source or arg.op == "as_source") for value, at_source in _reads(arg, spelled))
        else:
            yield arg, False


def _homes(nodes: Iterable[Node], path: Path, spelled: set[Node]) -> Iterator[tuple[Node, Path]]:
    """What has a statement, in the order of the text, and the loops around it: those of `path` and others in them."""
    outside = {loop.axis for loop in path}
    groups: list[tuple[str, list[Node]]] = []
    where: dict[Node, int] = {}
    for node in nodes:
        if node in spelled:
            continue
        axis = next(iter(_ordered(node.axes - outside)), "")
        least = 0
        for value, at_source in _reads(node, spelled):
            if value in where:
                at = where[value]
                apart = at_source or (node.op in _MOVES and axis == "token")
                least = max(least, at if groups[at][0] == axis and not apart else at + 1)
        at = next((k for k in range(least, len(groups)) if groups[k][0] == axis), len(groups))
        if at == len(groups):
            groups.append((axis, []))
        groups[at][1].append(node)
        where[node] = at
    for axis, members in groups:
        if axis:
            yield from _homes(members, (*path, Loop(axis)), spelled)
        else:
            yield from ((node, path) for node in members)


def _ordered(axes: Iterable[str]) -> tuple[str, ...]:
    """Axes in the order of their loops: tokens last."""
    return tuple(sorted(axes, key=_ORDER.index))


def _crossed(homes: Mapping[Node, Path], reads: Mapping[Node, list[tuple[Node, bool]]]) -> dict[Node, set[str]]:
    """Axes of every value whose loop it does not share with all that access it."""
    found: dict[Node, set[str]] = {node: set() for node in homes}
    for node, read in reads.items():
        fold = node.op in _FOLDS  # fed where its argument is
        at = homes[node.args[0] if fold else node]
        for value, at_source in [(node, False)] if fold else read:
            shared = {loop.axis for loop in homes[value] if loop in at}
            found[value] |= value.axes - (shared - {"token"} if at_source else shared)
    return found


def _add(plan: Plan, node: Node, read: Iterable[Node]) -> None:
    """Append the steps of a statement."""
    value = plan.values[node]
    for outer, loop in pairwise(value.home):
        if loop not in outer.body:
            outer.body.append(loop)
    into = value.home[-1]
    if node.op in _FOLDS:
        _access(plan, node)
        around = plan.values[node.args[0]].home
        next(loop for loop in around if loop not in value.home).before.append(Step("start", node))
        into = around[-1]
    elif node.op in _MOVES:
        plan.scratch[value.kept] = _ordered(node.axes - {"token"})
        into.before.append(Step("load", node))
        into.after.append(Step("save", node))
    for arg in read:
        _access(plan, arg)
    into.body.append(Step("feed" if node.op in _FOLDS else "compute", node))


def _access(plan: Plan, node: Node) -> None:
    """Make room for a value that goes through an array, and store it, when it is first accessed."""
    value = plan.values[node]
    if value.axes and value.array not in plan.scratch:
        plan.scratch[value.array] = value.axes
        if node.op not in _FOLDS:  # the array of a reduction is its only place
            value.home[-1].body.append(Step("store", node))
