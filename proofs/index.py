"""The library as one committed file: what the registry says of every theorem, for readers that must be quick.

Building the theorems, reducing their residuals and reading the record of the kernel takes seconds; `index.json` holds the
outcome. A test compares it with the registry, so what ships is what the registry says. In a checkout whose sources have
changed since it was written nothing is read from it: what is asked for is computed, and `note` says so.

    python -m s6flow.proofs.index          writes index.json
    python -m s6flow.proofs.index --check  says whether it is current, and exits with 1 if it is not
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from typing import Any

from s6flow.committed import Committed
from s6flow.errors import TheoremError
from s6flow.proofs.theorem_page import theorem_statement
from s6flow.symbolic.derivation.blocks import Block, Heading, Paragraph
from s6flow.text import near

__all__ = [
    "FILE",
    "ROW",
    "content",
    "ids",
    "known",
    "library_blocks",
    "main",
    "note",
    "refuted_ids",
    "rows",
    "status_of",
    "steps",
    "text",
]

#: What the list of theorems shows.
ROW = ("id", "status", "source", "section", "kind", "title")
#: Apart is what was written from the library, or says nothing that it says.
FILE = Committed(
    "proofs/index.json",
    "s6flow-library/1",
    (("proofs", (".py", ".j2", ".v", ".json")), ("symbolic", (".py", ".json"))),
    apart=frozenset({"index.json", "nightly.json", "checked.json"}),
)


def ids() -> list[str]:
    """Ids of the theorems, in the order of the theory."""
    if (stored := FILE.current()) is not None:
        return list(stored["theorems"])
    from s6flow.proofs.registry import REGISTRY

    return list(REGISTRY)


def refuted_ids() -> list[str]:
    """Ids of the claims that were refuted."""
    if (stored := FILE.current()) is not None:
        return list(stored["refuted"])
    from s6flow.proofs.refuted import REFUTED

    return list(REFUTED)


def rows() -> list[dict[str, str]]:
    """One row a theorem, with the keys `ROW`; below them the refuted claims."""
    if (stored := FILE.current()) is not None:
        every = [*stored["theorems"].values(), *stored["refuted"].values()]
        return [{key: found[key] for key in ROW} for found in every]
    from s6flow.proofs.listing import listing
    from s6flow.proofs.refuted import refuted_listing

    return listing() + refuted_listing()


def content(key: str) -> dict[str, Any]:
    """Everything about a theorem as `pages.as_json` computes it, or about a refuted claim as `refuted.refuted_json` does.

    Raises: TheoremError: listing near ids, if there is no such thing.
    """
    known(key)
    if (stored := FILE.current()) is None:
        return _computed(key)
    found: dict[str, Any] = stored["theorems"].get(key) or stored["refuted"][key]
    return found


def known(key: str) -> None:
    """Raises: TheoremError: listing near ids, if there is no theorem and no refuted claim `key`."""
    every = [*ids(), *refuted_ids()]
    if key not in every:
        hint = near(key, every)
        remedy = f"Near: {', '.join(hint)}." if hint else "See s6flow theorems."
        raise TheoremError("a theorem id must be in the registry", key, remedy=remedy)


def _computed(key: str) -> dict[str, Any]:
    from s6flow.proofs.listing import as_json
    from s6flow.proofs.refuted import REFUTED, refuted_json

    return _plain(refuted_json(REFUTED[key]) if key in REFUTED else as_json(key))


def status_of(key: str) -> str:
    """What a theorem rests on.

    Raises: TheoremError: listing near ids, if there is none.
    """
    if FILE.current() is not None:
        return str(content(key)["status"])
    from s6flow.proofs.registry import get
    from s6flow.proofs.status import status

    return status(get(key))


def steps() -> list[dict[str, Any]]:
    """Steps of the derivation in order: number, id, title, and the theorems that rest on each."""
    if (stored := FILE.current()) is not None:
        return list(stored["steps"])
    return _steps()


def _steps() -> list[dict[str, Any]]:
    from s6flow.symbolic.derivation import all_steps

    return [
        {"number": number, "id": step.id, "title": step.title, "theorems": list(step.theorems)}
        for number, _, step in all_steps()
    ]


def library_blocks(steps: Collection[str] = (), common: Collection[str] = ()) -> list[Block]:
    """The whole library as a chapter, group by group.

    Args:
        steps, common: what the document has, see `theorem_statement`.
    """
    blocks: list[Block] = [Heading("Theorems", anchor="section-theorems", numbered=True), Paragraph(OPENING)]
    group = ""
    for key in ids():
        found = content(key)
        name = found["file"].split("/")[2]
        if name != group:
            blocks.append(Heading(GROUPS.get(name, name.capitalize()), 3))
            group = name
        blocks += theorem_statement(found, steps, common)
    return blocks


#: Folder of theorems -> what they are about.
GROUPS = {
    "layer": "The layer",
    "flow": "The flow on a channel axis",
    "blowup": "Blow-up",
    "criteria": "Criteria",
    "mixed": "States of both signs",
    "affine": "Affine projections and a step floor",
    "variants": "Skip and finite depth",
    "vectors": "Vector tokens",
    "state": "The state of one layer",
}
OPENING = (
    "Each statement below is printed from a value that also generates its numerical check and, where it has one, its formal statement. "
    "Its status says what it rests on. Kernel-checked: Coq's kernel accepted a proof of the formal statement [[cite:coq]]; where "
    "that says more or less than the page, it is said. Symbolic: residuals reduce to literal zero. Certified: an interval "
    "enclosure [[cite:johansson2017]] holds it. Numeric: it holds on every system that it was tried on, which proves nothing. "
    "Where an assumption is necessary, a system that meets all others and breaks the conclusion is given."
)


def note() -> str:
    """One line where the library is not read but computed; "" otherwise."""
    if FILE.current() is not None:
        return ""
    return f"computed anew: the sources have changed since {FILE.name} was written; make generated writes it."


def text() -> str:
    """The file as the registry has it now."""
    from s6flow.proofs.refuted import REFUTED
    from s6flow.proofs.registry import REGISTRY

    document = {
        **FILE.head(),
        "theorems": {key: _computed(key) for key in REGISTRY},
        "refuted": {key: _computed(key) for key in REFUTED},
        "steps": _steps(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """What a file gives back: lists for tuples, text for numbers of SymPy."""
    plain: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False, default=str))
    return plain


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 if it is current afterwards."""
    return FILE.main(text, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
