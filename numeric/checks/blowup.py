"""Measurements near a blow-up: its time, the profile of the leader, and how the followers go along.

Which token is the first to diverge at T shows only late. A token that will stay bounded can lead for thirty decades
and more before a later one overtakes it for good (with s = 0 and q near 1 the two grow almost alike). So a moment
counts only if the first token that takes part was the fastest one already when it began: then the others grow at
lower rates, their ratios to it fall, and none of them overtakes it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, flow_parameters, moments, quantity
from s6flow.numeric.flow import FlowResult, Status, integrate
from s6flow.symbolic import infinity
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.checked import Checked
from s6flow.symbolic.programs.quantities import quantity as criterion

__all__ = [
    "IN_CACHE",
    "approach",
    "blow_up_time_first",
    "blow_up_times",
    "blowup",
    "gate_integral_change",
    "leads",
    "log_remaining",
    "predecessor",
    "predecessor_weights",
]

#: |x| of the leader at which the state is looked at: a moment is the way from one of them to the next. A run passes
#: its limit by up to e^30, the longest step, and 1e100 ends every run.
APPROACH = (1e30, 1e55, 1e80)
#: The leader's rate may lie below the largest one by so much, which is rounding.
_TIE = 1e-9
#: Stands for "no blow-up within the horizon" where a time is compared.
NEVER = float(infinity.NEVER)
#: A token that takes part must have moved ln|x| by so much between two moments for its slope to be known: the run's own
#: errors are a thousandth of it. Beside a token with s x < 0 a large follower moves by less than float64 can show.
SEEN = 1e-6
#: Attempts of a run, as `integrate` allows by default; a theorem may ask for fewer.
MAX_STEPS = 5000
#: Numbers that are worked on at a time: with what they are made of they stay in a core's cache.
IN_CACHE = 1 << 16
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
    function = generate(criterion("blow_up_integrand"), "numpy", "fast")  # beside runs, which have fewer digits
    mu = np.asarray(data["mu"])

    def integrals(part: slice) -> Array:
        r = np.abs(x1[part])[:, None] * np.exp(v)
        values = {
            "r": r,
            "orientation": np.sign(x1[part])[:, None],
            "mu": mu[part, None, :],
            **{key: np.asarray(data[key])[part, None] for key in ("s", "b", "floor")},
        }
        with np.errstate(all="ignore"):  # where the step underflows the time is infinite
            density = function(*(values[name] for name in function.inputs)) * r
            return np.asarray((density * weights).sum(axis=1))

    return _in_parts(integrals, len(x1), len(v) * mu.shape[1])


def _in_parts(function: Callable[[slice], Array], systems: int, each: int) -> Array:
    """What a function makes of all systems, so many at a time as the cache holds; `each` numbers a system."""
    size = max(1, IN_CACHE // each)
    return np.concatenate([function(slice(first, first + size)) for first in range(0, max(systems, 1), size)])


def blowup(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Blow-up times of the system and of its first m tokens; on request the approach to the blow-up."""
    x0 = np.asarray(data["x0"])
    horizon = float(theorem.options.get("log_horizon", 300.0))
    steps = int(theorem.options.get("max_steps", MAX_STEPS))
    run = partial(integrate, params=flow_parameters(data), log_horizon=horizon, backend=integrator, max_steps=steps)
    whole = run(x0)
    observed: Observed = {"T": blow_up_times(whole)[:, None], "valid": np.ones((len(x0), 1), dtype=bool)}
    observed["T_first"] = blow_up_time_first(data)[:, None]
    ends = np.where(whole.status == Status.BLOW_UP, whole.log_blow_up_time, horizon)
    observed["log_T"] = np.where(whole.ended_well & ~_held_back(data, whole), ends, np.nan)[:, None]
    if "m" in data:
        prefix = np.where(np.arange(x0.shape[1]) < np.asarray(data["m"])[:, None], x0, 0.0)
        observed["T_prefix"] = blow_up_times(run(prefix))[:, None]
    if theorem.options.get("approach"):
        observed.update(approach(data, whole, run, _reads(theorem, "gate_slope")))
    return observed


