"""Only signs, ratios and |s| x remain (theory 4)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.theorem import Theorem

l = nt.l
scaled = flow_cell().at({nt.s: sp.sign(nt.s)}).at({nt.x[l]: sp.Abs(nt.s) * nt.x0[l]}).formula

THEOREM = Theorem(
    id="scaling",
    title="The flow scales: for s != 0 only sign s, b, the floor, a_n, mu_n and |s| x remain",
    section="4",
    source="ours (theory 4)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=(),
    conclusion=sp.Eq(ob.growth(nt.x0) * nt.s**2, scaled, evaluate=False),
    scale=ob.magnitude(flow_cell(), nt.x0) * nt.s**2,
    evidence="symbolic",
    notes="In the depth-time |mu| t / s^2 the factor |mu| goes too where mu is not zero, because F_l is linear in the mu_n.",
)
