"""Documents as data, rendered as Markdown, LaTeX and one self-contained HTML page.

The same blocks serve the derivation, the theorem pages and the paper; text may hold $mathematics$ and `code`.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from s6flow.symbolic.derivation.inline import inline_parts, math_html

if TYPE_CHECKING:
    import jinja2
    import sympy as sp

__all__ = ["RENDERERS", "Block", "Display", "Figure", "Heading", "Listing", "Paragraph", "Table", "render"]


@dataclass(frozen=True)
class Heading:
    """A heading; `anchor` is a permanent id that links can name."""

    text: str
    level: int = 2
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Running text; `kind` is "" or a class of note ("status", "residual")."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Display:
    """Displayed mathematics, one line an expression."""

    lines: tuple[sp.Basic | str, ...]

    @property
    def latex(self) -> tuple[str, ...]:
        """LaTeX of every line."""
        from s6flow.symbolic.derivation.latex import display  # brings SymPy, which a page of stored text does not need

        return tuple(line if isinstance(line, str) else display(line) for line in self.lines)


@dataclass(frozen=True)
class Table:
    """A table of inline text."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Listing:
    """Source code, verbatim."""

    code: str


@dataclass(frozen=True)
class Figure:
    """A picture: `stem` with .png, .svg and .pdf beside each other, and its caption."""

    stem: Path
    caption: str


Block = Heading | Paragraph | Display | Table | Listing | Figure


# Markdown ------------------------------------------------------------------------------------------------------------
def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level, _):
            return f"{'#' * level} {text}"
        case Paragraph(text, kind):
            return f"*{text}*" if kind and "$" not in text and "`" not in text else text
        case Display():
            return "\n\n".join(f"$$\n{line}\n$$" for line in block.latex)
        case Table(header, rows):
            lines = [header, ("---",) * len(header), *rows]
            return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
        case Listing(code):
            return f"```python\n{code.rstrip()}\n```"
        case Figure(stem, caption):
            return f"![{stem.name}]({stem.name}.png)\n\n{caption}"
    raise AssertionError("a block of a known kind")


# LaTeX ---------------------------------------------------------------------------------------------------------------
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "#$%&_{}"
}
_TEX_UNICODE = {"≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$", "∞": r"$\infty$", "−": "-", "×": r"$\times$"}
_SECTIONS = {1: "section*", 2: "section", 3: "subsection", 4: "paragraph"}


def _tex_text(text: str) -> str:
    out = []
    for kind, piece in inline_parts(text):
        escaped = "".join((_TEX | _TEX_UNICODE).get(c, c) for c in piece)
        out.append({"math": f"${piece}$", "code": rf"\texttt{{{escaped}}}", "text": escaped}[kind])
    return "".join(out)


def _latex(block: Block) -> str:
    match block:
        case Heading(text, level, anchor):
            label = rf"\label{{{anchor}}}" if anchor else ""
            return rf"\{_SECTIONS[level]}{{{_tex_text(text)}}}{label}"
        case Paragraph(text, kind):
            return rf"{{\small {_tex_text(text)}}}" + "\n" if kind else _tex_text(text) + "\n"
        case Display():
            body = " \\\\\n".join(f"&\\;{line}" for line in block.latex)
            return (
                "\\begin{adjustbox}{max width=\\linewidth}\n$\\begin{aligned}\n"
                + body
                + "\n\\end{aligned}$\n\\end{adjustbox}\n"
            )
        case Table(header, rows):
            form = "l" * len(header)
            lines = [" & ".join(map(_tex_text, row)) + r" \\" for row in rows]
            head = " & ".join(rf"\textbf{{{_tex_text(cell)}}}" for cell in header) + r" \\ \midrule"
            inner = "\n".join([rf"\begin{{tabular}}{{{form}}} \toprule", head, *lines, r"\bottomrule \end{tabular}"])
            return "\\begin{adjustbox}{max width=\\linewidth}\n" + inner + "\n\\end{adjustbox}\n"
        case Listing(code):
            return "\\begin{verbatim}\n" + code.rstrip() + "\n\\end{verbatim}"
        case Figure(stem, caption):
            return (
                "\\begin{figure}[htbp]\\centering\n"
                rf"\includegraphics[width=\linewidth]{{{stem.name}.pdf}}"
                f"\n\\caption{{{_tex_text(caption)}}}\n\\end{{figure}}"
            )
    raise AssertionError("a block of a known kind")


# HTML ----------------------------------------------------------------------------------------------------------------
def _html_text(text: str) -> str:
    form: dict[str, Callable[[str], str]] = {
        "math": lambda piece: math_html(piece, False),
        "code": lambda piece: f"<code>{html.escape(piece)}</code>",
        "text": html.escape,
    }
    return "".join(form[kind](piece) for kind, piece in inline_parts(text))


def _anchor(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _html(block: Block) -> str:
    match block:
        case Heading(text, level, anchor):
            return f'<h{level} id="{anchor or _anchor(text)}">{_html_text(text)}</h{level}>'
        case Paragraph(text, kind):
            return f"<p{f' class={kind}' if kind else ''}>{_html_text(text)}</p>"
        case Display():
            return "".join(f'<div class="math">{math_html(line, True)}</div>' for line in block.latex)
        case Table(header, rows):
            head = "".join(f"<th>{_html_text(cell)}</th>" for cell in header)
            body = "".join("<tr>" + "".join(f"<td>{_html_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        case Listing(code):
            return f"<details><summary>source</summary><pre>{html.escape(code)}</pre></details>"
        case Figure(stem, caption):
            data = base64.b64encode(stem.with_suffix(".png").read_bytes()).decode()
            picture = f'<img alt="{html.escape(stem.name)}" src="data:image/png;base64,{data}">'
            return f"<figure>{picture}<figcaption>{_html_text(caption)}</figcaption></figure>"
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
RENDERERS: dict[str, tuple[str, Callable[[Block], str], str]] = {
    "markdown": (".md", _markdown, "page.md"),
    "latex": (".tex", _latex, "page.tex"),
    "html": (".html", _html, "page.html"),
}


def render(title: str, blocks: Sequence[Block], form: str) -> str:
    """The document as text.

    Args:
        form: "markdown", "latex" or "html".
    Returns: text that depends on the arguments alone: no dates, no machine names.
    """
    _, printer, template = RENDERERS[form]
    body = "\n\n".join(printer(block) for block in blocks)
    headings = [block for block in blocks if isinstance(block, Heading) and block.level == 2]
    contents = [(block.anchor or _anchor(block.text), block.text) for block in headings]
    shown = _tex_text(title) if form == "latex" else title
    return _templates().get_template(template).render(title=shown, body=body, contents=contents)
