"""Landing on a given depth-time inside an accepted step, with the accuracy of the step itself."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.clock import Clock
from s6flow.numeric.flow.step_control import DRIVER, GUESSES
from s6flow.numeric.flow.tableau import Tableau, stages

__all__ = ["hermite_length", "land"]

Float = NDArray[np.float64]


def land(
    rules: ModuleType,
    tableau: Tableau,
    clock: Clock,
    state: Float,
    slope: Float,
    step: Float,
    new: Float,
    new_slope: Float,
    aim: Float,
) -> tuple[Float, Float]:
    """States at theta = `aim`, by steps of the same method whose length is found by safeguarded Newton.

    Args:
        rules: the step control, of `load_rules`.
        tableau: the method.
        clock: the velocity of these systems.
        state, slope: at the beginning of the step.
        step: its length.
        new, new_slope: at its end, theta at least `aim`.
        aim: theta to land on, shape (system).
    Returns: states and slopes there.
    """
    low, high = np.zeros_like(step), step.copy()
    length = hermite_length(rules, state[:, -1], slope[:, -1], step, new[:, -1], new_slope[:, -1], aim)
    landed, there = new.copy(), new_slope.copy()
    rest = np.arange(len(step))  # systems that have not landed yet
    for _ in range(DRIVER.landing_trials):
        part = clock.part(rest)
        at, _slopes = stages(tableau, part.slope, state[rest], slope[rest], length[rest, None])
        speed = part.slope(at)
        gap = aim[rest] - at[:, -1]
        move = rules.closing(gap, speed[:, -1])
        exact = rules.is_exact(gap, aim[rest])
        close = ~exact & rules.is_close(move)
        landed[rest] = at + np.where(close, move, 0.0)[:, None] * speed
        there[rest] = speed
        low[rest] = np.where(gap > 0, length[rest], low[rest])
        high[rest] = np.where(gap < 0, length[rest], high[rest])
        length[rest] = rules.next_length(length[rest], move, low[rest], high[rest])
        rest = rest[~(exact | close)]
        if not len(rest):
            break
    landed[:, -1] = aim
    return landed, there


def hermite_length(
    rules: ModuleType, theta: Float, speed: Float, step: Float, end: Float, end_speed: Float, aim: Float
) -> Float:
    """Length at which the cubic through both ends reaches `aim`, by bisection: theta grows monotonically.

    Args:
        rules: the step control, of `load_rules`.
        theta, speed: theta and its slope in work time at the beginning of the step; step: its length.
        end, end_speed: the same two at its end; aim: theta in between. All of shape (system).
    Returns: lengths from 0 to `step`, shape (system).
    """
    low, high = np.zeros_like(step), np.ones_like(step)
    for _ in range(GUESSES):
        share = 0.5 * (low + high)
        below = rules.hermite(theta, end - theta, step * speed, step * end_speed, share) < aim
        low, high = np.where(below, share, low), np.where(below, high, share)
    return step * 0.5 * (low + high)
