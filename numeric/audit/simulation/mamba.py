"""mamba-ssm's own CUDA scan as the right-hand side: channel-axis flows and D-dimensional flows of real layers.

`selective_scan_fn` computes one S6 layer's output y; the pure flow is x' = y. On a channel axis each channel of each
layer is a system of its own, so that one call of the kernel advances all of them: channels lie along its `dim`,
each with its own group of B and C.

One long file: units, gaps and limits of float32 are judged against each other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from s6flow.errors import MissingDependencyError
from s6flow.numeric.flow.backends.halving import halving
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.codegen.triton.runtime import require_device
from s6flow.symbolic.criteria import quantity

__all__ = [
    "GRID",
    "AxisSystems",
    "LayerOnDevice",
    "affine_axis_flow",
    "axis_flow",
    "axis_run",
    "axis_solver",
    "axis_velocity",
    "layer_flow",
    "layer_velocity",
    "selective_scan",
]

_Made = TypeVar("_Made")
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
#: Channels that CUDA's grid takes in its second direction, in which the kernel lays them.
GRID = 65_535
#: Tokens that the kernel scans for the price of one: its smallest block, 32 threads of 4 tokens each.
PASS = 128
#: The step between two starts in one sequence; exp(-FORGOTTEN), what a state keeps over it, is 0 in float32.
APART, FORGOTTEN = 1e30, 200.0
#: States that float32 holds with room for the sum over them.
LARGEST_STATE = 1e36


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

    def rows(self, index: Tensor) -> _AxisRows:
        """What the systems of some channels need, a row each."""
        return _AxisRows(
            -self.a[index], self.S_B[index], self.S_C[index], self.beta_B[index], self.beta_C[index],
            self.s[index], self.b[index], self.floor[index], self.floored,
        )  # fmt: skip


class _AxisRows(NamedTuple):
    """As `AxisSystems`, a row a system; `A` is -a."""

    A: Tensor
    S_B: Tensor
    S_C: Tensor
    beta_B: Tensor
    beta_C: Tensor
    s: Tensor
    b: Tensor
    floor: Tensor
    floored: bool


def remembered(make: Callable[[Tensor], _Made]) -> Callable[[Tensor], _Made]:
    """`make`, done once as long as it is asked for the same tensor: every evaluation of a recorded attempt does."""
    known: list[tuple[Tensor, _Made]] = []

    def held(rows: Tensor) -> _Made:
        if not known or known[0][0] is not rows:
            known[:] = [(rows, make(rows))]
        return known[0][1]

    return held


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
    return _rows_velocity(systems.rows(index), x, unit)


def _rows_velocity(rows: _AxisRows, x: Tensor, unit: Tensor | None) -> Tensor:
    scan = selective_scan()
    u = (x if unit is None else x / unit[:, None]).float()
    step, bias = (rows.s[:, None] * x).float(), None if rows.floored else rows.b
    if rows.floored:  # the kernel knows no floor: the step is then made here
        step = torch.nn.functional.softplus(step + rows.b[:, None], threshold=20.0) + rows.floor[:, None]
    B = rows.S_B[:, :, None] * u[:, None, :]
    C = rows.S_C[:, :, None] * (u if unit is None else torch.ones_like(u))[:, None, :]
    if unit is None:
        B, C = B + rows.beta_B[:, :, None], C + rows.beta_C[:, :, None]
    found = [
        scan(
            u[None, part], step[None, part], rows.A[part], B[None, part], C[None, part],
            delta_bias=None if bias is None else bias[part], delta_softplus=bias is not None,
        )[0]
        for part in (slice(first, first + GRID) for first in range(0, len(u), GRID))
    ]  # fmt: skip
    return found[0] if len(found) == 1 else torch.cat(found)


def axis_flow(systems: AxisSystems, sign: Tensor, index: Tensor) -> Flow:
    """The flow on channel axes in log tokens, driven by mamba-ssm's kernel.

    Args:
        systems: channels without projection biases (theory 4: signs are invariant).
        sign: of the tokens, none zero, shape (system, token).
        index: channel of each system, shape (system).
    """

    own_rate = generate(quantity("own_rate"), "torch", "fast")
    one = torch.ones(1, dtype=torch.float64, device=sign.device)
    harmless = systems.s[index, None] * sign < 0

    @remembered
    def known(rows: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor, _AxisRows]:
        picked = index[rows]
        numbers = tuple(part[picked, None].double() for part in (systems.s, systems.b, systems.floor))
        scale = torch.where(harmless[rows], one * (LOG_LIMIT / LOG_LIMIT_SLOW), one)
        return sign[rows], numbers, scale, systems.rows(picked)

    def log_unit(u: Tensor, x: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
        # x Delta^(1/2) of the token that adds most: however small its step, the kernel's sums are of order one
        return torch.maximum(0.5 * own_rate(x, one, *numbers).log().amax(dim=1), u.amax(dim=1) - LOG_SPAN)

    def velocity(u: Tensor, rows: Tensor) -> Tensor:
        signs, numbers, _, gathered = known(rows)
        x = signs * u.exp()
        unit = log_unit(u, x, numbers).exp()
        return _rows_velocity(gathered, x, unit).double() * unit.square()[:, None]

    def log_size(u: Tensor, rows: Tensor) -> Tensor:
        return (u * known(rows)[2]).amax(dim=1)

    def log_least(u: Tensor, rows: Tensor) -> Tensor:
        signs, numbers, _, _ = known(rows)
        return 2 * log_unit(u, signs * u.exp(), numbers) + LOG_LEAST

    return Flow(velocity, log_size, LOG_LIMIT, True, EXTINCT_LOG, log_least)


def affine_axis_flow(systems: AxisSystems, index: Tensor) -> Flow:
    """As `axis_flow` for channels with projection biases, whose signs may change: the state is asinh x."""

    known = remembered(lambda rows: systems.rows(index[rows]))

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        return _rows_velocity(known(rows), torch.sinh(v), None).double() / torch.cosh(v)

    return Flow(velocity, _asinh_size, ASINH_LIMIT, False, EXTINCT_ASINH)


def _asinh_size(v: Tensor, rows: Tensor) -> Tensor:
    return v.abs().amax(dim=1) - np.log(2.0)


def axis_solver(layer: S6Layer, channels: np.ndarray) -> Callable[[Problem], Run]:
    """A flow backend whose velocity is mamba-ssm's kernel on the real weights of a layer.

    Args:
        layer: its weights; what the problem says of them is not read.
        channels: the channel of every system of the problem, shape (system).
    """
    return lambda problem: axis_run([layer], channels, problem)


def axis_run(layers: Sequence[S6Layer], channels: np.ndarray, problem: Problem) -> Run:
    """The run of systems on the channels of several layers, counted one layer after another; see `axis_solver`."""
    device = require_device()
    systems, targets = AxisSystems.of(layers, device), torch.as_tensor(problem.targets, device=device)
    affine = problem.coordinates.name != "log"

    def work(part: slice) -> Run:
        index, start = (torch.as_tensor(v[part], device=device) for v in (channels, problem.start))
        if affine:
            flow = affine_axis_flow(systems, index)
        else:
            flow = axis_flow(systems, torch.as_tensor(problem.arrays["sigma"][part], device=device), index)
        return integrate_batched(flow, start, targets, problem.rtol, problem.max_steps)

    return halving(Run.empty(len(problem.start), len(targets), problem.start.shape[1]), work, problem.progress)


@dataclass(frozen=True)
class LayerOnDevice:
    """The weights of a layer, or of several of one shape, on the device in float32, ready to multiply from the right.

    Args:
        dt_in, dt_out, S_B, S_C: projections, with an axis of the layers in front.
        beta_B, beta_C: shape (layer, 1, state); a: (layer, channel, state); b, floor: (layer, 1, channel), (layer, 1, 1).
        floored: whether any floor is not 0.
        forgets: whether no state of any layer outlives a step of `APART`.
    """

    dt_in: Tensor
    dt_out: Tensor
    S_B: Tensor
    S_C: Tensor
    beta_B: Tensor
    beta_C: Tensor
    a: Tensor
    b: Tensor
    floor: Tensor
    floored: bool
    forgets: bool

    @classmethod
    def of(cls, layer: S6Layer, device: torch.device) -> LayerOnDevice:
        """The weights of a layer."""
        return cls.stacked([layer], device)

    @classmethod
    def stacked(cls, layers: Sequence[S6Layer], device: torch.device) -> LayerOnDevice:
        """The weights of layers of one shape."""

        def send(values: list[Any]) -> Tensor:
            return torch.from_numpy(np.stack([np.asarray(value, np.float32) for value in values])).to(device)

        return cls(
            send([one.dt_in.T for one in layers]), send([one.dt_out.T for one in layers]),
            send([one.S_B.T for one in layers]), send([one.S_C.T for one in layers]),
            send([one.beta_B[None] for one in layers]), send([one.beta_C[None] for one in layers]),
            send([one.a for one in layers]), send([one.b[None] for one in layers]),
            send([[[one.floor]] for one in layers]), any(one.floor for one in layers),
            min(float(one.a.min()) for one in layers) * APART >= FORGOTTEN,
        )  # fmt: skip


def layer_velocity(layers: LayerOnDevice, x: Tensor) -> Tensor:
    """y of whole layers on D channels, by mamba-ssm's kernel.

    Several starts of a layer go through the kernel as one sequence, which costs what one of them does: between them stands
    a token of input 0 whose step is so long that nothing is remembered. A start that would leave float32 is left out,
    or what it leaves would reach those behind it; its y is NaN.

    Args:
        layers: their weights.
        x: tokens, shape (system, token, channel), on the device; as many systems of each layer, one layer after another.
    Returns: y, same shape, float32.
    Source: theory 1; symbolic.layer.layer_cell.
    """
    scan, count = selective_scan(), len(layers.a)
    systems, tokens, channels = x.shape
    starts = systems // count
    u = x.reshape(count, starts * tokens, channels).float()
    step = (u @ layers.dt_in) @ layers.dt_out
    if layers.floored:
        step = torch.nn.functional.softplus(step + layers.b, threshold=20.0) + layers.floor
    B, C = u @ layers.S_B + layers.beta_B, u @ layers.S_C + layers.beta_C
    held = starts_in_a_row(starts, tokens) if layers.forgets else 1
    gap = held > 1
    out = beyond_float32(layers, u, step, B, tokens) if gap else None
    if out is not None:
        u, step, B = (part.masked_fill(out, 0.0) for part in (u, step, B))

    def sequences(part: Tensor, between: float) -> Tensor:
        """(layer, start * token, what) -> (sequence, layer, what, start in it, token and gap), one after another."""
        split = part.reshape(count, -1, held, tokens, part.shape[-1]).permute(1, 0, 4, 2, 3)
        room = part.new_full((*split.shape[:-1], tokens + gap), between)
        room[..., :tokens] = split
        return room.flatten(3)

    y: Tensor = scan(
        sequences(u, 0.0).flatten(1, 2), sequences(step, APART).flatten(1, 2), -layers.a.flatten(0, 1),
        sequences(B, 0.0), sequences(C, 0.0),
        delta_bias=None if layers.floored else layers.b.flatten(), delta_softplus=not layers.floored,
    )  # fmt: skip
    y = y.reshape(-1, count, channels, held, tokens + gap)[..., :tokens].permute(1, 0, 3, 4, 2)
    y = y.reshape(count, starts * tokens, channels)
    return (y if out is None else y.masked_fill(out, torch.nan)).reshape(x.shape)


def starts_in_a_row(starts: int, tokens: int) -> int:
    """How many starts go through the kernel as one sequence: all sequences are equally long."""
    return max(
        held for held in range(1, starts + 1) if starts % held == 0 and (held == 1 or held * (tokens + 1) <= PASS)
    )


def beyond_float32(layers: LayerOnDevice, u: Tensor, step: Tensor, B: Tensor, tokens: int) -> Tensor:
    """Which starts may have states that float32 does not hold, sums of u step B; shape (layer, start * token, 1)."""

    def largest(part: Tensor) -> Tensor:
        return part.reshape(len(part), -1, tokens * part.shape[-1]).abs().amax(dim=2, keepdim=True)

    # softplus(z) <= |z| + ln 2
    longest = largest(step) + (0.0 if layers.floored else layers.b.abs().amax(dim=2, keepdim=True) + 1.0)
    fits = largest(u) * longest * largest(B) * tokens < LARGEST_STATE  # not where one is NaN
    return (~fits).expand(-1, -1, tokens).flatten(1)[..., None]


def layer_flow(
    layers: LayerOnDevice, shape: tuple[int, int], index: Tensor | None = None, systems: int | None = None
) -> Flow:
    """The D-dimensional flow of layers in asinh tokens, driven by mamba-ssm's kernel.

    Args:
        layers: their weights.
        shape: tokens and channels of a system; its state is flat.
        index, systems: which of so many systems a row is, as many of each layer and one layer after another; of a single
            layer they are needless.
    """

    slots = remembered(lambda rows: rows if index is None else index[rows])

    def velocity(v: Tensor, rows: Tensor) -> Tensor:
        every = systems or len(v)
        # the kernel gets all starts of every layer, also when some have left
        full = v if len(v) == every else v.new_zeros(every, v.shape[1]).index_copy(0, slots(rows), v)
        shaped = full.reshape(-1, *shape)
        with _exact_products():
            y = layer_velocity(layers, torch.sinh(shaped)).double()
        rate = (y / torch.cosh(shaped)).reshape(every, -1)
        return rate if len(v) == every else rate[slots(rows)]

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
