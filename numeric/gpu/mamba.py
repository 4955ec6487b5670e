"""mamba-ssm's own CUDA scan as the right-hand side: channel-axis flows and D-dimensional flows of real layers.

`selective_scan_fn` computes one S6 layer's output y; the pure flow is x' = y. On a channel axis each channel of each
layer is a system of its own, so that one call of the kernel advances all of them: channels lie along its `dim`,
each with its own group of B and C.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s6flow.numeric.gpu.batched import Ends, integrate_batched
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.triton_runtime import require_device
from s6flow.symbolic.errors import MissingDependencyError

__all__ = [
    "AxisSystems",
    "affine_axis_flow",
    "axis_flow",
    "axis_velocity",
    "layer_flow",
    "layer_velocity",
    "selective_scan",
]


#: ln|x| that counts as blown up where the step grows with the token: |x|^3 stays in float32, and the time left is
#: below 1e-30. Where the step dies out (s x < 0) later tokens may pass it harmlessly, up to float32's range.
LOG_LIMIT, LOG_LIMIT_SLOW = 27.0, 80.0


def selective_scan() -> Any:
    """mamba-ssm's `selective_scan_fn`.

    Raises: MissingDependencyError: no CUDA, or mamba-ssm is not installed.
    """
    require_device()
    try:
        return importlib.import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    except ImportError as error:
        raise MissingDependencyError(
            "the kernel-driven flow needs mamba-ssm", error, "", "Build its wheel for your CUDA, or use --device cpu."
        ) from None


@dataclass(frozen=True)
class AxisSystems:
    """One 1-D system for every (layer, channel), on the device in float32.

    Args:
        a, S_B, S_C, beta_B, beta_C: shape (channel, state); s, b, floor: shape (channel).
        layer: index of the layer that each system comes from; channel: its channel there.
    """

    a: Tensor
    S_B: Tensor
    S_C: Tensor
    beta_B: Tensor
    beta_C: Tensor
    s: Tensor
    b: Tensor
    floor: Tensor
    layer: np.ndarray
    channel: np.ndarray

    @classmethod
    def of(cls, layers: Sequence[S6Layer], device: torch.device) -> AxisSystems:
        """Every channel of every layer; the layers must have equally many states."""

        def stack(parts: list[np.ndarray]) -> Tensor:
            return torch.as_tensor(np.concatenate(parts), dtype=torch.float32, device=device)

        def wide(layer: S6Layer, bias: np.ndarray) -> np.ndarray:
            return np.broadcast_to(bias, layer.a.shape)

        return cls(
            stack([layer.a for layer in layers]),
            stack([layer.S_B.T for layer in layers]),
            stack([layer.S_C.T for layer in layers]),
            stack([wide(layer, layer.beta_B) for layer in layers]),
            stack([wide(layer, layer.beta_C) for layer in layers]),
            stack([layer.s for layer in layers]),
            stack([layer.b for layer in layers]),
            stack([np.full(layer.channels, layer.floor) for layer in layers]),
            np.concatenate([np.full(layer.channels, at) for at, layer in enumerate(layers)]),
            np.concatenate([np.arange(layer.channels) for layer in layers]),
        )


def axis_velocity(systems: AxisSystems, x: Tensor, index: Tensor, growth: bool = False) -> Tensor:
    """y_{ld} on the channel axes, by mamba-ssm's kernel.

    Args:
        systems: the channels.
        x: tokens, shape (system, token).
        index: which channel each row of x belongs to, shape (system).
        growth: return F = y / x instead (without biases): C is then given without its factor x, in which y is
            linear, so that tokens of 1e-30 neither underflow nor divide 0 by 0.
    Returns: y, shape (system, token), float32.
    Source: theory 3; theorem `channel-invariance`.
    """
    scan = selective_scan()
    u = x.float()
    floored = bool(systems.floor.any())
    step = systems.s[index, None] * u
    bias = systems.b[index]
    if floored:  # the kernel knows no floor: the step is then made here
        step = torch.nn.functional.softplus(step + bias[:, None], threshold=20.0) + systems.floor[index, None]
    B = systems.S_B[index, :, None] * u[:, None, :] + systems.beta_B[index, :, None]
    C = systems.S_C[index, :, None] * (torch.ones_like(u) if growth else u)[:, None, :]
    if not growth:
        C = C + systems.beta_C[index, :, None]
    y: Tensor = scan(
        u[None], step[None], -systems.a[index], B[None], C[None],
        delta_bias=None if floored else bias, delta_softplus=not floored,
    )[0]  # fmt: skip
    return y


def axis_flow(
    systems: AxisSystems, x0: Tensor, index: Tensor, *, log_horizon: float, rtol: float = 1e-5, max_steps: int = 2000
) -> Ends:
    """The flow on channel axes from x0, in log tokens, driven by mamba-ssm's kernel.

    Args:
        systems: channels without projection biases (theory 4: signs are invariant).
        x0: nonzero tokens, shape (system, token).
        index: channel of each row, shape (system).
        log_horizon: ln t at which to stop.
    Returns: ends; the state is ln|x|.
    """
    sign = torch.sign(x0).float()

    def velocity(u: Tensor, rows: Tensor) -> Tensor:
        x = sign[rows] * torch.exp(u).float()
        return axis_velocity(systems, x, index[rows], growth=True).double()

    harmless = systems.s[index, None] * sign < 0

    def log_size(u: Tensor, rows: Tensor) -> Tensor:
        return torch.where(harmless[rows], u * (LOG_LIMIT / LOG_LIMIT_SLOW), u).amax(dim=1)

    return integrate_batched(
        velocity, x0.double().abs().log(), log_horizon=log_horizon, log_size=log_size, log_limit=LOG_LIMIT,
        rtol=rtol, relative=True, max_steps=max_steps,
    )  # fmt: skip


def affine_axis_flow(
    systems: AxisSystems, x0: Tensor, index: Tensor, *, log_horizon: float, rtol: float = 1e-5, max_steps: int = 2000
) -> Ends:
    """As `axis_flow` for channels with projection biases, whose signs may change: the state is asinh x."""

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        return axis_velocity(systems, torch.sinh(v), index[rows]).double() / torch.cosh(v)

    def log_size(v: Tensor, rows: Tensor) -> Tensor:
        return v.abs().amax(dim=1) - np.log(2.0)

    return integrate_batched(
        velocity, torch.asinh(x0.double()), log_horizon=log_horizon, log_size=log_size, log_limit=9.0,
        rtol=rtol, relative=False, max_steps=max_steps,
    )  # fmt: skip


def layer_velocity(layer: S6Layer, x: Tensor) -> Tensor:
    """y of one whole layer on D channels, by mamba-ssm's kernel.

    Args:
        layer: its weights.
        x: tokens, shape (system, token, channel), on the device.
    Returns: y, same shape, float32.
    Source: theory 1; symbolic.layer.layer_cell.
    """
    scan = selective_scan()

    def send(value: np.ndarray) -> Tensor:
        return torch.from_numpy(value.astype(np.float32)).to(x.device)

    u = x.float()
    step = (u @ send(layer.dt_in).T) @ send(layer.dt_out).T
    bias = send(layer.b)
    if layer.floor:
        step = torch.nn.functional.softplus(step + bias, threshold=20.0) + layer.floor
    B = u @ send(layer.S_B).T + send(layer.beta_B)
    C = u @ send(layer.S_C).T + send(layer.beta_C)
    y: Tensor = scan(
        u.mT.contiguous(), step.mT.contiguous(), -send(layer.a), B.mT.contiguous(), C.mT.contiguous(),
        delta_bias=None if layer.floor else bias, delta_softplus=not layer.floor,
    )  # fmt: skip
    return y.mT


def layer_flow(layer: S6Layer, x0: Tensor, *, log_horizon: float, rtol: float = 1e-4, max_steps: int = 1000) -> Ends:
    """The D-dimensional flow of a layer from x0, in asinh tokens, driven by mamba-ssm's kernel.

    Args:
        layer: its weights.
        x0: tokens, shape (system, token, channel).
        log_horizon: ln t at which to stop.
    Returns: ends; the state is asinh x, shape (system, token x channel).
    """
    shape = x0.shape

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        shaped = v.reshape(-1, *shape[1:])
        y = layer_velocity(layer, torch.sinh(shaped)).double()
        return (y / torch.cosh(shaped)).reshape(len(v), -1)

    def log_size(v: Tensor, rows: Tensor) -> Tensor:
        return v.abs().amax(dim=1) - np.log(2.0)

    with _exact_products():
        return integrate_batched(
            velocity, torch.asinh(x0.double()).reshape(len(x0), -1), log_horizon=log_horizon, log_size=log_size,
            log_limit=15.0, rtol=rtol, relative=False, max_steps=max_steps,
        )  # fmt: skip


class _exact_products:
    """Matrix products in float32 proper, whatever the program around has chosen."""

    def __enter__(self) -> None:
        self.before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cuda.matmul.allow_tf32 = self.before
