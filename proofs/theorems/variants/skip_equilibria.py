"""The D skip: where token 1 rests (theory 9)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

y = ob.y
moved = cr.skip_distance().subs(y, ob.y_t)
kept = ob.d_skip - ob.sharp * cr.skip_loss()


def proof() -> tuple[Step, ...]:
    """The largest own rate on the slow side, and the distance from rest on the other."""
    r, k, c, d, own = sp.symbols("r k c d own", positive=True)
    bound = c * r**2 * sp.exp(-k * r)
    share = d / (c * r**2)  # one constant step
    return (
        Step(
            "skip-largest-rate",
            "The own rate is bounded where s x < 0",
            (sp.Le(r**2 * sp.exp(-k * r), 4 * sp.exp(-2) / k**2),),
            "r is |x| and k is |s|. softplus(z) <= e^z, and r^2 e^(-k r) is largest at r = 2/k and falls beyond.",
            (sp.diff(bound, r).subs(r, 2 / k), bound.subs(r, 2 / k) - 4 * c * sp.exp(-2) / k**2),
        ),
        Step(
            "skip-relaxation",
            "With w = -d/h(x) and u = ln|x|, (w - 1)' = -d (d ln|h|/du) (w - 1), and d ln|h|/du >= 2 where s x >= 0",
            (sp.Eq(sp.Derivative(share - 1, r) * r * (d - c * r**2), -2 * d * (share - 1)),),
            "Written for a constant step, h = -c r^2: u' = d + h gives equality there, and more for a rising step.",
            (
                sp.diff(share, r) * r * (d - c * r**2) + 2 * d * (share - 1),
                -(d / own) * (d - own) + d * (d / own - 1),
            ),
        ),
    )


THEOREM = Theorem(
    id="skip-equilibria",
    title=(
        "With the D skip and mu < 0 < d, a nonzero token 1 settles at one nonzero value of its sign where s x >= 0, and escapes to infinity from "
        "every far enough start where s x < 0"
    ),
    section="9",
    source="ours (theory 9)",
    kind="bound",
    variables=("mu", "s", "b", "floor", "y", "d_skip", "t"),
    assumptions=("skip-against-mu", "no-floor"),
    conclusion=sp.And(
        sp.Implies(
            sp.And(nt.s * y >= 0, sp.Ne(y, 0)),  # a token at zero rests there
            sp.Le(moved, cr.skip_distance() * sp.exp(-2 * ob.d_skip * nt.t)),
        ),
        sp.Implies(
            sp.And(nt.s * y < 0, cr.skip_loss() < ob.d_skip), sp.Ge(sp.Abs(ob.y_t), sp.Abs(y) * sp.exp(kept * nt.t))
        ),
    ),
    proof=proof,
    measurement="skip",
    tolerance=1e-5,
    sharpness=Sharpness(
        "r^2 e^(b-|s|r) attains the largest loss at r = 2/|s|, softplus approaches it for b -> -oo",
        sp.Rational(99, 100),
    ),
    witness={"mu": [-1e4], "s": 1.0, "b": -10.0, "floor": 0.0, "y": -2.0, "d_skip": 1.0},
    ranges={"y": (1e-4, 1e2)},
    counterexamples=(
        Counterexample(
            "no-floor",
            {"mu": [-1.0], "s": 1.0, "b": -8.0, "floor": 1.0, "y": -20.0, "d_skip": 1.0},
            "A floor bounds the step from below, so no token escapes.",
        ),
        Counterexample(
            "skip-against-mu",
            {"mu": [-1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "y": 1.0, "d_skip": -1.0},
            "d < 0: nothing opposes mu, token 1 tends to zero and |1 + d/h| to infinity.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "h(x) = mu x^2 Delta(x) is the own rate of a token x. On the side s x >= 0 it falls strictly from 0 to -oo, so d + h(r) has exactly one root, and "
        "|1 + d/h| falls at least like e^(-2 d t): equality for s = 0. On the side s x < 0 a token at r loses at most "
        "|mu| r^2 e^(b-|s|r), which is largest at r = 2/|s| and tends to zero beyond: so every far enough start escapes "
        "for every d > 0, and every nonzero start if d > 4|mu| e^(b-2)/s^2. Other roots of d + h, if there are any, lie between zero and these starts. r is |x|."
    ),
)
