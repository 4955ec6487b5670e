"""A negative definite layer whose steps stay between two bounds: every token converges (theory 14)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import forms as fm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

l = nt.l
constant = fm.all_tokens_constant().subs({fm.square: ob.square_0[l], fm.before: ob.constants_before[l]})


THEOREM = Theorem(
    id="definite-all-tokens",
    title="sym(S_C^T S_B) < 0: every token's squared norm is at most K_l/(1 + t) while steps stay between two bounds",
    section="14",
    source="ours (theory 14); the paper shows the 2-D case in Figure 6",
    kind="bound",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("form-negative", "no-projection-bias"),
    conclusion=sp.Le(ob.square_t[l], ob.sharp * constant / (1 + nt.t)),
    measurement="vector_tokens",
    options={"log_times": (-6.0, 4.0, 41), "max_steps": 1000, "shapes": ((1, 2, 2, 1), (3, 2, 2, 1), (3, 3, 3, 2))},
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    sharpness=Sharpness(
        "attained by token 1 for S_C^T S_B = -1 and one constant step, if it starts at |x|^2 = 1/(2 Delta)",
        sp.Rational(99, 100),
    ),
    witness=layer([[-1.0, 0.0], [0.0, -1.0]], [[0.8493218002880191, 0.0]]),
    counterexamples=(
        Counterexample(
            "form-negative",
            layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]),
            "An indefinite form: the first token grows.",
        ),
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.1, 0.1], [0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0]),
            "C^T B = 2 - |x|^2 for token 1: a small token grows to the circle |x|^2 = 2 and stays there.",
        ),
    ),
    uses=("unrolled-attention",),
    evidence="symbolic",
    notes=(
        "z_l = |x_l|^2 obeys z_l' <= -2 |lambda_max| (the smallest step) z_l^2 + 2 |S_B||S_C| (the largest) z_l sum_{j<l} z_j. The bounds "
        "of the steps are those of the run up to t; with S_Delta = 0 or a positive floor they hold for all time, and every "
        "token tends to zero. Without a lower bound it need not: see `definite-later-tokens` among the refuted claims."
    ),
)
