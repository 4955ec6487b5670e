"""Constant steps: the end of token 1 is read off the zeros of an exponential sum (theory 14)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.infinity import NEVER
from s6flow.symbolic.theorem import Counterexample, Theorem

d = nt.d
place = fm.curve_point().subs({fm.step_value: ob.step_zero[d], fm.along: ob.along, fm.token_value: ob.entry_0[d]})
side = sp.sign(ob.form_0)
endless = sp.Ge(sp.Abs(ob.first_zero), NEVER)
#: |s| of zeros that are reached by t = e^18: at -s the token has shrunk by e^(Delta s), and needs a time of e^(2 Delta s).
NEAR = 3
#: How far from such a zero, in s, a token may be at t = e^18: it only tends to it.
STILL_MOVES = sp.Rational(1, 100)
#: What ln|x| has grown by, or fallen by, at t = e^18 where no zero lies ahead: a factor of 1e30, or of a hundredth.
GROWN, SHRUNK = 30 * sp.log(10), sp.log(100)
forwards, backwards = ob.form_0 > 0, ob.form_0 < 0
#: Where the form is zero at the start it may vanish all along the orbit.
counted = sp.Implies(sp.Ne(ob.form_0, 0), sp.Le(ob.zero_count, ob.coefficient_changes))
#: Rounding of the run, of an entry relative to itself and of the place on the orbit: 500 steps, each off by up to 1e-6.
SLACK = sp.Rational(1, 10**3)
#: Logarithms, because entries of e^138 leave the range of single precision.
moved = ob.log_entry_t[d] - ob.log_entry_s[d]
on_orbit = sp.And(
    sp.Implies(sp.Ne(ob.entry_0[d], 0), sp.Le(sp.Abs(moved - ob.step_zero[d] * ob.along), SLACK)),
    sp.Ge(sp.sign(ob.entry_t[d]) * sp.sign(ob.entry_0[d]), 0),
    sp.Implies(sp.Eq(ob.entry_0[d], 0), sp.Eq(ob.entry_t[d], 0)),
)

THEOREM = Theorem(
    id="orbit-sum",
    title=(
        "Constant steps: token 1 runs along x_d(0) e^(Delta_d s) to the first zero of the form ahead, an exponential sum; "
        "without one it blows up in finite time or dies; where the form is zero at the start it rests"
    ),
    section="14",
    source="ours (theory 14)",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("constant-steps", "no-projection-bias"),
    conclusion=sp.And(
        sp.Eq(ob.entry_t[d], place, evaluate=False),
        sp.Eq(sp.Limit(ob.along, nt.t, ob.T, "-"), ob.first_zero, evaluate=False),
        counted,
    ),
    finite=sp.And(
        on_orbit,
        sp.Le((ob.along - ob.first_zero) * side, SLACK),
        sp.Implies(sp.Le(sp.Abs(ob.first_zero), NEAR), sp.Le(sp.Abs(ob.along - ob.first_zero), STILL_MOVES)),
        sp.Implies(sp.And(endless, forwards), sp.Ge(ob.norm_gain, GROWN)),
        sp.Implies(sp.And(endless, backwards), sp.Le(ob.norm_gain, -SHRUNK)),
        counted,
    ),
    measurement="orbit",
    options={
        "bare_limit": True,
        "log_times": (18.0,),
        "rtol": 1e-6,
        "max_steps": 500,
        "near": NEAR,
        "grown": float(GROWN),
        "shrunk": float(SHRUNK),
        "still_moves": float(STILL_MOVES),
        "shapes": ((1, 1, 1, 1), (1, 2, 2, 1), (1, 3, 3, 2)),
    },
    ranges={"x": (0.1, 2.0), "matrix": (0.3, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "constant-steps",
            layer(
                [[1.0, 0.0], [0.0, -1.0]], [[1.5, -1.0]], S_dt_in=[[1.0, 0.0]], S_dt_out=[[1.0], [0.0]], b=[-1.0, 1.0]
            ),
            "A step that grows with the token bends the orbit.",
        ),
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0], b=[0.0, 1.0]),
            "C^T B = 2 - |x|^2 moves the token forwards where the form is negative.",
        ),
    ),
    uses=("orbit-trichotomy", "fisher", "carried-roots"),
    evidence="symbolic",
    notes=(
        "The s of the title, varsigma in the conclusion, is ln|x_d(t)/x_d(0)|/Delta_d, one number for all channels. The form along the orbit is "
        "g(s) = sum_de M_de x_d(0) x_e(0) e^((Delta_d + Delta_e) s); its zeros are isolated in ball arithmetic, with a "
        "certified count. If g has no zero ahead, T is finite where g > 0, and the token tends to zero where g < 0. Checked at "
        "ln t = 18; an end that is not certified to be reached by then counts as undecided."
    ),
)
