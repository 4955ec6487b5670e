"""Gates that round to one, and updates that a rounded state does not see (theory 19)."""

import sympy as sp

from s6flow.symbolic import observables as ob
from s6flow.symbolic import state as st
from s6flow.symbolic.theorem import Sharpness, Step, Theorem

_z = sp.Symbol("z", positive=True)
_small = st.rounding_threshold()
_rate = st.decay * st.width
_loses = -sp.log(1 - _small)


def proof() -> tuple[Step, ...]:
    """The gate is above the midpoint of 1 and the p-bit number below it; the midpoint itself rounds to even, to 1."""
    gap = sp.exp(-_z) - (1 - _z)
    return (
        Step(
            "gate-midpoint",
            "A gate above the midpoint rounds to one",
            (sp.Ge(sp.exp(-_z), 1 - _z, evaluate=False),),
            r"The p-bit numbers below 1 are $2^{-p}$ apart, so what is at least $1 - 2^{-(p+1)}$ rounds to 1 (the midpoint to even). The gap "
            r"$e^{-z} - (1 - z)$ is zero at 0 and its derivative $1 - e^{-z}$ is positive. Beyond $z = -\ln(1 - \epsilon)$, $z = a\Delta$, the gate rounds to $1 - 2^{-p}$ or less; with "
            r"$\epsilon = 2^{-(p+1)}$ that is below $\epsilon + \epsilon^2$.",
            (
                gap.subs(_z, 0),
                sp.diff(gap, _z) - (1 - sp.exp(-_z)),
                sp.exp(-_loses) - (1 - _small),
            ),
        ),
    )


THEOREM = Theorem(
    id="gate-rounding",
    title="Rounded to p bits, a gate e^(-a Delta) with a Delta <= 2^-(p+1) is 1, and updates up to 2^-(p+1) |rd(h)| leave a rounded state rd(h) as it is",
    section="19",
    source="ours (theory 19)",
    kind="bound",
    variables=("decay", "width", "bits", "h_state", "update"),
    assumptions=(),
    conclusion=sp.And(
        sp.Implies(_rate <= _small / ob.sharp, sp.Eq(ob.bits_lost, 0, evaluate=False)),
        sp.Implies(_rate >= sp.Rational(101, 100) * (_small + _small**2), sp.Ge(ob.bits_lost, 1, evaluate=False)),
        sp.Implies(sp.Abs(ob.update) <= _small * sp.Abs(ob.h_rounded), sp.Eq(ob.bits_moved, 0, evaluate=False)),
    ),
    measurement="rounding",
    # not as 1 - e^-z <= z, which cancels where z is below the rounding of a backend
    core=sp.Ge(sp.exp(-_rate), 1 - _rate, evaluate=False),
    ranges={"a": (1e-5, 1.0), "Delta": (1e-5, 1.0)},
    proof=proof,
    evidence="symbolic",
    sharpness=Sharpness("2^-(p+1), up to its square", sp.Rational(99, 100)),
    witness={"decay": 1.0, "width": 1.005 * 2.0**-9, "bits": 8.0, "h_state": 1.0, "update": 2.0**-9},
    notes="p counts the leading bit: 8 for bfloat16, 11 for float16, 24 for float32; rounding to nearest, ties to even; no subnormal state. The third claim is of rd(h) != 0.",
)
