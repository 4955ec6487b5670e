"""Criteria, constants and bounds of the flow as expressions, derived from the scan cells where they can be.

Every quantity that a verdict, a report, a theorem or a figure needs is a SymPy expression in notation letters here
and nowhere else. `quantity(name)` gives its program for any backend.

One long file: a table with a row for each quantity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import sympy as sp

from s6flow.errors import TheoremError
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.layer import axis_cell, flow_cell

__all__ = ["QUANTITIES", "Quantity", "delta", "mu_total", "quantity"]

l, n = nt.l, nt.n
phi = sp.IndexedBase("phi", real=True)
y = sp.Symbol("y", real=True)  # one token value
y0 = sp.Symbol("y0", real=True)  # its initial value
r = sp.Symbol("r", positive=True)  # |token|
orientation = sp.Symbol("orientation", real=True)  # sign of the token
gap = sp.Symbol("gap", integer=True, positive=True)


def _over_states(body: sp.Expr) -> sp.Expr:
    return sp.Sum(body, (n, 1, nt.N))


@cache
def _step_at_x() -> sp.Expr:
    return sp.cancel(-flow_cell().gate.args[0] / nt.a[n])


def delta(token: sp.Expr) -> sp.Expr:
    """Delta at a token value: read off the flow cell's gate, exp(-a_n Delta)."""
    return _step_at_x().subs(nt.x[l], token)


def gate(token: sp.Expr) -> sp.Expr:
    """exp(-a_n Delta) at a token value."""
    return flow_cell().gate.subs(nt.x[l], token)


#: mu = S_C^T S_B on the axis, the number whose sign decides the scenario.
mu_total = _over_states(nt.mu[n])


def own_rate(token: sp.Expr) -> sp.Expr:
    """h(x) = mu x^2 Delta(x): what a token adds to its own growth rate; token 1 obeys x' = x h(x)."""
    increment = flow_cell().increment.subs(nt.x[l], token)
    return sp.powsimp(increment.subs(nt.mu[n], 1)) * mu_total


def carried(token: sp.Expr) -> sp.Expr:
    """K(x) = sum_n (mu_n / mu) exp(-a_n Delta(x)): the share of the previous token's rate that a token inherits."""
    return _over_states(nt.mu[n] * gate(token)) / mu_total


def follower_bound() -> sp.Expr:
    """K(y) + h(y)/h(y0): what d ln|x_2| / d ln|x_1| at x_2 = y cannot exceed once token 1 has passed y0 (theory 8, E3).

    Token 2 grows at K(x_2) times token 1's rate plus its own (theorem carried-rate), and h(x_1) grows with |x_1| where
    s x_1 >= 0; so where this is negative |x_2| can never rise through |y|.
    """
    return carried(y) + own_rate(y) / own_rate(y0)


def inherited() -> sp.Expr:
    """kappa_l = sum_n q_n phi_{l-1,n} with q_n = exp(-a_n Delta(0)); phi[n] is the previous token's share."""
    return _over_states(share_kept())


def share_kept() -> sp.Expr:
    """q_n phi_{l-1,n}: what a zero token leaves of the share."""
    return gate(sp.Integer(0)) * phi[n]


def share_after() -> sp.Expr:
    """phi_{l,n} from phi_{l-1,n}: q_n phi_{l-1,n} + (mu_n / mu) max(1 - kappa_l, 0); one formula for all three cases."""
    room = sp.Max(1 - inherited(), 0)
    return share_kept() + nt.mu[n] / mu_total * room


def decay_constant() -> sp.Expr:
    """lim t x_l^2 = max(1 - kappa_l, 0) / (2 |mu| Delta(0)) for mu < 0 (theory 8, E1; theory 5 is the special case)."""
    return sp.Max(1 - inherited(), 0) / (2 * sp.Abs(mu_total) * delta(sp.Integer(0)))


def decay_constant_single() -> sp.Expr:
    """The same with one decay rate a: (1 - q^gap) / (2 |mu| Delta(0)), gap = distance to the last nonzero token before."""
    decay = sp.Symbol("decay", positive=True)
    q = gate(sp.Integer(0)).subs(nt.a[n], decay)
    return (1 - q**gap) / (2 * sp.Abs(mu_total) * delta(sp.Integer(0)))


