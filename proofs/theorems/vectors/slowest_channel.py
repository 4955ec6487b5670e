"""Token 1 that dies: its slowest channel gives the constant and all powers (theory 14)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

d = nt.d
constant = fm.dying_constant()
power = fm.dying_power().subs(fm.step_value, ob.step_zero[d])
#: A token at t = e^64 and later that has died by DIED may have stopped on the cone near zero. It has not where it still falls
#: to HALVES between two outputs, or below VANISHED, which is smaller than any power leaves it.
DIED, HALVES, VANISHED = sp.Rational(1, 10**7), sp.Rational(1, 2), sp.Rational(1, 10**30)
#: Of ln(t x_c^2) and of the powers, at ln t = 80 and 96: above the next terms, which fall like t^-0.2 or faster.
NEXT_TERM = sp.Rational(1, 200)
gone = sp.And(
    sp.Le(ob.norm_t, ob.norm_0 * DIED),
    sp.Or(sp.Le(ob.norm_t, ob.norm_s * HALVES), sp.Le(ob.norm_t, ob.norm_0 * VANISHED)),
)
#: ln of t x_c^2 over its limit: at t = e^96 the factors themselves leave the range of single precision.
off_constant = ob.log_t + 2 * ob.log_own_t - sp.log(constant) - sp.log(ob.sharp)
used, falls = sp.Ne(ob.entry_0[d], 0), ob.own_form < 0

THEOREM = Theorem(
    id="slowest-channel",
    title=(
        "If token 1 dies, it does so like its slowest channel c: M_cc <= 0, and if M_cc < 0, t x_c^2 -> 1/(2 |M_cc| Delta_c(0)) and "
        "ln|x_d|/ln t -> -Delta_d(0)/(2 Delta_c(0)) where x_d(0) != 0"
    ),
    section="14",
    source="ours (theory 14)",
    kind="limit",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("no-projection-bias", "slowest-unique"),
    conclusion=sp.Implies(
        sp.Eq(sp.Limit(ob.norm_t, nt.t, sp.oo), 0, evaluate=False),
        sp.And(
            sp.Le(ob.own_form, 0),
            sp.Implies(
                falls,
                sp.And(
                    sp.Eq(sp.Limit(nt.t * ob.own_t**2, nt.t, sp.oo), constant * ob.sharp, evaluate=False),
                    sp.Implies(
                        used,
                        sp.Eq(
                            sp.Limit(sp.log(sp.Abs(ob.entry_t[d])) / sp.log(nt.t), nt.t, sp.oo), power, evaluate=False
                        ),
                    ),
                ),
            ),
        ),
    ),
    finite=sp.Implies(
        gone,
        sp.And(
            sp.Le(ob.own_form, 0),
            sp.Implies(falls, sp.Le(sp.Abs(off_constant), NEXT_TERM)),
            sp.Implies(
                sp.And(falls, used),
                sp.Le(sp.Abs((ob.log_entry_t[d] - ob.log_entry_s[d]) / ob.log_step - power), NEXT_TERM),
            ),
        ),
    ),
    measurement="dying",
    options={
        "log_times": (64.0, 80.0, 96.0),
        "rtol": 1e-6,
        "max_steps": 1000,
        "shapes": ((1, 1, 1, 1), (1, 2, 2, 1), (1, 3, 3, 2)),
    },
    ranges={"x": (0.3, 2.0), "matrix": (0.3, 1.0), "b": (-1.0, 0.0), "a": (0.1, 3.0), "floor": (1e-3, 0.1)},
    sharpness=Sharpness("the constant is the limit", sp.Rational(99, 100)),
    witness=layer(
        [[-1.0, 0.5], [0.3, 0.4]], [[1.0, 0.5]], S_dt_in=[[0.3, -0.2]], S_dt_out=[[0.5], [0.4]], b=[0.0, 1.5]
    ),
    counterexamples=(
        Counterexample(
            "slowest-unique",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]]),
            "Two channels of one step share the law: t x_c^2 tends to half the constant.",
        ),
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]], beta_B=[1.0, 0.0], beta_C=[-1.0, 0.0], b=[0.0, 1.0]),
            "C^T B tends to -1, not to zero: the token dies like an exponential.",
        ),
    ),
    uses=("orbit-trichotomy",),
    evidence="symbolic",
    notes=(
        "Steps may depend on the token. So the one-dimensional theory of one channel is exact in the end for a vector token "
        "that dies. Where M_cc > 0 a token may shrink for an immense time before it stops on the cone or turns: checked "
        "where |x| is below 1e-7 of the start and halves between two outputs, or below 1e-30 of it, at ln t = 80 and 96: in the systems drawn, whose step biases are 0.7 apart, the next terms fall like t^-0.2 or faster, and "
        "at ln t = 40 one was seen at 1 %; where two steps are close they fall as slowly as one likes. "
        "Where M_cc = 0 nothing is said of the constant and the powers."
    ),
)
