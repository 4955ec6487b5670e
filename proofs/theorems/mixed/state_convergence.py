"""mu < 0 with mu_n of both signs: every token converges, at rates that kappa decides (theory 8, E1)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
half = sp.Rational(1, 2)
critical = cr.decay_constant_first()
constant = (1 - ob.kappa[l]) * critical * ob.sharp
#: Distance of every share so far from the critical one beyond which the corrections t^(-|1-kappa|) have died out.
NOT_CRITICAL = sp.Rational(1, 4)
#: Of ln(t x_l^2), and of the change of ln|x_l| between two outputs, at ln t = 120 and 160: above those corrections.
NEXT_TERM, CHANGE = sp.Rational(1, 250), sp.Rational(1, 50)
settled = ob.kappa_gap[l] > NOT_CRITICAL
log_size = ob.log_t + 2 * ob.u_t[l]

THEOREM = Theorem(
    id="state-convergence",
    title="mu < 0, mu_n of any signs, no token zero: every token tends to zero, at a rate that kappa decides",
    section="8, E1",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("mu-negative", "tokens-nonzero"),
    conclusion=sp.And(
        sp.Eq(sp.Limit(ob.x_t[l], nt.t, sp.oo), 0, evaluate=False),
        sp.Eq(
            sp.Limit(nt.t * ob.x_t[l] ** 2, nt.t, sp.oo),
            sp.Max(1 - ob.kappa[l], 0) * critical * ob.sharp,
            evaluate=False,
        ),
        sp.Eq(sp.Limit(ob.u_t[l] / ob.log_t, nt.t, sp.oo), cr.decay_exponent(sp.Max(1, ob.kappa[l])), evaluate=False),
        sp.Implies(
            sp.And(sp.Eq(ob.kappa[l], 1), sp.Gt(ob.kappa_gap[l - 1], 0)),
            sp.Eq(sp.Limit(nt.t * sp.log(nt.t) * ob.x_t[l] ** 2, nt.t, sp.oo), critical, evaluate=False),
        ),
    ),
    finite=sp.And(
        sp.Implies(sp.And(settled, ob.kappa[l] < 1), sp.Le(sp.Abs(log_size - sp.log(constant)), NEXT_TERM)),
        sp.Implies(
            sp.And(settled, ob.kappa[l] > 1),
            sp.Le(sp.Abs(ob.u_t[l] - ob.u_s[l] + ob.kappa[l] / 2 * ob.log_step), CHANGE),
        ),
    ),
    measurement="late",
    options={
        "bare_limit": True,
        "log_times": (80.0, 120.0, 160.0),
        "skip": 1,
        "shapes": ((1, 2), (2, 2), (2, 4), (3, 3)),
    },
    ranges={"mu": (0.3, 10.0), "x0": (0.1, 3.0), "a": (0.1, 4.0), "s": (0.1, 2.0), "b": (0.0, 2.0)},
    sharpness=Sharpness("the constant is the limit", sp.Rational(99, 100)),
    witness={"mu": [-3.0, 1.0], "a": [0.5, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, -0.5, 2.0]},
    counterexamples=(
        Counterexample(
            "mu-negative",
            {"mu": [3.0, -1.0], "a": [0.5, 2.0], "s": -1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5]},
        ),
        Counterexample(
            "tokens-nonzero",
            {"mu": [1.0, -1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.0, -30.0]},
            "Behind the zero token the states have a positive sum, and where s x is very negative token 3 grows like a power.",
        ),
    ),
    rates=(
        Rate(
            "convergence",
            "mu < 0, no zero token, kappa_l < 1",
            sp.Pow(constant.subs(ob.sharp, 1) / nt.t, half, evaluate=False),
            "ours",
        ),
        Rate(
            "convergence",
            "mu < 0, no zero token, kappa_l = 1 for the first time",
            sp.Pow(critical / (nt.t * sp.log(nt.t)), half, evaluate=False),
            "ours",
        ),
        Rate("convergence", "mu < 0, no zero token, kappa_l > 1", nt.t ** cr.decay_exponent(ob.kappa[l]), "ours"),
    ),
    uses=("causality", "convergence-rate"),
    evidence="numeric",
    notes=(
        "Checked where |kappa_j - 1| > 1/4 for all j <= l, at ln t = 120 and 160; near kappa = 1 the "
        "corrections t^(-|1-kappa|) have not died out. "
        "The constant of a critical share is that of the first token with kappa = 1; of a later one with kappa = 1 only the exponent -1/2 is known."
    ),
)
