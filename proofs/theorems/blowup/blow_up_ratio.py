"""Fast divergence: followers with s x < 0 (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l

THEOREM = Theorem(
    id="blow-up-ratio",
    title="Fast divergence: followers with s x_l0 < 0 keep a fixed ratio to the token before",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay"),
    assumptions=(
        "states-nonnegative",
        "mu-positive",
        "one-decay",
        "s-nonzero",
        "first-token-fast",
        "later-tokens-slow",
        "no-floor",
    ),
    conclusion=sp.Implies(l >= 2, sp.Eq(sp.Limit(ob.slope_of[l], nt.t, ob.T), ob.weight[l], evaluate=False)),
    finite=sp.Implies(l >= 2, sp.Le(sp.Abs(ob.slope_of[l] - ob.weight[l]), sp.Rational(1, 100))),
    measurement="blowup",
    options={"approach": True, "shapes": ((2, 1), (3, 1), (4, 2))},
    ranges={"x0": (0.5, 10.0), "b": (-3.0, 0.0), "mu": (1e-3, 1e2), "a": (0.05, 0.5), "s": (0.5, 10.0)},
    counterexamples=(
        Counterexample(
            "later-tokens-slow",
            {"mu": [1.0], "a": [1.0], "decay": 1.0, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.0, 0.5]},
            "With s x > 0 the follower closes its own gate: iterated logarithms.",
        ),
    ),
    evidence="numeric",
    notes=(
        "slope_of is the change of ln|x_l| over that of the last nonzero token before, while the leader "
        "goes from 1e15 to 1e100; "
        "weight is one here, because no zero token lies between."
    ),
)
