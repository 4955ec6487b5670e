"""What generated Triton code calls: device functions that Triton lacks, and the launch of a block kernel.

Runs on a CUDA device, or on the CPU under Triton's interpreter (TRITON_INTERPRET=1), which executes the same text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from s6flow.symbolic.errors import AssumptionError, FormatError, MissingDependencyError

__all__ = [
    "before",
    "cosh",
    "exp",
    "expm1",
    "interpreted",
    "last",
    "launch",
    "linear",
    "log1p",
    "over_lanes_max",
    "over_lanes_sum",
    "power",
    "product_error",
    "require_device",
    "scan",
    "shift",
    "sigmoid",
    "sign",
    "sinh",
    "sqrt",
    "sum_error",
]

#: Elements of one block, over systems, tokens and the other axes; measured, see benchmarks/gpu_flow.py.
BLOCK_ELEMENTS = 2048
#: Longest block of tokens held at once; longer sequences go by chunks with a carried state.
BLOCK_TOKENS = 2048
#: Triton refuses larger tensors.
LARGEST_BLOCK = 1 << 20


@triton.jit
def linear(gate, increment, later_gate, later_increment):
    """Composition of f -> gate f + increment with the same map of later tokens."""
    return gate * later_gate, later_gate * increment + later_increment


@triton.jit
def scan(gate, increment, carry, like, AXIS: tl.constexpr):
    """f_l = gate_l f_{l-1} + increment_l along AXIS from f = carry; `like` gives the shape."""
    gate, increment = gate + like, increment + like
    product, value = tl.associative_scan((gate, increment), AXIS, linear)
    return product * carry + value


@triton.jit
def linear_before(gate, increment, gate_before, before, gate_later, increment_later, gate_between, between):
    """`linear`, along with the composition of all maps but the last."""
    gate_all, all_but_last = linear(gate, increment, gate_between, between)
    gate, increment = linear(gate, increment, gate_later, increment_later)
    return gate, increment, gate_all, all_but_last


@triton.jit
def before(gate, increment, lane, LANES: tl.constexpr):
    """What the lanes before each one leave: the exclusive scan along lanes, from f = 0."""
    if LANES <= 32:
        _product, value = tl.associative_scan((gate, increment), 1, linear)
        previous = tl.gather(value, tl.maximum(lane - 1, 0) + tl.zeros(value.shape, tl.int32), 1)
        found = tl.where(lane == 0, 0.0, previous)
    else:  # Triton gives a gather to one warp: every warp would then compute every lane
        one, zero = tl.full(gate.shape, 1.0, gate.dtype), tl.zeros(gate.shape, gate.dtype)
        _gate, _value, _product, found = tl.associative_scan((gate, increment, one, zero), 1, linear_before)
    return found


@triton.jit
def over_lanes_sum(x):
    """The sum of a system's lanes, in every lane."""
    return tl.sum(x, 1, keep_dims=True) + tl.zeros_like(x)


@triton.jit
def over_lanes_max(x):
    """The maximum of a system's lanes, in every lane."""
    return tl.max(x, 1, keep_dims=True) + tl.zeros_like(x)


@triton.jit
def last(f, index, LENGTH: tl.constexpr, AXIS: tl.constexpr):
    """The value at the end of the block, kept as a block of length one."""
    return tl.sum(tl.where(index % LENGTH == LENGTH - 1, f, 0.0), AXIS, keep_dims=True)


@triton.jit
def shift(f, index, carry, like, LENGTH: tl.constexpr, AXIS: tl.constexpr):
    """The value at the previous token: `carry` at the first of the block."""
    f = f + like
    local = index % LENGTH + tl.zeros_like(like).to(tl.int32)
    before = tl.gather(f, tl.maximum(local - 1, 0), AXIS)
    return tl.where(local == 0, carry, before)


@triton.jit
def sign(x):
    """-1, 0 or 1."""
    return tl.where(x > 0, 1.0, 0.0).to(x.dtype) - tl.where(x < 0, 1.0, 0.0).to(x.dtype)


@triton.jit
def sqrt(x):
    """The square root: in float32 the rounded one, which Triton has for float32 alone."""
    return tl.sqrt(x) if x.dtype == tl.float64 else tl.sqrt_rn(x)


