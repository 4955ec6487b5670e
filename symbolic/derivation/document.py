"""Documents as data, rendered as Markdown, LaTeX and one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from s6flow.symbolic.derivation.blocks import (
    Block,
    Display,
    Figure,
    Heading,
    Listing,
    Paragraph,
    References,
    Statement,
    Table,
    numbers,
)
from s6flow.symbolic.derivation.inline import inline_parts, math_html
from s6flow.symbolic.derivation.prose import typeset
from s6flow.symbolic.derivation.tex import latex, tex_text

if TYPE_CHECKING:
    import jinja2

__all__ = ["RENDERERS", "Block", "Display", "Figure", "Heading", "Listing", "Paragraph", "Table", "render"]

#: Anchor -> number.
Known = Mapping[str, str]


# Markdown ------------------------------------------------------------------------------------------------------------
def _named(piece: str, known: Known) -> str:
    """The number that a reference in running text stands for."""
    number = known.get(piece, "?")
    return f"[{number}]" if piece.startswith("cite:") else number


def _markdown_text(text: str, known: Known) -> str:
    form: dict[str, Callable[[str], str]] = {
        "math": lambda piece: f"${piece}$",
        "code": lambda piece: f"`{piece}`",
        "ref": lambda piece: _named(piece, known),
        "text": str,
    }
    return "".join(form[kind](piece) for kind, piece in inline_parts(text))


def _markdown(block: Block, known: Known | None = None) -> str:
    known = known or {}
    match block:
        case Heading(text, level, anchor, numbered):
            return f"{'#' * level} {f'{known[anchor]}. ' if numbered else ''}{_markdown_text(text, known)}"
        case Paragraph(text, kind):
            shown = _markdown_text(text, known)
            if kind == "proof":
                return f"*Proof.* {shown}"
            return f"*{shown}*" if kind and "$" not in text and "`" not in text else shown
        case Display():
            return "\n\n".join(f"$$\n{line}\n$$" for line in block.latex)
        case Statement(kind, title, anchor, body):
            head = f"**{kind} {known.get(anchor, '')}** ({_markdown_text(title, known)})."
            return "\n\n".join([head, *(_markdown(part, known) for part in body)])
        case Table(header, rows):
            lines = [header, ("---",) * len(header), *rows]
            cells = [[_markdown_text(cell, known).replace("|", r"\|") for cell in line] for line in lines]
            table = "\n".join("| " + " | ".join(line) + " |" for line in cells)
            return f"Table {known[block.anchor]}. {block.caption}\n\n{table}" if block.caption else table
        case Listing(code):
            return f"```python\n{code.rstrip()}\n```"
        case Figure(stem, caption):
            number = f"**Figure {known[block.anchor]}.** " if block.anchor in known else ""
            return f"![{stem.name}]({stem.name}.png)\n\n{number}{_markdown_text(caption, known)}"
        case References(entries):
            return "\n".join(f"{known[f'cite:{key}']}. {_markdown_text(text, known)}" for key, text in entries)
    raise AssertionError("a block of a known kind")


# HTML ----------------------------------------------------------------------------------------------------------------
def _html_text(text: str, known: Known, formulas: bool = True) -> str:
    form: dict[str, Callable[[str], str]] = {
        "math": lambda piece: math_html(piece, False),
        "code": lambda piece: f"<code>{html.escape(piece)}</code>",
        "ref": lambda piece: f'<a href="#{piece.replace(":", "-")}">{_named(piece, known)}</a>',
        "text": html.escape,
    }
    return "".join(form[kind](piece) for kind, piece in inline_parts(typeset(text) if formulas else text))


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _html(block: Block, known: Known | None = None) -> str:
    known = known or {}
    match block:
        case Heading(text, level, anchor, numbered):
            number = f"{known[anchor]}. " if numbered else ""
            return f'<h{level} id="{anchor or _anchor(text)}">{number}{_html_text(text, known)}</h{level}>'
        case Paragraph(text, "proof"):
            return f'<p class="proof"><em>Proof.</em> {_html_text(text, known)} <span aria-hidden="true">&#9633;</span></p>'
        case Paragraph(text, kind):
            return f"<p{f' class={kind}' if kind else ''}>{_html_text(text, known)}</p>"
        case Display():
            return "".join(f'<div class="math">{math_html(line, True)}</div>' for line in block.latex)
        case Statement(kind, title, anchor, body):
            head = f"<p><strong>{kind} {known.get(anchor, '')}</strong> ({_html_text(title, known)}).</p>"
            inner = "".join(_html(part, known) for part in body)
            return f'<section class="statement" id="{anchor}">{head}{inner}</section>'
        case Table(header, rows):
            head = "".join(f"<th>{_html_text(cell, known)}</th>" for cell in header)
            filled = "".join(
                "<tr>" + "".join(f"<td>{_html_text(cell, known)}</td>" for cell in row) + "</tr>" for row in rows
            )
            top = (
                f"<caption>Table {known[block.anchor]}. {_html_text(block.caption, known)}</caption>"
                if block.caption
                else ""
            )
            name = f' id="{block.anchor}"' if block.caption else ""
            return f'<div class="scroll"{name}><table>{top}<thead><tr>{head}</tr></thead><tbody>{filled}</tbody></table></div>'
        case Listing(code):
            return f"<details><summary>source</summary><pre>{html.escape(code)}</pre></details>"
        case Figure(stem, caption):
            data = base64.b64encode(stem.with_suffix(".png").read_bytes()).decode()
            picture = f'<img alt="{html.escape(stem.name)}" src="data:image/png;base64,{data}">'
            number = f"<strong>Figure {known[block.anchor]}.</strong> " if block.anchor in known else ""
            return f'<figure id="{block.anchor}">{picture}<figcaption>{number}{_html_text(caption, known)}</figcaption></figure>'
        case References(entries):
            items = "".join(
                f'<li id="cite-{key}">{_html_text(text, known, formulas=False)}</li>' for key, text in entries
            )
            return f'<ol class="references">{items}</ol>'
    raise AssertionError("a block of a known kind")


@cache
def _templates() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        comment_start_string="((#",
        comment_end_string="#))",
        variable_start_string="((",
        variable_end_string="))",
        block_start_string="((%",
        block_end_string="%))",
        autoescape=False,  # LaTeX, Markdown, and HTML whose text the block printers have escaped
    )


#: Format -> (suffix, block printer, template).
RENDERERS: dict[str, tuple[str, Callable[..., str], str]] = {
    "markdown": (".md", _markdown, "page.md"),
    "latex": (".tex", latex, "page.tex"),
    "html": (".html", _html, "page.html"),
}


def render(title: str, blocks: Sequence[Block], form: str, abstract: str = "") -> str:
    """The document as text.

    Args:
        form: "markdown", "latex" or "html".
        abstract: running text that stands before everything else.
    Returns: text that depends on the arguments alone: no dates, no machine names.
    """
    _, printer, template = RENDERERS[form]
    known = numbers(blocks)
    body = "\n\n".join(printer(block, known) for block in blocks)
    headings = [block for block in blocks if isinstance(block, Heading) and block.level == 2]
    contents = [
        (block.anchor or _anchor(block.text), known.get(block.anchor, ""), _html_text(block.text, known))
        for block in headings
    ]
    if form == "markdown":
        shown, first = title, _markdown_text(abstract, known)
    elif form == "latex":
        shown, first = tex_text(title), tex_text(abstract)
    else:
        shown, first = title, _html_text(abstract, known)
    return _templates().get_template(template).render(title=shown, abstract=first, body=body, contents=contents)
