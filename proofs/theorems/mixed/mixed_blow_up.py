"""mu > 0 and some s x >= 0, mu_n of any signs: finite-time divergence (theory 8, E3)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

#: ln of the time within which a system must have blown up to be seen to: the theorem has no bound of T.
HORIZON = 600


def proof() -> tuple[Step, ...]:
    """The inverse square of the first token with s x >= 0, behind tokens that live for ever."""
    g, step, z, m, E = sp.symbols("g Delta z mu E", positive=True)
    F = g + m * step / z  # the rate that it inherits, and its own, with z = 1/x^2
    fall = -2 * F * z
    return (
        Step(
            "mixed-inverse-square",
            "The inverse square of a token obeys z' = -2 g z - 2 mu Delta, g the rate that it inherits",
            (sp.Eq(sp.Symbol("z'"), -2 * g * z - 2 * m * step),),
            "z' = -2 F z, whatever the signs of the mu_n.",
            (sp.expand(fall + 2 * g * z + 2 * m * step),),
        ),
        Step(
            "mixed-integrating-factor",
            "It reaches zero in finite time if |g| has an integral of at most C ln ln t",
            (sp.Eq(sp.Symbol("(z E)'"), -2 * m * step * E, evaluate=False),),
            "Let token l be the first nonzero one with s x_l(0) >= 0; its step is at least Delta(0). Suppose T is infinite. "
            "Let G_j = sum_n |f_{j,n}|. If the integral of G_{j-1} is at most C ln ln t + C, a token j with s x_j < 0 is at most "
            "a power of ln t (v = |x_j| exp(-int G_{j-1}) obeys v' <= c e^{-|s| v/2}), so its own rate, whose integral is "
            "ln|x_j| minus the inherited one, has an integral of that form, and so has G_j; a zero token only passes "
            "G_{j-1} on. So |g| <= G_{l-1}, and z E with E = exp(2 int g) falls at least as fast as "
            "2 mu Delta(0) (ln t)^(-2C), whose integral is infinite: z reaches zero. With a floor or s = 0 the first nonzero "
            "token inherits nothing and its step is bounded below.",
            (sp.expand((fall + z * 2 * g) * E + 2 * m * step * E),),
        ),
    )


THEOREM = Theorem(
    id="mixed-blow-up",
    title="mu > 0 and some nonzero token with s x_l0 >= 0, mu_n of any signs: divergence in finite time",
    section="8, E3",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("mu-positive", "some-token-not-slow"),
    conclusion=sp.Lt(ob.T, sp.oo, evaluate=False),
    finite=sp.Lt(ob.log_T, HORIZON),
    proof=proof,
    measurement="blowup",
    # the horizon of what lives on lies above the claim's 600, so that it refutes the claim and does not touch its edge
    options={"bare_limit": True, "shapes": ((1, 2), (2, 2), (4, 3), (8, 4)), "log_horizon": 600.01},
    ranges={
        "mu": (0.3, 10.0),
        "x0": (0.1, 4.0),
        "a": (0.1, 5.0),
        "s": (0.3, 3.0),
        "b": (-2.0, 2.0),
        "zero": (0.0, 0.25),
    },
    witness={"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-1.0, 0.0, 0.5]},
    counterexamples=(
        Counterexample(
            "mu-positive",
            {"mu": [-1.5, 1.0], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "Convergence.",
        ),
        Counterexample(
            "some-token-not-slow",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [-1.0, -0.5]},
            "Slow divergence.",
        ),
    ),
    rates=(
        Rate(
            "fast divergence", "mu > 0, some s x_l0 >= 0, mu_n of any signs", sp.Lt(ob.T, sp.oo, evaluate=False), "ours"
        ),
    ),
    uses=("linear-recursion", "sign-invariance"),
    evidence="numeric",
    notes=(
        "The steps give the proof in words; their residuals hold its identities. Which token diverges, and what the others do, depends on K: see fast-order, carried-order, coexistence and "
        "carried-root-attracts. No bound of T is given: slow tokens before can hold the token back for an immense time. Without a floor "
        "the converse holds, too: if every nonzero token has s x_l(0) < 0 the system lives for ever (the formal statement slow_existence, of slow-log-rate). "
        "Checked with a horizon of ln t = 600: a system that lives up to it with a token of s x_l >= 0 below its start, behind a first "
        "token that grew, counts as undecided."
    ),
)
