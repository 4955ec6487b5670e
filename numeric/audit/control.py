"""The fraction of mu < 0 beside its permutation control.

A raw fraction near 1/2 says nothing: a channel's mu is the inner product of a column of S_C with a column of S_B, and
unrelated columns give either sign about equally often. A fraction far from 1/2 says little more, for if the columns
share a direction the sign leans one way whichever columns are paired; and since channels share it too, the binomial
error of so many coin tosses is far too small. Shuffling the columns of S_C against those of S_B keeps both sets and
destroys only the pairing: what the real pairing adds is the distance to the shuffled fractions, in their spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64

from s6flow.numeric.weights import S6Layer

__all__ = ["Control", "permutation_control"]


@dataclass(frozen=True)
class Control:
    """Observed fraction of mu < 0 and what shuffled channels give.

    Args:
        fraction: share of channels with mu < 0.
        mean, sd: of the same share over the shuffles.
        z: (fraction - mean) / sd, NaN if the shuffles do not vary.
        p: share of shuffles at least as far from the mean on either side, the observed one counted among them.
        shuffles: how many.
        fractions: the shuffled shares.
        sample: mu of every channel in the first shuffle, for pictures.
    """

    fraction: float
    mean: float
    sd: float
    z: float
    p: float
    shuffles: int
    fractions: Float64[np.ndarray, " shuffle"]
    sample: Float64[np.ndarray, " channel"]


#: Products of fewer rows than this run on one thread: starting the others costs more than it saves.
_BLOCK = 256
#: Shuffles that are summed together: longer steps, so that threads hand over the interpreter less often.
_TOGETHER = 4


@lru_cache(maxsize=4)
def _permutations(channels: int, shuffles: int, seed: int) -> Int64[np.ndarray, "shuffle channel"]:
    """Shared by all layers of a size, so that one layer's control does not depend on which others are audited."""
    rng = np.random.default_rng([seed, channels])
    return rng.permuted(np.tile(np.arange(channels), (shuffles, 1)), axis=1)


def permutation_control(layer: S6Layer, shuffles: int = 200, seed: int = 0) -> Control:
    """Compare the fraction of mu < 0 with that of shuffled channels.

    Args:
        layer: the weights.
        shuffles: number of permutations, at least 2.
        seed: of the permutations.
    Numerics: the shuffles are summed in float32, whose rounding can flip only mu that is zero to seven digits.
    """
    fraction = float(np.count_nonzero(layer.mu_n.sum(axis=1) < 0) / layer.channels)
    scale = max(np.abs(layer.S_B).max(), 1e-300), max(np.abs(layer.S_C).max(), 1e-300)
    S_B, S_C = (np.ascontiguousarray((m / k).T, np.float32) for m, k in zip((layer.S_B, layer.S_C), scale, strict=True))
    orders = _permutations(layer.channels, shuffles, seed)
    # Zero rows fill the last block; they have mu = 0 and are not counted.
    width = -(-layer.channels // _BLOCK) * _BLOCK
    room, ones = np.zeros((_TOGETHER, width, layer.states), np.float32), np.ones(layer.states, np.float32)
    counts, sample = [], np.empty(0)
    for start in range(0, shuffles, _TOGETHER):
        some = orders[start : start + _TOGETHER]
        paired = room[: len(some), : layer.channels]
        for order, pairs in zip(some, paired, strict=True):
            np.take(S_C, order, axis=0, out=pairs, mode="clip")
        np.multiply(paired, S_B, out=paired)
        mu = (room[: len(some)].reshape(-1, _BLOCK, layer.states) @ ones).reshape(len(some), width)
        counts.append(np.count_nonzero(mu < 0, axis=1))
        if not start:
            sample = mu[0, : layer.channels].astype(np.float64) * (scale[0] * scale[1])
    fractions = np.concatenate(counts) / layer.channels
    mean, sd = float(fractions.mean()), float(fractions.std(ddof=1))
    # Counts are integers, so a tie is exact up to the rounding of the mean.
    as_far = np.count_nonzero(np.abs(fractions - mean) >= abs(fraction - mean) - 1e-9)
    z = (fraction - mean) / sd if sd > 0 else float("nan")
    return Control(fraction, mean, sd, z, (1 + int(as_far)) / (1 + shuffles), shuffles, fractions, sample)
