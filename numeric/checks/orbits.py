"""Measurements of token 1 on its orbit: how it dies, which axis it leaves along, and where it stops (theory 14)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from s6flow.numeric.checks.blowup import NEVER
from s6flow.numeric.checks.shared import RTOL, STEPS, Array, Checkable, Data, Observed, moments, quantity
from s6flow.numeric.checks.vectors import forms
from s6flow.numeric.flow import FlowResult, LayerParameters, Status, integrate
from s6flow.numeric.flow.step_control import DRIVER

if TYPE_CHECKING:
    from s6flow.numeric.criteria.exponential_sums import OrbitCertificate

__all__ = ["axis_far", "dying", "orbit", "passed_over"]

_KEYS = ("S_B", "S_C", "S_dt_in", "S_dt_out", "a", "b", "beta_B", "beta_C", "floor")
#: |x| at which the time left before a blow-up is measured: its leading law holds to float64 there.
_NEAR_END = 1e40
#: Intervals of s on each of which the form is bounded from below.
_INTERVALS = 1024


def _run(theorem: Checkable, data: Data, integrator: str, x0: Array | None = None, **options: Any) -> FlowResult:
    """Token 1 alone: the first tokens are a closed system."""
    params = LayerParameters(**{key: data[key] for key in _KEYS})
    start = np.asarray(data["x"])[:, :1] if x0 is None else x0
    steps = int(theorem.options.get("max_steps", STEPS))
    rtol = float(theorem.options.get("rtol", RTOL))
    return integrate(start, params, rtol=rtol, max_steps=steps, backend=integrator, **options)


def _steps_at_zero(data: Data) -> Array:
    return np.asarray(np.logaddexp(0.0, np.asarray(data["b"])) + np.asarray(data["floor"])[:, None])


def _logs(x: Array) -> Array:
    """ln|x|; of zero that of the least number, so that a difference of two is one."""
    return np.asarray(np.log(np.maximum(np.abs(x), np.finfo(float).tiny)))


def dying(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Late times of token 1 with the channel c of the smallest step at zero among those that it uses."""
    start, steps, M = np.asarray(data["x"])[:, 0], _steps_at_zero(data), forms(data)
    rows = np.arange(len(start))
    used = np.where(start != 0, steps, np.inf)
    c = used.argmin(axis=1)
    others = used.copy()
    others[rows, c] = np.inf
    gap = np.where(
        start.any(axis=1), np.minimum(others.min(axis=1), NEVER) - steps[rows, c], -1.0
    )  # a zero token has no c
    log_times = np.asarray(theorem.options["log_times"])
    result = _run(theorem, data, integrator, log_times=log_times)
    failed, count = ~result.ended_well, len(log_times)
    x = np.where(failed[:, None, None], np.nan, np.asarray(result.x.data)[:, :, 0])
    before = np.concatenate([start[:, None], x[:, :-1]], axis=1)
    later = np.arange(count) > 0  # a power is seen between two outputs
    return {
        "valid": (np.asarray(result.reached) | failed[:, None]) & later,
        "log_t": np.broadcast_to(log_times, (len(x), count)),
        "log_step": np.broadcast_to(np.diff(log_times, prepend=np.nan), (len(x), count)),
        "norm_0": moments(np.linalg.norm(start, axis=1), count),
        "norm_t": np.linalg.norm(x, axis=2),
        "norm_s": np.linalg.norm(before, axis=2),
        "entry_0": moments(start, count),
        "entry_t": x,
        "log_entry_t": _logs(x),
        "log_entry_s": _logs(before),
        "step_zero": moments(steps, count),
        "own_step": moments(steps[rows, c], count),
        "own_form": moments(M[rows, c, c], count),
        "log_own_t": _logs(x[rows, :, c]),
        "step_gap": moments(gap, count),
    }


