"""The adaptive integrator in PyTorch, for velocities that are no generated kernel: mamba-ssm's own scan above all.

The scheme is that of the other drivers (work time, a step and landings of every system's own, rest, blow-up). The whole batch steps at
once; an attempt, some hundred launches, changes tensors in place and never waits, so that CUDA can replay it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from s6flow.numeric.flow.backends.torch.recorded import repeated
from s6flow.numeric.flow.problem import Run
from s6flow.numeric.flow.step_control import LANDED, RUNNING, TORCH_DRIVER, Control, load_rules
from s6flow.numeric.flow.tableau import PAIRS, Tableau, combine

__all__ = [
    "Flow",
    "LiveSystems",
    "active_velocity",
    "attempt_step",
    "integrate_batched",
    "local_tolerance",
    "log_time_of",
]

#: Finished systems leave the batch when no more than one in so many still runs: recording anew costs some attempts.
_THINNED = 4


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
        pair: the method; Dormand's and Prince's of fifth order is not fooled by float32 inside the velocity.
        control: the constants of the step control, for the velocity's arithmetic.
    """

    velocity: Callable[[Tensor, Tensor], Tensor]
    log_size: Callable[[Tensor, Tensor], Tensor]
    log_limit: float
    relative: bool
    extinct: float
    log_least: Callable[[Tensor, Tensor], Tensor] | None = None
    pair: Tableau = PAIRS["RK45"]
    control: Control = TORCH_DRIVER

    @property
    def rules(self) -> ModuleType:
        """The step control."""
        return load_rules("torch", self.control, self.pair)


@dataclass
class LiveSystems:
    """The systems of a batch, one row each; a row that has finished keeps its values until the batch is thinned out.

    `index` says which system a row is; `aims` are the targets in theta; `status` is RUNNING or how the system ended;
    `states` and `reached` are what the targets saw.
    """

    index: Tensor
    log_t0: Tensor
    aims: Tensor
    state: Tensor
    slope: Tensor
    theta: Tensor
    clock: Tensor
    log_rate: Tensor
    step: Tensor
    kept: Tensor
    anchor: Tensor
    anchor_theta: Tensor
    remaining: Tensor
    pending: Tensor
    resting: Tensor
    attempts: Tensor
    accepted: Tensor
    status: Tensor
    rejected: Tensor
    landing: Tensor
    settled: Tensor
    states: Tensor
    reached: Tensor

    @classmethod
    def of(cls, flow: Flow, start: Tensor, targets: Tensor) -> LiveSystems:
        """All systems at depth-time 0."""
        systems, count = len(start), len(targets)
        index = torch.arange(systems, device=start.device)
        log_t0 = -torch.log1p(active_velocity(flow, start, flow.velocity(start, index)).norm(dim=1))
        theta, nought = torch.zeros_like(log_t0), torch.zeros_like(index)
        slope, clock, log_rate = _slopes(flow, start, theta, log_t0, index)
        no = torch.zeros_like(index, dtype=torch.bool)
        values = {
            "index": index,
            "log_t0": log_t0,
            "aims": flow.rules.theta_of(targets[None, :], log_t0[:, None]),
            **dict.fromkeys(("state", "anchor"), start),
            **dict.fromkeys(("theta", "anchor_theta"), theta),
            **{"slope": slope, "clock": clock, "log_rate": log_rate},
            **dict.fromkeys(("step", "kept"), theta + flow.control.first_step),
            "remaining": theta - torch.inf,
            "status": nought + RUNNING,
            **dict.fromkeys(("pending", "resting", "attempts", "accepted"), nought),
            **dict.fromkeys(("rejected", "landing", "settled"), no),
            "states": start[:, None, :].expand(-1, count, -1),
            "reached": no[:, None].expand(-1, count),
        }
        return cls(**{name: value.clone() for name, value in values.items()})  # an attempt writes each in place

    def part(self, rows: Tensor) -> LiveSystems:
        """Some of the rows, by a mask."""
        return LiveSystems(**{name: value[rows] for name, value in vars(self).items()})


