"""Bounds of a model's layers: from its weights before a run, and after it for inputs as large as those that were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from s6flow.numeric.health.anatomy import makers
from s6flow.numeric.health.block import Block
from s6flow.numeric.health.bounds import Bounds, bounds
from s6flow.numeric.threads import in_order, some_workers
from s6flow.numeric.trace.judge import seen_bounds
from s6flow.numeric.weights.plan import numbered
from s6flow.numeric.weights.readers import TensorStore

__all__ = ["FromWeights", "from_inputs", "from_weights", "joined"]

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")
#: Layers in memory at a time.
_WORKERS = 8


@dataclass(frozen=True, eq=False)
class FromWeights:
    """What one layer's weights say before a run: bounds (None where there are none), what is assumed in them, damage."""

    limits: Bounds | None
    assumed: tuple[str, ...]
    damage: tuple[str, ...]


def from_weights(store: TensorStore, config: Mapping[str, Any] | None, certified: bool) -> dict[str, FromWeights]:
    """By the layer's name in the audit."""

    def said(make: Callable[[], Block]) -> tuple[str, FromWeights]:
        # what scales an update between the mixer and the stream is measured with it, and multiplied there
        block = replace(make(), added=1.0)
        return block.name, FromWeights(bounds(block, certified), block.assumed, block.damage)

    told = numbered()
    return {told(name): row for name, row in _each(makers(store, config), said, certified)}


def from_inputs(
    store: TensorStore,
    config: Mapping[str, Any] | None,
    names: Sequence[str],
    inputs: Mapping[str, np.ndarray],
    certified: bool,
) -> dict[str, Bounds]:
    """Bounds of step, state and output by the layer's name, where its largest inputs were seen.

    Args:
        names: of all layers, in order, as `from_weights` has them.
        inputs: largest |u| of every channel, by name.
    """

    def said(named: tuple[str, Callable[[], Block]]) -> tuple[str, Bounds | None]:
        name, make = named
        return name, seen_bounds(make(), inputs[name], certified)

    named = zip(names, makers(store, config, scans_only=True), strict=True)
    found = _each((row for row in named if row[0] in inputs), said, certified)
    return {name: limits for name, limits in found if limits is not None}


def _each(given: Iterable[_Given], work: Callable[[_Given], _Found], certified: bool) -> Iterator[_Found]:
    """Work on every layer, in order."""
    return in_order(given, work, 1 if certified else some_workers(_WORKERS))  # balls: one precision a process


def joined(rows: Sequence[Bounds | None]) -> Bounds | None:
    """The bounds of layers whose channels stand one behind the other in one mixer, and whose outputs are added.

    What a norm lets through of a sum is no more than the sum of what it lets through of each.
    """
    known = [row for row in rows if row is not None]
    if not known or len(known) < len(rows):
        return None
    if len(known) == 1:
        return known[0]
    arrays = {
        name: np.concatenate([getattr(row, name) for row in known])
        for name in ("u", "gate", "step", "h", "y", "response")
    }
    return Bounds(**arrays, update=sum(row.update for row in known), exact=all(row.exact for row in known))
