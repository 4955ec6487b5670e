"""Parameters of the three flows: bilinear, affine on a channel axis, and the D-dimensional layer.

Each is checked once, when it is made; `arrays()` hands the numbers to the generated right-hand side by name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError, FormatError

__all__ = ["AxisParameters", "FlowParameters", "LayerParameters", "Parameters", "finite_array", "one_number"]

Float = NDArray[np.float64]


def finite_array(value: ArrayLike, name: str) -> Float:
    """`value` as float64.

    Raises: FormatError: not numbers. AssumptionError: NaN or Inf.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise FormatError(f"{name} needs an array of numbers", type(value).__name__, name) from None
    if not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        where = f"{name}[{', '.join(map(str, at))}]" if at else name
        raise AssumptionError(f"{name} needs finite numbers", array[at], where, "Remove NaN and Inf.")
    return array


def one_number(value: Any, name: str) -> float:
    """One finite number, for all systems.

    Raises: FormatError: no number, or more than one.
    """
    array = finite_array(value, name)
    if array.size != 1 or array.ndim > 1:
        raise FormatError(f"{name} must be one number, for all systems", f"shape {array.shape}", name)
    return float(array.reshape(()))


@dataclass(frozen=True)
class _Parameters:
    """What the three kinds share: conversion, broadcasting of batch axes, and the signs of a and floor."""

    #: name -> number of axes behind the batch axes, filled in by each kind
    _AXES = {}  # type: ignore[var-annotated]  # noqa: RUF012

    def __post_init__(self) -> None:
        for item in fields(self):
            array = finite_array(getattr(self, item.name), item.name)
            need = len(self._AXES[item.name])
            if array.ndim < need:
                raise FormatError(f"{item.name} needs at least {need} axes", f"shape {array.shape}", item.name)
            array.setflags(write=False)
            object.__setattr__(self, item.name, array)
        if (self.a <= 0).any():  # type: ignore[attr-defined]
            raise AssumptionError("the flow needs every a_n > 0", self.a.min(), "a", "A = -a decays.")  # type: ignore[attr-defined]
        if (self.floor < 0).any():  # type: ignore[attr-defined]
            raise AssumptionError("the flow needs floor >= 0", self.floor.min(), "floor")  # type: ignore[attr-defined]
        self._check_lengths()
        _ = self.batch_shape

    def _check_lengths(self) -> None:
        sizes: dict[str, int] = {}
        for name, axes in self._AXES.items():
            shape = getattr(self, name).shape
            for axis, length in zip(axes, shape[len(shape) - len(axes) :], strict=True):
                if length == 0:
                    raise FormatError(f"the {axis} axis needs at least one entry", f"shape {shape}", name)
                if sizes.setdefault(axis, length) != length:
                    raise FormatError(f"arrays must agree on the {axis} axis", f"{sizes[axis]} and {length}", name)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch axes, after broadcasting.

        Raises: FormatError: if they do not broadcast.
        """
        shapes = [
            getattr(self, name).shape[: getattr(self, name).ndim - len(axes)] for name, axes in self._AXES.items()
        ]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise FormatError("batch axes of the parameters must broadcast", shapes, type(self).__name__) from None

    def arrays(self) -> dict[str, Float]:
        """Name -> array, as the generated right-hand side takes them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def own_axes(self, name: str) -> int:
        """How many axes of array `name` are not batch axes."""
        return len(self._AXES[name])


@dataclass(frozen=True)
class FlowParameters(_Parameters):
    """The bilinear 1-D flow (theory 4): x_l' = x_l F_l.

    Args:
        mu: mu_n of either sign, shape (*batch, state).
        a: decay rates a_n > 0, shape (*batch, state).
        s: slope of the step, shape (*batch).
        b: bias of the step, shape (*batch).
        floor: floor of the step, >= 0, shape (*batch).
    Raises: AssumptionError: a_n <= 0, floor < 0, NaN or Inf. FormatError: shapes that do not fit.
    """

    mu: Any
    a: Any
    s: Any
    b: Any = 0.0
    floor: Any = 0.0
    _AXES = {"mu": ("state",), "a": ("state",), "s": (), "b": (), "floor": ()}  # noqa: RUF012


@dataclass(frozen=True)
class AxisParameters(_Parameters):
    """The flow on a channel axis with projection biases (theory 8b); signs may change when beta_C != 0.

    Args:
        S_B, S_C, beta_B, beta_C: projections and their biases, shape (*batch, state).
        a: decay rates a_n > 0, shape (*batch, state).
        s, b, floor: slope, bias and floor of the step, shape (*batch).
    Raises: as `FlowParameters`.
    """

    S_B: Any
    S_C: Any
    beta_B: Any
    beta_C: Any
    a: Any
    s: Any
    b: Any = 0.0
    floor: Any = 0.0
    _AXES = {  # noqa: RUF012
        **dict.fromkeys(("S_B", "S_C", "beta_B", "beta_C", "a"), ("state",)),
        **dict.fromkeys(("s", "b", "floor"), ()),
    }


@dataclass(frozen=True)
class LayerParameters(_Parameters):
    """The pure S6 flow on D channels (theory 1, 2).

    Args:
        S_B, S_C: input projections, shape (state, channel).
        S_dt_in: x_proj rows of the step, shape (rank, channel).
        S_dt_out: dt_proj weight, shape (channel, rank).
        a: decay rates > 0, shape (channel, state).
        b: step bias, shape (channel).
        beta_B, beta_C: projection biases, shape (state); zero by default.
        floor: floor of the step, >= 0.
    Raises: as `FlowParameters`.
    """

    S_B: Any
    S_C: Any
    S_dt_in: Any
    S_dt_out: Any
    a: Any
    b: Any
    beta_B: Any = None
    beta_C: Any = None
    floor: Any = 0.0
    _AXES = {  # noqa: RUF012
        "S_B": ("state", "channel"),
        "S_C": ("state", "channel"),
        "S_dt_in": ("rank", "channel"),
        "S_dt_out": ("channel", "rank"),
        "a": ("channel", "state"),
        "b": ("channel",),
        "beta_B": ("state",),
        "beta_C": ("state",),
        "floor": (),
    }

    def __post_init__(self) -> None:
        for name in ("beta_B", "beta_C"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(np.shape(self.S_B)[-2:-1] or (1,)))
        super().__post_init__()


Parameters = FlowParameters | AxisParameters | LayerParameters
