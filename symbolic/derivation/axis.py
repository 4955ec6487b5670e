"""From D channels to one: the channel axis is invariant, and on it the layer is the 1-D flow, exactly."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.criteria import delta
from s6flow.symbolic.derivation.step import Section, Step
from s6flow.symbolic.layer import ScanCell, axis_cell, flow_cell, layer_cell

__all__ = ["SECTION"]

l, n, d, e, r = nt.l, nt.n, nt.d, nt.e, nt.r
axis_index = sp.Symbol("d_0", integer=True, positive=True)
other = sp.Symbol("x_hat", real=True)
scale_sign = sp.Symbol("orientation_s", real=True)
state, step_slope = sp.symbols("f s", real=True)


def on_axis(expression: sp.Expr) -> sp.Expr:
    """x_{l,c} -> x_l where c is the axis, 0 elsewhere, with sums over channels carried out."""
    restricted = expression.replace(
        lambda term: isinstance(term, sp.Indexed) and term.base == nt.x,
        lambda term: nt.x[l] * sp.KroneckerDelta(term.indices[1], axis_index),
    ).doit(deep=True)
    # 1 <= d_0 <= D holds because d_0 is a channel
    return restricted.xreplace({p: p.args[0][0] for p in restricted.atoms(sp.Piecewise)})


def axis_letters(cell: ScanCell) -> ScanCell:
    """The axis cell written in the layer's letters at channel d_0, with s = sum_r S_dt_out S_dt_in."""
    slope = sp.Sum(nt.S_dt_out[axis_index, r] * nt.S_dt_in[r, axis_index], (r, 1, nt.R))
    return cell.at(
        {
            nt.s: slope,
            nt.b: nt.b_channel[axis_index],
            nt.a[n]: nt.a[axis_index, n],
            nt.S_B[n]: nt.S_B[n, axis_index],
            nt.S_C[n]: nt.S_C[n, axis_index],
        }
    )


def pull_out(expression: sp.Expr) -> sp.Expr:
    """A factor that does not depend on the summation index leaves the sum."""

    def factor(total: sp.Sum) -> sp.Expr:
        index = total.limits[0][0]
        constant, rest = total.function.as_independent(index, as_Add=False)
        return constant * sp.Sum(rest, *total.limits)

    return expression.replace(sp.Sum, lambda *args: factor(sp.Sum(*args)))


