"""Claims that were stated once and are false, each with data that break it, so that nobody states them again.

Not part of the registry. A test runs every counterexample anew: the data meet all assumptions and the claim fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from s6flow.errors import TheoremError
from s6flow.proofs.listing import letter_rows
from s6flow.proofs.registry import REGISTRY
from s6flow.proofs.systems import layer
from s6flow.proofs.theorem_page import refuted_page
from s6flow.symbolic import observables as ob
from s6flow.symbolic.assumptions import assumption
from s6flow.symbolic.derivation.document import Block
from s6flow.symbolic.observables import conclusion_latex
from s6flow.symbolic.theorem import Theorem

__all__ = ["REFUTED", "Refuted", "refuted_blocks", "refuted_json", "refuted_listing"]


@dataclass(frozen=True)
class Refuted:
    """A false claim.

    Args:
        claim: the statement as it stood, with its permanent id.
        data: letter -> value of one system that meets every assumption and breaks the conclusion.
        why: what happens there, in words.
        instead: id of the theorem that stands in its place.
    Raises: TheoremError: the id is in the registry, or the theorem instead is not.
    """

    claim: Theorem
    data: Mapping[str, Any]
    why: str
    instead: str

    def __post_init__(self) -> None:
        if self.claim.id in REGISTRY:
            raise TheoremError("a refuted claim may not be in the registry", self.claim.id)
        if self.instead not in REGISTRY:
            raise TheoremError("what stands in a refuted claim's place must be in the registry", self.instead)


_TABLE = (
    Refuted(
        Theorem(
            id="definite-later-tokens",
            title="sym(S_C^T S_B) < 0: every token converges",
            section="11",
            source="paper (2-D, Figure 6)",
            kind="classification",
            variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
            assumptions=("form-negative", "no-projection-bias"),
            conclusion=sp.Le(ob.norm_t, ob.norm_s),
            measurement="vector",
            options={"log_times": (2.0, 4.0, 6.0), "tokens": "all"},
            evidence="conjecture",
            notes="The norm of all tokens together falls between ln t = 2, 4 and 6.",
        ),
        layer(
            S_C=[[1.0, 0.0], [-1.5, 0.0], [0.0, -1.0]],
            x=[[1.0, 0.0], [0.0, 1.0], [-30.0, 0.0]],
            S_B=[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
            S_dt_in=[[1.0, 0.0]],
            S_dt_out=[[1.0], [0.0]],
            a=[[0.2, 4.0, 1.0], [0.2, 4.0, 1.0]],
            b=[1.0, 1.0],
        ),
        "S_C^T S_B = diag(-1/2, -1), and mu_n = (1, -3/2) on channel 1. Token 2 lies on the other channel and still gates "
        "the states of channel 1: what decays fast, the negative one, is gone when token 3 reads. Token 3 has closed its "
        "own step (softplus(-29)), so nothing of its own holds it: it grows without end, like a power of t.",
        "definite-all-tokens",
    ),
)

#: id -> refuted claim.
REFUTED: dict[str, Refuted] = {row.claim.id: row for row in _TABLE}


def refuted_listing() -> list[dict[str, str]]:
    """One row a refuted claim, with the keys of a theorem's row."""
    keys = ("id", "status", "source", "section", "kind", "title")
    return [{key: content[key] for key in keys} for content in map(refuted_json, REFUTED.values())]


def refuted_json(row: Refuted) -> dict[str, Any]:
    """Everything about one refuted claim as plain data."""
    return {
        "id": row.claim.id,
        "title": f"{row.claim.title} (false; instead: {row.instead})",
        "claim": row.claim.title,
        "status": "refuted",
        "source": row.claim.source,
        "section": row.claim.section,
        "kind": row.claim.kind,
        "instead": row.instead,
        "letters": letter_rows(row.claim),
        "assumptions": [
            {"key": key, "words": assumption(key).words, "latex": assumption(key).latex}
            for key in row.claim.assumptions
        ],
        "conclusion": conclusion_latex(row.claim.conclusion),
        "proof": [],
        "notes": row.claim.notes,
        "why": row.why,
        "data": dict(row.data),
    }


def refuted_blocks(row: Refuted) -> list[Block]:
    """The page of a refuted claim, computed now; see `theorem_page`."""
    return refuted_page(refuted_json(row))
