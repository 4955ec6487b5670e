"""A negative definite layer: token 1 converges (theory 11)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

THEOREM = Theorem(
    id="definite-converges",
    title="sym(S_C^T S_B) < 0: token 1 converges at rate O(1/sqrt t)",
    section="11",
    source="paper (2-D, two negative eigenvalues); ours (rate, any D)",
    kind="bound",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("form-negative", "no-projection-bias"),
    conclusion=sp.Le(
        ob.norm_t, ob.sharp * ob.norm_0 / sp.sqrt(1 + 2 * sp.Abs(ob.eig_max) * ob.step_least * nt.t * ob.norm_0**2)
    ),
    measurement="vector",
    options={"log_times": (-2.0, 0.0, 1.0, 2.0), "shapes": ((1, 2, 2, 1), (1, 3, 3, 2), (1, 4, 4, 2))},
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    sharpness=Sharpness("attained for S_C^T S_B = -1 and one constant step", sp.Rational(99, 100)),
    witness=layer([[-1.0, 0.0], [0.0, -1.0]], [[0.6, 0.8]]),
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0]),
            "C^T B = 2 - |x|^2: a small token grows.",
        ),
        Counterexample(
            "form-negative",
            layer([[-1.0, 0.0], [0.0, 0.5]], [[0.1, 0.9]]),
        ),
    ),
    evidence="symbolic",
    notes="No |x_d| exceeds its start, so that no step along the trajectory is smaller than the one of the bound.",
)
