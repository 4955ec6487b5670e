"""Tokens when the largest of them reaches one size after the other, of all sizes at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.numeric.flow import FlowParameters, FlowResult, integrate

__all__ = ["at_levels"]


def at_levels(
    x0: ArrayLike, letters: Mapping[str, Any], log10_levels: tuple[float, float, int]
) -> tuple[FlowResult, NDArray[np.float64]]:
    """Runs to every level of |x|, and ln|x_l| at their ends, shape (level, *batch, token).

    In a unit c times smaller the tokens c x with s/c and mu/c^2 are the same flow: what stops at one size in many units stops
    at many sizes. All are one batch, which NumPy integrates in the time of one of them.

    Args:
        x0: shape (*batch, token).
        letters: mu, a (*batch, state); s, b, floor (*batch).
        log10_levels: the smallest, the largest and how many, in equal ratios of their logarithms.
    """
    exponents = np.geomspace(*log10_levels)
    unit = 10.0 ** (exponents[-1] - exponents).reshape(-1, *[1] * np.ndim(letters["s"]))
    scaled = {"mu": np.asarray(letters["mu"]) / unit[..., None] ** 2, "s": np.asarray(letters["s"]) / unit}
    params = FlowParameters(**{key: letters[key] for key in ("a", "b", "floor")} | scaled)
    run = integrate(np.asarray(x0) * unit[..., None], params, x_limit=10.0 ** exponents[-1])
    return run, np.asarray(run.final_log_abs - np.log(unit)[..., None])
