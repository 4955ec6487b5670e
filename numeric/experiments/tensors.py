"""Trained weights as safetensors files with state-spaces/mamba's tensor names; writing needs torch, reading
does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from s6flow.files import atomic_path
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.refinements import bake

__all__ = ["write_weights"]

# half the size where nothing that the theory reads is lost: the S6 tensors stay float32, so signs of mu
# survive exactly
_HALF = ("in_proj.weight", "out_proj.weight", "embedding.weight")


def write_weights(model: S6Stack, path: Path, about: dict[str, Any]) -> Path:
    """Bake the constraints and write the weights.

    Args:
        model: trained; its constraints are baked in place.
        path: the file to write.
        about: stored as the file's metadata, values as text.
    """
    bake(model)
    tensors = {}
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" or name.endswith("_extra_state"):  # tied to the embedding; no weight
            continue
        kind = np.float16 if name.endswith(_HALF) else np.float32
        tensors[name] = np.ascontiguousarray(value.detach().to("cpu", torch.float32).numpy().astype(kind))
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"format": "pt", **{key: str(value) for key, value in about.items()}})
    return path
