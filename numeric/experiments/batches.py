"""What a step is trained on: batches that depend on the seed and the step only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from s6flow.errors import FormatError
from s6flow.numeric.experiments.classes import Labelled
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.corpora import Corpus

__all__ = ["Batch", "Data"]


class Batch(NamedTuple):
    """Token ids, what to predict, and a mask of real tokens (None: all)."""

    tokens: Tensor
    targets: Tensor
    mask: Tensor | None


class Data:
    """Batches of a corpus or of labelled sequences; a batch depends on (seed, step) only."""

    def __init__(self, source: Corpus | Labelled, config: Config, device: torch.device) -> None:
        self.source, self.device = source, device
        self.batch, self.window = config.train.batch, config.data.tokens
        self.sequences = config.train.eval_sequences
        if isinstance(source, Corpus):
            self.vocabulary, self.classes, self.pixels = source.vocabulary, None, 0
            self.held = {
                name: torch.from_numpy(part.copy()).to(device)
                for name in ("train", "valid", "test", "other")
                if len(part := getattr(source, name)) or name != "other"
            }
            self.widths = torch.from_numpy(source.widths.copy()).to(device) if len(source.widths) else None
            shortest = min(len(part) for part in self.held.values())
            if shortest <= self.window:
                raise FormatError("every split must be longer than a sequence", f"{shortest} bytes", "data.tokens")
            self.places = torch.arange(self.window + 1, device=device)
        else:
            self.vocabulary, self.classes, self.widths = source.vocabulary, source.classes, None
            self.pixels = source.tokens.shape[2] if source.tokens.ndim == 3 else 0
            self.tokens = torch.from_numpy(source.tokens).to(device)
            self.lengths = torch.from_numpy(source.lengths).to(device)
            self.labels = torch.from_numpy(source.labels).to(device)
            self.places = torch.arange(source.tokens.shape[1], device=device)
            self.padded = int(source.lengths.min()) < source.tokens.shape[1]

    def _on_device(self, rows: np.ndarray) -> Tensor:
        """Row numbers on the device, without waiting for what the device is doing."""
        host = torch.from_numpy(rows)
        return host.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else host

    def _windows(self, part: Tensor, starts: np.ndarray) -> Batch:
        text = part[self._on_device(starts).unsqueeze(1) + self.places].long()
        return Batch(text[:, :-1], text[:, 1:], None)

    def _rows(self, rows: np.ndarray) -> Batch:
        index = self._on_device(rows)
        tokens, lengths = self.tokens[index], self.lengths[index]
        tokens = tokens if self.pixels else tokens.long()
        mask = self.places < lengths.unsqueeze(1) if self.padded else None
        return Batch(tokens, self.labels[index], mask)

    def training(self, seed: int, step: int) -> Batch:
        """The training batch of one step."""
        if isinstance(self.source, Corpus):
            starts = np.random.default_rng([seed, step]).integers(0, len(self.source.train) - self.window, self.batch)
            return self._windows(self.held["train"], starts)
        rows = self.source.split("train").stop
        first = step * self.batch
        wanted = np.arange(first, first + self.batch)
        epochs = {
            int(epoch): np.random.default_rng([seed, int(epoch)]).permutation(rows)
            for epoch in np.unique(wanted // rows)
        }
        return self._rows(np.array([epochs[int(place // rows)][place % rows] for place in wanted]))

    @property
    def splits(self) -> tuple[str, ...]:
        """What a trained model is evaluated on."""
        return tuple(name for name in self.held if name != "train") if self.classes is None else ("valid", "test")

    def bytes_of(self, targets: Tensor) -> Tensor:
        """Bytes that target tokens stand for."""
        if self.widths is None:
            return torch.tensor(float(targets.numel()), dtype=torch.float64, device=targets.device)
        return self.widths[targets].double().sum()

    def stretches(self, split: str, length: int, total: int) -> Iterator[Batch]:
        """The first `total` tokens of a split cut into sequences of `length`, so many at a time as one long one holds.

        Raises: FormatError: a split shorter than that.
        """
        part = self.held[split]
        if length >= len(part) or total < length:
            found = f"{len(part)} tokens for sequences of {length} out of {total}"
            raise FormatError("a test text must hold the longest sequence", found, split, "Lower measure.reach.")
        starts = np.arange(0, min(total, len(part) - 1) - length + 1, length)
        places, most = torch.arange(length + 1, device=self.device), max(1, total // 4 // length)
        for low in range(0, len(starts), most):
            text = part[self._on_device(starts[low : low + most]).unsqueeze(1) + places].long()
            yield Batch(text[:, :-1], text[:, 1:], None)

    def evaluation(self, split: str) -> Iterator[Batch]:
        """Fixed batches of validation or test data, in order, at most `eval_sequences` sequences."""
        if isinstance(self.source, Corpus):
            part = self.held[split]
            starts = np.arange(0, len(part) - self.window, self.window)
            starts = starts[np.linspace(0, len(starts) - 1, min(self.sequences, len(starts))).astype(np.int64)]
            for low in range(0, len(starts), self.batch):
                yield self._windows(part, starts[low : low + self.batch])
            return
        chosen = np.arange(len(self.source.labels))[self.source.split(split)][: self.sequences]
        for low in range(0, len(chosen), self.batch):
            yield self._rows(chosen[low : low + self.batch])
