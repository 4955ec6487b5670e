"""What each theorem rests on: the record of the kernel, a recorded certificate, a symbolic residual, or evidence."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from s6flow.proofs.prove import recorded

if TYPE_CHECKING:
    from s6flow.symbolic.theorem import Theorem

__all__ = ["CERTIFICATES", "STATUSES", "certificates", "certified", "formal", "status"]

#: Certificates of whole statements; none is recorded as long as the file is not there.
CERTIFICATES = Path(__file__).parent / "certificates.json"
STATUSES = ("kernel-checked", "symbolic", "certified", "numeric", "conjecture")


@cache
def _record() -> dict[str, tuple[str, ...]]:
    return recorded()


@cache
def _statements() -> dict[str, list[str]]:
    """Theorem id -> its whole statements, read off the template: printing them all takes seconds."""
    from s6flow.proofs.formal.differences import stated  # brings SymPy, which the words for statuses do not need

    names: dict[str, list[str]] = {}
    for row in stated():
        if not row.case:
            names.setdefault(row.id, []).append(row.name)
    return names


def formal(theorem: Theorem) -> dict[str, tuple[str, ...]]:
    """Coq theorem name -> axioms, for the statements of a theorem whose proofs the kernel has accepted.

    Empty unless the committed record covers every one of its statements and no Coq source has changed since.
    """
    names = _statements().get(theorem.id, [])
    record = _record()
    return {name: record[name] for name in names} if all(name in record for name in names) else {}


@cache
def certificates() -> dict[str, str]:
    """Theorem id -> SHA-256 of the LaTeX of the statement that was enclosed in ball arithmetic; read once a process."""
    found: dict[str, str] = json.loads(CERTIFICATES.read_text()) if CERTIFICATES.exists() else {}
    return found


def certified(theorem: Theorem) -> bool:
    """Whether a certificate is recorded for the statement as it stands."""
    return certificates().get(theorem.id) == hashlib.sha256(theorem.latex().encode()).hexdigest()


def status(theorem: Theorem) -> str:
    """What the theorem rests on, strongest first: one of `STATUSES`. The first two words need a record."""
    if formal(theorem):
        return "kernel-checked"
    if certified(theorem):
        return "certified"
    unsupported = theorem.evidence == "symbolic" and not theorem.steps()  # no residual stands behind the word
    return "numeric" if unsupported else theorem.evidence
