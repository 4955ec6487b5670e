"""The state of one channel is bounded by its inputs and its largest step (theory 18)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.theorem import Counterexample, Sharpness, Step, Theorem

_S, _Delta = sp.symbols("S Delta", positive=True)
_gain = st.state_gain(st.decay, _Delta)


def proof() -> tuple[Step, ...]:
    """What a token wrote and how much of it is left, as a difference that telescopes; and the gain's monotonicity."""
    weight = _Delta * sp.exp(-st.decay * _S)
    telescoped = _gain * (sp.exp(-st.decay * _S) - sp.exp(-st.decay * (_S + _Delta)))
    slope = 1 - sp.exp(-st.decay * _Delta) * (1 + st.decay * _Delta)
    excess = sp.exp(-st.decay * _Delta) * (sp.exp(st.decay * _Delta) - 1 - st.decay * _Delta)
    return (
        Step(
            "state-telescope",
            "The weight of a token telescopes",
            (sp.Eq(weight, telescoped, evaluate=False),),
            r"With $S_j = \Delta_{j+1} + \dots + \Delta_l$ the weight $\Delta_j e^{-a S_j}$ is the gain at $\Delta_j$ times a difference "
            r"of neighbours, and the sum of the differences is $1 - e^{-a(\Delta_1 + \dots + \Delta_l)}$.",
            (
                sp.expand(
                    weight * (1 - sp.exp(-st.decay * _Delta)) - sp.expand(telescoped * (1 - sp.exp(-st.decay * _Delta)))
                ),
            ),
        ),
        Step(
            "state-gain-grows",
            "The gain grows with the step",
            (sp.Eq(slope, excess, evaluate=False),),
            r"The derivative of $\Delta/(1 - e^{-a\Delta})$ has the sign of this, and $e^z \ge 1 + z$: so the largest step has the largest gain; "
            r"the same inequality gives the gain at most $\Delta + 1/a$.",
            (
                sp.expand(slope - excess),
                sp.simplify(sp.diff(_gain, _Delta) * (1 - sp.exp(-st.decay * _Delta)) ** 2 - slope),
            ),
        ),
    )


THEOREM = Theorem(
    id="state-bound",
    title="|h_l| <= max|v| Delta/(1 - e^(-a Delta)) (1 - e^(-a (Delta_1 + ... + Delta_l))) with the largest step Delta",
    section="18",
    source="ours (theory 18)",
    kind="bound",
    variables=("Delta", "v", "decay", "v_max", "delta_max"),
    assumptions=("inputs-bounded", "steps-bounded"),
    conclusion=sp.And(
        sp.Le(sp.Abs(st.token_state()), ob.sharp * st.state_bound(), evaluate=False),
        sp.Le(st.state_gain(), st.delta_max + 1 / st.decay, evaluate=False),
    ),
    proof=proof,
    evidence="symbolic",
    sharpness=Sharpness("attained by constant inputs and steps, at every token", sp.Rational(99, 100)),
    witness={"Delta": [0.5, 0.5, 0.5, 0.5], "v": [2.0, 2.0, 2.0, 2.0], "decay": 1.0, "v_max": 2.0, "delta_max": 0.5},
    counterexamples=(
        Counterexample(
            "inputs-bounded", {"Delta": [0.5], "v": [3.0], "decay": 1.0, "v_max": 2.0, "delta_max": 0.5}, "One input is larger."
        ),
        Counterexample(
            "steps-bounded", {"Delta": [2.0], "v": [1.0], "decay": 1.0, "v_max": 1.0, "delta_max": 0.1}, "One step is longer."
        ),
    ),
    notes="As a tends to 0 the bound tends to max|v| (Delta_1 + ... + Delta_l): an accumulator. As the steps tend to 0 the gain tends to 1/a. "
    "The excess a Delta/(1 - e^(-a Delta)) over 1 is the price of the Euler step for B; an exact hold has none.",
)  # fmt: skip
