"""Fused integration on the device: every system runs all of its steps in one launch, its tokens in registers.

`solve` is a backend of `numeric.flow`; `flow_tensors` is the same on tensors that are on the device already.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s6flow.numeric.flow import driver
from s6flow.numeric.flow.clock import log_time
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.gpu.kernels import PRECISIONS, load_flow
from s6flow.numeric.gpu.memory import halving
from s6flow.numeric.gpu.tableau import pair
from s6flow.symbolic.codegen.triton_runtime import next_power, require_device
from s6flow.symbolic.errors import FormatError

__all__ = ["DeviceRun", "Tile", "flow_tensors", "hand_over", "on_device", "solve", "tile_of", "unfinished"]

#: Threads of one program; more leave too few registers for a system's tokens and slopes.
_THREADS = 512
#: Tokens a lane by precision: float64 pairs of high order have no registers for more, and compile for minutes.
_PER_LANE = {"float32": 4, "float64": 1}
_LARGEST_PER_LANE = 8
#: Tolerance from which the errors of short exponentials do not show.
_SHORT_RTOL = 1e-5


@dataclass(frozen=True)
class Tile:
    """How a program holds its systems: `systems` x `lanes` threads with `per_lane` tokens each."""

    systems: int
    lanes: int
    per_lane: int

    @property
    def warps(self) -> int:
        """Warps of a program."""
        return max(1, self.systems * self.lanes // 32)


def tile_of(tokens: int, precision: str) -> Tile:
    """The tile for systems of `tokens` tokens.

    Raises: FormatError: if a system does not fit the registers of one multiprocessor.
    """
    per_lane = min(_PER_LANE[precision], next_power(tokens))
    while per_lane < _LARGEST_PER_LANE and next_power(-(-tokens // per_lane)) > _THREADS:
        per_lane *= 2
    lanes = next_power(-(-tokens // per_lane))
    if lanes > _THREADS:
        most = _THREADS * _LARGEST_PER_LANE
        raise FormatError(f"a fused system holds at most {most} tokens", tokens, "token axis", "Use backend='numpy'.")
    return Tile(max(1, 32 // lanes), lanes, per_lane)


@dataclass
class DeviceRun:
    """What the kernel wrote, as tensors on the device; see `numeric.flow.problem.Run` for the meaning."""

    states: torch.Tensor
    reached: torch.Tensor
    end: torch.Tensor
    velocity: torch.Tensor
    log_t0: torch.Tensor
    numbers: torch.Tensor
    counts: torch.Tensor


def flow_tensors(
    start: torch.Tensor,
    arrays: dict[str, torch.Tensor],
    log_targets: torch.Tensor,
    *,
    rtol: float,
    log_limit: float = 230.0,
    max_steps: int = 20_000,
    method: str = "RK45",
    tile: Tile | None = None,
    zero: frozenset[str] | None = None,
    start_low: torch.Tensor | None = None,
    moving: bool = False,
) -> DeviceRun:
    """Integrate the bilinear flow of a batch in one launch.

    Args:
        start: ln|x(0)| (anything where x = 0), shape (system, token), float32 or float64.
        arrays: sigma (system, token); mu, a (system, state); s, b, floor (system); contiguous, of start's type.
        log_targets: ln t to stop at, ascending, the horizon last, shape (time).
        rtol: tolerated local error of ln|x| and of ln t.
        log_limit: ln|x| that counts as blown up; float32 rates allow 48.
        method: a key of `tableau.PAIRS`.
        tile: layout of a program; by length if absent.
        zero: inputs known to be 0, which are left out of the kernel; found by looking if absent.
        start_low: what rounding took from `start`, of its shape; 0 if absent.
        moving: every sigma is known not to be 0; otherwise the host looks, and waits for the device.
    Numerics: float32 at rtol >= 1e-5 has the device's own exponentials, 2e-7 off and all to one side, which halves
        the time; below, and in float64, functions are exact to a rounding.
    """
    precision = str(start.dtype).removeprefix("torch.")
    systems, tokens = start.shape
    tile = tile or tile_of(tokens, precision)
    if zero is None:
        zero = frozenset({"floor"} if systems and not bool(arrays["floor"].any()) else ())
    sigma = arrays["sigma"]
    masked = tile.lanes * tile.per_lane != tokens or not (moving or bool((sigma != 0).all()))
    new, times, states = start.new_empty, len(log_targets), arrays["mu"].shape[-1]
    run = DeviceRun(
        new((systems, times, tokens)),
        torch.zeros((systems, times), dtype=torch.int32, device=start.device),
        new((systems, tokens)),
        new((systems, tokens)),
        new(systems),
        new((systems, 3)),
        torch.empty((systems, 4), dtype=torch.int32, device=start.device),
    )
    if systems == 0:
        return run
    module = load_flow(method, precision, zero, precision == "float32" and rtol >= _SHORT_RTOL)
    scalars = [arrays[name] for name in ("s", "b", "floor") if name not in zero]
    module.flow_kernel[(-(-systems // tile.systems),)](
        start, start if start_low is None else start_low, sigma, *scalars, arrays["mu"], arrays["a"],
        log_targets, new((systems, times)), run.log_t0,
        run.states, run.reached, run.end, run.velocity, run.numbers, run.counts,
        systems, tokens, times, rtol, min(log_limit, PRECISIONS[precision].log_limit), max_steps,
        SYSTEMS=tile.systems, LANES=tile.lanes, PER_LANE=tile.per_lane, STATES=states, MASKED=masked,
        LOW=start_low is not None, num_warps=tile.warps,
    )  # fmt: skip
    return run


def solve(problem: Problem, *, precision: str = "float64", method: str | None = None) -> Run:
    """Advance every system to the horizon, to its blow-up, or to a reported failure.

    Args:
        problem: the batch, in log coordinates.
        precision: float64, or float32 for tolerances down to 1e-7 and |x| up to 1e20.
        method: a key of `tableau.PAIRS`; by tolerance and precision if absent.
    Raises: FormatError: other coordinates, or too many tokens. MissingDependencyError: no CUDA device.
    Numerics: as numeric.flow.driver, with the 2-norm in the clock; what the device leaves unfinished goes to the CPU.
    """
    return hand_over(problem, on_device(problem, precision, method))


def unfinished(run: Run) -> NDArray[np.bool_]:
    """Systems that the device gave up: stiff ones, for which it has no method, and those at the end of its range."""
    return np.isin(run.status, (Status.STEP_LIMIT, Status.UNDERFLOW, Status.OVERFLOW))


def hand_over(problem: Problem, run: Run) -> Run:
    """The run with unfinished systems integrated anew by the CPU driver, which can be stiff and has float64's range."""
    rows = np.flatnonzero(unfinished(run))
    if len(rows):
        arrays = {k: v[rows] if k in problem.per_system else v for k, v in problem.arrays.items()}
        run.put(rows, driver.solve(replace(problem, start=problem.start[rows], arrays=arrays, progress=None)))
    return run


