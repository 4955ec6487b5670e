"""Dormand and Prince's explicit 8(5,3) pair, for many systems at once, each with its own step.

The coefficients are those of scipy.integrate.DOP853, as sparse rows. Sums run entry by entry in a fixed order, so
that a system's result does not depend on which others share its batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DOP853

__all__ = ["ORDER", "STAGES", "combine", "error_norm", "stages"]

Float = NDArray[np.float64]
Row = tuple[tuple[int, float], ...]

ORDER: int = int(DOP853.order)
STAGES: int = int(DOP853.n_stages)


def _sparse(row: Float) -> Row:
    return tuple((int(index), float(row[index])) for index in np.flatnonzero(row))


_A: tuple[Row, ...] = tuple(_sparse(row) for row in DOP853.A)
_B: Row = _sparse(DOP853.B)
_E3: Row = _sparse(DOP853.E3)
_E5: Row = _sparse(DOP853.E5)


def combine(row: Row, slopes: list[Float]) -> Float:
    """sum_i row_i slope_i."""
    (first, weight), *rest = row
    total = weight * slopes[first]
    for index, weight in rest:
        total += weight * slopes[index]
    return total


def stages(velocity: Callable[[Float], Float], y: Float, slope: Float, step: Float) -> tuple[Float, list[Float]]:
    """The eighth-order result of one step, and the slopes that it came from.

    Args:
        velocity: state -> slope, for all systems.
        y: states, shape (system, component).
        slope: velocity(y).
        step: step of every system, shape (system).
    """
    h = step[:, None]
    slopes = [slope]
    for row in _A[1:]:
        slopes.append(velocity(y + h * combine(row, slopes)))
    return y + h * combine(_B, slopes), slopes


def error_norm(slopes: list[Float], step: Float, scale: Float, rtol: float, least: float) -> Float:
    """Local error over the tolerated one in the maximum norm: shape (system).

    DOP853's estimate, of eighth order like the method, vanishes by accident where the fifth-order one changes its sign:
    one step in ten thousand passes with an error of 1e4 times the tolerated one. So it counts no less than `least` of
    the square of the third-order estimate, which is of eighth order too.

    Args:
        slopes: of all stages, and the slope at the result.
        step: step of every system.
        scale: tolerated error of every component.
        rtol: the relative one, the unit of squares.
        least: see above.
    """
    fifth = np.abs(combine(_E5, slopes) / scale).max(axis=1)
    third = np.abs(combine(_E3, slopes) / scale).max(axis=1)
    size = np.hypot(fifth, 0.1 * third)
    usual = np.abs(step) * np.where(size > 0, fifth**2 / np.where(size > 0, size, 1.0), size)
    return np.asarray(np.maximum(usual, least * rtol * (step * third) ** 2))
