"""The coordinates that a flow is integrated in, as a table: log tokens, asinh tokens, asinh tokens of a layer.

Each entry encodes starts, evaluates the generated velocity, and decodes states; the integrator knows no formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow.parameters import AxisParameters, FlowParameters, LayerParameters, Parameters
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.flows import asinh_axis_program, asinh_layer_program, log_program

__all__ = ["COORDINATES", "EXTINCT_LOG", "UNSCALED_LOG_SIZE", "Coordinates", "coordinates_of"]

Float = NDArray[np.float64]
Arrays = Mapping[str, Float]

#: Rates are rescaled once the largest token exceeds e^60: below, |F| stays under e^180 |mu s| by itself.
UNSCALED_LOG_SIZE = 60.0


@dataclass(frozen=True)
class Coordinates:
    """How one kind of flow is written for the integrator.

    Args:
        name: key in `COORDINATES`.
        program: the derived right-hand side in these coordinates.
        token_axes: axes of the state behind the batch: 1 (token) or 2 (token, channel).
        encode: start values -> state and the arrays that the velocity needs besides the parameters.
        velocity: state, arrays -> velocity times e^{-log_scale}, and log_scale.
        log_size: state -> ln of the largest |x|, to within ln 2.
        decode: state, arrays -> ln|x| (-inf at zero) and the sign of x.
        extinct: state, arrays -> where |x| is so small that it can act on nothing.
        size: state -> what grows with |x|, component by component.
        least: size below which a token that is not zero is extinct.
        relative: whether errors of the state are relative errors of x by themselves.
        log_limit: default ln |x| at which a system counts as blown up.
    """

    name: str
    program: Callable[[], Program]
    token_axes: int
    encode: Callable[[Float], tuple[Float, dict[str, Float]]]
    velocity: Callable[[Float, Arrays], tuple[Float, Float]]
    log_size: Callable[[Float, Arrays], Float]
    decode: Callable[[Float, Arrays], tuple[Float, Float]]
    extinct: Callable[[Float, Arrays], NDArray[np.bool_]]
    size: Callable[[Float], Float]
    least: float
    relative: bool
    log_limit: float


def _rate(program: Program) -> Any:
    # the fast pipeline keeps float64 to a few 1e-14, far below any tolerance of the integrator, at a third of the cost
    return generate(program, "numpy", "fast")


def _call(program: Program, values: Mapping[str, Float]) -> Float:
    rate = _rate(program)
    result: Float = rate(*(values[name] for name in rate.inputs))
    return result


def _encode_log(x0: Float) -> tuple[Float, dict[str, Float]]:
    sigma = np.sign(x0)
    return np.log(np.where(sigma == 0, 1.0, np.abs(x0))), {"sigma": sigma}


def _log_sizes(u: Float, arrays: Arrays) -> Float:
    largest: Float = np.where(arrays["sigma"] == 0, -np.inf, u).max(axis=-1, initial=-np.inf)
    return largest


def _velocity_log(u: Float, arrays: Arrays) -> tuple[Float, Float]:
    log_scale = 3 * np.maximum(0.0, _log_sizes(u, arrays) - UNSCALED_LOG_SIZE)
    rate = _call(log_program(), {**arrays, "u": u, "log_scale": log_scale})
    return rate * arrays["sigma"] ** 2, log_scale  # a zero token has a growth rate but does not move


def _decode_log(u: Float, arrays: Arrays) -> tuple[Float, Float]:
    sigma = np.broadcast_to(arrays["sigma"], u.shape)
    return np.where(sigma == 0, -np.inf, u), sigma.copy()


def _encode_asinh(x0: Float) -> tuple[Float, dict[str, Float]]:
    return np.arcsinh(x0).reshape(len(x0), int(np.prod(x0.shape[1:]))), {}


def _velocity_axis(v: Float, arrays: Arrays) -> tuple[Float, Float]:
    return _call(asinh_axis_program(), {**arrays, "v": v}), np.zeros(len(v))


def _velocity_layer(v: Float, arrays: Arrays) -> tuple[Float, Float]:
    channels = arrays["S_B"].shape[-1]
    shaped = v.reshape(len(v), v.shape[1] // channels, channels)
    return _call(asinh_layer_program(), {**arrays, "v": shaped}).reshape(v.shape), np.zeros(len(v))


def _asinh_size(v: Float, arrays: Arrays) -> Float:
    largest: Float = np.abs(v).max(axis=-1, initial=0.0) - np.log(2.0)
    return largest


def _decode_asinh(v: Float, arrays: Arrays) -> tuple[Float, Float]:
    size = np.abs(v)
    with np.errstate(divide="ignore"):  # ln 0 = -inf is the answer for a zero token
        small = np.log(np.sinh(np.minimum(size, 1.0)))
    return np.where(size > 1.0, size + np.log1p(-np.exp(-2 * np.maximum(size, 1.0))) - np.log(2.0), small), np.sign(v)


#: Sizes below which a token acts on nothing: x^2 underflows below e^-373, and e^-1000 is nothing even beside a rate of
#: e^250.
EXTINCT_LOG, EXTINCT_ASINH = -1000.0, 1e-100


def _extinct_log(u: Float, arrays: Arrays) -> NDArray[np.bool_]:
    return np.asarray((u < EXTINCT_LOG) | (arrays["sigma"] == 0))


def _same(u: Float) -> Float:
    return u


def _extinct_asinh(v: Float, arrays: Arrays) -> NDArray[np.bool_]:
    return np.asarray(np.abs(v) < EXTINCT_ASINH)


_LOG_1E60, _LOG_1E100 = 60 * np.log(10.0), 100 * np.log(10.0)

COORDINATES: dict[str, Coordinates] = {
    row.name: row
    for row in (
        Coordinates(
            "log", log_program, 1, _encode_log, _velocity_log, _log_sizes, _decode_log, _extinct_log, _same,
            EXTINCT_LOG, True, _LOG_1E100,
        ),
        Coordinates(
            "asinh-axis", asinh_axis_program, 1, _encode_asinh, _velocity_axis, _asinh_size, _decode_asinh,
            _extinct_asinh, np.abs, EXTINCT_ASINH, False, _LOG_1E60,
        ),
        Coordinates(
            "asinh-layer", asinh_layer_program, 2, _encode_asinh, _velocity_layer, _asinh_size, _decode_asinh,
            _extinct_asinh, np.abs, EXTINCT_ASINH, False, _LOG_1E60,
        ),
    )
}  # fmt: skip


def coordinates_of(params: Parameters) -> Coordinates:
    """The coordinates that suit the parameters: logarithms where signs are invariant, asinh elsewhere."""
    kinds = {FlowParameters: "log", AxisParameters: "asinh-axis", LayerParameters: "asinh-layer"}
    return COORDINATES[kinds[type(params)]]
