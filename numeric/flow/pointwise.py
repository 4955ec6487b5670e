"""Right-hand sides and attention at given tokens: thin wrappers over generated code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow.parameters import FlowParameters, finite_array
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.flows import attention_program, growth_rate_program

__all__ = ["attention_matrix", "growth_rate", "scaled_variables"]

Float = NDArray[np.float64]


def _tokens(x: ArrayLike) -> Float:
    tokens = finite_array(x, "x")
    if tokens.ndim == 0 or tokens.shape[-1] == 0:
        raise FormatError("the token axis needs at least one token", f"shape {tokens.shape}", "x")
    return tokens


def _call(program: Program, x: Float, params: FlowParameters) -> Any:
    rate = generate(program, "numpy")
    values = {"x": x, **params.arrays()}
    with np.errstate(over="ignore"):  # the masked half j > l of the attention may overflow before it is dropped
        return rate(*(values[name] for name in rate.inputs))


def growth_rate(x: ArrayLike, params: FlowParameters) -> Float:
    """Growth rate F_l of every token: x_l' = x_l F_l.

    Args:
        x: tokens, any sign, shape (*batch, token).
        params: broadcast over batch.
    Returns: F, shape (*batch, token) [1/depth-time].
    Raises: AssumptionError: NaN or Inf. FormatError: no tokens.
    Source: symbolic.coordinates.growth_rate_program; theorem `linear-recursion`.
    """
    return np.asarray(_call(growth_rate_program(), _tokens(x), params))


def attention_matrix(x: ArrayLike, params: FlowParameters) -> Float:
    """Hidden attention P_{lj}: x_l' = sum_{j<=l} P_{lj} x_j.

    Args:
        x: tokens, shape (*batch, token).
        params: broadcast over batch.
    Returns: P, shape (*batch, token, source), zero for j > l.
    Raises: AssumptionError: NaN or Inf. FormatError: no tokens.
    Numerics: O(token^2 state) memory a system; decays from differences of prefix sums.
    Source: symbolic.attention; theory 1.
    """
    return np.asarray(_call(attention_program(), _tokens(x), params))


def scaled_variables(x0: ArrayLike, params: FlowParameters) -> tuple[Float, FlowParameters, Float]:
    """The same system in xh = |s| x, th = |mu| t / s^2, in which |s| = |mu| = 1 (theory 4, scaling).

    Args:
        x0: tokens, shape (*batch, token).
        params: with s != 0 and mu = sum mu_n != 0.
    Returns: scaled tokens, scaled parameters, and |mu| / s^2, by which depth-times are multiplied, shape (*batch).
    Raises: AssumptionError: s = 0 or mu = 0.
    """
    total, slope = np.abs(params.mu.sum(axis=-1)), np.abs(params.s)
    if (total == 0).any() or (slope == 0).any():
        raise AssumptionError("scaling needs s != 0 and mu != 0", None, "params", "Integrate the unscaled system.")
    scaled = FlowParameters(params.mu / total[..., None], params.a, params.s / slope, params.b, params.floor)
    return _tokens(x0) * slope[..., None], scaled, np.asarray(total / slope**2)
