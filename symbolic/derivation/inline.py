"""Running text with $mathematics$ and `code` in it, taken apart, and LaTeX to MathML without a network."""

from __future__ import annotations

import functools
import re

__all__ = ["inline_parts", "math_html"]


def inline_parts(text: str) -> list[tuple[str, str]]:
    """Split running text into ("text", ...), ("math", ...), ("code", ...) and ("ref", ...) pieces by $...$, `...` and [[...]]."""
    pieces = re.split(r"(\$[^$]+\$|`[^`]+`|\[\[[a-z][a-z0-9:-]*\]\])", text)
    kinds = {"$": "math", "`": "code"}
    return [
        ("ref", piece[2:-2])
        if piece.startswith("[[") and piece.endswith("]]")
        else (kinds[piece[0]], piece[1:-1])
        if piece[:1] in kinds and len(piece) > 1
        else ("text", piece)
        for piece in pieces
        if piece
    ]


@functools.cache
def math_html(latex: str, block: bool) -> str:
    """MathML of LaTeX, for HTML that needs no script."""
    from latex2mathml.converter import convert

    return str(convert(latex, display="block" if block else "inline"))
