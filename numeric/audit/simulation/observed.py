"""The observed end of a simulated start, as a word of `symbolic.ends`, and whether it is the predicted one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.flow import FlowResult, Status, classify
from s6flow.numeric.flow.problem import Run
from s6flow.numeric.thresholds import DECAY, EARLIEST, GONE, GROWN, MOVE, NEAR_ROOT, SLOW_HIGH, SLOW_LOW, SMALL
from s6flow.symbolic.ends import WORDS, End, word

__all__ = ["agrees", "axis_fates", "layer_fates", "pair_fates", "system_fates"]


def agrees(predicted: str, observed: str) -> bool | None:
    """Whether a prediction came true: the predicted end was seen; None where nothing was predicted or seen."""
    if predicted == word(End.NOT_DECIDED) or observed == word(End.UNDECIDED):
        return None
    return observed == predicted


def system_fates(result: FlowResult, blur: Float64[np.ndarray, "system 1"]) -> np.ndarray:
    """Observed ends of whole systems, as words; `blur` is the rounding error of a token's share of the motion."""
    return np.array(WORDS)[classify(result, blur).systems]


def pair_fates(
    result: FlowResult, roots: Float64[np.ndarray, " system"], blur: Float64[np.ndarray, "system 1"]
) -> np.ndarray:
    """Observed ends of two tokens, of which the second may tend to a known root of K (NaN where none is known).

    Near the root at the blow-up it counts as tending there. A token on the move decides nothing while the root lies
    ahead of it, and one that has stopped elsewhere is said to.
    """
    ends, x = classify(result, blur).systems, result.final_x[..., 1]
    known = np.isfinite(roots) & (result.status == Status.BLOW_UP) & (result.blow_up_token == 1)
    with np.errstate(invalid="ignore"):
        near = np.abs(x - roots) <= NEAR_ROOT * np.abs(roots)
        below = np.abs(x) < np.abs(roots)
    ends = np.where(known & (ends == End.FAST) & below, End.UNDECIDED, ends)
    ends = np.where(known & (ends == End.LIMIT), End.ELSEWHERE, ends)
    return np.array(WORDS)[np.where(known & near, End.LIMIT, ends)]


def axis_fates(result: FlowResult, roots: Float64[np.ndarray, "root system"] | None) -> np.ndarray:
    """Observed ends of runs in asinh tokens, one entry a system.

    A run at rest is compared with the `roots`. A run on the move counts as convergent or slow only if no root lies
    ahead, where it might still come to rest (a far root is approached like ln t); without `roots` it is undecided.
    """
    size, still = result.final_log_abs, result.settled
    late = np.ma.getdata(result.log_abs)
    with np.errstate(invalid="ignore"):
        slope = late[..., -1, :] - late[..., -2, :]  # d ln|x| / d ln t over the last unit of ln t
    ran = (result.status == Status.HORIZON) & result.reached.all(axis=-1)
    moves = ran & ~still & (roots is not None) & (result.final_log_time >= EARLIEST)
    rest = np.full(still.shape, End.ROOT)
    outside = inside = np.zeros(still.shape, dtype=bool)
    if roots is not None:
        x = result.final_x[..., 0]
        with np.errstate(invalid="ignore"):
            near = np.abs(x - roots) <= NEAR_ROOT * np.abs(roots)
            same = roots * x > 0
            outside = (same & (np.abs(roots) > np.abs(x))).any(axis=0)
            inside = (same & (np.abs(roots) < np.abs(x))).any(axis=0)
        rest[~near.any(axis=0)] = End.ELSEWHERE
    decays = moves & ~inside & (slope <= DECAY).all(axis=-1)
    log_paced = slope * result.final_log_time[..., None]
    grows = moves & ~outside & ((log_paced >= SLOW_LOW) & (log_paced <= SLOW_HIGH)).all(axis=-1)
    grows &= (size > np.log(np.abs(result.x0))).all(axis=-1)
    seen = (
        (result.status == Status.BLOW_UP, End.FAST),
        (result.status == Status.OVERFLOW, End.EXPONENTIAL),
        (ran & still & (size < GONE).all(axis=-1), End.CONVERGENT),
        (ran & still, rest),
        (decays, End.CONVERGENT),
        (grows, End.SLOW),
    )
    return np.array(WORDS)[np.select([mask for mask, _ in seen], [end for _, end in seen], End.UNDECIDED)]


def layer_fates(run: Run, start: Float64[np.ndarray, " system"]) -> dict[str, int]:
    """How many flows of whole layers ended in which way, by the end's name in the audit's JSON.

    Args:
        run: in asinh tokens.
        start: largest |x| at the start.
    """
    size = np.abs(np.sinh(run.end)).max(axis=1)
    diverged = np.isin(run.status, (Status.BLOW_UP, Status.OVERFLOW))
    converged = ~diverged & (size < SMALL)
    rests = ~diverged & ~converged & (run.settled | (run.log_pace < np.log(MOVE)))
    open_ = ~diverged & ~converged & ~rests
    ends = {"converged": converged, "diverged": diverged, "settled_elsewhere": rests, "undecided": open_}
    counts = {name: int(np.count_nonzero(mask)) for name, mask in ends.items()}
    return counts | {"undecided_but_grown": int(np.count_nonzero(open_ & (size > GROWN * start)))}
