"""Observed fates, with an honest rule: what the horizon does not settle is UNDECIDED."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import FormatError
from s6flow.numeric.flow.parameters import FlowParameters
from s6flow.numeric.flow.problem import Status
from s6flow.numeric.flow.result import FlowResult
from s6flow.numeric.thresholds import DECAY, EARLIEST, EXPONENT, GONE, SLOW_HIGH, SLOW_LOW
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.ends import End
from s6flow.symbolic.programs.quantities import quantity

__all__ = ["Fates", "all_mu_zero", "classify", "flagged_before", "from_blow_up_token", "gates_shut", "system_fates"]


@dataclass(frozen=True)
class Fates:
    """Codes of `End`: fates of tokens, shape (*batch, token), and of systems, shape (*batch).

    A system's fate is the common fate of its nonzero tokens; of one that blew up, what the tokens from the blow-up token
    on do: FAST if all diverge, COEXISTENCE if one tends to 0, else LIMIT if one stays finite; STATIONARY if nothing
    moves; ELSEWHERE if all rest at points that are not 0; UNDECIDED otherwise.
    """

    tokens: NDArray[np.int64]
    systems: NDArray[np.int64]


def classify(result: FlowResult, blur: ArrayLike = 0.0) -> Fates:
    """The fate of every token of a bilinear flow, as far as the run decides it.

    Args:
        result: of `integrate`, with any outputs.
        blur: rounding error of a token's share of the motion, broadcast to (*batch, token).
    Returns: fates; tokens before the blow-up token stay UNDECIDED, since the system ends before they do.
    Raises: FormatError: for flows whose signs may change.
    Numerics: from d ln|x|/d ln t at the end. A token counts only if every token before it is decided: an earlier
        token that is still frozen can change everything after it.
    Source: theory 5, 6 and 8 (E1-E3).
    """
    if not isinstance(result.params, FlowParameters):
        raise FormatError("fates are defined for the bilinear flow", type(result.params).__name__, "result.params")
    zero = result.x0 == 0
    beside = _beside_blow_up(result, np.asarray(blur, dtype=np.float64))
    tokens = np.where(_blown_up(result), beside, _at_horizon(result, zero))
    failed = ~result.ended_well[..., None]
    tokens = np.where(zero, End.STATIONARY, np.where(failed, End.UNDECIDED, tokens))
    return Fates(tokens, system_fates(tokens, zero, result))


def _blown_up(result: FlowResult) -> NDArray[np.bool_]:
    return np.asarray((result.status == Status.BLOW_UP)[..., None])


def from_blow_up_token(result: FlowResult) -> NDArray[np.bool_]:
    """Tokens from the blow-up token on, shape (*batch, token); all where there is none."""
    return np.asarray(np.arange(1, result.x0.shape[-1] + 1) >= result.blow_up_token[..., None])


def _beside_blow_up(result: FlowResult, blur: NDArray[np.float64]) -> NDArray[np.int64]:
    exponent = result.final_share
    diverges = exponent - blur > EXPONENT
    vanishes = (exponent + blur < -EXPONENT) & (result.final_log_abs < GONE)
    stays = (np.abs(exponent) + blur <= EXPONENT) & ~gates_shut(result)
    fate = np.select([diverges, vanishes, stays], [End.FAST, End.CONVERGENT, End.LIMIT], End.UNDECIDED)
    return np.asarray(np.where(from_blow_up_token(result), fate, End.UNDECIDED))


def gates_shut(result: FlowResult) -> NDArray[np.bool_]:
    """Tokens whose gates let less through than `EXPONENT`: that they rest says nothing of the sign of their exponent.

    Returns: booleans, shape (*batch, token).
    """
    letters = result.params.arrays()
    step = generate(quantity("delta0"), "numpy", "fast")
    with np.errstate(all="ignore"):
        shifted = letters["s"][..., None] * result.final_x + letters["b"][..., None]  # a token is so much more bias
        values = {"b": shifted, "floor": letters["floor"][..., None]}
        slowest = np.where(letters["mu"] != 0, letters["a"], np.inf).min(axis=-1)
        return np.asarray(slowest[..., None] * step(*(values[name] for name in step.inputs)) > -np.log(EXPONENT))


def _at_horizon(result: FlowResult, zero: NDArray[np.bool_]) -> NDArray[np.int64]:
    pace, log_t = result.final_pace, result.final_log_time[..., None]
    late = log_t >= EARLIEST
    decays = late & (pace <= DECAY)
    slope = pace * np.where(late, log_t, 0.0)  # a run that failed at its start ends at ln t = -inf
    grows = late & (slope >= SLOW_LOW) & (slope <= SLOW_HIGH)
    fate = np.where(decays, End.CONVERGENT, np.where(grows, End.SLOW, End.UNDECIDED))
    rests = result.settled[..., None]
    fate = np.where(rests, np.where(result.final_log_abs < GONE, End.CONVERGENT, End.LIMIT), fate)
    with np.errstate(divide="ignore"):
        unmoved = result.final_log_abs == np.log(np.abs(result.x0))
    frozen = unmoved & (all_mu_zero(result) | rests)
    fate = np.where(frozen, End.STATIONARY, fate)
    # behind a slow token, decay is a transient (E2); behind an undecided one, nothing is known
    behind_slow = flagged_before((fate == End.SLOW) & ~zero)
    fate = np.where(behind_slow & (fate == End.CONVERGENT), End.UNDECIDED, fate)
    return np.asarray(np.where(flagged_before((fate == End.UNDECIDED) & ~zero), End.UNDECIDED, fate))


def all_mu_zero(result: FlowResult) -> NDArray[np.bool_]:
    """Whether every mu_n of a system is 0, so that nothing in it moves; shape (*batch, 1)."""
    return np.asarray((np.asarray(result.params.mu) == 0).all(axis=-1)[..., None])  # type: ignore[union-attr]


def flagged_before(flag: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any earlier token of its own system has the flag; both of shape (*batch, token)."""
    seen = np.logical_or.accumulate(flag, axis=-1)
    return np.asarray(np.concatenate([np.zeros_like(seen[..., :1]), seen[..., :-1]], axis=-1))


def system_fates(tokens: NDArray[np.int64], zero: NDArray[np.bool_], result: FlowResult) -> NDArray[np.int64]:
    """Fates of systems by those of their tokens, as `Fates` says.

    Args:
        tokens: codes of `End`, shape (*batch, token).
        zero: whether a token is zero, of that shape.
        result: the run: its status and blow-up token.
    Returns: codes of `End`, shape (*batch).
    """
    fate = np.full(result.status.shape, End.UNDECIDED, dtype=np.int64)
    for token, system in (
        (End.CONVERGENT, End.CONVERGENT),
        (End.SLOW, End.SLOW),
        (End.STATIONARY, End.STATIONARY),
        (End.LIMIT, End.ELSEWHERE),
    ):
        fate = np.where(((tokens == token) | zero).all(axis=-1), system, fate)
    fate = np.where(zero.all(axis=-1), End.STATIONARY, fate)
    counts = from_blow_up_token(result) & ~zero
    some = {end: (counts & (tokens == end)).any(axis=-1) for end in (End.CONVERGENT, End.LIMIT)}
    every = (~counts | (tokens == End.FAST)).all(axis=-1)
    beside = np.select(
        [some[End.CONVERGENT], some[End.LIMIT], every], [End.COEXISTENCE, End.LIMIT, End.FAST], End.UNDECIDED
    )
    return np.asarray(np.where(result.status == Status.BLOW_UP, beside, fate))