def on_device(problem: Problem, precision: str = "float64", method: str | None = None) -> Run:
    """As `solve`, by the device alone; a batch that does not fit its memory is halved."""
    device = require_device()
    if problem.coordinates.name != "log":
        raise FormatError(
            "the triton backend integrates log tokens", problem.coordinates.name, "", "Use backend='numpy'."
        )
    # in float32 rounding noise fools the eighth-order pair's error estimate
    method = method or ("DOP853" if problem.rtol < 1e-7 and precision == "float64" else "RK45")
    systems, tokens = problem.start.shape

    def work(part: slice) -> Run:
        return _run(part, _part(problem, part, device, precision, method), problem, method)

    return halving(Run.empty(systems, len(problem.targets), tokens), work, problem.progress)


def _part(problem: Problem, part: slice, device: torch.device, precision: str, method: str) -> DeviceRun:
    dtype = getattr(torch, precision)

    def send(value: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(value, dtype=np.float64)).to(device=device, dtype=dtype)

    start = np.asarray(problem.start[part], dtype=np.float64)
    rounded = start.astype(precision).astype(np.float64)
    with np.errstate(invalid="ignore"):
        low = np.where(np.isfinite(start), start - rounded, 0.0)

    count = part.stop - part.start
    arrays = {}
    for name, value in problem.arrays.items():
        own = value[part] if name in problem.per_system else np.broadcast_to(value, (count, *value.shape))
        arrays[name] = send(own)
    return flow_tensors(
        send(start), arrays, send(problem.targets), rtol=problem.rtol, log_limit=problem.log_limit,
        max_steps=problem.max_steps, method=method, start_low=send(low),
    )  # fmt: skip


def _run(part: slice, found: DeviceRun, problem: Problem, method: str) -> Run:
    """The device's tensors as the CPU driver reports its own."""
    data = {item.name: getattr(found, item.name).cpu().numpy().astype(np.float64) for item in fields(found)}
    theta, remaining, log_rate = data["numbers"].T
    status, steps, attempts, settled = data["counts"].astype(np.int64).T
    velocity = data["velocity"] * (np.asarray(problem.arrays["sigma"])[part] != 0)
    largest = np.abs(velocity).max(axis=1, initial=0.0)
    ended = log_time(theta, data["log_t0"])
    with np.errstate(divide="ignore"):
        log_pace = np.log(largest) + log_rate + ended
    reached = data["reached"] != 0
    last = reached[:, -1] & (status == Status.HORIZON) | (settled != 0)
    later = (settled != 0)[:, None] & ~reached
    return Run(
        status=status,
        states=np.where(later[:, :, None], data["end"][:, None, :], data["states"]),
        reached=reached | later,
        end=data["end"],
        end_log_time=np.where(last, problem.targets[-1], ended),
        end_velocity=velocity / np.where(largest > 0, largest, 1.0)[:, None],
        log_pace=log_pace,
        log_remaining=remaining,
        steps=steps,
        attempts=attempts,
        evaluations=attempts * pair(method).evaluations + 1,
        settled=settled != 0,
    )
