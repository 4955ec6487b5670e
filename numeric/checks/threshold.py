"""The size of token 2 at which it blows up with token 1 and neither before: found by bisection of its start."""

from __future__ import annotations

import numpy as np

from s6flow.numeric.checks.blowup import blow_up_time_first
from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, flow_parameters
from s6flow.numeric.flow import FlowParameters, Status, integrate

__all__ = ["threshold"]

#: What is left of T where token 2 is judged, and where the ratio is read: the linearisation at ratio one grows like
#: 1/(T - t), so that what the first is off by, the second is off by a thousandth of.
JUDGED, READ = 1e-7, 1e-4
#: The smallest and largest |x_2(0)/x_1(0)| that are looked for, of which the theorem leaves sqrt(1 - q) to one, and halvings
#: of ln of them, down to rounding.
LEAST, MOST, HALVINGS = 1e-3, 1.1, 46
#: |x_1| at which a ratio is late, and T - t below 1e-80 of it.
LATE = 1e30
#: A logarithm whose exponential float64 holds.
WIDEST = 700.0


def threshold(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The threshold, the ratio on it, and how the start given ends: T, its ratio when a token is at 1e30.

    Time is scaled by T_1 (theory 4), so that one clock serves all systems.

    Source: theorem `follower-threshold`.
    """
    x0 = np.asarray(data["x0"], dtype=np.float64)[:, :2]
    first, side = np.abs(x0[:, 0]), np.where(x0[:, 1] < 0, -1.0, 1.0)
    T_first = blow_up_time_first(data)
    params = FlowParameters(np.asarray(data["mu"]) * T_first[:, None], *(data[key] for key in ("a", "s", "b", "floor")))

    def ratios(share: Array) -> Array:
        """x_2/x_1 at the two times; infinite where the system had ended."""
        start = np.stack([x0[:, 0], side * share * first], axis=1)
        times = (float(np.log1p(-READ)), float(np.log1p(-JUDGED)))
        result = integrate(start, params, log_times=times, backend=integrator)
        u = np.where(result.reached[:, :, None], result.log_abs.data, np.nan)
        with np.errstate(over="ignore"):
            found = np.exp(u[:, :, 1] - u[:, :, 0])
        return np.asarray(np.where(np.isnan(found), np.inf, found))

    low, high = np.full(len(x0), np.log(LEAST)), np.full(len(x0), np.log(MOST))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = ratios(np.exp(middle))[:, 1] > 1
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    late = integrate(x0, flow_parameters(data), x_limit=LATE, backend=integrator)
    whole = integrate(x0, flow_parameters(data), backend=integrator)
    with np.errstate(divide="ignore"):
        final = late.final_log_abs
    T = np.where(whole.status == Status.BLOW_UP, whole.blow_up_time, np.nan)
    return {
        "valid": np.ones((len(x0), 1), dtype=bool),
        "threshold": (np.exp(low) * first)[:, None],
        "ratio_near": ratios(np.exp(low))[:, :1],
        "ratio": np.exp(np.clip(final - final[:, :1], -WIDEST, WIDEST))[:, None],
        "T": T[:, None],
        "T_first": T_first[:, None],
    }