def steps() -> tuple[Step, ...]:
    """Invariance, restriction, the bilinear flow, special case, signs and scaling."""
    layer, axis, flow = layer_cell(), axis_cell(), flow_cell()
    letters = axis_letters(axis)
    off = on_axis(layer.increment).subs(sp.KroneckerDelta(d, axis_index), 0)
    restricted = [pull_out(on_axis(part).subs(d, axis_index)) for part in (layer.gate, layer.increment, layer.readout)]
    bilinear = axis.at({nt.beta_B[n]: 0, nt.beta_C[n]: 0})
    merged = {nt.mu[n]: nt.S_C[n] * nt.S_B[n]}
    weight = nt.S_C[n]
    general = [axis.gate, axis.increment, axis.readout]
    paper = {nt.floor: 0, nt.beta_B[n]: 0, nt.beta_C[n]: 0, nt.b: 0, nt.a[n]: nt.a[1]}
    X, F, tau = sp.Function("X"), sp.Function("F"), sp.Dummy("tau")
    grown = X(nt.t) * sp.exp(-sp.Integral(F(tau), (tau, 0, nt.t)))
    size = sp.Symbol("abs_s", positive=True)
    size_mu = sp.Symbol("abs_mu", positive=True)
    scaled = flow.at({nt.s: scale_sign * size}).at({nt.x[l]: nt.x[l] / size})
    unit = flow.at({nt.s: scale_sign, nt.mu[n]: nt.mu[n] / size_mu})
    token_rate = flow.formula
    return (
        Step(
            "channel-invariance",
            "A channel axis is invariant",
            (sp.Eq(sp.Symbol("y_{l,d}"), 0),),
            "For the output y and d other than d_0. Let every token lie on the axis of channel d_0. The increment of any other channel d carries the factor "
            "$x_{l,d} = 0$, so its state and output vanish and the axis is mapped to itself.",
            (off,),
            ("channel-invariance",),
        ),
        Step(
            "axis-restriction",
            "On the axis the layer has one token value and N states",
            (
                sp.Eq(sp.Symbol("gate"), axis.gate),
                sp.Eq(sp.Symbol("increment"), axis.increment),
                sp.Eq(sp.Symbol("readout"), axis.readout),
            ),
            "Letters without a channel are those of d_0. The sums over channels have one term each, and s = sum_r S_dt_out[d_0,r] S_dt_in[r,d_0] is the diagonal entry "
            "of the step projection. Residuals: gate, increment, readout of the layer minus those of the axis cell.",
            tuple(
                part - pull_out(pull_out(cell_part))
                for part, cell_part in zip(restricted, (letters.gate, letters.increment, letters.readout), strict=True)
            ),
            ("channel-invariance",),
        ),
        Step(
            "bilinear-flow",
            "Without projection biases: $x_l' = x_l F_l$",
            (sp.Eq(nt.mu[n], nt.S_C[n] * nt.S_B[n]), sp.Eq(sp.Symbol("F_l"), token_rate)),
            "The readout is $S_{C,n} x_l$. A weight that is constant along tokens commutes with the recurrence, so "
            "$S_{C,n}$ moves into the increment, where it meets $S_{B,n}$. Residuals: commutation; increment; readout.",
            (
                weight * (flow.gate * state + bilinear.increment)
                - (flow.gate * (weight * state) + weight * bilinear.increment),
                weight * bilinear.increment - flow.increment.subs(merged),
                bilinear.readout - weight * nt.x[l],
            ),
            ("linear-recursion",),
        ),
        Step(
            "paper-setting",
            "The paper's setting is a special case",
            tuple(
                sp.Eq(sp.Symbol(name), part.subs(paper))
                for name, part in zip(("gate", "increment", "readout"), general, strict=True)
            ),
            "One decay rate, no bias, no floor: $\\Delta(x) = \\ln(1 + e^{s x})$.",
            (
                axis.gate.subs(paper) - sp.exp(-nt.a[1] * nt.softplus(nt.s * nt.x[l])),
                delta(nt.x[l]).subs(paper) - nt.softplus(nt.s * nt.x[l]),
            ),
        ),
        Step(
            "sign-invariance",
            "Signs never change",
            (sp.Eq(grown, X(0)),),
            "Along the flow X' = X F, so the product of X(t) and e^(-int F) has derivative zero: $x_l(t) = x_l(0) e^{\\int F_l}$. A zero "
            "token stays zero. (With a bias of C this may fail for every token but the first.)",
            (sp.diff(grown, nt.t).subs(sp.Derivative(X(nt.t), nt.t), X(nt.t) * F(nt.t)),),
            ("sign-invariance",),
        ),
        Step(
            "causality",
            "Tokens 1..l form a closed system",
            (sp.Eq(sp.Derivative(flow.increment, other), 0),),
            "The letter with a hat stands for another token's value: gate and increment of token l depend on none.",
            tuple(sp.diff(part.subs(nt.x[l], X(nt.t)), other) for part in (flow.gate, flow.increment)),
            ("causality",),
        ),
        Step(
            "scaling",
            "Scaling removes |mu| and |s|",
            (
                sp.Eq(sp.Symbol(r"\hat x"), sp.Abs(nt.s) * nt.x[l]),
                sp.Eq(sp.Symbol(r"\hat t"), sp.Abs(sp.Symbol("mu")) * nt.t / nt.s**2),
            ),
            "With $x = \\hat x/|s|$ the gate depends on s and x by $\\hat x$ and sign(s) alone, and, where mu is not zero, the increment is $|\\mu|/s^2$ times that of "
            "the system with $\\mu_n/|\\mu|$, which the new time absorbs. Residuals: gate; increment.",
            (scaled.gate - unit.gate, scaled.increment - size_mu / size**2 * unit.increment),
            ("scaling",),
        ),
    )


SECTION = Section(
    "One channel",
    steps,
    "The channels of a layer act on one another through its projections, but each carries an exact subsystem: tokens that lie on "
    "its axis stay there. There the layer has a single number a token, and three further symmetries (of sign, of order, and of scale) "
    "leave few parameters that matter.",
)
