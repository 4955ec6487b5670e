"""The D skip: where token 1 rests (theory 9)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

y = ob.y
farther = y * (1 + ob.eps)
largest = cr.skip_threshold()


def proof() -> tuple[Step, ...]:
    """The largest own rate on the slow side."""
    r, k, c = sp.symbols("r k c", positive=True)
    bound = c * r**2 * sp.exp(-k * r)
    return (
        Step(
            "skip-largest-rate",
            "The own rate is bounded where s x < 0",
            (sp.Le(r**2 * sp.exp(-k * r), 4 * sp.exp(-2) / k**2),),
            "softplus(z) <= e^z, and r^2 e^(-k r) is largest at r = 2/k.",
            (sp.diff(bound, r).subs(r, 2 / k), bound.subs(r, 2 / k) - 4 * c * sp.exp(-2) / k**2),
        ),
    )


THEOREM = Theorem(
    id="skip-equilibria",
    title=(
        "With the D skip and mu < 0 < d, token 1 settles at one nonzero value, or escapes where s x < 0 and d is large"
    ),
    section="9",
    source="ours (theory 9)",
    kind="classification",
    variables=("mu", "s", "b", "floor", "y", "eps", "d_skip"),
    assumptions=("skip-against-mu", "no-floor"),
    conclusion=sp.And(
        sp.Implies(nt.s * y >= 0, sp.Lt(cr.own_rate(farther), cr.own_rate(y))),
        sp.Implies(nt.s * y < 0, sp.Ge(cr.own_rate(y), -largest * ob.sharp)),
    ),
    proof=proof,
    sharpness=Sharpness(
        "r^2 e^(b-|s|r) attains it at r = 2/|s|, softplus approaches it for b -> -oo", sp.Rational(99, 100)
    ),
    witness={"mu": [-1.0], "s": 1.0, "b": -8.0, "floor": 0.0, "y": -2.0, "eps": 1e-3, "d_skip": 1.0},
    ranges={"y": (1e-4, 1e2)},
    counterexamples=(
        Counterexample(
            "no-floor",
            {"mu": [-1.0], "s": 1.0, "b": -8.0, "floor": 1.0, "y": -20.0, "eps": 1e-3, "d_skip": 1.0},
            "A floor bounds the step from below, so no token escapes.",
        ),
        Counterexample(
            "skip-against-mu",
            {"mu": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "y": 1.0, "eps": 1e-3, "d_skip": 1.0},
        ),
    ),
    evidence="symbolic",
    notes=(
        "On the side s x >= 0 the own rate falls strictly from 0 to -oo, so d + mu r^2 Delta(r) has "
        "exactly one root r*, and it attracts. "
        "On the side s x < 0 it is at least -4|mu| e^(b-2)/s^2: for larger d every start there escapes."
    ),
)
