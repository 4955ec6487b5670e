"""mamba-ssm's own CUDA scan as the right-hand side: channel-axis flows and D-dimensional flows of real layers.

`selective_scan_fn` computes one S6 layer's output y; the pure flow is x' = y. On a channel axis each channel of each
layer is a system of its own, so that one call of the kernel advances all of them: channels lie along its `dim`,
each with its own group of B and C.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s6flow.errors import MissingDependencyError
from s6flow.numeric.flow.backends.fitting import halving
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.triton.runtime import require_device
from s6flow.symbolic.criteria import quantity

__all__ = [
    "AxisSystems",
    "LayerOnDevice",
    "affine_axis_flow",
    "axis_flow",
    "axis_solver",
    "axis_velocity",
    "layer_flow",
    "layer_velocity",
    "selective_scan",
]


#: ln|x| that counts as blown up where the step grows with the token: |x|^3 stays in float32, and the time left is
#: below 1e-30. Where the step dies out (s x < 0) later tokens may pass it harmlessly, up to float32's range.
LOG_LIMIT, LOG_LIMIT_SLOW = 27.0, 80.0
#: ln of the largest token that the kernel gets, in its unit; and of the smallest rate there: below it, the step of the
#: token that adds most has left float32's range.
LOG_SPAN, LOG_LEAST = 60.0, -30.0
#: |asinh x| that counts as blown up: float32 holds the fourth powers of such tokens.
ASINH_LIMIT = 20.0
#: Sizes that act on nothing: see numeric.flow.coordinates; float32 holds no smaller asinh tokens.
EXTINCT_LOG, EXTINCT_ASINH = -1000.0, 1e-30


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
        floored: whether any floor is not 0.
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
    floored: bool

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
            any(layer.floor for layer in layers),
        )


def axis_velocity(systems: AxisSystems, x: Tensor, index: Tensor, unit: Tensor | None = None) -> Tensor:
    """y_{ld} on the channel axes, by mamba-ssm's kernel.

    Args:
        systems: the channels.
        x: tokens, shape (system, token).
        index: which channel each row of x belongs to, shape (system).
        unit: return F / unit^2 instead of y = x F (without biases), shape (system): the kernel is linear in its
            input and in B, which are then given in this unit, and in C, which is given without its factor x. So
            tokens of e^-300 and steps of e^-80 neither underflow nor divide 0 by 0; the step always sees the true x.
    Returns: y or F / unit^2, shape (system, token), float32.
    Source: theory 3; theorem `channel-invariance`.
    """
    scan = selective_scan()
    u = (x if unit is None else x / unit[:, None]).float()
    step = (systems.s[index, None] * x).float()
    bias = systems.b[index]
    if systems.floored:  # the kernel knows no floor: the step is then made here
        step = torch.nn.functional.softplus(step + bias[:, None], threshold=20.0) + systems.floor[index, None]
    B = systems.S_B[index, :, None] * u[:, None, :]
    C = systems.S_C[index, :, None] * (u if unit is None else torch.ones_like(u))[:, None, :]
    if unit is None:
        B = B + systems.beta_B[index, :, None]
        C = C + systems.beta_C[index, :, None]
    y: Tensor = scan(
        u[None], step[None], -systems.a[index], B[None], C[None],
        delta_bias=None if systems.floored else bias, delta_softplus=not systems.floored,
    )[0]  # fmt: skip
    return y


def axis_flow(systems: AxisSystems, sign: Tensor, index: Tensor) -> Flow:
    """The flow on channel axes in log tokens, driven by mamba-ssm's kernel.

    Args:
        systems: channels without projection biases (theory 4: signs are invariant).
        sign: of the tokens, none zero, shape (system, token).
        index: channel of each system, shape (system).
    """

    own_rate = generate(quantity("own_rate"), "torch", "fast")
    one = torch.ones(1, dtype=torch.float64, device=sign.device)
    numbers = [part.double()[index, None] for part in (systems.s, systems.b, systems.floor)]

    def log_unit(u: Tensor, rows: Tensor) -> Tensor:
        # x Delta^(1/2) of the token that adds most: however small its step, the kernel's sums are of order one
        adds = own_rate(sign[rows] * u.exp(), one, *(part[rows] for part in numbers))
        return torch.maximum(0.5 * adds.log().amax(dim=1), u.amax(dim=1) - LOG_SPAN)

    def velocity(u: Tensor, rows: Tensor) -> Tensor:
        unit = log_unit(u, rows).exp()
        rate = axis_velocity(systems, sign[rows] * u.exp(), index[rows], unit).double()
        return rate * unit.square()[:, None]

    harmless = systems.s[index, None] * sign < 0

    def log_size(u: Tensor, rows: Tensor) -> Tensor:
        return torch.where(harmless[rows], u * (LOG_LIMIT / LOG_LIMIT_SLOW), u).amax(dim=1)

    def log_least(u: Tensor, rows: Tensor) -> Tensor:
        return 2 * log_unit(u, rows) + LOG_LEAST

    return Flow(velocity, log_size, LOG_LIMIT, True, EXTINCT_LOG, log_least)


def affine_axis_flow(systems: AxisSystems, index: Tensor) -> Flow:
    """As `axis_flow` for channels with projection biases, whose signs may change: the state is asinh x."""

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        return axis_velocity(systems, torch.sinh(v), index[rows]).double() / torch.cosh(v)

    return Flow(velocity, _asinh_size, ASINH_LIMIT, False, EXTINCT_ASINH)


def _asinh_size(v: Tensor, rows: Tensor) -> Tensor:
    return v.abs().amax(dim=1) - np.log(2.0)


def axis_solver(layer: S6Layer, channels: np.ndarray) -> Callable[[Problem], Run]:
    """A flow backend whose velocity is mamba-ssm's kernel on the real weights of a layer.

    Args:
        layer: its weights; what the problem says of them is not read.
        channels: the channel of every system of the problem, shape (system).
    """
    device = require_device()

    def solve(problem: Problem) -> Run:
        systems, targets = AxisSystems.of([layer], device), torch.as_tensor(problem.targets, device=device)
        affine = problem.coordinates.name != "log"

        def work(part: slice) -> Run:
            index, start = (torch.as_tensor(v[part], device=device) for v in (channels, problem.start))
            if affine:
                flow = affine_axis_flow(systems, index)
            else:
                flow = axis_flow(systems, torch.as_tensor(problem.arrays["sigma"][part], device=device), index)
            return integrate_batched(flow, start, targets, problem.rtol, problem.max_steps)

        return halving(Run.empty(len(problem.start), len(targets), problem.start.shape[1]), work, problem.progress)

    return solve


@dataclass(frozen=True)
class LayerOnDevice:
    """One layer's weights on the device in float32, projections ready to multiply from the right."""

    dt_in: Tensor
    dt_out: Tensor
    S_B: Tensor
    S_C: Tensor
    beta_B: Tensor
    beta_C: Tensor
    a: Tensor
    b: Tensor
    floor: float

    @classmethod
    def of(cls, layer: S6Layer, device: torch.device) -> LayerOnDevice:
        """The weights of a layer."""

        def send(value: np.ndarray) -> Tensor:
            return torch.from_numpy(value.astype(np.float32)).to(device)

        return cls(
            send(layer.dt_in).T, send(layer.dt_out).T, send(layer.S_B).T, send(layer.S_C).T,
            send(layer.beta_B), send(layer.beta_C), send(layer.a), send(layer.b), layer.floor,
        )  # fmt: skip


