"""Fast divergence: the exact time of token 1 (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

alone = sp.Eq(ob.token_m, 1)
integral = sp.Integral(
    cr.blow_up_integrand().subs(cr.orientation, sp.sign(ob.x_first)), (cr.r, sp.Abs(ob.x_first), sp.oo)
)

THEOREM = Theorem(
    id="fast-blow-up-time",
    title="Fast divergence: token 1 alone blows up at an explicit integral",
    section="6",
    source="paper (finite time, with one decay rate); ours (integral)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0", "m"),
    assumptions=("mu-positive", "first-token-nonzero", "first-token-not-slow"),
    conclusion=sp.Implies(alone, sp.Eq(ob.T_prefix, integral * ob.sharp, evaluate=False)),
    finite=sp.Implies(alone, sp.Eq(ob.T_prefix, ob.T_first * ob.sharp, evaluate=False)),
    measurement="blowup",
    options={"shapes": ((1, 1), (1, 3), (3, 2))},
    ranges={"x0": (1e-4, 1e3)},
    tolerance=1e-6,  # a run at rtol = 1e-10 was seen 2e-7 off: the estimated error of a step vanished by chance
    sharpness=Sharpness("an equation", sp.Rational(101, 100)),
    witness={"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0], "m": 1.0},
    counterexamples=(
        Counterexample(
            "mu-positive",
            {"mu": [-1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0], "m": 1.0},
            "Convergence.",
        ),
    ),
    unbroken={
        "first-token-nonzero": "a zero token never moves and the integral from zero diverges: both sides are infinite",
        "first-token-not-slow": "for s x_1 < 0 without a floor the integral diverges and token 1 lives for ever; with a floor both are "
        "finite and equal. Assumed so that both sides are numbers",
    },
    rates=(
        Rate(
            "fast divergence",
            "token 1, s x_10 >= 0",
            sp.Eq(ob.T_first, integral, evaluate=False),
            "ours",
        ),
    ),
    evidence="symbolic",
    notes="With more tokens the system may blow up earlier, at a later one: T_m <= tau_1 for every m (causality-times).",
)
