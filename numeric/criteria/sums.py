"""Exponential sums of many channels: values at steps, and the bound that closes an interval between two of them (theory 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from s6flow.symbolic.codegen.module import Generated, generate
from s6flow.symbolic.programs.quantities import exponential_sum_program

__all__ = ["IN_CACHE", "Column", "Nodes", "Pieces", "Rows", "Single", "Sums", "closed", "exponential_sum"]

_EPS = float(np.finfo(np.float64).eps)
#: Exponentials that are taken together: with what they are made of they stay in a core's cache.
IN_CACHE = 1 << 15
#: The same for float32, and the largest size of an argument whose exponential is a float32 number: a rounding of the
#: argument is worth as many of it.
_SINGLE_IN_CACHE = 1 << 16
_DEEPEST = 104
#: Sums of magnitudes, of weights up to 1, below which float32 numbers may have lost digits.
_LOST = 1e-30

Rows = Float64[np.ndarray, "channel state"]
Column = Float64[np.ndarray, " channel"]


@cache
def exponential_sum() -> Generated:
    """sum_n mu_n exp(-a_n step); see `carried_sums.exponential_sum_program`."""
    return generate(exponential_sum_program(), "numpy", "fast")


@dataclass(frozen=True, eq=False)
class Sums:
    """Exponential sums with rates ascending, the least subtracted (a positive factor), equal rates merged."""

    weights: Rows
    rates: Rows

    @classmethod
    def of(cls, mu_n: Rows, a: Rows) -> Sums:
        """Sums of mu_n exp(-a_n step), states in any order."""
        order = np.argsort(a, axis=1, kind="stable")
        rates = np.take_along_axis(a, order, 1)
        weights = np.take_along_axis(mu_n, order, 1)
        ends = np.ones(rates.shape, dtype=bool)
        ends[:, :-1] = rates[:, 1:] > rates[:, :-1]
        if not ends.all():
            total = np.cumsum(weights, axis=1)
            last = np.maximum.accumulate(np.where(ends, np.arange(rates.shape[1]), -1), axis=1)
            before = np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)
            held = np.where(before >= 0, np.take_along_axis(total, np.maximum(before, 0), 1), 0.0)
            # Within a group of equal rates the sum of its weights stands at the end, zeros elsewhere.
            alone = before == np.arange(rates.shape[1]) - 1
            merged = np.where(alone, weights, total - held)
            noise = rates.shape[1] * _EPS * np.abs(weights).sum(axis=1, keepdims=True)
            weights = np.where(ends & (alone | (np.abs(merged) > noise)), merged, 0.0)
        return cls(weights, rates - rates[:, :1])

    def take(self, rows: Bool[np.ndarray, " channel"] | Int64[np.ndarray, " chosen"]) -> Sums:
        """Some of the channels."""
        some = Sums(self.weights[rows], self.rates[rows])
        if "four" in vars(self):
            vars(some)["four"] = self.four[:, rows]
        return some

    def at(self, step: Column) -> Rows:
        """The summands at a step."""
        summands: Rows = self.weights * np.exp(-self.rates * step[:, None])
        return summands

    @cached_property
    def four(self) -> Float64[np.ndarray, "kind channel state"]:
        """Weights of K, of the sum of magnitudes, and of what K'' adds up and down."""
        found = np.empty((4, *self.weights.shape))
        found[0] = self.weights
        np.abs(self.weights, out=found[1])
        bend = self.weights * self.rates**2
        np.maximum(bend, 0.0, out=found[2])
        np.maximum(np.negative(bend, out=bend), 0.0, out=found[3])
        return found

    def sign_changes(self) -> Int64[np.ndarray, " channel"]:
        """Sign changes of the weights, which the number of roots cannot exceed (Descartes)."""
        sign = np.sign(self.weights).astype(np.int8)
        filled = sign
        if not sign.all():
            index = np.maximum.accumulate(np.where(sign != 0, np.arange(sign.shape[1]), -1), axis=1)
            filled = np.where(index >= 0, np.take_along_axis(sign, np.maximum(index, 0), 1), 0)
        changes: Int64[np.ndarray, " channel"] = np.count_nonzero(filled[:, 1:] * filled[:, :-1] < 0, axis=1)
        return changes

    def leading(self) -> tuple[Column, Column]:
        """Weight and rate of the slowest state that counts."""
        first = np.argmax(self.weights != 0, axis=1)[:, None]
        weight: Column = np.take_along_axis(self.weights, first, 1)[:, 0]
        rate: Column = np.take_along_axis(self.rates, first, 1)[:, 0]
        return weight, rate

    def settled_after(self) -> Column:
        """A step beyond which the slowest state outweighs all of the other sign twice."""
        weight, rate = self.leading()
        against = self.weights * np.sign(weight)[:, None] < 0
        rival = np.abs(np.where(against, self.weights, 0.0)).sum(axis=1)
        gap = np.where(against, self.rates - rate[:, None], np.inf).min(axis=1, initial=np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            after = np.log(np.maximum(2 * rival / np.abs(weight), 2.0)) / gap
        return np.where(np.isfinite(after), after, 0.0)


@dataclass(frozen=True, eq=False)
class Nodes:
    """K at steps of some channels, with all that a bound between two of them asks for: an exponential a state and node.

    Args:
        rows: channel of each node, any shape.
        steps: of that shape.
        sums: K, the sum of magnitudes, and the positive and negative parts of K'', each of that shape.
    """

    rows: Int64[np.ndarray, "*node"]
    steps: Float64[np.ndarray, "*node"]
    sums: Float64[np.ndarray, "kind ..."]

    @classmethod
    def of(cls, sums: Sums, rows: Int64[np.ndarray, " row"], steps: Float64[np.ndarray, "row node"]) -> Nodes:
        """Nodes of channels, several of each."""
        values = np.empty((len(sums.four), *steps.shape))
        together = max(1, IN_CACHE // max(1, steps.shape[1] * sums.rates.shape[1]))
        for first in range(0, len(rows), together):
            part = slice(first, first + together)
            some = rows[part]
            values[:, part] = exponential_sum()(steps[part], sums.four[:, some, None], sums.rates[some, None])
        return cls(np.broadcast_to(rows[:, None], steps.shape), steps, values)

    def negative(self, margin: float) -> Bool[np.ndarray, "*node"]:
        """Where K is negative beyond rounding."""
        return np.asarray(self.sums[0] < -margin * self.sums[1])

    def take(self, places: Any) -> Nodes:
        """Some of the nodes."""
        return Nodes(
            self.rows[places], self.steps[places], self.sums[:, *places if isinstance(places, tuple) else (places,)]
        )

    def between(self) -> Pieces:
        """The intervals between neighbours of a row."""
        low, high = (self.take((slice(None), part)) for part in (slice(None, -1), slice(1, None)))
        return Pieces(low.flat(), high.flat())

    def flat(self) -> Nodes:
        """The nodes in one row."""
        return Nodes(self.rows.ravel(), self.steps.ravel(), self.sums.reshape(len(self.sums), -1))


@dataclass(frozen=True, eq=False)
class Single:
    """Exponential sums in float32, states first, so that one operation serves neighbouring channels.

    Args:
        four: of `Sums`, of weights up to 1.
        rates: of `Sums`.
        lost: what K'' may lose below the smallest number of float32, at most.
    """

    four: Float32[np.ndarray, "kind state channel"]
    rates: Float32[np.ndarray, "state channel"]
    lost: Column

    @classmethod
    def of(cls, sums: Sums) -> Single:
        """The same sums, rounded."""
        with np.errstate(all="ignore"):  # what leaves float32 is no number, and decides nothing
            scaled = Sums(sums.weights / np.abs(sums.weights).max(axis=1, keepdims=True), sums.rates)
            four = np.ascontiguousarray(scaled.four.transpose(0, 2, 1), np.float32)
            lost = float(np.finfo(np.float32).tiny) * np.square(sums.rates).sum(axis=1)
            return cls(four, np.ascontiguousarray(sums.rates.T, np.float32), lost)

    @property
    def error(self) -> float:
        """Of a sum, as a share of the sum of magnitudes: of the argument, made of three roundings, the weight, the sum."""
        return (3 * _DEEPEST + 8 + len(self.rates)) * float(np.finfo(np.float32).eps) / 2

    @property
    def margin(self) -> float:
        """What has to be left of K: the error at a node and its own, as the nodes of an interval have the larger size."""
        return 3 * self.error

    def nodes(self, each: int, rows: Int64[np.ndarray, " row"], steps: Float64[np.ndarray, "row node"]) -> Nodes:
        """Nodes of rows, `each` rows a channel; the bounds of K'' are moved up by their error."""
        values = np.empty((len(self.four), *steps.shape))
        together = max(1, _SINGLE_IN_CACHE // max(1, steps.shape[1] * len(self.rates)))
        with np.errstate(all="ignore"):
            for first in range(0, len(rows), together):
                part = slice(first, first + together)
                some = rows[part] // each
                step = np.ascontiguousarray(steps[part].T, np.float32).T
                # an index would put channels first in memory
                four, rates = np.take(self.four, some, axis=2).transpose(0, 2, 1), np.take(self.rates, some, axis=1).T
                values[:, part] = exponential_sum()(step, four[:, :, None], rates[:, None])
            values[0][values[1] < _LOST] = np.nan
            lost = self.lost[rows // each, None]
            values[2] = values[2] * (1 + self.error) + lost
            values[3] = values[3] * (1 - self.error) - lost
        return Nodes(np.broadcast_to(rows[:, None], steps.shape), steps, values)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Intervals of steps, each between two nodes of one channel."""

    low: Nodes
    high: Nodes

    def take(self, places: Any) -> Pieces:
        """Some of the intervals."""
        return Pieces(self.low.take(places), self.high.take(places))

    def closed(self, margin: float) -> Bool[np.ndarray, " interval"]:
        """Whether K > 0 on an interval by the chord less (high - low)^2 / 8 times an upper bound of K''."""
        at_low, size, up, _ = self.low.sums
        at_high, _, _, down = self.high.sums
        sag = (self.high.steps - self.low.steps) ** 2 / 8 * np.maximum(up - down, 0.0)
        return np.asarray(np.minimum(at_low, at_high) - sag > margin * size)

    def cut(self, nodes: Nodes) -> Pieces:
        """The intervals cut at nodes in them, as many in each."""
        ends = [Nodes(end.rows[:, None], end.steps[:, None], end.sums[..., None]) for end in (self.low, self.high)]
        parts = (ends[0], nodes, ends[1])
        whole = Nodes(
            np.concatenate([part.rows for part in parts], axis=1),
            np.concatenate([part.steps for part in parts], axis=1),
            np.concatenate([part.sums for part in parts], axis=2),
        )
        return whole.between()


def closed(
    sums: Sums,
    rows: Int64[np.ndarray, " interval"],
    low: Float64[np.ndarray, " interval"],
    high: Float64[np.ndarray, " interval"],
    margin: float,
) -> Bool[np.ndarray, " interval"]:
    """Whether K > 0 on [low, high], see `Pieces.closed`."""
    return Nodes.of(sums, rows, np.stack([low, high], axis=1)).between().closed(margin)
