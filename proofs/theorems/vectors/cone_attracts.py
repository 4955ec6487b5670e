"""Unequal constant steps: starts off the axes settle on the cone (theory 11)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

#: |x^T M x|/|x|^2 at ln t = 16 and later: the token only tends to the cone.
NEAR_CONE = sp.Rational(1, 100)
#: What is left of |x|, from starts between 0.7 and 1.4 in size: a token that died would leave less.
LEFT = sp.Rational(1, 10**3)

THEOREM = Theorem(
    id="cone-attracts",
    title="M = diag(1, -1) and constant steps, the first one smaller: from every start off the axes token 1 tends to a nonzero point of the cone",
    section="11",
    source="ours (theory 11)",
    kind="limit",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("form-hyperbolic", "no-projection-bias", "off-axes"),
    conclusion=sp.And(
        sp.Eq(sp.Limit(ob.form_t, nt.t, sp.oo), 0, evaluate=False),
        sp.Gt(sp.Limit(ob.norm_t, nt.t, sp.oo), 0, evaluate=False),
    ),
    finite=sp.And(sp.Le(sp.Abs(ob.form_t), NEAR_CONE), sp.Ge(ob.norm_t, ob.norm_0 * LEFT)),
    measurement="vector",
    options={"log_times": (16.0, 20.0), "shapes": ((1, 2, 2, 1),), "bare_limit": True},
    ranges={"x": (0.7, 1.4), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "form-hyperbolic",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]], b=[0.0, 0.5]),
            "A negative definite form: convergence to zero.",
        ),
        Counterexample(
            "off-axes",
            layer([[1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0]], b=[0.0, 0.5]),
            "On the second axis the form is negative throughout: convergence to zero.",
        ),
        Counterexample(
            "no-projection-bias",
            layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]], beta_B=[1.0, 0.0], beta_C=[1.0, 0.0], b=[0.0, 0.5]),
            "With biases the token settles on the shifted cone (x_1 + 1)^2 = x_2^2.",
        ),
    ),
    evidence="numeric",
    notes=(
        "D = 2, M = diag(1, -1), constant steps delta_1 < delta_2: |x_2| / |x_1|^(delta_2/delta_1) is "
        "conserved and the start ends where that curve meets the cone, which can be very near zero. With delta_1 > delta_2 a start "
        "where the form is positive grows without bound. Checked from starts between 0.7 "
        "and 1.4 in size, at ln t = 16 and 20. So one "
        "positive eigenvalue => divergence, as the caption of Figure 6 has it, is not a theorem."
    ),
)