def axis_far(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Token 1 far out near the axis of one channel, up to the horizon or its blow-up, and the time left before that."""
    start, M, c = np.asarray(data["x"])[:, 0], forms(data), np.asarray(data["on_axis"]).argmax(axis=1)
    rows = np.arange(len(start))
    letters = axis_letters(data)
    log_times = np.asarray(theorem.options["log_times"])
    result = _run(theorem, data, integrator, log_times=log_times)
    failed, reached = ~result.ended_well, np.asarray(result.reached)
    near = _run(theorem, data, integrator, log_horizon=float(log_times[-1]), x_limit=_NEAR_END)
    left = _run(theorem, data, integrator, np.asarray(near.final_x), log_horizon=float(log_times[-1]))
    blown = np.asarray((result.status == Status.BLOW_UP) & (near.status == Status.BLOW_UP))
    x = np.concatenate([np.asarray(result.x.data)[:, :, 0], np.asarray(near.final_x)], axis=1)
    x[failed] = np.nan
    count = x.shape[1]
    own = np.abs(x[rows, :, c])
    ratio = x / np.where(own > 0, own, np.nan)[:, :, None]
    ratio[rows, :, c] = 0.0
    excess = (ratio**2).sum(axis=2)
    log_remaining = np.zeros((len(x), count))  # measured at the end alone
    log_remaining[:, -1] = np.where(blown, left.log_blow_up_time, NEVER)
    return {
        **{name: moments(value, count) for name, value in letters.items()},
        "valid": np.concatenate([reached, blown[:, None]], axis=1) | failed[:, None],
        "own_form": moments(M[rows, c, c], count),
        "own_t": own,
        "own_gain": np.diff(_logs(own), axis=1, prepend=_logs(start[rows, c])[:, None]),
        "excess_t": excess,
        "log_own_t": _logs(own),
        "log_remaining": log_remaining,
        "log_T": moments(np.where(blown, result.log_blow_up_time, NEVER), count),
    }


def axis_letters(data: Data) -> dict[str, Array]:
    """What the claims about an axis are made of, from the layer and the start of token 1; c is the axis."""
    start, M, c = np.asarray(data["x"])[:, 0], forms(data), np.asarray(data["on_axis"]).argmax(axis=1)
    rows = np.arange(len(start))
    s_delta = np.einsum("bdr,bre->bde", np.asarray(data["S_dt_out"]), np.asarray(data["S_dt_in"]))
    column = s_delta[rows, :, c] * np.sign(start[rows, c])[:, None]
    pull = column[rows, c]
    rest = column.copy()
    rest[rows, c] = -np.inf
    floor = np.asarray(data["floor"])
    return {
        "own_pull": pull,
        "lead": lead(pull, rest.max(axis=1), floor),
        "form_size": np.abs(M).sum(axis=(1, 2)),
        "column_size": np.abs(s_delta).sum(axis=(1, 2)),
        "bias_size": np.abs(np.asarray(data["b"])).sum(axis=1),
        "own_0": np.abs(start[rows, c]),
        "excess_0": quantity("axis_excess", square=(start**2).sum(axis=1), token=start[rows, c]),
    }


def lead(own: Array, other: Array, floor: Array) -> Array:
    """The smallest lead over the other channels, the largest of whose entries is `other`; -1 where a floor evens out steps."""
    finite = np.where(np.isfinite(other), other, own - 1.0)  # no other channel: any lead will do
    slow = np.where(floor == 0, quantity("axis_lead_slow", own_pull=own, other_pull=finite), -1.0)
    return np.asarray(np.where(own > 0, quantity("axis_lead_fast", own_pull=own, other_pull=finite), slow))


def passed_over(certificate: OrbitCertificate, start: Array, steps: Array, rtol: float) -> bool:
    """Whether a run may pass over the rest ahead and see nothing of it: so far out that entries are exponentials to within
    rtol, where an orbit is a straight line in the run's coordinates and steps are as long as they may be, and with the next
    zero, behind which the form has its old sign, nearer than such a step.
    """
    first, behind = certificate.ahead(2)
    used = start != 0
    if not math.isfinite(first) or not used.any():
        return False
    size = (np.log(np.abs(start[used])) + steps[used] * first).max()
    return bool(2 * size > -math.log(4 * rtol) and abs(behind - first) * steps[used].max() < DRIVER.longest_step)


def log_due(theorem: Checkable, form: Array, start: Array, steps: Array, zero: Array) -> Array:
    """ln of a time by which token 1 has come as far as the claim about its end says: an upper bound, inf where none is found.

    On the orbit x_d(0) e^(Delta_d s) the clock is ds/dt = g(s). On an interval |g| lies above the chord between its ends, less
    an eighth of the squared width times the largest curvature, and the time that s needs is bounded from above.

    Args:
        theorem: whose options say how far: `grown` and `shrunk`, gains of ln|x| where no zero lies ahead, and `still_moves`,
            the distance in s to a zero that does, of which half is asked for.
        form: M, shape (system, channel, channel).
        start, steps: token 1 and its Delta_d, shape (system, channel).
        zero: the first zero of g ahead, inf or -inf where there is none, NaN where it is not known, shape (system).
    """
    grown, shrunk, close = (float(theorem.options[key]) for key in ("grown", "shrunk", "still_moves"))
    close /= 2  # the rest is for what the bound leaves out and for the run's errors
    weight = form * start[:, :, None] * start[:, None, :]
    rate = steps[:, :, None] + steps[:, None, :]
    ahead = np.sign(weight.sum(axis=(1, 2)))
    slowest = np.where(start != 0, steps, np.inf).min(axis=1)
    share = np.linspace(0.0, 1.0, _INTERVALS + 1)
    with np.errstate(all="ignore"):  # beyond the largest number a form is infinite and costs no time
        far = (np.where(ahead > 0, grown, shrunk) / slowest)[:, None] * share
        size = np.maximum(np.abs(zero), close)[:, None]
        near = size - size * (close / size) ** share  # the nearer to the zero, the narrower
        edges = ahead[:, None] * np.where(np.isinf(zero)[:, None], far, near)
        value, bend = np.zeros(edges.shape), np.zeros(edges.shape)
        for i, j in np.ndindex(*form.shape[1:]):
            term = ahead[:, None] * weight[:, i, j, None] * np.exp(rate[:, i, j, None] * edges)
            value += term
            bend += rate[:, i, j, None] ** 2 * np.abs(term)
        width = np.abs(np.diff(edges, axis=1))
        low = np.minimum(value[:, :-1], value[:, 1:]) - width**2 / 8 * np.maximum(bend[:, :-1], bend[:, 1:])
        return np.asarray(np.log(np.where(low > 0, width / low, np.inf).sum(axis=1)))


def orbit(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The end of token 1 beside the certified zeros of the form on its orbit."""
    from s6flow.numeric.criteria.exponential_sums import certify_orbit

    start, steps, M = np.asarray(data["x"])[:, 0], _steps_at_zero(data), forms(data)
    b, floor, rows = np.asarray(data["b"]), np.asarray(data["floor"]), np.arange(len(start))
    found = [certify_orbit(M[row], start[row], b[row], float(floor[row])) for row in rows]
    result = _run(theorem, data, integrator, log_times=np.asarray(theorem.options["log_times"]))
    x = np.where((~result.ended_well)[:, None], np.nan, np.asarray(result.final_x)[:, 0])
    ends = np.array([row.end for row in found])
    rtol = float(theorem.options["rtol"])
    hidden = np.array([passed_over(row, x, width, rtol) for row, x, width in zip(found, start, steps, strict=True)])
    promised = (ends != 0) & (np.isinf(ends) | (np.abs(ends) <= theorem.options["near"]))
    hidden |= promised & ~(
        log_due(theorem, M, start, steps, ends) <= theorem.options["log_times"][-1]
    )  # it comes there later
    leading = (np.where(start != 0, 1.0, 0.0) * steps).argmax(axis=1)  # its entry moves most
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.log(np.abs(x / np.where(start != 0, start, 1.0))) / steps
        norm_gain = np.log(np.linalg.norm(x, axis=1) / np.linalg.norm(start, axis=1))
    along = np.where(start != 0, along, 0.0)
    norm = np.linalg.norm(start, axis=1)
    form = np.einsum("bd,bde,be->b", start, M, start) / np.where(norm > 0, norm, 1.0) ** 2
    return {
        "valid": np.ones((len(x), 1), dtype=bool),
        "form_0": form[:, None],
        "norm_gain": norm_gain[:, None],
        "entry_0": start[:, None],
        "entry_t": x[:, None],
        "log_entry_t": _logs(x)[:, None],
        "log_entry_s": _logs(start)[:, None],
        "step_zero": steps[:, None],
        "along": along[rows, leading][:, None],
        "first_zero": np.where(hidden, np.nan, np.clip(ends, -NEVER, NEVER))[:, None],
        "zero_count": np.array([float(len(row.zeros)) if row.complete else np.nan for row in found])[:, None],
        "coefficient_changes": np.array([np.nan if row.changes is None else float(row.changes) for row in found])[
            :, None
        ],
        "log_T": np.where(result.status == Status.BLOW_UP, result.log_blow_up_time, NEVER)[:, None],
    }
