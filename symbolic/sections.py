"""The sections of the project's own theory (docs/theory): what "theory 8b" or `section="8, E3"` refers to.

The chapters are not installed with the package; `headings.json` is their table of headings, written by
`python -m s6flow.proofs.theory_boxes docs/theory` and compared with them by a test.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from s6flow.errors import TheoremError

__all__ = ["HEADINGS", "REFERENCE", "Section", "cited", "parts_of", "resolve", "sections", "spelled"]

HEADINGS = Path(__file__).parent / "headings.json"

_NUMBERS = r"\d+b?(?:(?:, | and | to |-| \()(?:\d+b?(?!\w)|E\d))*"
#: A reference in running text: "theory 8b", "theory 5, 6 and 8 (E1-E3)", "theory section 3", "theory 8's witnesses".
REFERENCE = re.compile(rf"\btheory(?:,? sections?)? ({_NUMBERS})(?![\d.]*\w)", re.IGNORECASE)
_PART = re.compile(r"\d+b?|E\d")


@dataclass(frozen=True)
class Section:
    """A numbered heading of docs/theory.

    Args:
        key: "5", "8b", or "8, E3".
        title: without the number.
        file: chapter, below docs/theory.
        anchor: of the heading in the chapter.
    """

    key: str
    title: str
    file: str
    anchor: str

    @property
    def link(self) -> str:
        """Path and anchor, from the root of the project."""
        return f"docs/theory/{self.file}#{self.anchor}"


@cache
def sections() -> dict[str, Section]:
    """Key -> section, in the order of the text."""
    rows = json.loads(HEADINGS.read_text(encoding="utf-8"))
    return {row["key"]: Section(**row) for row in rows}


def parts_of(reference: str) -> list[str]:
    """Keys that a reference names: "8, E3" is one, "4, 8b" are two, "7-8b" its two ends."""
    keys: list[str] = []
    number = ""
    for part in _PART.findall(reference):
        if part.startswith("E"):
            if keys and keys[-1] == number:
                keys.pop()
            keys.append(f"{number}, {part}")
        else:
            number = part
            keys.append(part)
    return keys


def resolve(reference: str, where: str = "") -> tuple[Section, ...]:
    """The sections that a reference names.

    Raises: TheoremError: if it names none, or one that docs/theory does not have.
    """
    keys = parts_of(reference)
    missing = [key for key in keys if key not in sections()]
    if missing or not keys:
        raise TheoremError(
            "a section must be a numbered heading of docs/theory", ", ".join(missing) or repr(reference), where
        )
    return tuple(sections()[key] for key in keys)


def cited(text: str) -> list[str]:
    """What every "theory N" in a text refers to."""
    return [match.group(1) for match in REFERENCE.finditer(text)]


def spelled(text: str) -> str:
    """A text for readers outside of the project: "theory 8" there is "docs/theory, section 8"."""
    return REFERENCE.sub(r"docs/theory, section \1", text)
