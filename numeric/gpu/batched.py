"""The adaptive integrator in PyTorch, for velocities that are no generated kernel: mamba-ssm's own scan above all.

The scheme is that of numeric.flow (work time, per-system steps, Dormand-Prince); every system of the batch steps at
once, finished ones are masked and dropped when half of the batch has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from s6flow.numeric.flow import driver
from s6flow.numeric.flow.problem import Status
from s6flow.numeric.gpu.tableau import PAIRS, Row

__all__ = ["Ends", "integrate_batched"]

#: state, indices of the systems -> velocity d state / dt, same shape as the state
Velocity = Callable[[Tensor, Tensor], Tensor]

_METHOD = PAIRS["RK45"]
#: Distance to the horizon in theta = ln(1 + t/t0) that counts as having arrived.
_LANDED = 1e-7


@dataclass
class Ends:
    """How every system ended: status, state, ln t, d state / d ln t, ln of the time left to a blow-up, steps."""

    status: Tensor
    state: Tensor
    log_time: Tensor
    pace: Tensor
    log_remaining: Tensor
    steps: Tensor


@dataclass
class _Live:
    index: Tensor
    state: Tensor
    theta: Tensor
    slope: Tensor
    clock: Tensor
    log_rate: Tensor
    step: Tensor
    rejected: Tensor
    log_t0: Tensor
    attempts: Tensor


def _log_time(theta: Tensor, log_t0: Tensor) -> Tensor:
    return log_t0 + torch.where(theta > 30, theta, torch.log(torch.expm1(theta.clamp(max=30.0))))


def integrate_batched(
    velocity: Velocity,
    start: Tensor,
    *,
    log_horizon: float,
    log_size: Callable[[Tensor, Tensor], Tensor],
    log_limit: float,
    rtol: float,
    relative: bool,
    max_steps: int = 2000,
) -> Ends:
    """Integrate a batch to a horizon of depth-time or to blow-up.

    Args:
        velocity: of the systems whose indices it is given; float32 inside is enough for rtol >= 1e-6.
        start: float64 states, shape (system, component).
        log_horizon: ln t at which to stop.
        log_size: state, indices -> ln of the largest |x|, shape (system).
        log_limit: ln|x| that counts as blown up.
        rtol: tolerated local error, of the state itself if `relative` (log tokens), else relative to min(1, |state|).
        relative: see rtol.
        max_steps: attempts a system.
    """
    systems = len(start)
    ends = Ends(
        torch.full((systems,), int(Status.STEP_LIMIT), device=start.device),
        start.clone(),
        start.new_full((systems,), float("-inf")),
        torch.zeros_like(start),
        start.new_full((systems,), float("-inf")),
        torch.zeros(systems, dtype=torch.int64, device=start.device),
    )
    index = torch.arange(systems, device=start.device)
    speed = velocity(start, index).norm(dim=1)
    log_t0 = -torch.log1p(speed)
    theta = torch.zeros_like(log_t0)
    slope, clock, log_rate = _slopes(velocity, start, theta, log_t0, index)
    step = torch.full_like(theta, driver.FIRST_STEP)
    none = torch.zeros(systems, dtype=torch.bool, device=start.device)
    live = _Live(index, start, theta, slope, clock, log_rate, step, none, log_t0, torch.zeros_like(index))
    aim = torch.nn.functional.softplus(log_horizon - log_t0)
    while len(live.index):
        done = _attempt(velocity, live, aim[live.index], ends, log_size, log_limit, rtol, relative, max_steps)
        if bool(done.any()):  # dropping at once keeps the batch dense; a velocity is told who is left
            for name, value in vars(live).items():
                setattr(live, name, value[~done])
    return ends


def _slopes(
    velocity: Velocity, state: Tensor, theta: Tensor, log_t0: Tensor, index: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    moving = velocity(state, index)
    clock = torch.exp(-(theta + log_t0))
    total = clock + moving.norm(dim=1)
    return moving / total[:, None], clock / total, torch.log(total)


def _combine(row: Row, slopes: list[Tensor]) -> Tensor:
    return sum((weight * slopes[index] for index, weight in row[1:]), row[0][1] * slopes[row[0][0]])


def _attempt(
    velocity: Velocity,
    live: _Live,
    aim: Tensor,
    ends: Ends,
    log_size: Callable[[Tensor, Tensor], Tensor],
    log_limit: float,
    rtol: float,
    relative: bool,
    max_steps: int,
) -> Tensor:
    h = live.step
    slopes, clocks = [live.slope], [live.clock]
    for row in _METHOD.a:
        state = live.state + h[:, None] * _combine(row, slopes)
        slope, clock, _ = _slopes(velocity, state, live.theta + h * _combine(row, clocks), live.log_t0, live.index)
        slopes.append(slope)
        clocks.append(clock)
    new = live.state + h[:, None] * _combine(_METHOD.b, slopes)
    theta = live.theta + h * _combine(_METHOD.b, clocks)
    slope, clock, log_rate = _slopes(velocity, new, theta, live.log_t0, live.index)
    (_, row), *_rest = _METHOD.errors
    estimate = h[:, None] * _combine(row, [*slopes, slope]).abs()
    scale = torch.ones_like(new) if relative else torch.maximum(new.abs(), live.state.abs()).clamp(1e-6, 1.0)
    error = (estimate / (rtol * scale)).amax(dim=1)
    error = torch.maximum(error, h * _combine(row, [*clocks, clock]).abs() / rtol)
    good = torch.isfinite(error) & torch.isfinite(log_rate) & (error <= 1)
    factor = driver.SAFETY * error.nan_to_num(nan=1e9, posinf=1e9).clamp(min=1e-12) ** _METHOD.exponent
    most = torch.where(live.rejected | ~good, 1.0, driver.LARGEST_FACTOR).to(factor)
    factor = torch.minimum(factor.clamp(min=driver.SMALLEST_FACTOR), most)
    live.attempts = live.attempts + 1
    over = good & (theta > aim + _LANDED)  # past the horizon: again, with the step that the clock suggests
    good = good & ~over
    arrived = good & (theta >= aim - _LANDED)
    exploded = good & ~arrived & (log_size(new, live.index) >= log_limit)
    lead = slope.abs().argmax(dim=1, keepdim=True)
    growth = slope.gather(1, lead).abs().log()[:, 0] + log_rate
    before = live.slope.gather(1, lead).abs().log()[:, 0] + live.log_rate
    power = (growth - before) / (new - live.state).gather(1, lead).abs()[:, 0]
    finite = exploded & (power > driver.LEAST_POWER)
    ends.log_remaining[live.index[finite]] = (-growth - power.log())[finite]
    shorter = h * (aim - live.theta) / (theta - live.theta)
    live.step = torch.where(over, shorter, torch.minimum(h * factor, torch.full_like(h, driver.LONGEST_STEP)))
    live.rejected = ~good
    live.state = torch.where(good[:, None], new, live.state)
    live.theta = torch.where(good, theta, live.theta)
    live.slope = torch.where(good[:, None], slope, live.slope)
    live.clock = torch.where(good, clock, live.clock)
    live.log_rate = torch.where(good, log_rate, live.log_rate)
    lost = ~arrived & ~exploded & (live.step < 1e-9)
    tired = live.attempts >= max_steps
    done = arrived | exploded | lost | tired
    status = torch.full_like(live.index, int(Status.STEP_LIMIT))
    for mask, code in (
        (lost, Status.UNDERFLOW),
        (exploded, Status.OVERFLOW),
        (finite, Status.BLOW_UP),
        (arrived, Status.HORIZON),
    ):
        status[mask] = int(code)
    where = live.index[done]
    ends.status[where], ends.state[where], ends.steps[where] = status[done], live.state[done], live.attempts[done]
    ends.log_time[where] = _log_time(live.theta, live.log_t0)[done]
    ends.pace[where] = (live.slope / live.clock.clamp(min=1e-300)[:, None])[done]
    return done
