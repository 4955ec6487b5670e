"""Intervals over seeds and the rule that turns them into a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

__all__ = ["RULE", "Interval", "bootstrap_interval", "decide", "paired"]

RULE = (
    "d = first condition minus second, paired by seed (same data order, same initial weights), its sign turned "
    "so that the claim says d < 0. Interval: 95 %, the hull of the percentile bootstrap over seeds (10000 "
    "resamples) and Student's t. Fewer than 3 seeds: undecided. The whole interval within +-band: not reproduced "
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


def bootstrap_interval(values: Float[np.ndarray, " seed"], resamples: int = 10_000) -> Interval:
    """Percentile bootstrap of the mean over seeds; its own random numbers, so it is reproducible."""
    picks = np.random.default_rng(0).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[picks].mean(1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high), len(values))


def paired(differences: Float[np.ndarray, " seed"]) -> Interval:
    """Mean difference with the wider of bootstrap and Student's t.

    Numerics: with 3 to 5 seeds the bootstrap alone is too narrow, so the hull of the two is taken.
    """
    boot = bootstrap_interval(differences)
    if len(differences) < 2:
        return Interval(boot.mean, -np.inf, np.inf, len(differences))
    half = float(student.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences)))
    return Interval(boot.mean, min(boot.low, boot.mean - half), max(boot.high, boot.mean + half), len(differences))


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
