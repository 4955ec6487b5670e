"""Which axes attract token 1 on a sphere, and how fast (theory 16)."""

import sympy as sp

from s6flow.proofs.systems import layer
from s6flow.symbolic import notation as nt
from s6flow.symbolic import observables as ob
from s6flow.symbolic.derivation.step import Step
from s6flow.symbolic.theorem import Counterexample, Theorem

d = nt.d
#: Of another channel than that of the axis, where it is used.
used = sp.And(sp.Ne(ob.sink_of[d], 0), sp.Ne(ob.entry_0[d], 0))
#: Of a rate, between two late depth-times: it has its value at the axis in the limit only.
STILL_MOVES = sp.Rational(1, 100)


def proof() -> tuple[Step, ...]:
    """The replicator at an axis."""
    Q, p, step, axis = sp.symbols("Q p Delta_d Delta_i", real=True)
    share = 2 * Q * p * (step - (p * step + (1 - p) * axis))
    rate = sp.diff(share, p).subs(p, 0)
    return (
        Step(
            "sink-rate",
            "The rate of a share at an axis",
            (sp.Eq(sp.Symbol(r"\frac{p_d'}{p_d}"), 2 * Q * (step - axis), evaluate=False),),
            r"At axis $i$ the form is $M_{ii} |x|^2$ and the mean of the steps is $\Delta_i$. Near a sink all other shares together fall "
            r"exponentially, so the rates tend to their values at the axis; near any axis a share whose rate is positive there grows.",
            (sp.expand(rate - 2 * Q * (step - axis)),),
        ),
    )


SINK = layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, 1e-3]], b=[1.0, 0.0])

THEOREM = Theorem(
    id="sphere-sinks",
    title="On the sphere axis 1 attracts token 1 from near by if M_11 (Delta_d - Delta_1) < 0 there for every other channel d; its share, "
    "unless zero, falls at the rate 2 |x(0)|^2 M_11 (Delta_d - Delta_1)",
    section="16",
    source="ours (theory 16)",
    kind="limit",
    variables=("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor", "x"),
    assumptions=("no-projection-bias", "axis-sink", "axis-near"),
    conclusion=sp.Implies(used, sp.Eq(sp.Limit(ob.sink_slope[d], nt.t, sp.oo), ob.sink_of[d], evaluate=False)),
    finite=sp.Implies(used, sp.Le(sp.Abs(ob.sink_slope[d] - ob.sink_of[d]), sp.Abs(ob.sink_of[d]) * STILL_MOVES)),
    proof=proof,
    measurement="sphere_sinks",
    options={"shapes": ((1, 2, 2, 1), (1, 2, 4, 2), (1, 3, 8, 2)), "bare_limit": True},
    ranges={"x": (0.5, 2.0), "matrix": (0.1, 1.0), "b": (-1.0, 1.0), "a": (0.1, 3.0)},
    counterexamples=(
        Counterexample(
            "no-projection-bias",
            {**SINK, "beta_B": [1.0, 0.0], "beta_C": [1.0, 0.0]},
            "C^T B = 4 at the axis, not 1: four times the rate.",
        ),
        Counterexample("axis-sink", {**SINK, "b": [0.0, 1.0]}, "The other step is larger: the axis is left."),
        Counterexample(
            "axis-near",
            {**SINK, "x": [[1.0, 1.5]]},
            "Beyond the cone the token ends on the other axis, a sink as well.",
        ),
    ),
    uses=("replicator",),
    evidence="symbolic",
    notes="The same holds of every axis. Checked with starts up to a distance from it within which its sink is known to reach. Where M_11 (Delta_d - Delta_1) > 0 for one d, no token that uses channel d tends to the axis.",
)
