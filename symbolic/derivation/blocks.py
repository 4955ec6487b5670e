"""What a document is made of, and the numbers of what is numbered in it.

The same blocks serve the derivation, the theorem pages and the paper. Text may hold $mathematics$, `code`, formulas as
people type them, `[[anchor]]` for the number of what has that anchor, and `[[cite:key]]` for a reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy as sp

__all__ = [
    "Block",
    "Display",
    "Figure",
    "Heading",
    "Listing",
    "Paragraph",
    "References",
    "Statement",
    "Table",
    "numbers",
]


@dataclass(frozen=True)
class Heading:
    """A heading; `anchor` is a permanent id that links can name. Sections (level 2) are numbered if so asked."""

    text: str
    level: int = 2
    anchor: str = ""
    numbered: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text; `kind` is "" or a class: "status", "residual", "note" (small), "proof"."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Display:
    """Displayed mathematics, one line an expression."""

    lines: tuple[sp.Basic | str, ...]

    @property
    def latex(self) -> tuple[str, ...]:
        """LaTeX of every line."""
        return tuple(line if isinstance(line, str) else _printed(line) for line in self.lines)


def _printed(expression: sp.Basic) -> str:
    from s6flow.symbolic.derivation.latex import display  # brings SymPy, which a page of stored text does not need

    return display(expression)


@dataclass(frozen=True)
class Statement:
    """A numbered step or theorem.

    Args:
        kind: "Step" or "Theorem"; all kinds share one counter, which begins anew in every section.
        title: a few words.
        anchor: permanent id.
        body: what it states.
    """

    kind: str
    title: str
    anchor: str
    body: tuple[Block, ...]


@dataclass(frozen=True)
class Table:
    """A table of inline text; one with a caption is numbered."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Listing:
    """Source code, verbatim."""

    code: str


@dataclass(frozen=True)
class Figure:
    """A picture: `stem` with .png, .svg and .pdf beside each other, and its caption. Numbered."""

    stem: Path
    caption: str

    @property
    def anchor(self) -> str:
        """Its id."""
        return f"figure-{self.stem.name}"


@dataclass(frozen=True)
class References:
    """The bibliography: key and text of every entry, in order."""

    rows: tuple[tuple[str, str], ...]


Block = Heading | Paragraph | Display | Statement | Table | Listing | Figure | References


def numbers(blocks: Iterable[Block]) -> dict[str, str]:
    """Anchor -> number of every section, statement, table, figure and reference, as LaTeX counts them."""
    found: dict[str, str] = {}
    sections = statements = tables = figures = 0
    for block in blocks:
        match block:
            case Heading(level=2, numbered=True):
                sections, statements = sections + 1, 0
                found[block.anchor] = str(sections)
            case Statement():
                statements += 1
                found[block.anchor] = f"{sections}.{statements}"
            case Table() if block.caption:
                tables += 1
                found[block.anchor] = str(tables)
            case Figure():
                figures += 1
                found[block.anchor] = str(figures)
            case References():
                found |= {f"cite:{key}": str(place) for place, (key, _) in enumerate(block.rows, 1)}
            case _:
                pass
    return found
