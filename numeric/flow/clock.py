"""Work time: the independent variable in which convergent, slow and exploding flows alike need O(1) steps.

The state is carried together with theta = ln(1 + t / t0), t0 = 1 / (1 + largest initial velocity), as a function
of sigma with

    d y / d sigma = velocity / (1/(t + t0) + |velocity|),
    d theta / d sigma = (1/(t + t0)) / (1/(t + t0) + |velocity|).

Every component then moves at most by one a unit of sigma (but extinct ones, whose ln|x| may run to -1e300). |.| is
the p-norm with p = 8: close to the maximum, whose kinks would cost rejected steps. Everything is scaled by
e^{-log_scale}, so that nothing leaves the range of float64 at |x| = 1e100 or ln t = 600.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.coordinates import Arrays, Coordinates

__all__ = ["POWER", "Clock", "log_norm", "log_time"]

Float = NDArray[np.float64]

#: Of the norm of velocities; a power of two, so that it is formed by repeated squaring.
POWER = 8


def log_norm(velocity: Float) -> Float:
    """ln of the p-norm over components; -inf where every velocity is zero."""
    size = np.abs(velocity).max(axis=1, initial=0.0)
    safe = np.where(size > 0, size, 1.0)
    total = ((velocity / safe[:, None]) ** POWER).sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(size) + np.log(np.where(size > 0, total, 1.0)) / POWER)


def log_time(theta: Float, log_t0: Float) -> Float:
    """ln t from theta; -inf at theta = 0."""
    with np.errstate(divide="ignore"):
        small = np.log(np.expm1(np.minimum(theta, 30.0)))
    return np.asarray(log_t0 + np.where(theta > 30, theta + np.log1p(-np.exp(-np.maximum(theta, 30.0))), small))


class Clock:
    """The velocity of a batch in work time; the last component of a state is theta.

    Args:
        coordinates: what the velocity is.
        arrays: its inputs for these systems.
        per_system: names of the arrays whose first axis is the system.
        log_t0: ln t0 of every system.
    """

    def __init__(self, coordinates: Coordinates, arrays: Arrays, per_system: frozenset[str], log_t0: Float) -> None:
        self.coordinates, self.arrays, self.per_system, self.log_t0 = coordinates, arrays, per_system, log_t0

    def part(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Clock:
        """The clock of some of the systems."""
        arrays = {k: v[index] if k in self.per_system else v for k, v in self.arrays.items()}
        return Clock(self.coordinates, arrays, self.per_system, self.log_t0[index])

    def join(self, other: Clock) -> Clock:
        """The clock of these systems and those of `other`, in this order."""
        arrays = {
            k: np.concatenate([v, other.arrays[k]]) if k in self.per_system else v for k, v in self.arrays.items()
        }
        log_t0 = np.concatenate([self.log_t0, other.log_t0])
        return Clock(self.coordinates, arrays, self.per_system, log_t0)

    def slope(self, state: Float) -> Float:
        """d state / d sigma, shape (system, component + 1)."""
        return self.evaluate(state)[0]

    def evaluate(self, state: Float) -> tuple[Float, Float]:
        """d state / d sigma, and ln(d sigma / dt), shape (system)."""
        velocity, log_scale = self.coordinates.velocity(state[:, :-1], self.arrays)
        log_clock = -(state[:, -1] + self.log_t0)
        # an extinct token acts on nothing, and time does not wait for it
        extinct = self.coordinates.extinct(state[:, :-1], self.arrays)
        log_speed = log_norm(np.where(extinct, 0.0, velocity))
        # ln(1/(t + t0) + |velocity|), from the exponents: neither term need be in range
        log_rate = np.logaddexp(log_clock - log_scale, log_speed)
        slope = np.empty_like(state)
        slope[:, :-1] = velocity * np.exp(-log_rate)[:, None]
        slope[:, -1] = np.exp(log_clock - log_scale - log_rate)
        return slope, log_rate + log_scale
