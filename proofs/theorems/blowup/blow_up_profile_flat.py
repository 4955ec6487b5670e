"""Fast divergence with a step that does not depend on the token (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
delta0 = cr.delta(sp.Integer(0))
leading = sp.Eq(l, 1, evaluate=False)
excess = ob.log_remaining + 2 * ob.u_t[l] + sp.log(2 * cr.mu_total * delta0) - sp.log(ob.sharp)

THEOREM = Theorem(
    id="blow-up-profile-flat",
    title="With s = 0, token 1 alone: |x_1| = (2 mu Delta(0) (T-t))^(-1/2)",
    section="6",
    source="ours (theory 6)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("one-token", "mu-positive", "s-zero", "first-token-nonzero"),
    conclusion=sp.Implies(
        leading, sp.Eq(ob.remaining * ob.x_t[l] ** 2, cr.blow_up_profile_flat() * ob.sharp, evaluate=False)
    ),
    finite=sp.Implies(leading, sp.Eq(excess, 0, evaluate=False)),
    scale=1 + sp.Abs(ob.log_remaining) + 2 * sp.Abs(ob.u_t[l]),
    tolerance=1e-7,
    measurement="blowup",
    options={"approach": True, "shapes": ((1, 1), (1, 3), (1, 8))},
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0), "mu": (1e-3, 1e2)},
    sharpness=Sharpness("an equation", sp.Rational(101, 100)),
    witness={"mu": [1.0], "a": [1.0], "s": 0.0, "b": 0.0, "floor": 0.0, "x0": [1.0]},
    counterexamples=(
        Counterexample("s-zero", {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]}),
    ),
    rates=(
        Rate(
            "fast divergence",
            "token 1, s = 0",
            sp.Pow(2 * cr.mu_total * delta0 * ob.remaining, sp.Rational(-1, 2), evaluate=False),
            "ours",
        ),
    ),
    unbroken={
        "one-token": "false there: a later token may blow up first, and T is its time then; the check draws one token",
        "mu-positive": "token 1 does not blow up without it, and there is no T - t to speak of",
        "first-token-nonzero": "a zero token does not blow up, and there is no T - t to speak of",
    },
    uses=("blow-up-profile", "fast-blow-up-time"),
    evidence="symbolic",
    notes="No other token touches token 1: the same holds beside others, with T its own. Checked as ln(T - t) + 2 ln|x_1|.",
)
