"""The residual stack is forward Euler for the flow (theory 2)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

#: Distances at which the order shows: beyond them the higher orders do, near a blow-up say (ratio 0.59 at 0.17).
SMALL = sp.Rational(1, 50)
#: Of the ratio, for the higher orders at these distances; an error of second order is off by five times as much.
NEXT_ORDER = sp.Rational(1, 20)

THEOREM = Theorem(
    id="euler-consistency",
    title="The residual stack follows the flow with an error of first order in the layer depth",
    section="2",
    source="paper (continuous-time limit); ours (order)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=(),
    conclusion=sp.Lt(sp.Limit(ob.error_h / nt.h, nt.h, 0), sp.oo, evaluate=False),
    finite=sp.Implies(
        sp.Le(ob.error_h, SMALL),
        sp.Le(sp.Abs(ob.error_half / ob.error_h - sp.Rational(1, 2)), NEXT_ORDER),
    ),
    measurement="stack",
    options={"bare_limit": True, "shapes": ((1, 1), (3, 2), (6, 4)), "layers": 256},
    ranges={"x0": (0.05, 1.5), "mu": (0.05, 1.0), "b": (-2.0, 1.0), "s": (0.1, 1.5), "zero": (0.0, 0.1)},
    evidence="symbolic",
    notes=(
        "Seen as: halving the step halves the distance from the flow at a fixed depth-time before blow-up, where it is at most "
        "1/50. That is more than the limit says: an error of higher order would be quartered, and break the check alone."
    ),
)
