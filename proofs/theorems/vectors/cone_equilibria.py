"""Every point of the cone is an equilibrium of token 1 (theory 11)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import layer_cell
from s6flow.symbolic.theorem import Counterexample, Theorem

THEOREM = Theorem(
    id="cone-equilibria",
    title="Every point of the cone x^T S_C^T S_B x = 0 is an equilibrium of token 1",
    section="11",
    source="ours (theory 11)",
    kind="invariance",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("no-projection-bias", "on-cone"),
    conclusion=sp.Implies(sp.Eq(nt.l, 1, evaluate=False), sp.Eq(layer_cell().formula, 0, evaluate=False)),
    scale=ob.magnitude(layer_cell()),
    options={"shapes": ((1, 2, 2, 1), (1, 2, 4, 2), (1, 4, 8, 2))},
    tolerance=1e-9,
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, 1.0]], beta_C=[1.0, 0.0]),
            "C reads its bias too.",
        ),
        Counterexample(
            "on-cone",
            layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, 0.5]]),
        ),
    ),
)  # fmt: skip
