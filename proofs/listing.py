"""Plain data about the registry: the list, and one theorem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from s6flow.proofs import theorem_page
from s6flow.proofs.dependencies import kernel_uses, proof_place, statement_place
from s6flow.proofs.formal import reached
from s6flow.proofs.formal.differences import differences
from s6flow.proofs.formal.template import stated
from s6flow.proofs.registry import REGISTRY, get, group
from s6flow.proofs.status import formal, status
from s6flow.proofs.theorems.wording import OWN_LETTERS, meaning_of
from s6flow.symbolic.assumptions import assumption
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.derivation.document import Block
from s6flow.symbolic.margin import margin_program
from s6flow.symbolic.observables import LETTERS, OBSERVABLES, SPOKEN, conclusion_latex
from s6flow.symbolic.sections import resolve
from s6flow.symbolic.theorem import Theorem

__all__ = [
    "as_json",
    "formal_blocks",
    "letter_rows",
    "listing",
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
    written = _written(theorem)
    said = _said(theorem, [row.meaning for row in rows.values()])
    rows |= {name: row for name, (sign, row) in SPOKEN.items() if re.search(sign, said)}
    rows |= OWN_LETTERS.get(theorem.id, {})
    return {
        name: {
            "latex": written.get(name, row.latex),
            "domain": row.domain,
            "meaning": meaning_of(theorem.id, row, name),
        }
        for name, row in rows.items()
    }


def _said(theorem: Theorem, meanings: Sequence[str]) -> str:
    """The sentences and formulas of a theorem's page, those of its proof and its legend among them."""
    asked = [part for key in theorem.assumptions for part in (assumption(key).words, assumption(key).latex)]
    steps = theorem.steps()
    proof = [part for step in steps for part in (step.title, *map(conclusion_latex, step.statement), step.because)]
    formulas = [
        conclusion_latex(theorem.stated),
        *([] if theorem.finite is None else [conclusion_latex(theorem.finite)]),
    ]
    words = [theorem.title, theorem.notes, *theorem.unbroken.values(), *(row.note for row in theorem.counterexamples)]
    return "\n".join([*words, *asked, *formulas, *proof, *meanings])


def _written(theorem: Theorem) -> dict[str, str]:
    """Array of the printed statement -> how it is typeset there, with the index that it has."""
    said = [
        theorem.stated,
        *([theorem.finite] if theorem.finite is not None else []),
        *(assumption(key).relation for key in theorem.assumptions),
    ]
    terms = sorted(set().union(*(part.atoms(sp.Indexed) for part in said)), key=sp.default_sort_key, reverse=True)
    return {
        str(term.base.label): conclusion_latex(term) for term in terms if all(index.is_Symbol for index in term.indices)
    }


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


def formal_blocks(theorem: Theorem) -> list[Block]:
    """What of a theorem is stated formally, and where each statement says more or less than its page."""
    return theorem_page.formal_blocks({"reached": reached(theorem.id), "differences": _differences(theorem)})
