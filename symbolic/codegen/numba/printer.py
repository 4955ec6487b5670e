"""The Numba printer: loops of one system, tokens innermost, so that the compiler can vectorise over tokens.

`numba_plan` says what is done in which loop, this spells it, and `numba_module` puts functions around the loops.
Needs no numba; what the text calls is in `runtime`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import AXES, Node, Program
from s6flow.symbolic.codegen.numba.plan import Loop, Path, Plan, Step, Value, plan_loops
from s6flow.symbolic.codegen.numba.scaffold import BLOCK, HEADER, assemble, length
from s6flow.symbolic.codegen.rewrite import in_unit

__all__ = ["BLOCK", "HEADER", "TABLE", "print_numba"]

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

_INDEX = {"channel": "d", "rank": "r", "state": "n", "source": "j", "token": "i"}
#: Reduction -> what it starts from, and its step.
_FOLDS = {"reduce_sum": ("0.0", "{0} + {1}"), "reduce_max": ("-np.inf", "rt.larger({0}, {1})")}
#: A statement, or the lines of a loop.
_Item = str | list[str]


def print_numba(program: Program) -> str:
    """The functions of one system and of a batch.

    `<name>_one(inputs..., outputs..., work)` evaluates one system, `work` being `<name>_room(lengths...)`;
    `<name>(inputs...)` takes arrays with batch axes.
    Raises: CodegenError: naming an operation that the printer lacks.
    """
    plan = plan_loops(program)
    return assemble(plan, _Printer(plan).body((plan.root,)))


class _Printer:
    """Spells the steps of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.values, self.scratch, self.blocks = plan.values, plan.scratch, plan.blocks

    def body(self, path: Path) -> list[str]:
        """The lines in the last loop of `path`."""
        items: list[_Item] = []
        for item in path[-1].body:
            items.extend([self.loop((*path, item))] if isinstance(item, Loop) else self.step(item, path))
        return [line for item in _inlined(items) for line in ([item] if isinstance(item, str) else item)]

    def loop(self, path: Path) -> list[str]:
        """The last loop of `path`, and what stands before and behind it; nothing if nothing is done in it."""
        loop, body = path[-1], self.body(path)
        if not body:
            return []
        if loop.axis == "block":
            head = ["for block in range(0, tokens, BLOCK):", "    count = min(BLOCK, tokens - block)"]
        else:
            head = [f"for {_INDEX[loop.axis]} in range({'count' if loop.axis == 'token' else length(loop.axis)}):"]
        before, after = (
            [line for step in steps for line in self.step(step, path)] for steps in (loop.before, loop.after)
        )
        return [*before, *head, *(f"    {line}" for line in body), *after]

    def step(self, step: Step, path: Path) -> list[str]:
        """The statements of a step inside the loops of `path`."""
        node, value = step.node, self.values[step.node]
        name, carry = value.name, f"carry{value.name[1:]}"
        match step.act:
            case "compute":
                args = [self.read(arg, path) for arg in node.args]
                if node.op == "scan":
                    return [f"{carry} = {args[0]} * {carry} + {args[1]}", f"{name} = {carry}"]
                if node.op == "shift":
                    return [f"{name} = {carry}", f"{carry} = {args[0]}"]
                return [f"{name} = {self.spell(node, args)}"]
            case "store":
                return [f"{self.entry(value)} = {name}"]
            case "start":
                around = {loop.axis for loop in path[:-1]}  # there the entry of one turn starts alone
                whole = {"token": ":count"}
                where = [_INDEX[axis] if axis in around else whole.get(axis, ":") for axis in value.axes]
                return [f"{_indexed(value.array, where) if where else name} = {_FOLDS[node.op][0]}"]
            case "feed":
                entry, (arg,) = self.entry(value), node.args
                return [f"{entry} = {_FOLDS[node.op][1].format(entry, self.read(arg, path))}"]
            case "load":
                return [f"{carry} = {self.kept(value)}"]
            case "save":
                return [f"{self.kept(value)} = {carry}"]
            case "output":
                where = [self.index(axis) for axis in AXES if axis in node.axes]
                return [f"{_indexed(f'{step.label}_out', where)} = {self.read(node, path)}"]

    def read(self, node: Node, path: Path, at_source: bool = False) -> str:
        """The text that reads a node inside the loops of `path`; `at_source` reads its token axis at the source index."""
        match node.op:
            case "const":
                exact = node.attr
                return f"({exact[0]} / {exact[1]})" if isinstance(exact, tuple) else repr(float(str(exact)))
            case "as_source":
                return self.read(node.args[0], path, at_source=True)
            case "input":
                name, axes = node.array
                where = ["j" if at_source and axis == "token" else self.index(axis) for axis in axes]
                return _indexed(name, where) if where else name
        if node not in self.values:
            return f"({self.spell(node, [self.read(arg, path) for arg in node.args])})"
        value = self.values[node]
        inside = path[: len(value.home)] == value.home and not at_source
        return value.name if inside and node.op not in _FOLDS else self.entry(value, at_source)

    def spell(self, node: Node, args: list[str]) -> str:
        """An operation on printed arguments."""
        if node.op == "powi":
            return " * ".join(args * int(str(node.attr)))
        if node.op == "position":
            return f"{self.index(str(node.attr))} + 1.0"
        if node.op == "log1p" and in_unit(node.args[0]):
            return f"log1p_unit({args[0]})"
        if node.op not in TABLE:
            raise CodegenError("the numba printer has no entry for the IR operation", node.op)
        return TABLE[node.op].format(*args)

    def index(self, axis: str) -> str:
        """The index along an axis of a whole array."""
        return "block + i" if axis == "token" and self.blocks else _INDEX[axis]

    def entry(self, value: Value, at_source: bool = False) -> str:
        """The entry of the array that a value goes through, or its register."""
        where = ["j" if at_source and axis == "token" else _INDEX[axis] for axis in value.axes]
        return _indexed(value.array, where) if where else value.name

    def kept(self, value: Value) -> str:
        """The entry of the array where a recurrence keeps its last values."""
        return _indexed(value.kept, [_INDEX[axis] for axis in self.scratch[value.kept]])


def _indexed(array: str, where: list[str]) -> str:
    return f"{array}[{', '.join(where) or '0'}]"


def _words(item: _Item) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", item if isinstance(item, str) else "\n".join(item))


def _inlined(body: list[_Item]) -> list[_Item]:
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
