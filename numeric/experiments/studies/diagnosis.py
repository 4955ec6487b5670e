"""Every number that a diagnosis prints, layer by layer, and what real tokens do there: what may predict something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import silu

from s6flow.numeric.audit.control import permutation_control
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.health.diagnosis import diagnose
from s6flow.numeric.refinements.mixer import s6_inputs
from s6flow.numeric.weights import S6Layer, open_checkpoint

__all__ = ["NUMBERS", "diagnosed", "passing"]

#: Numbers of health that are carried into the comparison.
NUMBERS = ("response", "half_life_median", "half_life_max", "unsaturated", "spread", "rank_B", "rank_C", "margin_fp16", "rounds_bf16")  # fmt: skip
_SHUFFLES = 100


@torch.no_grad()
def passing(model: S6Stack, tokens: Tensor) -> list[dict[str, float]]:
    """Per layer on real tokens: share with C.B > 0, and the norm of the update over that of the stream, mean over tokens."""
    hidden, found = model.backbone.embedding(tokens).float(), []
    for block in model.backbone.layers:
        mixer = block.mixer
        inner, _ = mixer.in_proj(block.norm(hidden)).chunk(2, dim=-1)
        entering = silu(mixer.conv1d(inner.mT)[..., : tokens.shape[1]]).mT.float()
        _, b, c = s6_inputs(mixer, entering)
        after = block(hidden).float()
        found.append(
            {
                "cb_positive": float(((b * c).sum(-1) > 0).double().mean()),
                "update_over_stream": float(((after - hidden).norm(dim=-1) / hidden.norm(dim=-1)).double().mean()),
            }
        )
        hidden = after
    return found


def _control(layer: Any) -> dict[str, float]:
    if not isinstance(layer, S6Layer):
        return {}
    found = permutation_control(layer, _SHUFFLES)
    return {"mu_negative": found.fraction, "control_z": found.z}


def diagnosed(model: S6Stack, data: Data, weights: Path) -> tuple[dict[str, float], list[dict[str, float | None]]]:
    """Medians over layers of every number (`_least` and `_most` of some), and the numbers by layer."""
    model.eval()
    health = diagnose(str(weights), data.window).layers
    tokens = next(data.evaluation("test")).tokens[:16]
    layers = []
    for found, layer, seen in zip(health, open_checkpoint(str(weights)).layers(), passing(model, tokens), strict=True):
        numbers = {key: found.numbers[key] for key in NUMBERS}
        if numbers["response"] is not None:
            numbers["response"] = float(np.log10(max(numbers["response"], 1e-45)))
        layers.append({**numbers, **_control(layer), **seen})
    summary = {}
    for key in layers[0]:
        values = [value for layer in layers if (value := layer.get(key)) is not None and np.isfinite(value)]
        if len(values) == len(layers):
            summary[key] = float(np.median(values))
            if key in ("response", "update_over_stream"):
                summary[f"{key}_least"] = float(min(values))
            if key == "half_life_max":
                summary[f"{key}_most"] = float(max(values))
    return summary, layers