def integrate_batched(flow: Flow, start: Tensor, targets: Tensor, rtol: float, max_steps: int) -> Run:
    """Integrate a batch to its last target, to its blow-up or to a reported failure.

    Args:
        flow: the velocity and its coordinates; on CUDA it must not wait for the device, since attempts are recorded.
        start: float64 states, shape (system, component).
        targets: ln t to stop at, ascending, the horizon last, shape (time).
        rtol: tolerated local error; float32 inside the velocity is enough for 1e-6 and above.
        max_steps: attempts a system.
    """
    run = Run.empty(len(start), len(targets), start.shape[1])
    if not len(start):
        return run
    live = LiveSystems.of(flow, start, targets)
    while len(live.index):
        advance = repeated(partial(attempt_step, flow, live, rtol, max_steps), start.device)
        left = len(live.index)
        while left * _THINNED >= len(live.index):
            advance()
            left = int((live.status == RUNNING).sum())
        done = live.status != RUNNING
        del advance  # and the memory of its recording
        _read(flow, live.part(done), run)
        live = live.part(~done)
    return run


def active_velocity(flow: Flow, state: Tensor, velocity: Tensor) -> Tensor:
    """The velocity without extinct components, for which time does not wait; all of shape (system, component)."""
    return velocity.masked_fill((state if flow.relative else state.abs()) < flow.extinct, 0.0)


