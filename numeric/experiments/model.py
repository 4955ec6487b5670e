"""The stack of Mamba-1 blocks that the experiments train, with state-spaces/mamba's tensor names.

Blocks are mamba-ssm's own `Mamba` on CUDA where that package is installed, else `PlainMamba`: the same
parameters, names and initialisation, scanned in plain torch (slow, for tests and machines without a GPU).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from s6flow.errors import FormatError
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.refinements import TokenReorder
from s6flow.numeric.refinements.mixer import kernel_scan, mixer_forward

if TYPE_CHECKING:
    from collections.abc import Iterator

    from s6flow.numeric.refinements.parts import Mixer

    class Blocks(nn.ModuleList):
        """torch does not say what a list of modules holds."""

        def __iter__(self) -> Iterator[Block]: ...


__all__ = ["PARTS", "PlainMamba", "RMSNorm", "S6Stack", "parameter_counts"]

# what a measurement can leave out of a block; see `S6Stack.depth_trace`
PARTS = ("conv", "gate", "norm", "skip")


class PlainMamba(nn.Module):
    """Mamba-1 mixer with mamba-ssm's parameters and initialisation, in plain torch."""

    def __init__(self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        inner, rank = expand * d_model, math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(inner, rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.out_proj = nn.Linear(inner, d_model, bias=False)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        low, high = math.log(1e-3), math.log(1e-1)
        step = torch.exp(low + (high - low) * torch.rand(inner)).clamp_min(1e-4)
        with torch.no_grad():
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # softplus(bias) = step

    def forward(self, hidden: Float[Tensor, "batch token model"]) -> Float[Tensor, "batch token model"]:
        """The mixer's output."""
        return mixer_forward(self, hidden)


def _mixer(config: ModelConfig, index: int, cuda: bool) -> Mixer:
    sizes = {"d_state": config.state, "d_conv": config.conv, "expand": config.expand}
    if cuda and kernel_scan() is not None:
        from mamba_ssm.modules.mamba_simple import Mamba

        return Mamba(config.width, layer_idx=index, **sizes)
    return PlainMamba(config.width, **sizes)


class RMSNorm(nn.Module):
    """Root-mean-square norm in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden / rms(hidden) * weight."""
        wide = hidden.float()
        return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Block(nn.Module):
    """Residual block, with its norm before the mixer, behind the sum, or nowhere."""

    def __init__(self, config: ModelConfig, index: int, cuda: bool) -> None:
        super().__init__()
        self.norm = RMSNorm(config.width) if config.norm == "pre" else nn.Identity()
        self.behind = RMSNorm(config.width) if config.norm == "post" else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.mixer = _mixer(config, index, cuda)
        self.turn = index % config.directions

    def update(self, hidden: Tensor, mask: Tensor | None = None, without: frozenset[str] = frozenset()) -> Tensor:
        """What the block adds to the residual stream, with parts left out for measuring."""
        inner = hidden if "norm" in without else self.norm(hidden)
        reorder = getattr(self.mixer, "reorder", None)
        if mask is None and not without and not isinstance(reorder, TokenReorder):
            return self.mixer(inner)
        keep = {part: part not in without for part in ("conv", "gate", "skip")}
        return mixer_forward(self.mixer, inner, mask=mask, reorder=reorder, **keep)

    def forward(self, hidden: Tensor, mask: Tensor | None = None, without: frozenset[str] = frozenset()) -> Tensor:
        """The residual stream behind the block."""
        if self.turn == 0 or mask is not None:  # padded sequences have a beginning only
            change = self.update(hidden, mask, without)
        else:
            order, back = _orders(hidden.shape[1], self.turn, hidden.device)
            change = self.update(hidden[:, order], mask, without)[:, back]
        total = hidden + self.dropout(change)
        return total if "norm" in without else self.behind(total)


@cache
def _orders(tokens: int, turn: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A scan order and its inverse: 1 is backwards, 2 and 3 are 0 and 1 down the columns of a square."""
    order = torch.arange(tokens)
    side = math.isqrt(tokens)
    if turn >= 2:
        if side * side != tokens:
            raise FormatError("scans down the columns need a square of tokens", tokens, "model.directions", "Take 2.")
        order = order.view(side, side).mT.flatten()
    order = order.flip(0) if turn % 2 else order
    return order.to(device), torch.argsort(order).to(device)


class Patches(nn.Module):
    """Linear embedding of tokens made of pixels, with a learned vector for every place."""

    def __init__(self, pixels: int, tokens: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(pixels, width)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, width))

    def forward(self, values: Tensor) -> Tensor:
        """Embedded tokens, from pixels of 0 to 255."""
        return self.linear(values.float() / 127.5 - 1.0) + self.place


class Backbone(nn.Module):
    """Embedding, blocks, final norm."""

    def __init__(self, config: ModelConfig, vocabulary: int, cuda: bool, image: tuple[int, int] | None) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, config.width) if image is None else Patches(*image, config.width)
        self.layers = nn.ModuleList([Block(config, index, cuda) for index in range(config.layers)])  # type: Blocks  # type: ignore[assignment]
        self.norm_f = RMSNorm(config.width)
        if image is None:
            nn.init.normal_(self.embedding.weight, std=0.02)  # type: ignore[arg-type]  # an nn.Embedding
        for block in self.layers:
            with torch.no_grad():
                block.mixer.out_proj.weight /= math.sqrt(config.layers)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Final hidden states, shape (batch, token, model)."""
        hidden = self.embedding(tokens)
        for block in self.layers:
            hidden = block(hidden, mask)
        return self.norm_f(hidden)


class S6Stack(nn.Module):
    """Language model (tied head) or sequence classifier (mean over tokens).

    Args:
        config: sizes.
        vocabulary: number of token ids.
        classes: None for a language model.
        cuda: whether mamba-ssm's blocks may be used.
        image: pixels of a token and tokens of a sequence, where tokens are pixels.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: int,
        classes: int | None = None,
        cuda: bool = False,
        image: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = Backbone(config, vocabulary, cuda, image)
        self.lm_head: Any = None
        self.classifier: Any = None
        if classes is None:
            self.lm_head = nn.Linear(config.width, vocabulary, bias=False)
            self.lm_head.weight = self.backbone.embedding.weight
        else:
            self.classifier = nn.Linear(config.width, classes)

    def forward(
        self, tokens: Shaped[Tensor, "batch token *pixel"], mask: Bool[Tensor, "batch token"] | None = None
    ) -> Float[Tensor, "batch ... logit"]:
        """Logits per token, or per sequence for a classifier."""
        hidden = self.backbone(tokens, mask)
        if self.lm_head is not None:
            return self.lm_head(hidden)
        if mask is None:
            return self.classifier(hidden.mean(1))
        share = mask.unsqueeze(-1).to(hidden.dtype)
        return self.classifier((hidden * share).sum(1) / share.sum(1))

    @torch.no_grad()
    def depth_trace(
        self, tokens: Tensor, mask: Tensor | None = None, without: frozenset[str] = frozenset()
    ) -> list[Float[Tensor, "batch token model"]]:
        """The residual stream before the first block and after each, with `PARTS` left out of every block."""
        hidden = self.backbone.embedding(tokens).float()
        trace = [hidden]
        for block in self.backbone.layers:
            hidden = block(hidden, mask, without).float()
            trace.append(hidden)
        return trace


def parameter_counts(model: nn.Module) -> dict[str, int]:
    """All trainable numbers, and those among them that can change the output.

    The published constraint keeps x_proj.weight's shape but lets most of its C rows and a triangle of its B
    rows drop out of the function; a number counts as used when the gradient of a random linear function of
    the weight with respect to it is not zero.
    """
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    idle = 0
    for module in model.modules():
        stored: Any = getattr(module, "parametrizations", None)
        if stored is None or "weight" not in stored:
            continue
        originals = [p for p in stored["weight"].parameters() if p.requires_grad]
        with torch.enable_grad():
            weight = module.weight  # type: Any
            probe = torch.linspace(1.0, 2.0, weight.numel(), device=weight.device).view_as(weight)
            grads = torch.autograd.grad((weight.float() * probe).sum(), originals, allow_unused=True)
        idle += sum(p.numel() if g is None else int((g == 0).sum()) for p, g in zip(originals, grads, strict=True))
    return {"trainable": total, "used": total - idle}
