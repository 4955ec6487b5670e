"""Docstrings of the house as Markdown, for mkdocstrings: sections may begin on their own line, names may share a row.

`docstring_style: null` shows the text as it is; this Griffe extension has rewritten it before. Plain text stays plain:
outside of `code` no character is Markdown's.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

__all__ = ["Sections", "markdown"]

_SECTION = re.compile(r"^(Args|Returns|Raises|Numerics|Source|Yields|Shapes):[ \t]*(.*)$")
#: `name: text` or `name, name: text`, of an argument or an error.
_ITEM = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)$", re.DOTALL)
_ERROR = re.compile(r"(?:^|(?<=\. ))(?=\w+(?:Error|Unavailable): )")


def _plain(text: str) -> str:
    """Escaped outside of `code`."""
    parts = re.split(r"(`[^`]+`)", text)
    escaped = (re.sub(r"([\\*_\[\]|$#~])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2])
    parts[::2] = list(escaped)  # Python-Markdown knows no escape of <
    return "".join(parts)


def _items(body: str) -> list[str]:
    """The items of a list of arguments: an item's further lines are indented deeper than its first."""
    items: list[str] = []
    for line in textwrap.dedent(body).splitlines():
        if line.startswith(" ") and items:
            items[-1] += " " + line.strip()
        elif line.strip():
            items.append(line.strip())
    return items


def _list(name: str, body: str) -> str:
    items = _ERROR.split(" ".join(body.split())) if name == "Raises" else _items(body)
    rows = []
    for item in filter(None, map(str.strip, items)):
        match = _ITEM.match(item)
        rows.append(f"- `{match[1]}`: {_plain(match[2])}" if match else f"- {_plain(item)}")
    return "\n".join([f"**{name}**", "", *rows])


def _text(body: str) -> str:
    """Paragraphs; a doctest becomes a block of code."""
    done = []
    for part in re.split(r"\n\s*\n", textwrap.dedent(body).strip("\n")):
        doctest = textwrap.dedent(part)
        if doctest.lstrip().startswith(">>>"):
            done.append(f"```pycon\n{doctest}\n```")
        elif all(line.startswith("    ") for line in part.splitlines()) and part.strip():
            done.append(f"```text\n{doctest}\n```")
        elif part.strip():
            done.append(_plain(" ".join(part.split())))
    return "\n\n".join(done)


def markdown(docstring: str) -> str:
    """The docstring as Markdown.

    Args:
        docstring: cleaned, as `inspect.cleandoc` does.
    """
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in docstring.splitlines():
        if match := _SECTION.match(line):
            sections.append((match[1], [match[2]] if match[2] else []))
        elif line.strip() and not line.startswith(" ") and sections[-1][0]:
            sections.append(("", [line]))  # a doctest or a remark after the last section
        else:
            sections[-1][1].append(line)
    done = []
    for name, lines in sections:
        body = "\n".join(lines)
        if not body.strip():
            continue
        if name in ("Args", "Raises"):
            done.append(_list(name, body))
        else:
            done.append(f"**{name}**: {_plain(' '.join(body.split()))}" if name else _text(body))
    return "\n\n".join(done)


#: The decorator of `s6flow.api.signatures`: the function takes what the one it names takes.
_TAKES = re.compile(r"^takes_what\(([\w.]+)\)$")


def _parameters(function: griffe.Function) -> None:
    """Put in place of *args and **options what the decorator says."""
    for decorator in function.decorators:
        match = _TAKES.match(str(decorator.value))
        if match:
            path = function.parent.resolve(match[1].split(".")[0])  # type: ignore[union-attr]  # a function has a module
            below = function.modules_collection[".".join([path, *match[1].split(".")[1:]])]
            function.parameters = below.parameters


class Sections(griffe.Extension):
    """Rewrites every docstring once it is loaded, and gives functions the parameters that their decorator names."""

    def on_object(self, *, obj: griffe.Object, **more: Any) -> None:
        """Of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
        if isinstance(obj, griffe.Function):
            _parameters(obj)
