"""A layer in tensors, and changes that make it ill."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

CHANNELS, STATES, RANK, WIDTH, TAPS = 24, 8, 2, 12, 4
Tensors = dict[str, np.ndarray]
PREFIX = "backbone.layers.0.mixer."


def tensors(seed: int = 0, prefix: str = PREFIX) -> Tensors:
    """A healthy layer: initialised as mamba does it, then moved a little."""
    rng = np.random.default_rng(seed)

    def linear(rows: int, columns: int) -> np.ndarray:
        return rng.uniform(-1, 1, (rows, columns)) / math.sqrt(columns)

    steps = np.exp(rng.uniform(math.log(1e-3), math.log(0.1), CHANNELS))
    start = np.log(np.arange(1, STATES + 1)) + 0.05 * rng.normal(size=(CHANNELS, STATES))
    found = {
        "A_log": start,
        "D": 1 + 0.1 * rng.normal(size=CHANNELS),
        "x_proj.weight": linear(RANK + 2 * STATES, CHANNELS),
        "dt_proj.weight": linear(CHANNELS, RANK),
        "dt_proj.bias": steps + np.log(-np.expm1(-steps)),
        "in_proj.weight": linear(2 * CHANNELS, WIDTH),
        "conv1d.weight": linear(CHANNELS, TAPS)[:, None],
        "conv1d.bias": 0.1 * rng.normal(size=CHANNELS),
        "out_proj.weight": linear(WIDTH, CHANNELS),
    }
    norm = {prefix.replace("mixer.", "norm.weight"): 1 + 0.1 * rng.normal(size=WIDTH)}
    return {key: value.astype(np.float32) for key, value in ({prefix + k: v for k, v in found.items()} | norm).items()}


def write(folder: Path, content: Tensors) -> str:
    save_file(content, folder / "model.safetensors")
    return str(folder / "model.safetensors")


def put(name: str, value: Any) -> Callable[[Tensors], None]:
    """Replace a tensor's entries, or apply a function to them."""

    def change(content: Tensors) -> None:
        array = content[PREFIX + name]
        array[...] = value(array) if callable(value) else value

    return change


def start(content: Tensors) -> None:
    put("A_log", np.log(np.arange(1, STATES + 1, dtype=np.float32)))(content)
    put("D", 1.0)(content)
