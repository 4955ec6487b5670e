"""What the sign of mu does not say: the own term on data is a matter of their moments (theory 22)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.layer import Scan, layer_cell
from s6flow.symbolic.theorem import Counterexample, Step, Theorem

l, n = nt.l, nt.n


_written = sp.Sum(nt.S_B[n, nt.e] * nt.x[l, nt.e], (nt.e, 1, nt.D)) + nt.beta_B[n]
#: C.B at token l, and its sum over the tokens up to here.
own = sp.Sum(layer_cell().readout * _written, (n, 1, nt.N))
total = Scan(sp.Integer(1), own)
_mean = total / l
_size = sp.Sum(
    sp.Sum(sp.Abs(nt.S_C[n, nt.e] * nt.x[l, nt.e]), (nt.e, 1, nt.D))
    * sp.Sum(sp.Abs(nt.S_B[n, nt.e] * nt.x[l, nt.e]), (nt.e, 1, nt.D)),
    (n, 1, nt.N),
)


def proof() -> tuple[Step, ...]:
    """The second moment is the covariance and the square of the mean."""
    c, b, mean_c, mean_b = sp.symbols("c b cbar bbar", real=True)
    whole = (c - mean_c) * (b - mean_b)
    return (
        Step(
            "own-moments",
            "Second moments are covariances and products of means",
            (sp.Eq(c * b, whole + c * mean_b + mean_c * b - mean_c * mean_b, evaluate=False),),
            r"Averaged over the data the last three terms are $\bar c\,\bar b$; with $c = (S_C u)_n$, $b = (S_B u)_n$, summed over $n$, the "
            r"first is $\operatorname{tr}(M\Sigma)$ and the rest $m^\top M m$.",
            (sp.expand(c * b - (whole + c * mean_b + mean_c * b - mean_c * mean_b)),),
        ),
    )


THEOREM = Theorem(
    id="own-term-on-data",
    title="The mean of C.B over data with mean m and covariance Sigma is tr(M Sigma) + m^T M m",
    section="22",
    source="ours (theory 22)",
    kind="identity",
    variables=("S_B", "S_C", "beta_B", "beta_C", "x", "S_dt_in"),
    assumptions=("no-projection-bias",),
    conclusion=sp.Eq(_mean, ob.trace_term[l] + ob.mean_term[l], evaluate=False),
    scale=Scan(sp.Integer(1), _size) / l,
    measurement="own_term",
    tolerance=1e-9,
    proof=proof,
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            {"S_B": [[1.0, 0.0]], "S_C": [[1.0, 0.0]], "S_dt_in": [[0.0, 0.0]], "beta_B": [1.0], "beta_C": [1.0], "x": [[1.0, 1.0], [2.0, 0.0]]},
            "Biases add a linear and a constant term.",
        ),
    ),
    notes="Where the rows of S_B and S_C are independent M = S_C^T S_B has both signs (`symmetric-signature`), so that the signs of mu on the channel "
    "axes do not decide the sign of C.B = x^T M x on data.",
)  # fmt: skip
