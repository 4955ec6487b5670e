"""Does a diagnosis predict anything? Rank correlations over runs, within grids, with intervals for all looks at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

__all__ = ["NOTE", "OUTCOMES", "PREDICTORS", "correlations", "rank_correlation"]

#: What a diagnosis prints: metric -> what it is.
PREDICTORS = {
    "diagnosis.response": "log10 of the response, the most that a layer can add (median of layers)",
    "diagnosis.response_least": "the same of the weakest layer",
    "diagnosis.half_life_median": "half-life of the median state [tokens]",
    "diagnosis.half_life_max": "longest half-life of a layer [tokens]",
    "diagnosis.unsaturated": "share of states whose half-life exceeds the training length",
    "diagnosis.spread": "spread of the decay rates",
    "diagnosis.rank_B": "effective rank of S_B",
    "diagnosis.rank_C": "effective rank of S_C",
    "diagnosis.margin_fp16": "overflow margin in float16 [bits]",
    "diagnosis.rounds_bf16": "share of gates that round to one in bfloat16",
    "diagnosis.mu_negative": "share of channels with mu < 0",
    "diagnosis.control_z": "its distance to shuffled channels, control_z",
    "diagnosis.cb_positive": "share of real tokens with C.B > 0",
    "diagnosis.update_over_stream": "size of an update over the stream",
}
#: What a user cares for: metric -> what it is; smaller is better.
OUTCOMES = {
    "test.bits_per_byte": "test loss",
    "other.bits_per_byte": "loss on another source",
    "lengths.growth": "loss at the longest length less that at the training length",
    "precision.bf16_loss": "loss by rounding the weights to bfloat16",
    "pruning.random": "loss when a random quarter of the layers is left out",
}
NOTE = (
    "Spearman's rank correlation over runs of all conditions, values ranked within each grid, so that sizes and depths "
    "are not what correlates. Interval: Fisher's z, of all looks together at 95 % (Bonferroni), counting runs less grids. "
    "Runs of a grid differ by seed and by condition: a number that a condition sets correlates with all that it does."
)
_FEWEST = 8


def _ranks(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Ranks within groups, from -1 to 1, in their mean 0."""
    found = np.empty(len(values))
    for group in np.unique(groups):
        inside = groups == group
        ranks = rankdata(values[inside])
        found[inside] = (2 * ranks - ranks.size - 1) / max(1, ranks.size - 1)
    return found


def rank_correlation(x: np.ndarray, y: np.ndarray, groups: np.ndarray, looks: int = 1) -> dict[str, Any] | None:
    """Spearman's correlation within groups; None for fewer than 8 runs beyond one a group, or no spread.

    Args:
        x, y: one value a run.
        groups: of every run.
        looks: correlations that are asked for together.
    Returns: `correlation`, `interval` (95 % for all looks together), `runs`, and `verdict`: predicts or undecided.
    """
    free = len(x) - len(np.unique(groups)) + 1
    if free < _FEWEST:
        return None
    a, b = _ranks(x, groups), _ranks(y, groups)
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0:
        return None
    value = float(np.clip((a @ b) / size, -1, 1))
    half = norm.ppf(1 - 0.025 / looks) * 1.03 / np.sqrt(free - 3)  # 1.03: ranks instead of values
    centre = np.arctanh(np.clip(value, -0.999999, 0.999999))
    low, high = (float(np.tanh(centre + sign * half)) for sign in (-1, 1))
    return {
        "correlation": round(value, 4),
        "interval": [round(low, 4), round(high, 4)],
        "runs": len(x),
        "verdict": "predicts" if low > 0 or high < 0 else "undecided",
    }


def correlations(runs: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """All predictors against all outcomes.

    Args:
        runs: flat metrics of every run, by grid.
    """
    looks = len(PREDICTORS) * len(OUTCOMES)
    rows = []
    for predictor, words in PREDICTORS.items():
        for outcome, goal in OUTCOMES.items():
            found = [
                (name, run[predictor], run[outcome])
                for name, grid in runs.items()
                for run in grid
                if run.get(predictor) is not None and run.get(outcome) is not None
            ]
            if not found:
                continue
            groups, x, y = (np.array(column) for column in zip(*found, strict=True))
            row = rank_correlation(x.astype(float), y.astype(float), groups, looks)
            if row is not None:
                rows.append({"predictor": predictor, "meaning": words, "outcome": outcome, "goal": goal, **row})
    return {"note": NOTE, "looks": looks, "rows": rows}
