"""The S6 recurrence on every channel, as it is written down: what a flow's velocity is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.flows import asinh_axis_program

__all__ = ["reference_error", "s6_reference"]

#: Channels of a layer on which the two are compared.
REFERENCE_CHANNELS = 8


def s6_reference(layer: S6Layer, tokens: Float64[np.ndarray, "token channel"]) -> Float64[np.ndarray, "token channel"]:
    """Output of the S6 recurrence on every channel, one token at a time (theory 1): the slow, obvious form."""
    state = np.zeros_like(layer.a)
    outputs = []
    for x in tokens:
        step = np.logaddexp(0.0, layer.dt_out @ (layer.dt_in @ x) + layer.b) + layer.floor
        state = np.exp(-layer.a * step[:, None]) * state
        state = state + (step * x)[:, None] * (layer.S_B @ x + layer.beta_B)
        outputs.append(state @ (layer.S_C @ x + layer.beta_C))
    return np.array(outputs)


def reference_error(layer: S6Layer, rng: np.random.Generator, draw: Callable[[], np.ndarray]) -> tuple[float, int]:
    """Largest relative difference between the generated flow and `s6_reference`, on a few channels; their number.

    Args:
        layer: the weights.
        rng: chooses the channels.
        draw: gives the tokens of one channel, none of them 0.
    """
    chosen: Int64[np.ndarray, " chosen"] = rng.permutation(layer.channels)[:REFERENCE_CHANNELS]
    velocity, worst = generate(asinh_axis_program()), 0.0
    for channel in chosen:
        x = draw()
        tokens = np.zeros((len(x), layer.channels))
        tokens[:, channel] = x
        expected = s6_reference(layer, tokens)
        v = np.arcsinh(x)
        values = {
            "v": v,
            "S_B": layer.S_B[:, channel],
            "S_C": layer.S_C[:, channel],
            "beta_B": layer.beta_B,
            "beta_C": layer.beta_C,
            "a": layer.a[channel],
            "s": layer.s[channel],
            "b": layer.b[channel],
            "floor": layer.floor,
        }
        actual = np.zeros_like(expected)
        actual[:, channel] = np.cosh(v) * velocity(*(values[key] for key in velocity.inputs))
        largest = np.abs(expected).max()
        worst = max(worst, float(np.abs(actual - expected).max() / largest) if largest > 0 else 0.0)
    return worst, len(chosen)
