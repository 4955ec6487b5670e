"""Small pieces of Markdown that the generated pages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s6flow.proofs import index
from s6flow.proofs.theory_boxes import plain, readable
from s6flow.symbolic.derivation.inline import inline_parts
from s6flow.symbolic.derivation.prose import typeset
from s6flow.symbolic.sections import resolve

__all__ = ["below", "display", "inline", "listed", "plain", "source", "table", "theorem_link", "theory_links", "words"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; bars in cells are escaped."""
    lines = [tuple(head), tuple("---" for _ in head), *map(tuple, rows)]
    return ["", *("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines), ""]


def inline(latex: str) -> str:
    """Mathematics in running text or in a table."""
    text = readable(latex).replace("|", r"\vert ").strip()  # a bar would end the cell
    return f"${text}$" if latex else ""


def display(*latex: str) -> list[str]:
    """Displayed mathematics, one formula a line."""
    return [line for formula in latex for line in ("", "$$", readable(formula), "$$", "")]


def words(text: str) -> str:
    """Running text in which formulas are typeset and no character is Markdown's."""
    parts = inline_parts(typeset(text))
    form = {"math": inline, "code": lambda piece: f"`{piece}`", "text": plain}
    return "".join(form[kind](piece) for kind, piece in parts)


def theorem_link(key: str, up: str = "../") -> str:
    """A theorem's page, from a page one folder down."""
    return f"[`{key}`]({up}theorems/{key}.md)"


def theory_links(section: str, up: str = "../") -> str:
    """The headings of the theory that a reference such as "8, E3" names."""
    links = [f"[{found.key}. {found.title}]({up}theory/{found.file}#{found.anchor})" for found in resolve(section)]
    return ", ".join(links)


def source(reference: str, up: str = "../") -> str:
    """Of a number: a theorem's page, or headings of the theory."""
    return theorem_link(reference, up) if reference in index.ids() else theory_links(reference, up)


def listed(items: Iterable[str]) -> list[str]:
    """A list with a blank line around it."""
    return ["", *(f"- {item}" for item in items), ""]


def below(title: str, kind: str, lines: Iterable[str]) -> list[str]:
    """A block that opens on a click, without a script."""
    body = [f"    {line}".rstrip() for text in lines for line in text.split("\n")]
    return ["", f'??? {kind} "{title}"', "", *body, ""]
