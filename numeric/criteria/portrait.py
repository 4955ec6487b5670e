"""The phase portrait of K: what token 2 does while token 1 blows up, from where it starts (theory 8, E3).

Two theorems speak of a second token behind a first one with s x_1(0) >= 0, mu > 0:

- `coexistence`: a second token that is held, which its assumption says in numbers, tends to 0;
- `carried-root-attracts`: between p with K(p) >= 0 and u at which a second token would not grow at the start
  (`criteria.follower_bound` <= 0) it stays, and tends to a root of K. Here p and u are looked for on either side of
  x_2(0), and K has to be monotone between them, so that the root is one and known.

Anything else is left undecided: more tokens, which may blow up before T_1; a start beyond the last u; several roots at
once. Signs are seen beyond rounding, and on intervals by the bound of `carried.closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64

from s6flow.numeric.criteria.numbers import evaluate
from s6flow.numeric.criteria.sums import Rows, Sums, closed
from s6flow.numeric.criteria.tokens import token_of_step
from s6flow.numeric.thresholds import CLEAR
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.quantities import predicate

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
class Pairs:
    """Systems of two tokens, s x_1(0) >= 0, with K as a sum over steps."""

    mu_n: Rows
    a: Rows
    s: System
    b: System
    floor: float
    first: System
    second: System

    def take(self, rows: np.ndarray) -> Pairs:
        """Some of the systems."""
        parts = (self.mu_n, self.a, self.s, self.b, self.first, self.second)
        mu_n, a, s, b, first, second = (part[rows] for part in parts)
        return Pairs(mu_n, a, s, b, self.floor, first, second)

    def step(self, y: np.ndarray) -> np.ndarray:
        """Delta at tokens."""
        return np.asarray(evaluate("step", y=y, s=self.s, b=self.b, floor=np.full(len(self.s), self.floor)))

    def bound(self, y: np.ndarray) -> np.ndarray:
        """mu times the bound of d ln|x_2| / d ln|x_1| at x_2 = y, from the start on."""
        letters = {"mu": self.mu_n, "a": self.a, "s": self.s, "b": self.b, "floor": np.full(len(self.s), self.floor)}
        found = evaluate("follower_bound", y=y, y0=self.first, **letters)
        return np.asarray(found * self.mu_n.sum(axis=1))

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
        pairs = Pairs(mu_n[rows], a[rows], s[rows], b[rows], floor, first[rows], second[rows])
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            vanishes[rows] = _vanishes(pairs)
            held[rows], root[rows] = held_at_root(pairs)
    return Followers(vanishes, held & ~vanishes, np.where(vanishes, np.nan, root))


def closed_in_pieces(weights: Rows, rates: Rows, low: System, high: System) -> Bool[np.ndarray, " system"]:
    """Whether sum_n weights_n exp(-rates_n step) > 0 for every step in [low, high]."""
    sums, margin = Sums.of(weights, rates), CLEAR * rates.shape[1] * float(np.finfo(np.float64).eps)
    rows, every = np.arange(len(low)), np.ones(len(low), dtype=bool)
    cuts = np.linspace(low, high, PIECES + 1)
    for left, right in pairwise(cuts):
        every &= closed(sums, rows, left, right, margin)
    return every


def _vanishes(pairs: Pairs) -> Bool[np.ndarray, " system"]:
    """Where the theorem's own assumption holds, by its generated predicate."""
    program = generate(predicate("second-token-held"), "numpy", "fast")
    letters = {
        "mu": pairs.mu_n, "a": pairs.a, "s": pairs.s, "b": pairs.b, "floor": np.full(len(pairs.s), pairs.floor),
        "x_first": pairs.first, "x_second": pairs.second,
    }  # fmt: skip
    return np.asarray(program(*(letters[name] for name in program.inputs)), dtype=bool)


def held_at_root(pairs: Pairs) -> tuple[Bool[np.ndarray, " system"], System]:
    """Whether p and u with one root of K between them stand on either side of x_2(0); that root."""
    inner, outer = np.full(len(pairs.s), np.nan), np.full(len(pairs.s), np.nan)
    for power in range(STRIDES + 1):
        rows = np.flatnonzero(np.isnan(outer))
        some = pairs.take(rows)
        u = some.second * STRIDE**power
        found = some.bound(u) < -some.carried(u)[1]
        outer[rows[found]] = u[found]
        rows = np.flatnonzero(np.isnan(inner))
        some = pairs.take(rows)
        p = some.second / STRIDE**power
        value, rounding = some.carried(p)
        inner[rows[value > rounding]] = p[value > rounding]
    ok = np.isfinite(inner) & np.isfinite(outer)
    near, far = (pairs.step(np.where(ok, token, 0.0)) for token in (inner, outer))
    low, high = np.minimum(near, far), np.maximum(near, far)
    slope = pairs.a * pairs.mu_n  # minus the derivative of mu K in the step
    # s y > 0: the step grows with |y| and K falls in it; else K rises in the step
    falling = np.where((far > near)[:, None], slope, -slope)
    ok &= (far != near) & closed_in_pieces(falling, pairs.a, low, high)
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        inside = (pairs.mu_n * np.exp(-pairs.a * middle[:, None])).sum(axis=1) > 0
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    root = token_of_step((near + far) / 2, pairs.s, pairs.b, pairs.floor)
    return ok & np.isfinite(root), np.where(ok, root, np.nan)
