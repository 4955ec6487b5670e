"""Whether K is negative on tokens of a given range, a few tokens apart: "somewhere in reach" made concrete (theory 22).

What enters the scan of a real layer is SiLU of a convolution: never below the least value of SiLU, and in trained models
mostly below ten. Between a token that blows up and one k places later lie k steps of such tokens, so that K is asked at
sums of up to k steps. Nodes show where it is negative, the chord bound of `sums.Pieces` closes what lies between: first in
float32, whose exponentials cost less than half, with a margin for its rounding, and where that leaves it open in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float64, Int8, Int64

from s6flow.numeric.criteria.carried import NEGATIVE, NONNEGATIVE, UNDECIDED
from s6flow.numeric.criteria.sums import Nodes, Pieces, Single, Sums
from s6flow.numeric.thresholds import CLEAR

__all__ = ["DISTANCES", "negative_within", "reachable", "reached"]

#: Tokens from the one that blows up to the one that is asked.
DISTANCES = (1, 8, 128)
#: Most intervals close at once, so the first ones are few; the last are half a million to a distance.
_NODES = 3
_SPLIT = 4
_DEPTH = 9
_EPS = float(np.finfo(np.float64).eps)
#: A step below it, as a far token's may underflow to, counts as it: grids are geometric.
_LEAST = 1e-300
#: How often intervals are cut in float32.
_SINGLE_DEPTH = 2

Rows = Float64[np.ndarray, "channel state"]
Column = Float64[np.ndarray, " channel"]
#: K at steps of some rows, several of each.
Evaluate = Callable[[Int64[np.ndarray, " row"], Float64[np.ndarray, "row node"]], Nodes]


def reached(total: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The nearest sum from `total` on that whole numbers of steps between `low` and `high` can have."""
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.maximum(np.ceil(total / high * (1 - 4 * _EPS)), 1.0)
    return np.maximum(total, count * low)


def reachable(left: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The right ends, drawn back to the largest sum of as many steps as at the left where nothing lies between."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        count = np.floor(left / low * (1 + 4 * _EPS))
        alone = (count + 1) * low >= right * (1 - 4 * _EPS)
        return np.where(alone, np.minimum(right, np.maximum(left, count * high)), right)


def negative_within(
    mu_n: Rows, a: Rows, low: Column, high: Column, sums: Sums | None = None
) -> Int8[np.ndarray, "distance channel"]:
    """Whether K < 0 at a sum of at most 1, 8, 128 steps, for channels with mu > 0.

    Args:
        mu_n: shares of mu, any signs.
        a: decay rates > 0.
        low, high: least and largest step of the tokens, floor included.
        sums: of mu_n and a, where they are known.
    Returns: 1, 0, or -1 if rounding or the number of intervals leaves it open; a row a distance.
    """
    low = np.maximum(low, _LEAST)
    high = np.maximum(low, high)
    sums = sums or Sums.of(mu_n, a)
    many = len(DISTANCES)
    ends = np.stack([low, *(distance * high for distance in DISTANCES)], axis=1)
    # a row a channel and distance
    start, end = ends[:, :-1].ravel(), ends[:, 1:].ravel()
    low, high = np.repeat(low, many), np.repeat(high, many)
    rough, margin = Single.of(sums), CLEAR * a.shape[1] * _EPS
    told = signs_on(partial(rough.nodes, many), start, end, low, high, rough.margin, _SINGLE_DEPTH).reshape(-1, many)
    met = np.logical_or.accumulate(told == NEGATIVE, axis=1)
    open_ = np.flatnonzero((told == UNDECIDED) & ~met)
    fine = partial(Nodes.of, sums.take(open_ // many))
    told.ravel()[open_] = signs_on(fine, start[open_], end[open_], low[open_], high[open_], margin, _DEPTH)
    met = np.logical_or.accumulate(told == NEGATIVE, axis=1)
    unsure = np.logical_or.accumulate(told == UNDECIDED, axis=1)
    return np.where(met, NEGATIVE, np.where(unsure, UNDECIDED, NONNEGATIVE)).astype(np.int8).T


def signs_on(
    evaluate: Evaluate, start: Column, end: Column, low: Column, high: Column, margin: float, deepest: int
) -> np.ndarray:
    """The sign of K on the sums from `start` to `end`: nodes, then intervals cut until they are closed.

    An interval that is drawn back to its left end is that one sum, which only its own rounding can leave open.
    """
    count = len(start)
    worst = np.full(count, NONNEGATIVE, dtype=np.int8)
    if not count:
        return worst
    first = np.maximum(start, np.finfo(np.float64).tiny)  # a step of 0 has no ratio, and a tiny one none in float64
    grid = np.empty((count, _NODES))
    grid[:, 0], grid[:, -1] = start, end
    with np.errstate(over="ignore"):
        grid[:, 1:-1] = first[:, None] * (end / first)[:, None] ** np.linspace(0.0, 1.0, _NODES)[1:-1]
    nodes = np.minimum(reached(grid, low[:, None], high[:, None]), end[:, None])
    negative, unclear = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    found = evaluate(np.arange(count), nodes)
    _note(negative, found, margin)
    pieces = found.between()
    part = np.arange(_SPLIT + 1) / _SPLIT
    for depth in range(deepest + 1):
        pieces = _drawn_back(evaluate, pieces, low, high)
        pieces = pieces.take(np.flatnonzero(~(pieces.closed(margin) | negative[pieces.low.rows])))
        alone = pieces.high.steps <= pieces.low.steps
        unclear[pieces.low.rows[alone]] = True
        pieces = pieces.take(np.flatnonzero(~alone))
        rows, left, right = pieces.low.rows, pieces.low.steps, pieces.high.steps
        if not len(rows) or depth == deepest:
            break
        cuts = reached(left[:, None] + (right - left)[:, None] * part, low[rows, None], high[rows, None])
        found = evaluate(rows, np.minimum(cuts, right[:, None])[:, 1:-1])
        _note(negative, found, margin)
        pieces = pieces.cut(found)
    worst[rows] = UNDECIDED
    worst[unclear] = UNDECIDED
    worst[negative] = NEGATIVE
    return worst


def _drawn_back(evaluate: Evaluate, pieces: Pieces, low: Column, high: Column) -> Pieces:
    """The intervals with the right ends of `reachable`, and K at those that moved."""
    rows, right = pieces.low.rows, pieces.high.steps
    ends = reachable(pieces.low.steps, right, low[rows], high[rows])
    moved = np.flatnonzero(ends != right)
    if not len(moved):
        return pieces
    values = pieces.high.sums.copy()
    values[:, moved] = evaluate(rows[moved], ends[moved, None]).sums[..., 0]
    return Pieces(pieces.low, Nodes(rows, ends, values))


def _note(negative: np.ndarray, nodes: Nodes, margin: float) -> None:
    """Mark the channels whose sum is negative beyond rounding at one of the steps."""
    negative[nodes.rows[nodes.negative(margin)]] = True
