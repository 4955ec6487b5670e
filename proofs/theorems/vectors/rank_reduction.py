"""The D x D matrix is never formed (theory 11)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Theorem

THEOREM = Theorem(
    id="rank-reduction",
    title="All traces of powers of S_C^T S_B are those of the N x N matrix S_B S_C^T, and so are its nonzero eigenvalues",
    section="11",
    source="ours (theory 11)",
    kind="identity",
    variables=("S_B", "S_C", "S_dt_in"),
    assumptions=(),
    conclusion=sp.Eq(ob.spectrum[nt.n], ob.small[nt.n], evaluate=False),
    measurement="spectra",
    scale=ob.spectrum_size[nt.n],
    tolerance=1e-9,
    evidence="symbolic",
    notes=(
        "The power sums tr(M^k), k = 1..N, decide the nonzero eigenvalues with their "
        "multiplicities because the rank is "
        "at most N. The measurement forms the D x D matrix on purpose, to have something to compare with."
    ),
)
