"""Test loss on longer sequences than those of training, and with weights rounded to bfloat16."""

from __future__ import annotations

import copy
from typing import Any

import torch

from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.train import mean_loss

__all__ = ["loss_at", "loss_by_length", "multiples", "rounded_weights"]

_SEQUENCES = 4  # of the longest length; shorter ones cut the same text


def multiples(reach: int) -> list[int]:
    """1, 4, 16, ... and the longest."""
    found = [1]
    while found[-1] * 4 <= reach:
        found.append(found[-1] * 4)
    return found if found[-1] == reach else [*found, reach]


def loss_at(model: S6Stack, data: Data, multiple: int, reach: int) -> float:
    """Bits per byte of the test text cut into sequences of so many times the training length.

    The text is the same for every multiple: as much as `_SEQUENCES` sequences of the longest hold.
    """
    total = _SEQUENCES * reach * data.window
    return mean_loss(model, data, data.stretches("test", multiple * data.window, total))["bits_per_byte"]


def loss_by_length(model: S6Stack, data: Data, reach: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Bits per byte `at_1`, ... times the training length, and `growth`: the longest less that of training."""
    found = {f"at_{multiple}": loss_at(model, data, multiple, reach) for multiple in multiples(reach)}
    return {**found, "growth": found[f"at_{reach}"] - found["at_1"]}, {}


@torch.no_grad()
def rounded_weights(model: S6Stack, data: Data) -> tuple[dict[str, float], dict[str, Any]]:
    """What rounding every parameter to bfloat16 does, the arithmetic being the same.

    Returns: `bf16_loss`, bits per byte more on validation text; `bf16_logits`, root mean square change of the logits
        over their own, on one batch.
    """
    rounded = copy.deepcopy(model)
    for parameter in rounded.parameters():
        parameter.copy_(parameter.bfloat16().to(parameter.dtype))
    batch = next(data.evaluation("valid"))
    model.eval(), rounded.eval()
    logits, others = (net(batch.tokens[:16]).double() for net in (model, rounded))
    change = float((others - logits).square().mean().sqrt() / logits.square().mean().sqrt())
    key = "bits_per_byte" if data.classes is None else "loss"
    losses = [mean_loss(net, data, data.evaluation("valid"))[key] for net in (rounded, model)]
    return {"bf16_loss": losses[0] - losses[1], "bf16_logits": change}, {}
