"""The adaptive integrator in PyTorch, for velocities that are no generated kernel: mamba-ssm's own scan above all.

The scheme is that of numeric.flow.driver (work time, a step and landings of every system's own, rest, blow-up) with
Dormand and Prince's fifth-order pair, whose error estimate float32 velocities do not fool; the whole batch steps at
once and finished systems leave it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from s6flow.numeric.flow import driver
from s6flow.numeric.flow.problem import Run, Status
from s6flow.numeric.gpu.tableau import PAIRS, Row

__all__ = ["Flow", "integrate_batched"]

_METHOD = PAIRS["RK45"]
#: Distance to a target in theta = ln(1 + t/t0) that counts as having arrived.
_LANDED = 1e-7
_SHORTEST = 1e-9
#: As driver.RESTING_MOVE, for tolerances near 1e-5: a slow token moves by 1.7e-4 over a stretch even at ln t = 600.
_RESTING_MOVE = 10.0


@dataclass(frozen=True)
class Flow:
    """What is integrated.

    Args:
        velocity: states, indices of their systems -> d state / dt, same shape, float64.
        log_size: states, indices -> ln of the largest |x|, shape (system).
        log_limit: ln|x| that counts as blown up.
        relative: whether errors of the state are relative errors of x (log tokens), else relative to min(1, |state|).
        extinct: |state| (or, of log tokens, the state) below which a component acts on nothing.
        log_least: states, indices -> ln of the smallest rate that the velocity's arithmetic holds, shape (system);
            a system whose rates all fall below it ends as UNDERFLOW, instead of seeming to rest.
    """

    velocity: Callable[[Tensor, Tensor], Tensor]
    log_size: Callable[[Tensor, Tensor], Tensor]
    log_limit: float
    relative: bool
    extinct: float
    log_least: Callable[[Tensor, Tensor], Tensor] | None = None


@dataclass
class _Live:
    index: Tensor
    state: Tensor
    theta: Tensor
    slope: Tensor
    clock: Tensor
    log_rate: Tensor
    step: Tensor
    kept: Tensor
    pending: Tensor
    rejected: Tensor
    landing: Tensor
    anchor: Tensor
    anchor_theta: Tensor
    resting: Tensor
    attempts: Tensor
    accepted: Tensor
    log_t0: Tensor
    aims: Tensor


def integrate_batched(flow: Flow, start: Tensor, targets: Tensor, rtol: float, max_steps: int) -> Run:
    """Integrate a batch to its last target, to its blow-up or to a reported failure.

    Args:
        flow: the velocity and its coordinates.
        start: float64 states, shape (system, component).
        targets: ln t to stop at, ascending, the horizon last, shape (time).
        rtol: tolerated local error; float32 inside the velocity is enough for 1e-6 and above.
        max_steps: attempts a system.
    """
    systems = len(start)
    run = Run.empty(systems, len(targets), start.shape[1])
    index = torch.arange(systems, device=start.device)
    if not systems:
        return run
    log_t0 = -torch.log1p(_moving(flow, start, flow.velocity(start, index)).norm(dim=1))
    theta, nought = torch.zeros_like(log_t0), torch.zeros_like(index)
    slope, clock, log_rate = _slopes(flow, start, theta, log_t0, index)
    step, no = torch.full_like(theta, driver.FIRST_STEP), torch.zeros_like(index, dtype=torch.bool)
    aims = torch.nn.functional.softplus(targets[None, :] - log_t0[:, None], threshold=500.0)
    live = _Live(
        index, start, theta, slope, clock, log_rate, step, step, nought, no, no, start, theta, nought, nought, nought,
        log_t0, aims,
    )  # fmt: skip
    while len(live.index):
        done = _attempt(flow, live, run, rtol, max_steps)
        if bool(done.any()):  # dropping at once keeps the batch dense; a velocity is told who is left
            for name, value in vars(live).items():
                setattr(live, name, value[~done])
    return run


def _moving(flow: Flow, state: Tensor, velocity: Tensor) -> Tensor:
    """The velocity without extinct components, for which time does not wait."""
    return torch.where((state if flow.relative else state.abs()) < flow.extinct, 0.0, velocity)


def _slopes(flow: Flow, state: Tensor, theta: Tensor, log_t0: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    velocity = flow.velocity(state, index)
    clock = torch.exp(-(theta + log_t0))
    total = clock + _moving(flow, state, velocity).norm(dim=1)
    return velocity / total[:, None], clock / total, torch.log(total)


def _combine(row: Row, slopes: list[Tensor]) -> Tensor:
    return sum((weight * slopes[index] for index, weight in row[1:]), row[0][1] * slopes[row[0][0]])


def _tolerance(flow: Flow, rtol: float, old: Tensor, new: Tensor) -> Tensor:
    size = torch.maximum(old.abs(), new.abs())
    if flow.relative:
        return rtol * (size / 1000.0).clamp(min=1.0)
    size = size.clamp(max=1.0)
    return (rtol * size + 0.01 * rtol * size.amax(dim=1, keepdim=True)).clamp(min=rtol * flow.extinct)


def _attempt(flow: Flow, live: _Live, run: Run, rtol: float, max_steps: int) -> Tensor:
    """One trial step of every live system; who has finished."""
    h, last = live.step, live.aims.shape[1] - 1
    slopes, clocks = [live.slope], [live.clock]
    for row in _METHOD.a:
        state = live.state + h[:, None] * _combine(row, slopes)
        slope, clock, _ = _slopes(flow, state, live.theta + h * _combine(row, clocks), live.log_t0, live.index)
        slopes.append(slope)
        clocks.append(clock)
    new = live.state + h[:, None] * _combine(_METHOD.b, slopes)
    theta = live.theta + h * _combine(_METHOD.b, clocks)
    slope, clock, log_rate = _slopes(flow, new, theta, live.log_t0, live.index)
    ((_, row),) = _METHOD.errors
    tolerance = _tolerance(flow, rtol, live.state, new)
    error = (h[:, None] * _combine(row, [*slopes, slope]).abs() / tolerance).amax(dim=1)
    error = torch.maximum(error, h * _combine(row, [*clocks, clock]).abs() / rtol)
    finite = torch.isfinite(error) & torch.isfinite(log_rate)
    good = finite & (error <= 1)
    factor = torch.where(finite, driver.SAFETY * error.clamp(min=1e-12) ** _METHOD.exponent, driver.SMALLEST_FACTOR)
    most = torch.where(live.rejected | ~good, 1.0, driver.LARGEST_FACTOR).to(factor)
    factor = torch.minimum(factor.clamp(min=driver.SMALLEST_FACTOR), most)
    # a step past the target is made again, with the length that the clock suggests
    aim = live.aims.gather(1, live.pending[:, None])[:, 0]
    slack = _LANDED * (1.0 + aim)
    over = good & (theta > aim + slack)
    good = good & ~over
    arrived = good & (theta >= aim - slack)
    live.kept = torch.where(over & ~live.landing, h, live.kept)
    live.attempts = live.attempts + 1
    live.accepted = live.accepted + good
    exploded = good & (flow.log_size(new, live.index) >= flow.log_limit)
    remaining = _remaining(live, exploded, new, slope, log_rate)
    live.state = torch.where(good[:, None], new, live.state)
    live.slope = torch.where(good[:, None], slope, live.slope)
    live.theta = torch.where(good, theta, live.theta)
    live.clock = torch.where(good, clock, live.clock)
    live.log_rate = torch.where(good, log_rate, live.log_rate)
    rested = _rest(flow, live, good, tolerance)
    _write_states(live, run, arrived)
    finished = arrived & (live.pending == last)
    live.pending = torch.where(arrived & ~finished, live.pending + 1, live.pending)
    shorter = h * ((aim - live.theta) / (theta - live.theta)).clamp(0.01, 0.999)
    grown = (h * factor).clamp(max=driver.LONGEST_STEP)
    live.step = torch.where(over, shorter, torch.where(arrived & live.landing, torch.maximum(live.kept, h), grown))
    live.landing = over | (live.landing & ~arrived & ~good)
    live.rejected = ~good
    lost = (live.step < _SHORTEST) & ~over
    if flow.log_least is not None:
        lost = lost | good & (slope.abs().amax(dim=1).log() + log_rate < flow.log_least(new, live.index))
    status = torch.full_like(live.index, -1)
    for mask, code in (
        (live.attempts >= max_steps, Status.STEP_LIMIT),
        (lost, Status.UNDERFLOW),
        (rested, Status.HORIZON),
        (exploded, Status.OVERFLOW),
        (exploded & torch.isfinite(remaining), Status.BLOW_UP),
        (finished, Status.HORIZON),
    ):
        status = torch.where(mask, int(code), status)
    done = status >= 0
    if bool(done.any()):
        _finish(live, run, done, status, remaining, rested & ~finished & ~exploded)
    return done


def _remaining(live: _Live, exploded: Tensor, new: Tensor, slope: Tensor, log_rate: Tensor) -> Tensor:
    """ln of the time left, 1 / (p F), F ~ |x|^p the growth rate of the fastest token, p measured on this step."""
    lead = slope.abs().argmax(dim=1, keepdim=True)
    growth = slope.gather(1, lead).abs().log()[:, 0] + log_rate
    before = live.slope.gather(1, lead).abs().log()[:, 0] + live.log_rate
    power = (growth - before) / (new - live.state).gather(1, lead).abs()[:, 0]
    return torch.where(exploded & (power > driver.LEAST_POWER), -growth - power.abs().log(), float("-inf"))


def _rest(flow: Flow, live: _Live, good: Tensor, tolerance: Tensor) -> Tensor:
    """Whether a system lies at an equilibrium: see driver.RESTING_STEPS."""
    live.resting = live.resting + good
    due = good & (live.theta - live.anchor_theta >= driver.RESTING_CLOCK)
    size, was = (live.state, live.anchor) if flow.relative else (live.state.abs(), live.anchor.abs())
    gone = (size < flow.extinct) & (size <= was)
    still = (((live.state - live.anchor).abs() <= _RESTING_MOVE * tolerance) | gone).all(dim=1)
    rested = due & still & (live.resting >= driver.RESTING_STEPS)
    live.anchor = torch.where(due[:, None], live.state, live.anchor)
    live.anchor_theta = torch.where(due, live.theta, live.anchor_theta)
    live.resting = torch.where(due, 0, live.resting)
    return rested


def _log_time(theta: Tensor, log_t0: Tensor) -> Tensor:
    return log_t0 + torch.where(theta > 30, theta, torch.log(torch.expm1(theta.clamp(max=30.0))))


def _write_states(live: _Live, run: Run, arrived: Tensor) -> None:
    if bool(arrived.any()):
        row, at = live.index[arrived].cpu().numpy(), live.pending[arrived].cpu().numpy()
        run.states[row, at], run.reached[row, at] = live.state[arrived].cpu().numpy(), True


def _finish(live: _Live, run: Run, done: Tensor, status: Tensor, remaining: Tensor, settled: Tensor) -> None:
    row = live.index[done].cpu().numpy()

    def read(value: Tensor) -> object:
        return value[done].cpu().numpy()

    largest = live.slope.abs().amax(dim=1)
    log_time = _log_time(torch.where(settled, live.aims[:, -1], live.theta), live.log_t0)
    log_pace = largest.log() - live.clock.log() + log_time - live.theta - live.log_t0
    for name, value in (
        ("status", status), ("end", live.state), ("end_log_time", log_time), ("log_pace", log_pace),
        ("end_velocity", live.slope / torch.where(largest > 0, largest, 1.0)[:, None]), ("log_remaining", remaining),
        ("steps", live.accepted), ("attempts", live.attempts), ("settled", settled),
        ("evaluations", live.attempts * _METHOD.evaluations + 1),
    ):  # fmt: skip
        getattr(run, name)[row] = read(value)
    at = settled & done
    if bool(at.any()):  # an equilibrium keeps its state at all later times
        rows = live.index[at].cpu().numpy()
        later = torch.arange(live.aims.shape[1], device=at.device)[None, :] >= live.pending[at][:, None]
        mask, state = later.cpu().numpy(), live.state[at].cpu().numpy()
        for where, row in enumerate(rows):
            run.states[row, mask[where]], run.reached[row, mask[where]] = state[where], True
