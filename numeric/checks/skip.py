"""Measurement of token 1 with the D skip: its depth-time runs in units of 1/|d|."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.checks.runs import Slope, follow
from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, quantity

__all__ = ["skip"]

#: |d| t of the outputs.
TIMES = (0.02, 0.2, 1.0, 2.0)
#: ln(|d| t) where runs begin: a rate of 1e18 |d| moves nothing before.
BEGIN = -60.0
#: Starts that are nearer to rest than this, as |1 + d/h|, are left undecided: rounding would decide them.
AT_REST = 1e-2
#: Rates beyond it blow up within the first step whatever they are; times |d| t it is finite still.
FASTEST = 1e280


def skip(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """ln|y| by an eighth-order Runge-Kutta rule in ln t."""
    letters = {key: np.asarray(data[key], dtype=np.float64) for key in ("d_skip", "mu", "s", "b", "floor")}
    start = np.asarray(data["y"], dtype=np.float64)
    sign, d = np.sign(start), np.abs(letters["d_skip"])

    def slope(rows: NDArray[np.int64]) -> Slope:
        own, side, size = {name: value[rows] for name, value in letters.items()}, sign[rows], d[rows]

        def rate(log_time: Array, u: Array) -> Array:
            found = quantity("skip_rate", y=side * np.exp(u[:, 0]), **own) / size
            return np.asarray(np.exp(log_time) * np.clip(found, -FASTEST, FASTEST))[:, None]

        return rate

    u = follow(slope, np.log(np.abs(start))[:, None], BEGIN, np.log(TIMES), 1e-12, 1e-13)[:, :, 0]
    distance = quantity("skip_distance", y=start, **letters)
    u[(letters["s"] * start >= 0) & (distance < AT_REST)] = np.nan
    with np.errstate(over="ignore"):
        moved = sign[:, None] * np.exp(u)
    return {
        "valid": np.ones(moved.shape, dtype=bool),
        "t": np.asarray(TIMES) / d[:, None],
        "y_t": moved,
    }
