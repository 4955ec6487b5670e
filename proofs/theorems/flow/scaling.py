"""Only signs, ratios and |s| x remain (theory 4)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
scaled = flow_cell().at({nt.s: sp.sign(nt.s)}).at({nt.x[l]: sp.Abs(nt.s) * nt.x0[l]}).formula

THEOREM = Theorem(
    id="scaling",
    title="The flow scales: only sign s, b, a_n, mu_n and |s| x remain",
    section="4",
    source="ours (theory 4)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("s-nonzero",),
    conclusion=sp.Eq(ob.growth(nt.x0) * nt.s**2, scaled, evaluate=False),
    scale=ob.magnitude(flow_cell(), nt.x0) * nt.s**2,
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "s-nonzero", {"mu": [1.0], "a": [1.0], "s": 0.0, "b": 0.0, "floor": 0.0, "x0": [1.0]}, "x^ would be 0."
        ),
    ),
    notes="With th = |mu| t / s^2 the factor |mu| goes too, because F is linear in the mu_n.",
)
