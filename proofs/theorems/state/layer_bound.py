"""A bound of every step, input, state and output of a layer, from its weights and the range of its inputs (theory 18)."""

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic import state as st
from s6flow.symbolic.layer import Scan, layer_cell
from s6flow.symbolic.theorem import Counterexample, Step, Theorem

_cell = layer_cell()
_step = sp.cancel(-_cell.gate.args[0] / nt.a[nt.d, nt.n])
_write = sp.cancel(_cell.increment / (nt.x[nt.l, nt.d] * _step))
_Delta = sp.Symbol("Delta", positive=True)


def proof() -> tuple[Step, ...]:
    """A geometric series at the largest step."""
    gate = sp.exp(-st.decay * _Delta)
    return (
        Step(
            "layer-series",
            "The largest state solves the recurrence at its largest step and input",
            (sp.Eq(st.state_gain(st.decay, _Delta), gate * st.state_gain(st.decay, _Delta) + _Delta, evaluate=False),),
            r"The triangle inequality bounds $B_n$, $C_n$ and the step's argument over $|u_e| \le U_e$; softplus grows; by `state-bound`, "
            r"whose share of the bound is at most 1, the state stays below its fixed point at the largest step and input.",
            (sp.simplify((st.state_gain(st.decay, _Delta) * (1 - gate)) - _Delta),),
        ),
    )


_ONE = {
    "S_B": [[1.0, 0.0]], "S_C": [[1.0, 0.0]], "S_dt_in": [[0.0, 0.0]], "S_dt_out": [[0.0], [0.0]], "beta_B": [0.0],
    "beta_C": [0.0], "a": [[1.0], [1.0]], "b": [0.0, 0.0], "floor": 0.0, "skip": [1.0, 1.0],
}  # fmt: skip

THEOREM = Theorem(
    id="layer-bound",
    title="Weights and the range of the inputs bound every step, state and output of a layer, at every length",
    section="18",
    source="ours (theory 18)",
    kind="bound",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x", "x_max", "skip"),
    assumptions=("channels-bounded",),
    conclusion=sp.And(
        sp.Le(_step, st.step_bound(), evaluate=False),
        sp.Le(sp.Abs(_write), st.write_bound(), evaluate=False),
        sp.Le(
            sp.Abs(Scan(_cell.gate, _cell.increment)),
            st.hidden_bound(st.step_bound(), st.write_bound()),
            evaluate=False,
        ),
        sp.Le(
            sp.Abs(st.layer_output()),
            st.output_bound(st.step_bound(), st.write_bound(), st.read_bound()),
            evaluate=False,
        ),
    ),
    proof=proof,
    evidence="symbolic",
    uses=("state-bound",),
    counterexamples=(
        Counterexample(
            "channels-bounded", {**_ONE, "x": [[10.0, 0.0]], "x_max": [1.0, 1.0]}, "An input out of its range."
        ),
    ),
    notes="B and C may be normalised or may read another vector: then their own largest values take the place of the bounds on B and C. "
    "A pre-norm gives U from weights alone.",
)
