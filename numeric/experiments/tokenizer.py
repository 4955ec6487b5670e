"""Byte-pair encoding trained here, with the byte lengths of its tokens: bits per byte stay comparable."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int16, UInt8

from s6flow.errors import FormatError, MissingDependencyError

__all__ = ["encode_splits"]

#: Lines are encoded in pieces of about so many bytes.
_PIECE = 1 << 20


def _pieces(text: bytes) -> list[str]:
    """At line ends, so that no character is cut."""
    found, start = [], 0
    while start < len(text):
        cut = text.find(b"\n", start + _PIECE)
        end = len(text) if cut < 0 else cut + 1
        found.append(text[start:end].decode("utf-8", "replace"))
        start = end
    return found


def encode_splits(
    splits: dict[str, bytes], vocabulary: int
) -> tuple[dict[str, Int16[np.ndarray, " token"]], UInt8[np.ndarray, " id"]]:
    """Token ids of every split and the bytes of every id; the tokenizer is trained on `train` alone.

    Raises: MissingDependencyError: the package tokenizers; FormatError: fewer than 257 ids or more than an int16 holds.
    """
    if not 256 < vocabulary < 2**15:
        raise FormatError("byte-pair encoding needs 257 to 32,767 tokens", vocabulary, "data.vocabulary")
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise MissingDependencyError(
            "byte-pair encoding needs the package tokenizers",
            "not installed",
            "data.tokenizer",
            "Install s6flow[train].",
        ) from error
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(_pieces(splits["train"]), trainer)
    words = made.get_vocab()
    widths = np.zeros(made.get_vocab_size(), np.uint8)
    for word, index in words.items():
        widths[index] = min(len(word), 255)  # one character of the byte alphabet a byte
    found = {
        name: np.concatenate([np.asarray(piece.ids, np.int16) for piece in made.encode_batch(_pieces(text))])
        for name, text in splits.items()
        if text
    }
    return found, widths
