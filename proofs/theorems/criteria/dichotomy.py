"""The criteria: mu and the initial data decide the scenario (theory 7)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.ends import End
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
fate, moving = ob.fate[l], sp.Ne(nt.x0[l], 0)

THEOREM = Theorem(
    id="dichotomy",
    title="With mu_n of one sign or one decay rate, mu and the signs of s x_l0 of the nonzero tokens decide the scenario, one for all of these",
    section="7",
    source="paper (with one decay rate); ours (any decay rates)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay"),
    assumptions=("one-sign-or-decay", "no-floor"),
    conclusion=sp.And(
        sp.Implies(cr.mu_total < 0, sp.Eq(sp.Limit(ob.x_t[l], nt.t, sp.oo), 0, evaluate=False)),
        sp.Implies(
            sp.And(moving, cr.mu_total > 0, sp.Eq(ob.fast_tokens, 0)),
            sp.Eq(sp.Limit(sp.Abs(ob.x_t[l]), nt.t, sp.oo), sp.oo, evaluate=False),
        ),
        sp.Implies(sp.And(cr.mu_total > 0, ob.fast_tokens > 0), sp.Lt(ob.T, sp.oo, evaluate=False)),
        sp.Implies(
            sp.And(moving, cr.mu_total > 0, ob.fast_tokens > 0, l >= ob.blow_token),
            sp.Eq(sp.Limit(sp.Abs(ob.x_t[l]), nt.t, ob.T, "-"), sp.oo, evaluate=False),
        ),
    ),
    finite=sp.And(
        sp.Implies(sp.And(moving, cr.mu_total < 0), sp.Eq(fate, int(End.CONVERGENT))),
        sp.Implies(sp.And(moving, cr.mu_total > 0, sp.Eq(ob.fast_tokens, 0)), sp.Eq(fate, int(End.SLOW))),
        sp.Implies(sp.And(moving, cr.mu_total > 0, ob.fast_tokens > 0), sp.Eq(fate, int(End.FAST))),
    ),
    measurement="fate",
    options={"bare_limit": True, "shapes": ((1, 1), (2, 2), (4, 3)), "log_horizon": 300.0},
    ranges={"mu": (1e-2, 1e2), "x0": (1e-2, 20.0), "s": (0.1, 5.0), "b": (-4.0, 4.0), "zero": (0.0, 0.1)},
    counterexamples=(
        Counterexample(
            "one-sign-or-decay",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "decay": 1.0, "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "Token 1 blows up and token 2 tends to zero: coexistence.",
        ),
        Counterexample(
            "one-sign-or-decay",
            {
                "mu": [1.0, -1.5],
                "a": [0.2, 4.0],
                "decay": 1.0,
                "s": 1.0,
                "b": 1.0,
                "floor": 0.0,
                "x0": [1.0, 0.0, -30.0],
            },
            "mu < 0, yet token 3 diverges: behind the zero token the states that it reads have a positive sum.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "decay": 1.0, "s": 1.0, "b": 0.0, "floor": 0.5, "x0": [-1.0]},
            "With a floor of the step the slow regime is a blow-up.",
        ),
    ),
    uses=("causality", "convergence-rate", "fast-order", "slow-log-rate", "stationary"),
    evidence="numeric",
    notes=(
        "Zero tokens are stationary and no part of the verdict; all mu_n = 0 is stationary for every "
        "token. Checked by the ends of runs, where a token that a blow-up leaves bounded counts as part of it; an end that is not settled "
        "at ln t = 300 counts as undecided. With mu_n of both signs see state-convergence, "
        "state-slow-divergence and coexistence."
    ),
)
