"""Classification data where order carries no causality: digits as pixel sequences, and ListOps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Int, UInt8

from s6flow.errors import FormatError, MissingDependencyError, SourceError
from s6flow.files import atomic_path
from s6flow.numeric.experiments.config import DataConfig
from s6flow.numeric.experiments.listops import PAD, VOCABULARY, expression

__all__ = ["Labelled", "load_labelled", "prepare_labelled"]


@dataclass(frozen=True)
class Labelled:
    """Token sequences with a class each, split into train, valid and test by `bounds`.

    Args:
        tokens: padded sequences, shape (sequence, token).
        lengths: real tokens of each; labels: class of each.
        bounds: where validation and test begin.
    """

    name: str
    tokens: UInt8[np.ndarray, "sequence token"]
    lengths: Int[np.ndarray, " sequence"]
    labels: Int[np.ndarray, " sequence"]
    bounds: tuple[int, int]
    vocabulary: int
    classes: int = 10

    def split(self, name: str) -> slice:
        """Rows of train, valid or test."""
        low, high = self.bounds
        return {"train": slice(0, low), "valid": slice(low, high), "test": slice(high, None)}[name]

    def describe(self) -> dict[str, object]:
        """Sizes, hash and the accuracy of always saying the commonest class, for a result's provenance."""
        counts = np.bincount(self.labels[self.split("test")], minlength=self.classes)
        return {
            "name": self.name,
            "sequences": {name: len(self.labels[self.split(name)]) for name in ("train", "valid", "test")},
            "tokens": [int(self.lengths.min()), int(self.lengths.max())],
            "majority_accuracy": float(counts.max() / counts.sum()),
            "sha256": hashlib.sha256(self.tokens.tobytes() + self.labels.tobytes()).hexdigest(),
        }


def _digits() -> Labelled:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(
            "digits needs scikit-learn", None, "data.name", "Install s6flow[experiments], or pass prepared --data."
        ) from error
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    tokens = images[order].astype(np.uint8)
    lengths = np.full(len(labels), tokens.shape[1], np.int64)
    return Labelled(
        "digits", tokens, lengths, labels[order].astype(np.int64), (len(labels) - 600, len(labels) - 300), 17
    )


def _listops(config: DataConfig) -> Labelled:
    if not 3 <= config.tokens <= config.longest or config.train < 1 or config.held_out < 1:
        raise FormatError("listops needs 3 <= tokens <= longest, and train and held_out sequences", str(config), "data")
    random, total = Random(0), config.train + 2 * config.held_out
    tokens = np.full((total, config.longest), PAD, np.uint8)
    lengths, labels = np.empty(total, np.int64), np.empty(total, np.int64)
    for row in range(total):
        lengths[row] = random.randint(config.tokens, config.longest)
        made, labels[row] = expression(random, int(lengths[row]), config.depth, config.arguments)
        tokens[row, : lengths[row]] = made
    bounds = (config.train, config.train + config.held_out)
    return Labelled("listops", tokens, lengths, labels, bounds, VOCABULARY)


def _file(config: DataConfig, folder: Path) -> Path:
    return folder / f"{config.name}-{hashlib.sha256(repr(config).encode()).hexdigest()[:12]}.npz"


def prepare_labelled(config: DataConfig, folder: Path) -> Path:
    """Write the data to a file that `load_labelled` reads: for machines without scikit-learn, and to generate once."""
    path = _file(config, folder)
    if not path.exists():
        data = load_labelled(config, None)
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary, tokens=data.tokens, lengths=data.lengths, labels=data.labels,
                bounds=data.bounds, vocabulary=data.vocabulary,
            )  # fmt: skip
    return path


def load_labelled(config: DataConfig, folder: Path | None) -> Labelled:
    """Load or make the data.

    Args:
        config: which data.
        folder: where `prepare_labelled` left it; made anew when None or not there.
    Raises: FormatError: another name or impossible sizes; MissingDependencyError: scikit-learn; SourceError:
        a broken file.
    """
    if folder is not None and _file(config, folder).exists():
        path = _file(config, folder)
        try:
            with np.load(path) as stored:
                bounds = (int(stored["bounds"][0]), int(stored["bounds"][1]))
                return Labelled(
                    config.name,
                    stored["tokens"],
                    stored["lengths"],
                    stored["labels"],
                    bounds,
                    int(stored["vocabulary"]),
                )
        except (OSError, KeyError, ValueError) as error:
            raise SourceError(
                "prepared data must be readable", str(error), path.name, "Delete and prepare again."
            ) from error
    if config.name == "digits":
        return _digits()
    if config.name == "listops":
        return _listops(config)
    raise FormatError("classification data is digits or listops", repr(config.name), "data.name")
