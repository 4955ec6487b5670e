"""The backend `triton` of `numeric.flow`: batches sent to the fused kernels, and their results brought back."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from s6flow.errors import FormatError
from s6flow.numeric.flow.backends.halving import halving
from s6flow.numeric.flow.backends.numpy import driver
from s6flow.numeric.flow.backends.triton.doubt import doubted, jolted
from s6flow.numeric.flow.backends.triton.fused import DeviceRun, equation_tensors, flow_tensors
from s6flow.numeric.flow.clock import log_time
from s6flow.numeric.flow.equation import KIND
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.flow.tableau import pair
from s6flow.symbolic.codegen.triton.runtime import require_device

__all__ = ["complete", "device_run", "host_run", "on_device", "solve"]

#: Tolerance below which roundings show in float32.
_DOUBTFUL_RTOL = 1e-5
#: How much smaller the tolerance of systems in doubt is. A vanishing error estimate may be what put them there: errors
#: of 800 tolerances were seen.
_FINER = 1000.0


def solve(problem: Problem, *, precision: str = "float64", method: str | None = None) -> Run:
    """Advance every system to the horizon, to its blow-up, or to a reported failure.

    Args:
        problem: the batch, in log coordinates or of an equation.
        precision: float64, or float32 for tolerances down to 1e-7 and |x| up to 1e20.
        method: a key of `tableau.PAIRS`; by tolerance and precision if absent.
    Raises: FormatError: other coordinates, or too many tokens. MissingDependencyError: no CUDA device.
    Numerics: as numeric.flow.driver, with the 2-norm of all rates, that of ln(t + t0) among them, in the clock. But
        ln(1 + t/t0) is the independent variable where no token grows, and of each step that reaches an output.
        float32 below rtol 1e-5 runs twice, and systems of which the runs disagree (`doubt`) run in float64. What the
        device leaves unfinished goes to the CPU.
    """
    return complete(problem, on_device(problem, precision, method), precision, method)[0]


def complete(
    problem: Problem, run: Run, precision: str = "float64", method: str | None = None
) -> tuple[Run, dict[str, int]]:
    """The device's run with systems that are in doubt or unfinished integrated anew.

    Returns: the run, and how many systems ran again in float64 and on the CPU.
    """
    again = {"float64": 0, "cpu": 0}
    quiet = replace(problem, progress=None)
    if _near_rounding(problem, precision):
        second = on_device(jolted(quiet), precision, method)
        rows = np.flatnonzero(doubted(run, second, problem.rtol) | _unfinished(run))
        again["float64"] = len(rows)
        if len(rows):
            run.put(rows, on_device(_some(replace(quiet, rtol=problem.rtol / _FINER), rows)))
    rows = np.flatnonzero(_unfinished(run))
    again["cpu"] = len(rows)
    if len(rows):  # the CPU's driver can be stiff and has float64's range
        run.put(rows, driver.solve(_some(quiet, rows)))
    return run, again


def _near_rounding(problem: Problem, precision: str) -> bool:
    """Whether so little is tolerated that float32's roundings show."""
    return precision == "float32" and problem.rtol < _DOUBTFUL_RTOL


def _unfinished(run: Run) -> NDArray[np.bool_]:
    """Systems that the device gave up: stiff ones, for which it has no method, and those at the end of its range."""
    return np.isin(run.status, (Status.STEP_LIMIT, Status.UNDERFLOW, Status.OVERFLOW))


def _some(problem: Problem, rows: NDArray[np.int64]) -> Problem:
    """The problem of some of the systems, in ascending order."""
    if len(rows) == len(problem.start):
        return problem
    arrays = {k: v[rows] if k in problem.per_system else v for k, v in problem.arrays.items()}
    return replace(problem, start=problem.start[rows], arrays=arrays)


def _clocks(problem: Problem, precision: str) -> dict[str, NDArray[np.int64]]:
    """The systems by their independent variable: log time where no token grows, which is so where all mu <= 0.

    float32 at small tolerances has work time alone: the exponent of log time has no digits to spare.
    """
    systems = np.arange(len(problem.start))
    if _chart(problem):
        return {"work": systems}
    decays = np.broadcast_to((problem.arrays["mu"] <= 0).all(axis=-1), systems.shape)
    if _near_rounding(problem, precision):
        decays = np.zeros_like(decays)
    return {"work": systems[~decays], "log": systems[decays]}


