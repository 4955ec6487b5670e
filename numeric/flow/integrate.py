"""`integrate`: checks its input, prepares the problem, runs a backend and reads the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow.backends import load_backend
from s6flow.numeric.flow.coordinates import Coordinates, coordinates_of
from s6flow.numeric.flow.equation import KIND, EquationFlow
from s6flow.numeric.flow.parameters import Parameters, finite_array, one_number
from s6flow.numeric.flow.problem import Problem, Run, Status, require_run
from s6flow.numeric.flow.result import FlowResult

__all__ = ["DEFAULT_LOG_HORIZON", "LARGEST_LOG_HORIZON", "batched", "integrate"]

Float = NDArray[np.float64]

#: ln t: theory 8's examples decide at 388; beyond 650 the clock itself nears the range of float64.
DEFAULT_LOG_HORIZON, LARGEST_LOG_HORIZON = 600.0, 650.0
#: A token takes part in the blow-up if it grows at this fraction of the fastest rate when |x| passes the limit;
#: a token that stays bounded is slower by the distance to the blow-up, 1e-200 of it.
_LEADING = 1e-6


def integrate(
    x0: ArrayLike,
    params: Parameters | EquationFlow,
    *,
    times: ArrayLike | None = None,
    log_times: ArrayLike | None = None,
    horizon: float | None = None,
    log_horizon: float | None = None,
    rtol: float = 1e-10,
    atol: float | None = None,
    x_limit: float | None = None,
    max_steps: int = 5_000,
    backend: str | Callable[[Problem], Run] = "numpy",
    progress: bool = False,
) -> FlowResult:
    """Integrate a batch of systems, each to the horizon or to its blow-up.

    Args:
        x0: tokens at depth-time 0, shape (*batch, token), for layers (*batch, token, channel).
        params: the flow, or an equation with its numbers; its batch axes broadcast with those of x0.
        times, log_times: outputs, t > 0 or ln t, strictly ascending (one of the two), shape (time).
        horizon, log_horizon: where to stop, t or ln t; by default the last output, else ln t = 600.
        rtol: tolerated local error of ln|x| and of ln t, or of asinh x relative to min(1, |asinh x|).
            Stiff stretches are integrated to 1e-8, but to rtol where that is 1e-12 or below and max_steps allows it.
        atol: asinh only: further tolerated error relative to the largest token; 0.01 rtol by default.
        x_limit: |x| that counts as blown up, at least 1e6; 1e100 by default, 1e60 in asinh coordinates.
        max_steps: attempted steps a system before it is reported as STEP_LIMIT.
        backend: a key of `backends.BACKENDS`, or a solver like theirs.
        progress: whether to show a bar when on a terminal.
    Returns: trajectories and ends.
    Raises: AssumptionError: NaN, Inf, nonpositive times, |x0| beyond the limit. FormatError: shapes and names. S6FlowError:
        what the backend reports is no run (`require_run`).
    Numerics: DOP853 in work time (see `clock`), local error control a system; outputs are landed on, not interpolated.
    Source: symbolic.coordinates; theory 4, 8b, 11, 12.
    """
    own = params if isinstance(params, EquationFlow) else None
    coordinates = params.coordinates() if isinstance(params, EquationFlow) else coordinates_of(params)
    start = finite_array(x0, "x0")
    if start.ndim < coordinates.token_axes or 0 in start.shape[start.ndim - coordinates.token_axes :]:
        raise FormatError("x0 needs a token axis with at least one token", f"shape {start.shape}", "x0")
    log_targets, asked = _targets(times, log_times, horizon, log_horizon)
    log_limit = _log_limit(x_limit, coordinates)
    rtol = one_number(rtol, "rtol")
    if not 1e-14 <= rtol <= 1e-2:
        raise AssumptionError("rtol must lie in 1e-14..1e-2", rtol, "rtol")
    most = one_number(max_steps, "max_steps")
    if most < 1 or most != int(most):
        raise AssumptionError("max_steps must be a positive whole number", max_steps, "max_steps")
    if atol is not None and one_number(atol, "atol") < 0:
        raise AssumptionError("atol must not be negative", atol, "atol")
    batch, inner, start, arrays, per_system = batched(start, params, coordinates)
    state, extra = coordinates.encode(start)
    if own is not None:
        extra |= own.sides(state, arrays | extra)
        own.require_start(state, arrays | extra)
    arrays |= extra
    sizes = coordinates.log_size(state, arrays)
    if len(sizes) and sizes.max() >= log_limit:
        raisable = log_limit < coordinates.log_limit - 1e-9
        remedy = (
            "Raise x_limit." if raisable else "Give tokens in a larger unit: c x with s/c and mu/c^2 is the same flow."
        )
        raise AssumptionError("|x0| must lie below x_limit", f"ln|x0| = {sizes.max():.6g}", "x0", remedy)
    with _progress(progress, len(state)) as report:
        problem = Problem(
            coordinates,
            state,
            arrays,
            per_system | frozenset(extra),
            log_targets,
            rtol,
            0.01 * rtol if atol is None else one_number(atol, "atol"),
            log_limit,
            int(most),
            report,
        )
        run = (backend if callable(backend) else load_backend(backend))(problem)
        require_run(run, problem)
    return _read(run if own is None else own.stripped(run), problem, asked, batch, inner, start, params)


def _targets(times: Any, log_times: Any, horizon: Any, log_horizon: Any) -> tuple[Float, int]:
    """ln t of outputs and of the horizon last; how many of them were asked for."""
    if times is not None and log_times is not None:
        raise FormatError("outputs are given by times or by log_times, not both", None, "times")
    if horizon is not None and log_horizon is not None:
        raise FormatError("the horizon is given by horizon or by log_horizon, not both", None, "horizon")
    outputs = np.empty(0)
    if times is not None:
        outputs = np.log(_positive(times, "times"))
    elif log_times is not None:
        outputs = np.atleast_1d(finite_array(log_times, "log_times"))
    if outputs.ndim != 1 or (np.diff(outputs) <= 0).any():
        raise FormatError("outputs need one axis of strictly ascending times", f"shape {outputs.shape}", "times")
    end = DEFAULT_LOG_HORIZON
    if horizon is not None:
        end = float(np.log(_positive(one_number(horizon, "horizon"), "horizon")[0]))
    elif log_horizon is not None:
        end = one_number(log_horizon, "log_horizon")
    elif len(outputs):
        end = float(outputs[-1])
    if max([end, *outputs]) > LARGEST_LOG_HORIZON:
        raise AssumptionError(f"ln t must not exceed {LARGEST_LOG_HORIZON:g}", max([end, *outputs]), "horizon")
    if len(outputs) and outputs[-1] > end:
        raise AssumptionError("outputs must not lie beyond the horizon", outputs[-1], "times", "Raise the horizon.")
    if len(outputs) and outputs[-1] == end:
        return outputs, len(outputs)
    return np.append(outputs, end), len(outputs)


def _positive(value: Any, name: str) -> Float:
    array = np.atleast_1d(finite_array(value, name))
    if (array <= 0).any():
        raise AssumptionError(f"{name} must be positive", array.min(), name, "Depth-time starts at 0 with x0.")
    return array


def _log_limit(x_limit: float | None, coordinates: Coordinates) -> float:
    if x_limit is None:
        return coordinates.log_limit
    if coordinates.name == f"{KIND}-log":
        raise FormatError("in the chart log there is no limit of |x|", x_limit, "x_limit", "Leave x_limit out.")
    x_limit = one_number(x_limit, "x_limit")
    if not np.isfinite(x_limit) or x_limit < 1e6 or np.log(x_limit) > coordinates.log_limit + 1e-9:
        largest = np.exp(coordinates.log_limit)
        raise AssumptionError(f"x_limit must lie in 1e6..{largest:.3g}", x_limit, "x_limit")
    return float(np.log(x_limit))


def batched(
    start: Float, params: Parameters | EquationFlow, coordinates: Coordinates
) -> tuple[tuple[int, ...], tuple[int, ...], Float, dict[str, Float], frozenset[str]]:
    """Batch and inner shape; the start with one system axis; arrays, with a system axis where they have batch axes."""
    split = start.ndim - coordinates.token_axes
    inner = start.shape[split:]
    try:
        batch = np.broadcast_shapes(start.shape[:split], params.batch_shape)
    except ValueError:
        shapes = f"{start.shape[:split]} and {params.batch_shape}"
        raise FormatError("batch axes of x0 and of the parameters must broadcast", shapes, "x0") from None
    channels = params.arrays()["S_B"].shape[-1] if coordinates.token_axes == 2 else None
    if channels is not None and inner[-1] != channels:
        raise FormatError("x0 must have the layer's channels", f"{inner[-1]} and {channels}", "x0")
    count = int(np.prod(batch, dtype=int))
    flat = np.broadcast_to(start, batch + inner).reshape(count, *inner)
    arrays, per_system = {}, set()
    for name, value in params.arrays().items():
        own = params.own_axes(name)
        if value.ndim > own or coordinates.token_axes == 1:
            tail = value.shape[value.ndim - own :]
            value = np.broadcast_to(value, batch + tail).reshape(count, *tail)
            per_system.add(name)
        arrays[name] = value
    return batch, inner, flat, arrays, frozenset(per_system)


@contextmanager
def _progress(wanted: bool, systems: int) -> Iterator[Callable[[int], None] | None]:
    if not wanted:
        yield None
        return
    from s6flow.progress import bar

    with bar("integrating") as say:
        yield lambda done: say(done, systems, "")


def _read(
    run: Run,
    problem: Problem,
    asked: int,
    batch: tuple[int, ...],
    inner: tuple[int, ...],
    start: Float,
    params: Parameters | EquationFlow,
) -> FlowResult:
    decode, count = problem.coordinates.decode, len(run.status)
    shape = (count, asked, *inner)
    log_abs, sign = np.empty(shape), np.empty(shape)
    for index in range(asked):
        log_abs[:, index], sign[:, index] = (
            part.reshape(count, *inner) for part in decode(run.states[:, index], problem.arrays)
        )
    missing = ~run.reached[:, :asked]
    mask = np.broadcast_to(missing.reshape(count, asked, *(1 for _ in inner)), shape)
    for values in (log_abs, sign):
        np.copyto(values, 0.0, where=mask)
    final_log_abs, final_sign = (part.reshape(count, *inner) for part in decode(run.end, problem.arrays))
    blown = run.status == Status.BLOW_UP
    with np.errstate(invalid="ignore"):  # of those that failed
        log_blow_up = np.where(blown, np.logaddexp(run.end_log_time, run.log_remaining), np.inf)
    token = np.zeros(count, dtype=np.int64)
    speed = np.abs(run.end_velocity[blown]).reshape(-1, inner[0], int(np.prod(inner[1:]))).max(axis=2, initial=0.0)
    token[blown] = (speed >= _LEADING).argmax(axis=1) + 1

    # rates that left float64 at the start: the system never moved, so that its end is its beginning, at ln t = -inf
    log_time = np.where(np.isnan(run.end_log_time) & (run.steps == 0), -np.inf, run.end_log_time)
    pace = (run.end_velocity * np.exp(np.minimum(run.log_pace, 700.0))[:, None]).reshape(count, *inner)
    share = run.end_velocity.reshape(count, *inner)
    known = ~np.isnan(pace).any(axis=tuple(range(1, pace.ndim))) & ~np.isnan(log_time)
    if not known.all():
        pace, share = (np.where(known.reshape(count, *(1 for _ in inner)), value, np.nan) for value in (pace, share))

    def shaped(value: Any) -> Any:
        return value.reshape(batch + value.shape[1:])

    return FlowResult(
        status=shaped(run.status),
        blow_up_time=shaped(np.exp(log_blow_up)),
        log_blow_up_time=shaped(log_blow_up),
        blow_up_token=shaped(token),
        log_times=problem.targets[:asked],
        log_abs=np.ma.MaskedArray(shaped(log_abs), mask=shaped(mask)),
        sign=np.ma.MaskedArray(shaped(sign), mask=shaped(mask)),
        reached=shaped(~missing),
        final_log_abs=shaped(final_log_abs),
        final_sign=shaped(final_sign),
        final_log_time=shaped(log_time),
        final_pace=shaped(pace),
        final_share=shaped(share),
        rates_known=shaped(known),
        settled=shaped(run.settled),
        steps=shaped(run.steps),
        evaluations=shaped(run.evaluations),
        x0=shaped(start),
        params=params,
    )
