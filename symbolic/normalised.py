"""Normalised tokens: a pre-norm in front of a layer, and tokens that a post-norm keeps on a sphere (theory 16 and 17)."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import state as st
from s6flow.symbolic.layer import Scan, flow_cell

__all__ = [
    "axis_law",
    "axis_token",
    "ball_bound",
    "ball_constant",
    "ball_token",
    "channel_limit",
    "clock",
    "collapse_depth",
    "cycle_drive",
    "entry_product",
    "growth_at",
    "normalised",
    "sink_near",
    "sink_rate",
    "speed",
    "sphere_velocity",
    "states_at",
]

d, e, l, n = nt.d, nt.e, nt.l, nt.n
gain = sp.IndexedBase("gain", real=True)  # gamma of the norm, of each channel
norm_floor = sp.Symbol("norm_floor", nonnegative=True)
size = sp.Symbol("size", nonnegative=True)
#: On a channel axis: what normalised tokens tend to far from zero, sqrt(D) gamma > 0, and the radius sqrt(D norm_floor) of
#: the ball in which the norm's floor counts.
radius, ball = sp.symbols("radius ball", positive=True)
start, slope, turn_max, later, earlier = sp.symbols("start slope turn_max later earlier", positive=True)
rate_i, form_value, mean, at_axis, at_other, own = sp.symbols("rate form mean at_axis at_other own", real=True)


def normalised() -> sp.Expr:
    """n(v)_d = gamma_d v_d / sqrt(|v|^2 / D + norm_floor), `size` for |v|^2."""
    return gain[d] * fm.v[d] / sp.sqrt(size / nt.D + norm_floor)


def channel_limit(channel: sp.Expr = d) -> sp.Expr:
    """sqrt(D) |gamma_d|: no entry of a normalised token is larger."""
    return sp.sqrt(nt.D) * sp.Abs(gain[channel])


def update_bound() -> sp.Expr:
    """The largest output of a channel of a layer behind a pre-norm, from weights alone (theory 18)."""
    bound = st.output_bound(st.step_bound(), st.write_bound(), st.read_bound())
    return bound.replace(
        lambda term: isinstance(term, sp.Indexed) and term.base == st.x_max, lambda term: channel_limit(term.indices[0])
    )


def axis_token(token: sp.Expr = cr.y) -> sp.Expr:
    """A normalised token on a channel axis, norm_floor = 0: radius times its sign."""
    return radius * sp.sign(token)


def ball_token(token: sp.Expr = cr.y) -> sp.Expr:
    """The same with a floor of the norm: radius y / sqrt(y^2 + ball^2)."""
    return radius * token / sp.sqrt(token**2 + ball**2)


def states_at(tokens: sp.Expr) -> sp.Expr:
    """f_{l,n} at the tokens that an expression in x0[l] gives."""
    cell = flow_cell()
    gate, increment = (part.subs(nt.x[l], tokens) for part in (cell.gate, cell.increment))
    return Scan(gate, increment)


def growth_at(tokens: sp.Expr) -> sp.Expr:
    """F_l at these tokens."""
    return sp.Sum(states_at(tokens), (n, 1, nt.N))


def axis_law(initial: sp.Expr, growth: sp.Expr) -> sp.Expr:
    """|x_l(0)| + radius F_l t: the size of a token on the axis until one reaches zero (theory 17)."""
    return sp.Abs(initial) + radius * growth * nt.t


def collapse_depth(initial: sp.Expr = cr.y0, growth: sp.Expr = own) -> sp.Expr:
    """|x_l(0)| / (radius |F_l|): where the law reaches zero."""
    return sp.Abs(initial) / (radius * sp.Abs(growth))


def ball_bound() -> sp.Expr:
    """|y0| / sqrt(1 + 2 |mu| (radius / sqrt(y0^2 + ball^2))^3 min(Delta(0), Delta(n(y0))) t y0^2) (theory 17)."""
    least = sp.Min(cr.delta(sp.Integer(0)), cr.delta(ball_token(cr.y0)))
    pull = (radius / sp.sqrt(cr.y0**2 + ball**2)) ** 3
    return sp.Abs(cr.y0) / sp.sqrt(1 + 2 * sp.Abs(cr.mu_total) * pull * least * nt.t * cr.y0**2)


def ball_constant() -> sp.Expr:
    """The limit of t x_1^2 behind a norm with a floor: that of theory 5 over (radius / ball)^3."""
    return (ball / radius) ** 3 / (2 * sp.Abs(cr.mu_total) * cr.delta(sp.Integer(0)))


def clock() -> sp.Expr:
    """(U/m) ln((r + m t_2)/(r + m t_1)): by how much a direction can turn (theory 17)."""
    return turn_max / slope * sp.log((start + slope * later) / (start + slope * earlier))


def sphere_velocity() -> sp.Expr:
    """x_d' of token 1 on the sphere: (x^T M x)(Delta_d - mean of the steps) x_d (theory 16)."""
    return fm.form_value * (fm.step_value - mean) * fm.token_value


def speed(share: sp.IndexedBase = fm.p, step: sp.IndexedBase = fm.pace) -> sp.Expr:
    """|x'|^2 on the sphere: (x^T M x)^2 |x|^2 Var_p(Delta)."""
    variance = sp.Sum(share[e] * step[e] ** 2, (e, 1, nt.D)) - fm.mean_step(share, step) ** 2
    return fm.form_value**2 * size * variance


def sink_rate() -> sp.Expr:
    """2 r^2 mu_i (Delta_d - Delta_i) at a point of axis i with |x|^2 = r^2: the rate of the share of channel d."""
    return 2 * size * own * (at_other - at_axis)


form_norm, tilt, lead_least, lead_most = sp.symbols("form_norm tilt lead_least lead_most", positive=True)


def sink_near() -> sp.Expr:
    """A distance of all other entries from zero up to which axis i, a sink, is known to attract (theory 16).

    With |x - axis| at most the value times sqrt(2 D), x^T M x keeps half of mu_i r^2, and every Delta_d - mean(Delta) a
    quarter of the lead Delta_d - Delta_i at the axis: |M| is `form_norm`, `tilt` the largest norm of a row of S_Delta.
    """
    r = sp.sqrt(size)
    inverse = 6 * form_norm / (sp.Abs(own) * r) + 8 * tilt / lead_least + lead_most / (lead_least * r)
    return 1 / (sp.sqrt(2 * nt.D) * inverse)


turn, pull = sp.symbols("turn pull", real=True)


def cycle_drive(own_entry: sp.Expr, after: sp.Expr, before: sp.Expr) -> sp.Expr:
    """What moves a channel's step in the cycle: itself down, the channel after it down, the one before it up (theory 16)."""
    return turn * (before - after) - pull * own_entry


def entry_product(first: sp.Expr, second: sp.Expr, third: sp.Expr) -> sp.Expr:
    """x_1 x_2 x_3 / (x_1 + x_2 + x_3)^3: largest where all three are equal."""
    return first * second * third / (first + second + third) ** 3