def _held_back(data: Data, whole: FlowResult) -> Any:
    """Whether a token of no slow side, s x >= 0, is smaller than it began behind a first one that grew, and nothing blew up:
    it may be held back for an immense time, and no horizon settles whether it diverges.
    """
    x0 = np.asarray(data["x0"])
    nonzero, rows = x0 != 0, np.arange(len(x0))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(nonzero, whole.final_log_abs - np.log(np.abs(x0)), 0.0)
    fast = nonzero & (np.asarray(data["s"])[:, None] * x0 >= 0)
    return (whole.status != Status.BLOW_UP) & (gain[rows, nonzero.argmax(axis=1)] > 0) & (fast & (gain < 0)).any(axis=1)


def blow_up_times(result: FlowResult) -> Array:
    """T of every system, shape (system) [depth-time]: at most `NEVER`, which stands for none; NaN where the run failed."""
    time = np.where(result.status == Status.BLOW_UP, np.minimum(result.blow_up_time, NEVER), NEVER)
    return np.where(result.ended_well, time, np.nan)


def _reads(theorem: Checkable, name: str) -> bool:
    """Whether the claim speaks of an observable, as far as that is known without lowering it."""
    return not isinstance(theorem, Checked) or any(inp.name == name for inp in theorem.margin.inputs)


def approach(data: Data, whole: FlowResult, run: Callable[..., FlowResult], gates: bool = True) -> Observed:
    """Changes between the states at `APPROACH`, and the time left from each of them on.

    Args:
        data: letters of the systems, x0 of shape (system, token).
        whole: their run to its end.
        run: from starts of that shape, and up to `x_limit` if that is given, to a result.
        gates: whether the change of the gate integral is asked for, too.
    Returns: observables, shape (system, way between two sizes) or (system, way, token).
    """
    x0 = np.asarray(data["x0"])
    nonzero = x0 != 0
    far = np.abs(x0).max(axis=1) >= APPROACH[0]  # what starts beyond these sizes is not settled within them
    reached = [run(np.where(far[:, None], 0.0, x0), x_limit=limit) for limit in APPROACH]
    u = np.stack([result.final_log_abs for result in reached], axis=1)
    u_s, u_t, count = u[:, :-1], u[:, 1:], len(APPROACH) - 1
    blown = whole.status == Status.BLOW_UP
    led = np.stack([blown & leads(result, whole.blow_up_token) for result in reached[:-1]], axis=1)
    lost = far | (blown & ~led.any(axis=1))  # nobody leads yet: not settled within these sizes
    led[:, -1] |= lost
    u_t = np.where(lost[:, None, None], np.nan, u_t)
    before = predecessor(nonzero)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        change = np.where(nonzero[:, None], u_t - u_s, 0.0)
        change_before = np.take_along_axis(change, np.repeat(np.maximum(before, 0)[:, None], count, 1), axis=2)
        slope = np.where(before[:, None] >= 0, np.clip(change / change_before, -NEVER, NEVER), 0.0)
    return {
        "valid": led,
        "T": np.repeat(blow_up_times(whole)[:, None], count, 1),
        "T_first": np.full((len(x0), count), np.nan),
        "u_t": u_t,
        "u_s": u_s,
        "slope_of": slope,
        **({"gate_slope": _gate_slope(data, u_s, u_t, change, change_before)} if gates else {}),
        "weight": moments(predecessor_weights(data, nonzero), count),
        "blow_token": np.repeat(whole.blow_up_token[:, None].astype(float), count, 1),
        "log_remaining": np.stack([log_remaining(run(result.final_x)) for result in reached[1:]], axis=1),
    }


