"""A channel axis is invariant, and on it the layer is the 1-D flow (theory 3)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import layer_cell
from s6flow.symbolic.theorem import Counterexample, Theorem

d = nt.d
off_axis = sp.Eq(ob.on_axis[d], 0)

THEOREM = Theorem(
    id="channel-invariance",
    title="A layer moves tokens on a channel axis along that axis alone",
    section="3",
    source="ours (theory 3)",
    kind="invariance",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "on_axis"),
    assumptions=("on-axis",),
    conclusion=sp.Implies(off_axis, sp.Eq(layer_cell().formula, 0, evaluate=False)),
    finite=sp.Implies(off_axis, sp.Le(sp.Abs(layer_cell().formula), 0, evaluate=False)),
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "on-axis",
            {
                "S_B": [[1.0, 0.0]], "S_C": [[1.0, 0.0]], "S_dt_in": [[1.0, 0.0]], "S_dt_out": [[1.0], [0.0]],
                "beta_B": [0.0], "beta_C": [0.0], "a": [[1.0], [1.0]], "b": [0.0, 0.0], "floor": 0.0,
                "x": [[1.0, 1.0]], "on_axis": [1.0, 0.0],
            },
            "A token beside the axis moves off it.",
        ),
    ),
    notes=(
        "On the axis the layer is the flow of one channel with s = S_Delta[d,d], and where B and C have no bias that with "
        "mu_n = S_C[n,d] S_B[n,d]: the derivation's step axis-restriction and the formal statement axis_restriction. Left out on "
        "the axis: conv1d, its SiLU, gate, norms, skip, in_proj and out_proj, finite depth."
    ),
)  # fmt: skip
