"""Where a network is watched: its layers, the residual stream in front of each, and what can be read inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.health.surroundings import PARENT_NORMS
from s6flow.numeric.trace.scans import hidden, tap, unmapped
from s6flow.numeric.weights.in_memory import plain_name

__all__ = ["Place", "backbone", "eager", "parts", "places", "unwrapped", "vocabulary"]

#: Parameters that mark a layer; what scales the update in the block of MambaVision, of Falcon-H1 and of Granite.
_MARKS, _GAINS = ("A_log", "A_logs"), ("gamma_1", "ssm_out_multiplier", "residual_multiplier")


@dataclass(frozen=True, eq=False)
class Place:
    """One layer.

    Args:
        name: dotted, without what compiling and wrapping add; as the audit has it (which adds a direction or a head), A_log
            where the model is the mixer.
        mixer: the module that scans.
        front: whose input is the residual stream: the norm before the mixer, or the block; None if neither is found.
        width: of the residual stream, by that norm; 0 where unknown.
        gain: what the block scales the mixer's output with (MambaVision's gamma_1, a multiplier), None where nothing.
        fused: whether `front` is a block that gets the stream in two parts, to be added.
        hidden: why the scan is not traced; "" where it is.
        unmapped: why B and C are no linear maps of the scan's input, so that the own term has no moments; "" where they are.
    """

    name: str
    mixer: nn.Module
    front: nn.Module | None
    width: int
    gain: torch.Tensor | None
    fused: bool
    hidden: str
    unmapped: str = ""


def unwrapped(model: Any) -> nn.Module:
    """The network within torch.compile, DataParallel and DistributedDataParallel.

    Raises: SourceError: it is no torch.nn.Module. FormatError: its weights are not in memory.
    """
    while hasattr(model, "_orig_mod") or type(model).__name__ in ("DataParallel", "DistributedDataParallel"):
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module
    if not isinstance(model, nn.Module):
        raise SourceError("a trace needs a torch.nn.Module", type(model).__name__, "model", "Load the network first.")
    for name, weight in model.named_parameters():
        if weight.device.type == "meta":
            raise FormatError("a trace needs weights in memory", "a tensor on meta", plain_name(name), "Load them.")
    return model


def places(model: nn.Module) -> tuple[Place, ...]:
    """Every layer that an A_log marks (A_logs where directions are stacked), in the order of the model's modules.

    Raises: SourceError: there is none.
    """
    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        if hasattr(module, "_orig_mod") or not any(
            isinstance(getattr(module, mark, None), torch.Tensor) for mark in _MARKS
        ):
            continue
        parent = modules.get(name.rpartition(".")[0]) if name else None
        front, fused = _front(parent)
        weight = None if front is None or fused else getattr(front, "weight", None)
        width = len(weight) if isinstance(weight, torch.Tensor) and weight.dim() == 1 else 0
        gain = next((getattr(parent, key) for key in _GAINS if getattr(parent, key, None) is not None), None)
        if isinstance(gain, float | int):
            gain = None if gain == 1 else torch.tensor(float(gain), device=next(module.parameters()).device)
        gain = gain.detach() if isinstance(gain, torch.Tensor) else None
        why = hidden(module, name)
        told = "" if why else unmapped(module)
        found.append(Place(plain_name(name) or "A_log", module, front, width, gain, fused, why, told))
    if not found:
        remedy = "Layers of Mamba, Mamba-2, Falcon-Mamba, Jamba, MambaVision and VMamba have one."
        raise SourceError("a trace needs a model with an S6 layer (A_log)", type(model).__name__, "model", remedy)
    return tuple(found)


def parts(place: Place) -> tuple[str, ...]:
    """Ends of the names that a place's layers have in the audit."""
    return ("",) if place.hidden else tap(place.mixer).parts


def _front(parent: nn.Module | None) -> tuple[nn.Module | None, bool]:
    if parent is None:
        return None, False
    if isinstance(getattr(parent, "skip_scale", None), torch.Tensor):
        return None, False  # MambaIR scales the stream itself, so that what the mixer gives is not what is added to it
    if getattr(parent, "fused_add_norm", False):
        return parent, True
    names = (name.removesuffix(".weight") for name in PARENT_NORMS)
    norm = next((getattr(parent, name) for name in names if isinstance(getattr(parent, name, None), nn.Module)), None)
    return norm, False


def backbone(model: nn.Module, found: tuple[Place, ...]) -> nn.Module:
    """The network without its head, whose logits may be larger than everything else; the model itself if unsure."""
    base: Any = getattr(model, "base_model", None)
    base = base if isinstance(base, nn.Module) else getattr(model, "backbone", None)
    if not isinstance(base, nn.Module):
        return model
    inside = set(base.modules())
    return base if all(place.mixer in inside for place in found) else model


def vocabulary(model: nn.Module) -> int | None:
    """Number of token ids of the first embedding; None if there is none."""
    return next((part.num_embeddings for part in model.modules() if isinstance(part, nn.Embedding)), None)


@contextmanager
def eager(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients and without compiled code; every module is as before afterwards."""
    modes = {module: module.training for module in model.modules()}
    before = getattr(torch.compiler, "set_stance", None)
    model.eval()
    try:
        with torch.no_grad():
            if before is None:
                yield
            else:
                with before("force_eager"):
                    yield
    finally:
        for module, mode in modes.items():
            module.training = mode
