"""mu > 0 and a root of K at which K falls: a finite nonzero limit beside a blow-up (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
second = sp.Eq(l, 2, evaluate=False)
limit = sp.Limit(ob.x_t[l], nt.t, ob.T, "-")
#: |u/p| up to which K is looked at: a token that has far to go may still be on its way.
NARROW = 4
#: |K| where token 2 is, while token 1 goes from 1e30 to 1e80: it only tends to a root.
NEAR_ROOT = sp.Rational(1, 50)
witness = {"mu": [-0.1, 1.2], "a": [0.2, 4.0], "s": 1.0, "b": -3.0, "floor": 0.0}


def proof() -> tuple[Step, ...]:
    """Token 2 against ln|x_1|: an autonomous equation and a term that is integrable."""
    K, own, F, m, w = sp.symbols("K own F_1 m w", positive=True)
    return (
        Step(
            "root-in-log-time",
            "With w = ln|x_1| token 2 obeys d ln|x_2|/dw = K(x_2) + own(x_2)/F_1",
            (sp.Eq(sp.Symbol("F_2") / F, K + own / F, evaluate=False),),
            "carried-rate, divided by F_1 = dw/dt. At p the right side is positive and at u not, at the start and, as F_1 "
            "grows, ever after: |x_2| stays between. F_1 is at least a positive multiple of e^(2w), so the second term has a finite integral over "
            "w. K is analytic and not zero throughout (K(u) < 0 <= K(p)): between two of its zeros ln|x_2| can cross "
            "against the sign of K at most finitely often, so it converges, and only a zero of K can be its limit.",
            (
                sp.expand((K * F + own) / F - (K + own / F)),
                sp.integrate(sp.exp(-2 * w) / m, (w, 0, sp.oo)) - 1 / (2 * m),
            ),
        ),
    )


THEOREM = Theorem(
    id="carried-root-attracts",
    title="Two tokens, mu > 0, s x_1(0) >= 0, K(p) >= 0 and a second token that would be held at u: it stays between p and u and tends to a root of K",
    section="8, E3",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "low", "high"),
    assumptions=("two-tokens", "mu-positive", "first-token-not-slow", "second-token-between", "carried-below", "held-above"),
    conclusion=sp.Implies(
        second,
        sp.And(
            sp.Eq(cr.carried(limit), 0, evaluate=False),
            sp.Le(sp.Abs(ob.low), sp.Abs(ob.x_t[l])),
            sp.Le(sp.Abs(ob.x_t[l]), sp.Abs(ob.high)),
            sp.Eq(sp.Limit(sp.Abs(ob.x_t[l - 1]), nt.t, ob.T, "-"), sp.oo, evaluate=False),
        ),
    ),
    finite=sp.Implies(
        second,
        sp.And(
            sp.Le(sp.log(sp.Abs(ob.low)), ob.u_t[l]),
            sp.Le(ob.u_t[l], sp.log(sp.Abs(ob.high))),
            sp.Implies(
                sp.Abs(ob.high) <= NARROW * sp.Abs(ob.low),
                sp.Le(sp.Abs(cr.carried(sp.sign(ob.low) * sp.exp(ob.u_t[l]))), NEAR_ROOT),
            ),
        ),
    ),
    proof=proof,
    measurement="blowup",
    options={"bare_limit": True, "approach": True, "shapes": ((2, 2), (2, 3), (2, 6))},
    ranges={"x0": (0.1, 10.0), "y": (0.1, 10.0), "mu": (1e-1, 1e1), "a": (0.1, 5.0), "b": (-3.0, 2.0), "s": (0.1, 3.0)},
    witness={**witness, "x0": [20.0, 0.5], "low": 0.5, "high": 4.0},
    counterexamples=(
        Counterexample(
            "first-token-not-slow",
            {"mu": [-1.0, 1.2], "a": [0.2, 4.0], "s": 1.0, "b": -3.1, "floor": 0.0, "x0": [-2.0, 0.1], "low": 0.05, "high": 0.2},
            "Token 1 grows slowly, and token 2 blows up itself.",
        ),
        Counterexample(
            "second-token-between",
            {**witness, "x0": [20.0, 60.0], "low": 0.5, "high": 4.0},
            "A second token that starts far beyond u blows up first.",
        ),
        Counterexample(
            "carried-below",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.01], "low": 0.005, "high": 0.02},
            "K(p) < 0: token 2 tends to zero (coexistence).",
        ),
        Counterexample(
            "held-above",
            {"mu": [1.0], "a": [0.5], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [2.0, 0.5], "low": 0.4, "high": 0.6},
            "K > 0 everywhere: token 2 grows past every u by iterated logarithms.",
        ),
    ),
    unbroken={
        "two-tokens": "false there: a third token may end the flow before, and tokens 1 and 2 with it, wherever they are then; the check draws two tokens",
        "mu-positive": "token 1 does not blow up without it, and there is no T to approach",
    },
    uses=("carried-rate", "fast-blow-up-time", "sign-invariance"),
    evidence="numeric",
    notes=(
        "K depends on Delta(x) alone; F_1 is F_l of token 1. The steps give the proof in words; their residuals hold its identities. So a root x* of K at which K changes from + to - as |x| grows, transversally or not, attracts: take p before and u "
        "behind it with no other root between; if F_1(0) is large enough u is held, and every x_2(0) from p to u tends to "
        "x*. p may be taken as near zero as K >= 0 reaches, and for a start below the root p = x_2(0) will do if K >= 0 there. At a transversal root with rho = -d K/d ln|x| < 3 the distance falls like "
        "|x_1|^(-rho), from single starts faster, in words; for rho > 3 only like |x_1|^(-3), as the own rate over F_1 does (s is not zero). Checked while token 1 goes from 1e30 to 1e80, K where |u| is at most 4 |p|."
    ),
)  # fmt: skip
