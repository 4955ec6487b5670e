"""LaTeX between dollars, as pymdownx.arithmatex marks it, to MathML: a page needs no script and no font for it."""

from __future__ import annotations

import html
import re

from s6flow.symbolic.derivation.inline import math_html

__all__ = ["with_mathml"]

#: Characters of LaTeX from which a formula in running text may be wider than a phone.
LONG = 60
_MARKED = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def _converted(match: re.Match[str]) -> str:
    block = match[1] == "div"
    math = math_html(html.unescape(match[2]).strip(), block)
    # a long formula scrolls by itself; the focus lets a keyboard scroll it
    if block:
        return f'<div class="formula" tabindex="0">{math}</div>'
    return f'<span class="formula" tabindex="0">{math}</span>' if len(match[2]) > LONG else math


def with_mathml(page: str) -> str:
    """The page with all its mathematics converted."""
    return _MARKED.sub(_converted, page)
