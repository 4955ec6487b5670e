"""Fused integration on tensors that are on the device: every system runs all of its steps in one launch, its tokens in registers."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from s6flow.errors import FormatError
from s6flow.numeric.flow.backends.triton.kernels import load_equation, load_flow
from s6flow.numeric.flow.step_control import PRECISIONS
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.triton.runtime import next_power

__all__ = ["SHORT_RTOL", "DeviceRun", "Tile", "equation_tensors", "flow_tensors", "is_short", "tile_of"]

#: Threads of one program; more leave too few registers for a system's tokens and slopes.
_THREADS = 512
#: Tokens a lane by precision, where one warp then holds a system, and where it does not: warps of one system wait for each
#: other some twenty times a step. In float64 four a lane are faster by a quarter at L = 128 with DOP853 in work time, slower by
#: two thirds at 1,024, and take more than twice as long to compile; longer systems have as many as a block's threads ask for.
_PER_LANE = {"float32": (4, 8), "float64": (1, 2)}
_LARGEST_PER_LANE = 8
#: Most registers of a thread by precision, pair and clock, with four tokens a lane: the fewer, the more warps run at a time. An
#: attempt takes 0.92 of the time that it takes with the 102 that the compiler would use; at 64, where numbers go to memory, 0.95.
_REGISTERS = {("float32", "RK45", "work"): 80}
#: Tolerance from which the errors of short exponentials hardly show. In 65,536 systems of 128 tokens that diverge slowly the mean
#: error of ln|x| was larger by 7 % at 3.2e-6, by a fifth at 2e-6, and by 70 % at 5e-7 (a trial). At 5e-6 it is larger by 8 %
#: there and by 12 % where all converge, in log time, than with exact ones (two runs of benchmarks/gpu_ensembles.py).
SHORT_RTOL = 3e-6


@dataclass(frozen=True)
class Tile:
    """How a program holds its systems: `systems` x `lanes` threads with `per_lane` tokens each."""

    systems: int
    lanes: int
    per_lane: int

    @classmethod
    def holding(cls, tokens: int, per_lane: int) -> Tile:
        """That of systems of `tokens` tokens by so many a lane, fewer where a system has no more; as many systems as fill a warp."""
        per_lane = min(per_lane, next_power(tokens))
        lanes = next_power(-(-tokens // per_lane))
        return cls(max(1, 32 // lanes), lanes, per_lane)

    @property
    def warps(self) -> int:
        """Warps of a program."""
        return max(1, self.systems * self.lanes // 32)


def tile_of(tokens: int, precision: str) -> Tile:
    """The tile for systems of `tokens` tokens.

    Raises: FormatError: if a system does not fit the registers of one multiprocessor.
    """
    few, many = _PER_LANE[precision]
    per_lane = few if tokens <= 32 * few else many
    while per_lane < _LARGEST_PER_LANE and next_power(-(-tokens // per_lane)) > _THREADS:
        per_lane *= 2
    if tokens > _THREADS * per_lane:
        most = _THREADS * _LARGEST_PER_LANE
        raise FormatError(f"a fused system holds at most {most} tokens", tokens, "token axis", "Use backend='numpy'.")
    return Tile.holding(tokens, per_lane)


def is_short(precision: str, rtol: float) -> bool:
    """Whether the device's own exponentials, 2e-7 off and all to one side, are exact enough; they halve the time."""
    return precision == "float32" and rtol >= SHORT_RTOL


@dataclass
class DeviceRun:
    """What the kernel wrote, as tensors on the device; see `numeric.flow.problem.Run` for the meaning.

    `numbers` are theta, ln of the time that remains, ln of the rates' scale and ln t0; `counts` status, steps, attempts and
    whether it settled.

    `states` and `velocity` hold nothing where only the ends were asked for.
    """

    states: torch.Tensor
    reached: torch.Tensor
    end: torch.Tensor
    velocity: torch.Tensor
    numbers: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def empty(cls, start: torch.Tensor, times: int, whole: bool = True) -> DeviceRun:
        """Room for the results, or the ends alone, of systems that start at `start`, shape (system, token)."""
        (systems, tokens), new = start.shape, start.new_empty
        return cls(
            new((systems, times if whole else 0, tokens)),
            torch.zeros((systems, times), dtype=torch.int32, device=start.device),
            new((systems, tokens)),
            new((systems if whole else 0, tokens)),
            new((systems, 4)),
            torch.empty((systems, 4), dtype=torch.int32, device=start.device),
        )


