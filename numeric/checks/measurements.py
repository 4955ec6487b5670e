"""Measurements: from data to the observables of a conclusion, one function a name.

Every observable comes back with axes (system, moment, ...); `valid` says which moments exist for which system, and
NaN marks what could not be settled, which is judged as undecided, never as success.

One long file: the measurements of tokens on an axis share how a run is read, and the table at the end names all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from s6flow.numeric.checks import normalised
from s6flow.numeric.checks.blowup import blowup
from s6flow.numeric.checks.orbits import axis_far, dying, orbit
from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, flow_parameters, moments, quantity
from s6flow.numeric.checks.skip import skip
from s6flow.numeric.checks.state import own_term, rounding
from s6flow.numeric.checks.threshold import threshold
from s6flow.numeric.checks.vectors import channel_shares, roots, spectra, vector, vector_tokens
from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, Status, growth_rate, integrate
from s6flow.numeric.flow.backends.numpy.stiff import TIGHT
from s6flow.numeric.thresholds import FALLS, GONE, RISES, UNMOVED
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.ends import End
from s6flow.symbolic.programs.flows import growth_rate_program

__all__ = ["MEASUREMENTS", "Measurement", "behind_stack", "flow_parameters", "moments", "observed_tokens"]

#: ln t of ordinary trajectories: from before anything moves to t = 1e12.
LOG_TIMES = (-12.0, -7.0, -4.0, -2.0, -0.5, 1.0, 3.0, 6.0, 10.0, 16.0, 27.631021115928547)
#: The share of zeta(0) that must be left at an output: the run's relative error and that of the difference are divided by it.
CANCELLED = 1e-3
#: Tokens from a first nonzero one back to none: q^gap = 0 for every q below 1 that float64 tells from it by enough.
NO_TOKEN = 1e6
#: The share of a natural time that a stack runs, and of |x| that it must be off by: less is rounding of the flow beside it,
#: which is integrated to 1e-13.
STACK_SPAN, SEEN_ERROR = 0.2, 1e-9


def _pointwise(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Nothing is measured: the claim is about letters."""
    return {}


def _run(
    theorem: Checkable, data: Data, params: Any, integrator: str, default: tuple[float, ...] = LOG_TIMES, **changed: Any
) -> FlowResult:
    options = {**theorem.options, **changed}
    keys = {key: options[key] for key in ("rtol", "x_limit", "max_steps") if key in options}
    log_times = np.asarray(options.get("log_times", default))
    return integrate(data["x0"], params, log_times=log_times, backend=integrator, **keys)


