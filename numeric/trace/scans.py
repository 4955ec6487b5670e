"""What a mixer scans: inputs, steps, B and C in float64, from one tensor that a hook sees and the mixer's own weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, linear, silu, softplus

from s6flow.errors import FormatError
from s6flow.numeric.health.model_code import limits_of
from s6flow.numeric.refinements.layers import normed, s6_shape, split_rows

__all__ = ["BESIDE", "Inputs", "Tap", "convolved", "decay_rates", "hidden", "s6_inputs", "tap", "unmapped"]

#: Part that names MambaVision's mixer, which has a convolution for each of two branches, one of them beside the scan.
BESIDE = "conv1d_x"
_PARTS = ("in_proj", "conv1d", "x_proj", "dt_proj", "A_log", "D", "out_proj")
_TWO_PARTS = ("in_proj", "conv1d", "dt_bias", "A_log", "D", "out_proj")
_STACKED = ("in_proj", "conv2d", "x_proj_weight", "dt_projs_weight", "dt_projs_bias", "A_logs", "Ds", "out_proj")
_NORMS = ("dt_layernorm", "b_layernorm", "c_layernorm")
#: Directions of VMamba's scan: rows, columns, and both from the end.
_DIRECTIONS = 4


@dataclass(frozen=True, eq=False)
class Inputs:
    """One part of a batch as it is scanned, in float64.

    Args:
        x, step: inputs and steps of every channel.
        written, read: B and C by group; each group has as many channels, in order.
        a: decay rates, one of a channel for all states where the layer has one rate a channel.
        skip: D by channel.
        maps: (S_B, S_C), whose products with x are written and read; None where those are no linear maps of x.
    """

    x: Float[Tensor, "batch token channel"]
    step: Float[Tensor, "batch token channel"]
    written: Float[Tensor, "batch token group state"]
    read: Float[Tensor, "batch token group state"]
    a: Float[Tensor, "channel rate"]
    skip: Float[Tensor, " channel"]
    maps: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Tap:
    """Where a mixer is read.

    Args:
        module: that is hooked. before: whether its input is taken, or its output.
        inputs: what the tensor that was taken says of the scan.
        parts: layers of the audit that this mixer is, one behind the other, by the ends of their names.
    """

    module: nn.Module
    before: bool
    inputs: Callable[[Tensor], Inputs]
    parts: tuple[str, ...] = ("",)


def hidden(mixer: Any, name: str) -> str:
    """Why the scan of a mixer is not read; an empty string where it is."""
    if getattr(mixer, "reorder", None) is not None:
        return "tokens are reordered before the scan"
    if not hasattr(mixer, "A_log"):
        return _stacked_hidden(mixer)
    if mixer.A_log.dim() > 2:
        return "heads share one mixer, whose weights are stacked"
    if mixer.A_log.dim() < 2:
        return _heads_hidden(mixer)
    missing = [part for part in _PARTS if getattr(mixer, part, None) is None]
    if hasattr(mixer, BESIDE):
        missing = [part for part in missing if part != "conv1d"]
    if missing:
        return f"no {missing[0]} of the usual layout"
    if hasattr(mixer, "A_b_log"):
        return "two directions share one mixer"
    if normed(mixer) and not (all(hasattr(mixer, norm) for norm in _NORMS) or hasattr(mixer, "rms_eps")):
        return "B, C and the step are normalised behind x_proj by norms of unknown names"
    try:
        s6_shape(mixer, name)
    except FormatError as error:
        return error.rule
    return ""


def _heads_hidden(mixer: Any) -> str:
    missing = [part for part in _TWO_PARTS if getattr(mixer, part, None) is None]
    if missing:
        return f"one decay rate a head and no {missing[0]} of Mamba-2's layout"
    heads, channels, mixed = len(mixer.A_log), mixer.out_proj.weight.shape[1], mixer.conv1d.weight.shape[0]
    both = mixed - channels
    fits = channels % heads == 0 and both > 0 and both % 2 == 0
    if not fits or mixer.in_proj.weight.shape[0] != channels + mixed + heads or len(mixer.D) not in (heads, channels):
        return "in_proj and conv1d are not laid out as gate, u, B, C and step"
    try:
        limits_of(mixer)
    except (TypeError, ValueError):
        return "limits of the step that are no two positive numbers"
    if both // 2 % _groups(mixer) or heads % _groups(mixer):
        return "groups of B and C that do not divide the heads"
    return "" if _smooth(mixer) else "an activation that is not SiLU behind the convolution"


def _stacked_hidden(mixer: Any) -> str:
    missing = [part for part in _STACKED if getattr(mixer, part, None) is None]
    if missing:
        return f"directions share one mixer, and no {missing[0]} of VMamba's layout"
    directions, _, channels = mixer.x_proj_weight.shape
    if directions != _DIRECTIONS or mixer.conv2d.weight.shape[0] != channels:
        return f"{directions} directions, where VMamba has {_DIRECTIONS}, whose order is known"
    return "" if _smooth(mixer) else "an activation that is not SiLU behind the convolution"


def _smooth(mixer: Any) -> bool:
    """Whether the convolution is followed by SiLU, as far as the mixer says."""
    named = getattr(mixer, "activation", "silu")
    known = getattr(mixer, "act", None)
    return named in ("silu", "swish") and (
        known is None or type(known).__name__ in ("SiLU", "SiLUActivation") or known is silu
    )


def _groups(mixer: Any) -> int:
    return int(getattr(mixer, "n_groups", getattr(mixer, "ngroups", 1)))


def tap(mixer: Any) -> Tap:
    """Where and how a mixer is read that is not hidden."""
    if not hasattr(mixer, "A_log"):
        return Tap(
            mixer.conv2d,
            False,
            lambda seen: _stacked(mixer, seen),
            tuple(f"[direction {k}]" for k in range(_DIRECTIONS)),
        )
    if mixer.A_log.dim() == 1:
        return Tap(mixer.in_proj, False, lambda seen: _two(mixer, seen))
    return Tap(mixer.x_proj, True, lambda seen: s6_inputs(mixer, seen))


def unmapped(mixer: Any) -> str:
    """Why B and C of a mixer that is read are no linear maps of what it scans; an empty string where they are."""
    if not hasattr(mixer, "A_log"):
        return "each direction has maps of its own"
    if mixer.A_log.dim() == 1:
        return "B and C read another vector than the scanned one"
    if normed(mixer):
        return "B and C are normalised"
    return "x_proj has a bias" if getattr(mixer.x_proj, "bias", None) is not None else ""


def decay_rates(mixer: Any) -> Float[Tensor, "channel rate"]:
    """a of every channel, in float64."""
    marked = mixer.A_log if hasattr(mixer, "A_log") else mixer.A_logs
    rates = marked.detach().double().exp()
    if rates.dim() == 1:
        return rates.repeat_interleave(mixer.out_proj.weight.shape[1] // len(rates))[:, None]
    return rates.reshape(-1, rates.shape[-1])


def s6_inputs(mixer: Any, u: Float[Tensor, "batch token channel"]) -> Inputs:
    """Mamba-1 and its kin from u, x_proj's input; with norms on the step, B and C where the mixer has them."""
    x = u.double()
    dt_in, S_B, S_C = split_rows(mixer.x_proj.weight.detach().double(), s6_shape(mixer))
    bias = getattr(mixer.x_proj, "bias", None)
    bias = None if bias is None else bias.detach().double()
    rows = torch.cat([dt_in, S_B, S_C])
    parts = list(linear(x, rows, bias).split([len(dt_in), len(S_B), len(S_C)], dim=-1))
    if normed(mixer):
        parts = [_rms(mixer, name, part) for name, part in zip(_NORMS, parts, strict=True)]
    low, written, read = parts
    step = mixer.dt_proj.bias
    times = 2 if hasattr(mixer, BESIDE) else 1  # MambaVision's code adds it in dt_proj and again in the scan
    steps = softplus(
        linear(low, mixer.dt_proj.weight.detach().double(), None if step is None else times * step.detach().double())
    )
    skip, maps = mixer.D.detach().double(), None if unmapped(mixer) else (S_B, S_C)
    return Inputs(x, steps, written.unsqueeze(-2), read.unsqueeze(-2), decay_rates(mixer), skip, maps)


