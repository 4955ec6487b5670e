"""Whether K is negative on tokens of a given range, a few tokens apart: "somewhere in reach" made concrete (theory 22).

What enters the scan of a real layer is SiLU of a convolution: never below the least value of SiLU, and in trained models
mostly below ten. Between a token that blows up and one k places later lie k steps of such tokens, so that K is asked at
sums of up to k steps. Nodes show where it is negative, the chord bound of `carried.closed` closes what lies between.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int8

from s6flow.numeric.criteria.carried import NEGATIVE, NONNEGATIVE, UNDECIDED, Sums, closed, exponential_sum
from s6flow.numeric.thresholds import CLEAR

__all__ = ["DISTANCES", "negative_within", "reached"]

#: Tokens from the one that blows up to the one that is asked.
DISTANCES = (1, 8, 128)
_NODES = 12
_SPLIT = 8
_DEPTH = 5
_EPS = float(np.finfo(np.float64).eps)
#: A step below it, as a far token's may underflow to, counts as it: grids are geometric.
_LEAST = 1e-300

Rows = Float64[np.ndarray, "channel state"]
Column = Float64[np.ndarray, " channel"]


def reached(total: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The nearest sum from `total` on that whole numbers of steps between `low` and `high` can have."""
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.maximum(np.ceil(total / high * (1 - 4 * _EPS)), 1.0)
    return np.maximum(total, count * low)


def _reachable(left: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The right ends, drawn back to the largest sum of as many steps as at the left where nothing lies between."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        count = np.floor(left / low * (1 + 4 * _EPS))
        alone = (count + 1) * low >= right * (1 - 4 * _EPS)
        return np.where(alone, np.minimum(right, np.maximum(left, count * high)), right)


def negative_within(mu_n: Rows, a: Rows, low: Column, high: Column) -> Int8[np.ndarray, "distance channel"]:
    """Whether K < 0 at a sum of at most 1, 8, 128 steps, for channels with mu > 0.

    Args:
        mu_n: shares of mu, any signs.
        a: decay rates > 0.
        low, high: least and largest step of the tokens, floor included.
    Returns: 1, 0, or -1 if rounding or the number of intervals leaves it open; a row a distance.
    """
    low = np.maximum(low, _LEAST)
    high = np.maximum(low, high)
    sums = Sums.of(mu_n, a)
    margin = CLEAR * a.shape[1] * _EPS
    found = np.zeros((len(DISTANCES), len(a)), dtype=np.int8)
    state = np.full(len(a), NONNEGATIVE, dtype=np.int8)
    start = low
    for index, distance in enumerate(DISTANCES):
        end = distance * high
        rows = np.flatnonzero(state != NEGATIVE)
        state[rows] = np.where(
            (worst := _segment(sums.take(rows), start[rows], end[rows], low[rows], high[rows], margin)) == NONNEGATIVE,
            state[rows],
            worst,
        )
        found[index] = state
        start = end
    return found


def _segment(sums: Sums, start: Column, end: Column, low: Column, high: Column, margin: float) -> np.ndarray:
    """The sign of K on the sums from `start` to `end`: nodes, then intervals cut until they are closed."""
    count = len(start)
    worst = np.full(count, NONNEGATIVE, dtype=np.int8)
    if not count:
        return worst
    first = np.maximum(start, np.finfo(np.float64).tiny)  # a step of 0 has no ratio, and a tiny one none in float64
    with np.errstate(over="ignore"):
        grid = first[:, None] * (end / first)[:, None] ** np.linspace(0.0, 1.0, _NODES)
    grid[:, 0] = start
    nodes = np.minimum(reached(grid, low[:, None], high[:, None]), end[:, None])
    negative = np.zeros(count, dtype=bool)
    rows = np.repeat(np.arange(count), _NODES)
    _note(negative, sums, rows, nodes.ravel(), margin)
    rows = np.repeat(np.arange(count), _NODES - 1)
    left, right = nodes[:, :-1].ravel(), nodes[:, 1:].ravel()
    part = np.arange(_SPLIT + 1) / _SPLIT
    for depth in range(_DEPTH + 1):
        right = _reachable(left, right, low[rows], high[rows])
        open_ = np.flatnonzero((right > left) & ~negative[rows])
        open_ = open_[~closed(sums, rows[open_], left[open_], right[open_], margin)]
        rows, left, right = rows[open_], left[open_], right[open_]
        if not len(rows) or depth == _DEPTH:
            break
        cuts = reached(left[:, None] + (right - left)[:, None] * part, low[rows, None], high[rows, None])
        cuts = np.minimum(cuts, right[:, None])
        _note(negative, sums, np.repeat(rows, _SPLIT - 1), cuts[:, 1:-1].ravel(), margin)
        rows, left, right = np.repeat(rows, _SPLIT), cuts[:, :-1].ravel(), cuts[:, 1:].ravel()
    worst[rows] = UNDECIDED
    worst[negative] = NEGATIVE
    return worst


def _note(negative: np.ndarray, sums: Sums, rows: np.ndarray, steps: np.ndarray, margin: float) -> None:
    """Mark the channels whose sum is negative beyond rounding at one of the steps."""
    weights = sums.weights[rows]
    value, size = exponential_sum()(steps, np.stack([weights, np.abs(weights)]), sums.rates[rows])
    negative[rows[value < -margin * size]] = True
