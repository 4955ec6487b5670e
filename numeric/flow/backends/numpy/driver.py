"""The NumPy backend: every system of the batch advances with its own step; finished ones leave the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.backends.numpy.landing import land
from s6flow.numeric.flow.backends.numpy.stiff import LARGEST_SYSTEM, TIGHT, carry
from s6flow.numeric.flow.clock import Clock, log_norm, log_time, theta_of
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.flow.tableau import ORDER, STAGES, error_norm, stages

__all__ = ["solve", "stiff_after"]

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

#: Work time of the first and of the longest step; every component moves at most by the step.
FIRST_STEP, LONGEST_STEP, SHORTEST_STEP = 0.05, 30.0, 1e-13
#: Step control of DOP853: safety, and bounds on the change of a step.
SAFETY, SMALLEST_FACTOR, LARGEST_FACTOR = 0.9, 0.2, 10.0
#: Share of the squared third-order estimate below which no local error is believed; ordinary steps lie above it.
LEAST_ERROR = 0.01
#: A system rests when theta took at least this many steps to grow by this much (so an equilibrium holds the step
#: down) while no component moved by more than this many tolerated errors.
RESTING_STEPS, RESTING_CLOCK, RESTING_MOVE = 20, 0.1, 100.0
#: A system is stiff when so many accepted steps in a row stay this short: nothing changes within them. After a stiff
#: stretch the explicit method gets so many steps before it may be called stiff again.
STIFF_STEPS, STIFF_STEP, PATIENCE = 300, 0.03, 100
#: Growth like |x|^p takes finite time to infinity for p > 0; measured exponents are 0, 1, 2 or 3.
LEAST_POWER = 0.5
#: Elements (token times state) that run at a time: enough to hide the interpreter, few enough for the cache.
POOL = 1 << 17
#: Beyond this exponent 1/(t + t0) and the rates lose digits to denormal numbers.
LOG_TINY = -690.0


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
        return _Pool(problem).run()


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


class _Pool:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.systems, components = problem.start.shape
        self.result = Run.empty(self.systems, len(problem.targets), components)
        states = max((v.shape[-1] for k, v in problem.arrays.items() if k in ("mu", "S_B", "a") and v.ndim), default=1)
        self.capacity = max(1, POOL // max(1, components * states))
        self.admitted = 0
        self.live, self.clock = self.admit()

    def admit(self) -> tuple[_Live, Clock]:
        """The next systems of the queue, as many as there is room for, at depth-time 0."""
        room = self.capacity - (len(self.live.row) if self.admitted else 0)
        row = np.arange(self.admitted, min(self.admitted + room, self.systems))
        self.admitted += len(row)
        problem = self.problem
        start = problem.start[row]
        arrays = {k: v[row] if k in problem.per_system else v for k, v in problem.arrays.items()}
        velocity, log_scale = problem.coordinates.velocity(start, arrays)
        log_t0 = -np.logaddexp(0.0, log_norm(velocity) + log_scale)
        clock = Clock(problem.coordinates, arrays, problem.per_system, log_t0)
        state = np.concatenate([start, np.zeros((len(row), 1))], axis=1)
        slope, log_rate = clock.evaluate(state)
        live = _Live(
            row=row,
            state=state,
            slope=slope,
            log_rate=log_rate,
            step=np.full(len(row), FIRST_STEP),
            targets=theta_of(problem.targets[None, :], log_t0[:, None]),
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

    def run(self) -> Run:
        while len(self.live.row):
            self.attempt()
        return self.result

    def attempt(self) -> None:
        """One trial step of every live system."""
        live, problem = self.live, self.problem
        new, slopes = stages(self.clock.slope, live.state, live.slope, live.step)
        new_slope, new_log_rate = self.clock.evaluate(new)
        slopes.append(new_slope)
        tolerance = self.tolerance(live.state, new)
        error = error_norm(slopes, live.step, tolerance, problem.rtol, LEAST_ERROR)
        good = np.isfinite(error) & np.isfinite(new_log_rate)
        factor = np.where(good, SAFETY * np.where(error > 0, error, 1e-300) ** (-1 / ORDER), SMALLEST_FACTOR)
        good &= error <= 1
        factor = np.clip(factor, SMALLEST_FACTOR, np.where(live.rejected | ~good, 1.0, LARGEST_FACTOR))
        live.attempts += 1
        live.evaluations += STAGES
        live.accepted += good
        crossed = self.record(good, new, new_slope)
        exploded = good & (problem.coordinates.log_size(new[:, :-1], self.clock.arrays) >= problem.log_limit)
        self.finish_blow_up(exploded & ~crossed, new, new_slope, new_log_rate)
        rested = self.rest(good, new, tolerance)
        done = crossed | exploded
        self.finish(rested & ~done, new, new_slope, Status.HORIZON, settled=True)
        done |= rested
        next_step = np.minimum(live.step * factor, LONGEST_STEP)
        lost = ~done & ((next_step < SHORTEST_STEP) | (good & (new_log_rate < LOG_TINY)))
        self.finish(lost, np.where(good[:, None], new, live.state), live.slope, Status.UNDERFLOW)
        done |= lost
        tired = ~done & (live.attempts >= problem.max_steps)
        self.finish(tired, np.where(good[:, None], new, live.state), live.slope, Status.STEP_LIMIT)
        done |= tired
        live.state = np.where(good[:, None], new, live.state)
        live.slope = np.where(good[:, None], new_slope, live.slope)
        live.log_rate = np.where(good, new_log_rate, live.log_rate)
        live.short = np.where(
            good & (live.step < STIFF_STEP),
            live.short + 1,
            np.where(good & (live.short >= 0), 0, live.short + (live.short < 0)),
        )
        live.rejected, live.step = ~good, next_step
        for index in np.flatnonzero(~done & (live.short >= stiff_after(problem))):
            done[index] = self.carry_stiff(int(index))
        if done.any():
            self.compact(~done)

    def tolerance(self, old: Float, new: Float) -> Float:
        """Tolerated local error of every component, theta last."""
        problem = self.problem
        if problem.coordinates.relative:
            # ln|x| itself is the unit, until it is so low that x acts on nothing
            return np.asarray(problem.rtol * np.maximum(1.0, np.maximum(np.abs(old), np.abs(new)) / 1000.0))
        size = np.minimum(1.0, np.maximum(np.abs(old), np.abs(new)))
        scale = problem.rtol * size + problem.atol * size[:, :-1].max(axis=1, initial=0.0, keepdims=True)
        scale[:, -1] = problem.rtol
        return np.asarray(np.maximum(scale, 1e-290))

    def record(self, good: Bool, new: Float, new_slope: Float) -> Bool:
        """Land on every target inside the accepted steps; true where the horizon was among them."""
        live, last = self.live, self.live.targets.shape[1] - 1
        crossed = np.zeros(len(good), dtype=bool)
        while True:
            aim = live.targets[np.arange(len(good)), np.minimum(live.pending, last)]
            due = np.flatnonzero(good & ~crossed & (new[:, -1] >= aim))
            if not len(due):
                return crossed
            clock = self.clock.part(due)
            landed, slope = land(
                clock, live.state[due], live.slope[due], live.step[due], new[due], new_slope[due], aim[due]
            )
            row, at = live.row[due], live.pending[due]
            self.result.states[row, at] = landed[:, :-1]
            self.result.reached[row, at] = True
            arrived = at == last
            whole_new, whole_slope = new.copy(), new_slope.copy()
            whole_new[due], whole_slope[due] = landed, slope
            crossed[due[arrived]] = True
            mask = np.zeros(len(good), dtype=bool)
            mask[due[arrived]] = True
            self.finish(mask, whole_new, whole_slope, Status.HORIZON)
            self.result.end_log_time[row[arrived]] = self.problem.targets[-1]
            live.pending[due] += 1

    def rest(self, good: Bool, new: Float, tolerance: Float) -> Bool:
        """Whether a system lies at an equilibrium: see RESTING_STEPS.

        A single step says nothing: held down by stability, steps at an equilibrium jitter by the tolerated error.
        """
        live = self.live
        live.resting += good
        due = good & (new[:, -1] - live.anchor[:, -1] >= RESTING_CLOCK)
        move = np.abs(new - live.anchor)[:, :-1]
        gone = self.problem.coordinates.extinct(new[:, :-1], self.clock.arrays)
        size = self.problem.coordinates.size
        gone &= size(new[:, :-1]) <= size(live.anchor[:, :-1])
        still = ((move <= RESTING_MOVE * tolerance[:, :-1]) | gone).all(axis=1)
        rested = due & still & (live.resting >= RESTING_STEPS)
        live.anchor = np.where(due[:, None], new, live.anchor)
        live.resting = np.where(due, 0, live.resting)
        return np.asarray(rested)

    def finish(self, mask: Bool, state: Float, slope: Float, status: Status, settled: bool = False) -> None:
        if not mask.any():
            return
        live, result = self.live, self.result
        row = live.row[mask]
        result.status[row] = status
        result.end[row] = state[mask, :-1]
        result.end_log_time[row] = log_time(state[mask, -1], self.clock.log_t0[mask])
        largest = np.abs(slope[mask, :-1]).max(axis=1, initial=0.0)
        result.end_velocity[row] = slope[mask, :-1] / np.where(largest > 0, largest, 1.0)[:, None]
        passed = log_time(state[mask, -1], self.clock.log_t0[mask]) - state[mask, -1] - self.clock.log_t0[mask]
        result.log_pace[row] = np.log(largest) - np.log(slope[mask, -1]) + passed
        result.attempts[row], result.steps[row] = live.attempts[mask], live.accepted[mask]
        result.evaluations[row] = live.evaluations[mask]
        if settled:  # an equilibrium keeps its state at all later times
            result.settled[row] = True
            later = np.arange(live.targets.shape[1])[None, :] >= live.pending[mask, None]
            result.states[row] = np.where(later[:, :, None], state[mask, None, :-1], result.states[row])
            result.reached[row] |= later
            result.end_log_time[row] = self.problem.targets[-1]

    def finish_blow_up(self, mask: Bool, new: Float, new_slope: Float, new_log_rate: Float) -> None:
        """The time left is 1 / (p F), F ~ |x|^p the growth rate of the largest token, p measured on the last step.

        Where p is not positive (exponential growth: affine flows with a floor and no quadratic part) there is no
        blow-up, and the system is reported as OVERFLOW.
        """
        if not mask.any():
            return
        live = self.live
        lead = np.abs(new_slope[:, :-1]).argmax(axis=1)
        each = np.arange(len(lead))
        growth = np.log(np.abs(new_slope[each, lead])) + new_log_rate
        before = np.log(np.abs(live.slope[each, lead])) + live.log_rate
        power = (growth - before) / np.abs(new[each, lead] - live.state[each, lead])
        finite = power > LEAST_POWER
        self.result.log_remaining[live.row[mask]] = np.where(finite, -growth - np.log(np.abs(power)), -np.inf)[mask]
        self.finish(mask & finite, new, new_slope, Status.BLOW_UP)
        self.finish(mask & ~finite, new, new_slope, Status.OVERFLOW)

    def carry_stiff(self, index: int) -> bool:
        """Carry one system over a stiff stretch; whether it reached the horizon."""
        live, problem, one = self.live, self.problem, np.array([index])
        clock = self.clock.part(one)
        pending, left = int(live.pending[index]), int(problem.max_steps - live.attempts[index])
        targets = live.targets[index, pending:]
        budget = left * STAGES // 2  # LSODA takes about two evaluations a step
        stretch = carry(clock, live.state[index], targets, problem.log_limit, problem.rtol, problem.atol, budget)
        live.state[index] = live.anchor[index] = stretch.state
        slope, log_rate = clock.evaluate(stretch.state[None])
        live.slope[index], live.log_rate[index] = slope[0], log_rate[0]
        live.attempts[index] += -(-stretch.evaluations // STAGES)
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
            self.finish(mask, live.state, live.slope, Status.HORIZON, settled=stretch.settled)
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
