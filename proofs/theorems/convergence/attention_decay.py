"""mu < 0: the attention falls like 1/t (theory 5)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Sharpness, Theorem

l, m = nt.l, ob.token_m
delta0 = cr.delta(sp.Integer(0))
q = sp.exp(-ob.decay * delta0)
#: c_l = (1 - q^g_l)/(2 |mu| delta_0), so that |mu| delta_0 sqrt(c_l c_m) is half of a root without mu.
value = -sp.sqrt((1 - q ** ob.gap[l]) * (1 - q**ob.gap_m)) / 2 * q ** (l - m) * sp.sign(nt.x0[l] * ob.x_m)
#: Of the limit, at ln t = 48 and later: above the next terms, those of two tokens (convergence-constants).
NEXT_TERM = sp.Rational(1, 300)

THEOREM = Theorem(
    id="attention-decay",
    title="Convergent scenario: the hidden attention falls like 1/t",
    section="5",
    source="ours (theory 5)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay", "t", "m"),
    assumptions=("mu-negative", "one-decay"),
    conclusion=sp.Implies(l >= m, sp.Eq(sp.Limit(nt.t * ob.P_to[l], nt.t, sp.oo), value, evaluate=False)),
    finite=sp.Implies(
        sp.And(l >= m, sp.Ne(nt.x0[l], 0), sp.Ne(ob.x_m, 0)),
        sp.Le(sp.Abs(ob.t_P[l] / value - ob.sharp), NEXT_TERM),
    ),
    measurement="late",
    options={"log_times": (48.0, 60.0, 80.0), "shapes": ((2, 1), (4, 2), (6, 2))},
    ranges={"mu": (0.1, 10.0), "x0": (0.1, 3.0), "a": (0.7, 3.0), "s": (0.1, 2.0), "b": (0.0, 2.0)},
    tolerance=1e-6,
    sharpness=Sharpness("the constant is the limit", sp.Rational(101, 100)),
    witness={
        "mu": [-1.0],
        "a": [1.0],
        "decay": 1.0,
        "s": 1.0,
        "b": 0.0,
        "floor": 0.0,
        "x0": [1.0, 0.0, -0.5, 2.0],
        "m": 1.0,
    },
    counterexamples=(
        Counterexample(
            "mu-negative",
            {"mu": [1.0], "a": [1.0], "decay": 1.0, "s": -1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 0.5], "m": 1.0},
            "Slow divergence.",
        ),
        Counterexample(
            "one-decay",
            {
                "mu": [-1.0, -1.0],
                "a": [0.2, 3.0],
                "decay": 2.0,
                "s": 1.0,
                "b": 0.0,
                "floor": 0.0,
                "x0": [1.0, 0.5],
                "m": 1.0,
            },
        ),
    ),
    uses=("convergence-rate", "convergence-constants"),
    evidence="numeric",
    notes=(
        "With one decay rate the mu_n enter by their sum alone, so that they may have any signs. Checked on the "
        "product t P, formed in float64: at ln t = 80 the attention itself is 1e-35 or less, near the smallest numbers of float32 or below them."
    ),
)
