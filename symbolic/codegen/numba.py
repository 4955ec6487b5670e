"""The Numba printer: loops of one system, tokens innermost, so that the compiler can vectorise over tokens.

Nodes are put into loops in topological order; a loop is shared by all that can run in it. A value stays in a
register inside its loop and goes through a small array only from one loop to another. Tokens run in blocks whose
arrays stay in the first-level cache; a scan carries its last value from block to block and has a loop of its own,
since beside a recurrence nothing vectorises. Needs no numba; what the text calls is in `numba_runtime`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from s6flow.symbolic.codegen.ir import AXES, Node, Program, make
from s6flow.symbolic.codegen.numba_text import DECORATOR, PLAIN, functions_text
from s6flow.symbolic.errors import CodegenError

__all__ = ["BLOCK", "HEADER", "TABLE", "print_numba"]

HEADER = """import math

import numpy as np
from numba import njit

from s6flow.symbolic.codegen import numba_runtime as rt
"""

#: Tokens of a block.
BLOCK = 256

#: IR operation -> expression of scalars; what moves data between tokens or axes is spelled in `_Printer`.
TABLE: Mapping[str, str] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "pow": "{0} ** {1}",
    "sqrt": "math.sqrt({0})",
    "exp": "exp({0})",
    "expm1": "math.expm1({0})",
    "sinh": "math.sinh({0})",
    "cosh": "math.cosh({0})",
    "log": "math.log({0})",
    "log1p": "math.log1p({0})",
    "sigmoid": "sigmoid({0})",
    "softplus": "softplus({0})",
    "abs": "abs({0})",
    "sign": "rt.sign({0})",
    "max": "rt.larger({0}, {1})",
    "min": "rt.smaller({0}, {1})",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "eq": "{0} == {1}",
    "and": "({0} != 0) & ({1} != 0)",
    "or": "({0} != 0) | ({1} != 0)",
    "not": "{0} == 0",
    "where": "{1} if {0} else {2}",
    "sum_error": "rt.sum_error({0}, {1})",
    "product_error": "rt.product_error({0}, {1})",
}

#: Loops from the outside in, and their indices.
_INDEX = {"channel": "d", "rank": "r", "state": "n", "source": "j", "token": "i"}
_MOVES = ("scan", "shift")
_FOLDS = {"reduce_sum": ("0.0", "{0} + {1}"), "reduce_max": ("-np.inf", "rt.larger({0}, {1})")}
_PLACED = ("input", "const", "powi", "as_source", "position", *_MOVES, *_FOLDS)
_TRUTH = ("lt", "le", "eq", "and", "or", "not")
_FUNCTIONS = ("exp", "log1p_unit", "softplus", "sigmoid")


@dataclass
class _Loop:
    """A loop of the text: what stands before it, in it, and behind it."""

    header: str
    axis: str = ""
    before: list[str] = field(default_factory=list)
    body: list[_Loop | str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def lines(self, depth: int) -> list[str]:
        pad = "    " * depth
        inner = [
            line
            for item in _inlined(self.body)
            for line in (item.lines(depth + 1) if isinstance(item, _Loop) else [f"{pad}    {item}"])
        ]
        if not inner:  # every value of the loop is spelled where it is read
            return [f"{pad}{line}" for line in self.before]
        head = [f"{pad}{line}" for line in (*self.before, self.header)]
        return [*head, *inner, *(f"{pad}{line}" for line in self.after)]


def _words(item: _Loop | str) -> list[str]:
    text = item if isinstance(item, str) else "\n".join(item.lines(0))
    return re.findall(r"[A-Za-z_]\w*", text)


def _inlined(body: list[_Loop | str]) -> list[_Loop | str]:
    """Statements whose value is used once, by a later statement beside them, written where they are used."""
    items, at = list(body), 0
    while at < len(items):
        item = items[at]
        match = re.fullmatch(r"(v\d+) = (.*)", item) if isinstance(item, str) else None
        name, value = match.groups() if match else ("", "")
        users = [k for k in range(at + 1, len(items)) for word in _words(items[k]) if name and word == name]
        target = items[users[0]] if len(users) == 1 else None
        between = items[at + 1 : users[0] if users else at + 1]
        changed = [re.split(r"\W", later)[0] if isinstance(later, str) else name for later in between]
        moved = set(changed) & {name, *_words(value)}  # a carried value may change before it is read
        if isinstance(target, str) and not moved and len(target) + len(value) < 100:
            bare = re.fullmatch(r"[\w.]+(\[[^]]*\]|\([^()]*\))?", value)
            alone = re.compile(rf"(?<=\(){name}(?=\))|(?<= = ){name}$")
            if not bare and not alone.search(target):
                value = f"({value})"
            items[users[0]] = re.sub(rf"\b{name}\b", value, target)
            del items[at]
        else:
            at += 1
    return items


class _Printer:
    """The body of the function of one system."""

    def __init__(self, program: Program, arrays: Mapping[int, set[str]]) -> None:
        self.program, self.nodes, self.axes = program, program.nodes(), program.axes
        self.behind = _behind_tokens(program)
        self.streamed = "token" in self.axes and self.behind is not None
        self.path: dict[int, tuple[_Loop, ...]] = {}
        self.name: dict[int, str] = {}
        self.arrays = {key: set(own) for key, own in arrays.items()}  # node -> axes of the array that it goes through
        self.stored: set[int] = set()
        self.sunk = _sunk(program)
        self.scratch: dict[str, str] = {}  # array -> its shape

    def print(self) -> _Loop:
        root = _Loop("")
        late: set[int] = set()
        for node in self.nodes:
            if "token" in node.axes or any(id(arg) in late for arg in node.args):
                late.add(id(node))
        behind = self.behind or set()
        if self.streamed:
            self.block([node for node in self.nodes if id(node) not in late], root, ())
            chunk = _Loop("for block in range(0, tokens, BLOCK):", body=["count = min(BLOCK, tokens - block)"])
            root.body.append(chunk)
            self.block([node for node in self.nodes if id(node) in late and id(node) not in behind], chunk, (chunk,))
            self.block([node for node in self.nodes if id(node) in behind], root, ())
        else:
            root.body.extend(["count = tokens"] if "token" in self.axes else [])
            self.block(self.nodes, root, ())
        for label, node in self.program.outputs:
            self.write(label, node, root)
        return root

    def block(self, nodes: Iterable[Node], into: _Loop, path: tuple[_Loop, ...]) -> None:
        """Loops and statements that compute `nodes` inside the loops of `path`."""
        fixed = {loop.axis for loop in path}
        groups: list[tuple[str, list[Node]]] = []
        where: dict[int, int] = {}
        for node in nodes:
            if node.op in (*_LEAVES, "as_source") or id(node) in self.sunk:
                continue  # spelled where it is read
            axis = next((axis for axis in _INDEX if axis in node.axes and axis not in fixed), "")
            least = 0
            for arg, turned in self.read_by(node):
                if id(arg) in where:
                    at = where[id(arg)]
                    apart = turned or (node.op in _MOVES and axis == "token")
                    least = max(least, at if groups[at][0] == axis and not apart else at + 1)
            at = next((k for k in range(least, len(groups)) if groups[k][0] == axis), len(groups))
            if at == len(groups):
                groups.append((axis, []))
            groups[at][1].append(node)
            where[id(node)] = at
        for axis, members in groups:
            if axis:
                bound = "count" if axis == "token" else "tokens" if axis == "source" else f"{axis}s"
                loop = _Loop(f"for {_INDEX[axis]} in range({bound}):", axis)
                into.body.append(loop)
                self.block(members, loop, (*path, loop))
            else:
                for node in members:
                    self.path[id(node)] = path
                    self.statement(node, into, path)

    def read_by(self, node: Node) -> Iterable[tuple[Node, bool]]:
        """The values that a statement reads, and whether at another token than its own."""
        for arg in node.args:
            if arg.op == "as_source":
                yield from ((inner, True) for inner in (arg.args[0], *(below for below, _ in self.read_by(arg))))
            elif id(arg) in self.sunk:
                yield from self.read_by(arg)
            else:
                yield arg, False

    def statement(self, node: Node, into: _Loop, path: tuple[_Loop, ...]) -> None:
        if node.op in _FOLDS:
            self.fold(node, path)
            return
        name = self.name[id(node)] = f"v{len(self.name)}"
        if node.op in _MOVES:
            self.carry(node, name, into, path)
            return
        into.body.append(f"{name} = {self.spell(node, [self.use(arg, path) for arg in node.args])}")

    def spell(self, node: Node, args: list[str]) -> str:
        if node.op == "powi":
            return " * ".join(args * int(str(node.attr)))
        if node.op == "position":
            return f"{self.index(str(node.attr))} + 1.0"
        if node.op == "log1p" and _in_unit(node.args[0]):
            return f"log1p_unit({args[0]})"
        if node.op not in TABLE:
            raise CodegenError("the numba printer has no entry for the IR operation", node.op)
        return TABLE[node.op].format(*args)

    def index(self, axis: str, whole: bool = True) -> str:
        """The index along an axis: of all tokens, or of those of a block."""
        return "block + i" if axis == "token" and whole and self.streamed else _INDEX[axis]

    def use(self, node: Node, path: tuple[_Loop, ...], rename: bool = False) -> str:
        """The text that reads a value at `path`; `rename` reads its token axis at the source index."""
        if node.op == "const":
            return f"({node.attr[0]} / {node.attr[1]})" if isinstance(node.attr, tuple) else repr(float(str(node.attr)))
        if node.op == "as_source":
            return self.use(node.args[0], path, True)
        if node.op == "input":
            found: Any = node.attr
            name, axes = found
            where = ", ".join("j" if rename and axis == "token" else self.index(axis) for axis in axes)
            return f"{name}[{where}]" if axes else str(name)
        if id(node) in self.sunk:
            return f"({self.spell(node, [self.use(arg, path, rename) for arg in node.args])})"
        home = self.path[id(node)]
        common = [loop.axis for loop, other in zip(home, path, strict=False) if loop is other]
        within = len(common) == len(home) and not rename
        if within and id(node) not in self.arrays:
            return self.name[id(node)]
        own = self.arrays.setdefault(id(node), set())
        own |= node.axes - (set(common) - ({"token"} if rename else set()))
        entry = self.entry(node, rename)
        if node.op not in _FOLDS and id(node) not in self.stored:
            self.stored.add(id(node))
            home[-1].body.append(f"{self.entry(node)} = {self.name[id(node)]}")
        return self.name[id(node)] if within and node.op not in _FOLDS else entry

    def entry(self, node: Node, rename: bool = False) -> str:
        """An entry of the array that a value goes through, named after it."""
        own = self.dimensions(node)
        if not own:
            return self.name[id(node)]
        name = f"{self.name[id(node)]}_"
        self.scratch[name] = self.shape(own)
        where = ["j" if rename and axis == "token" else self.index(axis, whole=False) for axis in own]
        return f"{name}[{', '.join(where)}]"

    def dimensions(self, node: Node) -> list[str]:
        """Axes of the array that a value goes through, tokens last."""
        return [axis for axis in _INDEX if axis in self.arrays[id(node)]]

    def length(self, axis: str) -> str:
        return "BLOCK" if axis == "token" and self.streamed else "tokens" if axis == "source" else f"{axis}s"

    def shape(self, axes: list[str]) -> str:
        lengths = [self.length(axis) for axis in axes]
        return lengths[0] if len(lengths) == 1 else f"({', '.join(lengths)})" if lengths else "1"

    def fold(self, node: Node, path: tuple[_Loop, ...]) -> None:
        """A reduction: started before the outermost loop that it does not share with its argument, fed inside."""
        (arg,) = node.args
        name = self.name[id(node)] = f"sum{len(self.name)}" if node.op == "reduce_sum" else f"max{len(self.name)}"
        at = self.path[id(arg)] if arg.op != "input" else ()
        if not at or arg.op in _LEAVES:
            raise CodegenError("the numba printer folds computed values", node.op, name)
        shared = [loop for loop, other in zip(at, path, strict=False) if loop is other]
        fresh = {axis for axis in node.axes if axis not in {loop.axis for loop in shared}}
        if fresh or id(node) in self.arrays:
            self.arrays.setdefault(id(node), set()).update(fresh)
        start, step = _FOLDS[node.op]
        entry = self.entry(node) if self.arrays.get(id(node)) else name
        first = at[len(shared)]
        if entry == name:
            first.before.append(f"{name} = {start}")
        else:
            own = self.dimensions(node)
            where = ", ".join(":count" if axis == "token" else ":" for axis in own)
            first.before.append(f"{name}_[{where}] = {start}")
        at[-1].body.append(f"{entry} = {step.format(entry, self.use(arg, at))}")

    def carry(self, node: Node, name: str, into: _Loop, path: tuple[_Loop, ...]) -> None:
        """A recurrence along tokens: its last value is kept in an array over the other axes."""
        own = [axis for axis in _INDEX if axis in node.axes and axis != "token"]
        kept = f"{name}_last"
        self.scratch[kept] = self.shape(own)
        entry = f"{kept}[{', '.join(_INDEX[axis] for axis in own) or '0'}]"
        args = [self.use(arg, path) for arg in node.args]
        carried = f"carry{name[1:]}"
        into.before.append(f"{carried} = {entry}")
        if node.op == "scan":
            into.body.append(f"{carried} = {args[0]} * {carried} + {args[1]}")
            into.body.append(f"{name} = {carried}")
        else:
            into.body.append(f"{name} = {carried}")
            into.body.append(f"{carried} = {args[0]}")
        into.after.append(f"{entry} = {carried}")

    def write(self, label: str, node: Node, root: _Loop) -> None:
        """Store an output where it is made."""
        own = [axis for axis in AXES if axis in node.axes]
        where = ", ".join(self.index(axis) for axis in own) or "0"
        home = self.path.get(id(node), ())
        if node.op in ("input", "const", "as_source") or len(own) != len({loop.axis for loop in home if loop.axis}):
            raise CodegenError("an output must be a computed value", node.op, label)
        (home[-1] if home else root).body.append(f"{label}_out[{where}] = {self.use(node, home)}")


_LEAVES = ("input", "const")


def _sunk(program: Program) -> set[int]:
    """Sums and products that a scan alone reads: cheaper to form beside the recurrence than to store."""
    readers: dict[int, list[Node]] = {}
    for node in program.nodes():
        for arg in node.args:
            readers.setdefault(id(arg), []).append(node)
    cheap = [node for node in program.nodes() if node.op in ("add", "sub", "mul", "neg")]
    made = {id(node) for _, node in program.outputs}
    return {id(n) for n in cheap if id(n) not in made and [r.op for r in readers.get(id(n), [])] == ["scan"]}


def _in_unit(node: Node) -> bool:
    """Whether the node is e^{-|z|}, so that it lies in [0, 1]."""
    return node.op == "exp" and node.args[0].op == "neg" and node.args[0].args[0].op == "abs"


def _behind_tokens(program: Program) -> set[int] | None:
    """Nodes behind a reduction over all tokens; None if one of them goes back to tokens, so that blocks do not do."""
    found: set[int] = set()
    for node in program.nodes():
        if (node.op in _FOLDS and node.attr == "token") or any(id(arg) in found for arg in node.args):
            found.add(id(node))
            if "token" in node.axes:
                return None
        if "source" in node.axes:
            return None
    return found


def _products_as_sums(program: Program) -> Program:
    """contract -> a sum of products, and leaves of reductions -> products with 1: loops store neither."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        if old.op == "contract":
            return make("reduce_sum", make("mul", *args), attr=old.attr)
        if old.op in _FOLDS and args[0].op in (*_LEAVES, "as_source"):
            return make(old.op, make("mul", make("const", attr=1), args[0]), attr=old.attr)
        return make(old.op, *args, attr=old.attr)

    return program.map(rule, "products_as_sums")


