"""The observed fate of a simulated start, as a word, and whether it is the predicted one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.flow import Fate, FlowResult, Status, classify

__all__ = ["GROWN", "OBSERVED", "agrees", "axis_fates", "system_fates"]

#: Observed fates. "elsewhere": at rest, but at no equilibrium of the phase line.
OBSERVED = ("convergent", "stationary", "slow", "fast", "coexistence", "root", "exponential", "elsewhere", "undecided")
#: A later token that moves like a power of the blow-up token below this one is shrinking (see flow.fates).
_SHRINKING = -1e-7
#: An undecided run of a whole layer has grown whose largest |x| is so many times that of its start.
GROWN = 10.0
#: ln|x| below which a run at rest counts as gone to zero.
_GONE = -10.0


def agrees(predicted: str, observed: str) -> bool | None:
    """Whether a prediction came true; None where there was no prediction or the run decided nothing."""
    if predicted == "not predicted" or observed == "undecided":
        return None
    return observed == predicted or (predicted == "coexistence" and observed == "fast")


def system_fates(result: FlowResult, blur: Float64[np.ndarray, "channel 1"]) -> np.ndarray:
    """Observed fates of whole systems, as words; `blur` is the rounding error of a token's share of the motion."""
    word = {
        Fate.CONVERGENT: "convergent",
        Fate.SLOW: "slow",
        Fate.FAST: "fast",
        Fate.STATIONARY: "stationary",
        Fate.SETTLED: "elsewhere",
        Fate.UNDECIDED: "undecided",
    }
    names = np.array([word[fate] for fate in Fate])[classify(result).systems]
    token = np.arange(1, result.x0.shape[-1] + 1)
    shrinking = ((result.final_share < _SHRINKING - blur) & (token > result.blow_up_token[..., None])).any(axis=-1)
    return np.where((names == "fast") & shrinking, "coexistence", names)


def axis_fates(result: FlowResult, roots: Float64[np.ndarray, "root channel"] | None) -> np.ndarray:
    """Observed fates of runs in asinh tokens.

    A run at rest is compared with the `roots`. A run on the move counts as convergent or slow only if no root lies
    ahead, where it might still come to rest (a far root is approached like ln t); without `roots` it is undecided.
    """
    size, still = result.final_log_abs, result.settled
    late = np.ma.getdata(result.log_abs)
    with np.errstate(invalid="ignore"):
        slope = late[..., -1, :] - late[..., -2, :]  # d ln|x| / d ln t over the last unit of ln t
    ran = (result.status == Status.HORIZON) & result.reached.all(axis=-1)
    moves = ran & ~still & (roots is not None)
    rest = np.full(still.shape, "root", dtype=object)
    outside = inside = np.zeros(still.shape, dtype=bool)
    if roots is not None:
        x = result.final_x[..., 0]
        with np.errstate(invalid="ignore"):
            near = np.abs(x - roots[:, None]) <= 1e-3 * np.abs(roots[:, None])
            same = roots[:, None] * x > 0
            outside = (same & (np.abs(roots[:, None]) > np.abs(x))).any(axis=0)
            inside = (same & (np.abs(roots[:, None]) < np.abs(x))).any(axis=0)
        rest[~near.any(axis=0)] = "elsewhere"
    decays = moves & ~inside & (slope <= -0.4).all(axis=-1)
    log_paced = slope * result.final_log_time[..., None]
    grows = moves & ~outside & ((log_paced >= 0.5) & (log_paced <= 2.0)).all(axis=-1)
    grows &= (size > np.log(np.abs(result.x0))).all(axis=-1)
    word = np.select(
        [
            result.status == Status.BLOW_UP,
            result.status == Status.OVERFLOW,
            ran & still & (size < _GONE).all(axis=-1),
            ran & still,
            decays,
            grows,
        ],
        ["fast", "exponential", "convergent", rest, "convergent", "slow"],
        "undecided",
    )
    return word.astype(str)
