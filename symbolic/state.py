"""The hidden state of one layer as expressions: bound, forgetting, saturation, rounding (theory 18, 19 and 22).

h_l = exp(-a Delta_l) h_{l-1} + Delta_l v_l with v_l = B_l u_l: nothing here asks for B and C to be linear in u, so every
number holds for each layer that scans with a positive step. The audit's health and the theorems read these expressions.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from s6flow.errors import TheoremError
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.criteria import Quantity
from s6flow.symbolic.layer import Scan, ScanCell, layer_cell, step

__all__ = ["QUANTITIES", "quantity", "state_bound", "state_gain", "token_state"]

l, j, k, n, d, e, r = nt.l, nt.j, nt.k, nt.n, nt.d, nt.e, nt.r
Delta = sp.IndexedBase("Delta", positive=True)  # step of each token
v = sp.IndexedBase("v", real=True)  # what each token writes, B_l u_l
v_copy = sp.IndexedBase("v_copy", real=True)
x_max = sp.IndexedBase("x_max", positive=True)  # largest |u| of each channel
skip = sp.IndexedBase("skip", real=True)  # D of each channel
write_max = sp.IndexedBase("write_max", positive=True)  # largest |B| of each state
read_max = sp.IndexedBase("read_max", positive=True)  # largest |C| of each state
step_max = sp.IndexedBase("step_max", positive=True)  # largest step of each channel
#: Of a path into the scan: L2 norm of in_proj's row times the norm's gain, its bias, the convolution's taps and bias.
row_norm, row_offset, taps, shift = (
    sp.IndexedBase(name, nonnegative=True) for name in ("row_norm", "row_offset", "taps", "shift")
)
reach = sp.IndexedBase("reach", nonnegative=True)  # how far the step's argument of each channel is moved
model_width = sp.Symbol("model_width", positive=True)
step_low, step_high = sp.symbols("step_low step_high", nonnegative=True)  # limits that Mamba-2's scan keeps the step in
decay, v_max, delta_max, width, age = sp.symbols("decay v_max delta_max width age", positive=True)
bits = sp.Symbol("bits", integer=True, positive=True)


def cell() -> ScanCell:
    """One state of one channel, from steps and inputs of any kind."""
    return ScanCell(
        "token_state", sp.exp(-decay * Delta[l]), Delta[l] * v[l], sp.Integer(1), "state after token l", "state-bound"
    )


def token_state(inputs: sp.IndexedBase = v) -> sp.Expr:
    """h_l by the recurrence."""
    one = cell()
    return Scan(one.gate, one.increment.subs(v[l], inputs[l]))


def influence(weight: sp.Expr) -> sp.Expr:
    """sum_j Delta_j exp(-a S_j) weight_j, S_j = Delta_{j+1} + ... + Delta_l; `weight` is in the letter j."""
    kept = sp.exp(-decay * sp.Sum(Delta[k], (k, j + 1, l)))
    return sp.Sum(Delta[j] * weight * kept, (j, 1, l))


def state_gain(rate: sp.Expr = decay, largest: sp.Expr = delta_max) -> sp.Expr:
    """Delta / (1 - exp(-a Delta)): the state that a constant unit input settles at; grows with the step."""
    return largest / (1 - sp.exp(-rate * largest))


def filled(total: sp.Expr, rate: sp.Expr = decay) -> sp.Expr:
    """1 - exp(-a (Delta_1 + ... + Delta_l)): the share of its bound that a state can have reached."""
    return 1 - sp.exp(-rate * total)


def state_bound() -> sp.Expr:
    """max |v| max(Delta) / (1 - exp(-a max(Delta))) (1 - exp(-a (Delta_1 + ... + Delta_l))) >= |h_l|."""
    return v_max * state_gain() * filled(sp.Sum(Delta[k], (k, 1, l)))


def half_life() -> sp.Expr:
    """Tokens after which what a token wrote has halved: ln 2 / (a Delta), at a constant step."""
    return sp.log(2) / (decay * width)


def remembered() -> sp.Expr:
    """exp(-a age Delta): the share of what a token wrote that is left `age` tokens later, at a constant step."""
    return sp.exp(-decay * age * width)


def growth_beyond() -> sp.Expr:
    """1 / (1 - 2^(-L/half-life)), L = age: by how much a longer sequence can exceed the worst case at length L."""
    return 1 / filled(age * width)


def rounding_threshold() -> sp.Expr:
    """2^-(p+1): half of the spacing of p-bit numbers below 1."""
    return 2 ** -(bits + 1)


def lost_bits(gate: sp.Expr) -> sp.Expr:
    """2^p (1 - gate): last bits that a rounded gate is below 1."""
    return 2**bits * (1 - gate)


def moved_bits(after: sp.Expr, before: sp.Expr) -> sp.Expr:
    """2^p |after - before| / |before|: last bits by which a rounded state has moved."""
    return 2**bits * sp.Abs(after - before) / sp.Abs(before)


def data_mean() -> sp.Expr:
    """m_d of the tokens up to l."""
    return sp.Sum(nt.x[j, d], (j, 1, l)) / l


mean = sp.IndexedBase("mean", real=True)


def data_covariance() -> sp.Expr:
    """Sigma_{de} of the tokens up to l, with their mean."""
    return sp.Sum((nt.x[j, d] - mean[d]) * (nt.x[j, e] - mean[e]), (j, 1, l)) / l


def step_reach() -> sp.Expr:
    """sum_r |S_dt_out[d,r]| sum_e |S_dt_in[r,e]| x_max[e]: how far inputs with |u_e| <= x_max[e] move the step's argument."""
    inner = sp.Sum(sp.Abs(nt.S_dt_in[r, e]) * x_max[e], (e, 1, nt.D))
    return sp.Sum(sp.Abs(nt.S_dt_out[d, r]) * inner, (r, 1, nt.R))


