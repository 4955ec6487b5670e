"""The fraction of mu < 0 beside its permutation control.

A raw fraction near 1/2 says nothing: a channel's mu is the inner product of a column of S_C with a column of S_B, and
unrelated columns give either sign about equally often. A fraction far from 1/2 says little more, for if the columns
share a direction the sign leans one way whichever columns are paired; and since channels share it too, the binomial
error of so many coin tosses is far too small. Shuffling the columns of S_C against those of S_B keeps both sets and
destroys only the pairing: what the real pairing adds is the distance to the shuffled fractions, in their spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

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


#: Multiplications of one product that BLAS leaves to the thread that asks for it: starting the others costs more.
ALONE = 1 << 18
#: Channels that are counted together: as many as a byte can count.
_MOST = 255
#: Shuffles that are summed together: with few states all of 200, with many as many as leave room for a few channels.
_TOGETHER, _BESIDE = 256, 16

Order = Int64[np.ndarray, " channel"]


@lru_cache(maxsize=4)
def orders(channels: int, shuffles: int, seed: int) -> tuple[tuple[Order, Order], ...]:
    """Pairs of random orders of the channels, each behind as many shuffles as there are channels, the last behind what is left.

    Shared by all layers of a size, so that one layer's control does not depend on which others are audited.
    """
    rng = np.random.default_rng([seed, channels])
    return tuple((rng.permutation(channels), rng.permutation(channels)) for _ in range(0, shuffles, channels))


def permutation_control(layer: S6Layer, shuffles: int = 200, seed: int = 0) -> Control:
    """Compare the fraction of mu < 0 with that of shuffled channels.

    Shuffle k of two orders pairs each place of one with the k-th place behind it in the other, around the end. It is a
    permutation drawn evenly from all; two shuffles of the same orders have no pair in common, and what neighbouring shuffles
    sum for neighbouring places is one product of matrices.

    Args:
        layer: the weights.
        shuffles: number of permutations, at least 2.
        seed: of the permutations.
    Numerics: the shuffles are summed in float32; sums within its rounding of zero are summed again in float64.
    """
    channels = layer.channels
    fraction = float(np.count_nonzero(layer.mu_n.sum(axis=1) < 0) / channels)
    scale = max(np.abs(layer.S_B).max(), 1e-300), max(np.abs(layer.S_C).max(), 1e-300)
    S_B, S_C = (np.ascontiguousarray((m / k).T, np.float32) for m, k in zip((layer.S_B, layer.S_C), scale, strict=True))
    rounding = _rounding(S_B)
    counts, sample = np.zeros(shuffles, np.int64), np.empty(channels, np.float32)
    for number, (order, other) in enumerate(orders(channels, shuffles, seed)):
        own = counts[number * channels :][:channels]
        around = np.resize(other, channels + len(own) - 1)
        left, right, near = S_B[order], S_C[around], rounding[order]
        for rows, shifts in blocks(channels, len(own), layer.states):
            partners = slice(rows.start + shifts.start, rows.stop + shifts.stop - 1)
            mu = _pairs(left[rows], right[partners])
            negative = mu < -near[rows]
            if np.count_nonzero(mu < near[rows]) > np.count_nonzero(negative):
                row, shift = np.nonzero((mu < near[rows]) & ~negative)
                pairs = order[rows][row], around[partners][row + shift]
                negative[row, shift] = np.einsum("np,np->p", layer.S_B[:, pairs[0]], layer.S_C[:, pairs[1]]) < 0
            own[shifts] += negative.view(np.uint8).sum(axis=0, dtype=np.uint8)
            if not number and not shifts.start:
                sample[order[rows]] = mu[:, 0]
    fractions = counts / channels
    mean, sd = float(fractions.mean()), float(fractions.std(ddof=1))
    # Counts are integers, so a tie is exact up to the rounding of the mean.
    as_far = np.count_nonzero(np.abs(fractions - mean) >= abs(fraction - mean) - 1e-9)
    z = (fraction - mean) / sd if sd > 0 else float("nan")
    p = (1 + int(as_far)) / (1 + shuffles)
    return Control(fraction, mean, sd, z, p, shuffles, fractions, sample * (scale[0] * scale[1]))


def blocks(channels: int, shuffles: int, states: int) -> Iterator[tuple[slice, slice]]:
    """Places of the channels and shuffles whose sums are one product of at most `ALONE` multiplications, or of one of each."""
    area = max(1, ALONE // states)  # of the product: height (height + width - 1)
    width = min(shuffles, _TOGETHER, max(1, area // _BESIDE))
    height = max(1, min(_MOST, (isqrt((width - 1) ** 2 + 4 * area) - (width - 1)) // 2))
    for shift in range(0, shuffles, width):
        for start in range(0, channels, height):
            yield slice(start, min(start + height, channels)), slice(shift, min(shift + width, shuffles))


def _pairs(
    left: Float32[np.ndarray, "row state"], right: Float32[np.ndarray, "partner state"]
) -> Float32[np.ndarray, "row shift"]:
    """The sum over the states of row r of the left and row r + k of the right, at [r, k]."""
    rows, partners = len(left), len(right)
    room = np.empty(rows * (partners + 1), np.float32)
    np.matmul(left, right.T, out=room[: rows * partners].reshape(rows, partners))
    # read with one column more, every row of the product begins one place further on
    return room.reshape(rows, partners + 1)[:, : partners + 1 - rows]


def _rounding(S_B: Float32[np.ndarray, "channel state"]) -> Float32[np.ndarray, "channel one"]:
    """How far from zero a float32 sum of a row's products with numbers up to 1 may be off: 0 for a row of zeros, whose sums are."""
    info, states = np.finfo(np.float32), S_B.shape[1]
    size = np.abs(S_B).sum(axis=1, keepdims=True)
    # both factors, each product and each sum are rounded once, and a product may lose itself below the smallest number
    return np.where(size > 0, size * ((states + 4) * info.eps / 2) + states * info.tiny, 0).astype(np.float32)
