"""Where token 1 rests on a sphere (theory 16)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

e = nt.e
Q = ob.form_0 * ob.norm_0**2


def proof() -> tuple[Step, ...]:
    """The squared speed of three channels."""
    p = sp.symbols("p_1:4", positive=True)
    steps = sp.symbols("Delta_1:4", positive=True)
    total = sum(p)
    mean = sum(a * b for a, b in zip(p, steps, strict=True)) / total
    squared = sum(a * (b - mean) ** 2 for a, b in zip(p, steps, strict=True))
    variance = sum(a * b**2 for a, b in zip(p, steps, strict=True)) - total * mean**2
    return (
        Step(
            "sphere-speed",
            "The squared speed is a variance",
            (sp.Eq(squared, variance, evaluate=False),),
            r"$x_d' = Q(\Delta_d - \bar\Delta)x_d$, so $|x'|^2 = Q^2\sum_d x_d^2(\Delta_d - \bar\Delta)^2$ (three channels written out, p_d for x_d^2). A "
            r"variance is zero where all steps on the support agree.",
            (sp.cancel(squared - variance),),
        ),
    )


BIASED = layer([[-1.0, 0.0], [0.0, -1.0]], [[0.5, 0.4]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0], b=[0.0, 1.0])

THEOREM = Theorem(
    id="sphere-equilibria",
    title="On the sphere |x'|^2 = (x^T M x)^2 |x|^2 Var_p(Delta): token 1 rests on the cone, and where all steps in its support agree",
    section="16",
    source="ours (theory 16)",
    kind="identity",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("no-projection-bias",),
    conclusion=sp.Eq(
        sp.Sum(ob.sphere_rate[e] ** 2, (e, 1, nt.D)),
        nm.speed(ob.share, ob.step_of).subs({fm.form_value: Q, nm.size: ob.norm_0**2}),
        evaluate=False,
    ),
    proof=proof,
    measurement="channel_shares",
    tolerance=1e-9,
    scale=(ob.form_norm * ob.norm_0**2) ** 2 * ob.norm_0**2 * sp.Sum(ob.step_of[e] ** 2, (e, 1, nt.D)),
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-3.0, 3.0)},
    options={"shapes": ((1, 2, 2, 1), (1, 3, 4, 2), (1, 2, 16, 3))},
    counterexamples=(
        Counterexample("no-projection-bias", BIASED, "C^T B, with its biases, stands in the place of the form then."),
    ),
    uses=("replicator",),
    evidence="symbolic",
    notes="The axes are among the second kind; of a face whose steps agree only at some of its points these points rest.",
)
