"""The residual stack and its continuous-time limit."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.derivation.step import Section, Step

__all__ = ["SECTION", "error_majorant", "next_layer"]

t, h, i = nt.t, nt.h, nt.i
X = sp.Function("X")
V = sp.Function("V")
Lipschitz, local = sp.symbols("Lambda C", positive=True)


def taylor(order: int) -> sp.Expr:
    """Coefficient of h^order in X(t + h)."""
    return sp.diff(X(t + h), h, order).doit().subs(h, 0).doit() / sp.factorial(order)


def error_majorant(index: sp.Expr) -> sp.Expr:
    """Solution of e_{i+1} = (1 + h Lambda) e_i + C h^2, e_0 = 0."""
    return local * h * ((1 + h * Lipschitz) ** index - 1) / Lipschitz


def next_layer(token: sp.Expr, velocity: sp.Expr) -> sp.Expr:
    """The residual stack: a layer adds h times its output."""
    return token + h * velocity


def steps() -> tuple[Step, ...]:
    """Forward Euler: consistency, local error, global error."""
    stack = next_layer(X(t), V(X(t)))
    flow = {sp.Derivative(X(t), t): V(X(t))}
    z = sp.Dummy("z")
    slope = sp.diff(V(z), z).subs(z, X(t))
    second = sp.diff(V(X(t)), t).subs(flow).doit()
    return (
        Step(
            "residual-stack",
            "The residual stack is forward Euler",
            (sp.Eq(X(t + h), stack), sp.Eq(sp.Derivative(X(t), t), V(X(t)))),
            "X stands for the stack in the first line and for the flow in the second. One layer adds h times its output V. Divided by h, the difference is V for every h, so as $h \\to 0$ with "
            "$t = i h$ the stack's limit is the ODE whose velocity is the layer's output.",
            ((stack - X(t)) / h - V(X(t)),),
            ("euler-consistency",),
        ),
        Step(
            "local-error",
            "The local error is of second order",
            (
                sp.Eq(X(t + h), taylor(0) + taylor(1) * h + taylor(2) * h**2 + sp.Order(h**3), evaluate=False),
                sp.Eq(taylor(2).subs(flow), (slope * V(X(t))).doit() / 2, evaluate=False),
            ),
            "Taylor's expansion of the flow agrees with the stack in the orders 0 and 1; the first difference is "
            "$h^2 X''/2$ with $X'' = V'(X) V(X)$. Residuals: orders 0, 1 and the second derivative along the flow.",
            (
                taylor(0) - stack.subs(h, 0),
                taylor(1).subs(flow) - sp.diff(stack, h),
                second - (slope * V(X(t))).doit(),
            ),
            ("euler-consistency",),
        ),
        Step(
            "global-error",
            "The global error is of first order on compact intervals",
            (sp.Eq(sp.Symbol("e_i"), error_majorant(i)),),
            "On a compact interval before blow-up V is Lipschitz with constant Lambda and the local error is at most "
            "$C h^2$, so errors are at most e_i, which obey $e_{i+1} \\le (1 + h \\Lambda) e_i + C h^2$; the majorant solves this with equality and is at "
            "most $C h (e^{\\Lambda t} - 1)/\\Lambda$.",
            (
                sp.expand(
                    error_majorant(i + 1) - (1 + h * Lipschitz) * error_majorant(i) - local * h**2, power_exp=True
                ).simplify(),
                error_majorant(sp.Integer(0)),
            ),
            ("euler-consistency",),
        ),
    )


SECTION = Section(
    "Continuous-time limit",
    steps,
    "A residual stack adds the output of each layer to its input. If each layer moves the tokens by a small step $h$, the stack is "
    "Euler's method for an ordinary differential equation in the depth [[cite:chen2018]], and its distance from the solution is "
    "controlled in the usual way [[cite:hairer1993]].",
)
