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
from s6flow.numeric.experiments.text import Corpus

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
            self.vocabulary, self.classes = 256, None
            self.held = {
                name: torch.from_numpy(getattr(source, name).copy()).to(device) for name in ("train", "valid", "test")
            }
            shortest = min(len(part) for part in self.held.values())
            if shortest <= self.window:
                raise FormatError("every split must be longer than a sequence", f"{shortest} bytes", "data.tokens")
            self.places = torch.arange(self.window + 1, device=device)
        else:
            self.vocabulary, self.classes = source.vocabulary, source.classes
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
        tokens, lengths = self.tokens[index].long(), self.lengths[index]
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
