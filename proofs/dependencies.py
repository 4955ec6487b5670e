"""Which theorems a formal proof uses: read off the Coq sources, name by name.

A proof uses what its text names, and what the lemmas that it names use. Followed from the proof of a formal statement
until other formal statements are met, this gives the theorems of the registry that it rests on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from s6flow.proofs.formal.template import TEMPLATE, stated
from s6flow.proofs.prove import COQ

__all__ = ["Item", "items", "kernel_uses", "proof_place", "statement_place", "uses_of"]

_ITEM = re.compile(
    r"^\s*(?:Local |Global )?(Theorem|Lemma|Corollary|Proposition|Fact|Remark|Definition|Fixpoint|Let|Ltac)\s+([\w']+)",
    re.M,
)
_COMMENT = re.compile(r"\(\*(?:(?!\(\*|\*\)).)*\*\)", re.S)
_WORD = re.compile(r"[A-Za-z_][\w']*")


@dataclass(frozen=True)
class Item:
    """A named piece of a Coq source.

    Args:
        name, file, line: what it is and where.
        words: every name in its text, its own aside.
        requires: modules that its file requires.
    """

    name: str
    file: str
    line: int
    words: frozenset[str]
    requires: frozenset[str]


def _bare(text: str) -> str:
    """The text with its comments, innermost first, replaced by blanks of the same shape."""
    while (next_text := _COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)) != text:
        text = next_text
    return text


def _parsed(path: Path) -> list[Item]:
    text = _bare(path.read_text())
    required = {
        word
        for group in re.findall(r"From S6Flow Require (?:Import|Export )?([^.]*)\.", text)
        for word in group.split()
    }
    marks = list(_ITEM.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    found = []
    for mark, end in zip(marks, ends, strict=True):
        name = mark.group(2)
        words = frozenset(_WORD.findall(text[mark.end() : end])) - {name}
        found.append(
            Item(name, path.name, text.count("\n", 0, mark.start(2)) + 1, words, frozenset(required | {path.stem}))
        )
    return found


@cache
def items(folder: Path = COQ) -> dict[str, tuple[Item, ...]]:
    """Name -> the items of that name in the sources."""
    found: dict[str, list[Item]] = {}
    for path in sorted(folder.glob("*.v")):
        for item in _parsed(path):
            found.setdefault(item.name, []).append(item)
    return {name: tuple(group) for name, group in found.items()}


def uses_of(name: str, stops: frozenset[str], folder: Path = COQ) -> frozenset[str]:
    """Names among `stops` that the item `name` reaches without passing through another of them.

    A name counts only where its file is required, or is the same; of a name that stands in several such files all are
    followed, which can only add.
    """
    table, own = items(folder), {name, f"{name}_proved"}
    todo, seen, met = list(table.get(name, ())), set(), set()
    while todo:
        item = todo.pop()
        if item in seen:
            continue
        seen.add(item)
        for word in item.words:
            near = [other for other in table.get(word, ()) if Path(other.file).stem in item.requires]
            if near and word in stops and word not in own:
                met.add(word)
            elif word != name:
                todo += near
    return frozenset(met)


@cache
def kernel_uses(identifier: str) -> frozenset[str]:
    """Ids of the registry's theorems whose formal statements the formal proofs of a theorem use."""
    ids = {row.name: row.id for row in stated()}
    stops = frozenset(ids) | {f"{name}_proved" for name in ids}
    own = [name for name, key in ids.items() if key == identifier]
    met = {ids[word.removesuffix("_proved")] for name in own for word in uses_of(name, stops)}
    return frozenset(met - {identifier})


def proof_place(name: str) -> str:
    """Where the theorem `name` is proved, as file:line; "" where there is none."""
    for item in items().get(name, ()):
        if f"{name}_statement" in item.words:
            return f"proofs/coq/{item.file}:{item.line}"
    return ""


def statement_place(name: str) -> str:
    """Where the template states `name`, as file:line."""
    text = TEMPLATE.read_text()
    return f"proofs/formal/{TEMPLATE.name}:{text.count(chr(10), 0, text.index(f'Definition {name}_statement')) + 1}"
