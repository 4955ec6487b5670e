"""The flow in coordinates that survive blow-up: log tokens, and asinh tokens where signs may change.

Log tokens: x_l = sigma_l e^{u_l}, sigma_l in {-1, 0, 1}, so u_l' = F_l. All rates are multiplied by e^{-log_scale},
chosen by the integrator near the largest exponent, so that |x| = 1e100 (F ~ 1e300) stays in range.
Asinh tokens: x_l = sinh v_l, so v_l' = x_l' / cosh v_l, for flows whose signs are not invariant (theory 8b, 11).
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.layer import ScanCell, axis_cell, flow_cell, layer_cell

__all__ = [
    "asinh_axis_program",
    "asinh_layer_program",
    "growth_rate_program",
    "log_cell",
    "log_program",
    "log_scale",
]

u = sp.IndexedBase("u", real=True)
v = sp.IndexedBase("v", real=True)
sigma = sp.IndexedBase("sigma", real=True)
log_scale = sp.Symbol("log_scale", real=True)


@cache
def log_cell() -> ScanCell:
    """The flow cell in log tokens, with its increment multiplied by e^{-log_scale}.

    sigma^2 stays as a factor: it is 0 for a zero token, which writes nothing, and 1 otherwise.
    """
    token = sigma[nt.l] * sp.exp(u[nt.l])
    cell = flow_cell().at({nt.x[nt.l]: token})
    increment = sp.powsimp(sp.expand_power_base(cell.increment * sp.exp(-log_scale)), combine="exp")
    return ScanCell(
        "scaled_growth_rate",
        cell.gate,
        increment,
        cell.readout,
        "e^{-log_scale} F_l in log tokens x_l = sigma_l e^{u_l}",
        "linear-recursion",
    )


def _program(cell: ScanCell, formula: sp.Expr, inputs: tuple[str, ...]) -> Program:
    return lower_program(cell.name, {cell.name: formula}, cell.source, cell.meaning, inputs)


@cache
def growth_rate_program() -> Program:
    """F_l(x): inputs x, mu, a, s, b, floor."""
    cell = flow_cell()
    return _program(cell, cell.formula, ("x", "mu", "a", "s", "b", "floor"))


@cache
def log_program() -> Program:
    """e^{-log_scale} F_l: inputs u, sigma, log_scale, mu, a, s, b, floor."""
    cell = log_cell()
    return _program(cell, cell.formula, ("u", "sigma", "log_scale", "mu", "a", "s", "b", "floor"))


@cache
def asinh_axis_program() -> Program:
    """v_l' on a channel axis with projection biases: inputs v, S_B, S_C, beta_B, beta_C, a, s, b, floor."""
    cell = axis_cell().at({nt.x[nt.l]: sp.sinh(v[nt.l])})
    rate = cell.formula / sp.cosh(v[nt.l])
    return _program(cell, rate, ("v", "S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor"))


@cache
def asinh_layer_program() -> Program:
    """v_{ld}' of the pure S6 flow on D channels: inputs v, then the layer's arrays."""
    cell = layer_cell()

    def in_asinh(part: sp.Expr) -> sp.Expr:
        return part.replace(
            lambda term: isinstance(term, sp.Indexed) and term.base == nt.x,
            lambda term: sp.sinh(v[term.indices]),
        )

    formula = in_asinh(cell.formula) / sp.cosh(v[nt.l, nt.d])
    return _program(cell, formula, ("v", "S_B", "S_C", "beta_B", "beta_C", "S_dt_in", "S_dt_out", "a", "b", "floor"))
