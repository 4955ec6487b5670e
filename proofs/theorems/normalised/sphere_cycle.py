"""A normalised token that never converges (theory 16)."""

import math

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

#: What an entry still moves by: more than rounding, of at most 1 on the unit sphere; the proof has no number for it.
SWING = sp.Rational(1, 2)


def proof() -> tuple[Step, ...]:
    """What the steps' linear part does to the product of the entries' shares."""
    x = sp.symbols("x_1:4", positive=True)
    k, kappa = sp.symbols("k kappa", positive=True)
    total = sum(x)
    drives = [k * (x[(d + 2) % 3] - x[(d + 1) % 3]) - kappa * x[d] for d in range(3)]
    moved = sum((1 - 3 * own / total) * drive for own, drive in zip(x, drives, strict=True)) / 2
    wanted = kappa / (2 * total) * (3 * sum(own**2 for own in x) - total**2)
    spread = sum(drive**2 for drive in drives) - sum(drives) ** 2 / 3
    across = (3 * k**2 + kappa**2) * (sum(own**2 for own in x) - total**2 / 3)
    return (
        Step(
            "cycle-product",
            "The linear part of the steps makes the product fall",
            (sp.Eq(moved, wanted, evaluate=False), sp.Eq(spread, across, evaluate=False)),
            r"On $|x| = 1$ with $Q = -1$ the product $W$ of the shares $x_d/\sum x$ has $(\ln W)' = -\sum_d(1 - 3x_d/\sum x)\Delta_d$. "
            r"Of $z$, the argument of a step, softplus is $z/2$ and an even part of slope at most $|z|/4$; $|z|^2\le2k^2+\kappa^2$. By the Cauchy-Schwarz inequality the even "
            r"part adds at most $\frac14\sqrt{(2k^2+\kappa^2)(3k^2+\kappa^2)}$ where the linear one takes $\frac\kappa2$, times "
            r"$(3 - (\sum x)^2)/\sum x$. So $W$ falls. A limit would be an equilibrium: an axis, from "
            r"which a share grows, or the centre, where $W$ is largest.",
            (sp.cancel(moved - wanted), sp.expand(spread - across)),
        ),
    )


def _system(turn: float, pull: float, x: list[float]) -> dict[str, object]:
    size = math.hypot(*x)
    return {
        "turn": turn,
        "pull": pull,
        "floor": 0.0,
        "x": [[entry / size for entry in x]],
        "S_dt_in": [[1.0, 0.0, 0.0]],
    }


THEOREM = Theorem(
    id="sphere-cycle",
    title="On the unit sphere token 1 need not converge: for M = -1 and steps in a cycle of three channels it converges from no start in the "
    "octant but its centre",
    section="16",
    source="ours (theory 16)",
    kind="limit",
    variables=("turn", "pull", "floor", "x", "S_dt_in"),
    assumptions=("cycle-rates", "octant", "off-centre", "unit-start"),
    conclusion=sp.And(
        sp.Gt(sp.Limit(ob.swing_t, nt.t, sp.oo), 0, evaluate=False),
        sp.Le(ob.product_t, ob.product_s),
    ),
    finite=sp.And(sp.Ge(ob.swing_t, SWING), sp.Le(ob.product_t, ob.product_s)),
    proof=proof,
    measurement="sphere_cycle",
    options={"shapes": ((1, 1, 3, 1),), "bare_limit": True},
    ranges={"x": (0.2, 2.0)},
    counterexamples=(
        Counterexample("cycle-rates", _system(0.3, -0.15, [0.5, 0.8, 0.3]), "With the pull turned round the centre attracts."),
        Counterexample("octant", _system(0.3, 0.15, [0.8, 0.5, 0.0]), "Without the third channel the token ends on an axis."),
        Counterexample("off-centre", _system(0.3, 0.15, [1.0, 1.0, 1.0]), "The centre rests."),
    ),
    unbroken={"unit-start": "at |x(0)| = 10 with k = 0.3 and kappa = 0.15 the product W rises, in six runs of six; the check is made for the unit sphere and shows none"},
    uses=("replicator",),
    evidence="symbolic",
    notes="S_Delta has the rows (-kappa, -k, k), (k, -kappa, -k) and (-k, k, -kappa); M is minus the identity, b = 0. That the token visits the channels in "
    "turn, each time for longer, is seen in runs and not proved; with kappa = 0 and k = 3 the same is seen from most starts. Checked is more than the limit says: entries "
    "that still move by 1/2, for which the proof has no number.",
)  # fmt: skip
