"""The mutants of a source file: every comparison, constant, sign, operator and condition, changed one at a time.

Left out: what is read by people or type checkers alone (docstrings, messages, annotations, `__all__`), and flags that
only guard the programmer (`strict=` of zip, what a dataclass decorator takes).

One long file: every kind of change beside the others, over one walk of the tree.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import CodeType

__all__ = ["Changes", "Mutant", "mutants", "mutated", "probed"]

#: Operator -> what stands in its place: a comparison moves its boundary, and turns round.
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    "min max",
    "minimum maximum",
    "amin amax",
    "nanmin nanmax",
    "argmin argmax",
    "nanargmin nanargmax",
    "fmin fmax",
)
_PAIRS += ("any all", "floor ceil", "less greater", "cummin cummax", "logical_and logical_or")
NAMES = {a: b for pair in _PAIRS for a, b in (pair.split(), reversed(pair.split()))}
#: What `ast.dump` says from Python 3.12 on of every function and class: left out, a key is the same by every Python.
NEWER = ", type_params=[]"
#: A float that says an order of magnitude is moved by one; any other by a factor of two.
MAGNITUDE = (1e-2, 1e3)


@dataclass(frozen=True)
class Mutant:
    """One change.

    Args:
        module: file below the repository's root.
        index: of the change among those of the file, which is the same as long as its code is.
        line: where.
        kind: comparison, operator, sign, boolean, condition, constant, extremum or return.
        before, after: the expression that changes, in short.
        top: whether its place in the text is outside of every function.
        lines: first and last of the statement around it, without what a compound one contains.
        key: digest of the outermost statement around it and the change's place there; edits elsewhere leave it as it is.
    """

    module: str
    index: int
    line: int
    kind: str
    before: str
    after: str
    top: bool
    lines: tuple[int, int]
    key: str


@dataclass(frozen=True)
class _Change:
    """Where a change is: the path of fields and indices from the tree's root; and what stands there then."""

    path: tuple[str | int, ...]
    node: ast.AST | list[ast.cmpop]
    kind: str
    where: ast.expr
    top: bool
    statement: ast.stmt


def mutants(source: str, module: str) -> list[Mutant]:
    """The mutants of a file, in the order of its text."""
    tree = ast.parse(source)
    found, places = [], Counter[int]()
    digests = [_digest(node) for node in tree.body]
    for index, change in enumerate(list(_changes(tree))):
        outer = change.path[1]
        assert isinstance(outer, int), "every change is within a statement"
        places[outer] += 1
        body = getattr(change.statement, "body", None)
        last = change.statement.end_lineno if body is None else body[0].lineno - 1
        lines = (change.statement.lineno, max(last or 0, change.statement.lineno))
        before, after = ast.unparse(change.where), _after(tree, change)
        line, key = change.where.lineno, f"{digests[outer]}-{places[outer]}"
        found.append(Mutant(module, index, line, change.kind, before, after, change.top, lines, key))
    return found


def mutated(source: str, index: int, filename: str) -> CodeType:
    """The code of a file with one change."""
    return Changes(source, filename).code(index)


class Changes:
    """Every change of a file, found once: in place, so that a process makes one of them."""

    def __init__(self, source: str, filename: str) -> None:
        self.tree, self.filename = ast.parse(source), filename
        self.changes = list(_changes(self.tree))

    def code(self, index: int) -> CodeType:
        """The code with this change."""
        change = self.changes[index]
        _put(self.tree, change.path, change.node)
        return compile(ast.fix_missing_locations(self.tree), self.filename, "exec")


def probed(source: str, module: str, filename: str) -> CodeType:
    """The code of a file that calls `__reach__((module, line))` before every statement inside of functions and classes."""
    return compile(ast.fix_missing_locations(_Probes(module).visit(ast.parse(source))), filename, "exec")


class _Probes(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self.module = module

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, field, [each for one in body for each in (*self.probe(one), one)])
        return node

    def probe(self, one: ast.stmt) -> list[ast.stmt]:
        if _prose(one) and isinstance(one, ast.Expr):
            return []
        call = ast.Call(ast.Name("__reach__", ast.Load()), [ast.Constant((self.module, one.lineno))], [])
        return [ast.copy_location(ast.Expr(call), one)]


def _after(tree: ast.Module, change: _Change) -> str:
    """The expression around a change, as it is then."""
    old = _at(tree, change.path)
    if old is change.where:
        return ast.unparse(change.node)  # type: ignore[arg-type]
    _put(tree, change.path, change.node)
    text = ast.unparse(change.where)
    _put(tree, change.path, old)
    return text


def _at(tree: ast.AST, path: tuple[str | int, ...]) -> ast.AST:
    node: object = tree
    for step in path:
        node = node[step] if isinstance(step, int) else getattr(node, step)  # type: ignore[index]
    return node  # type: ignore[return-value]


def _put(tree: ast.AST, path: tuple[str | int, ...], node: object) -> None:
    parent, last = _at(tree, path[:-1]), path[-1]
    if isinstance(last, int):
        parent[last] = node  # type: ignore[index]
    else:
        setattr(parent, last, node)


