"""K between its limits (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Sharpness, Theorem

THEOREM = Theorem(
    id="carried-limits",
    title=(
        "K lies within the sum of |mu_n|/mu times the slowest gate, tends to 1 for s x -> -oo and to 0 for s x -> +oo"
    ),
    section="8, E3",
    source="ours (theory 8)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor", "y"),
    assumptions=("mu-positive",),
    conclusion=sp.Le(
        sp.Abs(cr.carried(ob.y)) * cr.mu_total, sp.Sum(sp.Abs(nt.mu[nt.n]) * cr.gate(ob.y), (nt.n, 1, nt.N)) * ob.sharp
    ),
    sharpness=Sharpness("an equality if every mu_n >= 0", sp.Rational(99, 100)),
    witness={"mu": [1.0, 2.0], "a": [0.5, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "y": 1.0},
    unbroken={
        "mu-positive": "K stays and mu changes its sign when every mu_n does, so that for mu < 0 the same holds with |mu|; "
        "for mu = 0 there is no K"
    },
    evidence="symbolic",
    notes=(
        "The limits are the derivation's step carried-rate; with a floor the left limit is K at Delta = "
        "floor instead of 1."
    ),
)
