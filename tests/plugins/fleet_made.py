"""Small made checkpoints, and a pool that works in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from s6flow.numeric.fleet.pool import Task


def made(path: Path, seed: int = 0, layers: int = 1, width: int = 4, state: int = 4, rates: float = 1.0) -> Path:
    """A checkpoint in Hugging Face's spelling with seeded random weights."""
    g, d, tensors = np.random.default_rng(seed), 2 * width, {}
    for layer in range(layers):
        shapes = {"x_proj.weight": (1 + 2 * state, d), "dt_proj.weight": (d, 1), "in_proj.weight": (2 * d, width)}
        shapes |= {"out_proj.weight": (width, d), "conv1d.weight": (d, 1, 4), "conv1d.bias": (d,), "D": (d,)}
        own = {name: g.normal(0, 0.2, shape) for name, shape in shapes.items()}
        own["A_log"] = np.log(np.tile(np.arange(1, state + 1) * rates, (d, 1)))
        own["dt_proj.bias"] = g.uniform(-6, -2, d)
        tensors |= {f"backbone.layers.{layer}.mixer.{name}": value.astype("f4") for name, value in own.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(path))
    return path


class Here:
    """A pool without processes; `most` results and it is as if the run were killed."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.called = most, 0

    def results(
        self, function: Callable[..., Any], tasks: Iterable[Task], gpu: bool = False
    ) -> Iterator[tuple[Task, Any]]:
        for task in tasks:
            if self.most is not None and self.called >= self.most:
                raise KeyboardInterrupt
            self.called += 1
            yield task, function(*task.arguments)
