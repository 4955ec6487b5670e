"""Affine projections: token 1 moves on a phase line (theory 8b)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

l = nt.l
mu, nu, lam = cr.phase_coefficients()


def p(x: sp.Expr) -> sp.Expr:
    """The quadratic of the phase line."""
    return mu * x**2 + nu * x + lam


def size(x: sp.Expr) -> sp.Expr:
    """The sum of the absolute values of its terms, against which rounding is seen."""
    return sp.Abs(mu) * x**2 + sp.Abs(nu * x) + sp.Abs(lam)


first = sp.And(sp.Eq(l, 1, evaluate=False), sp.Ne(ob.x_s[l], 0))
way = (sp.Abs(ob.x_t[l]) - sp.Abs(ob.x_s[l])) * sp.sign(p(ob.x_s[l]))
#: Rounding of p, relative to the sizes of its terms, and of a token: nearer to a root its sign is not seen in float32.
SEEN = sp.Rational(1, 10**5)

THEOREM = Theorem(
    id="affine-phase-line",
    title="With affine projections token 1 obeys x' = x Delta(x) p(x): zero and the roots of p are its equilibria",
    section="8b",
    source="ours (theory 8b)",
    kind="classification",
    variables=("S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor", "x0"),
    assumptions=(),
    conclusion=sp.Implies(first, sp.And(sp.Ge(way, 0), sp.Ge(p(ob.x_s[l]) * p(ob.x_t[l]), 0))),
    finite=sp.Implies(
        first,
        sp.And(
            sp.Implies(sp.Gt(sp.Abs(p(ob.x_s[l])), SEEN * size(ob.x_s[l])), sp.Ge(way, -SEEN * sp.Abs(ob.x_s[l]))),
            sp.Ge(p(ob.x_s[l]) * p(ob.x_t[l]), -SEEN * size(ob.x_s[l]) * size(ob.x_t[l])),
        ),
    ),
    core=sp.Implies(
        sp.Eq(l, 1, evaluate=False),
        sp.Eq(ob.velocity(nt.x0), nt.x0[l] * cr.delta(nt.x0[l]) * p(nt.x0[l]), evaluate=False),
    ),
    measurement="axis",
    options={"log_times": (-3.0, -1.0, 0.0, 1.0), "rtol": 1e-8, "max_steps": 600, "shapes": ((1, 1), (1, 3), (1, 8))},
    ranges={
        "x0": (1e-2, 5.0),
        "matrix": (0.1, 2.0),
        "beta": (0.05, 1.5),
        "a": (0.1, 5.0),
        "b": (-2.0, 2.0),
        "s": (0.1, 3.0),
    },
    evidence="symbolic",
    notes=(
        "The fate of every start is exact: zero (where p < 0 between it and zero), a root of p, or infinity (slow iff s x < 0 "
        "and floor = 0; with mu = nu = 0 < lambda growth is exponential for s = 0, or with a floor for s x < 0). "
        "Later tokens: by integration. Checked where |p| is above 1e-5 of the sum of its terms' sizes: nearer to a root "
        "its sign is rounding, in float32 at least."
    ),
)
