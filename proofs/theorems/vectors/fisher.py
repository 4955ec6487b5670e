"""Constant steps: the mean step of token 1 moves by its variance (theory 15)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

e = nt.e
Q = ob.form_0 * ob.norm_0**2

BIASED = layer([[-1.0, 0.0], [0.0, -1.0]], [[0.5, 0.4]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0], b=[0.0, 1.0])

THEOREM = Theorem(
    id="fisher",
    title="Constant steps: (sum_d p_d Delta_d)' = 2 (x^T M x) Var_p(Delta) for the shares p_d of token 1",
    section="15",
    source="ours (theory 15)",
    kind="identity",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("constant-steps", "no-projection-bias"),
    conclusion=sp.Eq(ob.mean_rate, fm.fisher(ob.share, ob.step_of).subs(fm.form_value, Q), evaluate=False),
    measurement="channel_shares",
    tolerance=1e-9,
    scale=ob.form_norm * ob.norm_0**2 * sp.Sum(ob.step_of[e] ** 2, (e, 1, nt.D)),
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-3.0, 3.0)},
    options={"shapes": ((1, 2, 2, 1), (1, 3, 4, 2), (1, 2, 16, 3))},
    counterexamples=(
        Counterexample("no-projection-bias", BIASED, "C^T B, with its biases, stands in the place of the form then."),
        Counterexample(
            "constant-steps",
            {
                **BIASED,
                "beta_B": [0.0, 0.0],
                "beta_C": [0.0, 0.0],
                "S_dt_in": [[1.0, 0.0]],
                "S_dt_out": [[1.0], [0.0]],
            },
            "A step that moves with the token adds its own velocity.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "The sum of replicator times Delta_d. So the mean step does not fall while x^T M x > 0 and does not rise while it is < 0; and "
        "ln|x_i|/Delta_i - ln|x_j|/Delta_j is conserved."
    ),
)
