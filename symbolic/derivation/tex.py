"""Blocks of a document as LaTeX: theorem environments, labels, and formulas broken to the width of a line.

One long file: where a formula may be broken, and how each piece is set, follow one table.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping

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
)
from s6flow.symbolic.derivation.inline import inline_parts
from s6flow.symbolic.derivation.prose import typeset

__all__ = ["LINE", "broken", "latex", "tex_text", "width"]

_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "#$%&_{}"
}
_TEX_UNICODE = {"≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$", "∞": r"$\infty$", "−": "-", "×": r"$\times$"}
#: Characters of code behind which a line may end.
_BREAKS = "-./:,_"
_SECTIONS = {1: "section*", 2: "section*", 3: "subsection*", 4: "paragraph"}
_SMALL = {"status", "residual", "note"}

#: Letters of a displayed line; a page of A4 with margins of 25 mm holds some more at 11 points.
LINE = 74.0
_TOKEN = re.compile(
    r"\\[bB]ig[lr][()\[\]|]|\\left\s*(?:\\[{}|]|.)|\\right\s*(?:\\[{}|]|.)|\\[A-Za-z]+|\\.|[{}]|.", re.DOTALL
)
_LEFT, _RIGHT = re.compile(r"\\left\s*[^A-Za-z\s]"), re.compile(r"\\right\s*[^A-Za-z\s]")
_CLOSES = re.compile(r"\\(?:right|[bB]igr)\s*(?:\\[{}|]|[)\]|])")
#: Where a line may end, the better places first: before a connective, before a relation, before a term, behind a comma.
_PLACES = (
    {r"\wedge", r"\vee", r"\Rightarrow"},
    {"=", "<", ">", r"\leq", r"\geq", r"\le", r"\ge", r"\neq", r"\sim", r"\to"},
    {"+", "-"},
    {","},
)
_TERMS, _COMMAS = _PLACES[2:]
_TIMES = r"\times"
#: How many brackets around each other a line may end in.
_WITHIN = 2
_NARROW = {r"\,", r"\;", r"\!", r"\:", " ", r"\displaystyle", r"\limits"}


def tex_text(text: str, formulas: bool = True) -> str:
    """Running text; `formulas` says whether those that are typed as text are looked for."""
    out = []
    for kind, piece in inline_parts(typeset(text) if formulas else text):
        if kind == "ref":
            out.append(rf"\cite{{{piece[5:]}}}" if piece.startswith("cite:") else rf"\ref{{{piece}}}")
        elif kind == "math":
            out.append(f"${piece}$")
        elif kind == "code":
            spelled = "".join(_TEX.get(c, c) + r"\allowbreak " * (c in _BREAKS) for c in piece)
            out.append(rf"\texttt{{{spelled}}}")
        else:
            out.append("".join((_TEX | _TEX_UNICODE).get(c, c) for c in piece))
    return "".join(out)


def _tokens(formula: str) -> list[str]:
    return [match[0] for match in _TOKEN.finditer(formula)]


@functools.cache
def width(formula: str) -> float:
    """About how many letters wide a formula is: indices are small, a fraction is as wide as its wider part."""
    return _width(_tokens(formula))


def _width(tokens: list[str]) -> float:
    total, place = 0.0, 0
    while place < len(tokens):
        token = tokens[place]
        if token == "{":
            end = _closing(tokens, place)
            total += _width(tokens[place + 1 : end])
            place = end
        elif token in (r"\frac", r"\dfrac"):
            parts = []
            for _ in range(2):
                start = tokens.index("{", place)
                place = _closing(tokens, start)
                parts.append(_width(tokens[start + 1 : place]))
            total += max(parts) + 0.5
        elif token in ("_", "^") and place + 1 < len(tokens):
            end = _closing(tokens, place + 1) if tokens[place + 1] == "{" else place + 1
            total += 0.7 * _width(tokens[place + 1 : end + 1])
            place = end
        elif token in (r"\sum", r"\int"):
            total += 2.5
        elif any(token in places for places in _PLACES):
            total += 2.4
        elif token in (r"\ln", r"\min", r"\max", r"\exp", r"\lim", r"\sup", r"\inf", r"\limsup", r"\det"):
            total += 1.0 * len(token) - 0.5
        elif token in (r"\operatorname", r"\mathrm") or token in _NARROW:
            total += 0.1
        elif token == r"\quad":
            total += 2.0
        else:
            total += 1.0
        place += 1
    return total


def _closing(tokens: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] == "{") - (tokens[place] == "}")
        if not depth:
            return place
    return len(tokens) - 1


def _depths(tokens: list[str]) -> list[int]:
    """How many brackets, environments and groups each token stands in."""
    depths, depth = [], 0
    for token in tokens:
        closes = token in ("}", ")", "]", r"\end") or _RIGHT.match(token)
        depth -= bool(closes)
        depths.append(depth)
        opens = token in ("{", "(", "[", r"\begin") or _LEFT.match(token)
        depth += bool(opens)
    return depths


@functools.cache
def broken(formula: str, line: float = LINE, within: int = _WITHIN) -> tuple[str, ...]:
    """The formula in lines of at most about `line` letters, as far as it has places to break at.

    Args:
        within: in how many outer brackets a line may end, if it can nowhere else.
    """
    if width(formula) <= line or r"\begin" in formula:
        return (formula,)
    tokens = _tokens(formula)
    depths = _depths(tokens)
    for places in _PLACES:
        cuts = [
            place + (places is _COMMAS) for place, (token, depth) in enumerate(zip(tokens, depths, strict=True))
            if token in places and not depth and place and "".join(tokens[:place]).strip()
        ]  # fmt: skip
        if places is _TERMS:  # not a sign: something stands before it
            cuts = [place for place in cuts if not _sign(tokens, place)]
        if places is _COMMAS:  # not at the end of a line
            cuts = [place for place in cuts if any(t.strip() and t not in _NARROW for t in tokens[place:])]
        if cuts:
            return _filled(_parts(tokens, cuts), line, within)
    tries: list[tuple[str, ...]] = []
    cuts = _factors(tokens, depths)
    if cuts:
        first, *others = _parts(tokens, cuts)
        times = [part if part.startswith(_TIMES) else f"{_TIMES} {part}" for part in others]
        tries.append(_filled([first, *times], line, within))
    opened = _opened(tokens, depths) if within else ""
    if opened:
        tries.append(broken(opened, line, within - 1))
    return min(tries, key=lambda rows: (max(line, *map(width, rows)), len(rows)), default=(formula,))


def _parts(tokens: list[str], cuts: list[int]) -> list[str]:
    """The tokens between the cuts as text, without the spaces at their ends."""
    parts = []
    for start, end in zip([0, *cuts], [*cuts, len(tokens)], strict=True):
        while start < end and _is_space(tokens[start]):
            start += 1
        while start < end and _is_space(tokens[end - 1]):
            end -= 1
        parts.append("".join(tokens[start:end]))
    return parts


def _is_space(token: str) -> bool:
    return token in (r"\;", r"\,") or not token.strip()


def _factors(tokens: list[str], depths: list[int]) -> list[int]:
    """Where a factor of a product follows a bracket."""
    places = [
        place for place, token in enumerate(tokens) if token.strip() and token not in _NARROW and not depths[place]
    ]
    return [
        here for before, here in itertools.pairwise(places)
        if tokens[here] == _TIMES or (_CLOSES.match(tokens[before]) and _begins(tokens[here]))
    ]  # fmt: skip


def _begins(token: str) -> bool:
    """Whether a factor begins with it."""
    return token not in {"^", "_", ",", "}", ")", "]", r"\quad"} and not _CLOSES.match(token)


def _sign(tokens: list[str], place: int) -> bool:
    before = next((token for token in reversed(tokens[:place]) if token.strip() and token not in _NARROW), "")
    return before in {"", "(", "[", "{", ","} or any(before in places for places in _PLACES)


def _filled(parts: list[str], line: float, within: int) -> tuple[str, ...]:
    """Parts put together while they fit; what is too long by itself is broken at lesser places."""
    lines: list[str] = []
    for part in parts:
        if lines and width(f"{lines[-1]} {part}") <= line:
            lines[-1] = f"{lines[-1]} {part}"
        else:
            lines += broken(part, line, within)
    return tuple(lines)


def _opened(tokens: list[str], depths: list[int]) -> str:
    """The formula with its widest outer bracket of plain size, in which a line may end; "" where it has none.

    A fraction counts as one, around its numerator.
    """
    pairs = []
    for place, token in enumerate(tokens):
        if depths[place]:
            continue
        if _LEFT.match(token) and token[5:].strip() in ("(", "[", "|"):
            rest = range(place + 1, len(tokens))
            end = next(other for other in rest if _RIGHT.match(tokens[other]) and not depths[other])
            inner = tokens[place + 1 : end]
            if inner and inner[0] == "{" and _closing(inner, 0) == len(inner) - 1:  # a group would hold it together
                inner = inner[1:-1]
            left, right = token[5:].strip(), tokens[end][6:].strip()
            pairs.append((_width(inner), place, end, rf"\bigl{left} ", inner, rf"\bigr{right} "))
        elif token in (r"\frac", r"\dfrac"):
            start = tokens.index("{", place)
            middle = _closing(tokens, start)
            below = tokens.index("{", middle + 1)
            end = _closing(tokens, below)
            left = rf"{token}{{1}}{''.join(tokens[below : end + 1])} {_TIMES} \bigl( "
            inner = tokens[start + 1 : middle]
            if _width(inner) > _width(tokens[below : end + 1]):
                pairs.append((_width(inner), place, end, left, inner, r"\bigr) "))
    if not pairs:
        return ""
    _, start, end, left, inner, right = max(pairs)
    return "".join([*tokens[:start], left, *inner, right, *tokens[end + 1 :]])


def _display(block: Display) -> str:
    starts = ("&", r"&\qquad ")
    rows = [starts[place > 0] + part for line in block.latex for place, part in enumerate(broken(line))]
    body = " \\\\\n".join(rows)
    return (
        "\\[\n\\begin{adjustbox}{max width=\\linewidth}\n$\\begin{aligned}\n"
        f"{body}\n\\end{{aligned}}$\n\\end{{adjustbox}}\n\\]\n"
    )


def _table(block: Table) -> str:
    wide = [max(len(row[place]) for row in (block.header, *block.rows)) for place in range(len(block.header))]
    form = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{0.45 if size > 60 else 0.3}\linewidth}}"
        if block.caption and size > 30
        else "l"
        for size in wide
    )
    lines = [" & ".join(map(tex_text, row)) + r" \\" for row in block.rows]
    head = " & ".join(rf"\textbf{{{tex_text(cell)}}}" for cell in block.header) + r" \\ \midrule"
    inner = "\n".join([rf"\begin{{tabular}}{{{form}}} \toprule", head, *lines, r"\bottomrule \end{tabular}"])
    boxed = "\\begin{adjustbox}{max width=\\linewidth}\n" + inner + "\n\\end{adjustbox}\n"
    if not block.caption:
        return boxed
    top = rf"\caption{{{tex_text(block.caption)}}}\label{{{block.anchor}}}"
    return f"\\begin{{table}}[htbp]\\centering\\small\n{top}\n{boxed}\\end{{table}}\n"


def _heading(block: Heading) -> str:
    shown = tex_text(block.text)
    bare = "".join(_TEX.get(c, c) for c in block.text.replace("$", ""))
    title = rf"\texorpdfstring{{{shown}}}{{{bare}}}" if "$" in shown else shown
    label = rf"\label{{{block.anchor}}}" if block.anchor else ""
    if block.numbered:
        return rf"\section{{{title}}}{label}"
    name = _SECTIONS[block.level]
    listed = rf"\addcontentsline{{toc}}{{section}}{{{title}}}" if block.level == 2 else ""
    return rf"\{name}{{{title}}}{listed}{label}"


def latex(block: Block, known: Mapping[str, str] | None = None) -> str:
    """One block. LaTeX counts by itself; `known`, the numbers of the document, is what a test compares with."""
    match block:
        case Heading():
            return _heading(block)
        case Paragraph(text, "proof"):
            return f"\\begin{{proof}}\n{tex_text(text)}\n\\end{{proof}}\n"
        case Paragraph(text, kind):
            return rf"{{\small {tex_text(text)}\par}}" + "\n" if kind in _SMALL else tex_text(text) + "\n"
        case Display():
            return _display(block)
        case Statement(kind, title, anchor, body):
            inner = "\n".join(latex(part) for part in body)
            return (
                f"\\begin{{{kind.lower()}}}[{{{tex_text(title)}}}]\\label{{{anchor}}}\n{inner}\\end{{{kind.lower()}}}\n"
            )
        case Table():
            return _table(block)
        case Listing(code):
            return "\\begin{verbatim}\n" + code.rstrip() + "\n\\end{verbatim}"
        case Figure(stem, caption):
            return (
                "\\begin{figure}[htbp]\\centering\n"
                rf"\includegraphics[width=\linewidth,height=.6\textheight,keepaspectratio]{{{stem.name}.pdf}}"
                f"\n\\caption{{{tex_text(caption)}}}\\label{{{block.anchor}}}\n\\end{{figure}}"
            )
        case References(rows):
            entries = "\n".join(rf"\bibitem{{{key}}} {tex_text(text, formulas=False)}" for key, text in rows)
            start = r"\begingroup\renewcommand{\section}[2]{}"  # the document has its own heading
            return f"{start}\n\\begin{{thebibliography}}{{99}}\n{entries}\n\\end{{thebibliography}}\\endgroup"
    raise AssertionError("a block of a known kind")
