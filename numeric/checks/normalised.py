"""Measurements of normalised tokens: stacks and flows behind a norm, and token 1 on a sphere.

One long file: a measurement for each theorem of the group, which share what is at the top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.checks.runs import Slope, follow
from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed, flow_parameters, moments
from s6flow.numeric.flow import growth_rate
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.flows import growth_rate_program
from s6flow.symbolic.programs.measured import measured

__all__ = [
    "prenorm_axis",
    "prenorm_ball",
    "prenorm_stack",
    "prenorm_turn",
    "sphere_cycle",
    "sphere_run",
    "sphere_sinks",
]

#: Layers of a stack, and steps of a Runge-Kutta rule of order 4 where directions are followed.
LAYERS, STEPS = 24, 200
#: A step that moves a token by more than this share of it is too rough to follow its direction.
ROUGH = 0.05
#: r_0 of the clock, as a share of the least |x| seen: near one, so that short times have a sharp bound.
START = 0.999
#: ln t where runs near the ball begin: nothing has moved by then.
BEGIN = -30.0
#: Distance from the octant's centre below which a run of `sphere-cycle` may be too short to leave it: at 1e-6 the token swings
#: by all of 1 within the first sixth of it, at the rounding of float64 it rests as long as anybody looks.
OFF_CENTRE = 1e-6
#: ln|x_d| below which a channel is put there to see its rate: it weighs nothing, and is no zero of float64.
LEAST = -600.0


def layer_arrays(data: Data, skip: bool) -> dict[str, Array]:
    """Arrays of the layers of a batch, system first; without `skip` their direct paths are zero."""
    keys = ("S_B", "S_C", "S_dt_in", "S_dt_out", "beta_B", "beta_C", "a", "b", "floor")
    arrays = {key: np.asarray(data[key], dtype=np.float64) for key in keys}
    channels = arrays["S_B"].shape[-1]
    arrays["skip"] = np.asarray(data["skip"]) if skip else np.zeros((len(arrays["S_B"]), channels))
    return arrays


def _read(x: Array, arrays: dict[str, Array], pipeline: str | None = None) -> Array:
    """The layer's output; `fast` keeps all digits but the last few, which a run does not have."""
    function = generate(measured("layer_output"), "numpy", pipeline)
    with np.errstate(all="ignore"):
        return np.asarray(function(*({**arrays, "x": x}[name] for name in function.inputs)))


def output_behind_norm(x: Array, data: Data, arrays: dict[str, Array], pipeline: str | None = None) -> Array:
    """The layer's output at normalised tokens; a zero token is left where it is.

    Args:
        x: tokens, shape (system, token, channel).
        data: of the norm: gain of shape (system, channel), norm_floor of shape (system).
        arrays: of the layer, see `layer_arrays`.
        pipeline: of generated code; None for its default.
    Returns: shape (system, token, channel).
    """
    function = generate(measured("normalised"), "numpy", pipeline)
    batch, tokens, channels = x.shape
    flat = x.reshape(-1, channels)
    values = {
        "gain": np.repeat(np.asarray(data["gain"]), tokens, axis=0),
        "v": flat,
        "size": (flat**2).sum(axis=1),
        "norm_floor": np.repeat(np.asarray(data["norm_floor"]), tokens),
        "D": np.full(len(flat), float(channels)),
    }
    with np.errstate(all="ignore"):
        n = np.nan_to_num(function(*(values[name] for name in function.inputs)))
    return _read(n.reshape(batch, tokens, channels), arrays, pipeline)


