"""From a step back to the token that takes it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

__all__ = ["token_of_step"]


def token_of_step(
    step: Float64[np.ndarray, " channel"],
    s: Float64[np.ndarray, " channel"],
    b: Float64[np.ndarray, " channel"],
    floor: float,
) -> Float64[np.ndarray, " channel"]:
    """The token x with Delta(x) = step: (ln(e^y - 1) - b) / s with y = step - floor; NaN where there is none."""
    y = step - floor
    with np.errstate(divide="ignore", invalid="ignore"):
        token = (y + np.log(-np.expm1(-y)) - b) / s
    result: Float64[np.ndarray, " channel"] = np.where(np.isfinite(token), token, np.nan)
    return result
