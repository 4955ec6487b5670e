"""The Numba printer: loops of one system, tokens innermost, so that the compiler can vectorise over tokens.

`loop_plan` says what is done in which loop, this spells it, and `scaffold` puts functions around the loops.
Needs no numba; what the text calls is in `runtime`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from string import Formatter

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import AXES, Node, Program
from s6flow.symbolic.codegen.numba.loop_plan import Loop, Path, Plan, Step, Value, plan_loops
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
    "hypot": "math.hypot({0}, {1})",
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
#: Longest line that a value is moved into.
_LONGEST = 100


class _Name(str):
    """A variable in a printed expression."""

    __slots__ = ()


@dataclass(frozen=True)
class _Text:
    """A printed expression: names of variables, and what stands between them.

    `bare`: whether it needs no parentheses anywhere, as a name, an entry or a call.
    """

    pieces: tuple[str, ...]
    bare: bool = False

    def __str__(self) -> str:
        return "".join(self.pieces)

    @property
    def names(self) -> list[str]:
        """Its variables, as often as they occur."""
        return [piece for piece in self.pieces if isinstance(piece, _Name)]

    def in_parentheses(self) -> _Text:
        return _Text(("(", *self.pieces, ")"), True)

    def with_value(self, name: str, value: _Text) -> _Text:
        """The expression with the value written in place of a name."""
        found: list[str] = []
        for at, piece in enumerate(self.pieces):
            if not isinstance(piece, _Name) or piece != name:
                found.append(piece)
                continue
            before, after = "".join(self.pieces[at - 1 : at]), "".join(self.pieces[at + 1 : at + 2])
            alone = len(self.pieces) == 1 or (before.endswith("(") and after.startswith(")"))
            found += value.pieces if value.bare or alone else value.in_parentheses().pieces
        return _Text(tuple(found), value.bare if len(self.pieces) == 1 else self.bare)


def _name(text: str) -> _Text:
    return _Text((_Name(text),), True)


def _indexed(array: str, where: Iterable[str]) -> _Text:
    return _Text((_Name(array), f"[{', '.join(where) or '0'}]"), True)


def _filled(form: str, args: list[_Text]) -> _Text:
    """A form of the table with printed arguments; a call is bare."""
    pieces: list[str] = []
    for between, field, _, _ in Formatter().parse(form):
        pieces += [between] if between else []
        pieces += args[int(field)].pieces if field else ()
    return _Text(tuple(pieces), form.endswith(")") and form[0].isalpha())


@dataclass(frozen=True)
class _Line:
    """An assignment, or the head of a loop (which has no value). A `register` is read by its name alone."""

    target: _Text
    value: _Text | None = None
    indent: int = 0
    register: bool = False

    def __str__(self) -> str:
        return "    " * self.indent + (str(self.target) if self.value is None else f"{self.target} = {self.value}")

    @property
    def reads(self) -> list[str]:
        """Variables in it besides the one that it changes, as often as they occur."""
        return [*self.target.names[1:], *(self.value.names if self.value else ())]


#: A statement, or the lines of a loop.
_Item = _Line | list[_Line]


def print_numba(program: Program) -> str:
    """The functions of one system and of a batch.

    `<name>_one(inputs..., outputs..., work)` evaluates one system, `work` being `<name>_room(lengths...)`;
    `<name>(inputs...)` takes arrays with batch axes.
    Raises: CodegenError: naming an operation that the printer lacks.
    """
    plan = plan_loops(program)
    return assemble(plan, [str(line) for line in _Printer(plan).body((plan.root,))])


class _Printer:
    """Spells the steps of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.values, self.scratch, self.blocks = plan.values, plan.scratch, plan.blocks

    def body(self, path: Path) -> list[_Line]:
        """The lines in the last loop of `path`."""
        items: list[_Item] = []
        for item in path[-1].body:
            items.extend([self.loop((*path, item))] if isinstance(item, Loop) else self.step(item, path))
        return [line for item in _inlined(items) for line in ([item] if isinstance(item, _Line) else item)]

    def loop(self, path: Path) -> list[_Line]:
        """The last loop of `path`, and what stands before and behind it; nothing if nothing is done in it."""
        loop, body = path[-1], self.body(path)
        if not body:
            return []
        if loop.axis == "block":
            count = _Line(_name("count"), _Text(("min(BLOCK, tokens - block)",)), 1)
            head = [_Line(_Text(("for block in range(0, tokens, BLOCK):",))), count]
        else:
            over = "count" if loop.axis == "token" else length(loop.axis)
            head = [_Line(_Text((f"for {_INDEX[loop.axis]} in range({over}):",)))]
        before, after = (
            [line for step in steps for line in self.step(step, path)] for steps in (loop.before, loop.after)
        )
        return [*before, *head, *(replace(line, indent=line.indent + 1) for line in body), *after]

    def step(self, step: Step, path: Path) -> list[_Line]:
        """The statements of a step inside the loops of `path`."""
        node, value = step.node, self.values[step.node]
        name, carry = _name(value.name), _name(f"carry{value.name[1:]}")
        match step.act:
            case "compute":
                args = [self.read(arg, path) for arg in node.args]
                if node.op == "scan":
                    moved = _filled("{0} * {1} + {2}", [args[0], carry, args[1]])
                    return [_Line(carry, moved), _Line(name, carry, register=True)]
                if node.op == "shift":
                    return [_Line(name, carry, register=True), _Line(carry, args[0])]
                return [_Line(name, self.spell(node, args), register=True)]
            case "store":
                return [_Line(self.entry(value), name)]
            case "start":
                around = {loop.axis for loop in path[:-1]}  # there the entry of one turn starts alone
                whole = {"token": ":count"}
                where = [_INDEX[axis] if axis in around else whole.get(axis, ":") for axis in value.axes]
                return [_Line(_indexed(value.array, where) if where else name, _Text((_FOLDS[node.op][0],)))]
            case "feed":
                entry, (arg,) = self.entry(value), node.args
                return [_Line(entry, _filled(_FOLDS[node.op][1], [entry, self.read(arg, path)]))]
            case "load":
                return [_Line(carry, self.kept(value))]
            case "save":
                return [_Line(self.kept(value), carry)]
            case "output":
                where = [self.index(axis) for axis in AXES if axis in node.axes]
                return [_Line(_indexed(f"{step.label}_out", where), self.read(node, path))]

    def read(self, node: Node, path: Path, at_source: bool = False) -> _Text:
        """The text that reads a node inside the loops of `path`; `at_source` reads its token axis at the source index."""
        match node.op:
            case "const":
                exact = node.attr
                return _Text((f"({exact[0]} / {exact[1]})" if isinstance(exact, tuple) else repr(float(str(exact))),))
            case "as_source":
                return self.read(node.args[0], path, at_source=True)
            case "input":
                name, axes = node.array
                where = ["j" if at_source and axis == "token" else self.index(axis) for axis in axes]
                return _indexed(name, where) if where else _name(name)
        if node not in self.values:
            return self.spell(node, [self.read(arg, path) for arg in node.args]).in_parentheses()
        value = self.values[node]
        inside = path[: len(value.home)] == value.home and not at_source
        return _name(value.name) if inside and node.op not in _FOLDS else self.entry(value, at_source)

    def spell(self, node: Node, args: list[_Text]) -> _Text:
        """An operation on printed arguments."""
        if node.op == "powi":
            return _filled(" * ".join(["{0}"] * int(str(node.attr))), args)
        if node.op == "position":
            return _Text((f"{self.index(str(node.attr))} + 1.0",))
        if node.op == "log1p" and in_unit(node.args[0]):
            return _filled("log1p_unit({0})", args)
        if node.op not in TABLE:
            raise CodegenError("the numba printer has no entry for the IR operation", node.op)
        return _filled(TABLE[node.op], args)

    def index(self, axis: str) -> str:
        """The index along an axis of a whole array."""
        return "block + i" if axis == "token" and self.blocks else _INDEX[axis]

    def entry(self, value: Value, at_source: bool = False) -> _Text:
        """The entry of the array that a value goes through, or its register."""
        where = ["j" if at_source and axis == "token" else _INDEX[axis] for axis in value.axes]
        return _indexed(value.array, where) if where else _name(value.name)

    def kept(self, value: Value) -> _Text:
        """The entry of the array where a recurrence keeps its last values."""
        return _indexed(value.kept, [_INDEX[axis] for axis in self.scratch[value.kept]])