def step_bound(far: sp.Expr | None = None) -> sp.Expr:
    """softplus(reach[d] + b[d]) + floor: the largest step of channel d."""
    return step((step_reach() if far is None else far) + nt.b_channel[d])


def bias_step() -> sp.Expr:
    """softplus(b[d]) + floor: the step of a token that does not move the step's argument."""
    return step(nt.b_channel[d])


def kept_step() -> sp.Expr:
    """min(max(step, low), high): a step that a scan keeps within limits; it grows with the step, so a bound kept is a bound."""
    return sp.Min(sp.Max(step_max[d], step_low), step_high)


def input_bound() -> sp.Expr:
    """taps (sqrt(width) row_norm + row_offset) + shift >= |u_d|, u = silu(conv(in_proj(norm(x)))), by Cauchy-Schwarz and |silu(c)| <= |c|."""
    return taps[d] * (sp.sqrt(model_width) * row_norm[d] + row_offset[d]) + shift[d]


def write_bound() -> sp.Expr:
    """sum_e |S_B[n,e]| x_max[e] + |beta_B[n]|: the largest |B_n| on inputs with |u_e| <= x_max[e]."""
    return sp.Sum(sp.Abs(nt.S_B[n, e]) * x_max[e], (e, 1, nt.D)) + sp.Abs(nt.beta_B[n])


def read_bound() -> sp.Expr:
    """sum_e |S_C[n,e]| x_max[e] + |beta_C[n]|: the largest |C_n| on inputs with |u_e| <= x_max[e]."""
    return sp.Sum(sp.Abs(nt.S_C[n, e]) * x_max[e], (e, 1, nt.D)) + sp.Abs(nt.beta_C[n])


def hidden_bound(largest: sp.Expr = step_max[d], written: sp.Expr = write_max[n]) -> sp.Expr:
    """Largest |h_{d,n}| at any length: write_max[n] x_max[d] times the gain at the largest step."""
    return written * x_max[d] * state_gain(nt.a[d, n], largest)


def output_bound(
    largest: sp.Expr = step_max[d], written: sp.Expr = write_max[n], read: sp.Expr = read_max[n]
) -> sp.Expr:
    """Largest |y_d| at any length: sum_n read_max[n] |h_{d,n}| + |D_d| x_max[d]."""
    return sp.Sum(read * hidden_bound(largest, written), (n, 1, nt.N)) + sp.Abs(skip[d]) * x_max[d]


def layer_output() -> sp.Expr:
    """y_{l,d} with the skip: what the layer's scan puts out."""
    return layer_cell().formula + skip[d] * nt.x[l, d]


def _step_bound_reached() -> sp.Expr:
    """softplus(reach[d] + b[d]) + floor: the largest step of channel d."""
    return step_bound(reach[d])


QUANTITIES: dict[str, Quantity] = {
    "state_gain": Quantity(state_gain, ("decay", "delta_max"), "18"),
    "half_life": Quantity(half_life, ("decay", "width"), "18"),
    "remembered": Quantity(remembered, ("decay", "age", "width"), "18"),
    "growth_beyond": Quantity(growth_beyond, ("decay", "age", "width"), "18"),
    "rounding_threshold": Quantity(rounding_threshold, ("bits",), "19"),
    "input_bound": Quantity(input_bound, ("row_norm", "row_offset", "taps", "shift", "model_width"), "18"),
    "step_reach": Quantity(step_reach, ("S_dt_out", "S_dt_in", "x_max"), "18"),
    "step_bound": Quantity(_step_bound_reached, ("reach", "b", "floor"), "18"),
    "bias_step": Quantity(bias_step, ("b", "floor"), "18"),
    "kept_step": Quantity(kept_step, ("step_max", "step_low", "step_high"), "18"),
    "write_bound": Quantity(write_bound, ("S_B", "x_max", "beta_B"), "18"),
    "read_bound": Quantity(read_bound, ("S_C", "x_max", "beta_C"), "18"),
    "hidden_bound": Quantity(hidden_bound, ("write_max", "x_max", "a", "step_max"), "18"),
    "output_bound": Quantity(output_bound, ("write_max", "read_max", "x_max", "a", "step_max", "skip"), "18"),
}


@cache
def quantity(name: str) -> Program:
    """The program of a number of this table, for `codegen.module.generate`.

    Raises: TheoremError: if there is no such number.
    """
    if name not in QUANTITIES:
        raise TheoremError("a quantity of the state must be one of " + ", ".join(QUANTITIES), name)
    row = QUANTITIES[name]
    return lower_program(name, {name: row.build()}, f"theory-{row.section}", row.meaning, row.inputs)
