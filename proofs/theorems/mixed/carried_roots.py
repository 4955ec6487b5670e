"""How many roots K can have (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Sharpness, Theorem

THEOREM = Theorem(
    id="carried-roots",
    title="K has at most as many roots as mu_n has sign changes in the order of a_n",
    section="8, E3",
    source="ours (Descartes' rule for exponential sums)",
    kind="inequality",
    variables=("mu", "a", "s", "b", "floor"),
    assumptions=("mu-nonzero", "s-nonzero"),
    conclusion=sp.And(sp.Le(ob.root_count, ob.sign_changes * ob.sharp), sp.Ge(ob.root_count, 0)),
    measurement="roots",
    options={"shapes": ((1, 2), (1, 3), (1, 6)), "batch": 50},
    sharpness=Sharpness("attained: one sign change, one root", sp.Rational(99, 100)),
    witness={"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0},
    unbroken={
        "mu-nonzero": "K is a sum divided by mu and does not exist without it",
        "s-nonzero": "for s = 0 K is one number, which is zero for mu = (1, -2), a = (1, 2), b = 0; then every x is a root, and "
        "balls cannot certify their count: such a system is undecided",
    },
    evidence="numeric",
    ranges={"a": (1e-1, 20.0)},
    notes=(
        "Roots are isolated in ball arithmetic with certified signs and a certified count; x and Delta(x) "
        "are in bijection for s != 0."
    ),
)
