"""mu > 0 and K >= 0 at every step in reach: growth as for mu_n of one sign (theory 8, E3)."""

import sympy as sp

from s6flow.proofs.theorems.divergence import divergence_monotone
from s6flow.symbolic.theorem import Counterexample, Step, Theorem


def proof() -> tuple[Step, ...]:
    """F_3 is token 3's own rate and what it carries on from tokens 1 and 2; Abel's test for three states."""
    d = sp.symbols("Delta_1:4", positive=True)
    x, mu, a = sp.symbols("x_1:4"), sp.symbols("mu_1:4"), sp.symbols("a_1:4", positive=True)
    z = sp.Symbol("z", positive=True)

    def total(step: sp.Expr) -> sp.Expr:
        return sum(m * sp.exp(-r * step) for m, r in zip(mu, a, strict=True))

    states = [sp.Integer(0)] * 3
    for step, token in zip(d, x, strict=True):
        states = [sp.exp(-r * step) * f + m * token**2 * step for f, m, r in zip(states, mu, a, strict=True)]
    split = sum(x[j] ** 2 * d[j] * total(sum(d[j + 1 :], sp.Integer(0))) for j in range(3))
    sums = [sum(mu[: k + 1]) for k in range(3)]
    gates = [sp.exp(-r * z) for r in a]
    abel = sums[0] * (gates[0] - gates[1]) + sums[1] * (gates[1] - gates[2]) + sums[2] * gates[2]
    carried = sp.Symbol("kappa(z)")
    return (
        Step(
            "carried-split",
            "A growth rate is a sum of mu K at sums of steps",
            (sp.Eq(sp.Symbol("F_3"), split, evaluate=False),),
            "The recursion, unrolled: what token $j$ writes reaches token $l$ through the gates of the steps between, and "
            "$\\sum_n \\mu_n e^{-a_n z} = \\mu K$ at the step $z$. The last term is the own rate; the others have the sign of $K$.",
            (sp.expand(sum(states) - split),),
        ),
        Step(
            "carried-partial-sums",
            "Partial sums of the mu_n that are not negative make K >= 0",
            (sp.Eq(carried, abel, evaluate=False),),
            "kappa(z) is mu K at z. Abel summation with the $a_n$ ascending; a sufficient test, which the audit tries first.",
            (sp.expand(total(z) - abel),),
        ),
    )


THEOREM = Theorem(
    id="carried-nonnegative",
    title="mu > 0 and K >= 0 at every step in reach: every nonzero token grows all the time",
    section="8, E3",
    source="ours (theory 8)",
    kind="inequality",
    variables=divergence_monotone.THEOREM.variables,
    assumptions=("carried-nonnegative", "mu-positive"),
    conclusion=divergence_monotone.THEOREM.conclusion,
    proof=proof,
    measurement="trajectory",
    core=divergence_monotone.THEOREM.core,
    ranges={"mu": (1e-3, 1e2), "a": (0.05, 5.0), "b": (-3.0, 2.0)},
    witness={"mu": [2.0, -1.0], "a": [1.0, 3.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, -0.5, 2.0]},
    counterexamples=(
        Counterexample(
            "carried-nonnegative",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "K(0) < 0: token 2 tends to zero.",
        ),
        Counterexample(
            "mu-positive",
            {"mu": [1.0, -1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "mu K > 0 at all steps in reach, but the own rates are negative.",
        ),
    ),
    uses=("linear-recursion",),
    evidence="symbolic",
    notes=(
        "K depends on the step alone: K at a step, or a sum of steps, S is sum mu_n e^(-a_n S)/mu. In reach are the steps that tokens 2, 3, ... can take while they grow, and sums of such steps: from Delta(0) on "
        "where s x_l(0) >= 0, and from the floor on if some s x_l(0) < 0 (l >= 2). The claim contains divergence-monotone, "
        "whose mu_n >= 0 make K >= 0 everywhere. So no nonzero token tends to zero. In words, by carried-split: it grows at least at "
        "its own rate, and T_l is at most the bound of fast-bound. "
        "Sufficient, not necessary: a token may grow although some token before it holds it back."
    ),
)
