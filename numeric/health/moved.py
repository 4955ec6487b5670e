"""What moved between two checkpoints, beyond what shuffled channels explain, and the trend over several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from s6flow.errors import AssumptionError, SourceError
from s6flow.numeric.health.diagnosis import CONTEXT, Diagnosis, LayerHealth, layer_healths
from s6flow.numeric.health.numbers import NUMBERS
from s6flow.numeric.thresholds import Threshold
from s6flow.numeric.weights import Checkpoint, S6Layer, open_checkpoint

__all__ = ["TREND", "Comparison", "Moved", "Weights", "compare", "comparison_json", "trend_json"]

#: Numbers whose medians over layers make a trend.
TREND = ("response", "dead_channels", "subnormal", "half_life_median", "half_life_max", "unsaturated", "spread", "step_low", "step_high", "margin_fp16", "rank_B")  # fmt: skip
LISTED = Threshold(
    "LISTED", 0.25,
    "share of its size from which on a number is listed as moved: between two seeds of one condition of the committed trainings "
    "medians over layers differ by less in 95 of 100 pairs, the response by up to 24 %, the other numbers by up to 11 %",
)  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """What moved in the weights of an S6 layer.

    Args:
        flips: channels whose mu changed its sign.
        expected, spread: mean and standard deviation of that count when the second's channels are shuffled.
        z: (flips - expected) / spread: far below 0 where the second remembers the first; None if shuffles do not vary.
        decay: median |ln(a'/a)| over channels and states.
        S_B, S_C: |S' - S| over |S|, Frobenius norms.
        half_life: median ln of the ratio of half-lives at the bias' step.
    """

    flips: int
    expected: float
    spread: float
    z: float | None
    decay: float
    S_B: float
    S_C: float
    half_life: float

    @property
    def moved(self) -> bool:
        """Whether anything did."""
        return any((self.flips, self.decay, self.S_B, self.S_C, self.half_life))


@dataclass(frozen=True)
class Moved:
    """One layer that both have.

    Args:
        name: in the first.
        gained, lost: verdicts that only the second, or only the first, has.
        numbers: number -> (before, after), those that moved by more than `LISTED` of their size.
        weights: None where the theory does not fit the layer, or its shape changed, or it is damaged.
        still: whether nothing of the weights above and no number of health moved, by however little.
    """

    name: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    numbers: dict[str, tuple[float | None, float | None]]
    weights: Weights | None
    still: bool


@dataclass(frozen=True)
class Comparison:
    """Two checkpoints: their health, the layers that both have, and the names that only one has."""

    first: Diagnosis
    second: Diagnosis
    layers: tuple[Moved, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def medians(self) -> dict[str, tuple[float, float]]:
        """Medians over the layers that both have, before and after, of the numbers whose medians moved beyond what seeds explain."""
        shared = {layer.name for layer in self.layers}
        found = {}
        for row in NUMBERS:
            pair = [_median(side, shared, row.name) for side in (self.first, self.second)]
            if pair[0] is not None and pair[1] is not None and _apart(*pair):
                found[row.name] = (pair[0], pair[1])
        return found

    @property
    def same(self) -> bool:
        """Whether nothing at all moved in the layers that both have."""
        return all(layer.still for layer in self.layers) and not self.only_first and not self.only_second


def _median(side: Diagnosis, names: set[str], number: str) -> float | None:
    values = [layer.numbers[number] for layer in side.layers if layer.name in names]
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None


def compare(first: Any, second: Any, context: int = CONTEXT, shuffles: int = 200, seed: int = 0) -> Comparison:
    """Compare two checkpoints, layer by layer.

    Args:
        first, second: sources, as `open_checkpoint` takes them.
        context: tokens that memory is compared with.
        shuffles, seed: of the control of mu's signs.
    Raises: as `open_checkpoint`; SourceError: if they have no layer in common; AssumptionError: fewer than two shuffles.
    """
    if shuffles < 2:
        raise AssumptionError("the control needs at least 2 shuffles", shuffles, "shuffles")
    sides = open_checkpoint(first), open_checkpoint(second)
    before, after = (Diagnosis(context, tuple(layer_healths(c.store, c.config, context))) for c in sides)
    late = {layer.name: layer for layer in after.layers}
    both = [layer for layer in before.layers if layer.name in late]
    if not both:
        names = f"{_some(before)} against {_some(after)}"
        raise SourceError(
            "two checkpoints to compare need layers of the same names", names, ", ".join(c.source for c in sides)
        )
    rng = np.random.default_rng(seed)
    moved = [_moved(layer, late[layer.name], _weights(*sides, layer.name, shuffles, rng)) for layer in both]
    shared = {layer.name for layer in both}
    left = [tuple(layer.name for layer in side.layers if layer.name not in shared) for side in (before, after)]
    return Comparison(before, after, tuple(moved), *left)


def _some(side: Diagnosis) -> str:
    return ", ".join(layer.name for layer in side.layers[:2]) or "none"


def _moved(before: LayerHealth, after: LayerHealth, weights: Weights | None) -> Moved:
    sets = [{row.name: None for row in layer.verdicts} for layer in (before, after)]
    pairs = {row.name: (before.numbers[row.name], after.numbers[row.name]) for row in NUMBERS}
    return Moved(
        before.name,
        tuple(name for name in sets[1] if name not in sets[0]),
        tuple(name for name in sets[0] if name not in sets[1]),
        {name: pair for name, pair in pairs.items() if _apart(*pair)},
        weights,
        weights is not None and not weights.moved and all(a == b for a, b in pairs.values()),
    )


def _apart(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    if math.isinf(before) or math.isinf(after):
        return before != after
    return abs(after - before) > LISTED.value * max(abs(before), abs(after))


def _weights(
    first: Checkpoint, second: Checkpoint, name: str, shuffles: int, rng: np.random.Generator
) -> Weights | None:
    found: list[S6Layer] = []
    for side in (first, second):
        try:
            found.append(side.layer(name))
        except SourceError:
            return None  # withheld: its health says why
    one, two = found
    if one.a.shape != two.a.shape:
        return None
    signs = [np.sign(layer.mu_n.sum(axis=1)) for layer in found]
    flips = int((signs[0] * signs[1] < 0).sum())
    shuffled = [int((signs[0] * rng.permutation(signs[1]) < 0).sum()) for _ in range(shuffles)]
    expected, spread = float(np.mean(shuffled)), float(np.std(shuffled))
    steps = [np.logaddexp(0, layer.b) + layer.floor for layer in found]
    ratio = np.log(two.a / one.a)
    return Weights(
        flips,
        expected,
        spread,
        (flips - expected) / spread if spread > 0 else None,
        float(np.median(np.abs(ratio))),
        _relative(one.S_B, two.S_B),
        _relative(one.S_C, two.S_C),
        float(np.median(-(ratio + np.log(steps[1] / steps[0])[:, None]))),
    )


def _relative(before: np.ndarray, after: np.ndarray) -> float:
    size = float(np.linalg.norm(before))
    change = float(np.linalg.norm(after - before))
    return change / size if size > 0 else (0.0 if change == 0 else math.inf)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Plain values; what is unknown or infinite is null."""
    return {
        "schema": "s6flow-diff/1",
        "context": found.first.context,
        "first": found.first.line(),
        "second": found.second.line(),
        "medians": {name: [_plain(value) for value in pair] for name, pair in found.medians.items()},
        "layers": [
            {
                "name": layer.name,
                "gained": list(layer.gained),
                "lost": list(layer.lost),
                "numbers": {name: [_plain(value) for value in pair] for name, pair in layer.numbers.items()},
                "weights": layer.weights and {key: _plain(value) for key, value in asdict(layer.weights).items()},
            }
            for layer in found.layers
        ],
        "only_first": list(found.only_first),
        "only_second": list(found.only_second),
    }


def trend_json(sources: Sequence[str], context: int = CONTEXT) -> dict[str, Any]:
    """Health of several checkpoints in the order given: the verdict line, counts, and medians over layers.

    Raises: as `open_checkpoint`.
    """
    rows = []
    for source in sources:
        checkpoint = open_checkpoint(source)
        found = Diagnosis(context, tuple(layer_healths(checkpoint.store, checkpoint.config, context)))
        medians: dict[str, float | None] = {}
        for name in TREND:
            values = [value for layer in found.layers if (value := layer.numbers[name]) is not None]
            medians[name] = _plain(float(np.median(values))) if values else None
        rows.append(
            {
                "source": source,
                "severity": found.severity,
                "line": found.line(),
                "counts": found.counts(),
                "medians": medians,
            }
        )
    return {"schema": "s6flow-trend/1", "context": context, "checkpoints": rows}
