"""How far the worst case has filled up after L tokens, and what a longer sequence can add (theory 18)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.theorem import Counterexample, Sharpness, Step, Theorem

_worst = st.v_max * st.state_gain()
_count = sp.Symbol("l", positive=True)


def _beyond(count: sp.Expr) -> sp.Expr:
    return st.growth_beyond().subs({st.age: count, st.width: st.delta_max})


def proof() -> tuple[Step, ...]:
    """The recurrence at constant inputs, and the bound in half-lives."""
    state = _worst * st.filled(st.delta_max * _count)
    gate = sp.exp(-st.decay * st.delta_max)
    after = state.subs(_count, _count + 1)
    power = 2 ** (-_count / st.half_life().subs(st.width, st.delta_max))
    return (
        Step(
            "state-fills",
            "The worst case fills up",
            (sp.Eq(sp.Symbol("h_l"), state, evaluate=False),),
            r"By induction from $h_0 = 0$: one more token at the largest step and input keeps the form. "
            r"By `state-bound` no inputs do worse, so $2^{-l/H}$, $H = \ln 2/(a\Delta)$, is the share that was never seen at length $l$.",
            (
                sp.simplify(sp.expand((gate * state + st.delta_max * st.v_max - after) * (1 - gate))),
                sp.simplify(power - (1 - 1 / _beyond(_count))),
            ),
        ),
    )


THEOREM = Theorem(
    id="state-saturation",
    title="After l tokens the worst case has reached the share 1 - 2^(-l/H) of its limit, H the half-life: a longer sequence exceeds it by a factor of at most 1/(1 - 2^(-l/H))",
    section="18",
    source="ours (theory 18)",
    kind="identity",
    variables=("Delta", "v", "decay", "v_max", "delta_max"),
    assumptions=("inputs-constant", "steps-constant"),
    conclusion=sp.And(
        sp.Eq(st.token_state(), _worst * st.filled(st.delta_max * nt.l), evaluate=False),
        sp.Le(_worst, ob.sharp * sp.Abs(st.token_state()) * _beyond(nt.l), evaluate=False),
    ),
    proof=proof,
    evidence="symbolic",
    sharpness=Sharpness("an equality at every length", sp.Rational(99, 100)),
    witness={"Delta": [0.5, 0.5, 0.5], "v": [2.0, 2.0, 2.0], "decay": 1.0, "v_max": 2.0, "delta_max": 0.5},
    counterexamples=(
        Counterexample(
            "inputs-constant", {"Delta": [0.5, 0.5], "v": [1.0, -1.0], "decay": 1.0, "v_max": 1.0, "delta_max": 0.5}, "Inputs that cancel fill nothing."
        ),
        Counterexample(
            "steps-constant", {"Delta": [0.1, 0.5], "v": [1.0, 1.0], "decay": 1.0, "v_max": 1.0, "delta_max": 0.5}, "A shorter step fills less."
        ),
    ),
    notes="A state whose half-life exceeds the training length was never seen saturated. That no other inputs up to V and steps up to Delta "
    "give a larger state is `state-bound`.",
)  # fmt: skip
