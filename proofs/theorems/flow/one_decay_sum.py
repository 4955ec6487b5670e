"""With one decay rate the states enter by the sum of the mu_n (theory 0, 4)."""

import sympy as sp

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.layer import Scan, flow_cell
from s6flow.symbolic.theorem import Counterexample, Theorem


def proof() -> tuple[Step, ...]:
    """One step of the recursion, summed over the states: the gate is a common factor."""
    gate, f, g, mu, nu, written = sp.symbols("gate f g mu nu written", real=True)
    states = (gate * f + mu * written) + (gate * g + nu * written)
    return (
        Step(
            "one-decay-sum",
            "States with a common gate add up to one state",
            (sp.Eq(states, gate * (f + g) + (mu + nu) * written, evaluate=False),),
            "Of two states f and g with one gate, into which a token writes with the factors mu and nu: the recursion is linear in its states; for N states by induction.",
            (sp.expand(states - gate * (f + g) - (mu + nu) * written),),
        ),
    )


gate = flow_cell().gate.subs({nt.a[nt.n]: ob.decay, nt.x[nt.l]: nt.x0[nt.l]})

THEOREM = Theorem(
    id="one-decay-sum",
    title="With one decay rate, the paper's setting, the mu_n enter the flow by their sum mu alone",
    section="0, 4",
    source="paper (setting); ours (statement)",
    kind="identity",
    variables=("mu", "a", "s", "b", "floor", "x0", "decay"),
    assumptions=("one-decay",),
    conclusion=sp.Eq(ob.growth(nt.x0), Scan(gate, cr.own_rate(nt.x0[nt.l])), evaluate=False),
    proof=proof,
    scale=ob.magnitude(flow_cell(), nt.x0),
    counterexamples=(
        Counterexample(
            "one-decay",
            {"mu": [1.0, -1.0], "a": [0.5, 2.0], "decay": 0.5, "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [1.0, 1.0]},
            "mu = 0, and yet token 2 moves.",
        ),
    ),
    evidence="symbolic",
    notes=(
        "So whatever is stated for mu_n of one sign holds with one decay rate for mu_n of any signs, with mu in place of "
        "the mu_n."
    ),
)
