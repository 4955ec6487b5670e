"""Classification data where order carries no causality: digits and images as sequences, ListOps, and recall."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Int, UInt8

from s6flow.errors import FormatError, MissingDependencyError
from s6flow.numeric.experiments.config import DataConfig
from s6flow.numeric.experiments.images import image_tokens, load_cifar, load_fashion
from s6flow.numeric.experiments.listops import PAD, VOCABULARY, expression
from s6flow.numeric.experiments.recall import VALUES, recall_sequences
from s6flow.numeric.experiments.recall import VOCABULARY as RECALL

__all__ = ["Labelled", "load_labelled"]


@dataclass(frozen=True)
class Labelled:
    """Token sequences with a class each, split into train, valid and test by `bounds`.

    Args:
        tokens: padded sequences, shape (sequence, token); (sequence, token, pixel) of images.
        lengths: real tokens of each; labels: class of each.
        bounds: where validation and test begin.
    """

    name: str
    tokens: UInt8[np.ndarray, "sequence token *pixel"]
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


def _images(config: DataConfig, folder: Path | None) -> Labelled:
    """Training images from the front of the training set, validation from its back, test from the test set."""
    found = {"fashion": load_fashion, "cifar-10": load_cifar}[config.name](folder)
    (images, labels), (tests, test_labels) = found["train"], found["test"]
    if config.train < 1 or config.train + config.held_out > len(labels) or not 1 <= config.held_out <= len(test_labels):
        sizes = f"{config.train} and {config.held_out} of {len(labels)} and {len(test_labels)}"
        raise FormatError("train and held_out must fit the images", sizes, "data")
    parts = [slice(0, config.train), slice(len(labels) - config.held_out, None)]
    pixels = np.concatenate([*(images[part] for part in parts), tests[: config.held_out]])
    classes = np.concatenate([*(labels[part] for part in parts), test_labels[: config.held_out]])
    tokens = image_tokens(pixels, config.patch)
    lengths = np.full(len(classes), tokens.shape[1], np.int64)
    return Labelled(config.name, tokens, lengths, classes, (config.train, config.train + config.held_out), 256)


def _recall(config: DataConfig) -> Labelled:
    tokens, labels = recall_sequences(config.train + 2 * config.held_out, config.tokens, config.pairs)
    lengths = np.full(len(labels), config.tokens, np.int64)
    return Labelled("recall", tokens, lengths, labels, (config.train, config.train + config.held_out), RECALL, VALUES)


def load_labelled(config: DataConfig, folder: Path | None) -> Labelled:
    """Read or make the data.

    Args:
        config: which data.
        folder: of files that a user has put there instead of installing a package.
    Raises: FormatError: another name or impossible sizes; MissingDependencyError: a package that is not installed;
        SourceError: a broken file.
    """
    if config.name in ("fashion", "cifar-10"):
        return _images(config, folder)
    makers = {"digits": lambda: _digits(), "listops": lambda: _listops(config), "recall": lambda: _recall(config)}
    if config.name not in makers:
        names = ", ".join([*makers, "fashion", "cifar-10"])
        raise FormatError("classification data is one of those known", repr(config.name), "data.name", f"{names}.")
    return makers[config.name]()
