"""From the S6 recurrence to its hidden attention, for symbolic L, by induction."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.attention import unroll
from s6flow.symbolic.derivation.step import Section, Step, drop_empty_sums, peel_last
from s6flow.symbolic.layer import ScanCell, flow_cell, layer_cell

__all__ = ["SECTION", "attention_kernel", "induction"]

l, j, k, n, d = nt.l, nt.j, nt.k, nt.n, nt.d
hidden = sp.IndexedBase("h", real=True)
output = sp.IndexedBase("y", real=True)
kernel = sp.IndexedBase("P", real=True)
state = sp.IndexedBase("f", real=True)
step_width = sp.IndexedBase("Delta", positive=True)
#: The same of the layer, a step for each channel and token; the letter Delta has one index.
layer_step = sp.IndexedBase(r"\Delta", positive=True)
into = sp.IndexedBase("B", real=True)
out_of = sp.IndexedBase("C", real=True)


def written(cell: ScanCell, source: sp.Expr, token: sp.Expr) -> sp.Expr:
    """What token `source` wrote into the state, as it is left at `token`."""
    return unroll(replace(cell, readout=sp.Integer(1))).subs({j: source, l: token}, simultaneous=True)


def induction(cell: ScanCell) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Residuals of f_l = sum_{j<=l} written(j, l): first token, sum over earlier tokens, own term.

    With the claim at l - 1, gate_l f_{l-1} + increment_l equals the claim at l exactly when the second and third vanish.
    """
    first = cell.increment.subs(l, 1) - drop_empty_sums(written(cell, sp.Integer(1), sp.Integer(1)))
    earlier = cell.gate * written(cell, j, l - 1) - peel_last(written(cell, j, l), l)
    own = cell.increment - drop_empty_sums(written(cell, l, l))
    return first, sp.Sum(earlier, (j, 1, l - 1)), own


def attention_kernel(cell: ScanCell, token_value: sp.Expr) -> sp.Expr:
    """P_{lj}: the weight of x_j in the output at l; `token_value` is x_j's factor in the increment."""
    return sp.Sum(unroll(cell, token_value.subs(l, j)), (n, 1, nt.N))


def abbreviate(expression: sp.Basic) -> sp.Basic:
    """The layer's step, B and C by their letters, for reading; residuals are computed with the whole expressions."""
    layer, flow = layer_cell(), flow_cell()
    for index in (l, j, k):
        at = {l: index}
        for cell, letter in ((layer, step_width[d, index]), (flow, step_width[index])):
            rate = nt.a[d, n] if cell is layer else nt.a[n]
            expression = expression.xreplace({sp.cancel(-cell.gate.args[0] / rate).subs(at): letter})
        expression = expression.xreplace(
            {input_map().subs(at): into[n, index], layer.readout.subs(at): out_of[n, index]}
        )
    return expression


def printed(expression: sp.Basic) -> sp.Basic:
    """`abbreviate`, with a letter for the layer's steps that takes two indices wherever it is typeset."""
    found = abbreviate(expression)
    steps_of_layer = {term for term in found.atoms(sp.Indexed) if term.base == step_width and len(term.indices) > 1}
    return found.xreplace({term: layer_step[term.indices] for term in steps_of_layer})


def input_map() -> sp.Expr:
    """B_n(x_l): the increment without the step and the token."""
    layer = layer_cell()
    return sp.cancel(layer.increment / (nt.x[l, d] * sp.cancel(-layer.gate.args[0] / nt.a[d, n])))


def steps() -> tuple[Step, ...]:
    """The recurrence, its unrolling, and the linear recursion of the 1-D flow."""
    layer, flow = layer_cell(), flow_cell()
    value = nt.x[l, d]
    recurrence = sp.Eq(hidden[d, l, n], layer.after(hidden[d, l - 1, n]))
    read = sp.Eq(output[l, d], sp.Sum(layer.read(hidden[d, l, n]), (n, 1, nt.N)))
    unrolled = sp.Eq(hidden[d, l, n], sp.Sum(written(layer, j, l), (j, 1, l)))
    P = attention_kernel(layer, value)
    exchange = layer.readout * written(layer, j, l) - P.function * nt.x[j, d]
    return (
        Step(
            "s6-recurrence",
            "The S6 recurrence",
            (
                sp.Eq(step_width[d, l], sp.cancel(-layer.gate.args[0] / nt.a[d, n])),
                sp.Eq(into[n, l], input_map()),
                sp.Eq(out_of[n, l], layer.readout),
                printed(recurrence),
                printed(read),
            ),
            "This is what mamba-ssm's selective scan computes: the exact exponential for A = -a and an Euler step "
            "for B, with $h_0 = 0$; biases of the projections and a floor of the step are kept.",
            (recurrence.rhs.subs(hidden[d, l - 1, n], 0) - layer.increment,),
        ),
        Step(
            "unrolled-state",
            "The unrolled state",
            (printed(unrolled),),
            "Induction on the token. For the first token the sum has one term. If it holds at $l-1$, multiplying by the "
            "gate extends every decay by one factor, because the exponents add, and the new term has an empty sum in its "
            "exponent. Residuals: first token; earlier tokens; own term.",
            induction(layer),
            ("unrolled-attention",),
        ),
        Step(
            "hidden-attention",
            "The hidden attention",
            (
                sp.Eq(output[l, d], sp.Sum(kernel[d, l, j] * nt.x[j, d], (j, 1, l))),
                printed(sp.Eq(kernel[d, l, j], P)),
            ),
            "The two finite sums over states and tokens are exchanged; the residual compares them term by term.",
            (exchange,),
            ("unrolled-attention",),
        ),
        Step(
            "linear-recursion",
            "The quadratic sum is a linear recursion",
            (
                sp.Eq(step_width[l], sp.cancel(-flow.gate.args[0] / nt.a[n])),
                printed(sp.Eq(state[l, n], flow.after(state[l - 1, n]))),
                printed(sp.Eq(state[l, n], sp.Sum(written(flow, j, l), (j, 1, l)))),
            ),
            "The induction of unrolled-state for one token value per position: the growth rate $F_l = \\sum_n f_{l,n}$ costs O(L) work "
            "by an associative scan instead of O(L^2). Residuals: first token; earlier tokens; own term.",
            induction(flow),
            ("linear-recursion", "causality"),
        ),
    )


SECTION = Section(
    "Hidden attention",
    steps,
    "We begin with one layer as it is computed. Its recurrence over tokens is linear in the state, so it can be unrolled, and what "
    "is left is a weighted sum over earlier tokens: an attention matrix that is never formed [[cite:ali2024]]. On a single channel "
    "axis the quadratic sum collapses again into a recursion, which is what makes the flow cheap to integrate.",
)