def layer_velocity(layer: LayerOnDevice, x: Tensor) -> Tensor:
    """y of one whole layer on D channels, by mamba-ssm's kernel.

    Args:
        layer: its weights.
        x: tokens, shape (system, token, channel), on the device.
    Returns: y, same shape, float32.
    Source: theory 1; symbolic.layer.layer_cell.
    """
    u = x.float()
    step = (u @ layer.dt_in) @ layer.dt_out
    if layer.floor:
        step = torch.nn.functional.softplus(step + layer.b, threshold=20.0) + layer.floor
    B, C = u @ layer.S_B + layer.beta_B, u @ layer.S_C + layer.beta_C
    y: Tensor = selective_scan()(
        u.mT.contiguous(), step.mT.contiguous(), -layer.a, B.mT.contiguous(), C.mT.contiguous(),
        delta_bias=None if layer.floor else layer.b, delta_softplus=not layer.floor,
    )  # fmt: skip
    return y.mT


def layer_flow(layer: LayerOnDevice, shape: tuple[int, int]) -> Flow:
    """The D-dimensional flow of a layer in asinh tokens, driven by mamba-ssm's kernel.

    Args:
        layer: its weights.
        shape: tokens and channels of a system; its state is flat.
    """

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        shaped = v.reshape(-1, *shape)
        with _exact_products():
            y = layer_velocity(layer, torch.sinh(shaped)).double()
        return (y / torch.cosh(shaped)).reshape(len(v), -1)

    return Flow(velocity, _asinh_size, ASINH_LIMIT, False, EXTINCT_ASINH)


@contextmanager
def _exact_products() -> Iterator[None]:
    """Matrix products in float32 proper, whatever the program around has chosen."""
    matmul = torch.backends.cuda.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "ieee"
    try:
        yield
    finally:
        matmul.fp32_precision = before
