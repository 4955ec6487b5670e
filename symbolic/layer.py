"""The S6 layer as mamba-ssm computes it, on D channels and on one channel axis.

Everything downstream starts from the two-line recurrence below (exact exponential for A, Euler for B):

    h_l = gate_l h_{l-1} + increment_l,   h_0 = 0,       y_l = sum_n readout_l h_l

A `ScanCell` holds gate, increment and readout as expressions in the current token; it is what the code
generator lowers and what the derivation unrolls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from s6flow.symbolic import notation as nt

__all__ = ["ScanCell", "axis_cell", "flow_cell", "layer_cell", "step"]


@dataclass(frozen=True)
class ScanCell:
    """One step of f_l = gate f_{l-1} + increment, read out as sum_n readout f_{l,n}.

    Args:
        name: identifier of the generated function.
        gate: decay of the state between token l-1 and l, in (0, 1).
        increment: what token l writes into the state.
        readout: weight with which token l reads the state.
        meaning: what the output is.
        source: the theorem or section that it comes from.
    """

    name: str
    gate: sp.Expr
    increment: sp.Expr
    readout: sp.Expr
    meaning: str
    source: str

    def at(self, replace: dict[Any, Any]) -> ScanCell:
        """The same cell after a substitution in all three parts."""
        gate, increment, readout = (part.subs(replace) for part in (self.gate, self.increment, self.readout))
        return ScanCell(self.name, gate, increment, readout, self.meaning, self.source)

    def after(self, state: sp.Expr) -> sp.Expr:
        """f_l from f_{l-1}: one step of the recurrence."""
        return self.gate * state + self.increment

    def read(self, state: sp.Expr) -> sp.Expr:
        """What one state adds to the output."""
        return self.readout * state

    @property
    def formula(self) -> sp.Expr:
        """sum_n readout Scan(gate, increment): one expression for the lowering."""
        return sp.Sum(self.read(Scan(self.gate, self.increment)), (nt.n, 1, nt.N))


class Scan(sp.Function):  # type: ignore[misc]
    """f_l of f_l = gate f_{l-1} + increment with f_0 = 0, as an opaque real number."""

    nargs = 2
    is_real = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        g, u = (printer._print(arg) for arg in self.args)
        body = rf"\operatorname{{scan}}\left({g},\; {u}\right)"
        return body if exp is None else f"{body}^{{{exp}}}"


def step(z: sp.Expr, floor: sp.Expr = nt.floor) -> sp.Expr:
    """Delta = softplus(z) + floor, the step size of the layer [depth-time of the hidden state]."""
    return nt.softplus(z) + floor


def layer_cell() -> ScanCell:
    """The S6 layer on D channels and N states, with biases and a step floor.

    Delta_d(x_l) = softplus((S_dt_out S_dt_in x_l + b)_d) + floor, B = S_B x + beta_B, C = S_C x + beta_C.
    Source: theory 1 and 8b; Gu and Dao's selective scan with a low-rank step projection.
    """
    n, d, e, r, l = nt.n, nt.d, nt.e, nt.r, nt.l
    low_rank = sp.Sum(nt.S_dt_out[d, r] * sp.Sum(nt.S_dt_in[r, e] * nt.x[l, e], (e, 1, nt.D)), (r, 1, nt.R))
    delta = step(low_rank + nt.b_channel[d])
    B = sp.Sum(nt.S_B[n, e] * nt.x[l, e], (e, 1, nt.D)) + nt.beta_B[n]
    C = sp.Sum(nt.S_C[n, e] * nt.x[l, e], (e, 1, nt.D)) + nt.beta_C[n]
    return ScanCell(
        "layer_velocity",
        sp.exp(-nt.a[d, n] * delta),
        delta * B * nt.x[l, d],
        C,
        "output y_{ld} of the S6 layer = velocity of the pure S6 flow",
        "unrolled-attention",
    )


@cache
def axis_cell() -> ScanCell:
    """The layer on a channel axis: one token value x_l, N states (theory 3 and 8b).

    Obtained from `layer_cell` by x_{l,e} = x_l delta_{ed}; `channel.invariance` proves that this is exact.
    """
    l, d, e = nt.l, nt.d, nt.e
    on_axis = sp.KroneckerDelta(e, d) * nt.x[l]
    full = layer_cell()

    def restrict(part: sp.Expr) -> sp.Expr:
        part = part.replace(
            lambda term: isinstance(term, sp.Indexed) and term.base == nt.x,
            lambda term: on_axis.subs(e, term.indices[1]),
        )
        part = part.doit(deep=True).subs(sp.KroneckerDelta(d, d), 1)
        return _drop_channel(part)

    return ScanCell(
        "axis_velocity",
        restrict(full.gate),
        restrict(full.increment),
        restrict(full.readout),
        "velocity x_l' of the flow on a channel axis",
        "channel-invariance",
    )


def _drop_channel(part: sp.Expr) -> sp.Expr:
    """Name the numbers of one channel: S_B[n,d] -> S_B[n], a[d,n] -> a[n], S_Delta[d,d] -> s, b[d] -> b."""
    piecewise = {p: p.args[0][0] for p in part.atoms(sp.Piecewise)}  # 1 <= d <= D holds for a channel
    part = part.xreplace(piecewise)
    low_rank = {term: nt.s * nt.x[nt.l] for term in part.atoms(sp.Sum) if term.has(nt.S_dt_out) or term.has(nt.S_dt_in)}
    part = part.xreplace(low_rank)
    return part.replace(
        lambda term: isinstance(term, sp.Indexed) and nt.d in term.indices,
        lambda term: (
            nt.b if term.base == nt.b_channel else term.base[tuple(index for index in term.indices if index != nt.d)]
        ),
    )


@cache
def flow_cell() -> ScanCell:
    """The bilinear flow x_l' = x_l F_l: no projection bias, so that F_l is read with weight one.

    From `axis_cell` with beta = 0: the readout S_C[n] x_l is split into x_l (the factor in front) and S_C[n],
    which is moved into the increment, where it meets S_B[n]: mu_n = S_C[n] S_B[n].
    Source: theory 4; theorem `linear-recursion`.
    """
    n, l = nt.n, nt.l
    axis = axis_cell().at({nt.beta_B[n]: 0, nt.beta_C[n]: 0})
    weight = sp.cancel(axis.readout / nt.x[l])
    increment = sp.expand(axis.increment * weight).subs(nt.S_C[n] * nt.S_B[n], nt.mu[n])
    increment = sp.factor(increment)
    return ScanCell(
        "growth_rate",
        axis.gate,
        increment,
        sp.Integer(1),
        "growth rate F_l of every token: x_l' = x_l F_l",
        "linear-recursion",
    )
