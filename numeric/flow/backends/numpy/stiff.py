"""Stiff stretches: a token held at a quasi-equilibrium that relaxes fast while the others drift slowly.

Mixed signs of mu_n make them (theory 8): F_l = 0 balances two large terms, and an explicit method follows the
relaxation time. Such systems are few; each is carried by LSODA in theta until the stretch or the horizon ends.
LSODA is kept away from blow-ups, where it was seen not to return: the explicit method takes over before.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.clock import Clock

__all__ = ["LARGEST_SYSTEM", "TIGHT", "Stretch", "carry"]

Float = NDArray[np.float64]

#: Components of a system for which a dense Jacobian is affordable.
LARGEST_SYSTEM = 512
#: A component that moves faster than this per unit of theta runs away: the explicit method is the better one.
RUNAWAY = 50.0
#: Least tolerance here. Errors contract in a stiff stretch, and balancing large terms leaves noise that a tighter
#: tolerance would chase: runs at 1e-8 and 1e-9 agree to 1e-8 at their ends.
LEAST_TOLERANCE = 1e-8
#: At this tolerance and below the explicit method follows a stiff stretch as long as it has steps for it.
TIGHT = 1e-12
#: A system rests when this span of theta moves nothing by more than so many tolerated errors, although it is stiff.
RESTING_SPAN, RESTING_MOVE, STIFF_RATE = 0.5, 100.0, 200.0


@dataclass(frozen=True)
class Stretch:
    """What became of one system: last state (theta last), states at the targets passed, whether it rests, cost."""

    state: Float
    landed: list[Float]
    settled: bool
    steps: int
    evaluations: int


def carry(clock: Clock, state: Float, targets: Float, limit: float, rtol: float, atol: float, budget: int) -> Stretch:
    """Advance one system in theta while nothing runs away.

    Args:
        clock: of this system alone.
        state: where it starts, theta last, shape (component + 1).
        targets: theta still to be recorded, ascending, the horizon last.
        limit: ln |x| not to come near.
        rtol, atol: of the flow problem.
        budget: most steps.
    """
    every = clock.part(np.zeros(len(state) - 1, dtype=np.int64))  # one copy a component, for the Jacobian

    def velocity(theta: float, y: Float) -> Float:
        slope = clock.slope(np.append(y, theta)[None])[0]
        return np.asarray(slope[:-1] / slope[-1])

    def jacobian(theta: float, y: Float) -> Float:
        width = 1e-7 * np.maximum(np.abs(y), 1e-3 if not clock.coordinates.relative else 1.0)
        moved = np.column_stack([y + np.diag(width), np.full(len(y), theta)])
        slope = every.slope(moved)
        return np.asarray(((slope[:, :-1] / slope[:, -1:] - velocity(theta, y)) / width[:, None]).T)

    rtol = max(rtol, LEAST_TOLERANCE)
    absolute = rtol if clock.coordinates.relative else max(atol, 0.01 * rtol)
    from scipy.integrate import LSODA  # imported where a system is stiff: it takes longer than most flows

    solver = LSODA(velocity, state[-1], state[:-1], targets[-1], rtol=rtol, atol=absolute, jac=jacobian)
    landed: list[Float] = []
    steps, last, anchor, settled = 0, state, state, False
    while not settled and solver.status == "running" and steps < budget:
        before = solver.y.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a failure is seen in the status, and the explicit method goes on
            solver.step()
        if solver.status == "failed":
            break
        steps += 1
        span = solver.t - solver.t_old
        alive = ~clock.coordinates.extinct(solver.y[None], clock.arrays)[0]
        runs = (np.abs(solver.y - before)[alive] > RUNAWAY * span).any()
        size = clock.coordinates.log_size(solver.y[None], clock.arrays)[0]
        if not np.isfinite(solver.y).all() or runs or size > limit - 5 or span < 1e-14 * solver.t:
            break
        between = solver.dense_output()
        while len(landed) < len(targets) and targets[len(landed)] <= solver.t:
            landed.append(np.asarray(between(targets[len(landed)])))
        last = np.append(solver.y, solver.t)
        if last[-1] - anchor[-1] >= RESTING_SPAN:
            scale = 1.0 if clock.coordinates.relative else np.minimum(1.0, np.abs(solver.y))
            still = (np.abs(last - anchor)[:-1] <= RESTING_MOVE * rtol * scale) | ~alive
            settled = bool(still.all() and np.abs(np.diag(jacobian(solver.t, solver.y))).max() > STIFF_RATE)
            anchor = last
    return Stretch(last, landed, settled, steps, int(solver.nfev + solver.njev * len(state)))
