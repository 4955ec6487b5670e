"""The template of the formal statements, read back: what stands in which hole, what a statement asks and what it claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes

__all__ = ["TEMPLATE", "Call", "Stated", "calls", "keyed", "mark", "stated"]

TEMPLATE = Path(__file__).parent / "Statements.v.j2"
_MARK = re.compile(r"\{\{ in_words\(.*?\) \}\} ?")


@dataclass(frozen=True)
class Stated:
    """A statement of the template.

    Args:
        name: of the Coq theorem.
        id: of the registry's theorem.
        case: whether it states a part only.
        body: template text of the proposition.
    """

    name: str
    id: str
    case: bool
    body: str

    def calls(self, function: str) -> list[Call]:
        """Every call of `function` in a hole, nested calls too."""
        return [call for call in calls(self.body) if call.function == function]

    def keys(self, function: str) -> set[str]:
        """The keys alone."""
        return {call.key for call in self.calls(function)}

    @cached_property
    def premises(self) -> list[str]:
        """What it asks for before it claims anything."""
        return _parts(self.body)[0]

    @cached_property
    def claims(self) -> list[str]:
        """What it claims, part by part."""
        return _conjuncts(_parts(self.body)[1])


@dataclass(frozen=True)
class Call:
    """A call in a hole of the template.

    Args:
        function: title, assume, claim, domain, q, ...
        key: its first argument.
        options: the named arguments that are written out; one that is put together of others is not among them.
        before: the template's text before the hole.
    """

    function: str
    key: str
    options: Mapping[str, Any]
    before: str


def stated(text: str | None = None) -> list[Stated]:
    """Every statement of the template, or of a changed text of it: a title, and the definition behind it."""
    source = TEMPLATE.read_text() if text is None else text
    titles = [call for call in calls(source) if call.function == "title"]
    found = []
    for call in titles:
        definition = source[len(call.before) :].partition("Definition ")[2]
        name, form, rest = definition.partition("_statement : Prop :=\n")
        assert form, f"a statement must stand behind the title of {call.key}"
        found.append(
            Stated(name, call.key, call.options.get("case") is True, rest.partition(".\n\n")[0].removesuffix(".\n"))
        )
    return found


@cache
def calls(text: str) -> tuple[Call, ...]:
    """The calls of every hole of a text, as the template's own language reads it."""
    language = jinja2.Environment()
    found, start, end = [], 0, 0
    for _, kind, piece in language.lex(text):
        start = end if kind == "variable_begin" else start
        end += len(piece)
        if kind != "variable_end":
            continue
        for node in language.parse(text[start:end]).find_all(jinja2.nodes.Call):
            match node:
                case jinja2.nodes.Call(
                    node=jinja2.nodes.Name(name=function), args=[jinja2.nodes.Const(value=str(key)), *_]
                ):
                    named = {one.key: one.value for one in node.kwargs}
                    options = {name: v.value for name, v in named.items() if isinstance(v, jinja2.nodes.Const)}
                    found.append(Call(function, key, options, text[:start]))
    return tuple(found)


def _parts(body: str) -> tuple[list[str], str]:
    """What a statement asks for before it claims anything, and what it claims.

    The parts before its outermost arrows, up to what exists, and the rest.
    """
    text = re.sub(r"\{%.*?%\}|\blet \w+ := .*? in\b|^\s*forall [^,]*,", " ", body, flags=re.S)
    parts, depth, part, exists = [], 0, "", False
    for piece in re.split(r"(\{\{.*?\}\}|->|\bexists\b|[(),])", text, flags=re.S):
        depth += (piece == "(") - (piece == ")")
        exists |= depth == 0 and piece == "exists"
        arrow = depth == 0 and piece == "->" and not exists
        if arrow:
            parts.append(" ".join(part.split()))
        bound = depth == 0 and piece == "," and part.lstrip().startswith("forall ")
        part = "" if bound or arrow else part + piece
    return parts, " ".join(part.split())


def mark(premise: str) -> Call | None:
    """The sign that a premise in Coq's words stands for an assumption, or says what letters are."""
    return next((call for call in calls(premise) if call.function == "in_words"), None)


def _conjuncts(text: str) -> list[str]:
    """The parts between the outermost `/\\` of a claim that no quantifier holds together."""
    parts, depth, part = [], 0, ""
    for piece in re.split(r"(\{\{.*?\}\}|/\\|[()])", text, flags=re.S):
        depth += (piece == "(") - (piece == ")")
        held = re.match(r"\s*(?:exists|forall)\b", part) is not None
        if piece == "/\\" and depth == 0 and not held:
            parts.append(part.strip())
            part = ""
        else:
            part += piece
    return [*parts, part.strip()]


def keyed(text: str, spelled: Callable[[str, str], str | None] = lambda key, hole: None) -> str:
    """Coq text with a formula's key and letters for every hole, and no marks.

    Args:
        spelled: what stands for an assumption's hole instead, of its key and text, or None.
    """

    def named(hole: re.Match[str]) -> str:
        function, key, given = hole[1], hole[2], hole[3] or ""
        if function == "domain":
            return f"0 {'<' if 'strict=true' in given else '<='} {key}"
        if function == "assume" and (instead := spelled(key, hole[0])) is not None:
            return instead
        if function == "numbers":
            return f"the witness's {given.strip(chr(39))}"
        letters = re.sub(r"\b(?:atom|product)\b(?:, )?", "", given).replace("'", "")
        letters = re.sub(r" ~ q\((\w+)(?:, ([^()]*))?\) ~ ?", r"\1(\2)", letters)
        return f"{key}({letters})" if letters else key

    return re.sub(r"\{\{ (\w+)\('([\w-]+)'(?:, (.*?))?\)(?:\[\d\])? \}\}", named, _plain(text))


def _plain(text: str) -> str:
    """Without marks; what is repeated for the numbers of a witness is said once, of the i-th."""
    text = re.sub(r"(\w+) \{\{ loop\.index0 \}\}(?:%nat)?", r"\1 i", _MARK.sub("", text))
    return text.replace("{{ value }}", "the witness's number")
