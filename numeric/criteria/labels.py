"""Columns of words, stored as one byte a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

__all__ = ["Labels", "choose"]


@dataclass(frozen=True, eq=False)
class Labels:
    """One word a channel.

    Args:
        codes: index into `names`, one a channel.
        names: the words.
    """

    codes: UInt8[np.ndarray, " channel"]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def words(self) -> list[str]:
        """The words in full, one a channel."""
        return [self.names[code] for code in self.codes.tolist()]

    def word(self, channel: int) -> str:
        """The word of one channel."""
        return self.names[int(self.codes[channel])]

    def where(self, name: str) -> Bool[np.ndarray, " channel"]:
        """Which channels carry `name`."""
        mask: Bool[np.ndarray, " channel"] = self.codes == self.names.index(name)
        return mask

    def counts(self) -> dict[str, int]:
        """How many channels carry each word, words that occur only, in the order of `names`."""
        found = np.bincount(self.codes, minlength=len(self.names))
        return {name: int(n) for name, n in zip(self.names, found, strict=True) if n}


def choose(names: tuple[str, ...], rows: Sequence[tuple[Bool[np.ndarray, " channel"], str]], default: str) -> Labels:
    """The word of the first row whose mask holds, else `default`.

    Args:
        names: every word that the column may hold.
        rows: (mask, word) in order of precedence.
        default: the word of the channels that no mask takes.
    """
    masks = [mask for mask, _ in rows]
    codes = np.select(masks, [np.uint8(names.index(word)) for _, word in rows], np.uint8(names.index(default)))
    return Labels(codes.astype(np.uint8), names)
