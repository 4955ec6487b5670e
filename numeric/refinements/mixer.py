"""One forward pass for every Mamba-1 mixer, with places to intervene: reordering, and leaving out conv, gate
or skip.

It reads the parts that mamba-ssm's Mamba and Hugging Face's MambaMixer share (in_proj, conv1d, x_proj,
dt_proj, A_log, D, out_proj) and calls mamba-ssm's selective scan kernel on CUDA where that package is
installed, else a plain torch recurrence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import silu, softplus

from s6flow.numeric.refinements.layers import s6_shape

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer, Sorter

__all__ = ["kernel_scan", "mixer_forward", "s6_inputs", "s6_output", "scan_reference"]


@cache
def kernel_scan() -> Callable[..., Tensor] | None:
    """mamba-ssm's selective_scan_fn, or None where it cannot be imported; a broken installation is said aloud."""
    if find_spec("mamba_ssm") is None:
        return None
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except Exception as error:  # a build against another torch fails with more than ImportError
        warnings.warn(f"mamba-ssm is installed but does not import ({type(error).__name__}: {error})", stacklevel=2)
        return None
    return selective_scan_fn


def _kernel_for(tokens: Tensor) -> Callable[..., Tensor] | None:
    return kernel_scan() if tokens.is_cuda else None


def scan_reference(
    x: Float[Tensor, "batch channel token"],
    step: Float[Tensor, "batch channel token"],
    a: Float[Tensor, "channel state"],
    b: Float[Tensor, "batch state token"],
    c: Float[Tensor, "batch state token"],
) -> Float[Tensor, "batch channel token"]:
    """The S6 recurrence in plain torch, token by token.

    Args:
        x: tokens [1]; step: Delta > 0 [1]; a: decay rates > 0 [1]; b, c: B and C of every token [1].
    Source: theory section 1.
    """
    decay = torch.exp(-a[None, :, None, :] * step.unsqueeze(-1))
    drive = (step * x).unsqueeze(-1) * b.mT.unsqueeze(1)
    state = torch.zeros_like(drive[:, :, 0])
    out = []
    for token in range(x.shape[-1]):
        state = decay[:, :, token] * state + drive[:, :, token]
        out.append((state * c[:, None, :, token]).sum(-1))
    return torch.stack(out, dim=-1)


def s6_inputs(
    mixer: Mixer, tokens: Float[Tensor, "batch token channel"]
) -> tuple[
    Float[Tensor, "batch token channel"],
    Float[Tensor, "batch token state"],
    Float[Tensor, "batch token state"],
]:
    """(S_Delta x, S_B x, S_C x) of every token; the Delta bias is not added."""
    shape = s6_shape(mixer)
    low, b, c = mixer.x_proj(tokens).split([shape.dt_rank, shape.d_state, shape.d_state], dim=-1)
    return low @ mixer.dt_proj.weight.mT.to(low.dtype), b, c


def s6_output(
    mixer: Mixer,
    tokens: Float[Tensor, "batch token channel"],
    *,
    skip: bool = True,
    bias_twice: bool = False,
) -> Float[Tensor, "batch token channel"]:
    """y of the bare S6 layer: Delta, B and C are computed from `tokens` as given, then scanned.

    Args:
        tokens: x [1] in the order to scan.
        skip: add D x.
        bias_twice: add the Delta bias a second time, as the published reordering does.
    Source: theory section 1.
    """
    step, b, c = s6_inputs(mixer, tokens)
    bias = mixer.dt_proj.bias
    if bias_twice:
        step = step + bias.to(step.dtype)
    rate = torch.exp(mixer.A_log.float())
    kernel = _kernel_for(tokens)
    x = tokens.mT
    if kernel is not None:
        b, c = (part.to(x.dtype).mT.contiguous() for part in (b, c))
        skip_weight = mixer.D.float() if skip else None
        y = kernel(
            x.contiguous(), step.to(x.dtype).mT.contiguous(), -rate, b, c, skip_weight,
            delta_bias=bias.float(), delta_softplus=True,
        )  # fmt: skip
        return y.mT
    wide = tokens.dtype if tokens.dtype == torch.float64 else torch.float32
    x, b, c = x.to(wide), b.to(wide).mT, c.to(wide).mT
    y = scan_reference(x, softplus(step.to(wide) + bias.to(wide)).mT, rate.to(wide), b, c)
    if skip:
        y = y + mixer.D.to(wide)[:, None] * x
    return y.mT.to(tokens.dtype)


def mixer_forward(
    mixer: Mixer,
    hidden: Float[Tensor, "batch token model"],
    *,
    mask: Bool[Tensor, "batch token"] | None = None,
    reorder: Sorter | None = None,
    conv: bool = True,
    gate: bool = True,
    skip: bool = True,
) -> Float[Tensor, "batch token model"]:
    """A Mamba-1 mixer's output.

    Args:
        mixer: mamba-ssm's Mamba, Hugging Face's MambaMixer, or a module with the same parts.
        hidden: the block's input [1].
        mask: True for real tokens; the others are zeroed.
        reorder: sorts the tokens between convolution and scan.
        conv, gate, skip: False leaves out conv1d with its SiLU, the SiLU gate, or the D x term.
    """
    if mask is not None:
        hidden = hidden * mask.unsqueeze(-1)
    x, z = mixer.in_proj(hidden).chunk(2, dim=-1)
    if conv:
        x = silu(mixer.conv1d(x.mT)[..., : hidden.shape[1]]).mT
        if mask is not None:
            x = x * mask.unsqueeze(-1)
    if reorder is None:
        y = s6_output(mixer, x, skip=skip)
    else:
        y = reorder(mixer, x, mask, lambda t, twice: s6_output(mixer, t, skip=skip, bias_twice=twice))
    out: Any = mixer.out_proj((y * silu(z) if gate else y).to(hidden.dtype))
    return out
