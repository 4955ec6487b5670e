"""The sign of K over the steps that the tokens of a system can reach, for assumptions that speak of it."""

from __future__ import annotations

import numpy as np

from s6flow.numeric.checks.shared import Array, Data, quantity
from s6flow.numeric.criteria.carried import NEGATIVE, UNDECIDED, carried_signs

__all__ = ["carried_sign"]


def carried_sign(data: Data) -> Array:
    """1 where K > 0 inside the reach, -1 where K < 0 somewhere in it, NaN where neither was decided; shape (system).

    The reach holds the steps from Delta(0) on, for tokens whose step grows, and besides, if s x_l(0) < 0 for some
    l >= 2, those from the floor on; for s = 0 the multiples of Delta(0). Sums of such steps are in the reach too.

    Source: numeric.audit.carried; theorems `carried-nonnegative` and `carried-order`.
    """
    mu, a, s, b, floor = (np.asarray(data[key], dtype=np.float64) for key in ("mu", "a", "s", "b", "floor"))
    delta0 = quantity("delta0", b=b, floor=floor)
    # a floor is taken into the weights, so that steps begin at zero; for s = 0 their multiples must stay what they are
    shift = np.where(s == 0, 0.0, floor)
    signs = carried_signs(mu * np.exp(-a * shift[:, None]), a, delta0 - shift, s, 0.0)
    below = (s[:, None] * np.asarray(data["x0"])[:, 1:] < 0).any(axis=1)
    parts = [signs.above, np.where(below, signs.below, 0)]
    negative, undecided = (np.any([part == code for part in parts], axis=0) for code in (NEGATIVE, UNDECIDED))
    return np.where(negative, -1.0, np.where(undecided, np.nan, 1.0))
