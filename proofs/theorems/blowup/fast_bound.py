"""Fast divergence: a bound for every token (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
bound = cr.blow_up_bound().subs(cr.y0, nt.x0[l])

THEOREM = Theorem(
    id="fast-bound",
    title="Fast divergence: T_l <= 1/(2 mu Delta(x_l0) x_l0^2) for s x_l0 >= 0",
    section="6",
    source="paper (finite time, with one decay rate); ours (bound, any decay rates with mu_n >= 0)",
    kind="bound",
    variables=("mu", "a", "s", "b", "floor", "x0", "m"),
    assumptions=("states-nonnegative", "mu-positive"),
    conclusion=sp.Implies(
        sp.And(sp.Eq(l, ob.token_m), sp.Ge(nt.s * nt.x0[l], 0), sp.Ne(nt.x0[l], 0)),
        sp.Le(ob.T_prefix, bound * ob.sharp),
    ),
    measurement="blowup",
    options={"log_horizon": 30.0},  # no bound on these ranges lies beyond ln t = 20
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0), "mu": (1e-3, 1e2)},
    sharpness=Sharpness("attained by token 1 with s = 0", sp.Rational(99, 100)),
    witness={"mu": [2.0], "a": [1.0], "s": 0.0, "b": 0.5, "floor": 0.0, "x0": [1.5], "m": 1.0},
    counterexamples=(
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -2.0], "a": [5.0, 0.01], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [0.9, 1.0], "m": 2.0},
            "The negative state holds token 2 back beyond its bound.",
        ),
    ),
    unbroken={"mu-positive": "with every mu_n >= 0 and mu = 0 the bound is infinite and says nothing"},
    rates=(
        Rate(
            "fast divergence", "mu > 0, one decay rate, some s x_l0 >= 0", sp.Lt(ob.T, sp.oo, evaluate=False), "paper"
        ),
        Rate("fast divergence", "mu_n >= 0, mu > 0, some s x_l0 >= 0", sp.Le(ob.T, bound), "ours"),
    ),
    evidence="symbolic",
    notes="T_l is the time of tokens 1..l alone; measured as such. h(x) = mu x^2 Delta(x) is the growth rate of a token x alone.",
)
