"""What is derived from the criteria of carried states: mu K as a function of the step, and the fixed point of kappa."""

from __future__ import annotations

from functools import cache

import sympy as sp

from s6flow.symbolic import criteria, notation
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program

__all__ = ["exponential_sum_program", "inherited_limit_program"]


@cache
def exponential_sum_program() -> Program:
    """sum_n mu_n exp(-a_n step): mu K as a function of the step, read off `criteria.carried`."""
    step = sp.Symbol("step", positive=True)
    at_token = sp.Sum(notation.mu[notation.n] * criteria.gate(criteria.y), (notation.n, 1, notation.N))
    formula = at_token.subs(criteria.delta(criteria.y), step)
    meaning = "sum_n mu_n exp(-a_n step), mu times K at a step"
    return lower_program("exponential_sum", {"exponential_sum": formula}, "coexistence", meaning, ("step", "mu", "a"))


@cache
def inherited_limit_program() -> Program:
    """Fixed point of kappa along nonzero tokens, solved from `criteria.share_after` on the branch kappa < 1.

    phi_n = q_n phi_n + (mu_n / mu)(1 - kappa) and kappa = sum_n q_n phi_n give kappa = S / (1 + S) with
    S = sum_n (mu_n / mu) q_n / (1 - q_n); 1 - q_n is expm1 in the generated code.
    """
    n = notation.n
    kappa, share, total = sp.symbols("kappa share total")
    after = criteria.share_after().subs(criteria.inherited(), kappa).replace(sp.Max, lambda *_: 1 - kappa)
    (fixed,) = sp.solve(sp.Eq(share, after.subs(criteria.phi[n], share)), share)
    per_state = sp.simplify(fixed * criteria.gate(sp.Integer(0)) / (1 - kappa))
    summed = sp.Sum(per_state, (n, 1, notation.N))
    (limit,) = sp.solve(sp.Eq(kappa, (1 - kappa) * total), kappa)
    formula = limit.subs(total, summed)
    return lower_program(
        "inherited_limit",
        {"inherited_limit": formula, "room": 1 - formula},
        "state-convergence",
        "fixed point of kappa_l, and 1 minus it",
        ("mu", "a", "b", "floor"),
    )
