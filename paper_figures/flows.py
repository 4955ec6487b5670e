"""Flows behind figures: compiled where Numba is there and integrates them, since a figure takes many systems."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, LayerParameters, fastest_on_cpu
from s6flow.numeric.flow import integrate as plain

__all__ = ["integrate"]


def integrate(x0: ArrayLike, params: FlowParameters | AxisParameters | LayerParameters, **options: Any) -> FlowResult:
    """As `numeric.flow.integrate`, on the fastest backend for these parameters."""
    return plain(x0, params, backend=fastest_on_cpu() if isinstance(params, FlowParameters) else "numpy", **options)