def _inlined(body: list[_Item]) -> list[_Item]:
    """Registers whose value is used once, by a later statement beside them, written where they are used."""
    items, at = list(body), 0
    while at < len(items):
        found = _only_use(items[at], items[at + 1 :])
        if found is None:
            at += 1
            continue
        used, line = found
        items[at + 1 + used] = line
        del items[at]
    return items


def _only_use(item: _Item, later: list[_Item]) -> tuple[int, _Line] | None:
    """Which of the later items takes over the value of a register, and how it then reads; none if none may."""
    if not isinstance(item, _Line) or item.value is None or not item.register:
        return None
    name, value = str(item.target), item.value
    users = [at for at, other in enumerate(later) for use in _reads(other) if use == name]
    target = later[users[0]] if len(users) == 1 else None
    if not isinstance(target, _Line) or target.value is None or len(str(target)) + len(str(value)) >= _LONGEST:
        return None
    for other in later[: users[0]]:  # not into a loop's shadow, and a carried value may change before it is read
        if not isinstance(other, _Line) or other.target.names[0] in value.names:
            return None
    return users[0], replace(target, value=target.value.with_value(name, value))


def _reads(item: _Item) -> list[str]:
    return item.reads if isinstance(item, _Line) else [name for line in item for name in line.reads]
