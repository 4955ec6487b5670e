"""From the flow to its scenarios: bounds, exact constants, blow-up, and what several decay rates change."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic.derivation.step import Section, Step
from s6flow.symbolic.layer import axis_cell, flow_cell

__all__ = ["CONVERGENCE", "DIVERGENCE", "STATES"]

t, l, n, b, s = nt.t, nt.l, nt.n, nt.b, nt.s
X, Z, F = sp.Function("x"), sp.Function("z"), sp.Function("F")
mu, mu_abs, delta0, kappa, q, T, c = sp.symbols("mu |mu| delta_0 kappa q T c", positive=True)
phi_n, mu_n = sp.symbols("phi_n mu_n", real=True)
m, size, slope, x_start = sp.symbols("m r |s| x_0", positive=True)


def _named(expression: sp.Expr, sign: int = 1) -> sp.Expr:
    """Sums and steps by their letters: sum_n mu_n -> +-|mu| or mu, Delta(0) -> delta_0."""
    named = mu if sign > 0 else -mu_abs
    return expression.subs(cr.delta(sp.Integer(0)), delta0).subs(cr.mu_total, named)


def convergence() -> tuple[Step, ...]:
    """mu < 0: the explicit bound, then the exact constants."""
    inverse_square = sp.diff(X(t) ** -2, t).subs(sp.Derivative(X(t), t), X(t) * F(t))
    bound = cr.convergence_bound().subs(cr.y0, x_start)
    slowest = sp.Min(cr.delta(sp.Integer(0)), cr.delta(x_start))
    bound_m = bound.subs(slowest, m).subs(cr.mu_total, -mu_abs)
    limit_solution = 2 * mu_abs * delta0 * t / (1 - kappa)
    constant = _named(sp.Max(1 - kappa, 0) / (2 * sp.Abs(cr.mu_total) * cr.delta(sp.Integer(0))), -1)
    constant_below = (1 - kappa) / (2 * mu_abs * delta0)
    token_square = constant_below / t
    share = -2 * t * (q * (-phi_n / (2 * t)) + mu_n * token_square * delta0)
    next_share = q * phi_n + mu_n / (-mu_abs) * (1 - kappa)
    gap = cr.gap
    decay = sp.Symbol("decay", positive=True)
    single = cr.decay_constant_single().subs(cr.mu_total, -mu_abs)
    zero_step = cr.delta(sp.Integer(0))
    power = t**kappa
    return (
        Step(
            "inverse-square",
            "The inverse square linearises the flow",
            (sp.Eq(Z(t), X(t) ** -2), sp.Eq(sp.Derivative(Z(t), t), -2 * F(t) * Z(t))),
            "For a nonzero token, from x' = x F.",
            (inverse_square - (-2 * F(t) * X(t) ** -2),),
            ("convergence-rate", "convergence-constants"),
        ),
        Step(
            "convergence-bound",
            "Explicit bound",
            (sp.Le(sp.Abs(X(t)), bound),),
            "Written for a start x_0 > 0. If all mu_n <= 0, what earlier tokens contribute is at most zero, so $F_l \\le \\mu x_l^2 \\Delta(x_l)$ and "
            "$z' \\ge 2|\\mu|\\Delta \\ge 2|\\mu| m$, m the smaller one of the steps at 0 and at the start: |x_l| falls, so Delta stays between them. "
            "Residual: the bound's inverse square has exactly that derivative; it starts at |x_0|.",
            (sp.diff(bound_m**-2, t) - 2 * mu_abs * m, bound_m.subs(t, 0) - x_start),
            ("convergence-rate",),
        ),
        Step(
            "convergence-constants",
            "Exact constants",
            (sp.Eq(sp.Symbol(r"\lim_{t\to\infty} t x_l^2"), constant),),
            "The previous token brings $F_{l-1} \\sim -\\max(1,\\kappa_{l-1})/(2t)$, of which state n holds a share. So $z = 1/x_l^2$ obeys "
            "$z' = \\kappa z/t + 2|\\mu|\\delta_0$ to leading order, $\\kappa$ the share that token l inherits (docs/theory, section 8), and "
            "$F_l = -z'/(2z) \\sim -\\max(1,\\kappa)/(2t)$. Residuals: the solution of the limit equation for kappa < 1; its growth "
            "rate; the homogeneous solution $t^\\kappa$, which dominates for kappa > 1; and for kappa = 1 $z = 2|\\mu|\\delta_0 t \\ln t$.",
            (
                sp.diff(limit_solution, t) - kappa * limit_solution / t - 2 * mu_abs * delta0,
                -sp.diff(limit_solution, t) / (2 * limit_solution) + 1 / (2 * t),
                sp.diff(power, t) - kappa * power / t,
                sp.diff(2 * mu_abs * delta0 * t * sp.log(t), t) - 2 * mu_abs * delta0 * sp.log(t) - 2 * mu_abs * delta0,
                constant_below - t / limit_solution,
            ),
            ("convergence-constants", "state-convergence"),
        ),
        Step(
            "shares",
            "How the shares of the states move from token to token",
            (sp.Eq(sp.Symbol("kappa_l"), cr.inherited()), sp.Eq(sp.Symbol("phi_{l,n}"), cr.share_after())),
            "With $f_{l,n} \\sim -\\phi_{l,n}/(2t)$ and $t x_l^2 \\to (1-\\kappa_l)/(2|\\mu|\\delta_0)$ the recurrence of the states "
            "becomes one of shares, where phi_n on the right stands for those of token l-1; where kappa_l >= 1 the token itself adds nothing, hence the maximum.",
            (share - next_share,),
            ("state-convergence",),
        ),
        Step(
            "single-decay",
            "One decay rate, zero tokens allowed",
            (sp.Eq(sp.Symbol("c_l"), single),),
            "c_l is the limit of t x_l^2, g the distance to the last nonzero token before l, and kappa_l the share of section 8. With a_n = a the shares sum to one, so kappa_l is q = exp(-a delta_0) to the power of the distance to the last "
            "nonzero token before l; the first nonzero token has none before it and c = 1/(2|mu| delta_0).",
            (
                single - constant_below.subs(kappa, sp.exp(-decay * zero_step) ** gap).subs(delta0, zero_step),
                sp.limit(single.subs(zero_step, delta0), gap, sp.oo) - 1 / (2 * mu_abs * delta0),
            ),
            ("convergence-constants", "attention-decay"),
        ),
    )


def divergence() -> tuple[Step, ...]:
    """mu > 0: finite-time blow-up with its exact time, and the logarithmic regime."""
    integrand = cr.blow_up_integrand()
    flat = integrand.subs(s, 0).subs(cr.delta(sp.Integer(0)), delta0).subs(cr.mu_total, mu)
    time = sp.integrate(flat, (cr.r, x_start, sp.oo))
    profile = (_named(cr.blow_up_profile()).subs(sp.Abs(s), slope) / (T - t)) ** sp.Rational(1, 3)
    w, shift = sp.symbols("w C", positive=True)
    guess = w + 3 * sp.log(w) + shift
    expansion = cr.slow_expansion()
    constant = expansion.subs(sp.Symbol("log_t", positive=True), w) - w - 3 * sp.log(w)
    y = sp.Symbol("y", positive=True)
    softplus_tail = sp.limit(sp.exp(y) * nt.softplus(-y).rewrite(sp.log), y, sp.oo)
    a_, x1, x2 = sp.symbols("a x_1 x_2", positive=True)
    ratio = (sp.exp(-a_ * cr.delta(x2)) * cr.own_rate(x1) + cr.own_rate(x2)) / cr.own_rate(x1)
    return (
        Step(
            "blow-up-time",
            "Exact blow-up time of token 1",
            (sp.Eq(sp.Symbol("T_1"), sp.Integral(integrand, (cr.r, x_start, sp.oo))),),
            "x_0 is |x_1(0)| and sigma its sign. Token 1 obeys x' = x h(x), h(x) = mu x^2 Delta(x), which separates; the integral converges where s x_1(0) >= 0, and where the step has a floor; "
            "without a floor it diverges for s x_1(0) < 0. "
            "Residuals: dt/dr is the inverse of the velocity; for s = 0 the integral is 1/(2 mu delta_0 x_1(0)^2).",
            (
                integrand * cr.r * cr.own_rate(cr.orientation * cr.r).subs(cr.orientation**2, 1) - 1,
                time - 1 / (2 * mu * delta0 * x_start**2),
            ),
            ("fast-blow-up-time",),
        ),
        Step(
            "blow-up-bound",
            "A bound for every token with s x_l(0) >= 0",
            (sp.Le(sp.Symbol("T_l"), cr.blow_up_bound()),),
            "If all mu_n >= 0 then $F_l \\ge h(x_l)$ and Delta only grows along the token; comparison with the case of constant Delta, "
            "whose time is the bound.",
            (
                cr.blow_up_bound()
                .subs(s, 0)
                .subs(cr.delta(sp.Integer(0)), delta0)
                .subs(cr.mu_total, mu)
                .subs(cr.y0, x_start)
                - time,
            ),
            ("fast-bound",),
        ),
        Step(
            "blow-up-profile",
            "Profile at blow-up",
            (sp.Eq(sp.Symbol(r"|x_{m}|^3"), profile**3),),
            "To leading order, for the token m that blows up first. For s x > 0 large, Delta ~ |s||x|, so |x|' = mu |s| |x|^4 to leading order. Residuals: the profile solves it; "
            "softplus(z)/z -> 1.",
            (
                sp.diff(profile, t) - mu * slope * profile**4,
                sp.limit(nt.softplus(y).rewrite(sp.log) / y, y, sp.oo) - 1,
            ),
            ("blow-up-profile",),
        ),
        Step(
            "slow-first-token",
            "Slow divergence of token 1 to three terms",
            (sp.Eq(sp.Symbol(r"|s||x_{1}|"), expansion + sp.Symbol("o(1)")),),
            "For s x < 0, y = |s||x| obeys $e^y y^{-3} y' \\to \\mu e^b/s^2$, so $y = \\ln t + 3 \\ln y + \\ln(\\mu e^b/s^2) + o(1)$. Residuals: "
            "$e^y$ softplus(-y) -> 1; the three terms solve the implicit equation up to o(1), with w = ln t; the constant.",
            (
                softplus_tail - 1,
                sp.limit(guess - w - 3 * sp.log(guess) - shift, w, sp.oo),
                sp.expand_log(constant - sp.log(cr.mu_total / s**2) - b, force=True),
            ),
            ("slow-first-token", "slow-log-rate"),
        ),
        Step(
            "slow-ratios",
            "Ratios settle",
            (sp.Eq(sp.Symbol(r"\frac{d\ln x_2}{d\ln x_1}"), ratio),),
            "One decay rate written out. Dividing by F_1, the first term tends to 1 integrably because Delta(x_2) decays like a power of t, and the second is h(x_2)/h(x_1), "
            "integrable once |x_2| exceeds |x_1| by a factor above one. So ln(x_2/x_1) converges to a positive limit. Residual: the gate tends to 1.",
            (
                ratio - sp.exp(-a_ * cr.delta(x2)) - cr.own_rate(x2) / cr.own_rate(x1),
                sp.limit(sp.exp(-a_ * nt.softplus(-y).rewrite(sp.log)), y, sp.oo) - 1,
            ),
            ("slow-ratios",),
        ),
    )


def states() -> tuple[Step, ...]:
    """Several decay rates, affine projections, the skip and finite depth."""
    after = sp.Sum(flow_cell().gate.subs(nt.x[l], cr.y) * nt.mu[n] / cr.mu_total, (n, 1, nt.N))
    y = sp.Symbol("y", positive=True)
    cell = axis_cell()
    velocity = sp.expand(cell.readout * cell.increment)
    coefficients = cr.phase_coefficients()
    polynomial = sum(
        coefficient.function * nt.x[l] ** power for power, coefficient in zip((2, 1, 0), coefficients, strict=True)
    )
    layer_map = cr.y * (1 + nt.h * cr.own_rate(cr.y))
    d_skip = sp.Symbol("d_skip", real=True)
    return (
        Step(
            "carried-rate",
            "What the next token inherits at blow-up",
            (
                sp.Eq(sp.Symbol(r"\frac{d\ln|x_{m+1}|}{d\ln|x_m|}"), sp.Symbol("K(x_{m+1})")),
                sp.Eq(sp.Symbol("K(y)"), cr.carried(cr.y)),
            ),
            "As token m blows up its own increments dominate, so $f_{m,n}/F_m \\to \\mu_n/\\mu$, and the next token reads them through its gates. "
            "Token m is the one that blows up first. The first line holds in the limit, for a bounded x_{m+1}. If K(0) < 0, token m+1 tends to zero while token m blows up, provided that it starts near enough to zero; how near depends on the system. Residuals: K; K = 1 where Delta vanishes; K = 0 where it is infinite.",
            (
                cr.carried(cr.y) * cr.mu_total - after.func(after.function * cr.mu_total, *after.limits),
                sp.limit(sp.exp(-nt.softplus(-y).rewrite(sp.log)), y, sp.oo) - 1,
                sp.limit(sp.exp(-nt.softplus(y).rewrite(sp.log)), y, sp.oo),
            ),
            ("coexistence",),
        ),
        Step(
            "phase-line",
            "Affine projections: token 1 has a phase line",
            (
                sp.Eq(sp.Derivative(X(t), t), X(t) * sp.Symbol("Delta") * sp.Symbol("p(x)")),
                *(
                    sp.Eq(sp.Symbol(name), value)
                    for name, value in zip(("mu", "nu", "lambda"), coefficients, strict=True)
                ),
            ),
            "Readout times increment is x Delta(x) times a quadratic, whose real roots and zero are the equilibria; with its biases zero it "
            "is mu x^2. Residual: the product minus x Delta p, state by state.",
            (sp.expand(velocity - nt.x[l] * cr.delta(nt.x[l]) * polynomial),),
            ("affine-phase-line", "step-floor"),
        ),
        Step(
            "skip",
            "With the D skip token 1 rests at a root",
            (sp.Eq(cr.skip_equilibrium(), 0),),
            "Of y, the value at rest. The skip adds d x to the velocity, so token 1 rests where its growth rate vanishes.",
            (cr.skip_equilibrium() - d_skip - cr.own_rate(cr.y),),
            ("skip-equilibria",),
        ),
        Step(
            "finite-depth",
            "One layer of step h, and the number that decides",
            (sp.Eq(sp.Symbol("x^{(i+1)}"), layer_map), sp.Lt(cr.contraction_number(), 2)),
            "y is the value of token 1 at layer i. A layer multiplies it by one minus the number on the left of the second line; it moves towards zero exactly if the number lies in (0, 2).",
            (sp.expand(layer_map - cr.y * (1 - cr.contraction_number())),),
            ("depth-contraction",),
        ),
    )


CONVERGENCE = Section(
    "Convergence, mu < 0",
    convergence,
    "Let $\\mu = \\sum_n \\mu_n$ be negative. Each token then loses size at a rate that its own square governs, so the inverse square is the "
    "natural variable: it grows linearly up to what the earlier tokens contribute.",
)
DIVERGENCE = Section(
    "Divergence, mu > 0",
    divergence,
    "Let $\\mu$ be positive. Whether a token reaches infinity in finite depth now depends on the sign of $s x$: where the step opens as the "
    "token grows, growth feeds itself and the token blows up; where the step closes, growth slows down to a logarithm.",
)
STATES = Section(
    "Real layers: several decay rates, biases, finite depth",
    states,
    "A trained layer has several states with decay rates and signs of their own, biases, a skip connection and finitely many layers. "
    "The states write with different signs and forget at different speeds, so a later token may see the first one with the opposite sign. "
    "The following steps say what of the picture above survives.",
)
