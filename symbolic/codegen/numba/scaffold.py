"""The text of a Numba module around the loops of one system: functions that they call, scratch arrays, and a batch."""

from __future__ import annotations

from collections.abc import Iterable

from s6flow.symbolic.codegen.ir import AXES
from s6flow.symbolic.codegen.numba.functions import DECORATOR, PLAIN, functions_text
from s6flow.symbolic.codegen.numba.loop_plan import Plan
from s6flow.symbolic.codegen.rewrite import in_unit

__all__ = ["BLOCK", "HEADER", "assemble", "length"]

HEADER = """import math

import numpy as np
from numba import njit

from s6flow.symbolic.codegen.numba import runtime as rt
"""

#: Tokens of a block.
BLOCK = 256

_TRUTH = ("lt", "le", "eq", "and", "or", "not")


def assemble(plan: Plan, loops: Iterable[str]) -> str:
    """The functions of a batch, of one system and of its scratch arrays, behind the scalar functions that it calls.

    Args:
        plan: of the program's loops.
        loops: their lines.
    """
    program, name, meaning = plan.program, plan.program.name, plan.program.meaning.rstrip(".")
    sizes = {}  # length of an axis -> an array that has it, and where in its shape
    for axis in program.axes:
        if axis != "source":
            known = next(inp for inp in program.inputs if axis in inp.axes)
            sizes[length(axis)] = known.name, known.axes.index(axis)

    def measured(batch_axes: int) -> list[str]:
        return [f"{size} = {array}.shape[{batch_axes + place}]" for size, (array, place) in sizes.items()]

    inputs, outputs = [inp.name for inp in program.inputs], [f"{label}_out" for label, _ in program.outputs]
    given, arrays, lengths = ", ".join(inputs), ", ".join([*inputs, *outputs]), ", ".join(sizes)
    rows = "".join(f"{array}[system], " for array in (*inputs, *outputs))
    kinds = [
        (tuple(axis for axis in AXES if axis in node.axes), "bool" if node.op in _TRUTH else "float64")
        for _, node in program.outputs
    ]
    shapes = "; ".join(f"{inp.name} ({', '.join(('*batch', *inp.axes))})" for inp in program.inputs)

    room = _function(PLAIN, f"{name}_room({lengths})", "Scratch arrays of one thread.", [f"return {_room(plan)}"])
    one = _function(
        PLAIN,
        f"{name}_one({arrays}, work)",
        f"{meaning}, of one system.",
        [*measured(0), *_start(plan), *loops],
    )
    many = _function(
        DECORATOR,
        f"{name}_many(first, last, {arrays})",
        "Systems first to last - 1 of a batch.",
        [
            *measured(1),
            f"work = {name}_room({lengths})",
            "for system in range(first, last):",
            f"    {name}_one({rows}work)",
        ],
    )
    whole = _function(
        "",
        f"{name}({given})",
        f"{meaning}.\n\n    Shapes: {shapes}.\n    ",
        [
            f"axes = {tuple(inp.axes for inp in program.inputs)!r}",
            f"return rt.launch({name}_many, ({given},), axes, {kinds!r})",
        ],
    )
    nodes = program.nodes()
    called = {"log1p_unit" if node.op == "log1p" and in_unit(node.args[0]) else node.op for node in nodes}
    functions = functions_text(frozenset(called))
    parts = [f"BLOCK = {BLOCK}\n" if plan.blocks else "", functions, room, one, many, whole]
    return "\n\n".join(part for part in parts if part)


def length(axis: str) -> str:
    """The variable that holds the length of an axis."""
    return "tokens" if axis == "source" else f"{axis}s"


def _function(decorator: str, signature: str, doc: str, body: Iterable[str]) -> str:
    head = [decorator] if decorator else []
    return "\n".join([*head, f"def {signature}:", f'    """{doc}"""', *(f"    {line}" for line in body)]) + "\n"


def _room(plan: Plan) -> str:
    """A tuple of new scratch arrays."""

    def made(axes: Iterable[str]) -> str:
        lengths = ["BLOCK" if axis == "token" and plan.blocks else length(axis) for axis in axes] or ["1"]
        return f"np.empty({lengths[0]})" if len(lengths) == 1 else f"np.empty(({', '.join(lengths)}))"

    return f"({', '.join(map(made, plan.scratch.values() or [()]))},)"


def _start(plan: Plan) -> list[str]:
    """What stands before the loops: names of the scratch arrays, and zeros before the first token."""
    names = "".join(f"{array}, " for array in plan.scratch).strip()
    kept = {value.kept for value in plan.values.values()}
    return [
        *([f"{f'({names})' if len(plan.scratch) > 1 else names} = work"] if names else []),
        *(f"{array}[:] = 0.0" for array in plan.scratch if array in kept),
        *(["count = tokens"] if "token" in plan.program.axes and not plan.blocks else []),
    ]
