"""The NumPy backend: every system of the batch advances with its own step; finished ones leave the batch.

One long file: the loop of a flow, its state, and what a trial step, a landing and an end do to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.backends.numpy.landing import land
from s6flow.numeric.flow.backends.numpy.stiff import LARGEST_SYSTEM, TIGHT, carry
from s6flow.numeric.flow.clock import Clock, log_norm, log_time
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.flow.step_control import DRIVER, PATIENCE, RUNNING, STIFF_STEPS, load_rules
from s6flow.numeric.flow.tableau import PAIRS, combine, stages

__all__ = ["Pool", "solve", "stiff_after"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

#: Elements (token times state) that run at a time: enough to hide the interpreter, few enough for the cache.
POOL = 1 << 17

_PAIR = PAIRS["DOP853"]


def stiff_after(problem: Problem) -> int:
    """Short steps in a row that make a system stiff; where digits are asked for that carrying costs, half of all steps."""
    if problem.start.shape[1] > LARGEST_SYSTEM:
        return problem.max_steps + 1
    return STIFF_STEPS if problem.rtol > TIGHT else max(STIFF_STEPS, problem.max_steps // 2)


def solve(problem: Problem) -> Run:
    """Advance every system to the horizon, to its blow-up, or to a reported failure.

    Args:
        problem: the batch; as many systems run at a time as fit the cache, and new ones replace finished ones.
    Returns: the run of every system.
    Numerics: DOP853 in work time (`clock`), error control in the maximum norm, per system.
    """
    with np.errstate(all="ignore"):  # trial stages may overflow; such steps are rejected
        return Pool(problem).run()


@dataclass
class _Live:
    """The systems still running, one row each."""

    row: NDArray[np.int64]
    state: Float
    slope: Float
    log_rate: Float
    step: Float
    targets: Float
    pending: NDArray[np.int64]
    rejected: Bool
    anchor: Float
    resting: NDArray[np.int64]
    short: NDArray[np.int64]
    attempts: NDArray[np.int64]
    accepted: NDArray[np.int64]
    evaluations: NDArray[np.int64]

    def keep(self, mask: Bool) -> None:
        for name, value in vars(self).items():
            setattr(self, name, value[mask])

    def join(self, other: _Live) -> None:
        for name, value in vars(self).items():
            setattr(self, name, np.concatenate([value, getattr(other, name)]))


class Pool:
    """A batch in work: the systems that run now, as many as fit into `POOL` numbers, and what the others reported.

    Args:
        problem: the whole batch; `run` advances it to its end and returns the `Run`.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rules = load_rules("numpy", DRIVER, _PAIR)
        self.systems, components = problem.start.shape
        self.result = Run.empty(self.systems, len(problem.targets), components)
        states = max((v.shape[-1] for k, v in problem.arrays.items() if k in ("mu", "S_B", "a") and v.ndim), default=1)
        self.capacity = max(1, POOL // max(1, components * states))
        self.admitted = 0
        self.log_t0 = np.zeros(self.systems)
        #: Outputs that accepted steps passed: system, target, the step's beginning and end, and theta to land on.
        self.outputs: list[tuple[Any, ...]] = []
        self.noted = 0
        self.live, self.clock = self.admit()

    def admit(self) -> tuple[_Live, Clock]:
        """The next systems of the queue, as many as there is room for, at depth-time 0."""
        room = self.capacity - (len(self.live.row) if self.admitted else 0)
        row = np.arange(self.admitted, min(self.admitted + room, self.systems))
        self.admitted += len(row)
        problem = self.problem
        start = problem.start[row]
        clock = self.clock_of(row)
        velocity, log_scale = problem.coordinates.velocity(start, clock.arrays)
        self.log_t0[row] = clock.log_t0 = -np.logaddexp(0.0, log_norm(velocity) + log_scale)
        state = np.concatenate([start, np.zeros((len(row), 1))], axis=1)
        slope, log_rate = clock.evaluate(state)
        live = _Live(
            row=row,
            state=state,
            slope=slope,
            log_rate=log_rate,
            step=np.full(len(row), DRIVER.first_step),
            targets=self.rules.theta_of(problem.targets[None, :], clock.log_t0[:, None]),
            pending=np.zeros(len(row), dtype=np.int64),
            rejected=np.zeros(len(row), dtype=bool),
            anchor=state.copy(),
            resting=np.zeros(len(row), dtype=np.int64),
            short=np.zeros(len(row), dtype=np.int64),
            attempts=np.zeros(len(row), dtype=np.int64),
            accepted=np.zeros(len(row), dtype=np.int64),
            evaluations=np.ones(len(row), dtype=np.int64),
        )
        return live, clock

    def clock_of(self, row: NDArray[np.int64]) -> Clock:
        """The clock of systems by their place in the batch."""
        problem = self.problem
        arrays = {k: v[row] if k in problem.per_system else v for k, v in problem.arrays.items()}
        return Clock(problem.coordinates, arrays, problem.per_system, self.log_t0[row])

    def run(self) -> Run:
        while len(self.live.row):
            self.attempt()
        self.land()
        return self.result

    def attempt(self) -> None:
        """One trial step of every live system."""
        live, problem, rules = self.live, self.problem, self.rules
        new, slopes = stages(_PAIR, self.clock.slope, live.state, live.slope, live.step[:, None])
        new_slope, new_log_rate = self.clock.evaluate(new)
        slopes.append(new_slope)
        tolerance = self.tolerance(live.state, new)
        estimates = [np.abs(combine(row, slopes) / tolerance).max(axis=1) for _, row in _PAIR.errors]
        error = rules.error_norm(live.step, *estimates, problem.rtol)
        finite = rules.is_finite(error, new_log_rate)
        good = rules.is_good(error, finite)
        next_step = rules.grown(live.step, rules.step_factor(error, finite, good, live.rejected))
        live.attempts += 1
        live.evaluations += _PAIR.evaluations
        live.accepted += good
        crossed = self.record(good, new, new_slope)
        exploded = good & (problem.coordinates.log_size(new[:, :-1], self.clock.arrays) >= problem.log_limit)
        remaining = self.remaining(exploded, new, new_slope, new_log_rate)
        rested = self.rest(good, new, tolerance)
        lost = rules.is_lost(good, next_step, new_log_rate)
        ending = rules.ending(crossed, exploded, remaining, rested, lost, live.attempts >= problem.max_steps)
        live.state = np.where(good[:, None], new, live.state)
        live.slope = np.where(good[:, None], new_slope, live.slope)
        live.log_rate = np.where(good, new_log_rate, live.log_rate)
        live.short = rules.short_steps(good, live.step, live.short)
        live.rejected, live.step = ~good, next_step
        done = ending != RUNNING
        self.result.log_remaining[live.row[ending == Status.BLOW_UP]] = remaining[ending == Status.BLOW_UP]
        self.finish(done & ~crossed, live.state, live.slope, ending, ending == Status.HORIZON)
        for index in np.flatnonzero(~done & (live.short >= stiff_after(problem))):
            done[index] = self.carry_stiff(int(index))
        if done.any():
            self.compact(~done)

    def tolerance(self, old: Float, new: Float) -> Float:
        """Tolerated local error of every component, theta last."""
        problem = self.problem
        if problem.coordinates.relative:
            return np.asarray(self.rules.relative_tolerance(old, new, problem.rtol))
        size = np.minimum(1.0, np.maximum(np.abs(old), np.abs(new)))
        largest = size[:, :-1].max(axis=1, initial=0.0, keepdims=True)
        scale = np.asarray(self.rules.absolute_tolerance(size, largest, problem.rtol, problem.atol, 1e-290))
        scale[:, -1] = problem.rtol
        return scale

    def record(self, good: Bool, new: Float, new_slope: Float) -> Bool:
        """Note every target inside the accepted steps; true where the horizon was among them."""
        live, last = self.live, self.live.targets.shape[1] - 1
        crossed = np.zeros(len(good), dtype=bool)
        due = np.flatnonzero(good & (new[:, -1] >= live.targets[np.arange(len(good)), live.pending]))
        if not len(due):
            return crossed
        passed = (live.targets[due] <= new[due, -1:]).sum(axis=1)
        place = np.repeat(due, passed - live.pending[due])  # a step may pass several
        at = live.pending[place] + np.arange(len(place)) - np.searchsorted(place, place)
        before, after = (live.state[place], live.slope[place], live.step[place]), (new[place], new_slope[place])
        self.outputs.append((live.row[place], at, *before, *after, live.targets[place, at]))
        self.noted += len(place)
        self.result.reached[live.row[place], at] = True
        crossed[due] = passed > last
        self.count(crossed, Status.HORIZON)
        live.pending[due] = passed
        if self.noted >= self.capacity:
            self.land()
        return crossed

    def land(self) -> None:
        """Land on all outputs that were noted: together, since an evaluation costs about the same for one and for many."""
        if not self.outputs:
            return
        noted = [np.concatenate(parts) for parts in zip(*self.outputs, strict=True)]
        self.outputs, self.noted = [], 0
        last = self.result.states.shape[1] - 1
        for begin in range(0, len(noted[0]), self.capacity):
            row, at, *steps = (values[begin : begin + self.capacity] for values in noted)
            landed, slope = land(self.rules, _PAIR, self.clock_of(row), *steps)
            self.result.states[row, at] = landed[:, :-1]
            arrived = at == last
            self.close(row[arrived], landed[arrived], slope[arrived])
            self.result.end_log_time[row[arrived]] = self.problem.targets[-1]

    def rest(self, good: Bool, new: Float, tolerance: Float) -> Bool:
        """Whether a system lies at an equilibrium."""
        live, coordinates = self.live, self.problem.coordinates
        size, was = coordinates.size(new[:, :-1]), coordinates.size(live.anchor[:, :-1])
        still = self.rules.is_still(np.abs(new - live.anchor)[:, :-1], tolerance[:, :-1])
        still = (still | self.rules.is_gone(size, was, coordinates.least)).all(axis=1)
        due = self.rules.is_due(good, new[:, -1], live.anchor[:, -1])
        rested, live.resting = self.rules.rest(good, due, still, live.resting)
        live.anchor = np.where(due[:, None], new, live.anchor)
        return np.asarray(rested)

    def finish(self, mask: Bool, state: Float, slope: Float, status: NDArray[np.int64] | Status, settled: Bool) -> None:
        """Report the systems of a mask; those that have settled keep their state at all later times."""
        if not mask.any():
            return
        live, result = self.live, self.result
        self.count(mask, status)
        self.close(live.row[mask], state[mask], slope[mask])
        kept = mask & settled
        row = live.row[kept]
        result.settled[row] = True
        later = np.arange(live.targets.shape[1])[None, :] >= live.pending[kept, None]
        result.states[row] = np.where(later[:, :, None], state[kept, None, :-1], result.states[row])
        result.reached[row] |= later
        result.end_log_time[row] = self.problem.targets[-1]

    def count(self, mask: Bool, status: NDArray[np.int64] | Status) -> None:
        """How the systems of a mask ended, and after how much work."""
        live, result = self.live, self.result
        row = live.row[mask]
        result.status[row] = np.broadcast_to(status, mask.shape)[mask]
        result.attempts[row], result.steps[row] = live.attempts[mask], live.accepted[mask]
        result.evaluations[row] = live.evaluations[mask]

    def close(self, row: NDArray[np.int64], state: Float, slope: Float) -> None:
        """Where systems ended, and how they moved there."""
        result, log_t0 = self.result, self.log_t0[row]
        result.end[row] = state[:, :-1]
        result.end_log_time[row] = log_time(state[:, -1], log_t0)
        largest = np.abs(slope[:, :-1]).max(axis=1, initial=0.0)
        result.end_velocity[row] = slope[:, :-1] / np.where(largest > 0, largest, 1.0)[:, None]
        passed = result.end_log_time[row] - state[:, -1] - log_t0
        result.log_pace[row] = np.log(largest) - np.log(slope[:, -1]) + passed

    def remaining(self, exploded: Bool, new: Float, new_slope: Float, new_log_rate: Float) -> Float:
        """ln of the time left; -inf where growth is exponential (affine flows with a floor and no quadratic part)."""
        if not exploded.any():
            return np.full(len(exploded), -np.inf)
        live = self.live
        lead = np.abs(new_slope[:, :-1]).argmax(axis=1)
        speed, before, move = (
            np.abs(values[np.arange(len(lead)), lead]) for values in (new_slope, live.slope, new - live.state)
        )
        return np.asarray(self.rules.log_remaining(speed, before, new_log_rate, live.log_rate, move))

    def carry_stiff(self, index: int) -> bool:
        """Carry one system over a stiff stretch; whether it reached the horizon."""
        live, problem, one = self.live, self.problem, np.array([index])
        clock = self.clock.part(one)
        pending, left = int(live.pending[index]), int(problem.max_steps - live.attempts[index])
        targets = live.targets[index, pending:]
        budget = left * _PAIR.evaluations // 2  # LSODA takes about two evaluations a step
        stretch = carry(clock, live.state[index], targets, problem.log_limit, problem.rtol, problem.atol, budget)
        live.state[index] = live.anchor[index] = stretch.state
        slope, log_rate = clock.evaluate(stretch.state[None])
        live.slope[index], live.log_rate[index] = slope[0], log_rate[0]
        live.attempts[index] += -(-stretch.evaluations // _PAIR.evaluations)
        live.accepted[index] += stretch.steps
        live.evaluations[index] += stretch.evaluations
        live.short[index] = -PATIENCE
        row, reached = live.row[index], pending + len(stretch.landed)
        self.result.states[row, pending:reached] = np.reshape(stretch.landed, (-1, problem.start.shape[1]))
        self.result.reached[row, pending:reached] = True
        live.pending[index], live.resting[index] = reached, 0
        arrived = stretch.settled or reached == live.targets.shape[1]
        if arrived:
            mask = np.zeros(len(live.row), dtype=bool)
            mask[index] = True
            self.finish(mask, live.state, live.slope, Status.HORIZON, mask & stretch.settled)
            self.result.end_log_time[row] = problem.targets[-1]
        return bool(arrived)

    def compact(self, keep: Bool) -> None:
        """Drop finished systems; when the pool is half empty, refill it."""
        self.live.keep(keep)
        self.clock = self.clock.part(keep)
        if 2 * len(self.live.row) <= self.capacity and self.admitted < self.systems:
            live, clock = self.admit()
            self.live.join(live)
            self.clock = self.clock.join(clock)
        if self.problem.progress:
            self.problem.progress(self.admitted - len(self.live.row))
