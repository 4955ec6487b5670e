"""Measurements: from data to the observables of a conclusion, one function a name.

Every observable comes back with axes (system, moment, ...); `valid` says which moments exist for which system, and
NaN marks what could not be settled, which is judged as undecided, never as success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, Status, integrate
from s6flow.symbolic import criteria as cr
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.theorem import Theorem

__all__ = ["MEASUREMENTS", "flow_parameters", "moments"]

Array = NDArray[np.float64]
Data = Mapping[str, Any]
Observed = dict[str, Any]

#: ln t of ordinary trajectories: from before anything moves to t = 1e12.
LOG_TIMES = (-12.0, -7.0, -4.0, -2.0, -0.5, 1.0, 3.0, 6.0, 10.0, 16.0, 27.631021115928547)


def flow_parameters(data: Data) -> FlowParameters:
    """The bilinear flow of the data."""
    return FlowParameters(data["mu"], data["a"], data["s"], data["b"], data["floor"])


def moments(value: Any, count: int = 1) -> Any:
    """Letters with a moment axis of length `count` behind the batch axis."""
    array = np.asarray(value, dtype=np.float64)
    return array if array.ndim == 0 else np.repeat(array[:, None], count, axis=1)


def quantity(name: str, **values: Any) -> Array:
    """A quantity of `criteria` in NumPy, at arrays with a batch axis."""
    function = generate(cr.quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)))


def _pointwise(theorem: Theorem, data: Data) -> Observed:
    """Nothing is measured: the claim is about letters."""
    return {}


def _run(theorem: Theorem, data: Data, params: Any, default: tuple[float, ...] = LOG_TIMES) -> FlowResult:
    options = theorem.options
    keys = {key: options[key] for key in ("rtol", "x_limit", "max_steps") if key in options}
    return integrate(data["x0"], params, log_times=np.asarray(options.get("log_times", default)), **keys)


def _trajectory(theorem: Theorem, data: Data) -> Observed:
    """Tokens at the outputs, and at the output before."""
    return _observe(_run(theorem, data, flow_parameters(data)), data)


def _axis(theorem: Theorem, data: Data) -> Observed:
    """The same with projection biases, in coordinates where signs are free to change."""
    keys = ("S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor")
    return _observe(_run(theorem, data, AxisParameters(**{key: data[key] for key in keys})), data)


def _observe(result: FlowResult, data: Data) -> Observed:
    x0 = np.asarray(data["x0"], dtype=np.float64)
    log_abs, sign = result.log_abs.data.copy(), result.sign.data.copy()
    failed = ~result.ended_well
    log_abs[failed] = np.nan
    with np.errstate(divide="ignore"):
        start = np.log(np.abs(x0))[:, None]
    before = np.concatenate([start, log_abs[:, :-1]], axis=1)
    sign_before = np.concatenate([np.sign(x0)[:, None], sign[:, :-1]], axis=1)
    log_t = np.broadcast_to(result.log_times, log_abs.shape[:2])
    with np.errstate(over="ignore"):
        return {
            "valid": result.reached | failed[:, None],
            "t": np.exp(log_t),
            "log_t": log_t,
            "x_t": sign * np.exp(log_abs),
            "x_s": sign_before * np.exp(before),
            "u_t": log_abs,
            "u_s": before,
            "blown_up": result.status == Status.BLOW_UP,
        }


def _late(theorem: Theorem, data: Data) -> Observed:
    """Tokens and attention at late times, with gaps between nonzero tokens and the shares of theory 8."""
    result = _run(theorem, data, flow_parameters(data), (20.0, 40.0, 60.0))
    observed = _observe(result, data)
    count = len(result.log_times)
    attention = np.stack([result.attention(index).data for index in range(count)], axis=1)
    return {
        **observed,
        "P_t": attention,
        "gap": moments(gaps(data["x0"]), count),
        "kappa": moments(shares(data), count),
    }


def gaps(x0: Array) -> Array:
    """Distance to the last nonzero token before; 1e6 where there is none, so that q^gap = 0."""
    gap = np.full(x0.shape, 1e6)
    last = np.full(len(x0), -np.inf)
    for token in range(x0.shape[1]):
        gap[:, token] = np.where(np.isfinite(last), token - last, 1e6)
        last = np.where(x0[:, token] != 0, token, last)
    return gap


def shares(data: Data) -> Array:
    """kappa_l of theory 8, token by token; a zero token gates the shares and adds none."""
    x0, mu = np.asarray(data["x0"]), np.asarray(data["mu"])
    phi = np.zeros_like(mu)
    kappa = np.zeros(x0.shape)
    rest = {key: data[key] for key in ("a", "b", "floor")}
    for token in range(x0.shape[1]):
        kappa[:, token] = quantity("inherited", phi=phi, **rest)
        added = quantity("share_after", phi=phi, mu=mu, **rest)
        gated = quantity("share_after", phi=phi, mu=mu, **rest) - mu / mu.sum(axis=1, keepdims=True) * np.maximum(
            1 - kappa[:, token : token + 1], 0
        )
        phi = np.where(x0[:, token : token + 1] != 0, added, gated)
    return kappa


def _fate(theorem: Theorem, data: Data) -> Observed:
    """How the whole system ends: 0 all nonzero tokens to zero, 1 stationary, 2 slow divergence, 3 finite-time blow-up."""
    result = integrate(data["x0"], flow_parameters(data), log_horizon=float(theorem.options.get("log_horizon", 300.0)))
    x0 = np.asarray(data["x0"])
    nonzero = x0 != 0
    final = result.final_log_abs
    with np.errstate(divide="ignore"):
        start = np.log(np.abs(x0))
    log_t = result.final_log_time[:, None]
    still = np.where(nonzero, np.abs(final - start) < 1e-12, True).all(axis=1)
    falls = np.where(nonzero, final < np.minimum(start, -0.05 * log_t), True).all(axis=1)
    s = np.abs(np.asarray(data["s"]))[:, None]
    with np.errstate(over="ignore"):
        rises = np.where(nonzero, (final > start) & (s * np.exp(np.minimum(final, 700)) > 0.2 * log_t), True).all(axis=1)
    code = np.select([result.status == Status.BLOW_UP, still, falls, rises], [3.0, 1.0, 0.0, 2.0], np.nan)
    return {"valid": np.ones((len(x0), 1), dtype=bool), "fate": code[:, None, None] * np.ones((1, 1, x0.shape[1]))}


Measurement = Callable[[Theorem, Data], Observed]
MEASUREMENTS: dict[str, Measurement] = {
    "pointwise": _pointwise,
    "trajectory": _trajectory,
    "axis": _axis,
    "late": _late,
    "fate": _fate,
}
