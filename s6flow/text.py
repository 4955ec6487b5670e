"""Text that came from a file or a user, shown so that it can do nothing: one line, no control characters."""

from __future__ import annotations

__all__ = ["formula_free", "shown"]

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


def formula_free(text: str) -> str:
    """A CSV cell that no spreadsheet reads as a formula: such text gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text