@triton.jit
def exp(x):
    """e^x; in float32 to a rounding without bias, where the device's is two units off, to the same side in long products."""
    if x.dtype == tl.float64:
        value = tl.exp(x)
    else:
        y = tl.maximum(x, -110.0, propagate_nan=tl.PropagateNan.ALL)
        y = tl.minimum(y, 90.0, propagate_nan=tl.PropagateNan.ALL)
        shifted = y * 1.44269504088896 + 12582912.0  # 1.5 * 2^23: the sum keeps the nearest integer
        n = shifted - 12582912.0
        r = tl.fma(n, 2.12194440e-4, y - n * 0.693359375)  # ln 2 in two parts: n times the first is exact
        p = tl.fma(r, 0.0001984126984, 0.001388888889)
        p = tl.fma(p, r, 0.008333333333)
        p = tl.fma(p, r, 0.04166666667)
        p = tl.fma(p, r, 0.1666666667)
        p = tl.fma(p, r, 0.5)
        p = tl.fma(p, r, 1.0)
        p = tl.fma(p, r, 1.0)
        power = shifted.to(tl.int32, bitcast=True) - 0x4B400000
        half = power >> 1  # 2^n as a product: at the ends of the range one factor does not hold it
        left = ((half + 127) << 23).to(tl.float32, bitcast=True)
        right = ((power - half + 127) << 23).to(tl.float32, bitcast=True)
        value = p * left * right
    return value


@triton.jit
def log1p(x):
    """ln(1 + x): the rounding of 1 + x is divided out again."""
    one = 1.0 + x
    return tl.where(
        tl.abs(x) < 0.5, tl.where(one == 1.0, x, tl.log(one) * (x / tl.where(one == 1.0, 1.0, one - 1.0))), tl.log(one)
    )


@triton.jit
def expm1(x):
    """e^x - 1: near 0 the rounding of e^x is divided out again."""
    e = exp(x)
    near = tl.where(e == 1.0, x, (e - 1.0) * x / tl.where(e == 1.0, 1.0, tl.log(e)))
    return tl.where(tl.abs(x) < 0.5, near, e - 1.0)


@triton.jit
def sinh(x):
    """Hyperbolic sine; e^|x| is halved in the exponent, so that it overflows no earlier than sinh."""
    m = expm1(tl.minimum(tl.abs(x), 1.0))
    half = tl.exp(tl.abs(x) - 0.6931471805599453)
    size = tl.where(tl.abs(x) < 1.0, 0.5 * (m + m / (m + 1.0)), half - 0.25 / half)
    return tl.where(x < 0, -size, size)


@triton.jit
def cosh(x):
    """Hyperbolic cosine."""
    half = tl.exp(tl.abs(x) - 0.6931471805599453)
    return half + 0.25 / half


@triton.jit
def sigmoid(x):
    """1 / (1 + e^-x) without overflow."""
    tail = exp(-tl.abs(x))
    return tl.where(x >= 0, 1.0, tail) / (1.0 + tail)


@triton.jit
def power(x, y):
    """x^y for x >= 0."""
    return tl.where(y == 0, 1.0, tl.exp(y * tl.log(x)))


@triton.jit
def sum_error(x, y):
    """Knuth's two-sum: (x + y) - fl(x + y)."""
    total = x + y
    back = total - x
    return (x - (total - back)) + (y - back)


@triton.jit
def product_error(x, y):
    """x y - fl(x y) by a fused multiply-add (0 under the interpreter, which has none)."""
    return tl.fma(x, y, -(x * y))


