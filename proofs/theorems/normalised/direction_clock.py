"""A token that grows outward turns ever more slowly (theory 17)."""

import sympy as sp

from s6flow.symbolic import normalised as nm
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Sharpness, Theorem


def proof() -> tuple[Step, ...]:
    """The clock's hand."""
    U, w, r, t1, t2 = sp.symbols("U w r_0 t_1 t_2", positive=True)
    clock = U / w * sp.log((r + w * t2) / (r + w * t1))
    return (
        Step(
            "direction-speed",
            "Directions move at the orthogonal velocity over the norm",
            (sp.Eq(sp.Derivative(clock, t2), U / (r + w * t2), evaluate=False),),
            r"For $\theta = x/|x|$ and $\Pi$ the projection orthogonal to it, $\theta' = \Pi x'/|x|$, at most $U/(r_0 + wt)$. The cosine of the "
            r"angle to $\theta(t_1)$ falls at most by its sine times that, and so the angle grows at most by the integral.",
            (sp.simplify(sp.diff(clock, t2) - U / (r + w * t2)), clock.subs(t2, t1)),
        ),
    )


THEOREM = Theorem(
    id="direction-clock",
    title="If |x(t)| >= r_0 + w t and the velocity orthogonal to x is at most U, the direction turns at most (U/w) ln((r_0 + w t_2)/(r_0 + w t_1))",
    section="17",
    source="ours (theory 17)",
    kind="bound",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "skip", "gain", "norm_floor", "x", "t"),
    assumptions=(),
    conclusion=sp.Le(ob.turned, ob.sharp * nm.clock(), evaluate=False),
    proof=proof,
    measurement="prenorm_turn",
    tolerance=1e-4,
    sharpness=Sharpness("approached by every token that turns, over short times; attained by a spiral for all times", sp.Rational(99, 100)),
    witness={
        "S_B": [[1.0, 0.0]], "S_C": [[1.0, 0.0]], "S_dt_in": [[0.0, 0.0]], "S_dt_out": [[0.0], [0.0]], "beta_B": [0.0], "beta_C": [0.0],
        "a": [[1.0], [1.0]], "b": [0.0, 1.0], "floor": 0.0, "skip": [0.5, 0.0], "gain": [1.0, 1.0], "norm_floor": 0.0,
        "x": [[1.0, 1.0]], "t": 1e-2,
    },
    options={"shapes": ((1, 2, 3, 2), (3, 2, 4, 2), (2, 3, 8, 2))},
    ranges={"t": (1e-2, 3.0), "x": (0.1, 10.0), "matrix": (0.1, 1.0), "b": (-2.0, 2.0), "a": (0.1, 3.0)},
    evidence="symbolic",
    notes="Of any velocity, for r_0 > 0 and w > 0: a stack that is a flow in depth and whose tokens grow linearly (`prenorm-axis`) turns them at "
    "most like the inverse of depth. The bound grows with the logarithm of depth, so it does not say that directions settle.",
)  # fmt: skip