def prenorm_stack(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Tokens behind a stack of layers that each add t / LAYERS times their output."""
    arrays, x = layer_arrays(data, True), np.asarray(data["x"], dtype=np.float64)
    step = np.asarray(data["t"])[:, None, None] / LAYERS
    for _ in range(LAYERS):
        x = x + step * output_behind_norm(x, data, arrays)
    return {"stream_t": x[:, None]}


def prenorm_turn(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The direction of token 1 behind a norm, until the run's end or until it moves too fast to be followed."""
    arrays, x = layer_arrays(data, True), np.asarray(data["x"], dtype=np.float64)
    norm: Data = {key: np.asarray(data[key]) for key in ("gain", "norm_floor")}
    k1 = output_behind_norm(x, norm, arrays)
    fastest = np.linalg.norm(k1, axis=2).max(axis=1)
    h = np.asarray(data["t"]) * np.linalg.norm(x, axis=2).min(axis=1) / np.maximum(fastest, 1e-300) / STEPS
    time = h[:, None] * np.arange(STEPS + 1)
    along, speed = np.zeros((len(x), STEPS + 1, x.shape[2])), np.zeros((len(x), STEPS + 1))
    along[:, 0], speed[:, 0] = x[:, 0], orthogonal_speed(x[:, 0], k1[:, 0])
    last, row, h = np.zeros(len(x), dtype=int), np.arange(len(x)), h[:, None, None]
    for index in range(1, STEPS + 1):
        k2 = output_behind_norm(x + h / 2 * k1, norm, arrays, "fast")
        k3 = output_behind_norm(x + h / 2 * k2, norm, arrays, "fast")
        k4 = output_behind_norm(x + h * k3, norm, arrays, "fast")
        moved = h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        smooth = (np.linalg.norm(moved, axis=2) < ROUGH * np.linalg.norm(x, axis=2)).all(axis=1)
        if not smooth.all():  # what moves too fast is left where it was
            row, x, h, moved = row[smooth], x[smooth], h[smooth], moved[smooth]
            norm, arrays = ({key: value[smooth] for key, value in letters.items()} for letters in (norm, arrays))
            if not len(row):
                break
        x = x + moved
        k1 = output_behind_norm(x, norm, arrays, "fast")
        last[row] = index
        along[row, index], speed[row, index] = x[:, 0], orthogonal_speed(x[:, 0], k1[:, 0])
    seen = np.arange(STEPS + 1) <= last[:, None]
    size = np.where(seen, np.linalg.norm(along, axis=2), np.inf)
    start = START * size.min(axis=1)
    moved_on = seen & (time > 0)
    growth = np.divide(size - start[:, None], time, out=np.full_like(size, np.inf), where=moved_on)
    slope = np.where(moved_on.any(axis=1), growth.min(axis=1), np.nan)
    ended, later = (values[np.arange(len(last)), last] for values in (along, time))
    return {
        "turned": angle(along[:, 0], ended)[:, None],
        "start": start[:, None],
        "slope": slope[:, None],
        "turn_max": np.where(seen, speed, 0.0).max(axis=1)[:, None],
        "earlier": np.zeros((len(last), 1)),
        "later": later[:, None],
    }


def orthogonal_speed(x: Array, velocity: Array) -> Array:
    """Length of the part of a velocity that is orthogonal to x, both of shape (system, channel); shape (system)."""
    along = (x * velocity).sum(axis=1) / (x**2).sum(axis=1)
    return np.asarray(np.linalg.norm(velocity - along[:, None] * x, axis=1))


def angle(one: Array, two: Array) -> Array:
    """Angles between vectors of shape (system, channel), in [0, pi] [rad], shape (system).

    Numerics: by both half angles, so that small ones keep their digits.
    """
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (one, two))
    return np.asarray(2 * np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1)))