def _slopes(flow: Flow, state: Tensor, theta: Tensor, log_t0: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    velocity = flow.velocity(state, index)
    clock = torch.exp(-(theta + log_t0))
    total = clock + active_velocity(flow, state, velocity).norm(dim=1)
    return velocity / total[:, None], clock / total, torch.log(total)


def local_tolerance(flow: Flow, rtol: float, old: Tensor, new: Tensor) -> Tensor:
    """Tolerated local error of every component of a step from `old` to `new`, all of shape (system, component).

    Args:
        rtol: relative tolerance; absolute ones follow from it.
    """
    if flow.relative:
        return flow.rules.relative_tolerance(old, new, rtol)
    size = torch.maximum(old.abs(), new.abs()).clamp(max=1.0)
    return flow.rules.absolute_tolerance(size, size.amax(dim=1, keepdim=True), rtol, 0.01 * rtol, rtol * flow.extinct)


def attempt_step(flow: Flow, live: LiveSystems, rtol: float, max_steps: int) -> None:
    """One trial step of every running system, in place and without a word to the host.

    Args:
        live: the systems, changed in place; those that have ended keep their values.
        rtol: relative tolerance; max_steps: attempts after which a system ends.
    """
    rules, pair, h, last = flow.rules, flow.pair, live.step, live.aims.shape[1] - 1
    slopes, clocks = [live.slope], [live.clock]
    for row in pair.a:
        state = live.state + h[:, None] * combine(row, slopes)
        slope, clock, _ = _slopes(flow, state, live.theta + h * combine(row, clocks), live.log_t0, live.index)
        slopes.append(slope)
        clocks.append(clock)
    new = live.state + h[:, None] * combine(pair.b, slopes)
    theta = live.theta + h * combine(pair.b, clocks)
    slope, clock, log_rate = _slopes(flow, new, theta, live.log_t0, live.index)
    tolerance = local_tolerance(flow, rtol, live.state, new)
    estimates = [
        torch.maximum(
            (combine(row, [*slopes, slope]).abs() / tolerance).amax(dim=1), combine(row, [*clocks, clock]).abs() / rtol
        )
        for _, row in pair.errors
    ]
    error = rules.error_norm(h, *estimates, *([rtol] if len(estimates) > 1 else []))
    finite = rules.is_finite(error, log_rate)
    good = rules.is_good(error, finite)
    grown = rules.grown(h, rules.step_factor(error, finite, good, live.rejected))
    # a step past the target is made again, with the length that the clock suggests
    aim = live.aims.gather(1, live.pending[:, None])[:, 0]
    slack = LANDED * (1.0 + aim)
    over = good & (theta > aim + slack)
    good = good & ~over
    arrived = good & (theta >= aim - slack)
    finished = arrived & (live.pending == last)
    exploded = good & (flow.log_size(new, live.index) >= flow.log_limit)
    remaining = _remaining(flow, live, exploded, new, slope, log_rate)
    still = rules.is_still((new - live.anchor).abs(), tolerance)
    size, was = (new, live.anchor) if flow.relative else (new.abs(), live.anchor.abs())
    still = (still | rules.is_gone(size, was, flow.extinct)).all(dim=1)
    due = rules.is_due(good, theta, live.anchor_theta)
    # steps that outputs shorten say nothing of whether the system rests
    rested, resting = rules.rest(good & ~live.landing, due, still, live.resting)
    here = arrived[:, None] & (torch.arange(last + 1, device=new.device) == live.pending[:, None])
    shorter = h * ((aim - live.theta) / (theta - live.theta)).clamp(0.01, 0.999)
    step = torch.where(over, shorter, torch.where(arrived & live.landing, torch.maximum(live.kept, h), grown))
    lost = rules.is_lost(good, step, log_rate) & ~over
    if flow.log_least is not None:
        lost = lost | good & (slope.abs().amax(dim=1).log() + log_rate < flow.log_least(new, live.index))
    attempts = live.attempts + 1
    status = rules.ending(finished, exploded, remaining, rested, lost, attempts >= max_steps).to(live.status.dtype)
    running = live.status == RUNNING
    updates = (
        (running & good, {"state": new, "slope": slope, "theta": theta, "clock": clock, "log_rate": log_rate}),
        (running & due, {"anchor": new, "anchor_theta": theta}),
        (running & over & ~live.landing, {"kept": h}),
        (running[:, None] & here, {"states": new[:, None, :], "reached": here}),
        (running, {
            "step": step, "status": status, "attempts": attempts, "accepted": live.accepted + good,
            "pending": live.pending + (arrived & ~finished), "rejected": ~good,
            "landing": over | (live.landing & ~arrived & ~good), "remaining": remaining,
            "resting": resting, "settled": rested & ~finished & ~exploded,
        }),
    )  # fmt: skip
    chosen = {
        name: torch.where(
            mask.reshape(*mask.shape, *[1] * (getattr(live, name).dim() - mask.dim())), value, getattr(live, name)
        )
        for mask, values in updates
        for name, value in values.items()
    }
    for name, value in chosen.items():  # all are known before the first is written
        getattr(live, name).copy_(value)


def _remaining(flow: Flow, live: LiveSystems, exploded: Tensor, new: Tensor, slope: Tensor, log_rate: Tensor) -> Tensor:
    """ln of the time left, by the fastest token; -inf where none explodes."""
    lead = slope.abs().argmax(dim=1, keepdim=True)
    speed, before, move = (values.gather(1, lead).abs()[:, 0] for values in (slope, live.slope, new - live.state))
    left = flow.rules.log_remaining(speed, before, log_rate, live.log_rate, move)
    return left.masked_fill(~exploded, -torch.inf)


def log_time_of(theta: Tensor, log_t0: Tensor) -> Tensor:
    """ln t from theta and ln t0 (`numeric.flow.clock`), all of shape (system); -inf at theta = 0."""
    return log_t0 + torch.where(theta > 30, theta, torch.log(torch.expm1(theta.clamp(max=30.0))))


def _read(flow: Flow, done: LiveSystems, run: Run) -> None:
    """Report systems that have finished."""
    row = done.index.cpu().numpy()
    largest = done.slope.abs().amax(dim=1)
    log_time = log_time_of(torch.where(done.settled, done.aims[:, -1], done.theta), done.log_t0)
    later = done.settled[:, None] & (
        torch.arange(done.aims.shape[1], device=done.index.device) >= done.pending[:, None]
    )
    for name, value in (
        ("status", done.status), ("end", done.state), ("end_log_time", log_time),
        ("log_pace", largest.log() - done.clock.log() + log_time - done.theta - done.log_t0),
        ("end_velocity", done.slope / largest.where(largest > 0, torch.ones_like(largest))[:, None]),
        ("log_remaining", done.remaining), ("steps", done.accepted), ("attempts", done.attempts),
        ("settled", done.settled), ("evaluations", done.attempts * flow.pair.evaluations + 1),
        # an equilibrium keeps its state at all later times
        ("states", torch.where(later[:, :, None], done.state[:, None, :], done.states)), ("reached", done.reached | later),
    ):  # fmt: skip
        getattr(run, name)[row] = value.cpu().numpy()
