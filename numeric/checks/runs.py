"""Runs of measurements that are no flow of a layer: every system of a batch with steps of its own, read between them.

SciPy's rule of order 8 with its interpolant. Systems in step would all take the shortest step that one of them needs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.checks.shared import Array
from s6flow.numeric.flow.step_control import DRIVER, load_rules
from s6flow.numeric.flow.tableau import PAIRS, combine

__all__ = ["Slope", "follow"]

#: Times and states of some systems, shapes (system) and (system, component), to their slopes.
Slope = Callable[[Array, Array], Array]

_PAIR = PAIRS["DOP853"]
#: First steps move a component by at most this; the steps after it grow tenfold.
FIRST = 1e-2
#: Trial steps of a system, and its shortest one, as a share of the run.
MOST, SHORTEST = 20_000, 1e-14
#: Systems that have ended are left out of the batch when they are this share of it.
ENDED = 0.2
#: Systems that run at a time: enough to hide the interpreter, few enough for the cache.
AT_ONCE = 4000


def follow(
    slope: Callable[[NDArray[np.int64]], Slope], start: Array, begin: float, times: Array, rtol: float, atol: float
) -> Array:
    """States at times that all systems have in common; NaN where a system could not be followed.

    Args:
        slope: rows of the batch -> their slope.
        start: states at `begin`, shape (system, component).
        times: ascending, none before `begin`, shape (moment).
        rtol, atol: tolerated error of a step in every component.
    Returns: shape (system, moment, component).
    Numerics: the error of a step is that of its worst component; no system's result depends on the others.
    """
    times = np.asarray(times, dtype=np.float64)
    whole = np.arange(len(start))
    parts = [whole[first : first + AT_ONCE] for first in range(0, max(len(start), 1), AT_ONCE)]
    return np.concatenate([_follow(slope, rows, start[rows], begin, times, rtol, atol) for rows in parts])


def _follow(
    slope: Callable[[NDArray[np.int64]], Slope],
    rows: NDArray[np.int64],
    start: Array,
    begin: float,
    times: Array,
    rtol: float,
    atol: float,
) -> Array:
    """As `follow`, of some rows of the batch."""
    rules, end = load_rules("numpy", DRIVER, _PAIR), float(times[-1])
    found = np.full((len(start), len(times), start.shape[1]), np.nan)
    row: NDArray[np.int64] = np.arange(len(start))
    with np.errstate(all="ignore"):  # trial stages may overflow; such steps are rejected
        velocity = slope(rows)
        y, t = np.array(start, dtype=np.float64), np.full(len(start), float(begin))
        f = velocity(t, y)
        h = np.minimum(FIRST / np.maximum(np.abs(f).max(axis=1, initial=0.0), DRIVER.tiny), (end - begin) / 10)
        due = np.full(len(start), np.searchsorted(times, begin, side="right"))
        found[:, : due[0] if len(due) else 0] = y[:, None]
        rejected, live = np.zeros(len(start), dtype=bool), np.isfinite(f).all(axis=1) & (due < len(times))
        for _ in range(MOST):
            if live.sum() <= (1 - ENDED) * len(live):
                row, due, rejected = row[live], due[live], rejected[live]
                y, t, f, h = (part[live] for part in (y, t, f, h))
                live = np.ones(len(row), dtype=bool)
                velocity = slope(rows[row])
            if not len(row):
                break
            h = np.minimum(h, end - t)
            slopes = [f]
            for weights, node in zip(_PAIR.a, _PAIR.nodes, strict=True):
                slopes.append(velocity(t + node * h, y + h[:, None] * combine(weights, slopes)))
            new = y + h[:, None] * combine(_PAIR.b, slopes)
            slopes.append(velocity(t + h, new))
            allowed = atol + rtol * np.maximum(np.abs(y), np.abs(new))
            estimates = [np.abs(combine(weights, slopes) / allowed).max(axis=1) for _, weights in _PAIR.errors]
            # with rtol the rough estimate is bounded, too: the fine one of far too long a step may vanish by chance
            error = rules.error_norm(h, *estimates, rtol)
            finite = np.isfinite(error) & np.isfinite(slopes[-1]).all(axis=1)
            good = rules.is_good(error, finite) & live
            after = t + h
            passed = np.where(good, np.searchsorted(times, after, side="right"), due)
            seen = np.flatnonzero(passed > due)
            if len(seen):
                _read(velocity, found, row, seen, times, due, passed, t, y, h, new, slopes)
            factor = rules.step_factor(error, finite, good, rejected)
            lost = live & ~good & (h * factor < SHORTEST * (end - begin))
            due, rejected = passed, ~good
            y, f = (np.where(good[:, None], one, other) for one, other in ((new, y), (slopes[-1], f)))
            t, h = np.where(good, after, t), np.where(live, h * factor, h)
            live = live & ~lost & (due < len(times))
    return found


def _read(
    velocity: Slope,
    found: Array,
    row: NDArray[np.int64],
    seen: NDArray[np.int64],
    times: Array,
    due: NDArray[np.int64],
    passed: NDArray[np.int64],
    t: Array,
    y: Array,
    h: Array,
    new: Array,
    slopes: list[Array],
) -> None:
    """Write down the states at the times inside a step of the systems `seen`, by the interpolant of order 7."""
    from scipy.integrate import DOP853

    all_slopes = list(slopes)
    for weights, node in zip(DOP853.A_EXTRA, DOP853.C_EXTRA, strict=True):
        used = tuple((index, float(weight)) for index, weight in enumerate(weights) if weight)
        all_slopes.append(velocity(t + node * h, y + h[:, None] * combine(used, all_slopes)))
    y, new, h, t = y[seen], new[seen], h[seen], t[seen]
    first, last = all_slopes[0][seen], slopes[-1][seen]
    step, change = h[:, None], new - y
    parts = [change, step * first - change, 2 * change - step * (last + first)]
    for weights in DOP853.D:
        used = tuple((index, float(weight)) for index, weight in enumerate(weights) if weight)
        parts.append(step * combine(used, all_slopes)[seen])
    counts = passed[seen] - due[seen]
    place = np.repeat(np.arange(len(seen)), counts)
    at = due[seen][place] + np.arange(len(place)) - np.searchsorted(place, place)
    share = ((times[at] - t[place]) / h[place])[:, None]
    value = np.zeros((len(place), y.shape[1]))
    for index, part in enumerate(reversed(parts)):
        value = (value + part[place]) * (share if index % 2 == 0 else 1 - share)
    found[row[seen][place], at] = y[place] + value
