"""Finite depth: when a layer contracts token 1 (theory 10)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Sharpness, Theorem

y = ob.y
number = cr.contraction_number()
after = sp.Abs(y * (1 + nt.h * cr.own_rate(y)))

THEOREM = Theorem(
    id="depth-contraction",
    title="One layer of depth h makes |x_1| smaller exactly if 0 < -h mu x^2 Delta(x) < 2",
    section="10",
    source="ours (theory 10)",
    kind="classification",
    variables=("mu", "s", "b", "floor", "y", "h"),
    assumptions=(),
    conclusion=sp.Implies(
        sp.Ne(y, 0),
        sp.And(
            sp.Implies(sp.And(number > 0, number < 2 / ob.sharp), sp.Lt(after, sp.Abs(y))),
            sp.Implies(sp.Or(number <= 0, number >= 2 / ob.sharp), sp.Ge(after, sp.Abs(y))),
        ),
    ),
    finite=sp.And(
        sp.Implies(sp.And(number > 0, number < 2 / ob.sharp), sp.Le(after, sp.Abs(y))),
        sp.Implies(sp.Or(number < 0, number > 2 / ob.sharp), sp.Ge(after, sp.Abs(y))),
    ),
    ranges={"y": (1e-3, 1e2), "mu": (1e-3, 1e2), "b": (-3.0, 3.0)},
    sharpness=Sharpness("the number 2", sp.Rational(99, 100)),
    witness={"mu": [-1.0], "s": 0.0, "b": 0.5413248546129181, "floor": 0.0, "y": 1.0, "h": 2.01},
    evidence="symbolic",
    notes="b = ln(e - 1) makes Delta = 1 in the witness. A zero token stays. Checked with <= on both sides.",
)
