"""Fixed steps of the classical Runge-Kutta method in one launch: what benchmarks compare step for step."""

from __future__ import annotations

import torch

from s6flow.numeric.flow.backends.triton.fused import Tile, tile_of
from s6flow.numeric.flow.backends.triton.kernels import load_fixed

__all__ = ["fixed_steps"]


def fixed_steps(
    x: torch.Tensor,
    arrays: dict[str, torch.Tensor],
    h: float,
    steps: int,
    tile: Tile | None = None,
    zero: frozenset[str] = frozenset(),
) -> torch.Tensor:
    """The tokens after `steps` steps of length h.

    Args:
        x: tokens, shape (system, token), on the device.
        arrays: mu, a (system, state); s, b, floor (system); of x's type.
        h: step [depth-time].
        steps: how many.
        tile: layout of a program; by length if absent.
        zero: inputs known to be 0, which are left out of the kernel.
    Returns: tokens, shape (system, token).
    Source: theorem `linear-recursion`.
    """
    precision = str(x.dtype).removeprefix("torch.")
    systems, tokens = x.shape
    tile = tile or tile_of(tokens, precision)
    out = torch.empty_like(x)
    if systems == 0:
        return out
    bound, length = dict.fromkeys(sorted(zero), 0), x.new_full((systems,), h)
    if arrays["mu"].shape[-1] == 1:  # a single mu is no more than the unit of depth-time
        bound, length = {**bound, "mu": 1}, length * arrays["mu"].broadcast_to(systems, 1)[:, 0]
    module = load_fixed(precision, tuple(bound.items()))
    free = [arrays[name] for name in ("s", "b", "floor", "mu", "a") if name not in bound]
    module.fixed_kernel[(-(-systems // tile.systems),)](
        x, *free, length, out, systems, tokens, steps,
        SYSTEMS=tile.systems, LANES=tile.lanes, PER_LANE=tile.per_lane, STATES=arrays["a"].shape[-1],
        num_warps=tile.warps,
    )  # fmt: skip
    return out