def prenorm_axis(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Tokens on a channel axis behind a stack of layers with a norm that has no floor."""
    params, x = flow_parameters(data), np.asarray(data["x0"], dtype=np.float64)
    radius, step = np.asarray(data["radius"])[:, None], np.asarray(data["t"])[:, None] / LAYERS
    for _ in range(LAYERS):
        n = radius * np.divide(x, np.abs(x), out=np.zeros_like(x), where=x != 0)
        x = x + step * n * growth_rate(n, params)
    return {"x_t": x[:, None]}


def prenorm_ball(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """ln|x_l| behind a norm with a floor, by an eighth-order Runge-Kutta rule in ln t."""
    letters = {key: np.asarray(data[key], dtype=np.float64) for key in ("mu", "a", "s", "b", "floor", "radius", "ball")}
    x0 = np.asarray(data["x0"], dtype=np.float64)
    sign, ball_token, growth = (
        np.sign(x0),
        generate(measured("ball_token")),
        generate(growth_rate_program(), "numpy", "fast"),
    )
    log_times = np.asarray(theorem.options["log_times"])

    def slope(rows: NDArray[np.int64]) -> Slope:
        own, side = {name: value[rows] for name, value in letters.items()}, sign[rows]
        radius, ball = own["radius"][:, None], own["ball"][:, None]

        def rate(log_time: Array, u: Array) -> Array:
            x = side * np.exp(u)
            values = {**own, "y": x, "radius": radius, "ball": ball}
            n = np.asarray(ball_token(*(values[name] for name in ball_token.inputs)))
            ratio = np.divide(n, x, out=np.zeros_like(x), where=x != 0)
            values["x"] = n
            rates = np.asarray(growth(*(values[name] for name in growth.inputs)))
            return np.asarray(np.exp(log_time)[:, None] * ratio * rates)

        return rate

    u = follow(slope, np.log(np.where(x0 == 0, 1.0, np.abs(x0))), BEGIN, log_times, 1e-9, 1e-10)
    log_t = np.broadcast_to(log_times, (len(x0), len(log_times)))
    with np.errstate(over="ignore"):
        return {"x_t": sign[:, None] * np.exp(u), "t": np.exp(log_t), "log_t": log_t}


def sphere_path(x: Array, arrays: dict[str, Array], times: Array, rtol: float = 1e-8) -> Array:
    """ln|x_d| of token 1 on the sphere at times that each system counts in its own unit; NaN where it failed.

    Args:
        x: starts, shape (batch, channel).
        arrays: of the layer, see `layer_arrays`.
        times: shape (batch, moment), evenly spaced in every system.
        rtol: tolerated error of ln|x_d| in a step.
    Returns: shape (batch, moment, channel); -inf of a zero entry.
    """
    sign, unit = np.sign(x), times[:, -1:]
    begin = np.log(np.where(x == 0, 1.0, np.abs(x)))

    def slope(rows: NDArray[np.int64]) -> Slope:
        own = {name: value[rows] for name, value in arrays.items()}
        side, scale = sign[rows], unit[rows]
        turned, used = scale * (side != 0), side != 0

        def rate(_: Array, state: Array) -> Array:
            now = side * np.exp(np.maximum(state, LEAST))
            y = _read(now[:, None], own, "fast")[:, 0]
            share = np.divide(y, now, out=np.zeros_like(y), where=used)
            inward = (now * y).sum(axis=1, keepdims=True) / (now**2).sum(axis=1, keepdims=True)
            return np.asarray(turned * (share - inward))

        return rate

    u = follow(slope, begin, 0.0, times[0] / unit[0], rtol, rtol)
    return np.asarray(np.where(sign[:, None] == 0, -np.inf, u))


def layer_steps(x: Array, arrays: dict[str, Array]) -> Array:
    """Delta of every channel at tokens, both of shape (system, token, channel), > 0."""
    drive = np.einsum("bdr,bre,bte->btd", arrays["S_dt_out"], arrays["S_dt_in"], x) + arrays["b"][:, None]
    return np.asarray(np.logaddexp(0.0, drive) + arrays["floor"][:, None, None])


def sink_letters(data: Data) -> dict[str, Array]:
    """What `sphere-sinks` speaks of before anything moves: the rates at axis 1, and how far from it token 1 starts."""
    arrays, x = layer_arrays(data, False), np.asarray(data["x"], dtype=np.float64)[:, 0]
    square, channels = (x**2).sum(axis=1), x.shape[1]
    axis = np.zeros_like(x)
    axis[:, 0] = np.sqrt(square) * np.where(x[:, 0] < 0, -1.0, 1.0)
    step, M = layer_steps(axis[:, None], arrays)[:, 0], np.einsum("bnd,bne->bde", arrays["S_C"], arrays["S_B"])
    leads = np.abs(step - step[:, :1])[:, 1:] if channels > 1 else np.ones((len(x), 1))
    slopes = np.einsum("bdr,bre->bde", arrays["S_dt_out"], arrays["S_dt_in"])
    values = {
        "size": square, "own": M[:, 0, 0], "at_axis": step[:, :1], "at_other": step,
        "form_norm": np.linalg.norm(M, 2, axis=(1, 2)), "tilt": np.linalg.norm(slopes, axis=2).max(axis=1),
        "lead_least": leads.min(axis=1), "lead_most": leads.max(axis=1), "D": np.full(len(x), float(channels)),
    }  # fmt: skip
    near, rate = generate(measured("sink_near")), generate(measured("sink_rate"))
    by_channel = {**values, "size": square[:, None], "own": M[:, :1, 0]}
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.nan_to_num(near(*(values[name] for name in near.inputs)))
    return {
        "sink_of": np.asarray(rate(*(by_channel[name] for name in rate.inputs))),
        "near": np.asarray(reach),
        "off_axis": np.abs(x[:, 1:]).max(axis=1, initial=0.0),
    }


def sphere_sinks(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Rates of the shares near axis 1, between two late times, and what they should be."""
    arrays, x = layer_arrays(data, False), np.asarray(data["x"], dtype=np.float64)[:, 0]
    letters = sink_letters(data)
    rate = letters["sink_of"]
    moving = np.where(rate != 0, np.abs(rate), np.inf)
    slowest = np.where(np.isfinite(moving.min(axis=1)), moving.min(axis=1), 1.0)
    times = np.linspace(0.0, 24.0, 3) / slowest[:, None]
    u = sphere_path(x, arrays, times)
    with np.errstate(invalid="ignore"):  # of a channel that is not used
        slope = 2 * (u[:, 2] - u[:, 1] - (u[:, 2, :1] - u[:, 1, :1])) / (times[:, 2] - times[:, 1])[:, None]
    falling = (rate < 0).sum(axis=1, keepdims=True).astype(float)
    return {
        "sink_of": rate[:, None],
        "sink_slope": np.where(x == 0, 0.0, slope)[:, None],
        "entry_0": x[:, None],
        "falling": falling,
        "near": letters["near"][:, None],
        "off_axis": letters["off_axis"][:, None],
    }


def sphere_run(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """The mean step of token 1 along its way on the sphere."""
    arrays, x = layer_arrays(data, False), np.asarray(data["x"], dtype=np.float64)[:, 0]
    M = np.einsum("bnd,bne->bde", arrays["S_C"], arrays["S_B"])
    square = (x**2).sum(axis=1)
    unit = 1 / (np.linalg.norm(M, 2, axis=(1, 2)) * square)
    times = np.linspace(0.0, 60.0, 41) * unit[:, None]
    now = np.sign(x)[:, None] * np.exp(
        sphere_path(x, arrays, times, 1e-11)
    )  # at rest an error of a step stays, and a claim goes to 1e-6
    share = now**2 / (now**2).sum(axis=2, keepdims=True)
    mean = (share * layer_steps(now, arrays)).sum(axis=2)
    form = np.einsum("bd,bde,be->b", x, M, x) / square
    return {"mean_t": mean[:, 1:], "mean_s": mean[:, :-1], "form_0": moments(form, 40), "swing_t": swing(now)[:, 1:]}


def swing(now: Array) -> Array:
    """The largest change of an entry from each moment on, shape (system, moment), of entries (system, moment, channel)."""
    back = now[:, ::-1]
    spread = np.maximum.accumulate(back, axis=1) - np.minimum.accumulate(back, axis=1)
    return np.asarray(spread.max(axis=2)[:, ::-1])


def sphere_cycle(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Token 1 of the layer with three channels in a cycle, on the sphere."""
    x = np.asarray(data["x"], dtype=np.float64)[:, 0]
    apart = uneven(x)
    hidden = (apart > 0) & (apart < OFF_CENTRE)
    turn, pull = np.asarray(data["turn"]), np.asarray(data["pull"])
    eye, round_, ones = np.eye(3), np.roll(np.eye(3), 1, axis=0), np.ones((len(x), 1, 1))
    drive = turn[:, None, None] * (round_ - round_.T) - pull[:, None, None] * eye
    arrays = {
        "S_B": ones * eye, "S_C": -ones * eye, "S_dt_in": drive, "S_dt_out": ones * eye, "beta_B": np.zeros((len(x), 3)),
        "beta_C": np.zeros((len(x), 3)), "a": np.ones((len(x), 3, 3)), "b": np.zeros((len(x), 3)),
        "floor": np.asarray(data["floor"]), "skip": np.zeros((len(x), 3)),
    }  # fmt: skip
    times = np.linspace(0.0, 200.0, 601) / (turn - pull)[:, None]
    now = np.exp(sphere_path(x, arrays, times))
    log_product = np.log(np.maximum(now, 1e-300)).sum(axis=2) - 3 * np.log(now.sum(axis=2))
    outputs = np.exp(log_product[:, ::50])
    count = outputs.shape[1] - 1
    return {
        "swing_t": moments(np.where(hidden, np.nan, swing(now)[:, 100]), count),  # from a sixth of the run on
        "product_t": outputs[:, 1:],
        "product_s": outputs[:, :-1],
        "uneven": moments(apart, count),
    }


def uneven(x: Array) -> Array:
    """|x/|x| - (1, 1, 1)/sqrt 3| from the differences of the entries: zero for equal ones, to rounding for others."""
    spread = ((x - np.roll(x, 1, axis=1)) ** 2).sum(axis=1) / (3 * (x**2).sum(axis=1))  # one less the squared cosine
    return np.asarray(np.sqrt(2 * spread / (1 + x.sum(axis=1) / np.sqrt(3 * (x**2).sum(axis=1)))))
