"""mu > 0 and K(0) < 0: the dichotomy fails (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

l = nt.l
second = sp.Eq(l, 2, evaluate=False)
#: ln|x_2| below which the slope is compared: K(x_2) is K(0) at zero only.
SMALL = -20
#: Of the slope there, for the difference of K(x_2) from K(0).
STILL_MOVES = sp.Rational(1, 10**4)


def proof() -> tuple[Step, ...]:
    """The rate of token 2 against that of token 1, which never falls below its start."""
    k, o, f, F = sp.symbols("k o f F_1", positive=True)
    rate = -k * F + o
    share = k - o / f
    return (
        Step(
            "held-token",
            "A held token shrinks in proportion to the growth of token 1",
            (sp.Le(sp.Symbol("F_2"), -share * F),),
            "While |x_2| is at most its start, K(x_2) <= -k and its own rate is at most o, with o < k f, f = F_1(0) <= F_1. "
            "So |x_2| falls, stays below its start, and ln|x_2| falls by at least k - o/f for every unit that ln|x_1| grows.",
            (sp.expand(-share * F - rate - o * (F / f - 1)),),
        ),
    )


THEOREM = Theorem(
    id="coexistence",
    title="Two tokens, mu > 0, s x_1(0) >= 0 and a second token that is held: it tends to zero while token 1 blows up",
    section="8, E3",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("two-tokens", "mu-positive", "first-token-not-slow", "second-token-held"),
    conclusion=sp.Implies(
        second,
        sp.And(
            sp.Lt(sp.Abs(ob.x_t[l]), sp.Abs(ob.x_s[l])),
            sp.Eq(sp.Limit(sp.Abs(ob.x_t[l - 1]), nt.t, ob.T, "-"), sp.oo, evaluate=False),
            sp.Eq(sp.Limit(ob.x_t[l], nt.t, ob.T, "-"), 0, evaluate=False),
            sp.Eq(sp.Limit(ob.slope_of[l], nt.t, ob.T, "-"), cr.carried(sp.Integer(0)) * ob.sharp, evaluate=False),
        ),
    ),
    finite=sp.Implies(
        second,
        sp.And(
            sp.Lt(ob.u_t[l], ob.u_s[l]),
            sp.Lt(ob.u_t[l], sp.log(sp.Abs(ob.x_second))),
            sp.Implies(
                ob.u_s[l] < SMALL,
                sp.Le(sp.Abs(ob.slope_of[l] - cr.carried(sp.Integer(0)) * ob.sharp), STILL_MOVES),
            ),
        ),
    ),
    proof=proof,
    measurement="blowup",
    options={"bare_limit": True, "approach": True, "shapes": ((2, 2), (2, 4), (2, 8))},
    ranges={"x0": (1e-3, 1e2), "mu": (1e-2, 1e2), "a": (0.1, 5.0), "b": (-3.0, 3.0), "s": (0.1, 3.0)},
    sharpness=Sharpness("d ln|x_2| / d ln|x_1| -> K(0)", sp.Rational(101, 100)),
    witness={"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 1e-7]},
    counterexamples=(
        Counterexample(
            "first-token-not-slow",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-1.0, 1e-7]},
            "Token 1 grows slowly, and token 2 blows up itself.",
        ),
        Counterexample(
            "second-token-held",
            {"mu": [1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 1e-7]},
            "K(0) > 0: token 2 grows, however small.",
        ),
        Counterexample(
            "second-token-held",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1e-9, 1e-6]},
            "K(0) < 0 and token 2 is tiny, but larger than token 1: it blows up first.",
        ),
        Counterexample(
            "second-token-held",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, -30.0]},
            "Where s x_2 is very negative K is near one and the token diverges with token 1.",
        ),
        Counterexample(
            "second-token-held",
            {"mu": [-0.1, 1.2], "a": [0.2, 4.0], "s": 1.0, "b": -3.0, "floor": 0.0, "x0": [1.0, 1e-7]},
            "K(0) = 0.81 > 0: token 2 tends to 2.92, a root of K (carried-root-attracts).",
        ),
    ),
    unbroken={
        "two-tokens": "false there: a third token may end the flow before, and tokens 1 and 2 with it, wherever they are then; the check draws two tokens",
        "mu-positive": "token 1 does not blow up without it, and there is nothing to coexist with",
    },
    uses=("carried-rate", "causality", "fast-blow-up-time"),
    evidence="numeric",
    notes=(
        "Where a token is held K(0) < 0; where K(0) < 0 and x_1(0) is not zero, token 2 is held if it is small enough and not zero, on either side of zero. F_1 is F_l of token 1. "
        "Token 2 vanishes like (T-t)^(|K(0)|/3), for s = 0 with the exponent |K(0)|/2. s = 0 and a floor are allowed. "
        "Checked while token 1 goes from 1e30 to 1e80; the slope where |x_2| has fallen below e^-20. The other ways in which the "
        "dichotomy fails: carried-root-attracts."
    ),
)
