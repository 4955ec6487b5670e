"""What generated Triton code calls: the device functions of `functions`, and the launch of a block kernel.

Runs on a CUDA device, or on the CPU under Triton's interpreter (TRITON_INTERPRET=1), which executes the same text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from s6flow.errors import AssumptionError, FormatError, MissingDependencyError
from s6flow.symbolic.codegen.triton import functions as triton_functions
from s6flow.symbolic.codegen.triton.functions import *  # noqa: F403

__all__ = ["interpreted", "launch", "next_power", "require_device"]
__all__ += triton_functions.__all__

#: Elements of one block, over systems, tokens and the other axes; measured, see benchmarks/gpu_flow.py.
BLOCK_ELEMENTS = 2048
#: Longest block of tokens held at once; longer sequences go by chunks with a carried state.
BLOCK_TOKENS = 2048


@dataclass(frozen=True)
class Layout:
    """How tokens without states lie in blocks: of short systems several in one warp, of long ones a chunk.

    Args:
        elements: of a block of several systems, as many as fit.
        shortest: tokens up to which a block has as many elements a warp in two warps, each with systems of its own.
        longest: tokens up to which a system is one block, in one warp: sums between threads cost most.
        chunk: of longer systems.
        by_lanes: tokens of a block from which a scan goes by lanes, see `scan_lanes`.
        few: systems below which the device has too few blocks, and `chunk` and two warps serve it better where rounding
            errors are carried along; with more, `chunk_with_errors` and one warp, for their registers.
        registers: most of a thread, of a longer system and of one that is one block: as many warps run at a time as fit.
    """

    elements: int
    shortest: int
    longest: int
    chunk: int
    by_lanes: int
    few: int
    chunk_with_errors: int
    registers: tuple[int, int]

    def of(self, tokens: int, systems: int, plain: bool = True) -> tuple[int, int]:
        """Tokens of a block and its warps; `plain` where no rounding errors are carried along."""
        if tokens <= self.longest:
            return next_power(tokens), 2 if tokens <= self.shortest else 1
        if plain or systems < self.few:
            return self.chunk, 1 if plain else 2
        return self.chunk_with_errors, 1

    def of_scan(self, tokens: int, block: int, warps: int, plain: bool) -> dict[str, int]:
        """How a scan of one system's block goes, as constants of the launch."""
        if not plain or warps > 1 or block < self.by_lanes:
            return {"HALVINGS": 0}
        longer, alone = self.registers
        limit = longer if tokens > block else alone
        return {"HALVINGS": (block // 32).bit_length() - 1, "maxnreg": limit}


#: The fastest of those that were tried on an H200 with 2^27 tokens at 128, 1,024, 8,192 and 65,536 each (docs/performance.md).
TOKENS_ALONE = Layout(
    elements=512, shortest=128, longest=1024, chunk=1024, by_lanes=1024, few=4096, chunk_with_errors=512,
    registers=(128, 80),
)  # fmt: skip
#: Triton refuses larger tensors.
LARGEST_BLOCK = 1 << 20


def interpreted() -> bool:
    """Whether Triton runs its interpreter on the CPU in this process."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def require_device(capability: tuple[int, int] = (7, 0)) -> torch.device:
    """The CUDA device, or the CPU under the interpreter.

    Raises: MissingDependencyError: without CUDA, or on a GPU that Triton no longer compiles for.
    """
    if interpreted():
        return torch.device("cpu")
    remedy = "On a CPU use --device cpu, or the numpy or numba backend."
    if not torch.cuda.is_available():
        raise MissingDependencyError("GPU kernels need a CUDA device", "no CUDA", "", remedy)
    found = torch.cuda.get_device_capability()
    if found < capability:
        raise MissingDependencyError(
            f"GPU kernels need compute capability {capability[0]}.{capability[1]}",
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
    fused: bool = False,
) -> Any:
    """Run a block kernel over a batch of systems.

    Args:
        kernel: the generated kernel.
        arrays: arguments in the order of `inputs`, tensors or NumPy arrays, batch axes first.
        inputs: name -> axes of each argument; `outputs`: axes of each result.
        axes: the program's axes in canonical order, without source (it is as long as token).
        chunked: whether tokens may go by chunks.
        margin: reduce to the smallest entry on the device; returns (value, flat index).
        fused: whether products may be fused with the sums that they go into; not where rounding errors are computed.
    Returns: tensors on the device, or NumPy arrays if all arguments were; a tuple if several.
    Raises: FormatError: if two arguments disagree on an axis, or a block would be too large.
    """
    device = require_device()
    tensors, native = _tensors(arrays, device)
    plan = _plan(
        tuple(tensor.shape for tensor in tensors),
        tuple(inputs.items()),
        tuple(outputs),
        axes,
        chunked,
        fused,
        tensors[0].element_size(),
        TOKENS_ALONE,
        BLOCK_TOKENS,
    )
    flat = [
        tensor if tensor.shape == shape and tensor.is_contiguous() else tensor.broadcast_to(shape).contiguous()
        for tensor, shape in zip(tensors, plan.inputs, strict=True)
    ]
    dtype = flat[0].dtype
    if margin:
        results = [
            torch.empty(max(plan.grid, 1), dtype=dtype, device=device),
            torch.empty(max(plan.grid, 1), dtype=torch.int64, device=device),
        ]
    else:
        results = [torch.empty(shape, dtype=dtype, device=device) for shape in plan.outputs]
    if plan.systems and all(plan.lengths):
        kernel[(plan.grid,)](*flat, *results, plan.systems, *plan.lengths, **plan.options, enable_fp_fusion=fused)
    elif margin:
        raise AssumptionError(
            "a smallest margin needs at least one system", 0, remedy="Pass a batch that is not empty."
        )
    if margin:
        which = torch.argmin(results[0])
        return results[0][which].item(), int(results[1][which])
    back = [r.cpu().numpy() for r in results] if native else results
    return back[0] if len(back) == 1 else tuple(back)


@dataclass(frozen=True)
class _Plan:
    """How a kernel runs over arrays of these shapes.

    Args:
        inputs, outputs: shape of each array.
        systems, lengths: of the batch, and of each axis.
        grid: programs; options: compile-time constants and warps.
    """

    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    systems: int
    lengths: tuple[int, ...]
    grid: int
    options: dict[str, Any]


@lru_cache(maxsize=1024)  # of a call on small arrays this took most of the time
def _plan(
    given: tuple[tuple[int, ...], ...],
    inputs: tuple[tuple[str, tuple[str, ...]], ...],
    outputs: tuple[tuple[str, ...], ...],
    axes: tuple[str, ...],
    chunked: bool,
    fused: bool,
    bytes_each: int,
    layout: Layout,
    most_tokens: int,
) -> _Plan:
    """Raises: FormatError: as `launch`."""
    size, batch = _sizes(given, inputs)
    systems = math.prod(batch)
    lengths = tuple(size.get(axis, 1) for axis in axes)
    blocks = {axis: next_power(size.get(axis, 1)) for axis in axes}
    rest = math.prod(n for axis, n in blocks.items() if axis != "token")
    alone = chunked and rest == 1  # no axis but that of tokens is longer than 1
    if "token" in blocks:
        limit = max(16, min(most_tokens, 2 * BLOCK_ELEMENTS // rest))
        if alone:
            limit, warps = layout.of(size["token"], systems, fused)
        blocks["token"] = min(blocks["token"], limit) if chunked else blocks["token"]
        if not chunked:
            rest *= blocks["token"]  # the source axis
    block = rest * blocks.get("token", 1)
    if block > LARGEST_BLOCK:
        shape = ", ".join(f"{axis} {n}" for axis, n in blocks.items())
        raise FormatError("a system must fit one block of 2^20 elements", block, shape, "Use the torch backend.")
    elements = layout.elements * (2 if size["token"] <= layout.shortest else 1) if alone else BLOCK_ELEMENTS
    together = max(1, min(elements // block, next_power(systems)))
    # twice as long numbers on as many threads would not fit their registers
    warps = warps * bytes_each // 4 if alone else min(8, max(1, together * block // 256))
    options = {**{f"{axis.upper()}S": n for axis, n in blocks.items()}, "SYSTEMS": together}
    options["WHOLE"] = systems % together == 0 and all(size.get(axis, 1) % n == 0 for axis, n in blocks.items())
    if chunked:
        options["CHUNKS"] = -(-size["token"] // blocks["token"])
        options |= layout.of_scan(size["token"], block, warps, fused) if alone else {"HALVINGS": 0}
    return _Plan(
        inputs=tuple((*batch, *(size[axis] for axis in own)) for _, own in inputs),
        outputs=tuple((*batch, *(size[axis] for axis in own)) for own in outputs),
        systems=systems,
        lengths=lengths,
        grid=-(-systems // together),
        options={**options, "num_warps": warps},
    )


def _tensors(arrays: Sequence[Any], device: torch.device) -> tuple[list[torch.Tensor], bool]:
    native = not any(torch.is_tensor(value) for value in arrays)
    kinds = [value.dtype for value in arrays if torch.is_tensor(value) and value.is_floating_point()]
    if native:
        numpy = np.result_type(*(value for value in arrays if isinstance(value, np.ndarray | np.generic)), np.float32)
        kinds = [torch.float32 if numpy == np.float32 else torch.float64]
    dtype = torch.float64 if torch.float64 in kinds else torch.float32
    return [torch.as_tensor(value).to(device=device, dtype=dtype) for value in arrays], native


def _sizes(
    given: tuple[tuple[int, ...], ...], inputs: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[dict[str, int], tuple[int, ...]]:
    size: dict[str, int] = {}
    batches = []
    for shape, (name, own) in zip(given, inputs, strict=True):
        if len(shape) < len(own):
            raise FormatError(f"{name} needs axes (*batch, {', '.join(own)})", tuple(shape))
        split = len(shape) - len(own)
        batches.append(shape[:split])
        for axis, length in zip(own, shape[split:], strict=True):
            if size.setdefault(axis, length) != length:
                raise FormatError(
                    "inputs must agree on the length of an axis", f"{size[axis]}, {length}", f"{name}, axis {axis}"
                )
    try:
        return size, np.broadcast_shapes(*batches)
    except ValueError:
        raise FormatError("batch axes must broadcast", [tuple(b) for b in batches]) from None
