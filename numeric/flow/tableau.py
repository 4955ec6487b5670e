"""Runge-Kutta pairs as data: SciPy's coefficients, and the classical method of fixed steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from s6flow.errors import FormatError
from s6flow.numeric.flow import pairs

__all__ = ["CLASSICAL", "PAIRS", "Row", "Tableau", "combine", "pair", "stages"]

Row = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Tableau:
    """An explicit method; rows list (stage, weight), zeros left out.

    Args:
        name: as on the command line.
        a: rows of the stages after the first.
        b: the row of the result.
        errors: (name, row) of each error estimate over all stages and the slope at the result.
        norm: the local error over the tolerated one, a key of `step_control.NORMS`; empty if none is estimated.
        exponent: of the error in the step control, -1 / (order of the estimate + 1).
    """

    name: str
    a: tuple[Row, ...]
    b: Row
    errors: tuple[tuple[str, Row], ...] = ()
    norm: str = ""
    exponent: float = 0.0

    @property
    def last(self) -> int:
        """Index of the slope at the result."""
        return len(self.a) + 1

    @property
    def nodes(self) -> tuple[float, ...]:
        """Where in the step the stages after the first lie."""
        return tuple(math.fsum(weight for _, weight in row) for row in self.a)

    @property
    def evaluations(self) -> int:
        """Right-hand sides a step; of a pair the first is taken over from the step before."""
        return len(self.a) + 1


def _row(entries: Sequence[Sequence[float]]) -> Row:
    return tuple((int(index), float(weight)) for index, weight in entries)


#: Norm of the local error of each pair.
_NORMS = {"RK23": "embedded", "RK45": "embedded", "DOP853": "hairer"}
#: Embedded pairs: Bogacki-Shampine, Dormand-Prince 5(4), Dormand-Prince 8(5,3).
PAIRS: dict[str, Tableau] = {
    name: Tableau(
        name,
        tuple(_row(row) for row in stored["a"]),
        _row(stored["b"]),
        tuple((estimate, _row(row)) for estimate, row in stored["errors"].items()),
        _NORMS[name],
        -1.0 / (stored["order"] + 1),
    )
    for name, stored in pairs.read().items()
}

_HALF, _SIXTH = float(Fraction(1, 2)), float(Fraction(1, 6))
#: Runge's and Kutta's classical method.
CLASSICAL = Tableau(
    "RK4", (((0, _HALF),), ((1, _HALF),), ((2, 1.0),)), ((0, _SIXTH), (1, 2 * _SIXTH), (2, 2 * _SIXTH), (3, _SIXTH))
)


def pair(name: str) -> Tableau:
    """The pair of that name.

    Raises: FormatError: if there is none.
    """
    if name not in PAIRS:
        raise FormatError("a Runge-Kutta pair must be one of " + ", ".join(PAIRS), name)
    return PAIRS[name]


def combine(row: Row, slopes: Sequence[Any]) -> Any:
    """sum_i row_i slope_i of arrays, entry by entry in a fixed order: no system's result depends on its batch."""
    (first, weight), *rest = row
    total = weight * slopes[first]
    for index, weight in rest:
        total = total + weight * slopes[index]
    return total


def stages(tableau: Tableau, velocity: Callable[[Any], Any], y: Any, slope: Any, h: Any) -> tuple[Any, list[Any]]:
    """The result of one step, and the slopes that it came from.

    Args:
        tableau: the method.
        velocity: state -> slope, for all systems.
        y: states; slope: velocity(y).
        h: steps, broadcast over components.
    """
    slopes = [slope]
    for row in tableau.a:
        slopes.append(velocity(y + h * combine(row, slopes)))
    return y + h * combine(tableau.b, slopes), slopes
