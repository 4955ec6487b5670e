"""Programs as data: nodes of the IR in one JSON file, with a digest of the sources that they were lowered from.

Importing SymPy and building the expressions takes seconds, reading this takes milliseconds. The file holds operations and
no code: what runs is printed from it as from any program, and every operation is checked against `ir.OPS`.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from s6flow.provenance import package_root
from s6flow.symbolic.codegen.ir import Input, Node, Program, make

__all__ = ["FILE", "SCHEMA", "as_data", "from_data", "sources_digest", "stored", "table"]

FILE = Path(__file__).parent / "programs.json"
SCHEMA = "s6flow-programs/1"


def stored(key: str) -> Program | None:
    """The program of that key; None where the file does not hold it for the present sources."""
    document = _current()
    found = document["programs"].get(key) if document is not None else None
    return None if found is None else from_data(found)


def table(key: str) -> list[list[Any]] | None:
    """What else is known of a table of rules, row by row; None as above."""
    document = _current()
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


@cache
def sources_digest() -> str:
    """Of everything in `symbolic/` by its bytes: parsing would take longer than reading."""
    digest, base = hashlib.sha256(), package_root() / "symbolic"
    for path in sorted(base.rglob("*.py")):
        data = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(base).as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:20]


@cache
def _current() -> dict[str, Any] | None:
    """The file, unless it is missing, or this is a checkout with other sources; an installed package has its own."""
    if not FILE.exists():
        return None
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    checkout = (package_root().resolve().parent / "pyproject.toml").exists()
    if document.get("schema") != SCHEMA or (checkout and document["sources"] != sources_digest()):
        return None
    return document
