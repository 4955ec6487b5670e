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
from jaxtyping import Float32, Float64, Int64

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


#: Pairs of channels that are gathered together: with the columns that they are taken from they stay in a core's cache.
_TOGETHER = 1 << 15
#: Multiplications of one product that BLAS leaves to the thread that asks for it: starting the others costs more.
_ALONE = 1 << 13
#: Channels that are counted together: as many as a byte can count.
_MOST = 255


def _permutations(channels: int, shuffles: int, seed: int) -> Int64[np.ndarray, "shuffle channel"]:
    """Every shuffle of the channels, by itself."""
    rng = np.random.default_rng([seed, channels])
    return rng.permuted(np.tile(np.arange(channels), (shuffles, 1)), axis=1)


@lru_cache(maxsize=4)
def partners(channels: int, shuffles: int, seed: int) -> Int64[np.ndarray, "channel shuffle"]:
    """Whom each channel is paired with.

    Shared by all layers of a size, so that one layer's control does not depend on which others are audited.
    """
    return np.ascontiguousarray(_permutations(channels, shuffles, seed).T)


def permutation_control(layer: S6Layer, shuffles: int = 200, seed: int = 0) -> Control:
    """Compare the fraction of mu < 0 with that of shuffled channels.

    Args:
        layer: the weights.
        shuffles: number of permutations, at least 2.
        seed: of the permutations.
    Numerics: the shuffles are summed in float32; sums within its rounding of zero are summed again in float64.
    """
    fraction = float(np.count_nonzero(layer.mu_n.sum(axis=1) < 0) / layer.channels)
    scale = max(np.abs(layer.S_B).max(), 1e-300), max(np.abs(layer.S_C).max(), 1e-300)
    S_B, S_C = (np.ascontiguousarray((m / k).T, np.float32) for m, k in zip((layer.S_B, layer.S_C), scale, strict=True))
    doubtful = _rounding(S_B)
    others = partners(layer.channels, shuffles, seed)
    counts, sample = np.zeros(shuffles, np.int64), np.empty(layer.channels, np.float32)
    width = min(shuffles, max(1, _ALONE // layer.states))
    height = min(_MOST, max(1, _TOGETHER // width))
    room = np.empty((height * width, layer.states), np.float32)
    for left in range(0, shuffles, width):
        for start in range(0, layer.channels, height):
            # With the partners of a channel side by side, its mu beside all of them are one product.
            rows = slice(start, start + height)
            some = others[rows, left : left + width]
            columns = np.take(S_C, some.reshape(-1), axis=0, out=room[: some.size], mode="clip")
            mu = (columns.reshape(*some.shape, -1) @ S_B[rows, :, None])[..., 0]
            negative = mu < -doubtful[rows]
            if np.count_nonzero(mu < doubtful[rows]) > np.count_nonzero(negative):
                row, column = np.nonzero((mu < doubtful[rows]) & ~negative)
                sums = np.einsum("np,np->p", layer.S_B[:, rows][:, row], layer.S_C[:, some[row, column]])
                negative[row, column] = sums < 0
            counts[left : left + width] += negative.view(np.uint8).sum(axis=0, dtype=np.uint8)
            if not left:
                sample[rows] = mu[:, 0]
    fractions = counts / layer.channels
    mean, sd = float(fractions.mean()), float(fractions.std(ddof=1))
    # Counts are integers, so a tie is exact up to the rounding of the mean.
    as_far = np.count_nonzero(np.abs(fractions - mean) >= abs(fraction - mean) - 1e-9)
    z = (fraction - mean) / sd if sd > 0 else float("nan")
    p = (1 + int(as_far)) / (1 + shuffles)
    return Control(fraction, mean, sd, z, p, shuffles, fractions, sample * (scale[0] * scale[1]))


def _rounding(S_B: Float32[np.ndarray, "channel state"]) -> Float32[np.ndarray, "channel one"]:
    """How far from zero a float32 sum of a row's products with numbers up to 1 may be off: 0 for a row of zeros, whose sums are."""
    info, states = np.finfo(np.float32), S_B.shape[1]
    size = np.abs(S_B).sum(axis=1, keepdims=True)
    # both factors, each product and each sum are rounded once, and a product may lose itself below the smallest number
    return np.where(size > 0, size * ((states + 4) * info.eps / 2) + states * info.tiny, 0).astype(np.float32)
