"""Expressions that measurements of checks evaluate beside the criteria: each a row with what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import sympy as sp

from s6flow.symbolic import normalised as nm
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program

__all__ = ["MEASURED", "Measured", "measured"]


@dataclass(frozen=True)
class Measured:
    """A row of the table: what makes the expression, the name of its value, the theorem that asks, and what it is."""

    build: Callable[[], sp.Expr]
    output: str
    theorem: str
    meaning: str


MEASURED: dict[str, Measured] = {
    "layer_output": Measured(st.layer_output, "y", "layer-bound", "output of the layer with its skip"),
    "normalised": Measured(nm.normalised, "n", "prenorm-bound", "a normalised token"),
    "ball_token": Measured(nm.ball_token, "n", "prenorm-eps", "a normalised token on an axis"),
    "sink_rate": Measured(nm.sink_rate, "rate", "sphere-sinks", "rate of a share at an axis"),
    "sink_near": Measured(nm.sink_near, "near", "sphere-sinks", "how far a sink is known to reach"),
}


@cache
def measured(name: str) -> Program:
    """The program of a row of this table."""
    row = MEASURED[name]
    return lower_program(name, {row.output: row.build()}, row.theorem, row.meaning)