def print_numba(program: Program) -> str:
    """The functions of one system and of a batch.

    `<name>_one(inputs..., outputs..., work)` evaluates one system, `work` being `<name>_room(lengths...)`;
    `<name>(inputs...)` takes arrays with batch axes.
    Raises: CodegenError: naming an operation that the printer lacks.
    """
    for node in program.nodes():
        if node.op not in TABLE and node.op not in (*_PLACED, "contract"):
            raise CodegenError("the numba printer has no entry for the IR operation", node.op)
    loops = _products_as_sums(program)
    first = _Printer(loops, {})
    first.print()
    printer = _Printer(loops, first.arrays)  # now every value knows all of its readers
    root = printer.print()
    lines = [line.removeprefix("    ") for line in root.lines(0)[1:]]
    return _assemble(program, printer, lines)


def _assemble(program: Program, printer: _Printer, lines: list[str]) -> str:
    name = program.name
    lengths = [f"{axis}s" for axis in AXES if axis in program.axes and axis != "source"]
    sizes = []
    for axis in lengths:
        inp = next(inp for inp in program.inputs if axis[:-1] in inp.axes)
        sizes.append((axis, inp.name, inp.axes.index(axis[:-1])))
    arguments = ", ".join(inp.name for inp in program.inputs)
    outputs = ", ".join(f"{label}_out" for label, _ in program.outputs)
    room = "".join(f"np.empty({shape}), " for shape in printer.scratch.values()) or "np.empty(1),"
    work = "".join(f"{array}, " for array in printer.scratch)
    unpack = [f"({work.strip()}) = work"] if len(printer.scratch) > 1 else [f"{work.strip()} = work"]
    starts = [f"{array}[:] = 0.0" for array in printer.scratch if array.endswith("_last")]
    doc = f'"""{program.meaning.rstrip(".")}, of one system."""'
    own = [f"{axis} = {source}.shape[{place}]" for axis, source, place in sizes]
    body = "\n    ".join([doc, *own, *(unpack if work else []), *starts, *lines])
    used = frozenset(word for word in re.findall(r"\w+", body) if word in _FUNCTIONS)
    many = "".join(f"{inp.name}[system], " for inp in program.inputs)
    many += "".join(f"{label}_out[system], " for label, _ in program.outputs)
    shapes = "; ".join(f"{inp.name} (*batch{''.join(', ' + axis for axis in inp.axes)})" for inp in program.inputs)
    kinds = [
        (tuple(axis for axis in AXES if axis in node.axes), "bool" if node.op in _TRUTH else "float64")
        for _, node in program.outputs
    ]
    reads = [f"{axis} = {source}.shape[{place + 1}]" for axis, source, place in sizes]
    parts = [
        f"BLOCK = {BLOCK}\n" if printer.streamed else "",
        functions_text(used),
        f'{PLAIN}\ndef {name}_room({", ".join(lengths)}):\n    """Scratch arrays of one thread."""\n'
        f"    return ({room.rstrip(' ')})\n",
        f"{PLAIN}\ndef {name}_one({arguments}, {outputs}, work):\n    {body}\n",
        f"{DECORATOR}\ndef {name}_many(first, last, {arguments}, {outputs}):\n"
        f'    """Systems first to last - 1 of a batch."""\n    '
        + "\n    ".join([*reads, f"work = {name}_room({', '.join(lengths)})"])
        + f"\n    for system in range(first, last):\n        {name}_one({many}work)\n",
        f'def {name}({arguments}):\n    """{program.meaning.rstrip(".")}.\n\n    Shapes: {shapes}.\n    """\n'
        f"    axes = {tuple(inp.axes for inp in program.inputs)!r}\n"
        f"    return rt.launch({name}_many, ({arguments},), axes, {kinds!r})\n",
    ]
    return "\n\n".join(part for part in parts if part)
