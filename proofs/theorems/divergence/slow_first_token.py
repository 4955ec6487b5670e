"""Slow divergence: three terms of token 1 (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
shift = cr.slow_expansion().subs(sp.Symbol("log_t", positive=True), ob.log_t)
constant = sp.log(cr.mu_total / nt.s**2) + nt.b
#: The error allowed is (ITERATED ln ln t + SHIFT |C| + REST)/ln t, C the constant: above the next term, (9 ln ln t + 3 C - 3)/ln t.
ITERATED, SHIFT, REST = 12, 6, 20
error = (ITERATED * sp.log(ob.log_t) + SHIFT * sp.Abs(constant) + REST) / ob.log_t
size = sp.Abs(nt.s) * sp.exp(ob.u_t[l])

THEOREM = Theorem(
    id="slow-first-token",
    title="Slow divergence: |s||x_1| = ln t + 3 ln ln t + ln(mu e^b / s^2) + o(1)",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("mu-positive", "first-token-slow", "no-floor"),
    conclusion=sp.Implies(
        sp.Eq(l, 1, evaluate=False),
        sp.Eq(sp.Limit(sp.Abs(nt.s) * sp.Abs(ob.x_t[l]) - shift * ob.sharp, nt.t, sp.oo), 0, evaluate=False),
    ),
    finite=sp.Implies(sp.Eq(l, 1, evaluate=False), sp.Le(sp.Abs(size - shift * ob.sharp), error)),
    measurement="slow",
    options={"shapes": ((1, 1), (1, 3)), "log_times": (100.0, 200.0, 300.0)},
    ranges={
        "mu": (0.1, 10.0),
        "x0": (0.3, 4.0),
        "a": (0.1, 3.0),
        "s": (0.2, 2.0),
        "b": (-2.0, 2.0),
        "zero": (0.0, 0.1),
    },
    sharpness=Sharpness("the three terms are exact up to o(1)", sp.Rational(101, 100)),
    witness={"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0]},
    counterexamples=(
        Counterexample(
            "first-token-slow",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [0.0]},
            "A zero token stays; one with s x > 0 blows up, and there is no late time to look at.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 3.7e-49, "x0": [-1.0]},
            "However small the floor, the token leaves the slow regime and blows up: here a little after ln t = 100.",
        ),
    ),
    unbroken={
        "mu-positive": "the constant ln(mu e^b / s^2) does not exist without it; token 1 converges for mu < 0 and rests for mu = 0"
    },
    rates=(Rate("slow divergence", "token 1", shift / sp.Abs(nt.s), "ours"),),
    evidence="symbolic",
    notes=(
        "Checked for ln t in 100..300 with the explicit error (12 ln ln t + 6 |ln(mu e^b/s^2)| + 20)/ln "
        "t on tame ranges. Token 1 alone lives for all times; behind it a later token may end the system sooner."
    ),
)
