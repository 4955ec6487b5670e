"""Slow divergence: every nonzero token is of order ln t (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l
lower = cr.slow_lower_bound().subs(cr.y0, nt.x0[l])
#: ln t below which the lower bound is compared, and above which the growth since the output before: up to 27.6 outputs lie
#: close, from 75 on each lies at twice the one before.
EARLY, LATE = 50, 100
#: ln of the growth while ln t doubles: between ln 2, that of ln t, and ln 4, that of (ln t)^2.
DOUBLED = sp.Rational(9, 10)

THEOREM = Theorem(
    id="slow-log-rate",
    title="Slow divergence: every nonzero token grows like ln t",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "slow-starts", "no-floor"),
    conclusion=sp.Implies(
        sp.Ne(nt.x0[l], 0),
        sp.And(
            sp.Ge(sp.Abs(ob.x_t[l]), lower),
            sp.Lt(sp.Limit(sp.Abs(ob.x_t[l]) / ob.log_t, nt.t, sp.oo), sp.oo, evaluate=False),
        ),
    ),
    finite=sp.Implies(
        sp.Ne(nt.x0[l], 0),
        sp.And(
            sp.Implies(ob.log_t < EARLY, sp.Ge(sp.Abs(ob.x_t[l]), lower)),
            sp.Implies(ob.log_t > LATE, sp.Le(ob.u_t[l] - ob.u_s[l], DOUBLED)),
        ),
    ),
    measurement="slow",
    options={
        "bare_limit": True,
        "shapes": ((1, 1), (3, 2), (6, 4), (16, 8)),
        "log_times": (-12.0, -7.0, -4.0, -2.0, -0.5, 1.0, 3.0, 6.0, 10.0, 16.0, 27.6, 75.0, 150.0, 300.0),
    },
    ranges={"x0": (1e-2, 30.0), "s": (1e-2, 5.0)},
    counterexamples=(
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.25e-33]},
            "The token blows up, a little after ln t = 150.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 1e-70, "x0": [-1.0]},
            "With a floor the token blows up, here a little after ln t = 150.",
        ),
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -2.0], "a": [5.0, 0.01], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-2.0, -0.1]},
            "The bound fails along the transient, although the token escapes in the end.",
        ),
    ),
    unbroken={
        "mu-positive": "with every mu_n >= 0 and mu = 0 nothing moves: both halves hold, and the lower one is no rate"
    },
    rates=(Rate("slow divergence", "mu_n >= 0, mu > 0, all s x_l0 < 0, no floor", sp.log(nt.t), "ours"),),
    uses=("causality",),
    evidence="symbolic",
    notes=(
        "The lower bound is explicit and holds for all times; checked to ln t = 27.6. The upper half is seen as: from ln t = 75 to 150 to 300 no token "
        "grows by more than e^0.9 = 2.46, where (ln t)^2 would grow by 4."
    ),
)
