"""Slow divergence: every nonzero token is of order ln t (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l
lower = cr.slow_lower_bound().subs(cr.y0, nt.x0[l])

THEOREM = Theorem(
    id="slow-log-rate",
    title="Slow divergence: every nonzero token grows like ln t",
    section="6",
    source="ours (theory 6)",
    kind="bound",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "s-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Implies(sp.Ne(nt.x0[l], 0), sp.Ge(sp.Abs(ob.x_t[l]), lower)),
    measurement="trajectory",
    ranges={"x0": (1e-2, 30.0), "s": (1e-2, 5.0)},
    counterexamples=(
        Counterexample(
            "states-nonnegative",
            {"mu": [3.0, -2.0], "a": [5.0, 0.01], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-2.0, -0.1]},
            "The bound fails along the transient, although the token escapes in the end.",
        ),
    ),
    rates=(Rate("slow divergence", "mu > 0, all s x_l0 < 0", sp.log(nt.t), "ours"),),
    evidence="symbolic",
    notes=(
        "The lower bound is explicit and holds for all times; that every token is also O(ln t) is "
        "slow-ratios with slow-first-token."
    ),
)
