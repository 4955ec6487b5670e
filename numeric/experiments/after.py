"""What a trained network's tokens do: norms by depth, and the bare S6 flow at the tokens that reach each
layer.

Three views of the claim that the convergent scenario shrinks tokens, from the whole network down to the
theory's object: - *depth*: root-mean-square norm of the residual stream before the first block and after
each, in the network as trained and with convolution, gate,
  norm or D skip left out of every block, and with all four left out (`bare`): residual + S6 + projections
  only;
- *rate*: for the tokens x that really enter a layer's S6 (convolved and activated), the bare layer's instant
growth rate <x_l, y_l> / |x_l|^2
  of every token, y without the D x term: the d ln|x_l| / dt of theory section 2;
- *mu*: the signs of mu and mu_n of every channel, from the weights alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from s6flow.numeric.experiments.model import PARTS, S6Stack
from s6flow.numeric.refinements import channel_mu, s6_layers, s6_shape
from s6flow.numeric.refinements.mixer import s6_output

__all__ = ["depth_norms", "measure", "mu_signs", "token_rates"]


def _rounded(values: Tensor) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]


def _token_norms(hidden: Tensor, mask: Tensor | None) -> Tensor:
    norms = hidden.double().square().mean(-1).sqrt()
    return norms.flatten() if mask is None else norms[mask]


def depth_norms(model: S6Stack, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
    """Mean token norm by depth [1], for every way of leaving parts out.

    Returns: for `full`, `no-conv`, `no-gate`, `no-norm`, `no-skip` and `bare`: the norms from the embedding
        to the last block, ln of last over first, and the share of tokens whose norm is smaller at the end
        than at the start.
    """
    views = {"full": frozenset[str](), **{f"no-{part}": frozenset({part}) for part in PARTS}, "bare": frozenset(PARTS)}
    found = {}
    for name, without in views.items():
        trace = model.depth_trace(tokens, mask, without)
        norms = torch.stack([_token_norms(hidden, mask).mean() for hidden in trace])
        shrunk = (_token_norms(trace[-1], mask) < _token_norms(trace[0], mask)).double().mean()
        found[name] = {
            "norms": _rounded(norms), "log_growth": float((norms[-1] / norms[0]).log()), "share_shrunk":
            float(shrunk)
        }  # fmt: skip
    return found


@torch.no_grad()
def token_rates(model: S6Stack, tokens: Tensor, mask: Tensor | None = None) -> list[dict[str, float]]:
    """Per layer: mean, median and share < 0 of the bare S6's growth rates at the tokens that enter it."""
    hidden, found = model.backbone.embedding(tokens).float(), []
    for block in model.backbone.layers:
        mixer = block.mixer
        inner, _ = mixer.in_proj(block.norm(hidden)).chunk(2, dim=-1)
        entering = silu(mixer.conv1d(inner.mT)[..., : tokens.shape[1]]).mT.float()
        push = s6_output(mixer, entering, skip=False).double()
        x = entering.double()
        size = x.square().sum(-1)
        rate = ((x * push).sum(-1) / size.clamp_min(torch.finfo(torch.float64).tiny)).flatten()
        rate = rate[(size > 0).flatten() if mask is None else ((size > 0) & mask).flatten()]
        found.append(
            {
                "mean": float(rate.mean()),
                "median": float(rate.median()),
                "share_negative": float((rate < 0).double().mean()),
            }
        )
        hidden = block(hidden, mask).float()
    return found


def mu_signs(model: nn.Module) -> list[dict[str, float]]:
    """Per layer: share of channels with mu < 0, share of negative mu_n, mean mu and mean |mu|."""
    found = []
    for mixer in s6_layers(model).values():
        mu_n = channel_mu(mixer.x_proj.weight, s6_shape(mixer))
        mu = mu_n.sum(0)
        found.append(
            {
                "share_mu_negative": float((mu < 0).double().mean()),
                "share_mu_n_negative": float((mu_n < 0).double().mean()),
                "mean_mu": float(mu.mean()),
                "mean_abs_mu": float(mu.abs().mean()),
            }
        )
    return found


def measure(model: S6Stack, tokens: Tensor, mask: Tensor | None = None) -> dict[str, Any]:
    """All three views on one batch; the summary means over layers are what the claims read."""
    model.eval()
    rates, depth = token_rates(model, tokens, mask), depth_norms(model, tokens, mask)
    layers = len(rates)
    return {
        "mu": mu_signs(model),
        "rate": rates,
        "depth": depth,
        "summary": {
            "rate_mean": sum(layer["mean"] for layer in rates) / layers,
            "rate_share_negative": sum(layer["share_negative"] for layer in rates) / layers,
            **{f"depth_{name.replace('-', '_')}": view["log_growth"] for name, view in depth.items()},
        },
    }
