"""Observed fates, with an honest rule: what the horizon does not settle is UNDECIDED."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import FormatError
from s6flow.numeric.flow.parameters import FlowParameters
from s6flow.numeric.flow.problem import Status
from s6flow.numeric.flow.result import FlowResult

__all__ = ["Fate", "Fates", "classify"]

#: A decaying token has d ln|x|/d ln t -> -1/2 or below (theory 8, E1); transients of the slow regime decay like
#: 1/ln t, so that only values this low, late enough, are called convergent.
DECAY, EARLIEST = -0.4, 8.0
#: A slow token has |x| ~ ln t, that is ln t d ln|x|/d ln t -> 1.
SLOW_LOW, SLOW_HIGH = 0.5, 2.0
#: Beside a blow-up, token l moves like |x_m|^k: k < 0 to zero, k > 0 diverging (iterated logarithms give k > 1e-6 at
#: |x_m| = 1e100), k = 0 to a finite limit.
EXPONENT = 1e-7
#: ln|x| below which a token that is still shrinking beside a blow-up or an equilibrium counts as gone to zero.
GONE = -10.0


class Fate(IntEnum):
    """What became of a token or a system."""

    CONVERGENT = 0
    SLOW = 1
    FAST = 2
    STATIONARY = 3
    SETTLED = 4
    UNDECIDED = 5


@dataclass(frozen=True)
class Fates:
    """Fates of tokens, shape (*batch, token), and of systems, shape (*batch).

    A system's fate is the common fate of its nonzero tokens; FAST if it blew up; STATIONARY if nothing moves;
    UNDECIDED otherwise.
    """

    tokens: NDArray[np.int64]
    systems: NDArray[np.int64]


def classify(result: FlowResult) -> Fates:
    """The fate of every token of a bilinear flow, as far as the run decides it.

    Args:
        result: of `integrate`, with any outputs.
    Returns: fates; tokens before the blow-up token stay UNDECIDED, since the system ends before they do.
    Raises: FormatError: for flows whose signs may change.
    Numerics: from d ln|x|/d ln t at the end. A token counts only if every token before it is decided: an earlier
        token that is still frozen can change everything after it.
    Source: theory 5, 6 and 8 (E1-E3).
    """
    if not isinstance(result.params, FlowParameters):
        raise FormatError("fates are defined for the bilinear flow", type(result.params).__name__, "result.params")
    zero = result.x0 == 0
    tokens = np.where(_blown_up(result), _beside_blow_up(result), _at_horizon(result, zero))
    failed = ~result.ended_well[..., None]
    tokens = np.where(zero, Fate.STATIONARY, np.where(failed, Fate.UNDECIDED, tokens))
    return Fates(tokens, _systems(tokens, zero, result))


def _blown_up(result: FlowResult) -> NDArray[np.bool_]:
    return np.asarray((result.status == Status.BLOW_UP)[..., None])


def _beside_blow_up(result: FlowResult) -> NDArray[np.int64]:
    index = np.arange(1, result.x0.shape[-1] + 1)
    exponent = result.final_share
    vanishing = (exponent < -EXPONENT) & (result.final_log_abs < GONE)
    fate = np.where(exponent > EXPONENT, Fate.FAST, np.where(vanishing, Fate.CONVERGENT, Fate.UNDECIDED))
    fate = np.where(np.abs(exponent) <= EXPONENT, Fate.SETTLED, fate)
    return np.asarray(np.where(index < result.blow_up_token[..., None], Fate.UNDECIDED, fate))


def _at_horizon(result: FlowResult, zero: NDArray[np.bool_]) -> NDArray[np.int64]:
    pace, log_t = result.final_pace, result.final_log_time[..., None]
    late = log_t >= EARLIEST
    decays = late & (pace <= DECAY)
    grows = late & (pace * log_t >= SLOW_LOW) & (pace * log_t <= SLOW_HIGH)
    fate = np.where(decays, Fate.CONVERGENT, np.where(grows, Fate.SLOW, Fate.UNDECIDED))
    rests = result.settled[..., None]
    fate = np.where(rests, np.where(result.final_log_abs < GONE, Fate.CONVERGENT, Fate.SETTLED), fate)
    with np.errstate(divide="ignore"):
        unmoved = result.final_log_abs == np.log(np.abs(result.x0))
    frozen = unmoved & (_all_mu_zero(result) | rests)
    fate = np.where(frozen, Fate.STATIONARY, fate)
    # behind a slow token, decay is a transient (E2); behind an undecided one, nothing is known
    behind_slow = _before((fate == Fate.SLOW) & ~zero)
    fate = np.where(behind_slow & (fate == Fate.CONVERGENT), Fate.UNDECIDED, fate)
    return np.asarray(np.where(_before((fate == Fate.UNDECIDED) & ~zero), Fate.UNDECIDED, fate))


def _all_mu_zero(result: FlowResult) -> NDArray[np.bool_]:
    return np.asarray((np.asarray(result.params.mu) == 0).all(axis=-1)[..., None])  # type: ignore[union-attr]


def _before(flag: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any earlier token has the flag."""
    seen = np.logical_or.accumulate(flag, axis=-1)
    return np.asarray(np.concatenate([np.zeros_like(seen[..., :1]), seen[..., :-1]], axis=-1))


def _systems(tokens: NDArray[np.int64], zero: NDArray[np.bool_], result: FlowResult) -> NDArray[np.int64]:
    fate = np.full(result.status.shape, Fate.UNDECIDED, dtype=np.int64)
    for kind in Fate:
        fate = np.where(((tokens == kind) | zero).all(axis=-1), kind, fate)
    fate = np.where(zero.all(axis=-1), Fate.STATIONARY, fate)
    return np.asarray(np.where(result.status == Status.BLOW_UP, Fate.FAST, fate))
