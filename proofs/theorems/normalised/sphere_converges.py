"""Constant steps: token 1 on a sphere converges from every start (theory 16)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.proofs.theorems.rounding import ROUNDING
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

side = sp.sign(ob.form_0)
#: What the proof rests on, to rounding: the mean step moves one way.
one_way = sp.Ge((ob.mean_t - ob.mean_s) * side, -ROUNDING * ob.mean_s)


def proof() -> tuple[Step, ...]:
    """Fisher's theorem on the sphere."""
    Q, one, two, p = sp.symbols("Q Delta_1 Delta_2 p", real=True)
    average = p * one + (1 - p) * two
    moved = sp.diff(average, p) * 2 * Q * p * (one - average)
    variance = p * one**2 + (1 - p) * two**2 - average**2
    return (
        Step(
            "sphere-one-way",
            "The mean step moves by its variance",
            (sp.Eq(moved, 2 * Q * variance, evaluate=False),),
            r"(Two channels written out, p the share of the first.) $Q' = Q\sum_{de}M_{de}x_dx_e(\Delta_d + \Delta_e - 2\bar\Delta)$, so $Q$ keeps its sign; and "
            r"$\ln|x_d/x_e|' = Q(\Delta_d - \Delta_e)$: every ratio of entries moves one way and has a limit in $[0,\infty]$, so the token has one.",
            (sp.expand(moved - 2 * Q * variance),),
        ),
    )


CYCLE = [[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]

THEOREM = Theorem(
    id="sphere-converges",
    title="On the sphere, with constant steps, token 1 converges to an equilibrium from every start but zero",
    section="16",
    source="ours (theory 16)",
    kind="limit",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("constant-steps", "no-projection-bias"),
    conclusion=sp.Implies(ob.norm_0 > 0, sp.Eq(sp.Limit(ob.swing_t, nt.t, sp.oo), 0, evaluate=False)),  # zero is on no sphere
    finite=one_way,
    proof=proof,
    measurement="sphere_run",
    options={"shapes": ((1, 2, 2, 1), (1, 2, 4, 2), (1, 3, 8, 2)), "bare_limit": True},
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-2.0, 2.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "constant-steps",
            layer([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]], [[0.7, 0.55, 0.45]], S_dt_in=[[3.0 * v for v in row] for row in CYCLE],
                  S_dt_out=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
            "Rock, paper, scissors: the token visits three channels in turn, as in `sphere-cycle`.",
        ),
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.5, 0.4]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0], b=[0.0, 1.0]),
            "C^T B is positive where the form is negative.",
        ),
    ),
    uses=("replicator", "fisher"),
    evidence="symbolic",
    notes="What is checked is the step of the proof that a run can break: the mean step moves one way. The token ends where its orbit first meets the cone x^T M x = 0, or on the channels of the largest (x^T M x > 0) or smallest step that it uses.",
)  # fmt: skip
