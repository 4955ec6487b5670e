"""One theorem, or one refuted claim, as document blocks; made of plain data, so that a page needs no algebra."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from s6flow.symbolic.derivation.blocks import Block, Display, Heading, Listing, Paragraph, Statement
from s6flow.symbolic.sections import spelled
from s6flow.text import counted

__all__ = ["formal_blocks", "refuted_page", "system", "theorem_page", "theorem_statement"]


def theorem_page(content: Mapping[str, Any], code: bool = True, figures: Sequence[str] = ()) -> list[Block]:
    """Statement, proof with residuals, witness, counterexamples, places, generated code.

    Args:
        content: of the theorem, as `pages.as_json` computes it and `index.content` reads it.
        code: whether to show generated code.
        figures: ids of the figures that show it, which the caller knows.
    """
    blocks: list[Block] = [
        Heading(f"{content['id']}: {content['title']}", 3, f"theorem-{content['id']}"),
        Paragraph(f"Status: {content['status']}. Source: {spelled(content['source'])}; {content['kind']}."),
        Paragraph("Theory: " + ", ".join(f"`{link}`" for link in content["theory"]) + "."),
        *formal_blocks(content),
    ]
    if content["assumptions"]:
        words = "; ".join(f"{row['words']} (${row['latex']}$)" for row in content["assumptions"])
        blocks.append(Paragraph(f"Assumptions: {words}."))
    blocks.append(Paragraph(f"Conclusion: ${content['conclusion']}$."))
    if content["checked"]:
        blocks.append(Paragraph(f"Checked at finite time as: ${content['checked']}$."))
    for step in content["proof"]:
        residuals = counted(len(step["residuals"]), "residual")
        blocks.append(Paragraph(f"Step `{step['step']}` ({residuals}: {step['state']}). {step['title']}:"))
        blocks += [Display(tuple(step["statement"])), Paragraph(step["because"])]
    if content["sharpness"]:
        breaks = f"With $\\chi = {content['tightened']}$ the witness breaks it."
        blocks.append(Paragraph(f"Sharp: {content['sharpness']}. {breaks}"))
    if content["witness"]:
        blocks.append(Paragraph(f"Witness: {system(content['witness'])}."))
    for row in content["counterexamples"]:
        fails = f"Without `{row['drops']}` the conclusion fails: {system(row['data'])}. {row['note']}"
        blocks.append(Paragraph(fails.rstrip()))
    for key, reason in content["unbroken"].items():
        blocks.append(Paragraph(f"Without `{key}` no counterexample is given: {reason}"))
    if content["notes"]:
        blocks.append(Paragraph(content["notes"]))
    meant = "; ".join(f"${_typeset(row)}$ {row['meaning']} ({row['domain']})" for row in content["letters"].values())
    if meant:
        blocks.append(Paragraph(f"Letters: {meant}."))
    blocks.append(Paragraph(f"Where: {'; '.join(_places(content, figures))}."))
    if code:
        blocks.append(Listing(content["code"]))
    return blocks


def theorem_statement(
    content: Mapping[str, Any], steps: Collection[str] = (), common: Collection[str] = ()
) -> list[Block]:
    """The theorem as a paper prints it: statement, what shows it, how far it goes.

    Args:
        content: of the theorem, as `index.content` reads it.
        steps: anchors of the document's steps, which are cited by number; other steps are printed.
        common: meanings of letters that the document has explained.
    """
    said, asked = [], []
    for row in content["assumptions"]:
        said.append(row["words"] + (f" (${row['latex']}$)" if len(row["latex"]) < _SHORT else ""))
        asked += [row["latex"]] if len(row["latex"]) >= _SHORT else []
    body: list[Block] = []
    if said:
        body.append(Paragraph(f"Assume: {'; '.join(said)}{', that is' if asked else '.'}"))
        body += [Display(tuple(asked))] if asked else []
    body += [Paragraph("Then" if said else "It holds that"), Display((content["conclusion"],))]
    printed = " ".join([content["conclusion"], *(row["latex"] for row in content["assumptions"])])
    letters = [row for row in content["letters"].values() if row["meaning"] not in common and _occurs(row, printed)]
    if letters:
        body.append(Paragraph("Here " + "; ".join(f"${_typeset(row)}$: {row['meaning']}" for row in letters) + "."))
    blocks: list[Block] = [Statement("Theorem", content["title"], f"theorem-{content['id']}", tuple(body))]
    cited = list(dict.fromkeys(step["step"] for step in content["proof"] if step["step"] in steps))
    for step in content["proof"]:
        if step["step"] not in steps:
            blocks += [Display(tuple(step["statement"])), Paragraph(f"{step['title']}. {step['because']}", "proof")]
    blocks.append(Paragraph(_evidence(content, cited), "status"))
    blocks += [Paragraph(text, "note") for text in _limits(content)]
    return blocks


#: Behind it stands Coq text.
_WORDS = "in Coq's words: `"

#: Characters of LaTeX up to which an assumption stands in the sentence.
_SHORT = 90


def _evidence(content: Mapping[str, Any], cited: Sequence[str]) -> str:
    """Status, whose it is, and what it rests on."""
    said = [f"Status: {content['status']}. Source: {spelled(content['source'])}."]
    rests = [f"Step [[{key}]]" for key in cited] + [f"Theorem [[theorem-{key}]]" for key in content["uses"]]
    said += [f"Rests on {', '.join(rests)}."] if rests else []
    said += [content["reached"]] if content["reached"] else []
    grouped: dict[str, list[str]] = {}
    for row in content["differences"]:
        head, words, _ = row["text"].partition(_WORDS)
        grouped.setdefault(row["statement"], []).append(head + words.removesuffix(": `"))
    said += [f"Against the page, `{name}` {'; '.join(texts)}." for name, texts in grouped.items()]
    if any(_WORDS in row["text"] for row in content["differences"]):
        said.append(f"Coq's words are printed by `s6flow theorem {content['id']}`.")
    return " ".join(said)


def _limits(content: Mapping[str, Any]) -> list[str]:
    """How sharp it is, what breaks it without each assumption, and remarks."""
    words = {row["key"]: row["words"] for row in content["assumptions"]}
    found = []
    if content["sharpness"]:
        shown = f", as {system(content['witness'])} show" if content["witness"] else ""
        found.append(
            f"Sharp: {content['sharpness']}. Tightened by the factor ${content['tightened']}$ it is false{shown}."
        )
    for row in content["counterexamples"]:
        name = words.get(row["drops"], row["drops"])
        found.append(f"Without the assumption that {name} it fails for {system(row['data'])}. {row['note']}".rstrip())
    for key, reason in content["unbroken"].items():
        found.append(f"No counterexample is given to the assumption that {words.get(key, key)}: {reason.rstrip('.')}.")
    return [*found, *([f"Remark. {content['notes']}"] if content["notes"] else [])]


def system(data: Mapping[str, Any]) -> str:
    """The numbers of one system as running text: letters, with lists in brackets."""
    return ", ".join(f"{_SPELLED.get(name, name)} = {_number(value)}" for name, value in data.items())


#: Letters of data that text spells otherwise.
_SPELLED = {"x0": "x(0)", "delta0": "delta_0", "beta_B": "beta_B", "beta_C": "beta_C"}


def _number(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_number, value))})"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def formal_blocks(content: Mapping[str, Any]) -> list[Block]:
    """What of a theorem is stated formally, and where each statement says more or less than its page."""
    blocks: list[Block] = [Paragraph(content["reached"])] if content["reached"] else []
    grouped: dict[str, list[str]] = {}
    for row in content["differences"]:
        grouped.setdefault(row["statement"], []).append(row["text"])
    for name, texts in grouped.items():
        blocks.append(Paragraph(f"`{name}_statement` against this page: {'; '.join(texts)}."))
    if any(_WORDS in row["text"] for row in content["differences"]):
        blocks.append(
            Paragraph("In Coq's words a formula of the registry is called by its name; the statement prints it.")
        )
    return blocks


def _occurs(row: Mapping[str, str], printed: str) -> bool:
    """Whether the letter, with any index, is in what is printed."""
    form = re.escape(_typeset(row, "@@")).replace("@@", ".{1,9}?")
    return re.search(form, printed) is not None


def _typeset(row: Mapping[str, str], index: str = "l") -> str:
    """The letter with its index, if it has one."""
    return row["latex"].format(*[index] * 3) if "{0}" in row["latex"] else row["latex"]


def _places(content: Mapping[str, Any], figures: Sequence[str]) -> list[str]:
    """Where its file, measurement and formal statements are, what it uses, and what shows it."""
    places = [f"`{content['file']}`", f"measurement `{content['measurement']}`"]
    places += [
        f"`{row['statement']}` stated at `{row['stated']}`, proved at `{row['proved']}`" for row in content["places"]
    ]
    places += [f"uses {', '.join(f'`{key}`' for key in content['uses'])}"] if content["uses"] else []
    places += [f"figures {', '.join(f'`{name}`' for name in figures)}"] if figures else []
    return places


def refuted_page(content: Mapping[str, Any]) -> list[Block]:
    """A refuted claim: what it said, and the system that breaks it.

    Args:
        content: as `refuted.refuted_json` computes it.
    """
    return [
        Heading(f"{content['id']}: {content['claim']}", 3, f"refuted-{content['id']}"),
        Paragraph(
            f"Status: refuted. Source: {content['source']}; theory {content['section']}. Instead: `{content['instead']}`."
        ),
        Paragraph("Assumptions: " + "; ".join(row["words"] for row in content["assumptions"]) + "."),
        Paragraph(f"Claimed: ${content['conclusion']}$. {content['notes']}"),
        Paragraph(f"Counterexample. {content['why']}"),
        Listing("\n".join(f"{name} = {value}" for name, value in content["data"].items())),
    ]
