"""One optimiser step, on CUDA recorded once as a graph: a thousand launches from Python become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from s6flow.numeric.experiments.batches import Batch
from s6flow.numeric.experiments.config import TrainConfig
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.refinements import s6_layers

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer

__all__ = ["Step", "autocast", "batch_loss", "cap_rates", "make_optimiser"]

_EAGER = 3  # steps run as they are before the recording: they choose kernels and allocate the optimiser's state


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 matrix products on CUDA, as they are elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def batch_loss(model: S6Stack, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits, and their mean cross entropy [nat]."""
    with autocast(batch.tokens.device):
        logits = model(batch.tokens, batch.mask).float()
        return logits, cross_entropy(logits.flatten(0, -2), batch.targets.flatten())


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW, or Adam with its decay in the gradient, with the parameters of `config.decayed` in the decayed group.

    One that a graph can hold if asked for.
    """
    spared: Callable[[str, Tensor], bool] = {
        "matrices": lambda name, p: p.dim() < 2 or name.endswith(("A_log", "embedding.weight")),
        "guarded-apart": lambda name, p: name.endswith(("A_log", ".D", "dt_proj.bias")),
        "everything": lambda name, p: False,
    }[config.decayed]
    plain = {id(p) for name, p in model.named_parameters() if spared(name, p)}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in plain], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if id(p) in plain], "weight_decay": 0.0},
    ]
    some = next(model.parameters())
    recorded = some.is_cuda and config.graph
    lr = torch.tensor(config.lr, device=some.device) if recorded else config.lr  # a graph reads it at every replay
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[config.optimiser]
    groups = [group for group in groups if group["params"]]
    optimiser = kind(groups, lr=lr, betas=(0.9, 0.95), fused=some.is_cuda, capturable=recorded)
    optimiser._warned_capturable_if_run_uncaptured = True  # the first steps are meant to run so
    return optimiser


@cache
def _half_life() -> Any:
    from s6flow.symbolic.codegen.module import generate  # SymPy is loaded for this condition alone
    from s6flow.symbolic.state import quantity

    return generate(quantity("half_life"), "torch", "fast")


@torch.no_grad()
def cap_rates(mixers: Iterable[Mixer], limit: float) -> None:
    """Raise decay rates until no half-life at the bias' step exceeds so many tokens: `cap_memory` for every step.

    Source: symbolic.state.half_life.
    """
    function = _half_life()
    for mixer in mixers:
        known = {"decay": mixer.A_log.exp(), "width": softplus(mixer.dt_proj.bias).unsqueeze(1)}
        lives = function(*(known[name] for name in function.inputs))
        mixer.A_log.add_((lives / limit).clamp(1.0, 1e6).log())


class Step:
    """Forward, backward, clipping and update of one batch.

    Args:
        model, optimiser: changed in place; the optimiser from `make_optimiser`, its state already loaded.
        config: `clip`, `graph` and `cap`.
        window: tokens of a sequence, of which the cap is a share.
        pieces: a batch is worked through in so many, with their gradients added up.

    `total` sums the losses since `read` was last called, and stops being finite when a gradient does: such a gradient
    would spoil the weights one step before the loss shows it.
    Numerics: a replayed graph runs the kernels that it saw, so a step is the same recorded or not. Batches must keep
    their shape.
    """

    def __init__(
        self, model: S6Stack, optimiser: torch.optim.Optimizer, config: TrainConfig, window: int = 0, pieces: int = 1
    ) -> None:
        self.model, self.optimiser, self.clip, self.pieces = model, optimiser, config.clip, pieces
        self.limit = config.cap * window
        self.mixers = list(s6_layers(model).values()) if self.limit else []
        if self.limit:
            _half_life()
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
                        held.copy_(new)  # type: ignore[arg-type]  # alike in every batch
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
        parts = [batch] if self.pieces == 1 else _cut(batch, self.pieces)
        total: Any = 0.0
        for part in parts:
            _, loss = batch_loss(self.model, part)
            loss = loss * (len(part.tokens) / len(batch.tokens))
            loss.backward()
            total = total + loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimiser.step()
        if self.limit:
            cap_rates(self.mixers, self.limit)
        self.total += total + 0.0 * norm.detach()


def _cut(batch: Batch, pieces: int) -> list[Batch]:
    """A batch in so many parts, as equal as can be."""
    columns = [[None] * pieces if part is None else part.tensor_split(pieces) for part in batch]
    return [Batch(*parts) for parts in zip(*columns, strict=True) if len(parts[0])]
