"""Token 1 in D dimensions: the quadratic form of S_C^T S_B, its matrix, norms and steps (theory 11)."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.layer import step

__all__ = [
    "S_Delta",
    "all_tokens_constant",
    "axis_bound",
    "axis_excess",
    "axis_far",
    "axis_lead_fast",
    "axis_lead_slow",
    "axis_profile",
    "axis_width",
    "bias_sum",
    "curve_point",
    "curve_term",
    "dying_constant",
    "dying_power",
    "entry_sum",
    "fisher",
    "form",
    "form_matrix",
    "lowest_step",
    "matrix",
    "mean_step",
    "norm",
    "project",
    "replicator",
    "small_matrix",
    "square_norm",
    "v",
    "velocity",
]

matrix = sp.IndexedBase("M", real=True)
v = sp.IndexedBase("v", real=True)
S_Delta = sp.IndexedBase("S_Delta", real=True)
eig_max, size_B, size_C, delta_low, delta_high = sp.symbols("eig_max size_B size_C delta_low delta_high", real=True)
square, before = sp.symbols("square before", real=True)
form_value, step_value, token_value = sp.symbols("form step token", real=True)
own_form, own_pull, own_step, lead = sp.symbols("own_form own_pull own_step lead", real=True)
other_pull = sp.Symbol("other_pull", real=True)
form_size, column_size, bias_size = sp.symbols("form_size column_size bias_size", real=True)
along, other_step, entry, other_entry = sp.symbols("along other_step entry other_entry", real=True)

d, e, n = nt.d, nt.e, nt.n


def project(S: sp.IndexedBase, row: sp.Expr) -> sp.Expr:
    """(S v)_row."""
    return sp.Sum(S[row, e] * v[e], (e, 1, nt.D))


def form() -> sp.Expr:
    """v^T M v."""
    return sp.Sum(matrix[d, e] * v[d] * v[e], (e, 1, nt.D), (d, 1, nt.D))


def form_matrix() -> sp.Expr:
    """Entry d, e of S_C^T S_B."""
    return sp.Sum(nt.S_C[n, d] * nt.S_B[n, e], (n, 1, nt.N))


def small_matrix() -> sp.Expr:
    """Entry n, m of S_B S_C^T."""
    m = sp.Symbol("m", integer=True, positive=True)
    return sp.Sum(nt.S_B[n, e] * nt.S_C[m, e], (e, 1, nt.D))


def square_norm() -> sp.Expr:
    """|v|^2."""
    return sp.Sum(v[d] ** 2, (d, 1, nt.D))


def norm() -> sp.Expr:
    """|v|."""
    return sp.sqrt(square_norm())


def velocity() -> sp.Expr:
    """x_d' of token 1: (x^T M x) Delta_d(x) x_d."""
    return form_value * step_value * token_value


def lowest_step() -> sp.Expr:
    """The smallest step that channel d can have while |x_e| <= |v_e| for every channel e."""
    return step(nt.b_channel[d] - sp.Sum(sp.Abs(S_Delta[d, e]) * sp.Abs(v[e]), (e, 1, nt.D)))


p, pace = sp.IndexedBase("p", real=True), sp.IndexedBase("pace", real=True)


def mean_step(share: sp.IndexedBase = p, step: sp.IndexedBase = pace) -> sp.Expr:
    """The mean of the channels' steps, weighted by the shares p_d = x_d^2/|x|^2 of token 1."""
    return sp.Sum(share[e] * step[e], (e, 1, nt.D))


def replicator(share: sp.IndexedBase = p, step: sp.IndexedBase = pace) -> sp.Expr:
    """p_d' = 2 Q p_d (Delta_d - sum_k p_k Delta_k): a replicator equation whose fitness is the step (theory 15)."""
    return 2 * form_value * share[d] * (step[d] - mean_step(share, step))


def fisher(share: sp.IndexedBase = p, step: sp.IndexedBase = pace) -> sp.Expr:
    """(sum_k p_k Delta_k)' = 2 Q Var_p(Delta) for constant steps: Fisher's theorem (theory 15)."""
    return 2 * form_value * (sp.Sum(share[e] * step[e] ** 2, (e, 1, nt.D)) - mean_step(share, step) ** 2)


def all_tokens_constant() -> sp.Expr:
    """K_l with |x_l|^2 <= K_l/(1 + t), from |x_l(0)|^2 and the sum of the constants of the tokens before (theory 14)."""
    coupling = size_B * size_C * delta_high
    return sp.Max(square, (1 + 2 * coupling * before) / (2 * sp.Abs(eig_max) * delta_low))


def curve_point() -> sp.Expr:
    """X_d(s) = e^(Delta_d s) x_d(0): where token 1 is on its orbit when every step is constant (theory 14)."""
    return sp.exp(step_value * along) * token_value


def curve_term() -> sp.Expr:
    """A term of the form along that orbit: M_de x_d x_e e^((Delta_d + Delta_e) s)."""
    return entry * token_value * other_entry * sp.exp((step_value + other_step) * along)


def dying_constant() -> sp.Expr:
    """lim t x_c^2 of a token that dies, c its slowest channel: 1/(2 |M_cc| Delta_c(0)) (theory 14)."""
    return 1 / (2 * sp.Abs(own_form) * own_step)


def dying_power() -> sp.Expr:
    """lim ln|x_d| / ln t of the same token: -Delta_d(0) / (2 Delta_c(0))."""
    return -step_value / (2 * own_step)


def entry_sum() -> sp.Expr:
    """The sum of all |M_de|."""
    return sp.Sum(sp.Abs(matrix[d, e]), (e, 1, nt.D), (d, 1, nt.D))


def bias_sum() -> sp.Expr:
    """The sum of all |b_d|."""
    return sp.Sum(sp.Abs(nt.b_channel[d]), (d, 1, nt.D))


def axis_excess() -> sp.Expr:
    """|x|^2 / x_c^2 - 1: how far token 1 is from axis c."""
    return square / token_value**2 - 1


def axis_lead_fast() -> sp.Expr:
    """How far S_Delta[c, c] sign x_c exceeds another entry of its column, and zero: where it is positive (theory 14)."""
    return own_pull - sp.Max(other_pull, 0)


def axis_lead_slow() -> sp.Expr:
    """How far it exceeds the other entry alone: where it is not, and no floor evens out small steps."""
    return own_pull - other_pull


def axis_far() -> sp.Expr:
    """|x_c| from which on the steps of other channels are known to be shorter, from the lead of c's (theory 14)."""
    return (4 * (1 + nt.floor) + 16 * bias_size) / lead


def axis_width() -> sp.Expr:
    """Excess up to which they are, and the form is at least half of M_cc x_c^2."""
    return (2 + 4 * (1 + form_size) / own_form + 32 * (1 + column_size) / lead) ** -2


def axis_bound() -> sp.Expr:
    """The excess when |x_c| has grown to `token`, from that at the start: (x_c(0)/x_c)^(lead/pull) of it."""
    return before * (entry / token_value) ** (lead / own_pull)


def axis_profile() -> sp.Expr:
    """lim (T - t) |x_c|^3 on the fast side: 1/(3 M_cc pull)."""
    return 1 / (3 * own_form * own_pull)
