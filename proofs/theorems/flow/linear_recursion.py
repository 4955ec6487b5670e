"""The O(L^2) sum of the hidden attention is a linear recursion (theory 4)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.observables import growth, magnitude, unrolled
from s6flow.symbolic.theorem import Theorem

THEOREM = Theorem(
    id="linear-recursion",
    title="The growth rate of every token is a sum of linear recursions, one for each state",
    section="4",
    source="ours (theory 4)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=(),
    conclusion=sp.Eq(growth(nt.x0), unrolled(flow_cell(), nt.x0), evaluate=False),
    scale=magnitude(flow_cell(), nt.x0),
    evidence="symbolic",
    witness={"mu": [-1.0, 2.0], "a": [0.5, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, -0.5, 2.0]},
)
