"""mu < 0: every token is O(1/sqrt t), with its constant (theory 5)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
bound = cr.convergence_bound().subs(cr.y0, nt.x0[l])

THEOREM = Theorem(
    id="convergence-rate",
    title="Convergent scenario: every token is O(1/sqrt t), with an explicit constant",
    section="5",
    source="paper (rate, with one decay rate); ours (constant, any decay rates with mu_n of one sign)",
    kind="bound",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonpositive", "mu-negative"),
    conclusion=sp.Le(sp.Abs(ob.x_t[l]), bound * ob.sharp),
    measurement="trajectory",
    core=sp.Le(ob.growth(nt.x0), cr.own_rate(nt.x0[l])),
    sharpness=Sharpness("attained by token 1 with s = 0", sp.Rational(99, 100)),
    witness={"mu": [-2.0], "a": [1.0], "s": 0.0, "b": 0.5, "floor": 0.0, "x0": [1.5]},
    counterexamples=(
        Counterexample(
            "states-nonpositive",
            {"mu": [-3.0, 2.0], "a": [5.0, 0.01], "s": 0.0, "b": 1.0, "floor": 0.0, "x0": [-2.0, 0.1]},
            "mu < 0, but what token 1 wrote into the positive state makes token 2 grow.",
        ),
    ),
    unbroken={
        "mu-negative": "with every mu_n <= 0 and mu = 0 nothing moves, and the bound is an equality that is no rate; kept "
        "because without it no token converges"
    },
    rates=(
        Rate("convergence", "mu < 0, one decay rate", nt.t ** sp.Rational(-1, 2), "paper"),
        Rate("convergence", "mu < 0, all mu_n <= 0", bound, "ours"),
    ),
    uses=("causality",),
    evidence="symbolic",
    notes="Token 1 needs mu < 0 alone, whatever the signs of the mu_n.",
)