def interpreted() -> bool:
    """Whether Triton runs its interpreter on the CPU in this process."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def require_device(capability: tuple[int, int] = (7, 0)) -> torch.device:
    """The CUDA device, or the CPU under the interpreter.

    Raises: MissingDependencyError: without CUDA, or on a GPU that Triton no longer compiles for.
    """
    if interpreted():
        return torch.device("cpu")
    remedy = "On a CPU use the numpy or numba backend (--device cpu)."
    if not torch.cuda.is_available():
        raise MissingDependencyError("Triton kernels need a CUDA device", "no CUDA", "", remedy)
    found = torch.cuda.get_device_capability()
    if found < capability:
        raise MissingDependencyError(
            f"Triton kernels need compute capability {capability[0]}.{capability[1]}",
            f"{found[0]}.{found[1]}",
            torch.cuda.get_device_name(),
            remedy,
        )
    return torch.device("cuda", torch.cuda.current_device())


def next_power(n: int) -> int:
    """The smallest power of two that is not below n."""
    return 1 << max(n - 1, 0).bit_length()


def launch(
    kernel: Any,
    arrays: Sequence[Any],
    inputs: Mapping[str, tuple[str, ...]],
    outputs: Sequence[tuple[str, ...]],
    axes: tuple[str, ...],
    chunked: bool,
    margin: bool = False,
) -> Any:
    """Run a block kernel over a batch of systems.

    Args:
        kernel: the generated kernel.
        arrays: arguments in the order of `inputs`, tensors or NumPy arrays, batch axes first.
        inputs: name -> axes of each argument; `outputs`: axes of each result.
        axes: the program's axes in canonical order, without source (it is as long as token).
        chunked: whether tokens may go by chunks.
        margin: reduce to the smallest entry on the device; returns (value, flat index).
    Returns: tensors on the device, or NumPy arrays if all arguments were; a tuple if several.
    Raises: FormatError: if two arguments disagree on an axis, or a block would be too large.
    """
    device = require_device()
    tensors, native = _tensors(arrays, device)
    size, batch = _sizes(tensors, inputs)
    flat = [
        t.broadcast_to(*batch, *(size[a] for a in own)).contiguous()
        for t, own in zip(tensors, inputs.values(), strict=True)
    ]
    systems = int(np.prod(batch, dtype=np.int64))
    lengths = [size.get(axis, 1) for axis in axes]
    blocks = {axis: next_power(size.get(axis, 1)) for axis in axes}
    rest = int(np.prod([n for axis, n in blocks.items() if axis != "token"], dtype=np.int64))
    if "token" in blocks:
        limit = max(16, min(BLOCK_TOKENS, 2 * BLOCK_ELEMENTS // rest))
        blocks["token"] = min(blocks["token"], limit) if chunked else blocks["token"]
        if not chunked:
            rest *= blocks["token"]  # the source axis
    block = rest * blocks.get("token", 1)
    if block > LARGEST_BLOCK:
        shape = ", ".join(f"{axis} {n}" for axis, n in blocks.items())
        raise FormatError("a system must fit one block of 2^20 elements", block, shape, "Use the torch backend.")
    together = max(1, min(BLOCK_ELEMENTS // block, next_power(systems)))
    shapes = [(*batch, *(size[axis] for axis in own)) for own in outputs]
    dtype = flat[0].dtype
    grid = -(-systems // together)
    if margin:
        results = [
            torch.empty(max(grid, 1), dtype=dtype, device=device),
            torch.empty(max(grid, 1), dtype=torch.int64, device=device),
        ]
    else:
        results = [torch.empty(shape, dtype=dtype, device=device) for shape in shapes]
    if systems and all(lengths):
        warps = min(8, max(1, together * block // 256))
        constants = {**{f"{axis.upper()}S": n for axis, n in blocks.items()}, "SYSTEMS": together}
        # a contraction would round a product otherwise in one place than in the other, and so spoil double words
        if chunked:
            constants["CHUNKS"] = -(-size["token"] // blocks["token"])
        kernel[(grid,)](*flat, *results, systems, *lengths, **constants, num_warps=warps, enable_fp_fusion=False)
    elif margin:
        raise AssumptionError(
            "a smallest margin needs at least one system", 0, remedy="Pass a batch that is not empty."
        )
    if margin:
        which = torch.argmin(results[0])
        return results[0][which].item(), int(results[1][which])
    back = [r.cpu().numpy() for r in results] if native else results
    return back[0] if len(back) == 1 else tuple(back)


def _tensors(arrays: Sequence[Any], device: torch.device) -> tuple[list[torch.Tensor], bool]:
    native = not any(torch.is_tensor(value) for value in arrays)
    kinds = [value.dtype for value in arrays if torch.is_tensor(value) and value.is_floating_point()]
    if native:
        numpy = np.result_type(*(value for value in arrays if isinstance(value, np.ndarray | np.generic)), np.float32)
        kinds = [torch.float32 if numpy == np.float32 else torch.float64]
    dtype = torch.float64 if torch.float64 in kinds else torch.float32
    return [torch.as_tensor(value).to(device=device, dtype=dtype) for value in arrays], native


def _sizes(
    tensors: Sequence[torch.Tensor], inputs: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, int], tuple[int, ...]]:
    size: dict[str, int] = {}
    batches = []
    for tensor, (name, own) in zip(tensors, inputs.items(), strict=True):
        if tensor.dim() < len(own):
            raise FormatError(f"{name} needs axes (*batch, {', '.join(own)})", tuple(tensor.shape))
        split = tensor.dim() - len(own)
        batches.append(tensor.shape[:split])
        for axis, length in zip(own, tensor.shape[split:], strict=True):
            if size.setdefault(axis, length) != length:
                raise FormatError(
                    "inputs must agree on the length of an axis", f"{size[axis]}, {length}", f"{name}, axis {axis}"
                )
    try:
        return size, tuple(torch.broadcast_shapes(*batches))
    except RuntimeError:
        raise FormatError("batch axes must broadcast", [tuple(b) for b in batches]) from None
