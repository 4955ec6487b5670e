"""mu > 0: every nonzero token grows (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l

THEOREM = Theorem(
    id="divergence-monotone",
    title="Divergent scenarios: every nonzero token grows all the time",
    section="6",
    source="paper (divergence, with one decay rate); ours (monotone, any decay rates)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("states-nonnegative", "mu-positive"),
    conclusion=sp.Implies(sp.Ne(nt.x0[l], 0), sp.Gt(sp.Abs(ob.x_t[l]), sp.Abs(ob.x_s[l]))),
    measurement="trajectory",
    core=sp.Implies(sp.Ne(nt.x0[l], 0), sp.Ge(ob.growth(nt.x0), cr.own_rate(nt.x0[l]))),
    counterexamples=(
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -2.0], "a": [5.0, 0.01], "s": 0.0, "b": 1.0, "floor": 0.0, "x0": [-2.0, 0.1]},
            "mu > 0, but the negative state remembers token 1 and pulls token 2 down.",
        ),
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -1.0], "a": [9.0, 0.02], "s": 0.5, "b": 1.0, "floor": 0.0, "x0": [-3.0, 0.2]},
        ),
    ),
    unbroken={
        "mu-positive": "with every mu_n >= 0 and mu = 0 nothing moves, so that strict growth fails; a check that allows "
        "for rounding cannot tell an equality from a strict inequality"
    },
    evidence="symbolic",
)