def _rms(mixer: Any, name: str, value: Tensor) -> Tensor:
    """A mixer's root mean square norm; a gain of another size, such as Falcon-Mamba's buffers have, is none."""
    norm = getattr(mixer, name, None)
    eps = getattr(norm, "variance_epsilon", getattr(norm, "eps", getattr(mixer, "rms_eps", 0.0)))
    scaled = value * (value.square().mean(-1, keepdim=True) + eps).rsqrt()
    gain = getattr(norm, "weight", None)
    return scaled if gain is None or len(gain) != value.shape[-1] else scaled * gain.detach().double()


def _two(mixer: Any, projected: Float[Tensor, "batch token row"]) -> Inputs:
    """Mamba-2 from in_proj's output: gate, what the convolution mixes (u, B, C), and the step."""
    heads, channels, mixed = len(mixer.A_log), mixer.out_proj.weight.shape[1], mixer.conv1d.weight.shape[0]
    size, groups = channels // heads, _groups(mixer)
    scale = getattr(mixer, "mup_vector", None)  # Falcon-H1's code scales what in_proj makes
    projected = projected if scale is None else projected * scale.to(projected.dtype)
    _, mix, low = projected.split([channels, mixed, heads], dim=-1)
    u, written, read = (
        convolved(mixer.conv1d, mix)
        .double()
        .split([channels, (mixed - channels) // 2, (mixed - channels) // 2], dim=-1)
    )
    step = softplus(low.double() + mixer.dt_bias.detach().double())
    step = step.clamp(*limits_of(mixer))
    skip = mixer.D.detach().double()
    skip = skip if len(skip) == channels else skip.repeat_interleave(size)
    written, read = (part.unflatten(-1, (groups, -1)) for part in (written, read))
    return Inputs(u, step.repeat_interleave(size, dim=-1), written, read, decay_rates(mixer), skip)


def _stacked(mixer: Any, mixed: Float[Tensor, "batch channel row column"]) -> Inputs:
    """VMamba from conv2d's output: rows, columns, and both from the end, one direction behind the other."""
    image = silu(mixed).double()
    lines = torch.stack([image.flatten(2), image.mT.flatten(2)], dim=1)
    x = torch.cat([lines, lines.flip(-1)], dim=1).permute(0, 3, 1, 2)  # batch, token, direction, channel
    rank, states = mixer.dt_projs_weight.shape[-1], mixer.A_logs.shape[-1]
    rows = mixer.x_proj_weight.detach().double()
    low, written, read = torch.einsum("blkd,kcd->blkc", x, rows).split([rank, states, states], dim=-1)
    out, bias = mixer.dt_projs_weight.detach().double(), mixer.dt_projs_bias.detach().double()
    step = softplus(torch.einsum("blkr,kdr->blkd", low, out) + bias.reshape(out.shape[:2]))
    skip = mixer.Ds.detach().double().reshape(-1)
    return Inputs(x.flatten(2), step.flatten(2), written, read, decay_rates(mixer), skip)


def convolved(conv: nn.Conv1d, x: Float[Tensor, "batch token channel"]) -> Float[Tensor, "batch token channel"]:
    """silu(conv(x)), causal; in float32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    taps, bias = conv.weight.to(wide), None if conv.bias is None else conv.bias.to(wide)
    mixed = conv1d(x.to(wide).mT, taps, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    return silu(mixed[..., : x.shape[1]]).mT
