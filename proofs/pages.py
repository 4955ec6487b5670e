"""Text and plain data about the registry: the list, one theorem's page, and the table of rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from s6flow.proofs import theorem_page
from s6flow.proofs.dependencies import kernel_uses, proof_place, statement_place
from s6flow.proofs.formal import reached
from s6flow.proofs.formal.differences import differences, stated
from s6flow.proofs.registry import REGISTRY, get, group
from s6flow.proofs.status import formal, status
from s6flow.symbolic.assumptions import assumption
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.derivation.document import Block
from s6flow.symbolic.margin import margin_program
from s6flow.symbolic.observables import LETTERS, OBSERVABLES, conclusion_latex
from s6flow.symbolic.sections import resolve, spelled
from s6flow.symbolic.theorem import Theorem
from s6flow.text import counted

__all__ = [
    "as_json",
    "formal_blocks",
    "letter_rows",
    "list_text",
    "listing",
    "page_text",
    "table1",
    "table1_markdown",
    "theorem_blocks",
]


def listing() -> list[dict[str, str]]:
    """One row a theorem: id, title, section, status, source, kind."""
    return [
        {
            "id": theorem.id,
            "status": status(theorem),
            "source": theorem.source,
            "section": theorem.section,
            "kind": theorem.kind,
            "title": theorem.title,
        }
        for theorem in REGISTRY.values()
    ]


def list_text() -> str:
    """The list for a terminal."""
    lines = [f"{'id':26} {'status':15} {'section':8} {'source':6} title"]
    for row in listing():
        whose = "both" if "paper" in row["source"] and "ours" in row["source"] else row["source"].split()[0]
        lines.append(f"{row['id']:26} {row['status']:15} {row['section']:8} {whose:6} {row['title']}")
    return "\n".join(lines) + "\n"


def as_json(key: str, backend: str = "numpy", prove: bool = True) -> dict[str, Any]:
    """Everything about one theorem as plain data.

    Args:
        prove: whether to reduce the proof's residuals now.
    Raises: TheoremError: listing near ids, if there is none.
    """
    theorem = get(key)
    return {
        "id": theorem.id,
        "title": theorem.title,
        "status": status(theorem),
        "formal": formal(theorem),
        "reached": reached(theorem.id),
        "source": theorem.source,
        "section": theorem.section,
        "theory": [section.link for section in resolve(theorem.section)],
        "kind": theorem.kind,
        "differences": _differences(theorem),
        "file": f"proofs/theorems/{group(theorem)}/{theorem.id.replace('-', '_')}.py",
        "places": _places(theorem),
        "measurement": theorem.measurement,
        "uses": list(theorem.uses),
        "kernel_uses": sorted(kernel_uses(theorem.id)),
        "variables": {
            name: {"domain": LETTERS[name].domain, "meaning": LETTERS[name].meaning} for name in theorem.variables
        },
        "letters": letter_rows(theorem),
        "assumptions": [
            {"key": name, "words": assumption(name).words, "latex": assumption(name).latex}
            for name in theorem.assumptions
        ],
        "conclusion": conclusion_latex(theorem.stated),
        "checked": None if theorem.finite is None else conclusion_latex(theorem.finite),
        "proof": _proof(theorem) if prove else [],
        "sharpness": None if theorem.sharpness is None else theorem.sharpness.claim,
        "tightened": None if theorem.sharpness is None else conclusion_latex(theorem.sharpness.tightened),
        "witness": None if theorem.witness is None else _plain(theorem.witness),
        "counterexamples": [
            {"drops": example.drops, "data": _plain(example.data), "note": example.note}
            for example in theorem.counterexamples
        ],
        "unbroken": dict(theorem.unbroken),
        "notes": theorem.notes,
        "code": generate(margin_program(theorem), backend).text,
    }


def letter_rows(theorem: Theorem) -> dict[str, dict[str, str]]:
    """Every letter of the printed statement: how it is typeset, what values it takes and what it means."""
    names = theorem.letters if theorem.sharpness is None else (*theorem.letters, "sharp")
    rows = {name: LETTERS.get(name) or OBSERVABLES[name] for name in dict.fromkeys(names)}
    return {name: {"latex": row.latex, "domain": row.domain, "meaning": row.meaning} for name, row in rows.items()}


def _differences(theorem: Theorem) -> list[dict[str, str]]:
    """Where its formal statements say more or less than the page."""
    return [{"statement": d.statement, "kind": d.kind, "text": d.text} for d in differences(theorem.id)]


def _places(theorem: Theorem) -> list[dict[str, str]]:
    """Coq name, where it is stated, and where it is proved, of every formal statement, as file:line."""
    return [
        {"statement": row.name, "stated": statement_place(row.name), "proved": proof_place(row.name)}
        for row in stated()
        if row.id == theorem.id
    ]


def _proof(theorem: Theorem) -> list[dict[str, Any]]:
    return [
        {
            "step": report.step.id,
            "title": report.step.title,
            "statement": [conclusion_latex(part) for part in report.step.statement],
            "because": report.step.because,
            "residuals": list(report.residuals),
            "state": report.state,
        }
        for report in theorem.verify()
    ]


def _plain(data: Any) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in data.items()}


def page_text(key: str, backend: str = "numpy") -> str:
    """One theorem's page for a terminal."""
    content = as_json(key, backend)
    lines = [f"{content['id']}: {content['title']}", f"  status {content['status']}; {spelled(content['source'])}"]
    lines += [*(f"  {link}" for link in content["theory"]), ""]
    lines += [f"  {name}: {row['domain']}, {row['meaning']}" for name, row in content["variables"].items()]
    lines += ["", "Assumptions:"] + [f"  {row['words']} ({row['latex']})" for row in content["assumptions"]]
    lines += ["", "Conclusion:", f"  {content['conclusion']}"]
    if content["checked"]:
        lines += ["Checked at finite time as:", f"  {content['checked']}"]
    lines += ["", "Proof steps:"] if content["proof"] else ["", "Proof steps: none; the evidence is numerical."]
    for step in content["proof"]:
        residuals = counted(len(step["residuals"]), "residual")
        lines.append(f"  {step['step']} [{step['state']}, {residuals}]: {step['because']}")
    if content["witness"]:
        lines += ["", f"Witness: {content['witness']}"]
    for example in content["counterexamples"]:
        lines += [f"Without {example['drops']}: {example['data']} {example['note']}".rstrip()]
    lines += [f"Without {key}, unbroken: {reason}" for key, reason in content["unbroken"].items()]
    if content["notes"]:
        lines += ["", f"Notes: {content['notes']}"]
    return "\n".join([*lines, "", "Generated code:", content["code"]])


