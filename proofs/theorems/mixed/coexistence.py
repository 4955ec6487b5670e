"""mu > 0 and K(0) < 0: the dichotomy fails (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

l = nt.l

THEOREM = Theorem(
    id="coexistence",
    title="mu > 0 with K(0) < 0: a small token tends to zero while token 1 blows up",
    section="8, E3",
    source="ours (theory 8)",
    kind="existence",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=(
        "carried-negative",
        "mu-positive",
        "first-token-nonzero",
        "first-token-not-slow",
        "later-tokens-tiny",
    ),
    conclusion=sp.Implies(
        sp.Eq(l, 2, evaluate=False),
        sp.And(
            sp.Lt(ob.u_t[l], ob.u_s[l]),
            sp.Le(sp.Abs(ob.slope_of[l] - cr.carried(sp.Integer(0)) * ob.sharp), sp.Rational(1, 10**4)),
        ),
    ),
    measurement="blowup",
    options={"approach": True, "shapes": ((2, 2), (2, 4), (2, 8))},
    ranges={"x0": (0.5, 20.0), "mu": (1e-1, 1e1), "a": (0.1, 5.0), "b": (-1.0, 2.0), "s": (0.1, 3.0)},
    sharpness=Sharpness("d ln|x_2| / d ln|x_1| -> K(0)", sp.Rational(101, 100)),
    witness={"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 1e-7]},
    counterexamples=(
        Counterexample(
            "first-token-nonzero",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [0.0, 1e-7]},
            "Token 2 is the first then, and blows up itself.",
        ),
        Counterexample(
            "first-token-not-slow",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-1.0, 1e-7]},
            "Token 1 grows slowly, and token 2 blows up itself.",
        ),
        Counterexample(
            "carried-negative",
            {"mu": [1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 1e-7]},
        ),
        Counterexample(
            "later-tokens-tiny",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, -30.0]},
            "Where s x_2 is very negative K is near one and the token diverges with token 1.",
        ),
    ),
    unbroken={"mu-positive": "token 1 does not blow up without it, and there is nothing to coexist with"},
    evidence="numeric",
    notes=(
        "How small depends on the system: the formal statement says that some bound on |x_2(0)| does, which 1e-6 stands for on "
        "these ranges. "
        "Token 2 vanishes like (T-t)^(|K(0)|/3). That the dichotomy can fail needs K(0) < 0 or a root of "
        "K at which K falls as |x| grows. s = 0 and a floor are allowed; then the exponent is |K(0)|/2 for s = 0."
    ),
)
