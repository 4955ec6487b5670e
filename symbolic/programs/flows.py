"""Right-hand sides, as `symbolic.charts` derives them."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.programs.serial import stored

__all__ = ["asinh_axis_program", "asinh_layer_program", "attention_program", "growth_rate_program", "log_program"]


@cache
def growth_rate_program() -> Program:
    """As `charts.growth_rate_program`."""
    if (found := stored("charts/growth_rate_program")) is not None:
        return found
    from s6flow.symbolic import charts

    return charts.growth_rate_program()


@cache
def log_program() -> Program:
    """As `charts.log_program`."""
    if (found := stored("charts/log_program")) is not None:
        return found
    from s6flow.symbolic import charts

    return charts.log_program()


@cache
def asinh_axis_program() -> Program:
    """As `charts.asinh_axis_program`."""
    if (found := stored("charts/asinh_axis_program")) is not None:
        return found
    from s6flow.symbolic import charts

    return charts.asinh_axis_program()


@cache
def asinh_layer_program() -> Program:
    """As `charts.asinh_layer_program`."""
    if (found := stored("charts/asinh_layer_program")) is not None:
        return found
    from s6flow.symbolic import charts

    return charts.asinh_layer_program()


@cache
def attention_program() -> Program:
    """As `attention.attention_program`."""
    if (found := stored("attention/attention_program")) is not None:
        return found
    from s6flow.symbolic import attention

    return attention.attention_program()
