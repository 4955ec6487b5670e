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
    assumptions=(),
    conclusion=sp.Le(ob.T, ob.T_prefix),
    measurement="blowup",
    # stiff systems are few and take most of the time: one in fifty is left undecided
    options={"log_horizon": 30.0, "shapes": ((2, 1), (3, 2), (6, 4), (16, 8)), "max_steps": 400},
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0)},
    evidence="symbolic",
    notes="For mu_n, tokens and s of any signs; T is infinite where nothing blows up, and in the check what lies beyond ln t = 30 counts as infinite.",
)
