"""Fast divergence: who diverges at T (theory 6)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.theorem import Counterexample, Theorem

l = nt.l
m = ob.blow_token
#: ln of what a token before the leader still grows by, while that one goes from 1e30 to 1e80: it only tends to its limit.
STILL_GROWS = sp.Rational(1, 10**6)

THEOREM = Theorem(
    id="fast-order",
    title="Fast divergence: tokens before the first that blows up stay bounded, later nonzero ones diverge with it",
    section="6",
    source="ours (theory 6)",
    kind="limit",
    variables=("mu", "a", "s", "b", "floor", "x0"),
    assumptions=("states-nonnegative", "mu-positive"),
    conclusion=sp.And(
        sp.Implies(l < m, sp.Lt(sp.Limit(sp.Abs(ob.x_t[l]), nt.t, ob.T, "-"), sp.oo, evaluate=False)),
        sp.Implies(
            sp.And(l >= m, sp.Ne(nt.x0[l], 0)),
            sp.Eq(sp.Limit(sp.Abs(ob.x_t[l]), nt.t, ob.T, "-"), sp.oo, evaluate=False),
        ),
    ),
    finite=sp.And(
        sp.Implies(sp.And(l < m, sp.Ne(nt.x0[l], 0)), sp.Le(ob.u_t[l] - ob.u_s[l], STILL_GROWS)),
        sp.Implies(sp.And(l >= m, sp.Ne(nt.x0[l], 0)), sp.Gt(ob.u_t[l], ob.u_s[l])),
    ),
    measurement="blowup",
    options={"bare_limit": True, "approach": True, "log_horizon": 30.0},
    ranges={"x0": (1e-2, 30.0), "b": (-4.0, 4.0), "mu": (1e-3, 1e2), "a": (1e-2, 2.0)},
    counterexamples=(
        Counterexample(
            "states-nonnegative",
            {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0, "floor": 0.0, "x0": [1.0, 0.5]},
            "Coexistence: token 2 tends to zero.",
        ),
    ),
    unbroken={"mu-positive": "with every mu_n >= 0 and mu = 0 nothing moves, and there is no blow-up to speak of"},
    evidence="numeric",
    notes=(
        "Seen while the leading token goes from 1e30 to 1e55 to 1e80: earlier tokens move by less than 1e-6 in ln|x|, "
        "later ones grow. A token that stays bounded can lead for a long way before (up to 1e35 in one system found, with "
        "s = 0 and gates near one), so a way counts only if its leader was the fastest token when it began; if none does, "
        "the system is undecided."
    ),
)
