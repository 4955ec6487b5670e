"""Measurements near a blow-up: its time, the profile of the leader, and how the followers go along."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.numeric.checks.shared import Array, Data, Observed, flow_parameters, moments, quantity
from s6flow.numeric.flow import FlowParameters, FlowResult, Status, integrate
from s6flow.symbolic import criteria as cr
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.theorem import Theorem

__all__ = ["blow_up_time_first", "blowup"]

#: |x| of the leader at which the state is looked at.
APPROACH = (1e15, 1e30, 1e100)
#: Stands for "no blow-up within the horizon" where a time is compared.
NEVER = 1e30
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def blow_up_time_first(data: Data, panels: int = 160, span: float = 48.0) -> Array:
    """T_1 by composite Gauss-Legendre in ln r from |x_1(0)|; what lies beyond is below e^(-2 span) of it.

    Source: criteria.blow_up_integrand; theorem `fast-blow-up-time`.
    """
    x1 = np.asarray(data["x0"])[:, 0]
    edges = np.linspace(0.0, span, panels + 1)
    half = (edges[1] - edges[0]) / 2
    v = (edges[:-1, None] + half * (1 + _NODES)).ravel()
    weights = np.tile(_WEIGHTS * half, panels)
    r = np.abs(x1)[:, None] * np.exp(v)
    function = generate(cr.quantity("blow_up_integrand"))
    values = {
        "r": r,
        "orientation": np.sign(x1)[:, None],
        "mu": np.asarray(data["mu"])[:, None, :],
        **{key: np.asarray(data[key])[:, None] for key in ("s", "b", "floor")},
    }
    with np.errstate(all="ignore"):  # where the step underflows the time is infinite
        density = function(*(values[name] for name in function.inputs)) * r
    return np.asarray((density * weights).sum(axis=1))


def blowup(theorem: Theorem, data: Data) -> Observed:
    """Blow-up times of the system and of its first m tokens; on request the approach to the blow-up."""
    params = flow_parameters(data)
    x0 = np.asarray(data["x0"])
    log_horizon = float(theorem.options.get("log_horizon", 300.0))
    whole = integrate(x0, params, log_horizon=log_horizon)
    observed: Observed = {"T": _times(whole)[:, None], "valid": np.ones((len(x0), 1), dtype=bool)}
    observed["T_first"] = blow_up_time_first(data)[:, None]
    if "m" in data:
        prefix = np.where(np.arange(x0.shape[1]) < np.asarray(data["m"])[:, None], x0, 0.0)
        observed["T_prefix"] = _times(integrate(prefix, params, log_horizon=log_horizon))[:, None]
    if theorem.options.get("approach"):
        observed.update(_approach(data, whole, params, log_horizon))
    return observed


def _times(result: FlowResult) -> Array:
    time = np.where(result.status == Status.BLOW_UP, np.minimum(result.blow_up_time, NEVER), NEVER)
    return np.where(result.ended_well, time, np.nan)


def _approach(data: Data, whole: FlowResult, params: FlowParameters, log_horizon: float) -> Observed:
    x0 = np.asarray(data["x0"])
    nonzero = x0 != 0
    states, log_left = [], []
    for limit in APPROACH:
        reached = integrate(x0, params, log_horizon=log_horizon, x_limit=limit) if limit < APPROACH[-1] else whole
        states.append(reached.final_log_abs)
        if limit < APPROACH[-1]:
            again = integrate(reached.final_x, params, log_horizon=log_horizon)  # from here on, with its own clock
            log_left.append(np.where(again.status == Status.BLOW_UP, again.log_blow_up_time, np.nan))
    u = np.stack(states, axis=1)
    blown = (whole.status == Status.BLOW_UP)[:, None]
    count = len(APPROACH)
    before = predecessor(nonzero)
    u_s = np.concatenate([u[:, :1], u[:, :-1]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(nonzero[:, None], u - u_s, 0.0)
        change_before = np.take_along_axis(change, np.repeat(np.maximum(before, 0)[:, None], count, 1), axis=2)
        slope = np.where(before[:, None] >= 0, np.clip(change / change_before, -NEVER, NEVER), 0.0)
        gate = np.where(before[:, None] >= 0, _gate_change(data, u_s, u) / change_before, 0.0)
    # the last approach has no restart: the first two carry the time left, the last two the changes
    remaining = np.stack([*log_left, log_left[-1] * np.nan], axis=1)
    use = np.zeros((1, count), dtype=bool)
    changes = theorem_changes(count)
    use[0] = changes
    return {
        "valid": np.broadcast_to(blown, (len(x0), count)) & use,
        "T": np.repeat(_times(whole)[:, None], count, 1),
        "T_first": np.full((len(x0), count), np.nan),
        "u_t": u,
        "u_s": u_s,
        "slope_of": slope,
        "gate_slope": gate,
        "weight": moments(_weights(data, nonzero), count),
        "blow_token": np.repeat(whole.blow_up_token[:, None].astype(float), count, 1),
        "log_remaining": remaining,
    }


def theorem_changes(count: int) -> Any:
    """Moments with both a predecessor and a restart."""
    return (np.arange(count) > 0) & (np.arange(count) < count - 1)


def predecessor(nonzero: Any) -> Any:
    """Index of the last nonzero token before each token; -1 where there is none."""
    before = np.full(nonzero.shape, -1)
    last = np.full(len(nonzero), -1)
    for token in range(nonzero.shape[1]):
        before[:, token] = last
        last = np.where(nonzero[:, token], token, last)
    return before


def _weights(data: Data, nonzero: Any) -> Array:
    """q^k, k the number of zero tokens since the last nonzero one, with the common decay rate."""
    delta0 = quantity("delta0", b=data["b"], floor=data["floor"])
    rate = np.asarray(data["a"])[:, 0]
    between = np.arange(nonzero.shape[1]) - predecessor(nonzero) - 1
    return np.asarray(np.exp(-(rate * delta0)[:, None] * between))


def _gate_change(data: Data, u_from: Array, u_to: Array) -> Array:
    """The change of G(r) = int^r exp(a Delta(v)) dv / v between two states, by Gauss-Legendre in ln v."""
    panels = 40
    sign = np.sign(np.asarray(data["x0"]))[:, None, :, None]
    low = np.where(np.isfinite(u_from), u_from, 0.0)[..., None]
    high = np.where(np.isfinite(u_to), u_to, 0.0)[..., None]
    edges = np.linspace(0.0, 1.0, panels + 1)
    unit = (edges[:-1, None] + (1 + _NODES) / (2 * panels)).ravel()
    weights = np.tile(_WEIGHTS / (2 * panels), panels)
    with np.errstate(all="ignore"):
        v = low + (high - low) * unit
        token = sign * np.exp(v)
        z = np.asarray(data["s"])[:, None, None, None] * token + np.asarray(data["b"])[:, None, None, None]
        rate = np.asarray(data["a"])[:, 0][:, None, None, None]
        step = np.logaddexp(0.0, z) + np.asarray(data["floor"])[:, None, None, None]
        return np.asarray((np.exp(rate * step) * weights).sum(axis=-1) * (high - low)[..., 0])
