"""The verdict on one 1-D system with given tokens: that of the audit on a layer of one channel."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.verdict import channel_verdicts
from s6flow.numeric.flow.parameters import FlowParameters
from s6flow.numeric.weights import S6Layer

__all__ = ["axis_verdict"]

#: Scenarios whose theorems for mu_n of both signs speak of nonzero tokens only.
_GAPLESS = ("convergent", "slow")


def axis_verdict(params: FlowParameters, x0: Float64[np.ndarray, " token"]) -> tuple[str, str]:
    """Scenario, a word of `verdict.SCENARIOS`, and the theorem that says so, none if there is none.

    Args:
        params: one system, no batch axes.
        x0: its tokens [1]; zero tokens stay and are no part of the verdict.
    Numerics: a token alone feels mu, not mu_n; with more of them zero tokens in between can undo what holds without.
    Source: theory 7, 8.
    """
    present = np.flatnonzero(x0)
    if not len(present):
        return "stationary", "sign-invariance"
    alone = len(present) == 1
    mu = np.atleast_1d(params.mu.sum() if alone else params.mu)
    layer = _channel(mu, np.ones(1) if alone else params.a, params)
    numbers = channel_numbers(layer)
    columns = channel_verdicts(layer, numbers)
    signs = np.sign(x0[present])
    name = "mixed" if np.ptp(signs) else "positive" if signs[0] > 0 else "negative"
    scenario, theorem = (_word(columns[f"{what}_{name}"]) for what in ("scenario", "theorem"))
    one_kind = bool(numbers["one_sign"][0] or numbers["one_rate"][0])
    if scenario in _GAPLESS and not one_kind and len(present) <= np.ptp(present):
        return "not predicted", "none"
    return scenario, theorem


def _channel(mu: Float64[np.ndarray, " state"], a: Float64[np.ndarray, " state"], params: FlowParameters) -> S6Layer:
    """A layer of one channel whose axis carries the system."""
    states = len(mu)
    return S6Layer(
        name="system",
        a=np.array(a, dtype=np.float64).reshape(1, states),
        S_B=np.array(mu, dtype=np.float64).reshape(states, 1),
        S_C=np.ones((states, 1)),
        beta_B=np.zeros(states),
        beta_C=np.zeros(states),
        dt_in=np.ones((1, 1)),
        dt_out=np.array(params.s, dtype=np.float64).reshape(1, 1),
        b=np.array(params.b, dtype=np.float64).reshape(1),
        floor=float(params.floor),
    )


def _word(column: np.ndarray | Labels) -> str:
    assert isinstance(column, Labels), "verdicts are words"
    return column.word(0)
