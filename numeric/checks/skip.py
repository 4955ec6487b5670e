"""Measurement of token 1 with the D skip: its depth-time runs in units of 1/|d|."""

from __future__ import annotations

import numpy as np

from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, quantity

__all__ = ["skip"]

#: |d| t of the outputs.
TIMES = (0.02, 0.2, 1.0, 2.0)
#: ln(|d| t) where runs begin: a rate of 1e18 |d| moves nothing before.
BEGIN = -60.0
#: Starts that are nearer to rest than this, as |1 + d/h|, are left undecided: rounding would decide them.
AT_REST = 1e-2


def skip(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """ln|y| by an eighth-order Runge-Kutta rule in ln t, all systems of a batch in step."""
    from scipy.integrate import solve_ivp

    letters = {key: np.asarray(data[key], dtype=np.float64) for key in ("d_skip", "mu", "s", "b", "floor")}
    start = np.asarray(data["y"], dtype=np.float64)
    sign, d = np.sign(start), np.abs(letters["d_skip"])

    def slope(log_time: float, u: Array) -> Array:
        with np.errstate(all="ignore"):
            rate = quantity("skip_rate", y=sign * np.exp(u), **letters) / d
        return np.asarray(np.exp(log_time) * np.clip(rate, -1e280, 1e280))

    begin = np.log(np.abs(start))
    solution = solve_ivp(
        slope, (BEGIN, np.log(TIMES[-1])), begin, "DOP853", np.log(TIMES), rtol=1e-11, atol=1e-12, first_step=1e-3
    )
    u = solution.y.T if solution.success else np.full((len(TIMES), len(start)), np.nan)
    distance = quantity("skip_distance", y=start, **letters)
    u = np.where((letters["s"] * start >= 0) & (distance < AT_REST), np.nan, u)
    with np.errstate(over="ignore"):
        moved = (sign * np.exp(u)).T
    return {
        "valid": np.ones(moved.shape, dtype=bool),
        "t": np.asarray(TIMES) / d[:, None],
        "y_t": moved,
    }
