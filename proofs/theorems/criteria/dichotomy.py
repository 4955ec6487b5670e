"""The criteria: mu and the initial data decide the scenario (theory 7)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
fate = ob.fate[l]

THEOREM = Theorem(
    id="dichotomy",
    title="With mu_n of one sign, mu and the signs of s x_l0 decide between convergence, slow and fast divergence",
    section="7",
    source="paper (with one decay rate); ours (any decay rates)",
    kind="classification",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("one-sign", "first-token-nonzero", "no-floor", "s-nonzero"),
    conclusion=sp.And(
        sp.Implies(cr.mu_total < 0, sp.Eq(fate, 0)),
        sp.Implies(sp.And(cr.mu_total > 0, sp.Eq(ob.fast_tokens, 0)), sp.Eq(fate, 2)),
        sp.Implies(sp.And(cr.mu_total > 0, ob.fast_tokens > 0), sp.Eq(fate, 3)),
    ),
    measurement="fate",
    options={"shapes": ((1, 1), (2, 2), (4, 3)), "log_horizon": 300.0},
    ranges={"mu": (1e-2, 1e2), "x0": (1e-2, 20.0), "s": (0.1, 5.0), "b": (-4.0, 4.0), "zero": (0.0, 0.1)},
    counterexamples=(
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.5, "x0": [-1.0]},
            "With a floor of the step the slow regime is a blow-up.",
        ),
    ),
    evidence="numeric",
    notes=(
        "Zero tokens are stationary and no part of the verdict; all mu_n = 0 is stationary for every "
        "token. A fate that is not settled "
        "at ln t = 300 counts as undecided. With mu_n of both signs see state-convergence, "
        "state-slow-divergence and coexistence."
    ),
)
