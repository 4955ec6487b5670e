"""A flow at times worth looking at: evenly in ln t, and where it blows up crowding towards the blow-up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError
from s6flow.numeric.flow.equation import EquationFlow
from s6flow.numeric.flow.integrate import integrate
from s6flow.numeric.flow.parameters import Parameters, one_number
from s6flow.numeric.flow.result import FlowResult

__all__ = ["LOG_HORIZON", "sampled"]

#: ln of the depth-time to stop at where none is given.
LOG_HORIZON = 27.6
#: Tolerance of the finer runs that say how far a blow-up time can be believed.
_FINE = 1e-12
#: Outputs before a blow-up reach from T - t near T down to e^-12 T: T is known to some 1e-12 of itself, so that T - t,
#: and with it the tokens, has six digits that do not depend on the backend.
_CLOSEST = 12.0
#: ln t of the first output, and how far before the horizon it lies at least.
_EARLIEST, _SPAN = -4.0, 8.0
#: Batches of more systems are not sampled towards each blow-up: outputs are shared, so each would have them all.
_MOST_SYSTEMS = 16


def sampled(
    x0: ArrayLike,
    params: Parameters | EquationFlow,
    end: float = LOG_HORIZON,
    points: int = 200,
    rtol: float = 1e-10,
    **options: Any,
) -> tuple[FlowResult, NDArray[np.float64]]:
    """The flow with outputs chosen for it, and how well runs of different tolerance agree on the blow-up times.

    Args:
        x0: tokens [1], shape (*batch, token); for layers (*batch, token, channel).
        params: the flow.
        end: ln t to stop at.
        points: outputs up to `end`, and again towards the blow-up of each system, at least 2.
        rtol: tolerance of the first run.
        options: as `integrate`.
    Returns: the run; largest difference between blow-up times of three runs [depth-time], NaN without a blow-up, or where
        the runs disagree on it, shape (*batch).
    Raises: AssumptionError: fewer than two points; as `integrate`.
    """
    count = one_number(points, "points")
    if count < 2 or count != int(count):
        raise AssumptionError("a trajectory needs a whole number of points, at least 2", points, "points")
    points = int(count)
    grid = np.linspace(min(_EARLIEST, end - _SPAN), end, points)
    first = integrate(x0, params, log_times=grid, rtol=rtol, **options)
    blown = np.isfinite(first.blow_up_time)
    unknown = np.full(blown.shape, np.nan)
    if not blown.any() or blown.size > _MOST_SYSTEMS:
        return first, unknown
    fine = {**options, "rtol": min(rtol, _FINE), "log_horizon": end, "max_steps": 20_000}
    second = integrate(x0, params, **fine)
    before = -np.expm1(-np.linspace(0.05, _CLOSEST, points))
    times = np.unique(second.blow_up_time[np.isfinite(second.blow_up_time)])
    outputs = np.concatenate([time * before for time in times] or [np.empty(0)])
    if not blown.all():
        outputs = np.concatenate([outputs, np.exp(grid)])
    last = integrate(x0, params, times=np.unique(outputs), **fine)
    found = np.array([run.blow_up_time for run in (first, second, last)])
    agree = np.isfinite(found).all(axis=0)
    if not agree[blown].all():
        return first, unknown
    spread = np.ptp(np.where(agree, found, 0.0), axis=0)
    return last, np.where(agree, np.maximum(spread, np.where(agree, found[-1], 0.0) * _FINE), np.nan)
