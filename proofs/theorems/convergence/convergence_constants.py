"""mu < 0: the exact constants of the square-root law (theory 5)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
value = ob.decay_constant() * ob.sharp
#: Of ln(t x_l^2), at ln t = 48 and later: above the next term, of relative order t^(-(1-q)) or t^(-1/2), on tame ranges.
NEXT_TERM = sp.Rational(1, 500)

THEOREM = Theorem(
    id="convergence-constants",
    title="Convergent scenario: t x_l^2 of every nonzero token tends to an explicit constant, with zero tokens among the others or not",
    section="5",
    source="ours (theory 5)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay", "t"),
    assumptions=("mu-negative", "one-decay"),
    conclusion=sp.Implies(
        sp.Ne(nt.x0[l], 0), sp.Eq(sp.Limit(nt.t * ob.x_t[l] ** 2, nt.t, sp.oo), value, evaluate=False)
    ),
    finite=sp.Implies(
        sp.Ne(nt.x0[l], 0),
        sp.Le(sp.Abs(ob.log_t + 2 * ob.u_t[l] - sp.log(value)), NEXT_TERM),
    ),
    measurement="late",
    options={"log_times": (48.0, 80.0, 120.0), "shapes": ((1, 1), (3, 2), (6, 4), (16, 4))},
    ranges={"mu": (0.1, 10.0), "x0": (0.1, 3.0), "a": (0.7, 3.0), "s": (0.1, 2.0), "b": (0.0, 2.0)},
    tolerance=1e-6,
    sharpness=Sharpness("the constant is the limit", sp.Rational(99, 100)),
    witness={"mu": [-1.0], "a": [1.0], "decay": 1.0, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.0, -0.5, 2.0]},
    counterexamples=(
        Counterexample(
            "mu-negative",
            {"mu": [1.0], "a": [1.0], "decay": 1.0, "s": -1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "Slow divergence.",
        ),
        Counterexample(
            "one-decay",
            {"mu": [-1.0, -1.0], "a": [0.2, 3.0], "decay": 2.0, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "With two decay rates the shares of theory 8 take the place of q.",
        ),
    ),
    rates=(
        Rate(
            "convergence",
            "mu < 0, one decay rate",
            sp.Pow(ob.decay_constant() / nt.t, sp.Rational(1, 2), evaluate=False),
            "ours",
        ),
    ),
    uses=("convergence-rate",),
    evidence="numeric",
    notes=(
        "With one decay rate the mu_n enter by their sum alone, so that they may have any signs. "
        "The next term is of relative order t^(-(1-q)) or t^(-1/2), up to powers of ln t; checked at ln t = 48, 80, 120 to "
        "0.2 % on tame ranges."
    ),
)
