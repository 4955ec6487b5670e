"""Fast divergence: followers with s x < 0 (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l
limit = sp.Limit(sp.Abs(ob.x_t[l]) / sp.Abs(ob.x_t[l - 1]), nt.t, ob.T, "-")
#: Of the slope, while the leader goes from 1e30 to 1e80: the ratio only tends to its limit.
STILL_MOVES = sp.Rational(1, 100)

THEOREM = Theorem(
    id="blow-up-ratio",
    title="Fast divergence of token 1 before tokens with s x_l0 < 0 alone: the ratio of each to the token before has a positive limit",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=(
        "states-nonnegative",
        "mu-positive",
        "first-token-fast",
        "later-tokens-slow",
        "no-floor",
    ),
    conclusion=sp.Implies(
        l >= 2, sp.And(sp.Gt(limit, 0, evaluate=False), sp.Lt(limit, sp.oo, evaluate=False), evaluate=False)
    ),
    finite=sp.Implies(l >= 2, sp.Le(sp.Abs(ob.slope_of[l] - 1), STILL_MOVES)),
    measurement="blowup",
    options={"bare_limit": True, "approach": True, "shapes": ((2, 1), (3, 1), (4, 2))},
    ranges={"x0": (0.5, 10.0), "b": (-3.0, 0.0), "mu": (1e-3, 1e2), "a": (0.05, 0.5), "s": (0.5, 10.0)},
    counterexamples=(
        Counterexample(
            "later-tokens-slow",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.0, 0.5]},
            "With s x > 0 the follower closes its own gate: iterated logarithms.",
        ),
        Counterexample(
            "states-nonnegative",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, -1e-7]},
            "K(0) < 0: token 2 tends to zero.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.5, "x0": [2.0, -0.5]},
            "The gate of the follower stays below exp(-a floor), and so does its share.",
        ),
    ),
    rates=(Rate("fast divergence", "behind it, s x < 0, up to a factor", ob.remaining ** sp.Rational(-1, 3), "ours"),),
    unbroken={
        "mu-positive": "with every mu_n >= 0 and mu = 0 nothing moves, and there is no blow-up to approach",
        "first-token-fast": "no token has s x > 0 without it, and there is no blow-up to approach",
    },
    uses=("fast-blow-up-time",),
    evidence="numeric",
    notes=(
        "K depends on Delta(x) alone. Seen: the slope is 1 to 1 %. It is the change of ln|x_l| over that of the last nonzero token before, while the leader "
        "goes from 1e30 to 1e55 to 1e80. Each state has its own decay rate: near the blow-up every gate is open."
    ),
)
