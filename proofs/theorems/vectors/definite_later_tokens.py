"""Later tokens of a definite layer (theory 11): a conjecture."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

THEOREM = Theorem(
    id="definite-later-tokens",
    title="sym(S_C^T S_B) < 0: every token converges",
    section="11",
    source="paper (2-D, Figure 6); a conjecture here",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("form-negative", "no-projection-bias"),
    conclusion=sp.Le(ob.norm_t, ob.norm_s),
    measurement="vector",
    options={"log_times": (2.0, 4.0, 6.0), "shapes": ((3, 2, 2, 1), (3, 3, 3, 2)), "bare_limit": True, "tokens": "all"},
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "form-negative",
            {
                "S_B": [[1.0, 0.0], [0.0, 1.0]],
                "S_C": [[1.0, 0.0], [0.0, 1.0]],
                "S_dt_in": [[0.0, 0.0]],
                "S_dt_out": [[0.0], [0.0]],
                "beta_B": [0.0, 0.0],
                "beta_C": [0.0, 0.0],
                "a": [[1.0, 1.0], [1.0, 1.0]],
                "b": [0.0, 0.0],
                "floor": 0.0,
                "x": [[0.02, 0.0], [0.0, 0.02], [0.01, 0.01]],
            },
            "A positive definite form: growth.",
        ),
        Counterexample(
            "no-projection-bias",
            {
                "S_B": [[1.0, 0.0], [0.0, 1.0]],
                "S_C": [[-1.0, 0.0], [0.0, -1.0]],
                "S_dt_in": [[0.0, 0.0]],
                "S_dt_out": [[0.0], [0.0]],
                "beta_B": [1.0, 1.0],
                "beta_C": [1.0, 1.0],
                "a": [[1.0, 1.0], [1.0, 1.0]],
                "b": [0.0, 0.0],
                "floor": 0.0,
                "x": [[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]],
            },
            "C.B = 2 - |x|^2 for token 1: a small token grows.",
        ),
    ),
    evidence="conjecture",
    notes=(
        "Only seen: the norm of all tokens together falls between ln t = 2, 4 and 6. One positive "
        "eigenvalue, which the figure also calls divergent, is refuted by cone-attracts."
    ),
)
