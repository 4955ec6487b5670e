"""The ends of token 1 in D dimensions (theory 14)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.proofs.theorems.rounding import ROUNDING
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

d = nt.d
side = sp.sign(ob.form_0)


def one_way(slack: sp.Expr) -> sp.Basic:
    """The form and the entries keep their signs, and every |x_d| moves to one side, but for the slack."""
    return sp.And(
        sp.Ge(ob.form_t * side, -ob.form_norm * slack),
        sp.Ge(ob.entry_t[d] * sp.sign(ob.entry_s[d]), 0),
        sp.Ge((sp.Abs(ob.entry_t[d]) - sp.Abs(ob.entry_s[d])) * side, -slack * sp.Abs(ob.entry_s[d])),
    )


ends = sp.Or(
    sp.Eq(sp.Limit(ob.norm_t, nt.t, ob.T, "-"), sp.oo, evaluate=False),
    sp.Eq(sp.Limit(ob.form_t * ob.norm_t**2, nt.t, sp.oo), 0, evaluate=False),
)


def proof() -> tuple[Step, ...]:
    """The form obeys a linear equation along the flow."""
    Q, i, j, m, steps_i, steps_j = sp.symbols("Q x_i x_j M_ij Delta_i Delta_j", real=True)
    moved = sp.diff(m * i * j, i) * Q * steps_i * i + sp.diff(m * i * j, j) * Q * steps_j * j
    return (
        Step(
            "form-keeps-its-sign",
            "The form obeys a linear equation along the flow",
            (sp.Eq(sp.Symbol(r"(M_{ij} x_{i} x_{j})'"), Q * m * (steps_i + steps_j) * i * j),),
            "Term by term, so that Q' = Q sum_ij M_ij (Delta_i + Delta_j) x_i x_j. So Q never passes zero; every |x_d|' has its sign, and a token that stays bounded converges to an equilibrium.",
            (sp.expand(moved - Q * m * (steps_i + steps_j) * i * j),),
        ),
    )


THEOREM = Theorem(
    id="orbit-trichotomy",
    title=(
        "Token 1 in D dimensions: x^T M x keeps its sign, every |x_d| moves one way, and the token stops on the cone "
        "x^T M x = 0, dies, or grows without bound"
    ),
    section="14",
    source="ours (theory 14)",
    kind="classification",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "t"),
    assumptions=("no-projection-bias",),
    conclusion=sp.And(one_way(sp.Integer(0)), ends),
    finite=one_way(ROUNDING),
    proof=proof,
    measurement="vector",
    options={
        "bare_limit": True,
        "log_times": (-4.0, -2.0, -1.0, 0.0),
        "max_steps": 500,
        "until_rest": True,
        "shapes": ((1, 1, 3, 1), (1, 2, 2, 1), (1, 3, 4, 2)),
    },
    ranges={"x": (0.1, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            layer([[-1.0, 0.0], [0.0, -1.0]], [[0.1, 0.1]], beta_B=[1.0, 1.0], beta_C=[1.0, 1.0]),
            "C^T B = 2 - |x|^2 decides, not the form -|x|^2: the token grows.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "The token runs along the orbit of V(x)_d = Delta_d(x) x_d, forwards while x^T M x > 0 and backwards while it is "
        "< 0. Growth without bound needs x^T M x > 0, death needs x^T M x < 0; what stops on the cone is not zero if "
        "x^T M x > 0 at the start. How it ends is not checked here: see orbit-sum, cone-attracts and slowest-channel. Checked up to the first output at which the token rests on the cone, |x^T M x| <= 1e-10 |M| |x|^2: "
        "rounding alone moves it from there on."
    ),
)
