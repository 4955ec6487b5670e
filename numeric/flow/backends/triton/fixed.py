"""Fixed steps of the classical Runge-Kutta method in one launch: what benchmarks compare step for step.

Short systems stay in registers. Of long ones a program holds a few tokens a lane, and sweeps over the others: no token
depends on a later one, so that several steps are done before a token is written back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from s6flow.numeric.flow.backends.triton.fused import Tile
from s6flow.numeric.flow.backends.triton.kernels import load_fixed
from s6flow.symbolic.codegen.triton.runtime import interpreted

__all__ = ["Sweep", "fixed_steps", "sweep_of"]

#: Tokens of a system that registers hold; measured at 128 and 1,024, where sweeping is a quarter faster.
_HELD = 256
#: Tokens a lane of these, by precision.
_PER_LANE = {"float32": 4, "float64": 1}
#: Lanes of a system: fewer wait for each other less, more keep the device busy with few systems. Those of one warp hand
#: their states on without leaving it, so that they may be too few by half before more are worth it.
_LEAST, _WARP, _MOST = 16, 32, 256
#: Threads of a multiprocessor that keep it busy.
_BUSY = 0.9 * 1024
#: From so many tokens on four steps are done before a token is written back, below two: as measured at 65,536 and 8,192.
_FOUR = 32768
#: Share of the turns that lanes may wait for each other; one step at a time where several would make it more.
_WAITING = 1 / 8


@dataclass(frozen=True)
class Sweep:
    """How a program sweeps: `systems` x `lanes` threads, `per_lane` tokens of each at a time, `steps` steps a turn."""

    systems: int
    lanes: int
    per_lane: int
    steps: int

    @property
    def warps(self) -> int:
        """Warps of a program."""
        return max(1, self.systems * self.lanes // 32)


def sweep_of(systems: int, tokens: int, steps: int, states: int, processors: int) -> Sweep:
    """The sweep for long systems on a device of so many multiprocessors."""
    busy = _BUSY * processors
    lanes = _LEAST if systems * _LEAST >= busy else _WARP
    if systems * _WARP < busy / 2:
        while lanes < _MOST and systems * lanes < busy:
            lanes *= 2
    together = 4 if tokens >= _FOUR else 2
    several = states <= 2 and together * (lanes - 1) <= _WAITING * steps
    return Sweep(max(1, 32 // lanes), lanes, 4, together if several else 1)


def fixed_steps(
    x: torch.Tensor,
    arrays: dict[str, torch.Tensor],
    h: float,
    steps: int,
    tile: Tile | Sweep | None = None,
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
    states = arrays["a"].shape[-1]
    if systems == 0:
        return torch.empty_like(x)
    bound, length = dict.fromkeys(sorted(zero), 0), x.new_full((systems,), h)
    if arrays["mu"].shape[-1] == 1:  # a single mu is no more than the unit of depth-time
        bound, length = {**bound, "mu": 1}, length * arrays["mu"].broadcast_to(systems, 1)[:, 0]
    module = load_fixed(precision, tuple(bound.items()))
    free = [arrays[name] for name in ("s", "b", "floor", "mu", "a") if name not in bound]
    if tile is None:
        processors = 1 if interpreted() else torch.cuda.get_device_properties(x.device).multi_processor_count
        held = tokens <= _HELD
        tile = (
            Tile.holding(tokens, _PER_LANE[precision]) if held else sweep_of(systems, tokens, steps, states, processors)
        )
    if isinstance(tile, Sweep):
        return _swept(module, x, [*free, length], states, steps, tile)
    out = torch.empty_like(x)
    module.fixed_kernel[(-(-systems // tile.systems),)](
        x, *free, length, out, systems, tokens, steps,
        SYSTEMS=tile.systems, LANES=tile.lanes, PER_LANE=tile.per_lane, STATES=states, num_warps=tile.warps,
    )  # fmt: skip
    return out


def _swept(
    module: Any, x: torch.Tensor, given: list[torch.Tensor], states: int, steps: int, sweep: Sweep
) -> torch.Tensor:
    """As `fixed_steps`; zeros fill the last chunk, which no token before them feels."""
    systems, tokens = x.shape
    chunks = -(-tokens // (sweep.lanes * sweep.per_lane))
    room = torch.nn.functional.pad(x, (0, sweep.lanes * chunks * sweep.per_lane - tokens))
    work = room.view(systems, sweep.lanes, chunks, sweep.per_lane).permute(0, 2, 3, 1).contiguous()
    for together, turns in ((sweep.steps, steps // sweep.steps), (1, steps % sweep.steps)):
        if turns:
            module.swept_kernel[(-(-systems // sweep.systems),)](
                work, *given, systems, chunks, turns,
                SYSTEMS=sweep.systems, LANES=sweep.lanes, PER_LANE=sweep.per_lane, STEPS=together, STATES=states,
                num_warps=sweep.warps,
            )  # fmt: skip
    return work.permute(0, 3, 1, 2).reshape(systems, -1)[:, :tokens].contiguous()