def _changes(tree: ast.Module) -> Iterator[_Change]:
    for path, node, top, statement, function in _walk(tree, (), True, None, None):
        for where, new, kind in _of(node, function, _place(tree, path)):
            full = path + where
            located = node if isinstance(node, ast.expr) else _at(tree, full)
            if isinstance(node, ast.AugAssign) or not isinstance(located, ast.expr):
                located = node.target if isinstance(node, ast.AugAssign) else node
            yield _Change(full, new, kind, located, top, statement)  # type: ignore[arg-type]


def _of(
    node: ast.AST, function: ast.FunctionDef | None, place: bool
) -> Iterator[tuple[tuple[str | int, ...], ast.AST, str]]:
    """The changes of one node: where below it, what stands there then, and the kind; in an index or axis -1 becomes 0."""
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield ("ops", number), other(), "comparison"
    elif (
        isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not (_text(node.left) or _text(node.right))
    ) or (isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS and not _text(node.value)):
        yield ("op",), OPERATORS[type(node.op)](), "operator"
    elif place and _negative(node):
        yield (), ast.copy_location(ast.Constant(0), node), "sign"
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.UAdd):
        yield (), node.operand, "sign" if isinstance(node.op, ast.USub) else "boolean"
    elif isinstance(node, ast.BoolOp):
        yield ("op",), ast.Or() if isinstance(node.op, ast.And) else ast.And(), "boolean"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        for value in _moved(node.value):
            yield (), ast.copy_location(ast.Constant(value), node), "constant"
    elif isinstance(node, ast.Call):
        name = node.func
        if isinstance(name, ast.Name) and name.id in NAMES:
            yield ("func",), ast.copy_location(ast.Name(NAMES[name.id], ast.Load()), name), "extremum"
        elif isinstance(name, ast.Attribute) and name.attr in NAMES:
            yield ("func",), ast.copy_location(ast.Attribute(name.value, NAMES[name.attr], name.ctx), name), "extremum"
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and _bare(node.test):
        yield ("test",), _negated(node.test), "condition"
    elif isinstance(node, ast.comprehension):
        for number, test in enumerate(node.ifs):
            if _bare(test):
                yield ("ifs", number), _negated(test), "condition"
    elif isinstance(node, ast.Return) and node.value is not None and _bare(node.value) and _says_whether(function):
        yield ("value",), _negated(node.value), "return"


def _digest(node: ast.stmt) -> str:
    """Of what a statement does: annotations and docstrings do not touch it."""
    bare = deepcopy(node)
    for one in ast.walk(bare):
        for field in ("annotation", "returns"):
            if getattr(one, field, None) is not None:
                setattr(one, field, ast.Constant(None))
        body = getattr(one, "body", None)
        if isinstance(body, list) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body[0].value.value = None
    return hashlib.sha256(ast.dump(bare).replace(NEWER, "").encode()).hexdigest()[:12]


def _place(tree: ast.Module, path: tuple[str | int, ...]) -> bool:
    """Whether a node is in an index or is an axis."""
    parent = _at(tree, path[:-1]) if path else tree
    return "slice" in path[-4:] or (isinstance(parent, ast.keyword) and parent.arg == "axis")


def _negative(node: ast.AST) -> bool:
    """A literal like -1."""
    literal = isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    return literal and isinstance(node.op, ast.USub) and isinstance(node.operand.value, int)


def _says_whether(function: ast.FunctionDef | None) -> bool:
    return function is not None and isinstance(function.returns, ast.Name) and function.returns.id == "bool"


def _bare(node: ast.expr) -> bool:
    """Whether no change of its own negates this condition."""
    return not isinstance(node, ast.Compare | ast.UnaryOp | ast.Constant)


def _negated(node: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), deepcopy(node)), node)


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes))


def _moved(value: bool | int | float) -> tuple[bool | int | float, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1,) if value < 2 else (value + 1, value - 1)
    if value == 0:
        return (1.0,)
    factor = 2.0 if MAGNITUDE[0] <= abs(value) < MAGNITUDE[1] else 10.0
    return (value * factor, value / factor)


def _walk(
    node: ast.AST, path: tuple[str | int, ...], top: bool, statement: ast.stmt | None, function: ast.FunctionDef | None
) -> Iterator[tuple[tuple[str | int, ...], ast.AST, bool, ast.stmt | None, ast.FunctionDef | None]]:
    """Every node that a run reads, with its path, whether the import runs it, and the statement and function around."""
    if isinstance(node, ast.stmt):
        statement = node
    yield path, node, top, statement, function
    for field, value in ast.iter_fields(node):
        if _skipped(node, field):
            continue
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body"
        below = node if inner and isinstance(node, ast.FunctionDef) else function
        for number, part in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(part, ast.AST) and not _prose(part):
                step = (field,) if number is None else (field, number)
                yield from _walk(part, path + step, top and not inner, statement, below)


def _skipped(node: ast.AST, field: str) -> bool:
    if field in ("annotation", "returns"):
        return True
    return (isinstance(node, ast.Assert) and field == "msg") or (
        isinstance(node, ast.ClassDef) and field == "decorator_list"
    )


def _prose(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return True
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id == "__all__"
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
