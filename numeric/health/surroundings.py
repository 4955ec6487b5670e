"""What stands around a scan in a checkpoint: names of the tensors of a block, and reading them whatever they hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.errors import S6FlowError
from s6flow.numeric.health.block import Path
from s6flow.numeric.weights.readers import TensorStore
from s6flow.numeric.weights.stored import StoredTensor

__all__ = ["AROUND", "PARENT_NORMS", "Reader", "around", "row_norms", "taps_of", "way_out"]

Array = np.ndarray[Any, np.dtype[np.float64]]

#: Role -> names after a layer's prefix, the first that is there wins; {b} is "_b" in Vim's backward layers. Flax names
#: are typeseg's (0.2.7, _mamba_kernel.py).
AROUND: dict[str, tuple[str, ...]] = {
    "in_proj": ("in_proj.weight", "in_proj.conv.weight", "{sep}Dense_0{sep}kernel"),
    "in_bias": ("in_proj.bias", "in_proj.conv.bias", "{sep}Dense_0{sep}bias"),
    "conv": ("conv1d{b}.weight", "conv1d_x.weight", "conv1d.weight", "conv2d.weight", "{sep}Conv_0{sep}kernel"),
    "conv_bias": ("conv1d{b}.bias", "conv1d_x.bias", "conv1d.bias", "conv2d.bias", "{sep}Conv_0{sep}bias"),
    "out_proj": ("out_proj.weight", "out_proj.conv.weight", "{sep}Dense_3{sep}kernel"),
    "out_norm": ("out_norm.weight", "norm.weight"),
    "out_norm_bias": ("out_norm.bias", "norm.bias"),
}
#: The norm before the block: after the layer's prefix, or after its parent's.
NORMS = ("norm.weight", "{sep}LayerNorm_0{sep}scale", "pre_norm.weight")
PARENT_NORMS = (
    "norm.weight",
    "input_layernorm.weight",
    "norm1.weight",
    "norm_1.weight",
    "ln_1.weight",
    "pre_norm.weight",
)


class Reader:
    """Tensors of one layer, with what is wrong with them."""

    def __init__(self, store: TensorStore, prefix: str, head: int | None = None) -> None:
        self.store, self.prefix, self.head = store, prefix, head
        self.parameters = self.subnormal = 0
        self.damage: list[str] = []
        self.assumed: list[str] = []

    def stored(self, name: str | None, head: int | None = None) -> StoredTensor | None:
        """A tensor, or None if there is none or it is no plain float."""
        if name is None or name not in self.store.infos:
            return None
        try:
            found = self.store.read(name, head)
        except S6FlowError as error:
            self.assumed.append(f"{name} cannot be read ({error.rule})")
            return None
        self.parameters += found.bits.size
        self.subnormal += found.subnormals()
        return found

    def values(self, name: str | None, head: int | None = None) -> Array | None:
        """The same in float64, with a word where it is not finite."""
        found = self.stored(name, head)
        if found is None or name is None:
            return None
        self.judge(name, found, found.values)
        return found.values

    def judge(self, name: str, stored: StoredTensor, values: Array, offset: int = 0) -> None:
        """Keep the first NaN or infinity of a tensor, as float32 has them, or of its rows from `offset` on."""
        if stored.usual or any(text.startswith(f"{name}[") for text in self.damage):
            return
        large = stored.beyond_float32(values)
        bad = np.argwhere(~np.isfinite(values) if large is None else large | ~np.isfinite(values))
        if len(bad):
            place, value = tuple(bad[0]), values[tuple(bad[0])]
            where = ", ".join(map(str, (place[0] + offset, *place[1:]) if place else ("",)))
            self.damage.append(f"{name}[{where}] = {value:g}{', infinite in float32' if np.isfinite(value) else ''}")

    def find(self, role: str, **template: str) -> str | None:
        """The first name of a role that the checkpoint has."""
        names = (self.prefix.rstrip("/_") if "{sep}" in name else self.prefix for name in AROUND[role])
        full = [start + name.format(**template) for start, name in zip(names, AROUND[role], strict=True)]
        return next((name for name in full if name in self.store.infos), None)

    def norm(self, width: int, inside: bool, **template: str) -> tuple[Array, Array]:
        """Gain and bias of the norm before the block: 1 and 0 where none of its width is found, which is said.

        A norm among the layer's own tensors is asked first where `inside`; Mamba-2's own is the one behind its scan.
        """
        parent = self.prefix.rstrip("./_").rpartition(".")[0]
        own = [(self.prefix.rstrip("/_") if "{sep}" in n else self.prefix) + n.format(**template) for n in NORMS]
        for name in (*(own if inside else ()), *(f"{parent}.{tail}" for tail in PARENT_NORMS if parent)):
            info = self.store.infos.get(name)
            if info is not None and info.shape == (width,):
                bias = self.values(
                    name.replace("scale", "bias") if "scale" in name else name[: -len("weight")] + "bias"
                )
                gain = self.values(name)
                if gain is not None:
                    return gain, np.zeros(width) if bias is None else bias
        self.assumed.append("no norm of its width was found before the block: tokens of root mean square 1")
        return np.ones(width), np.zeros(width)


def row_norms(
    reader: Reader, template: dict[str, str], flax: bool, inside: bool = True
) -> tuple[Array, Array, int] | None:
    """L2 norm and offset of every row of in_proj, and the width of its input; None where there is none."""
    stored = reader.stored(reader.find("in_proj", **template))
    if stored is None:
        reader.assumed.append("no in_proj was found: inputs of the scan up to 1")
        return None
    bits: Any = stored.bits.reshape(stored.bits.shape[:2])
    bits = bits.T if flax else bits
    width = int(bits.shape[1])
    gain, bias = reader.norm(width, inside, **template)
    own = reader.values(reader.find("in_bias", **template))
    norms, offsets = np.empty(len(bits)), np.zeros(len(bits))
    for start in range(0, len(bits), 512):
        part = slice(start, start + 512)
        some = StoredTensor(np.ascontiguousarray(bits[part]), stored.dtype)
        rows = some.float64()
        if not stored.usual:
            reader.judge(str(reader.find("in_proj", **template)), some, rows, start)
        with np.errstate(over="ignore", invalid="ignore"):
            # sums of squares would underflow for subnormal weights
            largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
            scale = np.where(largest > 0, largest, 1.0)
            norms[part] = np.sqrt(np.square(rows / scale * gain).sum(axis=1)) * scale[:, 0]
            offsets[part] = np.abs(np.einsum("rw,w->r", rows, bias))  # `@` would start threads
    if own is not None and own.shape == offsets.shape:
        offsets += np.abs(own)
    return norms, offsets, width


def taps_of(reader: Reader, template: dict[str, str], count: int, flax: bool) -> tuple[Array, Array]:
    """Sum of absolute taps and absolute bias of the convolution of each channel."""
    taps = reader.values(reader.find("conv", **template))
    if taps is None:
        return np.ones(count), np.zeros(count)
    sums = np.abs(taps).sum(axis=(0, 1)) if flax else np.abs(taps).reshape(len(taps), -1).sum(axis=1)
    bias = reader.values(reader.find("conv_bias", **template))
    shift = np.zeros(len(sums)) if bias is None or bias.shape != sums.shape else np.abs(bias)
    if len(sums) == count:
        return sums, shift
    return np.full(count, sums.max(initial=0.0)), np.full(count, shift.max(initial=0.0))


def around(reader: Reader, channels: int, template: dict[str, str], flax: bool, head: int | None) -> dict[str, Any]:
    """Paths of u and of the gate, and the way out, for layers whose in_proj makes u and then the gate."""
    found: dict[str, Any] = {}
    rows = row_norms(reader, template, flax)
    if rows is not None:
        norms, offsets, width = rows
        taps, shift = taps_of(reader, template, channels, flax)
        one, zero = np.ones(channels), np.zeros(channels)
        if len(norms) == 2 * channels:
            halves = slice(0, channels), slice(channels, None)
            gate = Path(norms[halves[1]], offsets[halves[1]], one, zero)
            found = {"inputs": Path(norms[halves[0]], offsets[halves[0]], taps, shift), "gate": gate}
        else:
            reader.assumed.append(
                f"in_proj has {len(norms)} rows for {channels} channels: its largest row stands for each"
            )
            top = np.full(channels, norms.max(initial=0.0)), np.full(channels, offsets.max(initial=0.0))
            found = {"inputs": Path(*top, taps, shift), "gate": Path(*top, one, zero)}
        found["width"] = width
    found |= way_out(reader, channels, template, flax, head)
    if found.pop("beside", False):
        found.pop("gate", None)  # concatenated with the scan's output, as MambaVision does, not multiplied
    return found


def way_out(
    reader: Reader, channels: int, template: dict[str, str], flax: bool, head: int | None = None, gated: bool = False
) -> dict[str, Any]:
    """out_proj with the columns of these channels, and a norm before it; `beside` if its other columns are no heads."""
    out = reader.stored(reader.find("out_proj", **template))
    columns = 0 if out is None else out.bits.shape[0 if flax else 1]
    if out is None or columns < channels:
        reader.assumed.append("no out_proj was found: the block adds the gated output of the scan")
        return {}
    first = channels * head if head is not None and columns >= channels * (head + 1) else 0
    found: dict[str, Any] = {"out": out, "out_flipped": flax, "out_first": first}
    found["beside"] = columns > channels and head is None
    own = slice(first, first + channels)
    for start in range(0, 0 if out.usual else len(out.bits), 512):
        rows = StoredTensor(out.bits[start : start + 512], out.dtype)
        reader.judge(str(reader.find("out_proj", **template)), rows, rows.float64(), start)
    name = reader.find("out_norm", **template)
    # a norm.weight of the residual stream's width is the one before the block, unless the layer is Mamba-2
    sure = gated or (name or "").endswith("out_norm.weight") or columns != out.bits.shape[1 if flax else 0]
    if name is not None and sure and reader.store.infos[name].shape == (columns,):
        gain, shift = reader.values(name), reader.values(reader.find("out_norm_bias", **template))
        if gain is not None:
            found["out_gain"] = gain[own]
            found["out_shift"] = np.zeros(channels) if shift is None else shift[own]
    return found
