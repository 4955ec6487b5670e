"""Programs as data: nodes of the IR in one JSON file, with a digest of the sources that they were lowered from.

Importing SymPy and building the expressions takes seconds, reading this takes milliseconds. The file holds operations and
no code: what runs is printed from it as from any program, and every operation is checked against `ir.OPS`.
"""

from __future__ import annotations

from typing import Any

from s6flow.committed import Committed
from s6flow.symbolic.codegen.ir import Input, Node, Program, make

__all__ = ["FILE", "as_data", "from_data", "stored", "table"]

FILE = Committed("symbolic/programs/programs.json", "s6flow-programs/1", (("symbolic", (".py",)),))


def stored(key: str) -> Program | None:
    """The program of that key; None where the file does not hold it for the present sources."""
    document = FILE.current()
    found = document["programs"].get(key) if document is not None else None
    return None if found is None else from_data(found)


def table(key: str) -> list[list[Any]] | None:
    """What else is known of a table of rules, row by row; None as above."""
    document = FILE.current()
    found: list[list[Any]] | None = None if document is None else document["tables"].get(key)
    return found


def as_data(program: Program) -> dict[str, Any]:
    """A program as lists and numbers."""
    nodes = program.nodes()
    number = {id(node): index for index, node in enumerate(nodes)}
    return {
        "name": program.name,
        "source": program.source,
        "meaning": program.meaning,
        "inputs": [[inp.name, list(inp.axes)] for inp in program.inputs],
        "nodes": [[node.op, node.attr, *(number[id(arg)] for arg in node.args)] for node in nodes],
        "outputs": [[label, number[id(node)]] for label, node in program.outputs],
        "passes": list(program.passes),
    }


def from_data(found: dict[str, Any]) -> Program:
    """The program again, made of the same interned nodes.

    Raises: CodegenError: an operation that the IR does not have.
    """
    nodes: list[Node] = []
    for op, attr, *arguments in found["nodes"]:
        nodes.append(make(op, *(nodes[index] for index in arguments), attr=_frozen(attr)))
    inputs = tuple(Input(name, tuple(axes)) for name, axes in found["inputs"])
    outputs = tuple((label, nodes[index]) for label, index in found["outputs"])
    return Program(found["name"], inputs, outputs, found["source"], found["meaning"], tuple(found["passes"]))


def _frozen(attr: object) -> object:
    return tuple(_frozen(part) for part in attr) if isinstance(attr, list) else attr
