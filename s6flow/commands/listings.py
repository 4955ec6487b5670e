"""Python code no wider than a terminal: the same program, broken inside of its brackets."""

from __future__ import annotations

import io
import textwrap
import tokenize
from collections.abc import Iterator

__all__ = ["folded"]

#: Further than the statement that they go on with.
_DEEPER = "    "
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
#: A line may end before these, where they stand between two values.
_BETWEEN = frozenset(
    [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "@",
        "**",
        "|",
        "&",
        "^",
        "<<",
        ">>",
        "<",
        ">",
        "<=",
        ">=",
        "==",
        "!=",
        "and",
        "or",
        "if",
        "else",
        "for",
        "in",
        "is",
        "not",
    ]
)
_SKIPPED = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def folded(code: str, width: int) -> str:
    """The same program with no line wider than `width`, but for one word, name or number that is.

    Statements are broken inside of brackets, comments and docstrings at their spaces, with the same indentation. What is
    not Python, and a long text in a statement, stays as it is.
    """
    lines = code.splitlines()
    if all(len(line) <= width for line in lines):
        return code
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return code
    rows: dict[int, list[tokenize.TokenInfo]] = {}
    held: set[int] = set()  # lines of a text of several, and of a docstring among them
    documents: set[int] = set()
    before = tokenize.NEWLINE
    for token in tokens:
        if token.type == tokenize.STRING and (token.start[0] != token.end[0] or before in _SKIPPED):
            inside = range(token.start[0], token.end[0] + 1)
            (documents if before in _SKIPPED and token.line.lstrip()[0] in "\"'" else held).update(inside)
        elif token.type not in _SKIPPED:
            rows.setdefault(token.start[0], []).append(token)
        if token.type != tokenize.COMMENT:
            before = token.type
    found: list[str] = []
    depth = 0
    for number, line in enumerate(lines, 1):
        row = rows.get(number, [])
        if len(line) <= width or number in held:
            found.append(line)
        elif number in documents:
            found += _prose(line, width, "")
        elif row and row[0].type == tokenize.COMMENT:
            found += _prose(line, width, "# ")
        else:
            found += _statement(line, row, width, depth)
        depth += sum((token.string in _OPENING) - (token.string in _CLOSING) for token in row)
    return "\n".join(found) + "\n" * code.endswith("\n")


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _prose(line: str, width: int, sign: str) -> list[str]:
    further = _indentation(line) + sign
    return textwrap.wrap(line, width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False)


def _statement(line: str, row: list[tokenize.TokenInfo], width: int, depth: int) -> list[str]:
    """The lines of one that is too wide; a comment behind it goes before it."""
    above: list[str] = []
    if row and row[-1].type == tokenize.COMMENT:
        above = _prose(_indentation(line) + row[-1].string, width, "# ")
        line = line[: row[-1].start[1]].rstrip()
        row = row[:-1]
    further = _indentation(line) + _DEEPER * (depth == 0)
    found: list[str] = []
    begin, last, lead = 0, 0, ""
    for place in (*_places(row, depth), len(line)):
        if last > begin and len(_piece(line, begin, place, lead)) > width:
            found.append(_piece(line, begin, last, lead))
            begin, lead = last, further
        last = place
    return [*above, *found, _piece(line, begin, len(line), lead)]


def _piece(line: str, begin: int, end: int, lead: str) -> str:
    return line[begin:end].rstrip() if begin == 0 else lead + line[begin:end].strip()


def _places(row: list[tokenize.TokenInfo], depth: int) -> Iterator[int]:
    """Columns at which the line may go on below: inside of brackets, behind what opens one or a comma, before an operator."""
    for before, token in zip([None, *row], row, strict=False):
        if depth > 0 and before is not None:
            value = before.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING) or before.string in _CLOSING
            between = token.string in _BETWEEN and value and before.string not in _BETWEEN
            if between or before.string in _OPENING or before.string == ",":
                yield token.start[1]
        depth += (token.string in _OPENING) - (token.string in _CLOSING)
