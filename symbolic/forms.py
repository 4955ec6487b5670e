"""Token 1 in D dimensions: the quadratic form of S_C^T S_B, its matrix, norms and steps (theory 11)."""

from __future__ import annotations

import sympy as sp

from s6flow.symbolic import notation as nt

__all__ = [
    "S_Delta",
    "all_tokens_constant",
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
    return nt.softplus(nt.b_channel[d] - sp.Sum(sp.Abs(S_Delta[d, e]) * sp.Abs(v[e]), (e, 1, nt.D)))


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
