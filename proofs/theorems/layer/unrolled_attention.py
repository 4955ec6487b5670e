"""The S6 layer is a causal attention (theory 1)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import layer_cell
from s6flow.symbolic.theorem import Theorem

THEOREM = Theorem(
    id="unrolled-attention",
    title="The S6 layer is a causal attention over its tokens",
    section="1",
    source="paper (with biases and floor: ours)",
    kind="identity",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=(),
    conclusion=sp.Eq(layer_cell().formula, ob.unrolled(layer_cell()), evaluate=False),
    scale=ob.magnitude(layer_cell()),
    evidence="symbolic",
)
