"""Equal steps: token 1 moves along its ray (theory 11)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.proofs.theorems.rounding import ROUNDING
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

NEGATIVE = [[-1.0, 0.0], [0.0, -1.0]]

THEOREM = Theorem(
    id="radial",
    title="Equal steps of all channels: token 1 stays on its ray, and the sign of x^T M x decides whether it grows",
    section="11",
    source="ours (theory 11)",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "row", "bias"),
    assumptions=("equal-steps", "no-projection-bias"),
    conclusion=sp.And(
        sp.Implies(sp.Gt(ob.norm_0, 0), sp.Eq(ob.cosine, 1, evaluate=False)),  # zero has no direction
        sp.Implies(sp.Gt(ob.form_0, 0), sp.Gt(ob.norm_t, ob.norm_s)),
        sp.Implies(sp.Lt(ob.form_0, 0), sp.Lt(ob.norm_t, ob.norm_s)),
        sp.Implies(sp.Eq(ob.form_0, 0), sp.Eq(ob.norm_t, ob.norm_0)),
    ),
    finite=sp.And(
        sp.Le(1 - ob.cosine, ROUNDING),  # the angle, not two cosines that rounding makes equal
        sp.Ge((ob.norm_t - ob.norm_s) * sp.sign(ob.form_0), -ob.norm_s * ROUNDING),
    ),
    measurement="vector",
    options={"log_times": (-4.0, -3.0, -2.0), "shapes": ((1, 2, 2, 1), (1, 3, 3, 2), (1, 4, 4, 2))},
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer(NEGATIVE, [[0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0]) | {"row": [0.0], "bias": 0.0},
            "Still radial, but C^T B = 2 - |x|^2 decides, not the form.",
        ),
        Counterexample(
            "equal-steps",
            layer(NEGATIVE, [[2.0, 2.0]], b=[2.0, -2.0]) | {"row": [0.0], "bias": 2.0},
        ),
    ),
    evidence="symbolic",
    notes="Token 1 alone. Checked to 1e-6, where rounding would hide a zero form.",
)
