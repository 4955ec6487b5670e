"""What each theorem rests on: the record of the kernel, a symbolic residual, or evidence."""

from __future__ import annotations

from functools import cache

from s6flow.proofs.formal import whole_statements
from s6flow.proofs.prove import recorded
from s6flow.symbolic.theorem import Theorem

__all__ = ["STATUSES", "formal", "status"]

STATUSES = ("kernel-checked", "symbolic", "certified", "numeric", "conjecture")


@cache
def _record() -> dict[str, tuple[str, ...]]:
    return recorded()


@cache
def _statements() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, identifier in whole_statements().items():
        names.setdefault(identifier, []).append(name)
    return names


def formal(theorem: Theorem) -> dict[str, tuple[str, ...]]:
    """Coq theorem name -> axioms, for the statements of a theorem whose proofs the kernel has accepted.

    Empty unless the committed record covers every one of its statements and no Coq source has changed since.
    """
    names = _statements().get(theorem.id, [])
    record = _record()
    return {name: record[name] for name in names} if all(name in record for name in names) else {}


def status(theorem: Theorem) -> str:
    """What the theorem rests on, strongest first: one of `STATUSES`."""
    if formal(theorem):
        return "kernel-checked"
    unsupported = theorem.evidence == "symbolic" and not theorem.steps()  # no residual stands behind the word
    return "numeric" if unsupported else theorem.evidence
