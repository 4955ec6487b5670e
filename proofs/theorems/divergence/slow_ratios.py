"""Slow divergence: tokens settle at fixed ratios (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l
limit = sp.Limit(ob.ratio[l], nt.t, sp.oo)
#: What a ratio moves by from ln t = 250 to 300, relative to it: it only tends to its limit.
STILL_MOVES = sp.Rational(1, 50)

THEOREM = Theorem(
    id="slow-ratios",
    title="Slow divergence: for l >= 2 x_l / x_1 tends to a finite limit above one",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "tokens-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Implies(
        l >= 2, sp.And(sp.Gt(limit, 1, evaluate=False), sp.Lt(limit, sp.oo, evaluate=False), evaluate=False)
    ),
    finite=sp.Implies(
        l >= 2,
        sp.And(
            sp.Gt(ob.ratio[l], 1), sp.Le(sp.Abs(ob.ratio[l] - ob.ratio_before[l]), ob.ratio_before[l] * STILL_MOVES)
        ),
    ),
    measurement="slow",
    options={"bare_limit": True, "shapes": ((2, 1), (3, 2), (5, 3)), "log_times": (250.0, 300.0), "first": 1},
    ranges={
        "mu": (0.1, 10.0),
        "x0": (0.3, 4.0),
        "a": (0.1, 3.0),
        "s": (0.2, 2.0),
        "b": (-2.0, 2.0),
        "zero": (0.0, 0.1),
    },
    counterexamples=(
        Counterexample(
            "mu-positive",
            {"mu": [0.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, -0.5]},
            "Nothing moves.",
        ),
        Counterexample(
            "tokens-nonzero",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 0.0, -1.0]},
            "Token 2 stays zero; token 3 inherits only e^(-a Delta(0)) of the rate of token 1, and its ratio tends to 1.",
        ),
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 1e-80]},
            "Token 2 blows up, later than ln t = 300; until then it is far below token 1.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 1e-137, "x0": [-1.0, -1.0]},
            "With a floor token 2 blows up first; here a little after ln t = 300.",
        ),
    ),
    rates=(
        Rate(
            "slow divergence",
            "token l >= 2, no zero token before",
            ob.ratio_limit[l] * sp.log(nt.t) / sp.Abs(nt.s),
            "ours",
        ),
    ),
    unbroken={
        "states-nonnegative": "not needed in the end: with mu_n of both signs the ratios settle above one, too, by the proof in "
        "words of state-slow-divergence, after a transient that can be immense; kept because the kernel has checked no more"
    },
    evidence="numeric",
    notes="h(x) = mu x^2 Delta(x) is the growth rate of a token x alone, F_1 is F_l of token 1. The limit depends on the initial data. Checked at ln t = 250 and 300: above one, and moving by less than 2 %.",
)