def decay_constant_first() -> sp.Expr:
    """The same for a token with no nonzero token before it: the limit of a growing gap, 1 / (2 |mu| Delta(0))."""
    step = sp.Symbol("step", positive=True)
    zero_step = delta(sp.Integer(0))
    return sp.limit(decay_constant_single().subs(zero_step, step), gap, sp.oo).subs(step, zero_step)


def attention_limit() -> sp.Expr:
    """lim t P_{lj} for mu < 0 and one decay rate: mu Delta(0) sqrt(c_l c_j) q^gap sign(x_l) sign(x_j), gap = l - j."""
    c_l, c_j = sp.symbols("c_l c_j", nonnegative=True)
    sign_l, sign_j = sp.symbols("sign_l sign_j", real=True)
    decay = sp.Symbol("decay", positive=True)
    q = gate(sp.Integer(0)).subs(nt.a[n], decay)
    return mu_total * delta(sp.Integer(0)) * sp.sqrt(c_l * c_j) * q**gap * sign_l * sign_j


def decay_exponent(kappa: sp.Expr | None = None) -> sp.Expr:
    """lim ln|x_l| / ln t = -max(1, kappa_l)/2 for mu < 0; -kappa/2 with `kappa` > 1 given (theory 8, E1)."""
    return -(sp.Max(1, inherited()) if kappa is None else kappa) / 2


def inverse_square_flat() -> sp.Expr:
    """1/x_1(t)^2 with s = 0: from z' = -2 h(x_1) z, whose right side is constant (theory 4)."""
    return y0**-2 - nt.t * (2 * own_rate(y0) / y0**2).subs(nt.s, 0)


def linear_and_power(zeta: sp.Expr, q: sp.Expr, C: sp.Expr) -> sp.Expr:
    """zeta/(1-q) + C zeta^q, the solutions of zeta z' = q z + zeta."""
    return zeta / (1 - q) + C * zeta**q


def inverse_square_second() -> sp.Expr:
    """1/x_2(t)^2 with s = 0 and one decay rate, zeta = 1/x_1^2: a linear term and a power (theory 4)."""
    zeta_0, zeta_t = sp.symbols("zeta_0 zeta_t", positive=True)
    q = gate(sp.Integer(0)).subs(nt.a[n], sp.Symbol("decay", positive=True))
    C = (y0**-2 - linear_and_power(zeta_0, q, sp.Integer(0))) / zeta_0**q
    return linear_and_power(zeta_t, q, C)


def convergence_bound() -> sp.Expr:
    """|x_l(t)| <= (x_l(0)^-2 + 2 |mu| m t)^(-1/2), m = min(Delta(0), Delta(x_l(0)))."""
    slowest = sp.Min(delta(sp.Integer(0)), delta(y0))
    return sp.Abs(y0) / sp.sqrt(1 + 2 * sp.Abs(mu_total) * slowest * y0**2 * nt.t)


def blow_up_bound() -> sp.Expr:
    """T_l <= 1 / (2 mu Delta(x_l(0)) x_l(0)^2) when s x_l(0) >= 0."""
    return 1 / (2 * own_rate(y0))


def fast_lower_bound() -> sp.Expr:
    """|x_l(t)| >= |x_l(0)| / sqrt(1 - t/T_l), T_l the bound of the blow-up time."""
    return sp.Abs(y0) / sp.sqrt(1 - nt.t / blow_up_bound())


def blow_up_integrand() -> sp.Expr:
    """dt = dr / (r h(r)) along token 1: its integral from |x_1(0)| to infinity is T_1."""
    return 1 / (r * own_rate(orientation * r)).subs(orientation**2, 1)


def blow_up_profile() -> sp.Expr:
    """Limit of (T - t) |x_m|^3 for s x_m > 0: from dr/dt = r h(r) with Delta ~ |s| r."""
    leading = sp.limit(nt.softplus(r).rewrite(sp.log) / r, r, sp.oo)  # = 1
    return leading / (3 * mu_total * sp.Abs(nt.s))


def blow_up_profile_flat() -> sp.Expr:
    """(T - t) x_m^2 for s = 0, exactly: the blow-up bound is attained."""
    return (blow_up_bound() * y0**2).subs(nt.s, 0)


