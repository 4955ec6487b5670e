"""Competition of channels in token 1: a replicator equation (theory 15)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

d, e = nt.d, nt.e
Q = ob.form_0 * ob.norm_0**2


def proof() -> tuple[Step, ...]:
    """The share of one square among two."""
    q, i, rest, step, mean_rest = sp.symbols("Q q r Delta_d m", positive=True)
    share = i / (i + rest)  # squares: i' = 2 Q Delta_d i, rest' = 2 Q m rest
    moved = sp.diff(share, i) * 2 * q * step * i + sp.diff(share, rest) * 2 * q * mean_rest * rest
    wanted = 2 * q * share * (step - (share * step + (1 - share) * mean_rest))
    return (
        Step(
            "share-velocity",
            "A share grows by the excess of its step over the mean",
            (sp.Eq(moved, wanted),),
            "q is x_d^2, r the sum of the other squares and m their mean step. Squares obey (x_d^2)' = 2 Q Delta_d x_d^2; all other channels together obey the same with m.",
            (sp.cancel(moved - wanted),),
        ),
    )


THEOREM = Theorem(
    id="replicator",
    title="The shares p_d = x_d^2/|x|^2 of token 1 obey p_d' = 2 (x^T M x) p_d (Delta_d - sum_k p_k Delta_k)",
    section="15",
    source="ours (theory 15)",
    kind="identity",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("no-projection-bias",),
    conclusion=sp.Eq(ob.share_rate[d], fm.replicator(ob.share, ob.step_of).subs(fm.form_value, Q), evaluate=False),
    proof=proof,
    measurement="channel_shares",
    tolerance=1e-9,
    scale=ob.form_norm * ob.norm_0**2 * sp.Sum(ob.step_of[e], (e, 1, nt.D)),
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-3.0, 3.0)},
    options={"shapes": ((1, 2, 2, 1), (1, 3, 4, 2), (1, 2, 16, 3))},
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.5, 0.4]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0], b=[0.0, 1.0]),
            "C^T B, with its biases, stands in the place of the form then.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "The fitness of a channel is its step: while the token grows, the shares of channels whose step exceeds the mean rise, and "
        "while it shrinks those of the others."
    ),
)
