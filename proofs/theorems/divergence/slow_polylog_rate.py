"""Slow divergence: the weaker upper rate of the paper (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Rate, Theorem

l = nt.l

THEOREM = Theorem(
    id="slow-polylog-rate",
    title="Slow divergence: token l is O((ln t)^l)",
    section="6",
    source="paper",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "s-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Eq(sp.Limit(ob.x_t[l] / ob.log_t ** (l + 1), nt.t, sp.oo), 0, evaluate=False),
    finite=sp.Implies(
        sp.Ne(nt.x0[l], 0), sp.Le(sp.log(sp.Abs(nt.s)) + ob.u_t[l], l * sp.log(ob.log_t) + ob.slow_constant)
    ),
    measurement="slow",
    options={"bare_limit": True, "shapes": ((1, 1), (3, 2), (5, 3)), "log_times": (100.0, 200.0, 300.0), "batch": 100},
    ranges={
        "mu": (0.1, 10.0),
        "x0": (0.3, 4.0),
        "a": (0.1, 3.0),
        "s": (0.2, 2.0),
        "b": (-2.0, 2.0),
        "zero": (0.0, 0.1),
    },
    rates=(Rate("slow divergence", "mu > 0, all s x_l0 < 0", sp.log(nt.t) ** l, "paper"),),
    evidence="numeric",
    notes=(
        "Weaker than slow-log-rate for l >= 2; kept because it is the paper's rate. The constant is the "
        "one seen at ln t = 50."
    ),
)
