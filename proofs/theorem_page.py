"""One theorem, or one refuted claim, as document blocks; made of plain data, so that a page needs no algebra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s6flow.symbolic.derivation.document import Block, Heading, Listing, Paragraph
from s6flow.symbolic.sections import spelled
from s6flow.text import counted

__all__ = ["formal_blocks", "refuted_page", "theorem_page"]


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
        blocks.append(Paragraph(f"Step `{step['step']}` ({residuals}: {step['state']}). {step['because']}"))
    if content["sharpness"]:
        breaks = f"With $\\chi = {content['tightened']}$ the witness breaks it."
        blocks.append(Paragraph(f"Sharp: {content['sharpness']}. {breaks}"))
    if content["witness"]:
        blocks.append(Paragraph(f"Witness: `{content['witness']}`."))
    for row in content["counterexamples"]:
        fails = f"Without `{row['drops']}` the conclusion fails: `{row['data']}`. {row['note']}"
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


def formal_blocks(content: Mapping[str, Any]) -> list[Block]:
    """What of a theorem is stated formally, and where each statement says more or less than its page."""
    blocks: list[Block] = [Paragraph(content["reached"])] if content["reached"] else []
    grouped: dict[str, list[str]] = {}
    for row in content["differences"]:
        grouped.setdefault(row["statement"], []).append(row["text"])
    for name, texts in grouped.items():
        blocks.append(Paragraph(f"`{name}_statement` against this page: {'; '.join(texts)}."))
    return blocks


def _typeset(row: Mapping[str, str]) -> str:
    """The letter with its index, if it has one."""
    return row["latex"].format("l") if "{0}" in row["latex"] else row["latex"]


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
