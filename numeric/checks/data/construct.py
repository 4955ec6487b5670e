"""Data that satisfy a theorem's assumptions, built from a point of the unit cube.

One map, two drivers: the public Hypothesis strategies draw the point with shrinking and targeting, `check` draws it
with a NumPy generator. Nothing is rejected: every assumption of the vocabulary has an entry in `proofs.adjust` that
makes it true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import TheoremError
from s6flow.numeric.checks.data.adjust import ADJUST, Data
from s6flow.numeric.checks.shared import Checkable

__all__ = ["DEFAULT_RANGES", "Shape", "UnitCube", "construct", "dimension"]

Array = NDArray[np.float64]

#: Magnitudes, drawn log-uniformly; `b` uniformly. A theorem may narrow them for a finite check.
DEFAULT_RANGES: dict[str, tuple[float, float]] = {
    "mu": (1e-6, 1e3),
    "x0": (1e-8, 1e3),
    "x": (1e-4, 1e2),
    "a": (1e-2, 20.0),
    "s": (1e-3, 10.0),
    "b": (-8.0, 8.0),
    "floor": (1e-3, 1.0),
    "t": (1e-6, 1e12),
    "h": (1e-4, 10.0),
    "y": (1e-8, 1e3),
    "d_skip": (1e-3, 1e2),
    "matrix": (1e-2, 3.0),
    "beta": (1e-3, 3.0),
    "Delta": (1e-6, 1e2),
    "v": (1e-3, 1e3),
    "age": (1e-1, 1e6),
    "radius": (0.3, 5.0),
    "ball": (1e-2, 1.0),
    "norm_floor": (1e-8, 1e-2),
    "zero": (0.0, 0.15),  # share of zero tokens, of s = 0 and of floor > 0
}

#: Bits of bfloat16, float16 and float32 numbers, the leading one among them.
SIGNIFICANDS = (8.0, 11.0, 24.0)


@dataclass(frozen=True)
class Shape:
    """Lengths of the axes of one batch of systems."""

    token: int
    state: int
    channel: int = 4
    rank: int = 2


class UnitCube:
    """Hands out the coordinates of unit-cube points in order; without points it only counts them.

    What is asked for by the shape of one system comes back with the system in front.

    Args:
        points: shape (system, coordinate), or None.
    """

    def __init__(self, points: Array | None) -> None:
        self.points, self.used = points, 0

    def take(self, *shape: int) -> Array:
        """The next coordinates, in [0, 1]; 0.5 of one system without points."""
        size = int(np.prod(shape, dtype=int))
        if self.points is None:
            self.used += size
            return np.full((1, *shape), 0.5)
        part = self.points[:, self.used : self.used + size]
        self.used += size
        return part.reshape(len(self.points), *shape)

    def log(self, bounds: tuple[float, float], *shape: int) -> Array:
        """Log-uniform numbers between two positive bounds."""
        low, high = np.log(bounds[0]), np.log(bounds[1])
        return np.exp(low + (high - low) * self.take(*shape))

    def sign(self, *shape: int) -> Array:
        """1.0 below 0.5, else -1.0."""
        return np.where(self.take(*shape) < 0.5, 1.0, -1.0)

    def signed(self, bounds: tuple[float, float], *shape: int) -> Array:
        """As `log`, with either sign; two coordinates a number."""
        return self.log(bounds, *shape) * self.sign(*shape)

    def rare(self, share: float, *shape: int) -> NDArray[np.bool_]:
        """True in this share of the cube; never where it is 0."""
        return self.take(*shape) > 1.0 - share


def construct(theorem: Checkable, shape: Shape, points: Array | None) -> Data:
    """Data for the letters of a theorem, one system a point.

    Args:
        shape: lengths of the axes.
        points: in the unit cube, shape (system, dimension(theorem, shape)).
    Returns: letter -> array, batch axis first.
    """
    cube = UnitCube(points)
    data = _draw(theorem.variables, {**DEFAULT_RANGES, **theorem.ranges}, shape, cube)
    for key, build in ADJUST.items():
        if key in theorem.assumptions:
            build(data)
    missing = [key for key in theorem.assumptions if key not in ADJUST]
    if missing:
        raise TheoremError("every assumption needs a construction", ", ".join(missing), theorem.id)
    return data


def dimension(theorem: Checkable, shape: Shape) -> int:
    """How many unit-cube coordinates one system takes."""
    cube = UnitCube(None)
    _draw(theorem.variables, {**DEFAULT_RANGES, **theorem.ranges}, shape, cube)
    return cube.used


def _draw(variables: tuple[str, ...], ranges: Mapping[str, tuple[float, float]], shape: Shape, cube: UnitCube) -> Data:
    L, N, D, R = shape.token, shape.state, shape.channel, shape.rank
    rare = ranges["zero"][1]
    layer = "S_dt_in" in variables

    def tokens() -> Array:
        value = cube.signed(ranges["x0"], L)
        return np.where(cube.rare(rare, L), 0.0, value)

    def weights() -> Array:
        total, share = cube.log(ranges["mu"]), cube.log((1e-3, 1.0), N)
        return total[:, None] * share / share.max(axis=1, keepdims=True) * cube.sign(N)

    def number(name: str) -> Callable[[], Array]:
        return lambda: cube.signed(ranges[name])

    def matrix(*axes: int) -> Callable[[], Array]:
        return lambda: cube.signed(ranges["matrix"], *axes)

    def bias(*axes: int) -> Callable[[], Array]:
        return lambda: cube.signed(ranges["beta"], *axes)

    def uniform(name: str, *axes: int) -> Array:
        low, high = ranges[name]
        return low + (high - low) * cube.take(*axes)

    makers: dict[str, Callable[[], Array]] = {
        "x0": tokens,
        "x_copy": tokens,
        "x": lambda: cube.signed(ranges["x"], L, D),
        "mu": weights,
        "a": lambda: cube.log(ranges["a"], D, N) if layer else cube.log(ranges["a"], N),
        "b": lambda: uniform("b", D) if layer else uniform("b"),
        "s": lambda: np.where(cube.rare(rare), 0.0, cube.signed(ranges["s"])),
        "floor": lambda: np.where(cube.rare(rare), cube.log(ranges["floor"]), 0.0),
        "t": lambda: cube.log(ranges["t"]),
        "h": lambda: cube.log(ranges["h"]),
        "y": number("y"),
        "y0": number("y"),
        "low": number("y"),
        "high": number("y"),
        "r": lambda: cube.log(ranges["y"]),
        "d_skip": number("d_skip"),
        "decay": lambda: cube.log(ranges["a"]),
        "m": lambda: np.floor(1 + cube.take() * L).clip(1, L),
        "on_axis": lambda: np.eye(D)[np.floor(cube.take() * D).clip(0, D - 1).astype(int)],
        "eps": lambda: cube.log((1e-6, 1e-2)),
        "S_B": matrix(N, D) if layer else matrix(N),
        "S_C": matrix(N, D) if layer else matrix(N),
        "S_dt_in": matrix(R, D),
        "S_dt_out": matrix(D, R),
        "beta_B": bias(N),
        "beta_C": bias(N),
        "row": matrix(R),
        "bias": lambda: uniform("b"),
        "Delta": lambda: cube.log(ranges["Delta"], L),
        "delta_max": lambda: cube.log(ranges["Delta"]),
        "width": lambda: cube.log(ranges["Delta"]),
        "v": lambda: cube.signed(ranges["v"], L),
        "v_copy": lambda: cube.signed(ranges["v"], L),
        "v_max": lambda: cube.log(ranges["v"]),
        "age": lambda: cube.log(ranges["age"]),
        "bits": lambda: np.array(SIGNIFICANDS)[np.floor(cube.take() * 3).clip(0, 2).astype(int)],
        "h_state": number("v"),
        "update": lambda: cube.signed((1e-9, 1.0)),
        "x_max": lambda: cube.log(ranges["x"], D),
        "skip": lambda: cube.signed(ranges["d_skip"], D),
        "gain": lambda: cube.signed(ranges["radius"], D),
        "norm_floor": lambda: np.where(cube.take() < 0.5, 0.0, cube.log(ranges["norm_floor"])),
        "radius": lambda: cube.log(ranges["radius"]),
        "ball": lambda: cube.log(ranges["ball"]),
        "turn": cube.take,
        "pull": cube.take,
    }
    data: Data = {}
    for name in variables:
        if name not in makers:
            raise TheoremError("a variable needs a construction", name, remedy="Add it to proofs.construct.")
        data[name] = makers[name]()
    data["N"], data["D"], data["L"] = float(N), float(D), float(L)
    return data