def flow_tensors(
    start: torch.Tensor | None,
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
    clock: str = "work",
    whole: bool = True,
) -> DeviceRun:
    """Integrate the bilinear flow of a batch in one launch.

    Args:
        start: u(0) of x = sigma e^u (anything where x = 0), shape (system, token), float32 or float64; 0 if None.
        arrays: sigma (system, token), the sign of x or, with u(0) = 0, x itself; mu, a (system, state);
            s, b, floor (system); contiguous, of one type.
        log_targets: ln t to stop at, ascending, the horizon last, shape (time).
        rtol: tolerated local error of ln|x| and of ln t.
        log_limit: ln|x| that counts as blown up; float32 rates allow 48.
        method: a key of `tableau.PAIRS`.
        tile: layout of a program; by length if absent.
        zero: inputs known to be 0, which are left out of the kernel; found by looking if absent.
        start_low: what rounding took from `start`, of its shape; 0 if absent.
        moving: every sigma is known not to be 0; otherwise the host looks, and waits for the device.
        clock: the independent variable: "work" time, or "log" time, faster where no token grows (all mu <= 0).
        whole: the states at every target and the velocity at the end, too; the ends alone are less to write.
    Numerics: float32 from `SHORT_RTOL` on has the device's own exponentials (`is_short`); below, and in float64, functions
        are exact to a rounding.
    """
    sigma = arrays["sigma"]
    precision = str(sigma.dtype).removeprefix("torch.")
    systems, tokens = sigma.shape
    tile = tile or tile_of(tokens, precision)
    if zero is None:
        zero = frozenset({"floor"} if systems and not bool(arrays["floor"].any()) else ())
    masked = tile.lanes * tile.per_lane != tokens or not (moving or bool((sigma != 0).all()))
    times, states = len(log_targets), arrays["mu"].shape[-1]
    run = DeviceRun.empty(sigma, times, whole)
    if systems == 0:
        return run
    module = load_flow(method, precision, zero, is_short(precision, rtol), clock)
    scalars = [arrays[name] for name in ("s", "b", "floor") if name not in zero]
    registers = _REGISTERS.get((precision, method, clock)) if tile.per_lane == 4 else None
    options = {"maxnreg": registers} if registers else {}
    module.flow_kernel[(-(-systems // tile.systems),)](
        sigma if start is None else start, sigma if start_low is None else start_low, sigma, *scalars, arrays["mu"], arrays["a"],
        log_targets,
        run.states, run.reached, run.end, run.velocity, run.numbers, run.counts,
        systems, tokens, times, rtol, min(log_limit, PRECISIONS[precision].log_limit), max_steps,
        SYSTEMS=tile.systems, LANES=tile.lanes, PER_LANE=tile.per_lane, STATES=states, MASKED=masked,
        START=start is not None, LOW=start_low is not None, WHOLE=whole, num_warps=tile.warps, **options,
    )  # fmt: skip
    return run


def equation_tensors(
    program: Program,
    chart: str,
    start: torch.Tensor,
    arrays: dict[str, torch.Tensor],
    log_targets: torch.Tensor,
    *,
    rtol: float,
    log_limit: float,
    max_steps: int,
    method: str,
    start_low: torch.Tensor | None = None,
) -> DeviceRun:
    """Integrate an equation of the user's own for a batch in one launch.

    Args:
        program, chart: of the `Equation`.
        start: w(0) of y = unit sinh w, the time first where it is read, shape (system, token).
        arrays: the other inputs of the program but the time, and log_unit, along the systems; contiguous, of start's type.
        log_targets, rtol, log_limit, max_steps, method, start_low: as in `flow_tensors`.
    """
    precision = str(start.dtype).removeprefix("torch.")
    systems, tokens = start.shape
    tile, run = tile_of(tokens, precision), DeviceRun.empty(start, len(log_targets))
    if systems == 0:
        return run
    along = [inp.name for inp in program.inputs[1:] if inp.axes] + ["log_unit"]
    own = [inp.name for inp in program.inputs if not inp.axes and inp.name not in ("time", "log_scale")]
    module = load_equation(program, method, precision, chart)
    module.flow_kernel[(-(-systems // tile.systems),)](
        start, start if start_low is None else start_low, *(arrays[name] for name in (*along, *own)), log_targets,
        run.states, run.reached, run.end, run.velocity, run.numbers, run.counts,
        systems, tokens, len(log_targets), rtol, min(log_limit, PRECISIONS[precision].log_limit), max_steps,
        SYSTEMS=tile.systems, LANES=tile.lanes, PER_LANE=tile.per_lane, STATES=1,
        MASKED=tile.lanes * tile.per_lane != tokens, START=True, LOW=start_low is not None, WHOLE=True,
        num_warps=tile.warps,
    )  # fmt: skip
    return run
