"""Fast divergence: iterated logarithms (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
follower = sp.And(l > ob.blow_token, sp.Gt(nt.s * nt.x0[l], 0))
#: ln(|x_l|^3 (T - t)) below which a follower lies below the scale of the blow-up.
BELOW = -20
#: Of the slope there: it is one in the limit only.
STILL_MOVES = sp.Rational(1, 200)

THEOREM = Theorem(
    id="iterated-log",
    title="Fast divergence: followers with s x_l0 > 0 that stay below the scale of the blow-up grow by iterated logarithms",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay"),
    assumptions=("mu-positive", "one-decay"),
    conclusion=sp.Implies(
        sp.And(follower, sp.Eq(sp.Limit(sp.Abs(ob.x_t[l]) ** 3 * ob.remaining, nt.t, ob.T, "-"), 0, evaluate=False)),
        sp.Eq(sp.Limit(ob.gate_slope[l], nt.t, ob.T, "-"), ob.weight[l], evaluate=False),
    ),
    finite=sp.Implies(
        sp.And(follower, sp.Lt(3 * ob.u_s[l] + ob.log_remaining, BELOW)),
        sp.Le(sp.Abs(ob.gate_slope[l] / ob.weight[l] - ob.sharp), STILL_MOVES),
    ),
    measurement="blowup",
    options={"bare_limit": True, "approach": True, "log_horizon": 30.0, "shapes": ((3, 1), (5, 2), (8, 3))},
    ranges={
        "x0": (0.05, 3.0),
        "b": (-2.0, 2.0),
        "mu": (1e-1, 1e1),
        "a": (0.05, 1.5),
        "s": (0.2, 3.0),
        "zero": (0.0, 0.2),
    },
    sharpness=Sharpness("the slope is w_l exactly", sp.Rational(101, 100)),
    witness={"mu": [1.0], "a": [0.5], "decay": 0.5, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.0, 0.5]},
    counterexamples=(
        Counterexample(
            "one-decay",
            {"mu": [1.0, 1.0], "a": [0.5, 0.1], "decay": 0.5, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.0, 0.5]},
            "The slowest state wins in the end, and G with one rate does not describe the sum.",
        ),
    ),
    unbroken={"mu-positive": "no token blows up without it, and there is nothing to follow"},
    rates=(
        Rate(
            "fast divergence",
            "behind it, next token with s x > 0, off the threshold",
            sp.log(sp.log(1 / ob.remaining)) / (ob.decay * sp.Abs(nt.s)),
            "ours",
        ),
    ),
    uses=("one-decay-sum", "fast-order"),
    evidence="numeric",
    notes=(
        "Checked is the change of G(|x_l|), G(r) = int^r exp(a D(v)) dv/v with D(v) the step of a token of size v and the sign of x_l, over the change of ln "
        "of the last nonzero token before; "
        "left out are the starts on which |x_l|^3 (T - t) does not tend to zero, for two tokens with s x_1 > 0 those of "
        "follower-threshold, on which x_2/x_1 tends to 1; "
        "each zero token between multiplies it by exp(-a delta_0). With one decay rate the mu_n enter by their sum "
        "alone; a floor is part of the step in G and delta_0."
    ),
)
