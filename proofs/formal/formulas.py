"""The formulas that formal statements may print: every one a SymPy value of the theory, by name.

Quantities of `symbolic.criteria` are here under their own names. The others are parts of the scan cells, of the
quadratic form, and of theorem conclusions: a limit `lim f = c` of the registry gives the name of f.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import sympy as sp

from s6flow.proofs.registry import get
from s6flow.proofs.theorems.affine import affine_phase_line, step_floor
from s6flow.proofs.theorems.mixed import carried_limits, carried_rate
from s6flow.proofs.theorems.state import own_term_on_data
from s6flow.proofs.theorems.variants import depth_contraction
from s6flow.symbolic import criteria as cr
from s6flow.symbolic import forms as fm
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.attention import unroll
from s6flow.symbolic.derivation.attention import abbreviate, into, kernel, out_of, step_width
from s6flow.symbolic.derivation.limit import next_layer
from s6flow.symbolic.layer import Scan, axis_cell, flow_cell, layer_cell

__all__ = ["expressions"]

l, n, j, d = nt.l, nt.n, nt.j, nt.d
zero = sp.Integer(0)
state = sp.IndexedBase("f", real=True)
growth = sp.IndexedBase("F", real=True)
c, k = sp.symbols("c k", positive=True)
end = sp.Symbol("T", positive=True)
drive, first, second, size, count, kappa, eig, factor = sp.symbols(
    "drive first second size count kappa eig factor", real=True
)


@cache
def expressions() -> Mapping[str, sp.Expr]:
    """Name -> expression."""
    own = {name: row.build() for name, row in cr.QUANTITIES.items()}
    return own | _flow() | _layer() | _theorems() | _transformations() | _affine() | _state() | _normalised()


def _flow() -> dict[str, sp.Expr]:
    """The 1-D flow: its cell, attention and shares."""
    flow, axis = flow_cell(), axis_cell()
    curve = next(iter(cr.delta(cr.y).atoms(nt.softplus)))
    front = sp.cancel(axis.at({nt.beta_C[n]: 0}).readout / nt.S_C[n])  # x_l
    velocity = front * growth[l]
    skipped = velocity.subs(growth[l], growth[l] + cr.skip_equilibrium() - cr.own_rate(cr.y))
    return {
        "softplus": nt.softplus(drive).rewrite(sp.log),
        "floored": cr.delta(cr.y).subs(curve, drive),
        "step_argument": curve.args[0],
        "gate": cr.gate(cr.y),
        "increment": flow.increment.subs(nt.x[l], cr.y),
        "next_state": flow.after(state[n]).subs(nt.x[l], cr.y),
        "written": unroll(flow),
        "attention": unroll(flow, nt.x[j]) * nt.x[l],
        "velocity": velocity,
        "velocity_with_skip": skipped,
        "next_layer": next_layer(nt.x[l], velocity),
        "attended": kernel[l, j] * nt.x[j],
        "carried_total": (cr.carried(cr.y) * cr.mu_total).replace(nt.softplus, lambda _: drive - nt.floor),
        "first_share": cr.share_after()
        .replace(lambda e: isinstance(e, sp.Indexed) and e.base == cr.phi, lambda e: zero)
        .doit(),
        "share_kept": cr.share_kept(),
        "decay_constant_kappa": cr.decay_constant().xreplace({cr.inherited(): kappa}),
        "decay_exponent_kappa": cr.decay_exponent().xreplace({cr.inherited(): kappa}),
        "shares": sp.Sum(cr.phi[n], (n, 1, nt.N)),
        "fraction": state[n] / growth[l],
    }


def _layer() -> dict[str, sp.Expr]:
    """The D-channel layer in letters for its step and projections, and the form of token 1."""
    cell = layer_cell()
    letters = {
        step_width[d, l]: sp.Symbol("step", positive=True),
        into[n, l]: sp.Symbol("B", real=True),
        out_of[n, l]: sp.Symbol("C", real=True),
        nt.x[l, d]: fm.token_value,
    }
    gate, increment, readout = (
        abbreviate(part).xreplace(letters) for part in (cell.gate, cell.increment, cell.readout)
    )
    short = replace(cell, gate=gate, increment=increment, readout=readout)
    between = {
        step_width[d, nt.k]: sp.Symbol("step_between", positive=True),
        step_width[d, j]: letters[step_width[d, l]],
    }
    source = {into[n, j]: letters[into[n, l]], out_of[n, l]: letters[out_of[n, l]]}
    kernel_term = abbreviate(unroll(cell, nt.x[j, d])).xreplace(between | source)
    step = sp.cancel(-cell.gate.args[0] / nt.a[d, n])
    curve = next(iter(step.atoms(nt.softplus)))
    low_rank = next(part for part in curve.args[0].args if part.has(nt.S_dt_out))
    on_axis = low_rank.replace(nt.x[l, nt.e], sp.KroneckerDelta(nt.e, d)).doit(deep=True)
    return {
        "own_slope": on_axis.xreplace({part: part.args[0][0] for part in on_axis.atoms(sp.Piecewise)}),
        "projection": fm.project(sp.IndexedBase("S", real=True), n),
        "layer_step": step.subs(curve, drive),
        "layer_step_argument": curve.args[0].subs(low_rank, drive),
        "layer_increment": short.increment,
        "layer_next": short.after(state[n]),
        "layer_read": short.read(state[n]),
        "layer_attention": kernel_term,
        "state_product": cr.phase_coefficients()[0].function.replace(
            lambda e: isinstance(e, sp.Indexed), lambda e: e.base[n, d]
        ),
        "form": fm.form(),
        "form_matrix": fm.form_matrix(),
        "small_matrix": fm.small_matrix(),
        "square_norm": fm.square_norm(),
        "norm": fm.norm(),
        "vector_velocity": fm.velocity(),
        "share": fm.token_value**2 / size,
        "mean_step": fm.mean_step(),
        "replicator": fm.replicator(),
        "fisher": fm.fisher(),
        "curve_point": fm.curve_point(),
        "curve_term": fm.curve_term(),
        "dying_constant": fm.dying_constant(),
        "dying_power": fm.dying_power(),
        "entry_sum": fm.entry_sum(),
        "bias_sum": fm.bias_sum(),
        "axis_bound": fm.axis_bound(),
        "axis_bound_slow": fm.axis_bound().subs(fm.lead, fm.own_pull),
        "axis_profile": fm.axis_profile(),
        "log_shares": sp.log(sp.Abs(first)) / kappa - sp.log(sp.Abs(second)) / factor,
        "constant_step": nt.softplus(drive),
        "opposite": -size,
        "lowest_step": fm.lowest_step(),
        "rayleigh": eig * size,
        "stretched": factor * fm.token_value,
    }


def _affine() -> dict[str, sp.Expr]:
    """A channel axis with biases and a floor: token 1, and the cell of every token."""
    cell = axis_cell()
    speed = sp.Sum(cell.read(cell.increment), (n, 1, nt.N)).subs(nt.x[l], cr.y)
    return {
        "affine_speed": speed,
        "affine_factored": cr.y * cr.delta(cr.y) * affine_phase_line.p(cr.y),
        "axis_increment": cell.increment.subs(nt.x[l], cr.y),
        "axis_next": cell.after(state[n]).subs(nt.x[l], cr.y),
        "axis_read": cell.read(state[n]).subs(nt.x[l], cr.y),
    }


def _limit(key: str, *parts: sp.Basic) -> sp.Expr:
    """What tends to a limit in the conclusion of a theorem, in tokens at depth-time t; the limit that has all `parts`."""
    measured = {ob.log_t: sp.log(nt.t), ob.u_t[l]: sp.log(sp.Abs(ob.x_t[l])), ob.remaining: end - nt.t, ob.sharp: 1}
    limits = (e for e in sp.preorder_traversal(get(key).conclusion) if isinstance(e, sp.Limit))
    written = (limit.args[0].subs(measured) for limit in limits)
    return next(e for e in written if all(map(e.has, parts)))


def _theorems() -> dict[str, sp.Expr]:
    """What tends to a limit, or is bounded, in the conclusions of the registry."""
    slow = _limit("slow-attention") * ob.ratio[l]
    shift = _limit("slow-first-token")
    return {
        "decay_scaled": _limit("convergence-constants"),
        "decay_scaled_critical": _limit("state-convergence", sp.log(nt.t), ob.x_t[l] ** 2),
        "log_slope": _limit("state-convergence", sp.log(sp.Abs(ob.x_t[l]))),
        "dying_scaled": _limit("slowest-channel", ob.own_t),
        "dying_log": _limit("slowest-channel", sp.log(nt.t)),
        "axis_scaled": _limit("axis-at-infinity", end),
        "attention_scaled": _limit("attention-decay"),
        "slow_rest": shift,
        "slow_leading": (shift - shift.subs(ob.x_t[l], 0)) / sp.log(nt.t),
        "slow_polylog": _limit("slow-polylog-rate"),
        "slow_attention": slow.subs(sp.Abs(ob.P_to[l]), ob.P_to[l]),
        "profile_scaled": _limit("blow-up-profile"),
        "profile_flat_scaled": _limit("blow-up-profile").subs(sp.Abs(ob.x_t[l]) ** 3, ob.x_t[l] ** 2),
        "log_bound": c * get("slow-log-rate").rates[0].rate,
        "log_ratio": _limit("state-slow-divergence", sp.log(nt.t)),
        "floor_bound": step_floor.bound,
        "polylog_bound": c * get("slow-polylog-rate").rates[0].rate,
        "ratio": first / second,
        "second_rate": carried_rate.second,
        "carried_far": carried_limits.at_floor,
        "layer_after": depth_contraction.after.xreplace({cr.mu_total: sp.Symbol("mu", real=True)}),
        "contraction_letter": cr.contraction_number().xreplace({cr.mu_total: sp.Symbol("mu", real=True)}),
        "skip_rate_outward": cr.skip_equilibrium().subs(cr.y, cr.orientation * cr.r).subs(cr.orientation**2, 1),
        "convergence_bound_flat": cr.convergence_bound().subs(nt.s, 0),
        "blow_up_bound_flat": cr.blow_up_bound().subs(nt.s, 0),
    }


def _transformations() -> dict[str, sp.Expr]:
    """Scaling, derived from the flow cell, and the time of a layer."""
    flow = flow_cell()
    stretched = {nt.x[l]: c * nt.x[l]}
    slope = sp.solve(sp.Eq(cr.delta(c * cr.y), cr.delta(cr.y).subs(nt.s, size)), nt.s)[0].subs(size, nt.s)
    grown = sp.simplify(flow.at({nt.s: slope}).at(stretched).increment / flow.increment)
    token = sp.solve(sp.Eq(nt.s * cr.y, drive), cr.y)[0]
    return {
        "scaled_mu": k / grown * nt.mu[n],
        "scaled_s": slope,
        "scaled_token": c * nt.x[l],
        "scaled_time": k * nt.t,
        "far_fast": token,
        "far_slow": token.subs(drive, -drive),
        "layer_time": count * nt.h,
        "stack_error": sp.Abs(first - second),
        "first_order": c * nt.h,
    }


def _state() -> dict[str, sp.Expr]:
    """One state from steps of any kind, the layer with biases and a step of low rank, rounding, moments of data."""
    cell, layer = st.cell(), layer_cell()
    before = sp.Symbol("f", real=True)
    step = sp.cancel(-layer.gate.args[0] / nt.a[d, n])
    return {
        "state_increment": cell.increment,
        "state_next": cell.after(before),
        "cell_step": step,
        "cell_write": layer.increment / (step * nt.x[l, d]),
        "cell_read": layer.readout,
        "skip_added": size + st.layer_output() - layer.formula,
        "own_term": own_term_on_data.own,
        "data_mean": st.data_mean(),
        "data_covariance": st.data_covariance(),
        "remembered_gate": st.remembered().subs(st.age, 1),
        "updated": sp.Symbol("h_rounded", real=True) + sp.Symbol("update", real=True),
        "lost_bits": st.lost_bits(first),
        "moved_bits": st.moved_bits(first, second),
    }


def _normalised() -> dict[str, sp.Expr]:
    """Normalised tokens: a pre-norm, its channel axis, directions, and the sphere."""
    cell = layer_cell()
    return {
        "normalised": nm.normalised(),
        "layer_output": st.layer_output().xreplace(
            {Scan(cell.gate, cell.increment): sp.Symbol("layer_state", real=True)}
        ),
        "axis_token": nm.axis_token(),
        "ball_token": nm.ball_token(),
        "ball_constant": nm.ball_constant(),
        "tangential": first - second / size * fm.token_value,
        "cosine": second / (first * factor),
        "clock": nm.clock(),
        "outward": nm.start + nm.slope * nt.t,
        "sphere_velocity": nm.sphere_velocity(),
        "sphere_speed": nm.speed(),
        "sink_rate": nm.sink_rate(),
        "log_share": sp.log(size) / nt.t,
        "collapse": nm.collapse_depth(),
        "entry_product": nm.entry_product(first, second, fm.token_value),
        "cycle_drive": nm.cycle_drive(first, second, fm.token_value),
        "layer_added": first + nt.h * second,
    }
