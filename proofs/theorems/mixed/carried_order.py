"""mu > 0 and K > 0 at every step in reach: who diverges at T (theory 8, E3)."""

from s6flow.proofs.theorems.blowup import fast_order
from s6flow.symbolic.theorem import Counterexample, Theorem

THEOREM = Theorem(
    id="carried-order",
    title="mu > 0 and K > 0 inside the reach: tokens before the first that blows up stay bounded, later nonzero ones diverge",
    section="8, E3",
    source="ours (theory 8)",
    kind="limit",
    variables=fast_order.THEOREM.variables,
    assumptions=("carried-positive", "mu-positive"),
    conclusion=fast_order.THEOREM.conclusion,
    finite=fast_order.THEOREM.finite,
    measurement="blowup",
    options={**fast_order.THEOREM.options, "shapes": ((2, 2), (4, 3), (8, 6))},
    ranges={"x0": (1e-2, 30.0), "b": (-3.0, 2.0), "mu": (1e-3, 1e2), "a": (0.05, 5.0)},
    witness={"mu": [2.0, -1.0], "a": [1.0, 3.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5, 2.0]},
    counterexamples=(
        Counterexample(
            "carried-positive",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "Coexistence: token 2 tends to zero.",
        ),
    ),
    unbroken={"mu-positive": "with mu < 0 token 1 tends to zero, and nothing blows up"},
    uses=("carried-nonnegative", "fast-bound", "linear-recursion"),
    evidence="numeric",
    notes=(
        "In words. K depends on the step alone: K at a sum S of steps is sum mu_n e^(-a_n S)/mu. Let S be a sum of steps of tokens 2, 3, ... and D in a compact part of the reach. mu K at S + D "
        "over mu K at S is continuous and positive, and tends to exp(-a D) with the slowest a for large S; so it is at "
        "least some c > 0. If token l stayed bounded up to T, its steps would stay in such a part, so F_l >= c F_j with j "
        "the nonzero token before; F_j has an infinite integral, as token j diverges, and so would F_l. Where K touches "
        "zero inside the reach (a double root) a later token can rest there: K >= 0 is not enough, see "
        "carried-nonnegative. A blow-up does happen if some nonzero token has s x_l(0) >= 0: fast-bound's bound holds by "
        "carried-nonnegative. Seen as in fast-order."
    ),
)
