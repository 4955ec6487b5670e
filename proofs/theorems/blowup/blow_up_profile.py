"""Fast divergence: the profile of the leading token (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Rate, Sharpness, Theorem

l = nt.l
leading = sp.And(sp.Eq(l, ob.blow_token), sp.Gt(nt.s * nt.x0[l], 0))
excess = ob.log_remaining + 3 * ob.u_t[l] + sp.log(3 * cr.mu_total * sp.Abs(nt.s)) - sp.log(ob.sharp)

THEOREM = Theorem(
    id="blow-up-profile",
    title="Fast divergence: |x_m| ~ (3 mu |s| (T-t))^(-1/3) if s x_m0 > 0",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("mu-positive",),
    conclusion=sp.Implies(
        leading,
        sp.Eq(
            sp.Limit(ob.remaining * sp.Abs(ob.x_t[l]) ** 3, nt.t, ob.T, "-"),
            cr.blow_up_profile() * ob.sharp,
            evaluate=False,
        ),
    ),
    finite=sp.Implies(leading, sp.Eq(excess, 0, evaluate=False)),
    scale=1 + sp.Abs(ob.log_remaining) + 3 * sp.Abs(ob.u_t[l]),
    tolerance=1e-6,
    measurement="blowup",
    options={"approach": True, "log_horizon": 30.0, "shapes": ((1, 1), (1, 3), (3, 2), (5, 1))},
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0), "mu": (1e-3, 1e2), "s": (1e-2, 10.0)},
    sharpness=Sharpness("the constant is the limit", sp.Rational(101, 100)),
    witness={"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]},
    unbroken={
        "mu-positive": "the scale 3 mu |s| has no meaning without it: no token with s x > 0 is the first to blow up then"
    },
    rates=(
        Rate(
            "fast divergence",
            "leading token, s x > 0",
            sp.Pow(3 * cr.mu_total * sp.Abs(nt.s) * ob.remaining, sp.Rational(-1, 3), evaluate=False),
            "ours",
        ),
    ),
    evidence="symbolic",
    notes="T - t is measured by integrating anew from the state reached, so that it has its own relative accuracy.",
)
