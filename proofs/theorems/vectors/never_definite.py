"""An unconstrained layer is never definite (theory 11)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

THEOREM = Theorem(
    id="never-definite",
    title="For D > N the form x^T S_C^T S_B x vanishes on a nonzero vector: it is never definite",
    section="11",
    source="ours (theory 11)",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in"),
    assumptions=("wider",),
    conclusion=sp.And(sp.Le(ob.eig_min, 0), sp.Ge(ob.eig_max, 0), sp.Le(ob.matrix_rank, nt.N)),
    measurement="spectra",
    counterexamples=(
        Counterexample(
            "wider", {"S_B": [[1.0, 0.0], [0.0, 1.0]], "S_C": [[1.0, 0.0], [0.0, 1.0]], "S_dt_in": [[1.0, 1.0]]}
        ),
    ),
    options={"shapes": ((1, 1, 4), (1, 2, 6), (1, 3, 12))},
    evidence="symbolic",
    notes="A vector in the kernel of S_B makes the form zero, and it exists when D > N.",
)
