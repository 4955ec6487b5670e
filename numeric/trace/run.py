"""`trace`: a network runs once under hooks; each layer is measured while its activations are there, then they are let go."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s6flow.errors import AssumptionError, DeviceMemoryError, FormatError
from s6flow.numeric.health.bounds import Bounds
from s6flow.numeric.health.diagnosis import CONTEXT
from s6flow.numeric.trace.judge import checks, fitted, slack
from s6flow.numeric.trace.limits import FromWeights, from_inputs, from_weights, joined
from s6flow.numeric.trace.measure import add
from s6flow.numeric.trace.places import Place, backbone, eager, parts, places, unwrapped, vocabulary
from s6flow.numeric.trace.report import LayerTrace, NetworkTrace, numbers
from s6flow.numeric.trace.watch import Watch
from s6flow.numeric.weights.in_memory import MemoryStore, config_of
from s6flow.text import counted

__all__ = ["LIMITS", "forward_pass", "trace"]

Sums = dict[str, np.ndarray]
#: Numbers of a chunk of states, at most, by kind of device: 2 MiB of float64, which a processor keeps near; 128 MiB, on
#: which a GPU is busy for longer than it takes to tell it what to do.
LIMITS = {"cpu": 2**18, "cuda": 2**24}
_LETTERS = {"torch.float64": "float64", "torch.float32": "float32", "torch.float16": "float16", "torch.bfloat16": "bfloat16"}  # fmt: skip
#: What an allocator says that is not one of PyTorch's own classes.
_FULL = ("out of memory", "not enough memory", "can't allocate memory")
_REMEDY = "A language model takes token ids, a vision model images as its processor makes them (--images)."
#: TensorFloat-32, which convolutions may use on a GPU.
_GPU_UNIT = 2.0**-11


def trace(
    model: Any,
    batch: Any,
    *,
    context: int = CONTEXT,
    device: str | None = None,
    limit: int | None = None,
    certify: bool = False,
    source: str = "",
) -> NetworkTrace:
    """Run a network once and measure each layer beside its theorems; the network is left as it was.

    Args:
        model: a torch.nn.Module with S6 layers, compiled or wrapped or not, in any format.
        batch: token ids, shape (batch, token) or (token,), or a mapping with `input_ids` or `pixel_values`; floats, shape
            (batch, token, width), go in as they are, and so do images, shape (batch, channel, height, width).
        context: tokens that memory is compared with, at least 1.
        device: where to run; where the model is by default.
        limit: numbers of a chunk of states of the recomputed scan, at most; by default what suits the device (`LIMITS`).
        certify: compute the bounds from weights in ball arithmetic.
        source: name for the report; the model's class by default.
    Raises: TraceError: a theorem's bound is exceeded. SourceError: no S6 layer. FormatError: the batch or an activation is
        not as it must be. DeviceMemoryError: one sequence does not fit.
    Source: theory 17 to 22; theorems layer-bound, state-bound, state-forgetting, gate-rounding, own-term-on-data.
    """
    if context < 1 or (limit is not None and limit < 1):
        raise AssumptionError(
            "context and limit must be at least 1", min(context, 1 if limit is None else limit), "trace"
        )
    network = unwrapped(model)
    found = places(network)
    store = MemoryStore(network)
    tokens = _batch(batch, vocabulary(network))
    known = from_weights(store, config_of(network), certify)
    home = next(network.parameters()).device
    try:
        place = home if device is None else torch.device(device)
        network.to(place)
        numbers_at_once = limit or LIMITS.get(place.type, LIMITS["cuda"])
    except (RuntimeError, AssertionError) as error:
        raise FormatError("device must be one that PyTorch has here", error, str(device), "Try cpu.") from None
    damage = {name: row.damage for name, row in known.items()}
    try:
        with eager(network):
            sums, notes = _in_parts(network, found, tokens.to(place), numbers_at_once, damage)
    finally:
        network.to(home)
    inputs = {
        item.name + part: u_max
        for item in found
        if "u_max" in sums.get(item.name, {})
        for part, u_max in zip(parts(item), np.split(sums[item.name]["u_max"], len(parts(item))), strict=True)
    }
    seen = from_inputs(store, config_of(network), tuple(known), inputs, certify)
    layers = tuple(_layer(item, sums.get(item.name), known, seen, context, place) for item in found)
    recomputed = sum("recomputed" in sums.get(item.name, {}) for item in found)
    if recomputed:
        notes.append(f"The scan's input of {counted(recomputed, 'layer')} was recomputed: a fused kernel hides it.")
    kind = str(next(network.parameters()).dtype)
    result = NetworkTrace(
        source or type(network).__name__, len(tokens), _length(tokens, found, sums), context, _LETTERS.get(kind, kind), str(place), layers,
        fitted([layer.numbers["rms_after"] for layer in layers], 1.0, "prenorm-axis"),
        fitted([layer.numbers["turn"] for layer in layers], -1.0, "direction-clock"), tuple(notes), _told(tokens),
    )  # fmt: skip
    result.require()
    return result


def _length(tokens: Tensor, found: tuple[Place, ...], sums: Mapping[str, Sums]) -> int:
    """Tokens of a sequence; of an image those of the first layer that was measured, 0 where there is none."""
    if tokens.dim() < 4:
        return int(tokens.shape[1])
    first: Sums = next((sums[item.name] for item in found if sums.get(item.name)), {})
    count = len(first["rms"]) if "rms" in first else int(first.get("tokens", 0))
    return count // len(tokens)


def _batch(batch: Any, known: int | None) -> Tensor:
    """The batch as one tensor, checked.

    Raises: FormatError: it is empty, padded, no tensor, or has ids out of the vocabulary.
    """
    images = isinstance(batch, Mapping) and "input_ids" not in batch and "pixel_values" in batch
    if images:
        batch = batch["pixel_values"]
    if isinstance(batch, Mapping):
        mask = batch.get("attention_mask")
        if mask is not None and not bool(torch.as_tensor(mask).bool().all()):
            raise FormatError(
                "a batch must have no padding", "an attention_mask with zeros", "batch", "Cut to one length."
            )
        batch = batch.get("input_ids")
    try:
        tokens = torch.tensor(batch) if isinstance(batch, np.ndarray) else torch.as_tensor(batch)
    except (TypeError, ValueError, RuntimeError) as error:
        what = "images" if images else "token ids"
        raise FormatError(f"a batch must be an array of {what}", error, "batch") from None
    tokens = tokens[None] if tokens.dim() == 1 else tokens
    if tokens.numel() == 0:
        raise FormatError("a batch must hold at least one token", f"shape {tuple(tokens.shape)}", "batch")
    if images and (tokens.dim() != 4 or not tokens.is_floating_point()):
        found = f"{tokens.dtype}, {tuple(tokens.shape)}"
        raise FormatError("pixel values must be floats with axes (batch, channel, height, width)", found, "batch")
    if tokens.is_floating_point():
        if tokens.dim() not in (3, 4):
            rule = "inputs must have axes (batch, token, width), images (batch, channel, height, width)"
            raise FormatError(rule, f"shape {tuple(tokens.shape)}", "batch")
        bad = ~tokens.isfinite()
        if bool(bad.any()):
            place = tuple(bad.nonzero()[0].tolist())
            where = f"batch[{', '.join(map(str, place))}]"
            raise FormatError("inputs must be finite", f"{float(tokens[place]):g}", where)
        return tokens
    if tokens.dim() != 2 or tokens.is_complex() or tokens.dtype == torch.bool:
        raise FormatError("token ids must have axes (batch, token)", f"{tokens.dtype}, {tuple(tokens.shape)}", "batch")
    tokens = tokens.long()  # before it is compared: bytes know no 256
    bad = (tokens < 0) if known is None else (tokens < 0) | (tokens >= known)
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        rule = f"token ids must lie in 0..{'' if known is None else known - 1}"
        raise FormatError(
            rule, int(tokens[row, column]), f"sequence {row} token {column}", "Use the model's tokenizer."
        )
    return tokens


def _in_parts(
    network: nn.Module, found: tuple[Place, ...], tokens: Tensor, limit: int, damage: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Sums], list[str]]:
    """The sums of all layers; a part of the batch that does not fit in memory is halved."""
    run = backbone(network, found)
    waiting, notes, total = [tokens], [], dict[str, Sums]()
    while waiting:
        part = waiting.pop(0)
        watch = Watch(limit, damage)
        try:
            with watch.on(found):
                forward_pass(run, part)
        except (RuntimeError, MemoryError, ValueError, TypeError, AssertionError) as error:
            if not isinstance(error, MemoryError) and not any(word in str(error).lower() for word in _FULL):
                if _suits(network, part):
                    raise
                reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
                told = f"{_told(part)}: {reason}"
                raise FormatError("the model must take what it is given", told, "batch", _REMEDY) from error
            if len(part) == 1:
                remedy = "Shorten it (--length), or choose another device."
                raise DeviceMemoryError("one sequence must fit in memory", f"{part.shape[1]} tokens", "trace", remedy) from None  # fmt: skip
            half = len(part) // 2
            waiting = [part[:half], part[half:], *waiting]
            notes.append(f"Out of memory: {len(part)} sequences were run as {half} and {len(part) - half}.")
            continue
        total = {name: add(total[name], sums) for name, sums in watch.sums.items()} if total else watch.sums
    return total, notes


def _suits(network: nn.Module, part: Tensor) -> bool:
    """Whether a network that fails on these inputs fails for a reason of its own: it has an embedding, and gets token ids."""
    return not part.is_floating_point() and vocabulary(network) is not None


def _told(part: Tensor) -> str:
    """Inputs in words, by their axes."""
    if part.dim() == 4:
        return f"images of {' x '.join(map(str, part.shape[1:]))}"
    return f"vectors of {part.shape[2]}" if part.is_floating_point() else "tokens"


def forward_pass(run: nn.Module, part: Tensor) -> None:
    """Run a network, or its backbone, once; what it returns is let go, and where it can it keeps no cache.

    Args:
        run: takes the inputs by the name that its `forward` has for their kind.
        part: token ids, shape (batch, token); vectors, shape (batch, token, width); images, shape (batch, channel, height,
            width), which are brought to the network's own format.
    Raises: whatever the network raises.
    """
    known = inspect.signature(run.forward).parameters
    options = {"use_cache": False} if "use_cache" in known else {}
    if part.dim() == 4:
        part = part.to(next(run.parameters()).dtype)
        if "pixel_values" in known:
            run(pixel_values=part, **options)
            return
    if part.is_floating_point() and "inputs_embeds" in known:
        run(inputs_embeds=part, **options)
    else:
        run(part, **options)


def _audited(place: Place, known: Mapping[str, FromWeights]) -> list[str]:
    """Names in the audit of the layers whose outputs a place's mixer adds; all of its own where it is not read."""
    if place.hidden:
        return [name for name in known if name == place.name or name.startswith(f"{place.name}[")]
    return [place.name + part for part in parts(place) if place.name + part in known]


