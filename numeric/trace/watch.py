"""Hooks that measure each layer as it runs; of activations only those of the layer that runs are held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from s6flow.errors import FormatError
from s6flow.numeric.trace.measure import Partial, filled, finished, residual_sums, scan_sums
from s6flow.numeric.trace.places import Place
from s6flow.numeric.trace.scans import convolved, tap

__all__ = ["Watch"]

Sums = dict[str, np.ndarray]


class Watch:
    """Sums of every layer that ran.

    Args:
        limit: as in `scan_sums`. damage: what is not finite among each layer's weights, in words.
    """

    def __init__(self, limit: int, damage: Mapping[str, tuple[str, ...]]) -> None:
        self.limit, self.damage = limit, damage
        self.sums: dict[str, Sums] = {}
        self._stream: dict[str, Tensor] = {}
        self._inputs: dict[str, Tensor] = {}
        self._inside: set[str] = set()

    @contextmanager
    def on(self, found: tuple[Place, ...]) -> Iterator[None]:
        """Hooks on all layers; none is left afterwards, whatever happens."""
        handles: list[Any] = []
        try:
            for place in found:
                handles += self._hooks(place)
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hooks(self, place: Place) -> Iterator[Any]:
        mixer: Any = place.mixer
        name = place.name

        def front(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
            if given:
                stream = given[0] if not place.fused or len(given) < 2 else given[0] + given[1]
                self._stream[name] = stream

        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._inside.add(name)

        reads = None if place.hidden else tap(mixer)

        def entering(module: nn.Module, args: tuple[Any, ...]) -> None:
            self._inputs[name] = args[0]

        def leaving(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
            self._inputs[name] = output

        def leave(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            self._inside.discard(name)
            given = next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)
            self._measure(place, given, output[0] if isinstance(output, tuple) else output)

        def left(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
            if name not in self._inside:  # the block calls the mixer's parts and not the mixer
                self._measure(place, None, output)

        if place.front is not None:
            yield place.front.register_forward_pre_hook(front, with_kwargs=True)
        yield mixer.register_forward_pre_hook(enter, with_kwargs=True)
        yield mixer.register_forward_hook(leave, with_kwargs=True)
        if reads is not None and reads.before:
            yield reads.module.register_forward_pre_hook(entering)
        elif reads is not None:
            yield reads.module.register_forward_hook(leaving)
        if isinstance(getattr(mixer, "out_proj", None), nn.Module):
            yield mixer.out_proj.register_forward_hook(left)

    def _measure(self, place: Place, given: Tensor | None, update: Tensor) -> None:
        """All numbers of a layer that has just run; what is not finite is looked for when they are home, so that a GPU never waits."""
        sums: Partial = {}
        stream, u = self._stream.pop(place.name, None), self._inputs.pop(place.name, None)
        seen = [(stream, "the residual stream in front of it")]
        if not place.hidden:
            if u is None and given is not None and hasattr(place.mixer, "A_log"):
                u = _recomputed(place.mixer, given)
                sums["recomputed"] = 1.0
            if u is not None and u.dim() < 4:
                u = u.reshape(len(update), -1, u.shape[-1])
            seen.append((u, "u, the input of its scan"))
        seen.append((update, "its update"))
        there = [(tensor, what) for tensor, what in seen if tensor is not None]
        sums["finite"] = torch.stack([tensor.isfinite().all() for tensor, _ in there])
        if stream is not None:
            stream, update = _channels_last(stream, place.width), _channels_last(update, place.width)
        if place.gain is not None:
            update = update * place.gain
        if stream is not None and stream.shape == update.shape:
            sums |= residual_sums(stream, update)
        else:
            sums["update_max"] = update.double().abs().max()
        if u is not None:
            sums |= scan_sums(tap(place.mixer).inputs(u), self.limit)
        home = finished(sums)
        for (tensor, what), good in zip(there, home.pop("finite"), strict=True):
            if not good:
                self._refuse(tensor, place, what)
        self.sums[place.name] = filled(home) if u is not None else home

    def _refuse(self, tensor: Tensor, place: Place, what: str) -> None:
        """Raises: FormatError: it holds NaN or infinity; the first such tensor of the run is the one that is named."""
        first = (~tensor.isfinite()).nonzero()[0].tolist()
        held = [text for name, texts in self.damage.items() if name.partition("[")[0] == place.name for text in texts]
        remedy = f"Its weights hold {held[0]}." if held else "Everything before it is finite."
        value = f"{float(tensor[tuple(first)]):g} in {what}, [{', '.join(map(str, first))}]"
        raise FormatError("activations must be finite", value, place.name, remedy)


def _channels_last(tensor: Tensor, width: int) -> Tensor:
    """An image's axes (batch, channel, height, width) with the channels last, where the norm's width says that they are not."""
    first = tensor.dim() == 4 and tensor.shape[-1] != width and tensor.shape[1] == width
    return tensor.movedim(1, -1) if first else tensor


def _recomputed(mixer: Any, given: Tensor) -> Tensor:
    """What a fused kernel leaves no trace of: silu(conv(in_proj(x))), of Mamba-2 in_proj(x); in float32 at least."""
    wide = torch.promote_types(given.dtype, torch.float32)
    rows, shift = (None if weight is None else weight.to(wide) for weight in (mixer.in_proj.weight, mixer.in_proj.bias))
    projected = linear(given.to(wide), rows, shift)  # type: ignore[arg-type]  # a bias alone may be None
    if mixer.A_log.dim() == 1:
        return projected
    return convolved(mixer.conv1d, projected.chunk(2, dim=-1)[0])
