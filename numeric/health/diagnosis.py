"""The health of a checkpoint: every layer's numbers and verdicts, ranked, and one line for the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from s6flow.errors import AssumptionError
from s6flow.numeric.health.anatomy import makers
from s6flow.numeric.health.block import Block
from s6flow.numeric.health.numbers import measure
from s6flow.numeric.health.untrained import untrained_numbers
from s6flow.numeric.health.verdicts import FATAL, SEVERITIES, VERDICTS, Verdict, given
from s6flow.numeric.threads import in_order, some_workers
from s6flow.numeric.weights import open_checkpoint
from s6flow.numeric.weights.plan import numbered

__all__ = ["CONTEXT", "Diagnosis", "LayerHealth", "diagnose", "health_of"]

#: Tokens of context where none is given: mamba's own training length.
CONTEXT = 2048
#: Layers in memory at a time.
_WORKERS = 2


@dataclass(frozen=True)
class LayerHealth:
    """One layer.

    Args:
        name, kind, channels, states: of the block.
        numbers: of `NUMBERS` by name.
        untrained: the same of a freshly initialised layer of that shape.
        verdicts: worst first.
        undecided: verdicts whose numbers are unknown here.
        damage, assumed, used: as in `Block`.
        shut: whether out_proj is zero throughout, so that nothing the layer does gets out.
    """

    name: str
    kind: str
    channels: int
    states: int
    numbers: Mapping[str, float | None]
    untrained: Mapping[str, float | None]
    verdicts: tuple[Verdict, ...]
    undecided: tuple[Verdict, ...]
    damage: tuple[str, ...]
    assumed: tuple[str, ...]
    shut: bool = False
    used: tuple[str, ...] = ()

    @property
    def severity(self) -> str:
        """Of its worst verdict; "healthy" if it has none beyond notes."""
        worst = self.verdicts[0].severity if self.verdicts else "note"
        return "healthy" if worst == "note" else worst

    @property
    def fatal(self) -> bool:
        """Whether it is dead or damaged, so that no scenario is to be given."""
        return any(row.name in FATAL for row in self.verdicts)

    def has(self, name: str) -> bool:
        """Whether a verdict was given."""
        return any(row.name == name for row in self.verdicts)


@dataclass(frozen=True)
class Diagnosis:
    """All layers in depth order, at a context length in tokens."""

    context: int
    layers: tuple[LayerHealth, ...]

    @property
    def ranked(self) -> tuple[LayerHealth, ...]:
        """Layers by severity, then by the number of verdicts, then by depth."""
        grades = (*SEVERITIES[:2], "healthy")

        def rank(item: tuple[int, LayerHealth]) -> tuple[int, int, int]:
            depth, layer = item
            count = sum(row.severity == layer.severity for row in layer.verdicts)
            return grades.index(layer.severity), -count, depth

        return tuple(layer for _, layer in sorted(enumerate(self.layers), key=rank))

    def counts(self) -> dict[str, int]:
        """Verdict -> layers that have it, in the order of the table."""
        found = {row.name: sum(layer.has(row.name) for layer in self.layers) for row in VERDICTS}
        return {name: count for name, count in found.items() if count}

    @property
    def severity(self) -> str:
        """Of the worst layer."""
        return self.ranked[0].severity if self.layers else "healthy"

    def line(self) -> str:
        """One line for the whole model."""
        total = len(self.layers)
        titles = {row.name: row.title for row in VERDICTS if row.severity != "note"}
        parts = [f"{titles[name]} {count} of {total}" for name, count in self.counts().items() if name in titles]
        word = {"critical": "CRITICAL", "warning": "WARNING", "healthy": "HEALTHY"}[self.severity]
        detail = (
            "layers " + "; ".join(parts) if parts else f"{total} layer{'s' * (total != 1)}, no verdict beyond notes"
        )
        return f"{word}: {detail}."


def health_of(block: Block, context: int = CONTEXT, certified: bool = False) -> LayerHealth:
    """Numbers and verdicts of one block."""
    numbers = measure(block, context, certified)
    verdicts, undecided = given(numbers)
    return LayerHealth(
        block.name, block.kind, block.channels, block.states, numbers, untrained_numbers(block, context),
        verdicts, undecided, block.damage, block.assumed, block.shut, block.used,
    )  # fmt: skip


def diagnose(source: Any, context: int = CONTEXT, certified: bool = False) -> Diagnosis:
    """The health of every layer that an A_log marks, in any family.

    Args:
        source: a path, a hub id, the name of an installed package, or a `torch.nn.Module`.
        context: tokens that memory is compared with, at least 1.
        certified: compute the bounds in ball arithmetic.
    Raises: as `open_checkpoint`; AssumptionError: a context below 1.
    """
    checkpoint = open_checkpoint(source)
    return Diagnosis(context, tuple(layer_healths(checkpoint.store, checkpoint.config, context, certified)))


def layer_healths(store: Any, config: Any, context: int, certified: bool = False) -> Iterator[LayerHealth]:
    """Layers one at a time.

    Raises: AssumptionError: a context below 1.
    """
    if context < 1:
        raise AssumptionError("the context must be at least 1 token", context, "context")
    workers = 1 if certified else some_workers(_WORKERS)  # the precision of balls is one for the whole process
    told = numbered()
    for found in in_order(makers(store, config), lambda make: health_of(make(), context, certified), workers):
        yield replace(found, name=told(found.name))
