"""Maximal times fall with the number of tokens (theory 4)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

THEOREM = Theorem(
    id="causality-times",
    title="More tokens can only shorten the maximal time: T_1 >= T_2 >= ...",
    section="4",
    source="ours (theory 4)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor", "x0", "m"),
    assumptions=("mu-positive", "first-token-nonzero", "first-token-not-slow"),
    conclusion=sp.Le(ob.T, ob.T_prefix),
    measurement="blowup",
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0)},
    evidence="symbolic",
    notes="Assumed: token 1 blows up, so that there is a time to speak of; the claim itself needs no sign.",
)
