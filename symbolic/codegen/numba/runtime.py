"""What generated Numba code calls: bits of floating-point numbers, exact error terms, and threads over systems.

Threads run functions that have released the interpreter's lock, a few systems at a time: systems of one batch cost
very different numbers of steps, and equal shares would wait for the slowest.
"""

# mypy: disable-error-code="import-untyped,no-any-return,no-untyped-def,untyped-decorator"

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
from llvmlite import ir
from numba import get_num_threads, njit, types
from numba.extending import intrinsic

from s6flow.symbolic.codegen.numba.start import start

__all__ = [
    "bits", "fma", "larger", "launch", "number", "ordered", "over_systems", "power_of_two", "product_error", "sign",
    "smaller", "sum_error", "unordered",
]  # fmt: skip

start()

_LONG, _DOUBLE = ir.IntType(64), ir.DoubleType()
#: Multiplications below which threads cost more than they save.
_ALONE = 1 << 15


@intrinsic
def bits(typing, x):
    """The 64 bits of a float64 as an integer: among nonnegative numbers it grows with them, NaN the largest."""

    def code(context, builder, signature, args):
        return builder.bitcast(args[0], _LONG)

    return types.int64(types.float64), code


@intrinsic
def number(typing, k):
    """The float64 with these bits."""

    def code(context, builder, signature, args):
        return builder.bitcast(args[0], _DOUBLE)

    return types.float64(types.int64), code


@intrinsic
def power_of_two(typing, k):
    """2^k for -1022 <= k <= 1023."""

    def code(context, builder, signature, args):
        biased = builder.add(args[0], ir.Constant(_LONG, 1023))
        return builder.bitcast(builder.shl(biased, ir.Constant(_LONG, 52)), _DOUBLE)

    return types.float64(types.int64), code


@intrinsic
def fma(typing, x, y, z):
    """x y + z, rounded once."""

    def code(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), code


@njit(forceinline=True)
def ordered(x: float) -> int:
    """An integer that grows with x: comparing integers, a loop over tokens vectorises."""
    k = bits(x)
    return k ^ ((k >> 63) & 0x7FFFFFFFFFFFFFFF)


@njit(forceinline=True)
def unordered(k: int) -> float:
    """The number that `ordered` made k of."""
    return number(k ^ ((k >> 63) & 0x7FFFFFFFFFFFFFFF))


@njit(forceinline=True)
def larger(x: float, y: float) -> float:
    """The larger of two; NaN if one of them is."""
    return y if (y > x) | (y != y) else x


@njit(forceinline=True)
def smaller(x: float, y: float) -> float:
    """The smaller of two; NaN if one of them is."""
    return y if (y < x) | (y != y) else x


@njit(forceinline=True)
def sign(x: float) -> float:
    """-1, 0 or 1."""
    return (1.0 if x > 0 else 0.0) - (1.0 if x < 0 else 0.0)


@njit(forceinline=True)
def sum_error(x: float, y: float) -> float:
    """Knuth's two-sum: (x + y) - fl(x + y), exactly."""
    total = x + y
    back = total - x
    return (x - (total - back)) + (y - back)


@njit(forceinline=True)
def product_error(x: float, y: float) -> float:
    """x y - fl(x y), exactly."""
    return fma(x, y, -(x * y))


def over_systems(work: Callable[[int, int], Any], systems: int, each: int) -> None:
    """Call `work(first, last)` on pieces of range(systems), on as many threads as Numba is set to.

    Args:
        work: releases the interpreter's lock; pieces do not touch each other's systems.
        each: multiplications a system costs, roughly.
    """
    piece = max(1, _ALONE // max(1, each))
    threads = min(get_num_threads(), -(-systems // piece))
    if threads <= 1:
        work(0, systems)
        return
    piece = max(1, min(piece, systems // (8 * threads)))
    pieces, failures = count(), []  # type: ignore[var-annotated]

    def run() -> None:
        try:
            for index in pieces:  # next() on a count is atomic
                if index * piece >= systems or failures:
                    return
                work(index * piece, min((index + 1) * piece, systems))
        except BaseException as error:
            failures.append(error)

    helpers = [threading.Thread(target=run, daemon=True) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    run()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


def launch(
    kernel: Callable[..., None],
    arrays: Sequence[Any],
    axes: Sequence[tuple[str, ...]],
    outputs: Sequence[tuple[tuple[str, ...], str]],
) -> Any:
    """Broadcast batch axes, run the kernel on every system, and give the outputs their batch axes back.

    Args:
        kernel: first, last, arrays with one system axis, outputs.
        arrays: inputs, batch axes first.
        axes: names of the other axes of every input.
        outputs: names of the axes, and dtype, of every output.
    """
    values = [np.asarray(array, dtype=np.float64) for array in arrays]
    batch = np.broadcast_shapes(*(v.shape[: v.ndim - len(own)] for v, own in zip(values, axes, strict=True)))
    systems = int(np.prod(batch, dtype=int))
    sizes: dict[str, int] = {}
    flat = []  # writable and contiguous: another kind of array would be another compilation
    for value, own in zip(values, axes, strict=True):
        tail = value.shape[value.ndim - len(own) :]
        for axis, length in zip(own, tail, strict=True):
            if sizes.setdefault(axis, length) != length:
                raise ValueError(f"arrays must agree on the {axis} axis: {sizes[axis]} and {length}")
        flat.append(np.require(np.broadcast_to(value, batch + tail).reshape(systems, *tail), np.float64, ["C", "W"]))
    sizes["source"] = sizes.get("token", 1)
    results = [np.empty((systems, *([sizes[axis] for axis in own] or [1])), dtype=kind) for own, kind in outputs]
    each = 10 * int(np.prod(list({k: v for k, v in sizes.items() if k != "source"}.values()), dtype=int))
    if systems:
        over_systems(lambda first, last: kernel(first, last, *flat, *results), systems, each)
    shaped = [r.reshape(batch + (r.shape[1:] if own else ())) for r, (own, _) in zip(results, outputs, strict=True)]
    return shaped[0] if len(shaped) == 1 else tuple(shaped)
