"""The axis that a growing token leaves along (theory 14)."""

from typing import Any

import sympy as sp

from s6flow.proofs.systems import Rows, layer
from s6flow.proofs.theorems.rounding import ROUNDING
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.infinity import NEVER
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

bound = fm.axis_bound().subs({fm.before: ob.excess_0, fm.entry: ob.own_0, fm.token_value: ob.own_t})
slow_bound = bound.subs(ob.lead, ob.own_pull)  # a power of one
fast, slow = ob.own_pull > 0, ob.own_pull < 0
#: |x_c| beyond which the time left is measured: it is compared in its leading law.
FAR = 10**30
#: Of ln((T - t) |x_c|^3) there: above the next terms of the law.
NEXT_TERM = sp.Rational(1, 200)
scaled = ob.remaining * ob.own_t**3
#: ln of it over its limit: at |x_c| = 1e40 the factors themselves leave the range of single precision.
off_profile = ob.log_remaining + 3 * ob.log_own_t - sp.log(fm.axis_profile()) - sp.log(ob.sharp)
contracts = sp.And(
    sp.Implies(fast, sp.Le(ob.excess_t, bound + ROUNDING)),
    sp.Implies(sp.Not(fast), sp.Le(ob.excess_t, slow_bound + ROUNDING)),
    sp.Ge(ob.own_gain, -ROUNDING),
)


def start(S_C: Rows, x: list[float], column: tuple[float, float] = (1.0, 0.2), **letters: Any) -> dict[str, Any]:
    """Two channels, the first of which is c; `column` is that of S_Delta."""
    steps: dict[str, Any] = {"S_dt_in": [[1.0, 0.0]], "S_dt_out": [[column[0]], [column[1]]]}
    return {**layer(S_C, [x], **steps, **letters), "on_axis": [1.0, 0.0]}


THEOREM = Theorem(
    id="axis-at-infinity",
    title=(
        "Far out on axis c with M_cc > 0, where the step of c takes most from x_c, token 1 leaves along the axis: the share of "
        "the other channels falls at least by an explicit power of |x_c|, which blows up if S_Delta[c, c] x_c > 0 and not if it is < 0"
    ),
    section="14",
    source="ours (theory 14)",
    kind="limit",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "on_axis", "t"),
    assumptions=("no-projection-bias", "axis-form-positive", "axis-leads", "axis-far", "axis-narrow"),
    conclusion=sp.And(
        sp.Implies(fast, sp.Le(ob.excess_t, bound)),
        sp.Implies(sp.Not(fast), sp.Le(ob.excess_t, slow_bound)),
        sp.Eq(sp.Limit(ob.own_t, nt.t, ob.T, "-"), sp.oo, evaluate=False),
        sp.Implies(slow, sp.Eq(ob.T, sp.oo, evaluate=False)),
        sp.Implies(fast, sp.Eq(sp.Limit(scaled, nt.t, ob.T, "-"), fm.axis_profile() * ob.sharp, evaluate=False)),
    ),
    finite=sp.And(
        contracts,
        sp.Implies(slow, sp.Ge(ob.log_T, NEVER)),
        sp.Implies(
            sp.And(fast, ob.own_t > FAR),
            sp.Le(sp.Abs(off_profile), NEXT_TERM),
        ),
    ),
    measurement="axis_far",
    options={
        "log_times": (-40.0, -20.0, -4.0, 0.0, 2.0, 100.0, 200.0, 300.0),
        "max_steps": 1000,
        "shapes": ((1, 2, 2, 1), (1, 1, 1, 1), (1, 3, 3, 2)),
    },
    ranges={"x": (0.1, 2.0), "matrix": (0.3, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0), "floor": (1e-3, 0.1)},
    sharpness=Sharpness("the constant of the profile is the limit", sp.Rational(99, 100)),
    witness=start([[1.0, 0.0], [0.0, -1.0]], [6.0, 0.05]),
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            start([[1.0, 0.0], [0.0, -1.0]], [6.0, 0.05], beta_C=[-10.0, 0.0]),
            "C reads x_1 - 10: the token shrinks.",
        ),
        Counterexample("axis-form-positive", start([[-1.0, 0.0], [0.0, -1.0]], [6.0, 0.05]), "The token shrinks."),
        Counterexample(
            "axis-leads",
            start([[1.0, 0.0], [0.0, -1.0]], [6.0, 0.05], column=(0.2, 1.0)),
            "The step of the other channel is five times as long: it takes over.",
        ),
        Counterexample(
            "axis-far",
            start([[1.0, 0.0], [0.0, -1.0]], [0.5, 0.002], b=[-2.0, 3.0]),
            "Near zero the biases decide which step is the longer one.",
        ),
        Counterexample(
            "axis-narrow",
            start([[1.0, -3.0], [0.0, 1.0]], [6.0, 4.0]),
            "x_1^2 - 3 x_1 x_2 + x_2^2 is negative there: the token shrinks.",
        ),
    ),
    uses=("orbit-trichotomy",),
    evidence="symbolic",
    notes=(
        "c is the channel of the axis. How far out and how close to it: see the two assumptions; the power is gamma/sigma_cc on "
        "the fast side and one on the slow side. If another entry of the column is larger, and positive where there is a floor, "
        "the axis repels: every token with x_d(0) != 0 there leaves such a neighbourhood, one of the size that the lead of d gives (kernel-checked as well). With a "
        "floor and all entries negative the ratio of steps tends to one, and nothing is claimed. Checked besides: |x_c| does not "
        "fall, which is orbit-trichotomy's."
    ),
)
