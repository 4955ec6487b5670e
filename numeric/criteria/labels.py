"""Columns of words, stored as one byte a channel, and the tables of rules that fill them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from s6flow.symbolic import ends
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs import rules

__all__ = ["Labels", "deciding_rows", "end_labels", "judge"]


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


def end_labels(codes: np.ndarray) -> Labels:
    """A column of ends, from codes of `ends.End`."""
    return Labels(np.asarray(codes).astype(np.uint8), ends.WORDS)


def deciding_rows(table: str, letters: dict[str, Any]) -> np.ndarray:
    """The row of a table of rules that decides, by the generated program.

    Args:
        table: a name that `end_rules.rule_program` knows.
        letters: the rules' letters by name, of shapes that broadcast.
    """
    program = generate(rules.rule_program(table), "numpy", "fast")
    values = np.broadcast_arrays(*(np.asarray(letters[name], dtype=np.float64) for name in program.inputs))
    return np.asarray(program(*values)).astype(np.int64)


def judge(letters: dict[str, Any]) -> tuple[Labels, Labels]:
    """Ends and the theorems that say so, by `end_rules.SYSTEM_RULES`; letters as there, arrays over channels."""
    row, cited = deciding_rows("system_rules", letters), rules.cited()
    end = np.array([end for end, _ in rules.deciding("system_rules")])[row]
    theorem = np.array([cited.index(theorem) for _, theorem in rules.deciding("system_rules")])[row]
    return end_labels(end), Labels(theorem.astype(np.uint8), cited)
