"""Importance of tokens without learning: what the theory says of a token's own growth, and the random control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from s6flow.symbolic.codegen.module import Generated

__all__ = ["SCORES", "Score", "ScoreInputs", "axis_growth_score", "growth_score", "random_score"]


@dataclass(frozen=True)
class ScoreInputs:
    """What a score may look at. Token-wise fields mix no tokens; the rest are the layer's weights.

    Args:
        tokens: x [1] as they enter the S6 layer, shape (batch, token, channel).
        step_input: S_Delta x [1], without the Delta bias.
        step: Delta = softplus(S_Delta x + bias) [1].
        b, c: S_B x and S_C x [1], shape (batch, token, state).
        a: decay rates a_n > 0 [1], shape (channel, state).
        mu: mu_n of every channel axis [1], shape (channel, state).
        slope: s = S_Delta[d, d] of every channel axis [1]; bias: the Delta bias [1].
    """

    tokens: Float[Tensor, "batch token channel"]
    step_input: Float[Tensor, "batch token channel"]
    step: Float[Tensor, "batch token channel"]
    b: Float[Tensor, "batch token state"]
    c: Float[Tensor, "batch token state"]
    a: Float[Tensor, "channel state"]
    mu: Float[Tensor, "channel state"]
    slope: Float[Tensor, " channel"]
    bias: Float[Tensor, " channel"]


Score = Callable[[ScoreInputs], Tensor]


def _weighted_by_power(rates: Tensor, tokens: Tensor) -> Tensor:
    """sum_d rate_d x_d^2 / |x|^2: the growth rate of |x| when channel d grows at rate_d; 0 for a zero token."""
    power = tokens.square()
    size = power.sum(-1)
    return (rates * power).sum(-1) / torch.where(size > 0, size, torch.ones_like(size))


def growth_score(inputs: ScoreInputs) -> Float[Tensor, "batch token"]:
    """d ln|x_l| / dt of a token left alone: (x^T S_C^T S_B x) sum_d Delta_d x_d^2 / |x|^2 [1/depth-time].

    It is the rate at which a token grows on its own (the diagonal of the hidden attention), so it needs no
    learning and depends on no other token: negative scores mark tokens that their layer shrinks, large ones
    those that it blows up first.
    Source: theory sections 6 and 11, token 1.
    """
    return (inputs.c * inputs.b).sum(-1) * _weighted_by_power(inputs.step, inputs.tokens)


@cache
def _own_rate() -> Generated:
    from s6flow.symbolic.codegen.module import generate  # SymPy is loaded for this score alone
    from s6flow.symbolic.criteria import quantity

    return generate(quantity("own_rate"), "torch", "fast")


def axis_growth_score(inputs: ScoreInputs) -> Float[Tensor, "batch token"]:
    """The same with every channel taken as the 1-D flow of its own axis [1/depth-time].

    The channels' rates h(x_d) = mu x_d^2 Delta(x_d) come from the generated program, so slow, fast and convergent
    channels count as theory section 7 classifies them; couplings between channels are left out.
    Source: symbolic.criteria.own_rate; theorem `linear-recursion`.
    """
    program = _own_rate()
    known = {
        "y": inputs.tokens,
        "mu": inputs.mu,
        "s": inputs.slope,
        "b": inputs.bias,
        "floor": torch.zeros_like(inputs.bias),
    }
    rates = program(*[known[name] for name in program.inputs])
    return _weighted_by_power(rates, inputs.tokens)


def random_score(inputs: ScoreInputs) -> Float[Tensor, "batch token"]:
    """A fresh uniform score for every token and call: the control that shuffles."""
    return torch.rand(inputs.tokens.shape[:2], device=inputs.tokens.device)


@cache
def _fixed(count: int, device: torch.device) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(count)).to(device)


def fixed_score(inputs: ScoreInputs) -> Float[Tensor, "batch token"]:
    """Scores by the token's place alone, drawn once for every length: the same random order in all layers and calls."""
    return _fixed(inputs.tokens.shape[1], inputs.tokens.device).expand(inputs.tokens.shape[:2])


SCORES: dict[str, Score] = {
    "growth": growth_score,
    "axis-growth": axis_growth_score,
    "random": random_score,
    "random-fixed": fixed_score,
}
