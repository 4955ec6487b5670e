"""A positive definite layer: token 1 diverges (theory 11)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

grows = sp.Ge(ob.norm_t, ob.norm_s)

THEOREM = Theorem(
    id="definite-diverges",
    title="sym(S_C^T S_B) > 0: token 1 never shrinks and, unless it is zero, grows without bound",
    section="11",
    source="paper (2-D, two positive eigenvalues); ours (any D)",
    kind="inequality",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("form-positive", "no-projection-bias"),
    conclusion=sp.And(
        grows, sp.Implies(ob.norm_0 > 0, sp.Eq(sp.Limit(ob.norm_t, nt.t, ob.T, "-"), sp.oo, evaluate=False))
    ),
    finite=grows,
    measurement="vector",
    options={
        "bare_limit": True,
        "log_times": (-6.0, -5.0, -4.0, -3.0),
        "max_steps": 500,
        "shapes": ((1, 2, 2, 1), (1, 3, 3, 2), (1, 4, 4, 2)),
    },
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer([[1.0, 0.0], [0.0, 1.0]], [[0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[-1.0, -1.0]),
            "C^T B = |x|^2 - 2: a small token shrinks.",
        ),
        Counterexample(
            "form-positive",
            layer([[1.0, 0.0], [0.0, -0.5]], [[0.1, 0.9]]),
        ),
    ),
    evidence="symbolic",
    notes=(
        "Unbounded by the comparison d|x|^2/dt >= 2 lambda_min |x|^2 min_d Delta_d |x|^2; checked is the growth alone. T is the end of the maximal "
        "solution, finite or not; the zero token stays."
    ),
)
