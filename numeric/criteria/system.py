"""The verdict on one 1-D system with given tokens: the audit's rules, with all that the tokens themselves decide."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.criteria.labels import judge
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.portrait import followers
from s6flow.numeric.criteria.verdict import carried_columns, least_sign, letters_of
from s6flow.numeric.flow.parameters import FlowParameters
from s6flow.numeric.weights import S6Layer

__all__ = ["axis_verdict"]


def axis_verdict(params: FlowParameters, x0: Float64[np.ndarray, " token"]) -> tuple[str, str]:
    """The predicted end, a word of `symbolic.ends`, and the theorem that says so, `NO_THEOREM` if there is none.

    Args:
        params: one system, no batch axes.
        x0: its tokens [1]; zero tokens stay and are no part of the verdict.
    Numerics: a token alone feels mu, not mu_n. Two tokens are judged by where the second one starts, too.
    Source: theory 7, 8; `end_rules.SYSTEM_RULES`.
    """
    with np.errstate(all="ignore"):  # letters of any size: what leaves float64 decides nothing
        return _judged(params, x0)


def _judged(params: FlowParameters, x0: Float64[np.ndarray, " token"]) -> tuple[str, str]:
    present = np.flatnonzero(x0)
    alone = len(present) == 1
    mu = np.atleast_1d(params.mu.sum() if alone else params.mu)
    layer = _channel(mu, np.ones(1) if alone else params.a, params)
    numbers = channel_numbers(layer)
    columns, above = carried_columns(layer, numbers)
    anywhere = columns["dichotomy_can_fail"]
    assert isinstance(anywhere, np.ndarray), "a flag"
    tokens = x0[present]
    outward = params.s * tokens >= 0
    # later tokens that start on the side where Delta grows reach no step below Delta(0)
    letters = letters_of(layer, numbers, least_sign(above if outward[1:].all() else anywhere)) | {
        "tokens": len(tokens),
        "outward": np.count_nonzero(outward),
        "gaps": (np.ptp(present) + 1 - len(present)) if len(present) else 0,
    }
    if len(tokens) == 2 and not letters["gaps"]:
        found = followers(layer.mu_n, layer.a, layer.s, layer.b, layer.floor, tokens[:1], tokens[1:])
        letters |= {"vanishes": found.vanishes, "held": found.held}
    end, theorem = judge(letters)
    return end.word(0), theorem.word(0)


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
