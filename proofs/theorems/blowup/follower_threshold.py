"""Fast divergence: the start of token 2 that parts the two orders of blow-up (theory 6)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

l, c = nt.l, ob.threshold
K0 = cr.carried(sp.Integer(0))
first, second = sp.Abs(ob.x_first), sp.Abs(ob.x_second)
least = sp.sqrt(1 - K0) * first
limit = sp.Limit(ob.ratio[l], nt.t, ob.T, "-")
#: A start whose distance from the threshold is a smaller share of it is not told from one on it.
NEAR = sp.Rational(1, 1000)
#: Of the ratio on the threshold, which is one in the limit only, while a ten-thousandth of T is left.
ON_IT = sp.Rational(1, 50)
#: By what share of T_1 an equal T may lie below it: one is integrated, the other a quadrature, and one run in 10^6 is 2e-7 off.
INTEGRATED = sp.Rational(1, 10**6)
#: By what share T lies below T_1 where token 2 blows up first: above what equal ones differ by.
SOONER = sp.Rational(1, 10**5)
#: The ratio at |x_1| = 1e30 where it tends to zero.
GONE = sp.Rational(1, 10**6)
is_second = sp.Eq(l, 2, evaluate=False)
#: A share of T_1, not two times: what rounds off in these would hide it.
earlier = 1 - ob.T / ob.T_first


def proof() -> tuple[Step, ...]:
    """The ratio of the two tokens against ln|x_1|."""
    rho = sp.Symbol("rho", positive=True)
    K, first, second, mu, x = sp.symbols(r"K(x_{2}) \Delta(x_{1}) \Delta(x_{2}) mu x", positive=True)
    own, follower = mu * x**2 * first, mu * (rho * x) ** 2 * second
    right = K - 1 + rho**2 * second / first
    far = right.subs({K: 0, second: rho * first})  # as both tokens grow
    return (
        Step(
            "threshold-ratio",
            "How the ratio rho = x_2/x_1 moves with w = ln|x_1|",
            (sp.Eq(sp.Symbol(r"\frac{d\ln\rho}{dw}"), right, evaluate=False),),
            "carried-rate over F_1, minus one. K falls from K(0) < 1 to 0 where s x_2 > 0, and |x_2| grows. If rho^2 < 1 - "
            "K(x_2), the right side is negative for rho < 1 and stays so: rho tends to 0. If rho >= 1 it is positive, and token 2, which "
            "from then on exceeds a token of its own size alone, blows up before T_1. Both sets of starts are open, one lies below "
            "the other, and both are not empty. Between them |x_2| grows without bound (else rho tends to 0), the right side tends to "
            "rho^3 - 1, and rho can only tend to 1. There the difference of ln rho of two such starts would grow like e^(3w): there is "
            "one only.",
            (sp.expand((K * own + follower) / own - 1 - right), sp.diff(far, rho).subs(rho, 1) - 3, far.subs(rho, 1)),
        ),
    )


THEOREM = Theorem(
    id="follower-threshold",
    title="Two tokens with s x > 0: one start of token 2 parts the two orders of blow-up, and on it x_2/x_1 tends to 1",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay"),
    assumptions=("two-tokens", "one-sign-or-decay", "mu-positive", "first-token-fast", "second-token-fast"),
    conclusion=sp.And(
        sp.Lt(least, c),
        sp.Lt(c, first),
        sp.Implies(sp.And(is_second, second < c), sp.And(sp.Eq(ob.T, ob.T_first), sp.Eq(limit, 0, evaluate=False))),
        sp.Implies(
            sp.And(is_second, sp.Eq(second, c)), sp.And(sp.Eq(ob.T, ob.T_first), sp.Eq(limit, 1, evaluate=False))
        ),
        sp.Implies(sp.And(is_second, second > c), sp.Lt(ob.T, ob.T_first)),
    ),
    finite=sp.And(
        sp.Lt(least, c),
        sp.Lt(c, first),
        sp.Le(sp.Abs(ob.ratio_near - 1), ON_IT),
        sp.Implies(
            sp.And(is_second, second < c * (1 - NEAR)),
            sp.And(sp.Le(earlier, INTEGRATED), sp.Le(ob.ratio[l], GONE)),
        ),
        sp.Implies(sp.And(is_second, second > c * (1 + NEAR)), sp.Gt(earlier, SOONER)),
    ),
    proof=proof,
    measurement="threshold",
    options={"bare_limit": True, "shapes": ((2, 1), (2, 2), (2, 3)), "batch": 200},
    ranges={"x0": (1.0, 5.0), "mu": (0.1, 10.0), "a": (0.5, 3.0), "s": (0.5, 3.0), "b": (-1.0, 2.0)},
    witness={"mu": [1.0], "a": [0.5], "decay": 0.5, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.8177127387647]},
    counterexamples=(
        Counterexample(
            "one-sign-or-decay",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "decay": 1.0, "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "K(0) < 0: the bound from below exceeds that from above.",
        ),
        Counterexample(
            "second-token-fast",
            {"mu": [1.0], "a": [0.5], "decay": 0.5, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, -0.5]},
            "A token with s x < 0 does not blow up before token 1: |x_2/x_1| tends to a limit of its own (blow-up-ratio).",
        ),
    ),
    unbroken={
        "two-tokens": "false there: a third token may blow up before both, and T is its time then; the check draws two tokens",
        "mu-positive": "no token blows up without it, and there is no order of blow-up",
        "first-token-fast": "without a floor token 1 does not blow up for s x_1 <= 0 (where s x_2 > 0), and there is no tau_1 to share; with one it does unless it is zero, and x_2/x_1 is negative",
    },
    uses=("carried-rate", "one-decay-sum", "fast-blow-up-time", "fast-bound"),
    evidence="numeric",
    notes=(
        "The proof is the words of its steps; residuals hold its identities. c depends on token 1 and on the parameters. For mu = 1, a = 0.5, s = 1, b = 0 and x_1(0) = 1 it is 0.8177127387647 to 13 digits. The starts on "
        "the threshold are those that iterated-log leaves out: one size of token 2, which no rounded start stays on. "
        "Found by bisection; the ratio is read when a ten-thousandth of T is left. Beside "
        "the assumptions: with s = 0 the right side of the step would be rho^2 - (1 - K(0)), rho = x_2/x_1, and c the size sqrt(1 - K(0)) |x_1(0)| itself. Delta(x) decides K; F_1 is F_l of token 1."
    ),
)
