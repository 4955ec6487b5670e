"""One optimiser step, on CUDA recorded once as a graph: a thousand launches from Python become one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from s6flow.numeric.experiments.batches import Batch
from s6flow.numeric.experiments.config import TrainConfig
from s6flow.numeric.experiments.model import S6Stack

__all__ = ["Step", "autocast", "batch_loss", "make_optimiser"]

_EAGER = 3  # steps run as they are before the recording: they choose kernels and allocate the optimiser's state


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 matrix products on CUDA, as they are elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")  # type: ignore[no-any-return]


def batch_loss(model: S6Stack, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits, and their mean cross entropy [nat]."""
    with autocast(batch.tokens.device):
        logits = model(batch.tokens, batch.mask).float()
        return logits, cross_entropy(logits.flatten(0, -2), batch.targets.flatten())


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW without weight decay on biases, decay rates and the embedding; one that a graph can hold if asked for."""
    plain = {
        id(p) for name, p in model.named_parameters() if p.dim() < 2 or name.endswith(("A_log", "embedding.weight"))
    }
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in plain], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if id(p) in plain], "weight_decay": 0.0},
    ]
    some = next(model.parameters())
    recorded = some.is_cuda and config.graph
    lr = torch.tensor(config.lr, device=some.device) if recorded else config.lr  # a graph reads it at every replay
    optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=some.is_cuda, capturable=recorded)
    optimiser._warned_capturable_if_run_uncaptured = True  # the first steps are meant to run so
    return optimiser


class Step:
    """Forward, backward, clipping and update of one batch.

    Args:
        model, optimiser: changed in place; the optimiser from `make_optimiser`, its state already loaded.
        config: `clip` and `graph`.

    `total` sums the losses since `read` was last called, and stops being finite when a gradient does: such a gradient
    would spoil the weights one step before the loss shows it.
    Numerics: a replayed graph runs the kernels that it saw, so a step is the same recorded or not. Batches must keep
    their shape.
    """

    def __init__(self, model: S6Stack, optimiser: torch.optim.Optimizer, config: TrainConfig) -> None:
        self.model, self.optimiser, self.clip = model, optimiser, config.clip
        device = next(model.parameters()).device
        self.total, self.count = torch.zeros((), device=device), 0
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" and config.graph else None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: Batch | None = None
        self.done = 0

    def __call__(self, batch: Batch, lr: float) -> None:
        """Take one step at this learning rate."""
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        if self.stream is None or self.done < _EAGER:
            self._eagerly(batch)
        else:
            if self.batch is None or self.graph is None:
                self._record(batch)
            else:
                for held, new in zip(self.batch, batch, strict=True):
                    if held is not None:
                        held.copy_(new)
            assert self.graph is not None, "recorded above"
            self.graph.replay()
        self.done, self.count = self.done + 1, self.count + 1

    def read(self) -> float:
        """Mean loss of the steps since the last reading [nat]; waits for the device."""
        mean = float(self.total) / self.count
        self.total.zero_()
        self.count = 0
        return mean

    def _eagerly(self, batch: Batch) -> None:
        """On the stream that will record: gradients remember the stream on which they were first made."""
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
        with nullcontext() if self.stream is None else torch.cuda.stream(self.stream):
            self._work(batch)
        if self.stream is not None:
            torch.cuda.current_stream(self.stream.device).wait_stream(self.stream)

    def _record(self, batch: Batch) -> None:
        self.batch = Batch(*(None if part is None else part.clone() for part in batch))  # type: ignore[arg-type]
        torch.cuda.synchronize(self.total.device)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self._work(self.batch)

    def _work(self, batch: Batch) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        _, loss = batch_loss(self.model, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimiser.step()
        self.total += loss.detach() + 0.0 * norm.detach()
