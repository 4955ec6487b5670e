"""A checkpoint as a lazy sequence of S6 layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from s6flow.numeric.weights.layer import S6Layer, WithheldLayer

__all__ = ["Checkpoint", "open_checkpoint"]


@dataclass
class Checkpoint:
    """Names and shapes are read when it is opened, values only layer by layer.

    Args:
        source: what the user named.
        format: the reader that opened it, such as ``safetensors``.
        family: the naming that its tensors follow (a guess, for the report only).
        layer_names: layers whose names and shapes make them S6, in depth order.
        tensors_seen: every tensor name in the checkpoint.
    """

    source: str
    format: str
    family: str
    layer_names: tuple[str, ...]
    tensors_seen: tuple[str, ...]

    @property
    def withheld(self) -> tuple[WithheldLayer, ...]:
        """Withheld layers; those refused for their values join once they have been read by `layers`."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.layer_names)

    def entries(self) -> Iterator[S6Layer | WithheldLayer]:
        """Every layer in depth order, read one at a time, the withheld ones in their places."""
        raise NotImplementedError

    def layers(self) -> Iterator[S6Layer]:
        """The readable layers in depth order, one in memory at a time."""
        return (entry for entry in self.entries() if isinstance(entry, S6Layer))

    def layer(self, name: str) -> S6Layer:
        """One layer by its name.

        Raises: SourceError: if there is no such layer, or it is withheld.
        """
        raise NotImplementedError


def open_checkpoint(source: str) -> Checkpoint:
    """Open a path, a hub id or the name of an installed package that ships weights."""
    raise NotImplementedError