def _layer(
    place: Place,
    reached: Sums | None,
    known: Mapping[str, FromWeights],
    seen: Mapping[str, Bounds],
    context: int,
    device: torch.device,
) -> LayerTrace:
    rows = [known[name] for name in _audited(place, known)]
    limits = joined([row.limits for row in rows])
    assumed = [text for row in rows for text in row.assumed]
    sums: Sums = reached or {}
    mixer: Any = place.mixer
    untraced = []
    if reached is None:
        untraced.append("the run did not reach it")
    elif "rms" not in sums:
        untraced.append(
            "residual stream: no norm in front of the mixer was found that sees what the update is added to"
        )
    if place.hidden:
        untraced.append(f"scan: {place.hidden}")
    gain = 1.0 if place.gain is None else float(place.gain.abs().max())
    a = sums.pop("rates") if "rates" in sums else None
    out_bias = getattr(getattr(mixer, "out_proj", None), "bias", None)
    shift = 0.0 if out_bias is None else float(out_bias.detach().abs().max())
    unit = torch.finfo(next(mixer.parameters()).dtype).eps
    unit = max(unit, _GPU_UNIT) if device.type == "cuda" else unit
    width = max(weight.shape[-1] for weight in mixer.parameters() if weight.dim() > 1)
    letters = ("u", "step", "h", "y")
    tops = {} if limits is None else {f"{name}_bound": float(getattr(limits, name).max()) for name in letters}
    if limits is not None:
        tops["update_bound"] = (limits.update + shift) * gain
    inputs = joined([seen.get(place.name + part) for part in parts(place)])
    if inputs is not None:
        tops |= {f"{name}_seen": float(getattr(inputs, name).max()) for name in letters[1:]}
    why = assumed[0] if assumed else ""
    judged = checks(sums, limits, why, slack(unit, width), place.unmapped, shift, inputs, gain)
    return LayerTrace(place.name, numbers(sums, tops, a, context), judged, tuple(untraced))
