"""Intervals over seeds and the rule that turns them into a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

__all__ = ["RULE", "Interval", "decide", "student_interval"]

RULE = (
    "d = first condition minus second, paired by seed (same data order, same initial weights), its sign turned "
    "so that the claim says d < 0. Interval: 95 %, Student's t over seeds. "
    "Fewer than 3 seeds: undecided. The whole interval within +-band: not reproduced "
    "(the difference, if any, is too small to matter). Else the whole interval below 0: reproduced; the whole "
    "interval above 0: not reproduced; anything else: undecided at this scale. Also undecided: accuracies "
    "that are nowhere 0.02 above always saying the commonest class."
)


@dataclass(frozen=True)
class Interval:
    """Mean with a 95 % interval."""

    mean: float
    low: float
    high: float
    count: int

    def ends(self, sign: float = 1.0) -> list[float | None]:
        """Both ends times `sign`, in order, as results record them: six digits, None where the interval is open."""
        both = sorted([sign * self.low, sign * self.high])
        return [round(float(end), 6) + 0.0 if np.isfinite(end) else None for end in both]  # no minus zero


def student_interval(values: Float[np.ndarray, " seed"]) -> Interval:
    """Mean over seeds with Student's interval; open on both sides for a single value.

    Numerics: a percentile bootstrap of three to five values lies within them and is too narrow.
    """
    count, mean = len(values), float(values.mean())
    if count < 2:
        return Interval(mean, -np.inf, np.inf, count)
    half = float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / np.sqrt(count))
    return Interval(mean, mean - half, mean + half, count)


def decide(interval: Interval, band: float) -> str:
    """`reproduced`, `not reproduced` or `undecided`, by `RULE`.

    Args:
        interval: of d, where the claim says d < 0.
        band: |d| that is too small to matter, in the metric's unit.
    """
    if interval.count < 3:
        return "undecided"
    if -band < interval.low and interval.high < band:
        return "not reproduced"
    if interval.high < 0:
        return "reproduced"
    if interval.low > 0:
        return "not reproduced"
    return "undecided"
