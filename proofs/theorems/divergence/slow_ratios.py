"""Slow divergence: tokens settle at fixed ratios (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

l = nt.l

THEOREM = Theorem(
    id="slow-ratios",
    title="Slow divergence: x_l / x_1 tends to a limit above one",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "s-nonzero", "tokens-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Implies(l >= 2, sp.Gt(sp.Limit(ob.ratio[l], nt.t, sp.oo), 1)),
    finite=sp.Implies(
        l >= 2,
        sp.And(sp.Gt(ob.ratio[l], 1), sp.Le(sp.Abs(sp.log(ob.ratio[l] / ob.ratio_before[l])), sp.Rational(1, 50))),
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
    evidence="numeric",
    notes="Seen at ln t = 250 and 300: above one, and moving by less than 2 %. The limit depends on the initial data.",
)
