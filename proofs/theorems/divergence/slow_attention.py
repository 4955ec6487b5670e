"""Slow divergence: attention to token 1 (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
#: The error allowed is (ITERATED ln ln t + REST)/ln t: of the order of the next term, on tame ranges.
ITERATED, REST = 6, 20

THEOREM = Theorem(
    id="slow-attention",
    title="Slow divergence: for l >= 2 |P_l1| ~ R_l / (t ln t), R_l the limit of x_l / x_1",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0", "t", "m"),
    assumptions=("states-nonnegative", "mu-positive", "tokens-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.Implies(
        sp.And(l >= 2, sp.Eq(ob.token_m, 1)),
        sp.Eq(sp.Limit(sp.Abs(ob.P_to[l]) * nt.t * sp.log(nt.t) / ob.ratio[l], nt.t, sp.oo), 1, evaluate=False),
    ),
    finite=sp.Implies(
        sp.And(l >= 2, sp.Eq(ob.token_m, 1)),
        sp.Le(
            sp.Abs(ob.log_P[l] + ob.log_t + sp.log(ob.log_t / ob.ratio[l])),
            (ITERATED * sp.log(ob.log_t) + REST) / ob.log_t,
        ),
    ),
    measurement="slow",
    options={"bare_limit": True, "shapes": ((2, 1), (3, 2)), "log_times": (250.0, 300.0)},
    ranges={
        "mu": (0.1, 10.0),
        "x0": (0.3, 4.0),
        "a": (0.1, 3.0),
        "s": (0.2, 2.0),
        "b": (-2.0, 2.0),
        "zero": (0.0, 0.1),
    },
    counterexamples=(
        Counterexample(
            "mu-positive",
            {"mu": [0.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, -0.5], "m": 1.0},
            "There is no attention at all.",
        ),
        Counterexample(
            "tokens-nonzero",
            {"mu": [1.0], "a": [3.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 0.0, -1.0], "m": 1.0},
            "The gate of the zero token stays at e^(-a Delta(0)) < 1, and token 3 sees token 1 through it.",
        ),
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [3.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 1e-80], "m": 1.0},
            "Token 2 blows up, later than ln t = 300; until then its gate is nearly e^(-a Delta(0)) < 1.",
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 1e-115, "x0": [-1.0, -1.0], "m": 1.0},
            "The floor feeds the rates before it ends the system.",
        ),
    ),
    unbroken={
        "states-nonnegative": "not needed in the end: with mu_n of both signs the ratios settle, too, by the proof in words of "
        "state-slow-divergence, and with them the attention; kept because the kernel has checked no more"
    },
    uses=("slow-ratios",),
    evidence="numeric",
)
