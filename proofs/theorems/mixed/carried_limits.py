"""K between its limits (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

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
        sp.Abs(cr.carried(ob.y)) * cr.mu_total, sp.Sum(sp.Abs(nt.mu[nt.n]) * cr.gate(ob.y), (nt.n, 1, nt.N))
    ),
    evidence="symbolic",
    notes=(
        "The limits are the derivation's step carried-rate; with a floor the left limit is K at Delta = "
        "floor instead of 1."
    ),
)
