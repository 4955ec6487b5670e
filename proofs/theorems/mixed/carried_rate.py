"""What token 2 inherits from token 1 (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import flow_cell
from s6flow.symbolic.theorem import Theorem

l = nt.l
second = cr.carried(nt.x0[l]) * ob.rate_first + cr.own_rate(nt.x0[l])

THEOREM = Theorem(
    id="carried-rate",
    title="Token 2 grows at K(x_2) times the rate of token 1, plus its own",
    section="8, E3",
    source="ours (theory 8)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("mu-nonzero",),
    conclusion=sp.Implies(sp.Eq(l, 2, evaluate=False), sp.Eq(ob.growth(nt.x0), second, evaluate=False)),
    scale=ob.magnitude(flow_cell(), nt.x0),
    measurement="first_rate",
    tolerance=1e-9,
    ranges={},
    unbroken={"mu-nonzero": "K is a sum divided by mu and does not exist without it"},
    evidence="symbolic",
    notes=(
        "Exact at every state, with K at the step Delta(x) of token 2; near the blow-up of token 1 the own rate is negligible for a bounded x_2."
    ),
)