def _trajectory(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Tokens at the outputs, and at the output before."""
    return observed_tokens(_run(theorem, data, flow_parameters(data), integrator), data)


def _axis(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The same with projection biases, in coordinates where signs are free to change.

    The linear algebra that carries a stiff flow leaves rounding in a zero token, which grows where the token is unstable:
    a system in which one moved is followed once more by the explicit method alone, which has no such rounding.
    """

    def observe(part: Data, **changed: Any) -> Observed:
        params = AxisParameters(
            **{key: part[key] for key in ("S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor")}
        )
        return observed_tokens(_run(theorem, part, params, integrator, **changed), part)

    observed = observe(data)
    moved = ((np.asarray(data["x0"]) == 0)[:, None] & (observed["x_t"] != 0)).any(axis=(1, 2))
    if moved.any():
        again = observe({key: value[moved] if np.ndim(value) else value for key, value in data.items()}, rtol=TIGHT)
        for name, value in again.items():
            observed[name] = np.array(observed[name])  # what is the same for all is a view that is not written to
            observed[name][moved] = value
    return observed


def observed_tokens(result: FlowResult, data: Data) -> Observed:
    """Tokens at the outputs of a run, and at the output before, of which the first is the start.

    Args:
        data: with the start x0, shape (system, token).
    Returns: observables, shape (system, output) or (system, output, token); tokens of a run that failed are NaN.
    """
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


def _late(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Tokens and attention at late times, with gaps between nonzero tokens and the shares of theory 8."""
    result = _run(theorem, data, flow_parameters(data), integrator, (20.0, 40.0, 60.0))
    observed = observed_tokens(result, data)
    count = len(result.log_times)
    if "m" in data:
        x0, rows, column = np.asarray(data["x0"]), np.arange(len(data["x0"])), np.asarray(data["m"]).astype(int) - 1
        observed["P_to"] = attention_to(result, data)
        observed["t_P"] = observed["P_to"] * observed["t"][:, :, None]
        observed["gap_m"] = moments(gaps(x0)[rows, column], count)
        observed["x_m"] = moments(x0[rows, column], count)
    kappa = shares(data)
    observed["valid"] = observed["valid"] & (np.arange(count) >= int(theorem.options.get("skip", 0)))
    return {
        **observed,
        "gap": moments(gaps(data["x0"]), count),
        "kappa": moments(kappa, count),
        "kappa_gap": moments(np.minimum.accumulate(np.abs(kappa - 1), axis=1), count),
        "log_step": np.broadcast_to(np.diff(result.log_times, prepend=np.nan), observed["log_t"].shape),
    }


def attention_to(result: FlowResult, data: Data) -> Array:
    """P_{l m} at every output, from the hidden attention of the states reached."""
    column = np.asarray(data["m"]).astype(int) - 1
    rows = np.arange(len(column))
    return np.stack([result.attention(index).data[rows, :, column] for index in range(len(result.log_times))], axis=1)


def gaps(x0: Array) -> Array:
    """Distance to the last nonzero token before; `NO_TOKEN` where there is none, so that q^gap = 0."""
    gap = np.empty(x0.shape)
    last = np.full(len(x0), -np.inf)
    for token in range(x0.shape[1]):
        gap[:, token] = np.where(np.isfinite(last), token - last, NO_TOKEN)
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


def _fate(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """How every token ends, a code of `ends.End`; FAST: with a system that blows up; NaN where the run settles nothing.

    Behind a token that rises slowly one may be carried down for an immense time: its fall settles nothing.
    """
    horizon = float(theorem.options.get("log_horizon", 300.0))
    result = integrate(data["x0"], flow_parameters(data), log_horizon=horizon, backend=integrator)
    x0 = np.asarray(data["x0"])
    nonzero = x0 != 0
    final = result.final_log_abs
    with np.errstate(divide="ignore"):
        start = np.log(np.abs(x0))
    log_t = result.final_log_time[:, None]
    still = (np.abs(np.where(nonzero, final, 0.0) - np.where(nonzero, start, 0.0)) <= UNMOVED).all(axis=1)
    falls = final < np.minimum(start, FALLS * log_t)
    s = np.abs(np.asarray(data["s"]))[:, None]
    with np.errstate(over="ignore"):
        rises = (final > start) & (s * np.exp(np.minimum(final, 700)) > RISES * log_t)
    carried = np.logical_or.accumulate(rises & nonzero, axis=1)
    blown = (result.status == Status.BLOW_UP)[:, None]
    gone = final < np.minimum(start, GONE)  # beside a blow-up time does not run on
    seen = (
        (~nonzero | (~blown & still[:, None]), End.STATIONARY),
        (blown & gone, End.CONVERGENT),
        (blown & (final >= start), End.FAST),
        (~blown & falls & ~carried, End.CONVERGENT),
        (~blown & rises, End.SLOW),
    )
    code = np.select([mask for mask, _ in seen], [float(end) for _, end in seen], np.nan)
    return {
        "valid": np.ones((len(x0), 1), dtype=bool),
        "fate": code[:, None],
    }


def _slow(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Late times of slow divergence: ratios to token 1, and the constant of the first output."""
    result = _run(theorem, data, flow_parameters(data), integrator, (100.0, 200.0, 300.0))
    observed = observed_tokens(result, data)
    count = len(result.log_times)
    u = observed["u_t"]
    token = np.arange(1, u.shape[2] + 1)
    s = np.abs(np.asarray(data["s"]))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.log(s) + u[:, 0] - token * np.log(result.log_times[0])
        ratio = np.exp(u - u[:, :, :1])
    observed["slow_constant"] = np.repeat(
        np.nanmax(np.where(np.isfinite(first), first, -np.inf), axis=1)[:, None], count, 1
    )
    observed["ratio"] = ratio
    observed["ratio_before"] = np.concatenate([ratio[:, :1], ratio[:, :-1]], axis=1)
    if "m" in data:
        observed["P_to"] = attention_to(result, data)
        with np.errstate(divide="ignore"):
            observed["log_P"] = np.log(
                np.maximum(np.abs(observed["P_to"]), np.finfo(float).tiny)
            )  # no attention at all
    skip = int(theorem.options.get("first", 0))  # outputs that serve only as the one before
    observed["valid"] = observed["valid"] & (np.arange(count) >= skip)
    return observed


def _two_tokens(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Trajectories with the inverse square of token 1 in closed form."""
    observed = _trajectory(theorem, data, integrator)
    x0, t = np.asarray(data["x0"]), observed["t"]
    speed = 2 * quantity("mu", mu=data["mu"]) * quantity("delta0", b=data["b"], floor=data["floor"])
    zeta_0 = x0[:, 0] ** -2
    zeta_t = zeta_0[:, None] - speed[:, None] * t
    kept = zeta_t >= CANCELLED * zeta_0[:, None]
    return {**observed, "valid": observed["valid"] & kept, "zeta_0": moments(zeta_0, t.shape[1]), "zeta_t": zeta_t}


def _first_rate(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """F_1 at the start."""
    return {"rate_first": growth_rate(data["x0"], flow_parameters(data))[:, :1]}


def _stack(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The residual stack against the flow, with a step and with half of it, at a fifth of the natural time."""
    x0 = np.asarray(data["x0"])
    params = flow_parameters(data)
    rates = np.abs(growth_rate(x0, params)).max(axis=1)
    span = STACK_SPAN / np.maximum(rates, 1e-300)
    # the flow runs to depth-time span: scaling time by mu (theory 4) makes it 1 for every system
    scaled = FlowParameters(np.asarray(data["mu"]) * span[:, None], data["a"], data["s"], data["b"], data["floor"])
    result = integrate(x0, scaled, log_times=(-1.0, 0.0), rtol=1e-13, backend=integrator)
    exact = result.x.data[:, -1]
    layers = int(theorem.options.get("layers", 256))
    errors = [np.abs(behind_stack(x0, scaled, count) - exact).max(axis=1) for count in (layers, 2 * layers)]
    size = np.abs(exact).max(axis=1)
    seen = (errors[1] > SEEN_ERROR * size) & (result.status == Status.HORIZON)  # else nothing but rounding is compared
    return {"valid": seen[:, None], "error_h": errors[0][:, None], "error_half": errors[1][:, None]}


def behind_stack(x0: Array, params: FlowParameters, layers: int) -> Array:
    """Tokens behind a stack of residual layers that each add 1 / layers times their output, shape (system, token).

    Args:
        x0: tokens in front of it, of that shape.
        params: of the flow, one a system.
    Numerics: the fast pipeline's last digits lie far below what one step of it leaves out.
    """
    rate = generate(growth_rate_program(), "numpy", "fast")
    x, letters = x0.copy(), params.arrays()
    with np.errstate(all="ignore"):
        for _ in range(layers):
            values = {**letters, "x": x}
            x = x + x * rate(*(values[name] for name in rate.inputs)) / layers
    return x


@dataclass(frozen=True)
class Measurement:
    """A way to observe.

    Args:
        function: theorem, data, integrator -> observables.
        coordinates: that it integrates in, of `flow.coordinates`; None where it integrates nothing.
    """

    function: Callable[[Checkable, Data, str], Observed]
    coordinates: str | None = None

    def __call__(self, theorem: Checkable, data: Data, integrator: str = "numpy") -> Observed:
        return self.function(theorem, data, self.integrator(integrator) or integrator)

    def integrator(self, wanted: str) -> str | None:
        """The flow backend that is used where `wanted` is asked for: compiled loops integrate log tokens only."""
        return None if self.coordinates is None else wanted if self.coordinates == "log" else "numpy"


MEASUREMENTS: dict[str, Measurement] = {
    "pointwise": Measurement(_pointwise),
    "trajectory": Measurement(_trajectory, "log"),
    "axis": Measurement(_axis, "asinh"),
    "late": Measurement(_late, "log"),
    "fate": Measurement(_fate, "log"),
    "slow": Measurement(_slow, "log"),
    "two_tokens": Measurement(_two_tokens, "log"),
    "stack": Measurement(_stack, "log"),
    "blowup": Measurement(blowup, "log"),
    "threshold": Measurement(threshold, "log"),
    "first_rate": Measurement(_first_rate),
    "roots": Measurement(roots),
    "spectra": Measurement(spectra),
    "vector": Measurement(vector, "asinh"),
    "rounding": Measurement(rounding),
    "own_term": Measurement(own_term),
    "vector_tokens": Measurement(vector_tokens, "asinh"),
    "channel_shares": Measurement(channel_shares),
    "dying": Measurement(dying, "asinh"),
    "orbit": Measurement(orbit, "asinh"),
    "axis_far": Measurement(axis_far, "asinh"),
    "skip": Measurement(skip),
    **{name: Measurement(getattr(normalised, name)) for name in normalised.__all__},
}
