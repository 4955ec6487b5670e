"""Tokens 1..m form a closed system (theory 4)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.theorem import Counterexample, Theorem

THEOREM = Theorem(
    id="causality",
    title="What a token does depends on no later token",
    section="4",
    source="ours (theory 4)",
    kind="invariance",
    variables=("mu", "a", "s", "b", "floor", "x0", "x_copy", "m"),
    assumptions=("same-prefix",),
    conclusion=sp.Implies(nt.l <= ob.token_m, sp.Eq(ob.growth(nt.x0), ob.growth(ob.x_copy), evaluate=False)),
    scale=ob.magnitude(flow_cell(), nt.x0),
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "same-prefix",
            {
                "mu": [1.0],
                "a": [1.0],
                "s": 1.0,
                "b": 0.0,
                "floor": 0.0,
                "x0": [1.0, 1.0],
                "x_copy": [2.0, 1.0],
                "m": 2.0,
            },
        ),
    ),
)
