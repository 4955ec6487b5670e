"""A norm in front of the layer: no token grows faster than a number that the weights give (theory 17)."""

import sympy as sp

from s6flow.symbolic import normalised as nm
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Sharpness, Theorem

l, d = nt.l, nt.d


def proof() -> tuple[Step, ...]:
    """An entry of a normalised token."""
    own, rest, channels = sp.symbols("v_d w D", positive=True)
    squared = own**2 / ((own**2 + rest) / channels)
    return (
        Step(
            "normalised-entry",
            "No entry of a normalised token exceeds sqrt(D) times its gain",
            (sp.Eq(channels - squared, channels * rest / (own**2 + rest), evaluate=False),),
            r"Here $w$ is the sum of the squares of the other entries. So `layer-bound` holds for the layer behind the norm with $U_d = \sqrt D\,|\gamma_d|$, whatever the token; its bound of the "
            r"output bounds the velocity, and each layer's update.",
            (sp.cancel(channels - squared - channels * rest / (own**2 + rest)),),
        ),
    )


THEOREM = Theorem(
    id="prenorm-bound",
    title="Behind a norm no token blows up: every entry moves by at most t times the layer's bound on normalised inputs",
    section="17",
    source="ours (theory 17)",
    kind="bound",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "skip", "gain", "norm_floor", "x", "t"),
    assumptions=(),
    conclusion=sp.Le(sp.Abs(ob.stream_t[l, d] - nt.x[l, d]), ob.sharp * nt.t * nm.update_bound(), evaluate=False),
    proof=proof,
    measurement="prenorm_stack",
    tolerance=1e-9,
    sharpness=Sharpness("approached by one token of one channel as the decay rate grows", sp.Rational(99, 100)),
    witness={
        "S_B": [[1.0]], "S_C": [[1.0]], "S_dt_in": [[1.0]], "S_dt_out": [[1.0]], "beta_B": [0.0], "beta_C": [0.0], "a": [[100.0]],
        "b": [0.0], "floor": 0.0, "skip": [0.5], "gain": [1.0], "norm_floor": 0.0, "x": [[1.0]], "t": 1.0,
    },
    ranges={"t": (1e-3, 1e2), "x": (1e-3, 1e2)},
    uses=("layer-bound", "state-bound"),
    evidence="symbolic",
    notes="Of a stack of layers with weights of their own the bounds add up. A projection behind the scan multiplies the bound by the sums "
    "of its absolute rows.",
)  # fmt: skip
