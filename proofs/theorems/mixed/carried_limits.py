"""K between its limits (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Sharpness, Theorem

at_floor = sp.Sum(nt.mu[nt.n] * sp.exp(-nt.a[nt.n] * nt.floor), (nt.n, 1, nt.N)) / cr.mu_total
bound = sp.Le(
    sp.Abs(cr.carried(ob.y)) * cr.mu_total, sp.Sum(sp.Abs(nt.mu[nt.n]) * cr.gate(ob.y), (nt.n, 1, nt.N)) * ob.sharp
)

THEOREM = Theorem(
    id="carried-limits",
    title="|K| is at most the sum of |mu_n|/mu times the gates; K tends to 0 for s x -> +oo and to its value at the floor, 1 without one, for s x -> -oo",
    section="8, E3",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "y"),
    assumptions=("mu-positive",),
    conclusion=sp.And(
        bound.subs(ob.sharp, 1),
        sp.Implies(
            sp.Ne(nt.s, 0),
            sp.And(
                sp.Eq(sp.Limit(cr.carried(-cr.r / nt.s), cr.r, sp.oo), at_floor, evaluate=False),
                sp.Eq(sp.Limit(cr.carried(cr.r / nt.s), cr.r, sp.oo), 0, evaluate=False),
            ),
        ),
    ),
    finite=bound,
    options={"bare_limit": True},
    sharpness=Sharpness("an equality if every mu_n >= 0", sp.Rational(99, 100)),
    witness={"mu": [1.0, 2.0], "a": [0.5, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "y": 1.0},
    unbroken={
        "mu-positive": "K stays and mu changes its sign when every mu_n does, so that for mu < 0 the same holds with |mu|; "
        "for mu = 0 there is no K"
    },
    evidence="symbolic",
    notes=(
        "Checked is the bound; the limits are the derivation's step carried-rate. The left one is K at Delta(x) = floor: 1 without "
        "a floor."
    ),
)
