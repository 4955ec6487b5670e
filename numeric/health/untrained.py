"""What an untrained layer of the same shape would show: drawn as mamba initialises it, measured by the same code."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from s6flow.numeric.health.block import Block, Path
from s6flow.numeric.health.numbers import measure
from s6flow.numeric.weights.stored import StoredTensor

__all__ = ["MOST_CHANNELS", "untrained_numbers"]

#: A wider layer is drawn with so many channels: quantiles and shares do not notice, bounds are then of the narrower one.
MOST_CHANNELS = 1024


def untrained_numbers(block: Block, context: int) -> dict[str, float | None]:
    """The numbers of health of a freshly initialised layer with the block's states, rank, width and limits of the step."""
    rank = 1 if block.dt_in is None else block.dt_in.shape[0]
    own = block.S_B is not None
    states = block.states if own or block.writes is None else len(block.writes)
    width = block.width or max(block.channels // 2, 1)
    limits = (block.low, block.high)
    return dict(
        _numbers(min(block.channels, MOST_CHANNELS), states, rank, width, own, block.decay_spread, limits, context)
    )


@lru_cache(maxsize=64)
def _numbers(
    channels: int,
    states: int,
    rank: int,
    width: int,
    own: bool,
    spread: bool,
    limits: tuple[float, float],
    context: int,
) -> tuple[tuple[str, float | None], ...]:
    drawn = replace(_draw(channels, states, rank, width, own, spread), low=limits[0], high=limits[1])
    return tuple(measure(drawn, context).items())


def _draw(channels: int, states: int, rank: int, width: int, own: bool, spread: bool) -> Block:
    rng = np.random.default_rng((channels, states, rank, width))

    def linear(rows: int, columns: int) -> np.ndarray:
        return rng.uniform(-1, 1, (rows, columns)) / math.sqrt(columns)  # PyTorch's own initialisation

    steps = np.exp(rng.uniform(math.log(1e-3), math.log(0.1), channels)).clip(1e-4)
    rates = np.arange(1.0, states + 1) if spread else rng.uniform(1, 16, (channels, 1))
    norm = np.linalg.norm(linear(2 * channels, width), axis=1)
    taps = np.abs(linear(channels, 4)).sum(axis=1)
    zero, one = np.zeros(channels), np.ones(channels)
    x_proj = linear(rank + 2 * states, channels)
    out = linear(width, channels).astype("<f4").view("<u4")
    root = math.sqrt(width) * np.linalg.norm(linear(2 * states, width), axis=1)
    letters = {
        "S_B": x_proj[rank : rank + states],
        "S_C": x_proj[rank + states :],
        "beta_B": np.zeros(states),
        "beta_C": np.zeros(states),
        "dt_in": x_proj[:rank],
        "dt_out": rng.uniform(-1, 1, (channels, rank)) / math.sqrt(rank),
    }
    given = {"writes": root[:states], "reads": root[states:], "reach": math.sqrt(width) * norm[:channels]}
    return Block(
        name="untrained",
        kind="S6" if own else "Mamba-2",
        a=np.broadcast_to(rates, (channels, states if spread else 1)).copy(),
        step_bias=steps + np.log(-np.expm1(-steps)),
        skip=one,
        **(letters if own else given),
        inputs=Path(norm[:channels], zero, taps, np.abs(linear(channels, 4)[:, 0])),
        gate=Path(norm[channels:], zero, one, zero),
        width=width,
        out=StoredTensor(out, "F32"),
        decay_spread=spread,
        parameters=1,
    )
