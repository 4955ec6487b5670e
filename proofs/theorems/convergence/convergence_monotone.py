"""mu < 0: |x_l| never increases (theory 5)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l

THEOREM = Theorem(
    id="convergence-monotone",
    title="Convergent scenario: no token ever grows",
    section="5",
    source="ours (theory 5)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("states-nonpositive",),
    conclusion=sp.Le(sp.Abs(ob.x_t[l]), sp.Abs(ob.x_s[l])),
    measurement="trajectory",
    core=sp.Le(ob.growth(nt.x0), 0),
    counterexamples=(
        Counterexample(
            "states-nonpositive",
            {"mu": [-3.0, 2.0], "a": [5.0, 0.01], "s": 0.0, "b": 1.0, "floor": 0.0, "x0": [-2.0, 0.1]},
        ),
    ),
    evidence="symbolic",
)
