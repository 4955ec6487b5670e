"""Two tokens with s = 0 in closed form (theory 4)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
second = cr.inverse_square_second().subs(cr.y0, nt.x0[l])
linear, linear_start = (
    cr.linear_and_power(zeta, cr.gate(sp.Integer(0)).subs(nt.a[nt.n], ob.decay), sp.Integer(0))
    for zeta in (ob.zeta_t, ob.zeta_0)
)


def proof() -> tuple[Step, ...]:
    """z_2 solves its linear equation along zeta."""
    zeta, C, ratio = sp.symbols("zeta C q", positive=True)
    solution = cr.linear_and_power(zeta, ratio, C)
    # z_2' = -2 (q F_1 + mu delta0 / z_2) z_2 with F_1 = mu delta0 / zeta and zeta' = -2 mu delta0
    residual = sp.expand(zeta * sp.diff(solution, zeta) - ratio * solution - zeta)
    return (
        Step(
            "two-tokens-at-s-zero",
            "Two tokens with a constant step",
            (sp.Eq(sp.Symbol("z_2"), solution),),
            "z_2 = 1/x_2^2 and zeta = 1/x_1^2 obey zeta dz_2/dzeta = q z_2 + zeta, q = e^(-a delta_0) the gate of a constant step; C is a constant.",
            (residual,),
        ),
    )


THEOREM = Theorem(
    id="closed-form-two-tokens",
    title="With s = 0 and one decay rate, the inverse square of token 2 is the sum of a multiple of that of token 1 and a multiple of a power of that",
    section="4",
    source="ours (theory 4)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0", "t", "decay"),
    assumptions=("s-zero", "one-decay", "tokens-nonzero"),
    conclusion=sp.Implies(
        sp.Eq(l, 2, evaluate=False),
        sp.Eq(ob.x_t[l] ** -2, second, evaluate=False),
    ),
    proof=proof,
    scale=linear + linear_start + sp.Abs(second - linear),
    measurement="two_tokens",
    options={"shapes": ((2, 1), (2, 3)), "rtol": 1e-11},
    tolerance=1e-7,
    ranges={"mu": (1e-2, 1e1), "x0": (1e-2, 1e1), "a": (0.05, 3.0), "b": (-2.0, 3.0)},
    uses=("closed-form-first-token",),
    evidence="symbolic",
    counterexamples=(
        Counterexample(
            "s-zero",
            {"mu": [-1.0], "a": [1.0], "decay": 1.0, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5]},
        ),
        Counterexample(
            "one-decay",
            {"mu": [-1.0, -1.0], "a": [0.2, 3.0], "decay": 1.0, "s": 0.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5]},
        ),
    ),
    unbroken={
        "tokens-nonzero": "the inverse squares that the statement is about do not exist where token 1 or 2 is zero"
    },
    notes="For mu of any sign and mu_n of any signs: for mu > 0 it holds up to the blow-up of the first of the two.",
)
