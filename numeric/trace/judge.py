"""What was measured beside what a theorem says of it: checks of one layer, and fits over depth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import t as student

from s6flow.errors import S6FlowError
from s6flow.numeric.health.block import Block, Path
from s6flow.numeric.health.bounds import Bounds, bounds
from s6flow.numeric.health.numbers import FORMATS
from s6flow.numeric.thresholds import Threshold

__all__ = [
    "CONTINUOUS",
    "OWN_TERM",
    "ROUNDINGS",
    "Check",
    "Fit",
    "TraceError",
    "checks",
    "fitted",
    "seen_bounds",
    "slack",
]

Sums = Mapping[str, np.ndarray]

CONTINUOUS = Threshold(
    "CONTINUOUS", 0.1,
    "largest median |update|/|x| of a layer for which a flow in depth is a description: one such step turns x by at most "
    "asin(0.1), 6 degrees, and a step of Euler's method is then within about 5 % of its length of the flow",
)  # fmt: skip
ROUNDINGS = Threshold(
    "ROUNDINGS", 8.0,
    "roundings to the model's format between the norm and what is bounded (norm, gain, in_proj, convolution and its bias, "
    "SiLU, gate, out_proj): by so many units may a rounded number exceed an exact bound",
)  # fmt: skip
OWN_TERM = Threshold(
    "OWN_TERM", 1e-9,
    "largest difference between the mean of C.B and its value by moments, over the sum of the sizes of their terms: "
    "the tolerance of `own-term-on-data`, far above the rounding of float64",
)  # fmt: skip
#: Rounding of a recomputation in float64, relative, for sums over a sequence.
_EXACT = 1e-9
#: Points that a fit over depth needs, and the level of its interval.
_POINTS, _LEVEL = 4, 0.95


class TraceError(S6FlowError):
    """A theorem's bound was exceeded on a trace: the theorem, its reading here or the run is wrong.

    Args:
        found: the whole trace, so that nothing measured is lost.
    """

    def __init__(self, rule: str, value: object, where: str, remedy: str, found: Any = None) -> None:
        super().__init__(rule, value, where, remedy)
        self.found = found


@dataclass(frozen=True)
class Check:
    """One number of one layer beside a theorem.

    Args:
        name: of what was measured.
        theorem: id in the registry.
        measured, bound: the largest measured number, and its bound (for shares: the nearer end of what is allowed).
        share: the largest measured number over its bound, channel by channel; 1 is the bound.
        verdict: HOLDS (on these data), VIOLATED, or NOT JUDGED.
        why: why it is not judged.
    """

    name: str
    theorem: str
    measured: float | None
    bound: float | None
    share: float | None
    verdict: str
    why: str = ""


@dataclass(frozen=True)
class Fit:
    """The exponent p of value ~ depth^p, by least squares in logarithms.

    Args:
        exponent: p; None where there are too few layers.
        low, high: Student's t interval at 95 %; residuals of neighbouring layers are correlated, so it is a narrow one.
        layers: points of the fit.
        expected: the exponent that the theorem's law has.
        verdict: consistent, not, or undecided.
        theorem: id of the theorem whose law it is.
    """

    exponent: float | None
    low: float | None
    high: float | None
    layers: int
    expected: float
    verdict: str
    theorem: str = ""


def fitted(values: Sequence[float | None], expected: float, theorem: str = "") -> Fit:
    """The exponent over depths 1, 2, ..., without the first quarter of the layers, where the start still counts.

    Verdict: not, where `expected` is outside of the interval; consistent, where it is inside and 0 is not; else undecided.
    """
    depths = [
        depth
        for depth, value in enumerate(values, start=1)
        if value is not None and math.isfinite(value) and value > 0 and depth > len(values) // 4
    ]
    if len(depths) < _POINTS:
        return Fit(None, None, None, len(depths), expected, "undecided", theorem)
    x = np.log(depths)
    y = np.log([values[depth - 1] for depth in depths])  # type: ignore[arg-type]  # those that are None are left out
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    residual = y - y.mean() - slope * centred
    free = len(depths) - 2
    error = math.sqrt(float(residual @ residual) / free / spread)
    half = float(student.ppf((1 + _LEVEL) / 2, free)) * error
    low, high = slope - half, slope + half
    decided = "undecided" if low <= 0 <= high else "consistent"
    verdict = decided if low <= expected <= high else "not"
    return Fit(slope, low, high, len(depths), expected, verdict, theorem)


def slack(epsilon: float, width: int) -> float:
    """How far rounding may lift a number above its bound, relative: a few units of the format, and sums in float32.

    Args:
        epsilon: of the model's format. width: terms of the longest sum of products.
    """
    return ROUNDINGS.value * epsilon + width * min(epsilon, 2.0**-24)


def seen_bounds(block: Block, u_max: np.ndarray, certified: bool = False) -> Bounds | None:
    """The bounds of step, state and output for inputs as large as those that were seen; sharper than from weights alone."""
    one, zero = np.ones(len(u_max)), np.zeros(len(u_max))
    return bounds(replace(block, inputs=Path(zero, u_max, one, zero), width=0), certified)


def checks(
    sums: Sums,
    bounds: Bounds | None,
    why: str,
    room: float,
    unmapped: str,
    out_bias: float,
    seen: Bounds | None = None,
    gain: float = 1.0,
) -> tuple[Check, ...]:
    """Every check that the sums allow.

    Args:
        sums: of `measure`, of the residual stream, the scan or both.
        bounds: of the weights before the run; None where there are none.
        why: why bounds from weights are not judged here; "" where they are.
        room: of `slack`.
        unmapped: why B and C are no linear maps of the inputs, so that the own term's theorem does not speak of this layer.
        out_bias: largest bias of out_proj, which the block's bound leaves out.
        seen: of `seen_bounds`.
        gain: largest factor of an entry of the update between out_proj and the residual stream.
    """
    found = []
    rows = {"u": "u_max", "step": "step_max", "h": "h_max", "y": "y_max"}
    if "u_max" in sums:
        for name, key in rows.items():
            limit = None if bounds is None else getattr(bounds, name)
            found.append(_below(name, "layer-bound", sums[key], limit, why, room))
        for name in ("step", "h", "y") if seen is not None else ():
            found.append(
                _below(f"{name}, for inputs as seen", "layer-bound", sums[rows[name]], getattr(seen, name), "", _EXACT)
            )
    if "update_max" in sums:
        limit = None if bounds is None else np.asarray((bounds.update + out_bias) * gain)
        found.append(_below("update", "layer-bound", sums["update_max"], limit, why, room))
    if "u_max" in sums:
        found.append(_below("h over its bound", "state-bound", sums["full_max"], np.ones(()), "", _EXACT))
        found.append(
            _below("half-life, at the largest step", "state-forgetting", sums["early"], np.ones(()), "", _EXACT)
        )
        found.append(
            _below("half-life, at the smallest step", "state-forgetting", sums["late"], np.ones(()), "", _EXACT)
        )
        found.append(_own_term(sums, unmapped))
        found += [_rounding(sums, place, name) for place, name in enumerate(FORMATS)]
    return tuple(found)


def _below(name: str, theorem: str, measured: np.ndarray, bound: np.ndarray | None, why: str, room: float) -> Check:
    top = float(np.max(measured))
    if bound is None:
        return Check(name, theorem, top, None, None, "NOT JUDGED", why or "no bound from weights")
    shares = np.divide(measured, bound, out=np.where(measured > 0, np.inf, 0.0), where=np.asarray(bound > 0))
    share, place = float(np.max(shares)), int(np.argmax(shares))
    at = float(np.ravel(measured)[place]), float(np.ravel(bound)[place])
    if why:
        return Check(name, theorem, top, float(np.max(bound)), share, "NOT JUDGED", why)
    return Check(name, theorem, *at, share, "HOLDS" if share <= 1 + room else "VIOLATED")


def _own_term(sums: Sums, unmapped: str) -> Check:
    tokens = float(sums["tokens"])
    measured = float(sums["own_sum"]) / tokens
    if unmapped:
        return Check("E[C.B]", "own-term-on-data", measured, None, None, "NOT JUDGED", unmapped)
    moments = float(sums["own_second"]) / tokens
    size = float(sums["own_size"]) / tokens
    share = abs(measured - moments) / (OWN_TERM.value * size) if size > 0 else 0.0
    return Check("E[C.B]", "own-term-on-data", measured, moments, share, "HOLDS" if share <= 1 else "VIOLATED")


def _rounding(sums: Sums, place: int, name: str) -> Check:
    """The share of gates that do round to one lies between what the theorem says at least and at most."""
    gates = float(sums["gates"])
    keys = ("rounded", "rounded_low", "rounded_high")
    measured, low, high = (float(sums[key][place]) / gates for key in keys)
    near = low if measured - low < high - measured else high
    share = 1.0 if near == 0 else measured / near
    verdict = "HOLDS" if low <= measured <= high else "VIOLATED"
    return Check(f"gates that round to one, {name}", "gate-rounding", measured, near, share, verdict)
