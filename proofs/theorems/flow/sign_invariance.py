"""Signs never change, zero tokens stay zero (theory 4, 8b)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.observables import x_t
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
#: A token this small may have either sign: integration error.
NEGLIGIBLE = sp.Rational(1, 10**6)
#: What a zero token may be moved by: rounding of the linear algebra that carries a stiff flow.
MOVED = sp.Rational(1, 10**12)

THEOREM = Theorem(
    id="sign-invariance",
    title="Without a bias of C tokens keep their signs, and zero tokens stay zero",
    section="4, 8b",
    source="ours (theory 4, 8b)",
    kind="invariance",
    variables=("S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor", "x0"),
    assumptions=("no-read-bias",),
    conclusion=sp.And(
        sp.Implies(sp.Ne(nt.x0[l], 0), sp.Gt(x_t[l] * sp.sign(nt.x0[l]), 0)),
        sp.Implies(sp.Eq(nt.x0[l], 0), sp.Eq(x_t[l], 0)),
    ),
    finite=sp.And(
        sp.Implies(
            sp.And(sp.Ne(nt.x0[l], 0), sp.Gt(sp.Abs(x_t[l]), NEGLIGIBLE)), sp.Ge(x_t[l] * sp.sign(nt.x0[l]), 0)
        ),
        sp.Implies(sp.Eq(nt.x0[l], 0), sp.Le(sp.Abs(x_t[l]), MOVED)),
    ),
    measurement="axis",
    options={"log_times": (-3.0, -1.0, 0.0, 1.0), "rtol": 1e-7, "max_steps": 600, "shapes": ((2, 1), (3, 2), (5, 3))},
    ranges={"x0": (1e-3, 3.0), "a": (0.1, 5.0), "b": (-2.0, 2.0), "s": (0.1, 3.0), "matrix": (0.1, 2.0), "zero": (0, 0.3)},
    evidence="symbolic",
    witness={
        "S_B": [1.0], "S_C": [-1.0], "beta_B": [0.5], "beta_C": [0.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0,
        "x0": [1.0, -0.5, 0.0, 2.0],
    },
    counterexamples=(
        Counterexample(
            "no-read-bias",
            {
                "S_B": [1.0], "S_C": [1.0], "beta_B": [0.0], "beta_C": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0,
                "x0": [1.0, 0.0],
            },
            "A zero second token moves at once: x_2' = beta_C gate f_1 != 0.",
        ),
    ),
    notes=(
        "Checked where |x_l| > 1e-6, above the integration error; a zero token may be moved by 1e-12, above the rounding of the linear "
        "algebra that carries a stiff flow, and a system in which one moves at all is followed once more without that. Integrated in "
        "asinh coordinates, where a token is free to change its sign; log coordinates would prove nothing. "
        "With a bias of C only token 1 is sure to keep its sign."
    ),
)  # fmt: skip
