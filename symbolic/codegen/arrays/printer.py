"""Printing array programs: shared by NumPy and PyTorch, which differ in their tables alone.

Inside a generated function every value carries all axes of the program, absent ones with length 1, so that
elementwise operations broadcast; batch axes come first and are never named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from s6flow.errors import CodegenError
from s6flow.symbolic.codegen.ir import AXES, Node, Program

__all__ = ["ArrayDialect", "print_arrays"]

_LETTERS = dict(zip(AXES, "ljdnr", strict=True))


@dataclass(frozen=True)
class ArrayDialect:
    """How one array library spells the IR.

    Args:
        name: the backend.
        header: import lines of a generated module.
        table: IR operation -> format string over printed arguments ({0}, {1}, {2}, {attr}, {axis}).
        constant: decimal or fraction -> literal.
        numbers: the same as `table` for functions of constants alone, where the library's own take arrays only.
        decorator: of a function of numbers in a compiled language, where there are no arrays.
    """

    name: str
    header: str
    table: Mapping[str, str]
    constant: Callable[[object], str]
    numbers: Mapping[str, str] = field(default_factory=dict)
    decorator: str = ""


def print_arrays(program: Program, dialect: ArrayDialect) -> str:
    """The source of a function that evaluates `program` on whole arrays, or, without axes, on numbers.

    Raises: CodegenError: naming an operation that the dialect's table lacks.
    """
    axes = program.axes
    uses: dict[int, int] = {}
    for node in program.nodes():
        times = int(str(node.attr)) if node.op == "powi" and "powi" not in dialect.table else 1
        for arg in node.args:
            uses[id(arg)] = uses.get(id(arg), 0) + times
    for _, node in program.outputs:
        uses[id(node)] = uses.get(id(node), 0) + 2
    text: dict[int, str] = {}
    lines: list[str] = []
    tokens = _token_length(program)
    nodes = sorted(program.nodes(), key=lambda node: node.op != "input")  # arrays are loaded first
    for node in nodes:
        code = _spell(node, [text[id(arg)] for arg in node.args], axes, dialect, tokens)
        loaded = node.op == "input" and dialect.table["input"] != "{0}"
        if loaded or (axes and node.op == "input") or (uses[id(node)] > 1 and node.op not in ("const", "input")):
            name = _temporary(node, len(lines))
            lines.append(f"{name} = {code}")
            code = name
        text[id(node)] = code
    results = [text[id(node)] + _squeeze(node, axes) for _, node in program.outputs]
    body = "\n    ".join([*lines, f"return {', '.join(results)}"])
    arguments = ", ".join(inp.name for inp in program.inputs)
    shapes = "; ".join(f"{inp.name} (*batch{''.join(', ' + axis for axis in inp.axes)})" for inp in program.inputs)
    doc = f'"""{program.meaning.rstrip(".")}.\n\n    Shapes: {shapes}.\n    """'
    if dialect.decorator:
        doc = f'"""{program.meaning.rstrip(".")}."""'
    head = f"{dialect.decorator}\n" if dialect.decorator else ""
    return f"{head}def {program.name}({arguments}):\n    {doc}\n    {body}\n"


def _temporary(node: Node, index: int) -> str:
    return f"{node.array[0]}_" if node.op == "input" else f"v{index}"


def _token_length(program: Program) -> tuple[str, str]:
    """How a generated function knows the number of tokens: from the first input that has a token axis."""
    for inp in program.inputs:
        if "token" in inp.axes:
            return f"{inp.name}_.shape[{program.axes.index('token') - len(program.axes)}]", f"{inp.name}_"
    return "1", "None"


def _spell(node: Node, args: list[str], axes: tuple[str, ...], dialect: ArrayDialect, tokens: tuple[str, str]) -> str:
    table = dialect.table
    length, like = tokens
    if node.op == "const":
        return dialect.constant(node.attr)
    if node.op == "powi" and node.op not in table:
        return "(" + " * ".join(args * int(str(node.attr))) + ")"
    if node.op not in table:
        raise CodegenError(f"the {dialect.name} printer has no entry for the IR operation", node.op)
    form = dialect.numbers.get(node.op, table[node.op]) if _number(node) else table[node.op]
    match node.op:
        case "input":
            name, own = node.array
            order = sorted(own, key=AXES.index)
            moved = f"{form.format(name)}"
            if list(own) != order:
                if len(own) != 2:
                    raise CodegenError("an input may have its two axes swapped, no more", own, name)
                moved = table["swap"].format(moved)
            index = ", ".join(":" if axis in own else "None" for axis in axes)
            return f"{moved}[..., {index}]" if index else moved
        case "reduce_sum" | "reduce_max":
            return form.format(*args, axis=axes.index(str(node.attr)) - len(axes))
        case "scan" | "shift":
            return form.format(*args, axis=axes.index("token") - len(axes))
        case "position":
            index = ", ".join(":" if axis == node.attr else "None" for axis in axes)
            return form.format(length, like=like) + f"[{index}]"
        case "as_source":
            swap = (axes.index("token") - len(axes), axes.index("source") - len(axes))
            return form.format(*args, token=swap[0], source=swap[1])
        case "contract":
            return _contract(node, args, axes, form)
    return "(" + form.format(*args, attr=node.attr) + ")"


def _number(node: Node) -> bool:
    """Whether a node depends on no array."""
    return node.op == "const" or (bool(node.args) and all(_number(arg) for arg in node.args))


def _contract(node: Node, args: list[str], axes: tuple[str, ...], form: str) -> str:
    """einsum over exactly the axes that the two arguments have; then length-1 axes are put back."""
    terms = ["..." + "".join(_LETTERS[axis] for axis in axes if axis in arg.axes) for arg in node.args]
    squeezed = [f"{text}{_squeeze(arg, axes)}" for text, arg in zip(args, node.args, strict=True)]
    out = "..." + "".join(_LETTERS[axis] for axis in axes if axis in node.axes)
    index = ", ".join(":" if axis in node.axes else "None" for axis in axes)
    return form.format(*squeezed, signature=f"{terms[0]},{terms[1]}->{out}") + f"[..., {index}]"


def _squeeze(node: Node, axes: tuple[str, ...]) -> str:
    if all(axis in node.axes for axis in axes):
        return ""
    return "[..., " + ", ".join(":" if axis in node.axes else "0" for axis in axes) + "]"
