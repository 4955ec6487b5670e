"""What a type checker is told of a mixer's parts: torch types a module's attributes as tensors or modules, any of them.

Imported under `TYPE_CHECKING` alone: models of other packages keep their own classes, and are told by their parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

__all__ = ["Mixer", "MixerModule", "Projection", "Sorter"]


class Sorter(Protocol):
    """What sorts tokens before a scan and puts them back behind it, as `TokenReorder` does."""

    def __call__(
        self, mixer: Mixer, tokens: Tensor, mask: Tensor | None, scan: Callable[[Tensor, bool], Tensor]
    ) -> Tensor:
        """The scan of sorted tokens."""


class Mixer(Protocol):
    """A Mamba-1 mixer: mamba-ssm's `Mamba`, Hugging Face's `MambaMixer`, or a module with the same parts."""

    in_proj: nn.Linear
    conv1d: nn.Conv1d
    x_proj: nn.Linear
    dt_proj: nn.Linear
    out_proj: nn.Linear
    A_log: nn.Parameter
    D: nn.Parameter

    def __call__(self, hidden: Tensor) -> Any:
        """The mixer's output."""


class MixerModule(Mixer, nn.Module):
    """A mixer as it stands in a model."""

    x_proj: Projection
    reorder: Any  # there while the mixer's tokens are reordered
    forward: Callable[..., Any]


class Parametrizations(nn.Module):
    """What torch puts into a parametrised module, here of its weight."""

    weight: ParametrizationList


class Projection(nn.Linear):
    """An x_proj, constrained or about to be."""

    parametrizations: Parametrizations
    plain_keys: tuple[Any, ...]
