"""Associative recall: which value was paired with the key that is asked for at the end?

After Arora et al. (2023), one query instead of several: a sequence holds pairs of a key and its value, at random places
among noise, and ends with one of its keys. The label is that key's value. Guessing among the values of a sequence is
right once in as many times as it has pairs.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, UInt8

from s6flow.errors import FormatError

__all__ = ["KEYS", "NOISE", "VALUES", "VOCABULARY", "answer", "recall_sequences"]

VALUES, KEYS, NOISE = 10, 16, 4
VOCABULARY = VALUES + KEYS + NOISE


def recall_sequences(
    count: int, tokens: int, pairs: int, seed: int = 0
) -> tuple[UInt8[np.ndarray, "sequence token"], Int[np.ndarray, " sequence"]]:
    """Sequences and labels; values are the tokens below `VALUES`, keys the next `KEYS`, the rest is noise.

    Args:
        count: sequences.
        tokens: of each, at least 2 pairs + 1.
        pairs: with distinct keys, at most `KEYS`.
        seed: of the draws.
    Raises: FormatError: sizes that do not fit.
    """
    room = tokens - 1 - 2 * pairs
    if not 1 <= pairs <= KEYS or room < 0 or count < 1:
        raise FormatError(f"recall needs 1 to {KEYS} pairs in 2 pairs + 1 tokens", f"{pairs} in {tokens}", "data")
    rng = np.random.default_rng(seed)
    found = rng.integers(VALUES + KEYS, VOCABULARY, (count, tokens))
    keys = VALUES + rng.permuted(np.tile(np.arange(KEYS), (count, 1)), axis=1)[:, :pairs]
    values = rng.integers(0, VALUES, (count, pairs))
    gaps = np.sort(rng.permuted(np.tile(np.arange(room + pairs), (count, 1)), axis=1)[:, :pairs], axis=1)
    places = gaps + np.arange(pairs)  # a pair takes one place more than its gap
    rows = np.arange(count)[:, None]
    found[rows, places], found[rows, places + 1] = keys, values
    asked = rng.integers(0, pairs, count)
    found[:, -1] = keys[np.arange(count), asked]
    return found.astype(np.uint8), values[np.arange(count), asked]


def answer(tokens: list[int]) -> int:
    """The value behind the first place of the last token; the oracle of `recall_sequences`."""
    return tokens[tokens.index(tokens[-1]) + 1]
