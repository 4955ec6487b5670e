"""Layers with vector tokens as values: what witnesses and counterexamples of the theorems on them share."""

from __future__ import annotations

from typing import Any

__all__ = ["Rows", "layer"]

Rows = list[list[float]]


def layer(
    S_C: Rows,
    x: Rows,
    *,
    S_B: Rows | None = None,
    S_dt_in: Rows | None = None,
    S_dt_out: Rows | None = None,
    beta_B: list[float] | None = None,
    beta_C: list[float] | None = None,
    a: Rows | None = None,
    b: list[float] | None = None,
    floor: float = 0.0,
) -> dict[str, Any]:
    """A layer and its tokens, by letter.

    Args:
        S_C: (state, channel).
        x: (token, channel).
        S_B: (state, channel); the identity by default, so that M = S_C^T.
        S_dt_in, S_dt_out: (rank, channel) and (channel, rank); by default steps do not depend on the token.
        beta_B, beta_C: (state,); zero by default.
        a: (channel, state), per unit of step; one by default.
        b: (channel,); zero by default, a step of ln 2.
        floor: of the steps.
    """
    states, channels = len(S_C), len(x[0])
    identity = [[float(n == d) for d in range(channels)] for n in range(states)]
    return {
        "S_B": S_B or identity,
        "S_C": S_C,
        "S_dt_in": S_dt_in or [[0.0] * channels],
        "S_dt_out": S_dt_out or [[0.0] for _ in range(channels)],
        "beta_B": beta_B or [0.0] * states,
        "beta_C": beta_C or [0.0] * states,
        "a": a or [[1.0] * states for _ in range(channels)],
        "b": b or [0.0] * channels,
        "floor": floor,
        "x": x,
    }