def slow_expansion() -> sp.Expr:
    """|s| |x_1| = ln t + 3 ln ln t + ln(mu e^b / s^2) + o(1), as a function of log_t."""
    log_t = sp.Symbol("log_t", positive=True)
    return log_t + 3 * sp.log(log_t) + sp.log(mu_total / nt.s**2) + nt.b


def slow_lower_bound() -> sp.Expr:
    """|x_l| >= ln(e^{|s x0|} + |s| mu |x0|^3 e^b/(1 + e^b) t) / |s| for s x_l(0) < 0 (kernel-checked: slow-log-rate)."""
    growth = sp.Abs(nt.s) * mu_total * sp.Abs(y0) ** 3 * sp.exp(nt.b) / (1 + sp.exp(nt.b))
    return sp.log(sp.exp(sp.Abs(nt.s * y0)) + growth * nt.t) / sp.Abs(nt.s)


def phase_coefficients() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """(mu, nu, lambda) of p(x) = mu x^2 + nu x + lambda, where token 1 obeys x' = x Delta(x) p(x) (theory 8b)."""
    cell = axis_cell()
    product = sp.cancel(cell.readout * cell.increment / (nt.x[l] * delta(nt.x[l])))
    return tuple(  # type: ignore[return-value]
        _over_states(coefficient) for coefficient in sp.Poly(sp.expand(product), nt.x[l]).all_coeffs()
    )


def skip_equilibrium() -> sp.Expr:
    """Growth rate of token 1 with the D skip kept: zero at its equilibria (theory 9)."""
    return sp.Symbol("d_skip", real=True) + own_rate(y)


def skip_distance() -> sp.Expr:
    """|1 + d / h(y)|, zero where token 1 rests: it falls at least like e^{-2 d t} for mu < 0 < d, s x >= 0 (theory 9)."""
    return sp.Abs(1 + sp.Symbol("d_skip", real=True) / own_rate(y))


def skip_loss() -> sp.Expr:
    """The largest rate that mu < 0 can take away from token 1 at y or farther out where s y < 0, at most (theory 9)."""
    far = sp.Max(sp.Abs(y), 2 / sp.Abs(nt.s))  # z^2 e^{-z} is largest at z = 2
    return sp.Abs(mu_total) * far**2 * sp.exp(nt.b - sp.Abs(nt.s) * far)


def contraction_number() -> sp.Expr:
    """-h mu x^2 Delta(x): one residual layer moves token 1 towards 0 iff this lies in (0, 2) (theory 10)."""
    return -nt.h * own_rate(y)


@dataclass(frozen=True)
class Quantity:
    """A named number of the theory.

    Args:
        build: makes the expression.
        inputs: argument order of the generated function.
        section: of docs/theory, where it is derived.
    The meaning is the builder's docstring.
    """

    build: Callable[[], sp.Expr]
    inputs: tuple[str, ...]
    section: str

    @property
    def meaning(self) -> str:
        """First line of the builder's docstring."""
        return (self.build.__doc__ or "").strip().splitlines()[0]


def _delta_zero() -> sp.Expr:
    """delta0 = Delta(0), the step of a vanishing token."""
    return delta(sp.Integer(0))


def _step() -> sp.Expr:
    """Delta(y), the step of a token."""
    return delta(y)


def _mu() -> sp.Expr:
    """mu = sum_n mu_n."""
    return mu_total


def _carried_zero() -> sp.Expr:
    """K(0), equal to kappa_2 when every token is nonzero."""
    return carried(sp.Integer(0))


def _carried() -> sp.Expr:
    """K(y) = sum_n (mu_n / mu) exp(-a_n Delta(y))."""
    return carried(y)


def _own_rate() -> sp.Expr:
    """h(y) = mu y^2 Delta(y)."""
    return own_rate(y)


def _phase(index: int) -> Callable[[], sp.Expr]:
    def build() -> sp.Expr:
        return phase_coefficients()[index]

    build.__doc__ = f"Coefficient {('mu', 'nu', 'lambda')[index]} of p(x) = mu x^2 + nu x + lambda."
    return build


