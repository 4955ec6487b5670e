"""Words for output: a number with its noun, and text from files or users, shown so that it can do nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["counted", "formula_free", "near", "shown"]

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def shown(text: object) -> str:
    r"""`text` with everything that does not print as itself written as an escape, as in ``\n`` or ``\x1b``.

    Line ends, terminal sequences, marks that turn the direction of writing and halves of surrogate pairs (names that are
    not UTF-8) are such; letters of every alphabet stay.
    """
    whole = str(text)
    if whole.isprintable():
        return whole
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in whole)


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: 1 layer, 2 layers; `nouns` is the plural where it is not made by an s."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def formula_free(text: str) -> str:
    """A CSV cell that no spreadsheet reads as a formula: such text gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def near(word: str, known: Iterable[str]) -> list[str]:
    """At most three of the known words that contain `word` or look like it; none if there is no such thing.

    Every word contains the empty one, which is like none.
    """
    words = list(known) if word else []
    return [name for name in words if word in name][:3] or difflib.get_close_matches(word, words, 3, 0.7)
