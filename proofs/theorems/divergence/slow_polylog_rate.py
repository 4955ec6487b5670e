"""Slow divergence: the weaker upper rate of the paper (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l

THEOREM = Theorem(
    id="slow-polylog-rate",
    title="Slow divergence: token l is O((ln t)^l)",
    section="6",
    source="paper (with one decay rate); ours (any decay rates with mu_n >= 0)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("states-nonnegative", "mu-positive", "slow-starts", "no-floor"),
    conclusion=sp.Lt(sp.Limit(sp.Abs(ob.x_t[l]) / ob.log_t**l, nt.t, sp.oo), sp.oo, evaluate=False),
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
    counterexamples=(
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [3.1e-44]},
            "The token blows up, a little after ln t = 200.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 8e-93, "x0": [-1.0]},
            "With a floor the token blows up, here a little after ln t = 200.",
        ),
    ),
    unbroken={
        "states-nonnegative": "with mu_n of both signs every token is of the order of ln t where none is zero (state-slow-divergence); behind a zero token the share "
        "that is carried, K(0), may exceed one, and token 3 was seen to outgrow (ln t)^3: mu = (6, -5), a = (0.05, 10), x(0) = (-1, 0, -0.1), "
        "s = 1, b = 0; the check's horizon is too near for it",
        "mu-positive": "with every mu_n >= 0 and mu = 0 nothing moves and the bound is trivial; kept as the paper's scenario",
    },
    rates=(Rate("slow divergence", "mu > 0, one decay rate, all s x_l0 < 0", sp.log(nt.t) ** l, "paper"),),
    uses=("slow-log-rate",),
    evidence="numeric",
    notes=(
        "Weaker than slow-log-rate for l >= 2; kept because it is the paper's rate. The constant is the "
        "one seen at ln t = 100."
    ),
)
