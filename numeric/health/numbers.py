"""The numbers of health: what each means, and how it is computed from one block's weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from s6flow.numeric.health.block import Block
from s6flow.numeric.health.bounds import Bounds, bounds
from s6flow.numeric.health.model_code import NONE
from s6flow.numeric.threads import cross_product
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.formats import UNIT_ROUNDOFF
from s6flow.symbolic.programs.health import state_quantity

__all__ = ["FORMATS", "NUMBERS", "QUANTILES", "UNIT_ROUNDOFF", "Number", "measure"]


@dataclass(frozen=True)
class Number:
    """One number of a layer's health.

    Args:
        name: as in JSON.
        meaning: one sentence for a stranger.
        unit: "1" for a pure number.
        source: theorem id or section of the theory.
    """

    name: str
    meaning: str
    unit: str
    source: str


@dataclass(frozen=True)
class Format:
    """A floating-point format: bits of its numbers, the leading one among them, and its largest number."""

    bits: int
    largest: float


FORMATS = {"fp16": Format(11, 65504.0), "bf16": Format(8, 2.0**128 * (1 - 2.0**-8)), "fp32": Format(24, 2.0**128 * (1 - 2.0**-24))}  # fmt: skip
#: Of half-lives over channels and states.
QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
#: Steps that mamba's initialisation draws, and decay rates that Mamba-2's does.
_FIRST_STEPS, _FIRST_RATES = (1e-4, 0.1), (1.0, 16.0)
_NORM = "tokens that a norm has scaled to root mean square 1"

NUMBERS: tuple[Number, ...] = (
    Number("damaged", "tensors that hold a NaN or an infinity, as float32 has them", "tensors", "20"),
    Number("response", f"the largest entry that the block can add to the residual stream, at any length, on {_NORM}; a bias of out_proj, which no token moves, is left out", "1", "layer-bound"),
    Number("dead_channels", "share of channels whose own part of it is below the rounding of float32 at 1, 2^-24", "1", "layer-bound"),
    Number("subnormal", "share of weights below the smallest normal number of their format", "1", "20"),
    Number("at_start", "share of A_log, D and step biases that are where initialisation puts them: the least of the three", "1", "20"),
    Number("step_low", "softplus(step bias) + floor, within the limits of the scan, exceeded by 99 % of channels", "1", "20"),
    Number("step_high", "softplus(step bias) + floor, within the limits of the scan, exceeded by 1 % of channels", "1", "20"),
    Number("spread", "ln(a_max/a_min) over ln N, the median of channels: 1 at initialisation; null where a channel has one rate", "1", "20"),
    *(
        Number(f"half_life_{key}", f"half-life at the bias' step, {'smallest' if q == 0 else 'largest' if q == 1 else f'quantile {q:g}'} "
               "of channels and states", "tokens", "state-forgetting")
        for key, q in QUANTILES.items()
    ),
    Number("unsaturated", "share of states whose half-life exceeds the context: the worst case at that length is less than half full", "1", "state-saturation"),
    Number("accumulating", "share of states with a Delta L < 1/100, L the context: nothing is forgotten within it", "1", "state-bound"),
    *(
        Number(f"rounds_{key}", f"share of gates that round to one in {key} at the bias' step: those states never forget", "1", "gate-rounding")
        for key in FORMATS
    ),
    Number("u_max", f"bound of the scan's inputs, on {_NORM}", "1", "layer-bound"),
    Number("step_max", f"bound of the steps, on {_NORM}", "1", "layer-bound"),
    Number("h_max", f"bound of the states, at any length, on {_NORM}", "1", "layer-bound"),
    Number("y_max", f"bound of the scan's outputs, at any length, on {_NORM}", "1", "layer-bound"),
    *(
        Number(f"margin_{key}", f"log2 of the largest {key} number over the largest bound; negative: overflow is not excluded", "bits", "layer-bound")
        for key in FORMATS
    ),
    Number("rank_B", "effective rank of S_B (exponential of the entropy of its squared singular values) over N", "1", "20"),
    Number("rank_C", "the same of S_C", "1", "20"),
)  # fmt: skip


def measure(block: Block, context: int, certified: bool = False) -> dict[str, float | None]:
    """Every number of `NUMBERS`, None where the layer does not have it or damage hides it."""
    found: dict[str, float | None] = dict.fromkeys((row.name for row in NUMBERS), None)
    found["damaged"] = float(len(block.damage) + _overflowing(block))
    found["subnormal"] = block.subnormal / block.parameters if block.parameters else 0.0
    steps = _quantity("bias_step", b=block.step_bias, floor=block.floor)
    drawn = steps  # initialisation draws the bias; limits act behind it
    if (block.low, block.high) != NONE:
        steps = _quantity("kept_step", step_max=steps, step_low=block.low, step_high=block.high)
    if not np.isfinite(steps).all() or not np.isfinite(block.a).all():
        return found
    found["at_start"] = _at_start(block, drawn)
    found["step_low"], found["step_high"] = (float(v) for v in np.quantile(steps, (0.01, 0.99)))
    found |= _memory(block, steps, context)
    if block.decay_spread and block.states > 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(block.a.max(axis=1)) - np.log(block.a.min(axis=1))
        found["spread"] = float(np.median(ratio) / math.log(block.states))
    for key, matrix in (("rank_B", block.S_B), ("rank_C", block.S_C)):
        found[key] = None if matrix is None or not np.isfinite(matrix).all() else effective_rank(matrix)
    limits = bounds(block, certified)
    if limits is not None:
        found |= _reach(limits)
    return {key: _finite(value) for key, value in found.items()}


def _overflowing(block: Block) -> int:
    """Whether exp(A_log) is no float32 number where A_log itself is finite."""
    with np.errstate(over="ignore"):
        return int(not block.damage and not np.isfinite(block.a.astype(np.float32)).all())


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _quantity(name: str, **values: Any) -> np.ndarray:
    function = generate(state_quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)), dtype=np.float64)


def _memory(block: Block, steps: np.ndarray, context: int) -> dict[str, float | None]:
    """Half-lives, and gates that round to one."""
    width = steps[:, None]
    lives = _quantity("half_life", decay=block.a, width=width)
    lives = np.where(np.isnan(lives), np.inf, lives)
    values = np.quantile(lives, list(QUANTILES.values()), method="nearest")
    with np.errstate(over="ignore"):
        rates, spans = block.a * width, block.a * width * context
    found: dict[str, float | None] = {f"half_life_{key}": float(v) for key, v in zip(QUANTILES, values, strict=True)}
    found["unsaturated"] = float((lives > context).mean())
    found["accumulating"] = float((spans < 0.01).mean())
    for key, row in FORMATS.items():
        found[f"rounds_{key}"] = float((rates <= float(_quantity("rounding_threshold", bits=float(row.bits)))).mean())
    return found


def _reach(limits: Bounds) -> dict[str, float | None]:
    with np.errstate(divide="ignore"):
        room = {f"margin_{key}": float(np.log2(row.largest) - np.log2(limits.largest)) for key, row in FORMATS.items()}
    tops = {"u_max": limits.u, "step_max": limits.step, "h_max": limits.h, "y_max": limits.y}
    return {
        "response": limits.update,
        "dead_channels": float((limits.response < UNIT_ROUNDOFF).mean()),
        **{key: float(np.max(value)) for key, value in tops.items()},
        **room,
    }


def _at_start(block: Block, steps: np.ndarray) -> float:
    """Least share of A_log = log(1..N), D = 1 and steps in a range that initialisations draw from, to float32's rounding."""
    near = 2.0**-22
    if block.decay_spread:
        first = np.arange(1.0, block.states + 1)
        with np.errstate(divide="ignore"):
            logs = np.log(block.a)
        rates = float((np.abs(logs - np.log(first)) <= near * np.maximum(np.log(first), near)).mean())
    else:
        rates = float(((block.a >= _FIRST_RATES[0] - near) & (block.a <= _FIRST_RATES[1] * (1 + near))).mean())
    ones = 1.0 if block.skip is None else float((block.skip == 1).mean())
    low, high = _FIRST_STEPS
    drawn = ((steps >= low * (1 - near)) & (steps <= high * (1 + near))).mean()
    rank = block.dt_in.shape[0] if block.dt_in is not None else 1
    linear = (
        np.abs(block.step_bias) <= (1 + near) / math.sqrt(rank)
    ).mean()  # PyTorch's own for a linear map, or zeros
    return min(rates, ones, float(max(drawn, linear)))


def effective_rank(matrix: np.ndarray) -> float:
    """exp(entropy of the squared singular values' shares) over the smaller side; 0 for a zero matrix."""
    largest = np.abs(matrix).max()
    if largest == 0:
        return 0.0
    scaled = matrix / largest  # squares of subnormal numbers would vanish
    scaled = scaled if scaled.shape[0] <= scaled.shape[1] else scaled.T
    power = np.linalg.eigvalsh(cross_product(scaled, scaled)).clip(0)  # small shares are rounding, and weigh nothing
    share = power[power > 0] / power.sum()
    return float(np.exp(-(share * np.log(share)).sum()) / min(matrix.shape))
