"""The library as pages: one a theorem, from the index of the library, and the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markup import below, display, inline, listed, plain, table, theorem_link, theory_links, words

from s6flow.paper_figures.catalogue import FIGURES
from s6flow.proofs import index
from s6flow.proofs.status import STATUSES
from s6flow.symbolic.sections import spelled
from s6flow.text import counted

__all__ = ["MEANING", "groups", "index_page", "theorem_page"]

#: What a status says, in the words of docs/theory.
MEANING = {
    "kernel-checked": "Coq's kernel accepted a proof of its formal statement",
    "symbolic": "a residual is reduced to literal zero",
    "certified": "an interval enclosure holds it",
    "numeric": "it holds on the systems that it was tried on",
    "conjecture": "there is evidence, no proof",
    "refuted": "it is false, with the counterexample",
}
Content = Mapping[str, Any]


def groups() -> dict[str, list[str]]:
    """Group -> ids, in the order of the library; the refuted claims last."""
    found: dict[str, list[str]] = {}
    for key in index.ids():
        found.setdefault(index.content(key)["file"].split("/")[2], []).append(key)
    return found | {"refuted": index.refuted_ids()}


def _badge(word: str) -> str:
    return f'<span class="status">{word}</span>'


def _data(values: Content) -> str:
    """Letters of one system, as text of code."""
    return f"`{', '.join(f'{name} = {value}' for name, value in values.items())}`"


def _letter(latex: str) -> str:
    """With the token that statements speak of as its index."""
    return latex.format("l", "d") if "{0}" in latex else latex.replace("{{", "{").replace("}}", "}")


def _head(content: Content) -> Iterator[str]:
    word = content["status"]
    yield from [f"# {content['id']}", "", f"**{words(content.get('claim') or content['title'])}**", ""]
    yield f"{_badge(word)} {MEANING[word]}. Source: {plain(spelled(content['source']))}; {content['kind']}. "
    yield from [f"Theory: {theory_links(content['section'])}.", "", "## Statement"]
    if content["assumptions"]:
        rows = (f"{words(row['words'])}: {inline(row['latex'])}" for row in content["assumptions"])
        yield from ["", "Assumptions:", *listed(rows)]
    yield from ["", "Conclusion:", *display(content["conclusion"])]
    if content.get("checked"):
        yield from ["Checked at finite time as:", *display(content["checked"])]
    letters = content["letters"].values()
    cells = ((inline(_letter(row["latex"])), words(row["meaning"]), row["domain"]) for row in letters)
    yield from below("Letters", "info", table(("letter", "meaning", "domain"), cells)) if letters else ()


def _proof(content: Content) -> Iterator[str]:
    yield from ["## Proof", ""]
    yield from [content["reached"], ""] if content["reached"] else ()
    rows = content["places"]
    cells = ((f"`{row['statement']}`", f"`{row['stated']}`", f"`{row['proved']}`") for row in rows)
    yield from table(("formal statement", "stated at", "proved at"), cells) if rows else ()
    if content["differences"]:
        yield "Where a formal statement says more or less than this page:"
        yield from listed(f"`{row['statement']}`: {row['text']}" for row in content["differences"])
    if not content["proof"] and not rows:
        yield "No proof: the evidence is numerical."
    for step in content["proof"]:
        said = f"{counted(len(step['residuals']), 'residual')}: {step['state']}"
        body = [*display(*step["statement"]), words(step["because"])]
        yield from below(f"{step['step']}: {words(step['title'])} ({said})", "note", body)
    if content["uses"]:
        yield from ["", f"Uses {', '.join(theorem_link(key) for key in content['uses'])}.", ""]


def _limits(content: Content) -> Iterator[str]:
    yield from ["## How far it goes", ""]
    if content["sharpness"]:
        tightened = inline(rf"\chi = {content['tightened']}")
        yield from [f"Sharp: {words(content['sharpness'])}. With {tightened} the witness breaks it.", ""]
    if content["witness"]:
        yield from [f"Witness: {_data(content['witness'])}", ""]
    for row in content["counterexamples"]:
        yield from [f"Without `{row['drops']}` it fails: {_data(row['data'])} {words(row['note'])}".rstrip(), ""]
    for key, reason in content["unbroken"].items():
        yield from [f"Without `{key}` no counterexample is given: {words(reason)}", ""]
    yield from [words(content["notes"]), ""] if content["notes"] else ()


def _places(content: Content) -> Iterator[str]:
    key = content["id"]
    figures = [f"`{name}`" for name, figure in FIGURES.items() if key in figure.theorems]
    rows = [f"value: `{content['file']}`", f"measurement: `{content['measurement']}`"]
    rows += [f"figures: {', '.join(figures)}"] if figures else []
    yield from ["## Where", *listed(rows), "```", f"s6flow theorem {key}   # with the generated code"]
    yield from [f"s6flow check {key}     # on random systems that meet the assumptions", "```"]


def _refuted(content: Content) -> Iterator[str]:
    yield from ["## Why it is false", "", content["why"], "", f"Data: {_data(content['data'])}", ""]
    yield f"In its place stands {theorem_link(content['instead'])}."


def theorem_page(key: str) -> str:
    """Statement, proof, limits and places of a theorem; of a refuted claim, what breaks it."""
    content = index.content(key)
    proved: tuple[Callable[[Content], Iterator[str]], ...] = (_head, _proof, _limits, _places)
    parts = (_head, _refuted) if key in index.refuted_ids() else proved
    return "\n".join(line for part in parts for line in part(content)) + "\n"


def index_page() -> str:
    """Every theorem with its status, group by group."""
    rows = {row["id"]: row for row in index.rows()}
    counts = Counter(row["status"] for row in rows.values())
    lines = ["# Theorems", "", f"{len(index.ids())} theorems. What a status says:", ""]
    cells = ((_badge(word), str(counts[word]), MEANING[word]) for word in (*STATUSES, "refuted"))
    lines += table(("status", "claims", "meaning"), cells)
    for name, keys in groups().items():
        cells = ((theorem_link(key), words(rows[key]["title"]), _badge(rows[key]["status"])) for key in keys)
        lines += [f"## {name.capitalize()}", *table(("id", "claim", "status"), cells)]
    return "\n".join(lines) + "\n"
