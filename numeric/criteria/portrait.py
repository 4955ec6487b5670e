"""The phase portrait of K: what token 2 does while token 1 blows up, from where it starts (theory 8, E3).

With mu > 0 and s x_1(0) >= 0 token 1 blows up at T_1, and while it grows token 2 moves by
d ln|x_2| / d ln|x_1| = K(x_2) + h(x_2)/h(x_1), with h(x) = mu x^2 Delta(x). As h(x_1) grows, the right side lies between
K(x_2) and G(x_2) = K(x_2) + h(x_2)/h(x_1(0)), `criteria.follower_bound`. So |x_2| cannot rise through a q with G(q) < 0,
nor fall through a p with K(p) > 0, and what stays below such a q up to T_1 does not blow up first: T = T_1. Then

- G < 0 between 0 and x_2(0): |x_2| falls at least like a power of |x_1|, to 0;
- p and q on either side of x_2(0) and K monotone between them: K has one root there, at which it falls in |x|, and x_2
  tends to it, as h(x_2)/h(x_1) -> 0.

Anything else is left undecided: more tokens, which may blow up before T_1; a start beyond the last barrier; several
roots at once. Signs are seen beyond rounding, and on intervals by the bound of `carried.closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64

from s6flow.numeric.criteria.carried import Rows, Sums, closed
from s6flow.numeric.criteria.numbers import evaluate
from s6flow.numeric.criteria.tokens import token_of_step
from s6flow.numeric.thresholds import CLEAR

__all__ = ["Followers", "followers"]

#: Barriers are looked for at |x_2(0)| times powers of STRIDE, at most STRIDES of them on either side.
STRIDE, STRIDES = 2.0**0.25, 64
#: An interval of steps is judged in so many pieces.
PIECES = 24
_BISECTIONS = 60

System = Float64[np.ndarray, " system"]


@dataclass(frozen=True, eq=False)
class Followers:
    """What the portrait says of token 2, one entry a system.

    Args:
        vanishes: it tends to 0.
        held: it tends to a root of K.
        root: that root, NaN where there is none.
    """

    vanishes: Bool[np.ndarray, " system"]
    held: Bool[np.ndarray, " system"]
    root: System


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Systems of two tokens, s x_1(0) >= 0, with K as a sum over steps."""

    mu_n: Rows
    a: Rows
    s: System
    b: System
    floor: float
    first: System
    second: System

    def step(self, y: np.ndarray) -> np.ndarray:
        return np.asarray(evaluate("step", y=y, s=self.s, b=self.b, floor=np.full(len(self.s), self.floor)))

    def pushed(self, y: np.ndarray) -> np.ndarray:
        """h(y) / h(x_1(0))."""
        letters = {"mu": self.mu_n, "s": self.s, "b": self.b, "floor": np.full(len(self.s), self.floor)}
        return np.asarray(evaluate("own_rate", y=y, **letters) / evaluate("own_rate", y=self.first, **letters))

    def carried(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """mu K at tokens, and the rounding that its sign has to exceed."""
        summands = self.mu_n * np.exp(-self.a * self.step(y)[:, None])
        size = CLEAR * self.a.shape[1] * np.finfo(np.float64).eps * np.abs(summands).sum(axis=1)
        return summands.sum(axis=1), size


def followers(mu_n: Rows, a: Rows, s: System, b: System, floor: float, first: System, second: System) -> Followers:
    """What token 2 tends to while token 1 blows up, by the text of the module.

    Args:
        mu_n, a: shares of mu and decay rates, shape (system, state).
        s, b, floor: the step.
        first, second: x_1(0) and x_2(0).
    Returns: all False where mu <= 0, s x_1(0) < 0 or a token is 0.
    """
    count = len(first)
    rows = np.flatnonzero((mu_n.sum(axis=1) > 0) & (s * first >= 0) & (first != 0) & (second != 0))
    vanishes, held, root = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool), np.full(count, np.nan)
    if len(rows):
        pairs = _Pairs(mu_n[rows], a[rows], s[rows], b[rows], floor, first[rows], second[rows])
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            vanishes[rows] = _vanishes(pairs)
            held[rows], root[rows] = _held(pairs)
    return Followers(vanishes, held & ~vanishes, np.where(vanishes, np.nan, root))


def _pieces_closed(weights: Rows, rates: Rows, low: System, high: System) -> Bool[np.ndarray, " system"]:
    """Whether sum_n weights_n exp(-rates_n step) > 0 for every step in [low, high]."""
    sums, margin = Sums.of(weights, rates), CLEAR * rates.shape[1] * float(np.finfo(np.float64).eps)
    rows, every = np.arange(len(low)), np.ones(len(low), dtype=bool)
    cuts = np.linspace(low, high, PIECES + 1)
    for left, right in pairwise(cuts):
        every &= closed(sums, rows, left, right, margin)
    return every


def _vanishes(pairs: _Pairs) -> Bool[np.ndarray, " system"]:
    """Whether K + c < 0 on the steps between Delta(0) and Delta(x_2(0)), c the largest h(y)/h(x_1(0)) between."""
    mu = pairs.mu_n.sum(axis=1)
    ends = np.stack([pairs.step(np.zeros_like(pairs.second)), pairs.step(pairs.second)])
    # h(y) = mu y^2 Delta(y) with y^2 <= x_2(0)^2 and Delta(y) between its ends
    c = pairs.pushed(pairs.second) * ends.max(axis=0) / ends[1]
    weights = np.concatenate([-pairs.mu_n, -(mu * c)[:, None]], axis=1)
    rates = np.concatenate([pairs.a, np.zeros((len(mu), 1))], axis=1)
    ok = np.isfinite(weights).all(axis=1)
    return ok & _pieces_closed(np.where(ok[:, None], weights, 0.0), rates, ends.min(axis=0), ends.max(axis=0))


def _held(pairs: _Pairs) -> tuple[Bool[np.ndarray, " system"], System]:
    """Whether p and q with one root between them stand on either side of x_2(0); that root."""
    mu = pairs.mu_n.sum(axis=1)
    inner, outer = np.full(len(mu), np.nan), np.full(len(mu), np.nan)
    for power in range(STRIDES + 1):
        q = pairs.second * STRIDE**power
        value, rounding = pairs.carried(q)
        falls = value + mu * pairs.pushed(q) * (1 + np.finfo(float).eps) < -rounding
        outer = np.where(np.isnan(outer) & falls, q, outer)
        p = pairs.second / STRIDE**power if power < STRIDES else np.zeros_like(pairs.second)
        value, rounding = pairs.carried(p)
        inner = np.where(np.isnan(inner) & (value > rounding), p, inner)
    ok = np.isfinite(inner) & np.isfinite(outer)
    near, far = (pairs.step(np.where(ok, token, 0.0)) for token in (inner, outer))
    low, high = np.minimum(near, far), np.maximum(near, far)
    slope = pairs.a * pairs.mu_n  # minus the derivative of mu K in the step
    # s y > 0: the step grows with |y| and K falls in it; else K rises in the step
    falling = np.where((far > near)[:, None], slope, -slope)
    ok &= (far != near) & _pieces_closed(falling, pairs.a, low, high)
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        inside = (pairs.mu_n * np.exp(-pairs.a * middle[:, None])).sum(axis=1) > 0
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    root = token_of_step((near + far) / 2, pairs.s, pairs.b, pairs.floor)
    return ok & np.isfinite(root), np.where(ok, root, np.nan)
