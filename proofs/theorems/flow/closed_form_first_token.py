"""The flow with s = 0 is solved by powers (theory 4)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
zeta = cr.inverse_square_flat().subs(cr.y0, nt.x0[l])
first = sp.Eq(ob.x_t[l] ** -2, zeta, evaluate=False)

THEOREM = Theorem(
    id="closed-form-first-token",
    title="With s = 0 the inverse square of token 1 is linear in depth-time: it falls for mu > 0 and rises for mu < 0",
    section="4",
    source="ours (theory 4)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0", "t"),
    assumptions=("s-zero",),
    conclusion=sp.Implies(sp.And(sp.Eq(l, 1, evaluate=False), sp.Ne(nt.x0[l], 0)), first),
    scale=nt.x0[l] ** -2 + sp.Abs(zeta - nt.x0[l] ** -2),
    measurement="trajectory",
    options={"shapes": ((1, 1), (1, 3), (1, 8))},
    tolerance=1e-7,
    ranges={"mu": (1e-3, 1e2), "x0": (1e-3, 1e2)},
    evidence="symbolic",
    notes=(
        "Checked on token 1 alone, which no later token touches (causality): in the company of tokens at a stiff "
        "quasi-equilibrium the whole system is integrated to 1e-8 only."
    ),
    counterexamples=(
        Counterexample("s-zero", {"mu": [-1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]}),
    ),
)
