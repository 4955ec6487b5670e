"""The signature of a generic layer (theory 11)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem


def proof() -> tuple[Step, ...]:
    """Congruence to a hyperbolic form: (u + v)^2 - (u - v)^2 = 4 u v."""
    u, v = sp.symbols("u v", real=True)
    return (
        Step(
            "hyperbolic-pairs",
            "Each state contributes one positive and one negative square",
            (sp.Eq(u * v, ((u + v) ** 2 - (u - v) ** 2) / 4),),
            "x^T S_C^T S_B x = sum_n u_n v_n with u = S_C x and v = S_B x; for 2N <= D and independent rows "
            "u and v are free, "
            "and by Sylvester's law of inertia the signature is N, N.",
            (sp.expand(u * v - ((u + v) ** 2 - (u - v) ** 2) / 4),),
        ),
    )


THEOREM = Theorem(
    id="symmetric-signature",
    title="If the 2N rows of S_B and S_C are independent, S_C^T S_B has a symmetric part of signature N, N",
    section="11",
    source="ours (theory 11)",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in"),
    assumptions=("rows-independent",),
    conclusion=sp.And(sp.Eq(ob.count_positive, nt.N), sp.Eq(ob.count_negative, nt.N)),
    proof=proof,
    measurement="spectra",
    options={"shapes": ((1, 1, 4), (1, 2, 6), (1, 3, 12))},
    counterexamples=(
        Counterexample(
            "rows-independent",
            {"S_B": [[1.0, 0.0], [0.0, 1.0]], "S_C": [[1.0, 0.0], [0.0, 1.0]], "S_dt_in": [[1.0, 1.0]]},
            "Here 2N > D.",
        ),
        Counterexample(
            "rows-independent",
            {"S_B": [[1.0, 2.0, 0.0, 1.0]], "S_C": [[1.0, 2.0, 0.0, 1.0]], "S_dt_in": [[1.0, 1.0, 1.0, 1.0]]},
            "Equal rows make a square: 2N <= D alone is not enough.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "Independence holds for almost every pair of matrices with 2N <= D. In the basis that the rows span the "
        "symmetric part is "
        "[[0, 1], [1, 0]]/2 by congruence (Sylvester)."
    ),
)
