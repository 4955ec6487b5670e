"""A floor of the step makes every divergence a blow-up (theory 8b)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
bound = 1 / (2 * cr.mu_total * nt.floor * nt.x0[l] ** 2)

THEOREM = Theorem(
    id="step-floor",
    title="With a floor of the step, mu_n >= 0 and mu > 0 no nonzero token lives for ever: T_l <= 1/(2 mu floor x_l0^2)",
    section="8b",
    source="ours (theory 8b)",
    kind="bound",
    variables=("mu", "a", "s", "b", "floor", "x0", "m"),
    assumptions=("states-nonnegative", "mu-positive", "floor-positive"),
    conclusion=sp.Implies(sp.And(sp.Eq(l, ob.token_m), sp.Ne(nt.x0[l], 0)), sp.Le(ob.T_prefix, bound * ob.sharp)),
    measurement="blowup",
    options={"shapes": ((1, 1), (3, 2), (6, 4))},
    ranges={"x0": (1e-2, 30.0), "b": (-8.0, 2.0), "mu": (1e-2, 1e2)},
    sharpness=Sharpness("approached by token 1 for b -> -oo, where the floor is the whole step", sp.Rational(99, 100)),
    witness={"mu": [2.0], "a": [1.0], "s": 0.0, "b": -30.0, "floor": 0.5, "x0": [1.5], "m": 1.0},
    counterexamples=(
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -2.0], "a": [20.0, 0.01], "s": 0.01, "b": -8.0, "floor": 0.5, "x0": [0.9, 1.0], "m": 2.0},
        ),
    ),
    rates=(Rate("fast divergence", "floor > 0, mu_n >= 0, mu > 0", sp.Le(ob.T, bound), "ours"),),
    unbroken={
        "mu-positive": "with every mu_n >= 0 and mu = 0 the bound is infinite and says nothing",
        "floor-positive": "without a floor the bound is infinite and says nothing; tokens with s x < 0 then live for ever unless one before blows up",
    },
    evidence="symbolic",
    notes=(
        "For affine projections this is false: a token may tend to zero or to a root of p (affine-phase-line). Where mu = nu = 0 < lambda "
        "and s x <= 0, a nonzero token grows only exponentially."
    ),
)
