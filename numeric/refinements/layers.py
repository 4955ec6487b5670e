"""Finding the S6 layers of a model, and the rows of `x_proj.weight` that are Delta's, B's and C's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn

from s6flow.errors import AssumptionError, FormatError

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer, MixerModule

__all__ = ["S6Shape", "channel_mu", "normed", "s6_layers", "s6_shape", "selected", "split_rows"]

_NORMED = ("b_layernorm", "c_layernorm", "b_c_rms")


@dataclass(frozen=True)
class S6Shape:
    """Sizes of one S6 layer: `x_proj.weight` has dt_rank + 2 d_state rows and `channels` columns."""

    dt_rank: int
    d_state: int
    channels: int

    @property
    def rows(self) -> int:
        """Rows of x_proj.weight [1]."""
        return self.dt_rank + 2 * self.d_state


def s6_shape(mixer: Mixer, where: str = "model") -> S6Shape:
    """Sizes of a mixer, checked against each other.

    Args:
        mixer: a module with x_proj, dt_proj and A_log (mamba-ssm's Mamba, Hugging Face's MambaMixer,
            MambaVision's mixer).
        where: the layer's name, for the message.
    Raises: FormatError: if the three weights do not fit together.
    """
    linear = mixer.x_proj  # its sizes, not its weight's: reading a parametrised weight computes it
    sized = hasattr(linear, "out_features") and hasattr(linear, "in_features")
    rows, channels = (linear.out_features, linear.in_features) if sized else linear.weight.shape
    a_channels, d_state = mixer.A_log.shape
    out, dt_rank = mixer.dt_proj.weight.shape
    if a_channels != channels or out != channels or rows != dt_rank + 2 * d_state:
        raise FormatError(
            "an S6 layer needs x_proj.weight (dt_rank + 2 d_state, channel), A_log (channel, d_state) and "
            "dt_proj.weight (channel, dt_rank)",
            f"{(rows, channels)}, {(a_channels, d_state)} and {(out, dt_rank)}",
            where,
            "Select the layers that fit with where=...",
        )
    return S6Shape(dt_rank, d_state, channels)


def normed(mixer: nn.Module) -> bool:
    """Whether a mixer normalises B and C after the projection, as Falcon-Mamba and Jamba do."""
    return any(hasattr(mixer, mark) for mark in _NORMED)


def s6_layers(model: nn.Module) -> dict[str, MixerModule]:
    """Every S6 mixer of a model by its dotted name ('' is the model itself).

    A mixer is recognised by its parts, not by its class: `x_proj`, `dt_proj` and a two-dimensional `A_log`.
        That covers
    mamba-ssm's Mamba, Hugging Face's MambaMixer and MambaVision's mixer. A layer that normalises B and C
    after the projection (Falcon-Mamba, Jamba) or has a bias in x_proj is found too, with a warning: there mu
    alone does not decide the regime.

    Raises: AssumptionError: if the model has no S6 layer.
    """
    found: dict[str, MixerModule] = {}
    for name, module in model.named_modules():
        if hasattr(module, "_orig_mod"):  # a compiled module answers for the one within, which comes by itself
            continue
        parts = [getattr(module, part, None) for part in ("x_proj", "dt_proj", "A_log")]
        if any(part is None for part in parts) or not hasattr(parts[0], "weight") or module.A_log.dim() != 2:
            continue
        found[name] = module
        if getattr(parts[0], "bias", None) is not None:
            warnings.warn(
                f"{name}: x_proj has a bias, so the sign of mu does not decide the regime alone", stacklevel=2
            )
        if normed(module):
            warnings.warn(
                f"{name}: B and C are normalised after x_proj, so mu is not read off x_proj alone",
                stacklevel=2,
            )
    if not found:
        raise AssumptionError(
            "the model needs at least one S6 layer (x_proj, dt_proj and A_log of shape (channel, d_state))",
            type(model).__name__,
            "model",
            "Mamba-2 and other SSD layers have no x_proj and are not covered.",
        )
    return found


def selected(model: nn.Module, where: Callable[[str], bool] | None) -> dict[str, MixerModule]:
    """The S6 mixers whose dotted names `where` accepts; all by default.

    Raises: AssumptionError: none is left.
    """
    layers = {name: mixer for name, mixer in s6_layers(model).items() if where is None or where(name)}
    if not layers:
        raise AssumptionError("where=... must leave at least one S6 layer", "none", type(model).__name__, "Widen it.")
    return layers


def split_rows(
    weight: Float[Tensor, "row channel"], shape: S6Shape
) -> tuple[Float[Tensor, "dt channel"], Float[Tensor, "state channel"], Float[Tensor, "state channel"]]:
    """The Delta, B and C rows of x_proj.weight: (first factor of S_Delta, S_B, S_C)."""
    dt, s_b, s_c = weight.split([shape.dt_rank, shape.d_state, shape.d_state], dim=0)
    return dt, s_b, s_c


def channel_mu(weight: Float[Tensor, "row channel"], shape: S6Shape) -> Float[Tensor, "state channel"]:
    """mu_n of every channel axis: mu_n = S_C[n, d] S_B[n, d]; the sum over n is mu.

    Numerics: in float64, so that the sign is that of the weights as stored.
    Source: theory section 3.
    """
    _, s_b, s_c = split_rows(weight.detach().double(), shape)
    return s_b * s_c
