"""mu > 0, all s x < 0, mu_n of both signs: slow divergence (theory 8, E2)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.ends import End
from s6flow.symbolic.theorem import Counterexample, Rate, Theorem

l = nt.l

THEOREM = Theorem(
    id="state-slow-divergence",
    title="mu > 0 and every s x_l0 < 0, mu_n of any signs: slow divergence",
    section="8, E2",
    source="ours (theory 8)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("mu-positive", "tokens-nonzero", "slow-starts", "no-floor"),
    conclusion=sp.And(
        sp.Eq(ob.T, sp.oo, evaluate=False),
        sp.Eq(sp.Limit(sp.Abs(ob.x_t[l]), nt.t, sp.oo), sp.oo, evaluate=False),
        sp.Lt(sp.Limit(sp.Abs(ob.x_t[l]) / ob.log_t, nt.t, sp.oo), sp.oo, evaluate=False),
    ),
    finite=sp.Eq(ob.fate[l], int(End.SLOW)),
    measurement="fate",
    options={"shapes": ((1, 2), (2, 2), (3, 3)), "log_horizon": 500.0, "batch": 60, "bare_limit": True},
    ranges={"mu": (0.5, 10.0), "x0": (0.3, 4.0), "a": (0.1, 2.0), "s": (0.5, 2.0), "b": (-1.0, 1.0)},
    counterexamples=(
        Counterexample(
            "tokens-nonzero",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0, 0.0]},
            "A zero token stays.",
        ),
        Counterexample(
            "slow-starts",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0]},
        ),
        Counterexample(
            "no-floor",
            {"mu": [1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.5, "x0": [-1.0]},
        ),
        Counterexample(
            "mu-positive",
            {"mu": [-1.0], "a": [1.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [-1.0]},
        ),
    ),
    rates=(Rate("slow divergence", "mu > 0, all s x_l0 < 0, mu_n of any signs, no floor", sp.log(nt.t), "ours"),),
    uses=("slow-first-token", "slow-log-rate"),
    evidence="numeric",
    notes=(
        "The rate in words. Every |x_l| increases in the end, without bound, and "
        "f_{l,n}/F_l tends to mu_n/mu. So token l takes over the share 1 - O(Delta(x_l)) of F_{l-1}, and rho_l = ln(x_l/x_1) obeys rho_l' = "
        "(own(x_2) + ... + own(x_l)) (1 + o(1)), own(x) = mu x^2 Delta(x): it increases. A limit of rho_l below or at zero would make own(x_l) at least of the "
        "order of own(x_1), that is of 1/(t ln t), which has an infinite integral; so every rho_j, 2 <= j <= l, exceeds some e > 0 in the end, own(x_j) is below "
        "t^(-1-e/2), and rho_l converges: x_l/x_1 tends to a limit "
        "above one, and |s||x_1|/ln t to one (slow-first-token). Checked as: a token of at least 0.2 ln t/|s| that rises. "
        "The transient can be immense (theory 8: ln t = 388): what is not settled at ln t = 500 counts "
        "as undecided, never as slow, and so does a token that falls behind one that rises."
    ),
)
