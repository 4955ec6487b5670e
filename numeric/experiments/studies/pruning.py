"""What a network loses when a quarter of its layers is left out: those that health calls weakest, or others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.studies.diagnosis import passing
from s6flow.numeric.experiments.train import mean_loss
from s6flow.numeric.health.diagnosis import diagnose

__all__ = ["RANDOM", "SHARE", "pruned", "without_layers"]

SHARE = 0.25
#: Random choices, of which the mean is taken.
RANDOM = 4


def without_layers(model: S6Stack, dropped: Sequence[int], measured: Callable[[], float]) -> float:
    """A measurement of the model without some blocks, which come back."""
    whole = model.backbone.layers
    model.backbone.layers = nn.ModuleList([block for index, block in enumerate(whole) if index not in set(dropped)])  # type: ignore[assignment]
    try:
        return measured()
    finally:
        model.backbone.layers = whole


@torch.no_grad()
def pruned(model: S6Stack, data: Data) -> tuple[dict[str, float], dict[str, Any]]:
    """Rise of the validation loss [bits per byte, or nat] when a quarter of the layers, at least one, is left out.

    Returns: `health`: those of the least response (its bound from weights alone); `update`: those whose update is
        smallest on real tokens, in the mean over tokens of its norm over the stream's; `random`: mean of `RANDOM`
        choices; and which layers they were.
    """
    key = "bits_per_byte" if data.classes is None else "loss"
    count = max(1, round(SHARE * len(model.backbone.layers)))

    def loss() -> float:
        return mean_loss(model, data, data.evaluation("valid"))[key]

    responses = [layer.numbers["response"] for layer in diagnose(model, data.window).layers]
    updates = [layer["update_over_stream"] for layer in passing(model, next(data.evaluation("valid")).tokens[:16])]
    rng = np.random.default_rng(0)
    chosen: dict[str, list[list[int]]] = {
        "update": [list(np.argsort(updates)[:count])],
        "random": [list(rng.permutation(len(updates))[:count]) for _ in range(RANDOM)],
    }
    if all(value is not None for value in responses):
        chosen["health"] = [list(np.argsort(np.array(responses, dtype=np.float64))[:count])]
    whole = loss()
    found = {
        name: float(np.mean([without_layers(model, layers, loss) - whole for layers in sets]))
        for name, sets in chosen.items()
    }
    found |= {f"{name}_less_random": found[name] - found["random"] for name in ("health", "update") if name in found}
    return found, {name: [[int(layer) for layer in layers] for layers in sets] for name, sets in chosen.items()}
