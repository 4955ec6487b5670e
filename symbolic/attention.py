"""The hidden attention P_{lj} of the 1-D flow, unrolled from the scan cell.

    f_l = gate_l f_{l-1} + increment_l   gives   f_l = sum_{j<=l} exp(sum_{k=j+1}^l ln gate_k) increment_j,

so that y_l = sum_{j<=l} P_{lj} x_j with P_{lj} = sum_n readout_l (increment_j / x_j) exp(sum_{k=j+1}^l ln gate_k).
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.layer import ScanCell, axis_cell

__all__ = ["attention_expression", "attention_program", "unroll"]


def unroll(cell: ScanCell, weight_of_source: sp.Expr = sp.S.One) -> sp.Expr:
    """What token l reads from source j <= l, for one state n, divided by `weight_of_source`.

    Args:
        cell: gate, increment and readout in the current token l.
        weight_of_source: x_j to get the attention, 1 to get the contribution itself.
    Returns: readout_l increment_j exp(sum_{k=j+1}^l ln gate_k) / weight_of_source.
    """
    log_gate = sp.log(cell.gate)
    log_gate = sp.expand_log(log_gate, force=True)  # the gate is the exponential of a real number
    outer, inner = log_gate.as_independent(nt.x, as_Add=False)
    decay = sp.exp(outer * sp.Sum(inner.subs(nt.l, nt.k), (nt.k, nt.j + 1, nt.l)))
    written = cell.increment.subs(nt.l, nt.j) / weight_of_source
    return cell.readout * written * decay


@cache
def attention_expression() -> sp.Expr:
    """P_{lj} of the bilinear 1-D flow for j <= l, with mu_n in place of S_C[n] S_B[n]."""
    bilinear = axis_cell().at({nt.beta_B[nt.n]: 0, nt.beta_C[nt.n]: 0})
    term = unroll(bilinear, nt.x[nt.j]).subs(nt.S_C[nt.n], nt.mu[nt.n] / nt.S_B[nt.n])
    outer, inner = term.as_independent(nt.n, as_Add=False)
    return outer * sp.Sum(inner, (nt.n, 1, nt.N))


@cache
def attention_program() -> Program:
    """P_{lj}, zero for j > l: inputs x, mu, a, s, b, floor."""
    masked = sp.Piecewise((attention_expression(), nt.j <= nt.l), (0, True))
    return lower_program(
        "attention",
        {"attention": masked},
        "unrolled-attention",
        "hidden attention P_{lj} = weight with which token l reads source j",
        ("x", "mu", "a", "s", "b", "floor"),
    )