def on_device(problem: Problem, precision: str = "float64", method: str | None = None) -> Run:
    """As `solve`, by the device alone; a batch that does not fit its memory is halved."""
    device = require_device()
    if problem.coordinates.name != "log" and not _chart(problem):
        raise FormatError(
            "the triton backend integrates log tokens and equations",
            problem.coordinates.name,
            "",
            "Use backend='numpy'.",
        )
    # in float32 rounding noise fools the eighth-order pair's error estimate
    method = method or ("DOP853" if problem.rtol < 1e-7 and precision == "float64" else "RK45")
    run = Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])
    done = 0
    for clock, rows in _clocks(problem, precision).items():
        one = _some(problem, rows)

        def work(part: slice, one: Problem = one, clock: str = clock) -> Run:
            return host_run(part, device_run(one, part, device, precision, method, clock), one, method)

        def progress(count: int, done: int = done) -> None:
            if problem.progress:
                problem.progress(done + count)

        found = halving(Run.empty(len(rows), *run.states.shape[1:]), work, progress)
        if len(rows) == len(problem.start):
            return found
        run.put(rows, found)
        done += len(rows)
    return run


def device_run(
    problem: Problem, part: slice, device: torch.device, precision: str, method: str, clock: str
) -> DeviceRun:
    """Advance some of the systems at once, as the fused kernels do.

    Args:
        part: systems of the problem.
        precision, method: as `solve` takes them.
        clock: the independent variable: work, or log time.
    Raises: torch.cuda.OutOfMemoryError: they do not fit the device's memory.
    """
    dtype = getattr(torch, precision)

    def send(value: Any) -> torch.Tensor:
        return torch.tensor(np.ascontiguousarray(value, dtype=np.float64), device=device)  # the kernels' order

    exact = send(problem.start[part])
    start = exact.to(dtype)
    low = None if precision == "float64" else torch.where(exact.isfinite(), exact - start.double(), 0.0).to(dtype)

    count = part.stop - part.start
    arrays = {}
    for name, value in problem.arrays.items():
        own = value[part] if name in problem.per_system else np.broadcast_to(value, (count, *value.shape))
        arrays[name] = send(own).to(dtype)
    chart = _chart(problem)
    launch: Any = (
        partial(equation_tensors, problem.coordinates.program(), chart) if chart else partial(flow_tensors, clock=clock)
    )
    found: DeviceRun = launch(
        start, arrays, send(problem.targets).to(dtype), rtol=problem.rtol, log_limit=problem.log_limit,
        max_steps=problem.max_steps, method=method, start_low=low,
    )  # fmt: skip
    return found


def _chart(problem: Problem) -> str:
    """The chart of an equation of the user's own; none of another flow."""
    kind, _, chart = problem.coordinates.name.partition("-")
    return chart if kind == KIND else ""


def host_run(part: slice, found: DeviceRun, problem: Problem, method: str) -> Run:
    """The device's tensors as the CPU driver reports its own.

    Args:
        part: systems of the problem.
        found: of these, see `device_run`.
        method: that they were advanced by, a key of `tableau.PAIRS`.
    """
    data = {item.name: getattr(found, item.name).double().cpu().numpy() for item in fields(found)}
    theta, remaining, log_rate, log_t0 = data["numbers"].T
    status, steps, attempts, settled = data["counts"].astype(np.int64).T
    moving = np.asarray(problem.arrays["sigma"])[part] != 0 if "sigma" in problem.arrays else np.True_
    velocity = data["velocity"]  # large arrays are changed in place: what memory costs is most of what a call takes
    velocity *= moving
    largest = np.maximum(velocity.max(axis=1, initial=0.0), -velocity.min(axis=1, initial=0.0))
    velocity /= np.where(largest > 0, largest, 1.0)[:, None]
    ended = log_time(theta, log_t0)
    with np.errstate(divide="ignore"):
        log_pace = np.log(largest) + log_rate + ended
    reached = data["reached"] != 0
    last = reached[:, -1] & (status == Status.HORIZON) | (settled != 0)
    later = (settled != 0)[:, None] & ~reached
    states = data["states"]
    np.copyto(states, data["end"][:, None, :], where=later[:, :, None])
    return Run(
        status=status,
        states=states,
        reached=reached | later,
        end=data["end"],
        end_log_time=np.where(last, problem.targets[-1], ended),
        end_velocity=velocity,
        log_pace=log_pace,
        log_remaining=remaining,
        steps=steps,
        attempts=attempts,
        evaluations=attempts * pair(method).evaluations + 1,
        settled=settled != 0,
    )
