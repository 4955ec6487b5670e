"""What one token leaves in the state, and when half of it is gone (theory 18)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.theorem import Sharpness, Step, Theorem

_S, _Delta = sp.symbols("S Delta", positive=True)
_given = st.influence(st.v_copy[st.j] - st.v[st.j])
_size = st.influence(sp.Abs(st.v_copy[st.j]) + sp.Abs(st.v[st.j]))


def proof() -> tuple[Step, ...]:
    """One more token multiplies what is left by its gate."""
    after = sp.exp(-st.decay * (_S + _Delta))
    return (
        Step(
            "state-forgets",
            "One more token multiplies what is left by its gate",
            (sp.Eq(after, sp.exp(-st.decay * _Delta) * sp.exp(-st.decay * _S), evaluate=False),),
            r"The recurrence is linear in what the tokens write, so the states of two inputs differ by the sum of what each token wrote "
            r"differently, $\Delta_j (\tilde v_j - v_j)$, times the product of the gates since. At one half-life "
            r"$\ln 2/(a\Delta)$ one half is left.",
            (
                after - sp.exp(-st.decay * _Delta) * sp.exp(-st.decay * _S),
                st.remembered().subs(st.age, st.half_life()) - sp.Rational(1, 2),
            ),
        ),
    )


THEOREM = Theorem(
    id="state-forgetting",
    title="The influence of token j on h_l is Delta_j e^(-a (Delta_(j+1) + ... + Delta_l)); at a constant step Delta it halves in ln 2/(a Delta) tokens",
    section="18",
    source="ours (theory 18)",
    kind="identity",
    variables=("Delta", "v", "v_copy", "decay", "width", "age"),
    assumptions=(),
    conclusion=sp.And(
        sp.Eq(st.token_state(st.v_copy) - st.token_state(), _given, evaluate=False),
        sp.Implies(st.age >= ob.sharp * st.half_life(), st.remembered() <= sp.Rational(1, 2)),
        sp.Implies(st.age <= st.half_life() / ob.sharp, st.remembered() >= sp.Rational(1, 2)),
    ),
    scale=_size,
    proof=proof,
    evidence="symbolic",
    sharpness=Sharpness("the half-life, on either side", sp.Rational(99, 100)),
    witness={
        "Delta": [0.5, 1.0, 0.25],
        "v": [1.0, -2.0, 0.5],
        "v_copy": [1.0, 3.0, 0.5],
        "decay": 1.0,
        "width": 0.1,
        "age": 6.9,
    },
    notes="Steps of any kind; where they vary, the half-life at their mean is a description, not a bound.",
)
