"""The flow of an `Equation` with its numbers: how the integrators start it, move it and read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow.clock import log_norm
from s6flow.numeric.flow.coordinates import Arrays, Coordinates
from s6flow.numeric.flow.parameters import finite_array
from s6flow.numeric.flow.problem import Run
from s6flow.symbolic.codegen.module import generate

if TYPE_CHECKING:
    from s6flow.symbolic.codegen.ir import Program
    from s6flow.symbolic.equation import Equation

__all__ = ["KIND", "LARGEST_LOG_RATE", "NO_LIMIT", "EquationFlow", "flow_of"]

Float = NDArray[np.float64]

#: Name of the coordinates, followed by that of the chart.
KIND = "equation"
#: ln of the rate |w'| at which a system has blown up, if |x| is not there before: 1e150, whose square is in range. Growth
#: such as e^x passes every rate while x is a few hundred; the time that is left, some 1e-150, has no digit in T.
LARGEST_LOG_RATE = float(150 * np.log(10.0))
#: ln of the largest |x|, in the chart "log" of ln x.
_LOG_LIMIT = float(60 * np.log(10.0))
#: Smallest unit by itself: |x| from 1e-100 to 1e60 leaves the squares of sinh w in range.
_SMALLEST_UNIT = 1e-100
#: In place of ln of a unit, for what no size counts: the time.
NO_LIMIT = -1e30


@dataclass(frozen=True)
class EquationFlow:
    """An equation with the values of its letters.

    Args:
        equation: the right-hand side.
        values: letter -> numbers, shape (*batch), or (*batch, token) of a letter p[l].
    Raises: FormatError: a letter without a value, a value without a letter, shapes that do not fit. AssumptionError: NaN
        or Inf.
    """

    equation: Equation
    values: Mapping[str, ArrayLike] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted, given = [name for name, _ in self.equation.letters], list(self.values)
        unknown = [name for name in wanted if name not in given]
        if unknown:
            raise FormatError(
                "every letter must be x, h, t or a parameter with a value", ", ".join(unknown), "parameters",
                f"Write parameters={{{unknown[0]!r}: 1.0}}.",
            )  # fmt: skip
        foreign = [name for name in given if name not in wanted]
        if foreign:
            raise FormatError("every parameter must be a letter of the equation", ", ".join(foreign), "parameters")
        object.__setattr__(self, "values", {name: finite_array(self.values[name], name) for name in wanted})
        for name, axes in self.equation.letters:
            if self._array(name).ndim < len(axes):
                raise FormatError(f"{name}[l] needs a token axis", f"shape {self._array(name).shape}", name)
        _ = self.batch_shape

    def _array(self, name: str) -> Float:
        return np.asarray(self.values[name])

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch axes, after broadcasting.

        Raises: FormatError: if they do not broadcast.
        """
        shapes = [self._array(name).shape[: self._array(name).ndim - len(axes)] for name, axes in self.equation.letters]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise FormatError("batch axes of the parameters must broadcast", shapes, "parameters") from None

    @property
    def x_limit(self) -> float:
        """|x| that counts as infinite: 1e60, and no number in the chart "log"."""
        return float("inf") if self.equation.chart == "log" else float(f"{np.exp(_LOG_LIMIT):.12g}")

    def arrays(self) -> dict[str, Float]:
        """Input of the generated velocity -> array; where the time is a component, the first token's entry serves it."""
        found = {}
        for place, (name, axes) in enumerate(self.equation.letters):
            value = self._array(name)
            whole = np.concatenate([value[..., :1], value], axis=-1) if axes and self.equation.timed else value
            found[f"letter{place}"] = whole
        return found

    def own_axes(self, name: str) -> int:
        """How many axes of array `name` are not batch axes."""
        return len(self.equation.letters[int(name.removeprefix("letter"))][1])

    def with_arrays(self, arrays: Arrays) -> EquationFlow:
        """The equation with other numbers, named and shaped as by `arrays`."""
        values = {}
        for place, (name, axes) in enumerate(self.equation.letters):
            value = arrays[f"letter{place}"]
            values[name] = value[..., 1:] if axes and self.equation.timed else value
        return replace(self, values=values)

    def coordinates(self) -> Coordinates:
        """How the integrators see it."""
        return Coordinates(
            f"{KIND}-{self.equation.chart}", lambda: self.equation.program, 1, self._encode, self.velocity, self._log_size, self._decode,
            _none_extinct, np.abs, 0.0, True, _LOG_LIMIT,
        )  # fmt: skip

    def require_start(self, state: Float, arrays: Arrays) -> None:
        """Refuse starts at which nothing can be integrated.

        Raises: AssumptionError: the rate there is no number, or counts as a blow-up.
        """
        with np.errstate(all="ignore"):
            log_rate = log_norm(self.velocity(state, arrays)[0])
        if np.isnan(log_rate).any() or (log_rate >= LARGEST_LOG_RATE).any():
            system = int(np.argmax(~(log_rate < LARGEST_LOG_RATE)))
            raise AssumptionError(
                "the right-hand side must be a number at the start, at a rate below 1e150",
                f"a rate of e^{log_rate[system]:.4g}", f"x0 of system {system}", "Is x0 where the equation is defined?",
            )  # fmt: skip

    def stripped(self, run: Run) -> Run:
        """The run with velocities of tokens alone; states are decoded later."""
        return replace(run, end_velocity=run.end_velocity[:, 1:]) if self.equation.timed else run

    def _encode(self, x0: Float) -> tuple[Float, dict[str, Float]]:
        for name, axes in self.equation.letters:
            if axes and self._array(name).shape[-1] != x0.shape[1]:
                sizes = f"{self._array(name).shape[-1]} and {x0.shape[1]}"
                raise FormatError("arrays must agree on the token axis", sizes, name)
        if self.equation.chart == "log" and (x0 <= 0).any():
            raise AssumptionError(
                "the chart log needs tokens x0 > 0", x0.min(), "x0", "Use chart='asinh', or write the equation of -x."
            )
        start = np.log(x0) if self.equation.chart == "log" else x0
        unit = np.broadcast_to(np.asarray(self.equation.unit or self._units(start), dtype=np.float64), start.shape)
        state, log_unit = np.arcsinh(start / unit), np.log(unit)
        if self.equation.timed:
            first = np.ones((len(x0), 1))
            state = np.concatenate([0.0 * first, state], axis=1)
            unit = np.concatenate([first, unit], axis=1)
            log_unit = np.concatenate([NO_LIMIT * first, log_unit], axis=1)
        return state, {"unit": unit.copy(), "log_unit": log_unit, "log_scale": np.zeros(len(x0))}

    @staticmethod
    def _units(start: Float) -> Float:
        """Of every token its start, of a zero token the largest start, at most 1 and not absurdly small."""
        size = np.abs(start)
        largest = size.max(axis=1, keepdims=True, initial=0.0)
        size = np.where(size > 0, size, np.where(largest > 0, largest, 1.0))
        return np.asarray(np.clip(size, _SMALLEST_UNIT, 1.0))

    def velocity(self, w: Float, arrays: Arrays) -> tuple[Float, Float]:
        """w' of every component, and that it is not scaled."""
        # as in `coordinates`: the fast pipeline keeps digits far below any tolerance
        return self._value(self.equation.program, w, arrays), np.zeros(len(w))

    def sides(self, w: Float, arrays: Arrays) -> dict[str, Float]:
        """On which side of every pole the tokens are, shape (system, component), by name: see `Equation.denominators`."""
        with np.errstate(all="ignore"):  # where a denominator is no number, the rate is none, and refused
            return {program.name: self._value(program, w, arrays) for program in self.equation.sides}

    def _value(self, program: Program, w: Float, arrays: Arrays) -> Float:
        function = generate(program, "numpy", "fast")
        values = {**arrays, "w": w}
        if self.equation.timed:
            values["time"] = arrays["unit"][:, 0] * np.sinh(w[:, 0])
        value: Float = function(*(values[name] for name in function.inputs))
        return np.broadcast_to(value if value.ndim == 2 else value[:, None], w.shape)  # the latter of no token's own

    def _log_size(self, w: Float, arrays: Arrays) -> Float:
        """ln of the largest |x|, in the chart "log" of ln x; infinite where the rate counts as a blow-up."""
        grown = w if self.equation.chart == "log" else np.abs(w)  # ln x may fall for ever
        size = (grown + arrays["log_unit"]).max(axis=-1, initial=-np.inf) - np.log(2.0)
        return np.asarray(np.where(log_norm(self.velocity(w, arrays)[0]) >= LARGEST_LOG_RATE, np.inf, size))

    def _decode(self, w: Float, arrays: Arrays) -> tuple[Float, Float]:
        unit, log_unit = arrays["unit"], arrays["log_unit"]
        if self.equation.timed:
            w, unit, log_unit = w[:, 1:], unit[:, 1:], log_unit[:, 1:]
        if self.equation.chart == "log":
            return unit * np.sinh(w), np.ones_like(w)
        size = np.abs(w)
        with np.errstate(divide="ignore"):  # ln 0 = -inf is the answer for a zero token
            small = np.log(np.sinh(np.minimum(size, 1.0)))
        large = size + np.log1p(-np.exp(-2 * np.maximum(size, 1.0))) - np.log(2.0)
        return log_unit + np.where(size > 1.0, large, small), np.sign(w)


def _none_extinct(w: Float, arrays: Arrays) -> NDArray[np.bool_]:
    return np.zeros(w.shape, dtype=bool)


def flow_of(equation: Any, parameters: Mapping[Any, ArrayLike] | None) -> EquationFlow:
    """The flow of an expression or an equation.

    Args:
        equation: an `Equation`, or the expression of one without a scan.
        parameters: letter (a symbol, or its name) -> numbers.
    Raises: as `Equation` and `EquationFlow`.
    """
    if not hasattr(equation, "free_symbols") and not hasattr(equation, "letters"):
        raise FormatError(
            "a flow is given by its parameters or by a SymPy expression", type(equation).__name__, "params"
        )
    from s6flow.symbolic.equation import Equation  # here: SymPy takes longer to import than most flows to run

    own = equation if isinstance(equation, Equation) else Equation(equation)
    return EquationFlow(own, {_name(key): value for key, value in (parameters or {}).items()})


def _name(letter: Any) -> str:
    return str(getattr(letter, "name", letter))