def leads(result: FlowResult, token: Any) -> Any:
    """Whether `token`, counted from 1, is the first that takes part in the blow-up, and the fastest one.

    Args:
        result: with shares of the fastest rate, shape (system, token).
        token: one a system, shape (system).
    Returns: booleans, shape (system).
    """
    own = np.take_along_axis(result.final_share, np.maximum(token - 1, 0)[:, None], axis=1)[:, 0]
    return (result.blow_up_token == token) & (own >= result.final_share.max(axis=1) - _TIE)


def log_remaining(again: FlowResult) -> Array:
    """ln of the time left by a run with its own clock from the state reached, which has its own relative accuracy.

    Returns: shape (system) [ln depth-time]; NaN where that run does not blow up.
    """
    return np.where(again.status == Status.BLOW_UP, again.log_blow_up_time, np.nan)


def predecessor(nonzero: Any) -> Any:
    """Index of the last nonzero token before each token; -1 where there is none."""
    before = np.full(nonzero.shape, -1)
    last = np.full(len(nonzero), -1)
    for token in range(nonzero.shape[1]):
        before[:, token] = last
        last = np.where(nonzero[:, token], token, last)
    return before


def predecessor_weights(data: Data, nonzero: Any) -> Array:
    """q^k, k the number of zero tokens since the last nonzero one, with the common decay rate.

    Args:
        data: letters of the systems: a of shape (system, state), b and floor of shape (system).
        nonzero: whether a token is, shape (system, token).
    Returns: in (0, 1], shape (system, token).
    """
    delta0 = quantity("delta0", b=data["b"], floor=data["floor"])
    rate = np.asarray(data["a"])[:, 0]
    between = np.arange(nonzero.shape[1]) - predecessor(nonzero) - 1
    return np.asarray(np.exp(-(rate * delta0)[:, None] * between))


def _gate_slope(data: Data, u_s: Array, u_t: Array, change: Array, change_before: Array) -> Array:
    """The change of G over that of ln|x| of the nonzero token before; NaN where the token's own cannot be seen."""
    nonzero = np.asarray(data["x0"]) != 0
    follows = predecessor(nonzero)[:, None] >= 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        slope = np.where(follows, gate_integral_change(data, u_s, u_t) / change_before, 0.0)
    return np.where(nonzero[:, None] & follows & (np.abs(change) < SEEN), np.nan, slope)


def gate_integral_change(data: Data, u_from: Array, u_to: Array) -> Array:
    """The change of G(r) = int^r exp(a Delta(v)) dv / v between two states, by Gauss-Legendre in ln v.

    Args:
        data: letters of the systems: x0 of shape (system, token), a of shape (system, state), s, b and floor of shape (system).
        u_from, u_to: ln|x| of the two states, shape (system, way, token); an infinite one, of a zero token, counts as 0.
    Returns: shape (system, way, token).
    """
    panels = 40
    edges = np.linspace(0.0, 1.0, panels + 1)
    unit = (edges[:-1, None] + (1 + _NODES) / (2 * panels)).ravel()
    weights = np.tile(_WEIGHTS / (2 * panels), panels)
    x0, rates = np.asarray(data["x0"]), np.asarray(data["a"])[:, 0]

    def changes(part: slice) -> Array:
        sign = np.sign(x0[part])[:, None, :, None]
        low = np.where(np.isfinite(u_from[part]), u_from[part], 0.0)[..., None]
        high = np.where(np.isfinite(u_to[part]), u_to[part], 0.0)[..., None]
        s, b, floor = (np.asarray(data[key])[part, None, None, None] for key in ("s", "b", "floor"))
        with np.errstate(all="ignore"):
            v = low + (high - low) * unit
            step = np.logaddexp(0.0, s * (sign * np.exp(v)) + b) + floor
            return np.asarray(
                (np.exp(rates[part, None, None, None] * step) * weights).sum(axis=-1) * (high - low)[..., 0]
            )

    return _in_parts(changes, len(x0), len(unit) * u_from[0].size)
