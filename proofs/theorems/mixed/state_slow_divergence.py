"""mu > 0, all s x < 0, mu_n of both signs: slow divergence (theory 8, E2)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l

THEOREM = Theorem(
    id="state-slow-divergence",
    title="mu > 0 and every s x_l0 < 0, mu_n of any signs: slow divergence",
    section="8, E2",
    source="ours (theory 8)",
    kind="classification",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("mu-positive", "tokens-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Eq(ob.fate[l], 2),
    measurement="fate",
    options={"shapes": ((1, 2), (2, 2), (3, 3)), "log_horizon": 500.0, "batch": 60, "bare_limit": True},
    ranges={"mu": (0.5, 10.0), "x0": (0.3, 4.0), "a": (0.1, 2.0), "s": (0.5, 2.0), "b": (-1.0, 1.0)},
    counterexamples=(
        Counterexample(
            "tokens-nonzero",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 0.0]},
            "A zero token stays.",
        ),
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]},
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.5, "x0": [-1.0]},
        ),
        Counterexample(
            "mu-positive",
            {"mu": [-1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0]},
        ),
    ),
    rates=(Rate("slow divergence", "mu > 0, all s x_l0 < 0, mu_n of any signs", sp.log(nt.t), "ours"),),
    evidence="numeric",
    notes=(
        "The transient can be immense (theory 8: ln t = 387): what is not settled at ln t = 500 counts "
        "as undecided, never as slow."
    ),
)