def table1() -> list[dict[str, str]]:
    """The paper's Table 1 with our sharper rates beside it: scenario, condition, rate, whose, theorem, status."""
    order = {"convergence": 0, "slow divergence": 1, "fast divergence": 2}
    found = [
        {
            "scenario": rate.scenario,
            "condition": rate.condition,
            "rate": conclusion_latex(rate.rate) if isinstance(rate.rate, sp.Basic) else str(rate.rate),
            "whose": rate.whose,
            "theorem": theorem.id,
            "status": status(theorem),
        }
        for theorem in REGISTRY.values()
        for rate in theorem.rates
    ]
    return sorted(found, key=lambda row: (order.get(row["scenario"], 9), row["whose"] != "paper"))


def table1_markdown() -> str:
    """Table 1 as Markdown."""
    lines = ["| scenario | condition | rate | whose | theorem | status |", "|---|---|---|---|---|---|"]
    for row in table1():
        cells = (
            row["scenario"],
            row["condition"],
            f"${row['rate']}$",
            row["whose"],
            f"`{row['theorem']}`",
            row["status"],
        )
        lines.append("| " + " | ".join(cell.replace("|", r"\vert ") if "$" in cell else cell for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def formal_blocks(theorem: Theorem) -> list[Block]:
    """What of a theorem is stated formally, and where each statement says more or less than its page."""
    return theorem_page.formal_blocks({"reached": reached(theorem.id), "differences": _differences(theorem)})


def theorem_blocks(theorem: Theorem, code: bool = True, figures: Sequence[str] = ()) -> list[Block]:
    """One theorem as document blocks, computed now; see `theorem_page`."""
    return theorem_page.theorem_page(as_json(theorem.id), code, figures)
