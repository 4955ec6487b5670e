"""The file of a new theorem, with what is at hand to write it: measurements, observables, assumptions, kinds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from s6flow.errors import TheoremError
from s6flow.files import write_atomic
from s6flow.proofs.registry import GROUPS, REGISTRY
from s6flow.symbolic.assumptions import ASSUMPTIONS
from s6flow.symbolic.observables import LETTERS, OBSERVABLES
from s6flow.symbolic.sections import sections
from s6flow.symbolic.theorem import KINDS

__all__ = ["PLACEHOLDER", "at_hand", "changelog_line", "draft", "write_draft"]

FOLDER = Path(__file__).parent / "theorems"
#: Of a checkout; an installed package has none beside it.
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
#: The note of the draft's counterexample; a theorem that still has it is refused by tests/quality.
PLACEHOLDER = "Why the conclusion fails here."

_DRAFT = '''"""{sentence} (theory {section})."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l

THEOREM = Theorem(
    id="{identifier}",
    title="{sentence}",
    section="{section}",  # the heading of docs/theory that states it
    source="ours (theory {section})",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("states-nonpositive",),
    # a claim that is false as it stands: `s6flow check {identifier}` shows the system that breaks it
    conclusion=sp.Ge(sp.Abs(ob.x_t[l]), sp.Abs(nt.x0[l])),
    measurement="trajectory",
    # a system that meets the assumptions, and on which the claim is true
    witness={{"mu": [0.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]}},
    # for every assumption a system that breaks it alone, and on which the claim is false
    counterexamples=(
        Counterexample(
            "states-nonpositive",
            {{"mu": [1.0, -2.0], "a": [1.0, 1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]}},
            "{placeholder}",
        ),
    ),
    evidence="conjecture",
    notes="",
)
'''


def draft(identifier: str) -> str:
    """The text of a file that loads: a conjecture that its check refutes, to be replaced part by part.

    Raises: TheoremError: if the id is no kebab-case slug or is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", identifier):
        raise TheoremError("a theorem id must be a kebab-case slug", repr(identifier))
    if identifier in REGISTRY:
        raise TheoremError(
            "theorem ids must be unique", identifier, "", "Choose another, or edit the file of that one."
        )
    section = next(iter(sections()))  # any that exists, until the theorem has its own
    sentence = identifier.replace("-", " ").capitalize()
    return _DRAFT.format(identifier=identifier, sentence=sentence, section=section, placeholder=PLACEHOLDER)


def write_draft(identifier: str, group: str, folder: Path = FOLDER) -> Path:
    """Write the file of a new theorem and return its path; nothing that exists is touched.

    Raises: TheoremError: an unknown group, or an id that is taken or no slug; no checkout, where the theorem would be lost.
    """
    if group not in GROUPS:
        raise TheoremError("a theorem's group must be one of " + ", ".join(GROUPS), group)
    path = folder / group / (identifier.replace("-", "_") + ".py")
    text = draft(identifier)
    if folder == FOLDER and not PROJECT.exists():
        raise TheoremError(
            "a theorem is written in a checkout of the repository",
            "an installed package",
            str(folder),
            "Clone it, and run pip install -e .",
        )
    if path.exists():
        raise TheoremError("a new theorem must not overwrite a file", path.name, group)
    return write_atomic(path, text)


def at_hand(measurements: Iterable[str]) -> str:
    """Groups, sections, kinds, measurements, assumptions, letters and observables; the caller knows the measurements."""

    def rows(table: Iterable[tuple[str, str]]) -> list[str]:
        return [f"  {name:22} {words}" for name, words in table]

    return "\n".join(
        [
            f"groups: {', '.join(GROUPS)}",
            "sections:",
            *rows((key, section.title) for key, section in sections().items()),
            f"kinds: {', '.join(KINDS)}",
            f"measurements: {', '.join(measurements)}",
            "assumptions:",
            *rows((key, entry.words) for key, entry in ASSUMPTIONS.items()),
            "letters:",
            *rows((name, row.meaning) for name, row in LETTERS.items()),
            "observables:",
            *rows((name, row.meaning) for name, row in OBSERVABLES.items()),
        ]
    )


def changelog_line(identifier: str) -> str:
    """The line that CHANGELOG.md wants under Unreleased, Added."""
    return f"- Theorem `{identifier}`: TITLE."
