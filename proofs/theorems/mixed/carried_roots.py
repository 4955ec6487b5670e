"""How many roots K can have (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

THEOREM = Theorem(
    id="carried-roots",
    title="K has at most as many roots as mu_n has sign changes in the order of a_n",
    section="8, E3",
    source="ours (Descartes' rule for exponential sums)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor"),
    assumptions=("s-nonzero",),
    conclusion=sp.And(sp.Le(ob.root_count, ob.sign_changes), sp.Ge(ob.root_count, 0)),
    measurement="roots",
    options={"shapes": ((1, 2), (1, 3), (1, 6)), "batch": 50},
    evidence="certified",
    ranges={"a": (1e-1, 20.0)},
    notes=(
        "Roots are isolated in ball arithmetic with certified signs and a certified count; x and Delta "
        "are in bijection for s != 0."
    ),
)
