"""A norm in front of the layer on a channel axis: linear growth, or zero at a finite depth (theory 17)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Rate, Sharpness, Theorem

l = nt.l
token = nm.axis_token(nt.x0[l])
growth = nm.growth_at(token)
own = cr.own_rate(token)
sizes = sp.Sum(sp.Abs(nt.mu[nt.n]), (nt.n, 1, nt.N))


def proof() -> tuple[Step, ...]:
    """The velocity is constant while no token passes zero."""
    c, F, x0, t = sp.symbols("c F x_0 t", real=True)
    law = x0 + c * F * t
    return (
        Step(
            "axis-law",
            "Between zeros the velocity of a token is constant",
            (
                sp.Eq(
                    sp.Symbol(r"\frac{dx_l}{dt}"),
                    c * sp.Symbol("\\operatorname{sign}(x_l)") * sp.Symbol("F_l"),
                    evaluate=False,
                ),
            ),
            r"On the axis of channel $d$ the norm leaves of a token its sign: $n_l = c\operatorname{sign}x_l$, $c = \sqrt D\,\gamma_d$. "
            r"So $x_l'$ is constant, with the sign of $x_l$ times that of $F_l$. A solution cannot pass zero: there its velocity "
            r"would have to jump. With $\mu_n$ of one sign what earlier tokens add to $F_l$ has the sign of its own term.",
            (sp.simplify(sp.diff(law, t) - c * F),),
        ),
    )


def _system(mu: list[float], x0: list[float], t: float) -> dict[str, object]:
    return {"mu": mu, "a": [1.0] * len(mu), "s": 1.0, "b": 0.0, "floor": 0.0, "x0": x0, "radius": 2.0, "t": t}


THEOREM = Theorem(
    id="prenorm-axis",
    title="Behind a norm without a floor, on a channel axis, |x_l(t)| = |x_l(0)| + c F_l t until a token reaches zero: all grow linearly if mu_n >= 0, mu > 0, "
    "all fall linearly if mu_n <= 0, mu < 0",
    section="17",
    source="ours (theory 17)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0", "radius", "t"),
    assumptions=("tokens-nonzero", "before-collapse"),
    conclusion=sp.And(
        sp.Eq(sp.Abs(ob.x_t[l]), nm.axis_law(nt.x0[l], growth), evaluate=False),
        sp.Ge(sp.sign(nt.x0[l]) * ob.x_t[l], 0),
        sp.Implies(sp.And(cr.mu_total > 0, sp.Eq(sizes, cr.mu_total)), sp.Ge(growth, ob.sharp * own, evaluate=False)),
        sp.Implies(sp.And(cr.mu_total < 0, sp.Eq(sizes, -cr.mu_total)), sp.Le(growth, ob.sharp * own, evaluate=False)),
    ),
    proof=proof,
    measurement="prenorm_axis",
    tolerance=1e-7,
    scale=sp.Abs(nt.x0[l]) + nm.radius * nt.t * nm.growth_at(token).replace(lambda e: e == nt.mu[nt.n], lambda e: sp.Abs(e)),
    ranges={"t": (1e-3, 1e3), "x0": (1e-3, 1e3)},
    sharpness=Sharpness("the rate of token 1 is its own term", sp.Rational(101, 100)),
    witness=_system([0.5, 1.0], [0.5, -1.0], 3.0),
    counterexamples=(
        Counterexample("tokens-nonzero", _system([1.0], [1.0, 0.0], 1.0), "A token at zero is left there by the norm."),
        Counterexample("before-collapse", _system([-1.0], [1.0], 1.0), "Token 1 reached zero at 0.06: the law ends there."),
    ),
    rates=(
        Rate("behind a norm", "mu_n >= 0, mu > 0", nm.radius * sp.Symbol("F_l", real=True) * nt.t, "ours"),
        Rate("behind a norm", "mu_n <= 0, mu < 0, zero at", nm.collapse_depth(nt.x0[l], sp.Symbol("F_l", real=True)), "ours"),
    ),
    uses=("channel-invariance",),
    evidence="symbolic",
    notes="F_l is that of the bare flow at the normalised tokens c sign x_l, so that x_l' = c sign(x_l) F_l. Where mu_n have one sign every token grows at least, or falls at least, at the rate c |mu| c^2 Delta of its own term; token 1 at "
    "exactly that, whatever the signs. Where they have both signs a later token may fall though mu > 0, or grow though mu < 0. The gain is positive; a negative one exchanges growth and collapse. When a token reaches zero, F of the later ones changes, and the law goes on from there.",
)  # fmt: skip
