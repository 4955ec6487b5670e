"""All mu_n = 0: nothing moves (theory 7)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l

THEOREM = Theorem(
    id="stationary",
    title="With every mu_n = 0 no token moves",
    section="7",
    source="ours (theory 7)",
    kind="classification",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("states-zero",),
    conclusion=sp.Eq(ob.growth(nt.x0), 0, evaluate=False),
    evidence="symbolic",
    counterexamples=(
        Counterexample("states-zero", {"mu": [-1.0, 1.0], "a": [0.2, 4.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 1.0]},
        "mu = 0 is not enough: token 2 reads the states through different gates."),
    ),
)  # fmt: skip
