"""What an integration backend is given, and what it returns.

A backend is one function `solve(problem) -> Run` that advances every system of the batch to its end. Compiled
backends replace `driver.solve` whole; `integrate` prepares the problem and reads the run; `backends` has their table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import S6FlowError
from s6flow.numeric.flow.coordinates import Coordinates

__all__ = ["Problem", "Run", "Status", "require_run"]

Float = NDArray[np.float64]


class Status(IntEnum):
    """How a system ended.

    HORIZON: the last depth-time was reached. BLOW_UP: a token exceeded the limit at a finite time.
    STEP_LIMIT: max_steps attempted. UNDERFLOW: rates or steps left the range of float64.
    OVERFLOW: a token exceeded the limit, growing too slowly to reach infinity in finite time.
    """

    HORIZON = 0
    BLOW_UP = 1
    STEP_LIMIT = 2
    UNDERFLOW = 3
    OVERFLOW = 4


@dataclass(frozen=True)
class Problem:
    """A batch of systems in integration coordinates.

    Args:
        coordinates: the entry of `COORDINATES`.
        start: states at depth-time 0, shape (system, component).
        arrays: inputs of the velocity besides the state, by name.
        per_system: names of the arrays whose first axis is the system; the others are shared.
        targets: ln t to stop at, ascending, the horizon last, shape (time,).
        rtol: tolerated local error of ln|x| (log), of asinh x relative to min(1, |asinh x|) (asinh), and of ln t.
        atol: for asinh: further tolerated error relative to min(1, largest |asinh x| of the system).
        log_limit: ln |x| at which a system has blown up.
        max_steps: attempts a system.
        progress: called with the number of finished systems.
    """

    coordinates: Coordinates
    start: Float
    arrays: dict[str, Float]
    per_system: frozenset[str]
    targets: Float
    rtol: float
    atol: float
    log_limit: float
    max_steps: int
    progress: Callable[[int], None] | None = None


@dataclass
class Run:
    """What became of every system; a result keeps these arrays, so that a backend must not use them again.

    Args:
        status: `Status` codes, shape (system,).
        states: the state at every target, shape (system, time, component); meaningless where not reached.
        reached: which targets were reached, shape (system, time).
        end: last state, shape (system, component).
        end_log_time: its ln t, shape (system,).
        end_velocity: velocity there over the largest one, shape (system, component).
        log_pace: ln of the largest |d state / d ln t| there; -inf where nothing moves, shape (system,).
        log_remaining: ln of the time from the end to the blow-up; -inf where there is none, shape (system,).
        steps: accepted steps; attempts: accepted and rejected; evaluations: of the velocity, shape (system,).
        settled: whether the system was stopped as one at rest (`FlowResult.settled`), shape (system,).
    """

    status: NDArray[np.int64]
    states: Float
    reached: NDArray[np.bool_]
    end: Float
    end_log_time: Float
    end_velocity: Float
    log_pace: Float
    log_remaining: Float
    steps: NDArray[np.int64]
    attempts: NDArray[np.int64]
    evaluations: NDArray[np.int64]
    settled: NDArray[np.bool_]

    @classmethod
    def empty(cls, systems: int, times: int, components: int) -> Run:
        """A run of which nothing is known yet."""
        return cls(
            status=np.full(systems, Status.STEP_LIMIT, dtype=np.int64),
            states=np.zeros((systems, times, components)),
            reached=np.zeros((systems, times), dtype=bool),
            end=np.zeros((systems, components)),
            end_log_time=np.full(systems, -np.inf),
            end_velocity=np.zeros((systems, components)),
            log_pace=np.full(systems, -np.inf),
            log_remaining=np.full(systems, -np.inf),
            steps=np.zeros(systems, dtype=np.int64),
            attempts=np.zeros(systems, dtype=np.int64),
            evaluations=np.zeros(systems, dtype=np.int64),
            settled=np.zeros(systems, dtype=bool),
        )

    def put(self, rows: slice | NDArray[np.int64], part: Run) -> None:
        """Take over the run of some of the systems."""
        for item in fields(self):
            getattr(self, item.name)[rows] = getattr(part, item.name)


def require_run(run: Any, problem: Problem) -> None:
    """Refuse what cannot be a run of the problem: whoever writes a backend then reads what is wrong with it.

    Raises: S6FlowError: no `Run`, an array of another shape, a status that is none, a count below 0, or NaN in what is said to
        have been reached.
    """

    def need(holds: bool | np.bool_, rule: str, value: object) -> None:
        if not holds:
            raise S6FlowError(f"a backend must report {rule}", value, "", "Take another backend, and mend this one.")

    need(isinstance(run, Run), "a Run", type(run).__name__)
    expected = Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])
    for item in fields(Run):
        shape = getattr(expected, item.name).shape
        found = np.shape(getattr(run, item.name))
        need(found == shape, f"{item.name} of shape {shape}", f"shape {found}")
    unknown = run.status[~np.isin(run.status, list(Status))]
    need(not len(unknown), "a status of `Status`", unknown[:1])
    for name in ("steps", "attempts", "evaluations"):
        least = getattr(run, name).min(initial=0)
        need(least >= 0, f"{name} that are counts", least)
    blown = run.status == Status.BLOW_UP
    ended = blown | (run.status == Status.HORIZON)
    for what, values, claimed in (
        ("states", run.states, run.reached), ("ends", run.end, ended),
        ("times of ends", run.end_log_time, ended), ("times to blow-ups", run.log_remaining, blown),
    ):  # fmt: skip
        wrong = np.isnan(values).any(axis=tuple(range(claimed.ndim, values.ndim))) & claimed
        need(not wrong.any(), f"{what} that are numbers", f"NaN in {wrong.sum()} of {claimed.sum()}")
