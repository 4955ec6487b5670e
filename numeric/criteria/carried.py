"""Where K is negative: the question on which the dichotomy stands or falls (theory 8, E3).

With mu > 0, K as a function of the step Delta is an exponential sum, sum_n (mu_n / mu) exp(-a_n Delta), equal to 1
at Delta = 0. The token after a blow-up token grows like the power K of it, and a token k places later feels the
same sum at the sum of the steps in between. So if K >= 0 for every step in reach, F_l >= mu x_l^2 Delta(x_l) for
every token and the dichotomy holds as for mu_n of one sign; where K < 0, a token can shrink while another blows up.

Four tests, cheapest first. (1) Abel summation: with the a_n ascending and partial sums C_k of the mu_n,
sum_n mu_n e^{-a_n D} = sum_k C_k (e^{-a_k D} - e^{-a_{k+1} D}) + C_N e^{-a_N D}, so C_k >= 0 for all k proves K >= 0;
weights mu_n e^{-a_n D0} prove it beyond D0, and sums from the other end before D0. (2) The sign of K(0).
(3) The sign of the slowest state's mu_n, which K takes as Delta grows. (4) A scan whose intervals are closed by a
bound: on [p, q] K is at least the smaller end less (q - p)^2/8 times the largest K''. Up to rounding (1) and (4)
are proofs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int8, Int64

from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.sums import Column, Nodes, Pieces, Rows, Single, Sums
from s6flow.numeric.thresholds import CLEAR

__all__ = ["EVIDENCE", "NEGATIVE", "NONNEGATIVE", "UNDECIDED", "CarriedSigns", "carried_signs"]

NONNEGATIVE, NEGATIVE, UNDECIDED = 0, 1, -1
EVIDENCE = ("affine", "mu <= 0", "one sign", "partial sums", "K(0)", "slowest state", "scan", "undecided")
_NODES = 20
_SPLIT = 8
_DEPTH = 6
_MOST_INTERVALS = 200_000
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class CarriedSigns:
    """Signs of K over the steps that tokens can reach, one entry a channel.

    Args:
        bound: sign changes of (mu_n) ordered by a_n, which the number of roots of K cannot exceed (Descartes).
        below: whether K < 0 at a step below Delta(0), reached by tokens with s x < 0: 1, 0, or -1 if undecided
            (where `above` is 1 it is left undecided).
        above: the same for steps from Delta(0) on.
        step: a step at which K < 0, NaN if none was found.
        evidence: which test decided.
    """

    bound: Int64[np.ndarray, " channel"]
    below: Int8[np.ndarray, " channel"]
    above: Int8[np.ndarray, " channel"]
    step: Column
    evidence: Labels

    @property
    def anywhere(self) -> Int8[np.ndarray, " channel"]:
        """Whether K < 0 at any step in reach: 1, 0, or -1 if undecided."""
        worst = np.where((self.below == UNDECIDED) | (self.above == UNDECIDED), UNDECIDED, NONNEGATIVE)
        return np.where((self.below == NEGATIVE) | (self.above == NEGATIVE), NEGATIVE, worst).astype(np.int8)


def carried_signs(
    mu_n: Rows, a: Rows, delta0: Column, s: Column, floor: float, sums: Sums | None = None
) -> CarriedSigns:
    """Where K is negative, for channels with mu > 0.

    Args:
        mu_n: shares of mu, any signs, mu_n.sum(axis=1) > 0.
        a: decay rates > 0.
        delta0: the step of a vanishing token, floor included.
        s: slope of the step; where it is 0 the only steps in reach are the multiples of delta0.
        floor: lower end of the steps in reach, approached by tokens with s x -> -inf.
        sums: of mu_n and a, where they are known.
    Numerics: a value counts as negative beyond CLEAR N eps of the sum of magnitudes; an interval is closed by the
        same margin. What neither settles is undecided, never guessed.
    """
    sums = sums or Sums.of(mu_n, a)
    bound = sums.sign_changes()
    here = sums.at(delta0)
    margin = CLEAR * a.shape[1] * _EPS
    k0_negative = here.sum(axis=1) < -margin * np.abs(here).sum(axis=1)
    weight, _ = sums.leading()
    tail_negative = weight < 0
    from_start = _partial_sums_hold(sums.at(np.full(len(a), floor)) if floor else sums.weights)
    above = np.where(from_start | _partial_sums_hold(here), NONNEGATIVE, UNDECIDED).astype(np.int8)
    below = np.where(from_start | _partial_sums_hold(here[:, ::-1]), NONNEGATIVE, UNDECIDED).astype(np.int8)
    above[k0_negative | tail_negative] = NEGATIVE
    code = EVIDENCE.index
    evidence = np.where(bound == 0, code("one sign"), code("partial sums")).astype(np.uint8)
    evidence[tail_negative] = code("slowest state")
    evidence[k0_negative] = code("K(0)")
    step = np.full(len(a), np.nan)
    step[tail_negative] = np.maximum(sums.take(tail_negative).settled_after(), delta0[tail_negative])
    step[k0_negative] = delta0[k0_negative]
    flat = s == 0
    below[flat] = NONNEGATIVE  # no token reaches a step below Delta(0)
    open_ = np.flatnonzero((above != NEGATIVE) & ((above == UNDECIDED) | (below == UNDECIDED)))
    if len(open_):
        part = sums.take(open_)
        sides, step[open_] = _scan(part, delta0[open_], floor, margin, flat[open_])
        for side, result in zip((below, above), sides, strict=True):
            side[open_] = np.where(side[open_] == UNDECIDED, result, side[open_])
        unsure = (below[open_] == UNDECIDED) | (above[open_] == UNDECIDED)
        evidence[open_] = np.where(unsure & np.isnan(step[open_]), code("undecided"), code("scan"))
    return CarriedSigns(bound, below, above, step, Labels(evidence, EVIDENCE))


def _partial_sums_hold(summands: Rows) -> Bool[np.ndarray, " channel"]:
    """Abel's test: no partial sum is negative. Merged zeros repeat a partial sum, so ties need no care."""
    total = summands[:, 0].copy()
    hold = np.asarray(total >= 0)
    for more in summands.T[1:]:  # channels side by side: less than half of what their running sums along a row take
        total += more
        hold &= total >= 0
    return hold