_PARAMETERS = ("mu", "a", "s", "b", "floor")
QUANTITIES: dict[str, Quantity] = {
    "mu": Quantity(_mu, ("mu",), "0"),
    "delta0": Quantity(_delta_zero, ("b", "floor"), "0"),
    "step": Quantity(_step, ("y", "s", "b", "floor"), "0"),
    "own_rate": Quantity(_own_rate, ("y", "mu", "s", "b", "floor"), "6"),
    "carried": Quantity(_carried, ("y", *_PARAMETERS), "8"),
    "follower_bound": Quantity(follower_bound, ("y", "y0", *_PARAMETERS), "8"),
    "carried_zero": Quantity(_carried_zero, ("mu", "a", "b", "floor"), "8"),
    "inherited": Quantity(inherited, ("phi", "a", "b", "floor"), "8"),
    "share_after": Quantity(share_after, ("phi", "mu", "a", "b", "floor"), "8"),
    "decay_constant": Quantity(decay_constant, ("phi", "mu", "a", "b", "floor"), "8"),
    "decay_constant_single": Quantity(decay_constant_single, ("gap", "decay", "mu", "b", "floor"), "5"),
    "decay_constant_first": Quantity(decay_constant_first, ("mu", "b", "floor"), "5"),
    "decay_exponent": Quantity(decay_exponent, ("phi", "a", "b", "floor"), "8"),
    "inverse_square_flat": Quantity(inverse_square_flat, ("y0", "t", "mu", "b", "floor"), "4"),
    "inverse_square_second": Quantity(inverse_square_second, ("y0", "zeta_0", "zeta_t", "decay", "b", "floor"), "4"),
    "attention_limit": Quantity(
        attention_limit, ("c_l", "c_j", "sign_l", "sign_j", "gap", "decay", "mu", "b", "floor"), "5"
    ),
    "convergence_bound": Quantity(convergence_bound, ("y0", "t", "mu", "s", "b", "floor"), "5"),
    "blow_up_bound": Quantity(blow_up_bound, ("y0", "mu", "s", "b", "floor"), "6"),
    "fast_lower_bound": Quantity(fast_lower_bound, ("y0", "t", "mu", "s", "b", "floor"), "6"),
    "blow_up_integrand": Quantity(blow_up_integrand, ("r", "orientation", "mu", "s", "b", "floor"), "6"),
    "blow_up_profile": Quantity(blow_up_profile, ("mu", "s"), "6"),
    "blow_up_profile_flat": Quantity(blow_up_profile_flat, ("mu", "b", "floor"), "6"),
    "slow_expansion": Quantity(slow_expansion, ("log_t", "mu", "s", "b"), "6"),
    "slow_lower_bound": Quantity(slow_lower_bound, ("y0", "t", "mu", "s", "b"), "6"),
    "phase_mu": Quantity(_phase(0), ("S_B", "S_C"), "8b"),
    "phase_nu": Quantity(_phase(1), ("S_B", "S_C", "beta_B", "beta_C"), "8b"),
    "phase_lambda": Quantity(_phase(2), ("beta_B", "beta_C"), "8b"),
    "skip_rate": Quantity(skip_equilibrium, ("y", "d_skip", "mu", "s", "b", "floor"), "9"),
    "all_tokens_constant": Quantity(
        fm.all_tokens_constant, ("square", "before", "eig_max", "size_B", "size_C", "delta_low", "delta_high"), "14"
    ),
    "axis_far": Quantity(fm.axis_far, ("lead", "bias_size", "floor"), "14"),
    "axis_width": Quantity(fm.axis_width, ("lead", "own_form", "form_size", "column_size"), "14"),
    "axis_lead_fast": Quantity(fm.axis_lead_fast, ("own_pull", "other_pull"), "14"),
    "axis_lead_slow": Quantity(fm.axis_lead_slow, ("own_pull", "other_pull"), "14"),
    "axis_excess": Quantity(fm.axis_excess, ("square", "token"), "14"),
    "skip_distance": Quantity(skip_distance, ("y", "d_skip", "mu", "s", "b", "floor"), "9"),
    "skip_loss": Quantity(skip_loss, ("y", "mu", "s", "b"), "9"),
    "contraction_number": Quantity(contraction_number, ("y", "h", "mu", "s", "b", "floor"), "10"),
}


@cache
def quantity(name: str) -> Program:
    """The program of a quantity, for `codegen.module.generate`.

    Raises: TheoremError: if there is no such quantity.
    """
    if name not in QUANTITIES:
        raise TheoremError("a quantity must be one of " + ", ".join(QUANTITIES), name)
    row = QUANTITIES[name]
    return lower_program(name, {name: row.build()}, f"theory-{row.section}", row.meaning, row.inputs)
