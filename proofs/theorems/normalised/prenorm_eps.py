"""A norm with a floor in front of the layer, mu < 0: inside a small ball the law of the bare flow returns (theory 17)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l
bound = nm.ball_bound().subs(cr.y0, nt.x0[l])
keeps = sp.Implies(sp.Ne(nt.x0[l], 0), sp.Gt(nt.x0[l] * ob.x_t[l], 0))
first = sp.Eq(nt.l, 1, evaluate=False)
scaled = nt.t * ob.x_t[l] ** 2
#: ln t from which the constant is compared: the last output is there, the others come too soon.
LATE = 45
#: Of the constant there: above the next term, of relative order t^(-1/2).
NEXT_TERM = sp.Rational(1, 100)


def proof() -> tuple[Step, ...]:
    """How a normalised token moves."""
    x, c, rho = sp.symbols(r"x c \varrho", positive=True)
    n = c * x / sp.sqrt(x**2 + rho**2)
    slope = c / rho * (1 - n**2 / c**2) ** sp.Rational(3, 2)
    return (
        Step(
            "ball-slope",
            "The normalised token moves by a factor of the token's velocity",
            (sp.Eq(sp.Derivative(sp.Symbol("n"), sp.Symbol("x")), slope, evaluate=False),),
            r"For $n = c x/\sqrt{x^2 + \varrho^2}$, written for x > 0. With $g = c/\varrho$: $n' = g\,n\,(1 - n^2/c^2)^{3/2} F$, so for small tokens it is the bare flow in the time $g t$, and for "
            r"token 1 a quadrature in $n$. For $\mu_n\le0$ no token grows, so $|n|\ge c|x|/\sqrt{x(0)^2 + \varrho^2}$, and "
            r"$|x|' \le -|\mu|\,|n|^3\Delta(n)$ gives the bound; for token 1 this is an equation, and $n\sim gx$ gives the constant.",
            (sp.simplify(sp.diff(n, x) ** 2 - slope**2),),
        ),
    )


def _system(mu: list[float], x0: list[float], t: float = 1.0) -> dict[str, object]:
    return {
        "mu": mu,
        "a": [1.0] * len(mu),
        "s": 1.0,
        "b": 0.0,
        "floor": 0.0,
        "x0": x0,
        "radius": 2.0,
        "ball": 0.1,
        "t": t,
    }


THEOREM = Theorem(
    id="prenorm-eps",
    title="A norm with a floor, mu_n <= 0, mu < 0: no token reaches zero, |x_l| = O(1/sqrt t), and t x_1^2 tends to the constant of the "
    "bare flow over (c/rho)^3",
    section="17",
    source="ours (theory 17)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "radius", "ball", "t"),
    assumptions=("states-nonpositive", "mu-negative"),
    conclusion=sp.And(
        sp.Le(sp.Abs(ob.x_t[l]), bound, evaluate=False),
        keeps,
        sp.Implies(sp.And(first, sp.Ne(nt.x0[l], 0)), sp.Eq(sp.Limit(scaled, nt.t, sp.oo), nm.ball_constant(), evaluate=False)),
    ),
    finite=sp.And(
        sp.Le(sp.Abs(ob.x_t[l]), bound, evaluate=False),
        keeps,
        sp.Implies(
            sp.And(first, sp.Ne(nt.x0[l], 0), ob.log_t > LATE),
            sp.Le(sp.Abs(scaled / nm.ball_constant() - 1), NEXT_TERM),
        ),
    ),
    proof=proof,
    measurement="prenorm_ball",
    options={"log_times": (-2.0, 2.0, 6.0, 12.0, 50.0), "shapes": ((1, 1), (2, 2), (3, 3)), "bare_limit": True},
    ranges={"x0": (1e-2, 1.0), "ball": (0.1, 1.0), "mu": (1e-1, 10.0), "s": (1e-2, 2.0), "b": (-2.0, 2.0)},
    counterexamples=(
        Counterexample("states-nonpositive", _system([2.0, -3.0], [0.5, 0.01]) | {"a": [0.1, 4.0]}, "What fast states carried is gone first: token 2 grows for a while."),
        Counterexample("mu-negative", _system([0.0], [1.0]), "Nothing moves."),
    ),
    rates=(Rate("behind a norm with a floor", "mu_n <= 0, mu < 0, token 1", sp.Pow(nm.ball_constant() / nt.t, sp.Rational(1, 2), evaluate=False), "ours"),),
    uses=("channel-invariance",),
    evidence="symbolic",
    notes="rho = sqrt(D eps_n) and c = sqrt(D) gamma_d > 0, so c/rho is the gain over sqrt(eps_n). Without the floor the token is at zero at a "
    "finite depth (`prenorm-axis`): the ball is what it dies in.",
)  # fmt: skip