def _scan(
    sums: Sums, delta0: Column, floor: float, margin: float, flat: Bool[np.ndarray, " channel"]
) -> tuple[Int8[np.ndarray, "side channel"], Column]:
    """Sides (below, above) and a step with K < 0, by nodes and closed intervals; see the module's text.

    Numerics: in float32 first, whose exponentials cost a fourth; channels with a node or an interval that its rounding
        leaves open are looked at in float64, so that what is found is what float64 alone finds.
    """
    count = len(delta0)
    settled = sums.settled_after()
    last = np.maximum(np.maximum(settled, 2 * delta0), floor + 1e-300)
    top = sums.rates.max(axis=1)
    first = np.minimum(0.25 / np.maximum(top, 1e-300), 0.5 * (last - floor))
    power = np.linspace(0.0, 1.0, _NODES)
    grid = floor + first[:, None] * ((last - floor) / first)[:, None] ** power
    steps = np.sort(np.concatenate([np.full((count, 1), floor), grid, delta0[:, None]], axis=1), axis=1)
    multiples = delta0[:, None] * np.arange(1.0, steps.shape[1] + 1)
    steps = np.where(flat[:, None], multiples, steps)
    found = _Found(np.full((2, count), NONNEGATIVE, dtype=np.int8), np.full(count, np.nan), delta0)
    rough, every = Single.of(sums), np.arange(count)
    nodes = rough.nodes(1, every, steps)
    clear = (np.abs(nodes.sums[0]) > rough.margin * nodes.sums[1]).all(axis=1) & ~flat
    found.note(nodes.take(clear), rough.margin)
    clear[found.open(nodes.between(), rough.margin).low.rows] = False
    rows = np.flatnonzero(~clear)
    nodes = Nodes.of(sums, rows, steps[rows])
    found.note(nodes, margin)
    pieces = nodes.between()
    for depth in range(_DEPTH + 1):
        pieces = found.open(pieces.take(np.flatnonzero(~flat[pieces.low.rows])), margin)
        rows, low = pieces.low.rows, pieces.low.steps
        if not len(rows) or depth == _DEPTH or len(rows) * _SPLIT > _MOST_INTERVALS:
            break
        cuts = low[:, None] + (pieces.high.steps - low)[:, None] * (np.arange(1, _SPLIT) / _SPLIT)
        nodes = Nodes.of(sums, rows, cuts)
        found.note(nodes, margin)
        pieces = pieces.cut(nodes)
    found.sides[found.side(rows, low), rows] = UNDECIDED
    short = flat & (found.sides[1] != NEGATIVE) & (multiples[:, -1] < settled)
    found.sides[1, short] = UNDECIDED
    return found.sides, found.step


@dataclass(frozen=True, eq=False)
class _Found:
    """What a scan knows so far: sides (below, above) of every channel, and a step at which K < 0."""

    sides: Int8[np.ndarray, "side channel"]
    step: Column
    delta0: Column

    def side(self, rows: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """0 below Delta(0), 1 from there on."""
        return np.asarray(steps >= self.delta0[rows], dtype=np.int64)

    def open(self, pieces: Pieces, margin: float) -> Pieces:
        """The intervals that no bound closes, on sides on which K is not known to be negative."""
        rows, low = pieces.low.rows, pieces.low.steps
        left = ~pieces.closed(margin) & (pieces.high.steps > low)
        left &= self.sides[self.side(rows, low), rows] != NEGATIVE
        return pieces.take(np.flatnonzero(left))

    def note(self, nodes: Nodes, margin: float) -> None:
        """Record nodes at which K is negative beyond rounding."""
        bad = nodes.negative(margin)
        rows, steps = nodes.rows[bad], nodes.steps[bad]
        self.sides[self.side(rows, steps), rows] = NEGATIVE
        chosen, first = np.unique(rows, return_index=True)
        fresh = np.isnan(self.step[chosen])
        self.step[chosen[fresh]] = steps[first[fresh]]
