"""Landing on a given depth-time inside an accepted step, with the accuracy of the step itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.clock import Clock
from s6flow.numeric.flow.tableau import stages

__all__ = ["land"]

Float = NDArray[np.float64]

#: Below this distance in work time a first-order move closes the gap to within its square.
_CLOSE = 1e-8
_TRIALS = 60


def land(
    clock: Clock, state: Float, slope: Float, step: Float, new: Float, new_slope: Float, aim: Float
) -> tuple[Float, Float]:
    """States at theta = `aim`, by steps of the same method whose length is found by safeguarded Newton.

    Args:
        clock: the velocity of these systems.
        state, slope: at the beginning of the step.
        step: its length.
        new, new_slope: at its end, theta at least `aim`.
        aim: theta to land on, shape (system).
    Returns: states and slopes there.
    """
    low, high = np.zeros_like(step), step.copy()
    length = _guess(state[:, -1], slope[:, -1], step, new[:, -1], new_slope[:, -1], aim)
    landed, there = new.copy(), new_slope.copy()
    rest = np.arange(len(step))  # systems that have not landed yet
    for _ in range(_TRIALS):
        part = clock.part(rest)
        at, _slopes = stages(part.slope, state[rest], slope[rest], length[rest])
        speed = part.slope(at)
        gap = aim[rest] - at[:, -1]
        move = gap / np.maximum(speed[:, -1], 1e-300)
        exact = np.abs(gap) <= 4 * np.finfo(float).eps * np.abs(aim[rest])
        close = ~exact & (np.abs(move) <= _CLOSE)
        landed[rest] = at + np.where(close, move, 0.0)[:, None] * speed
        there[rest] = speed
        low[rest] = np.where(gap > 0, length[rest], low[rest])
        high[rest] = np.where(gap < 0, length[rest], high[rest])
        newton = length[rest] + move
        inside = (newton > low[rest]) & (newton < high[rest])
        length[rest] = np.where(inside, newton, 0.5 * (low[rest] + high[rest]))
        rest = rest[~(exact | close)]
        if not len(rest):
            break
    landed[:, -1] = aim
    return landed, there


def _guess(theta: Float, speed: Float, step: Float, end: Float, end_speed: Float, aim: Float) -> Float:
    """Length at which the cubic through both ends reaches `aim`, by bisection: theta grows monotonically."""
    low, high = np.zeros_like(step), np.ones_like(step)
    rise, left, right = end - theta, step * speed, step * end_speed
    for _ in range(24):
        c = 0.5 * (low + high)
        value = theta + c * (left + c * (3 * rise - 2 * left - right + c * (left + right - 2 * rise)))
        low, high = np.where(value < aim, c, low), np.where(value < aim, high, c)
    return step * 0.5 * (low + high)
