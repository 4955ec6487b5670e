"""What stands around a scan in a checkpoint: names of the tensors of a block, and reading them whatever they hold.

One long file: a table of families of blocks, and the one reader that follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from s6flow.errors import S6FlowError
from s6flow.numeric.health.block import Block, Path
from s6flow.numeric.health.settings import settings
from s6flow.numeric.weights.memory import MemoryStore
from s6flow.numeric.weights.plan import Names, apart, heads_of, markers, normed, numbered, part_name, prefix_of, spell
from s6flow.numeric.weights.readers import TensorStore
from s6flow.numeric.weights.spellings import Spelling
from s6flow.numeric.weights.stored import StoredTensor

__all__ = ["AROUND", "Maker", "blocks", "makers"]

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
_STEP_NORMS = {"dt": ("dt_layernorm", "dt_norm"), "B": ("b_layernorm", "B_norm", "b_norm"), "C": ("c_layernorm", "C_norm", "c_norm")}  # fmt: skip


class _Reader:
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


def blocks(store: TensorStore, config: Mapping[str, Any] | None) -> Iterator[Block]:
    """Every layer that an A_log marks, in depth order, one in memory at a time."""
    told = numbered()
    for make in makers(store, config):
        block = make()
        yield replace(block, name=told(block.name))


@dataclass(frozen=True)
class Maker:
    """What makes one block: of which tensor and head, and from which store if not from another one that holds the same."""

    marker: str
    head: int | None
    store: TensorStore
    scan: Callable[[TensorStore], Block]

    def __call__(self, store: TensorStore | None = None) -> Block:
        return _whole(self.marker, partial(self.scan, store or self.store))


def makers(store: TensorStore, config: Mapping[str, Any] | None, scans_only: bool = False) -> Iterator[Maker]:
    """What makes each of `blocks`, in that order, so that threads may; `numbered` gives the names of reports.

    Args:
        scans_only: leave out what stands around the scan, which costs most of the time, where it does not make B and C.
    """
    names = Names(store.infos, config)
    for marker in markers(store.infos):
        if len(store.infos[marker].shape) == 1:
            yield Maker(marker, None, store, partial(_scalar, marker=marker, config=config))
            continue
        spelling, parts = spell(marker, store.infos)
        stack = heads_of(spelling, parts, store.infos)
        for head in range(stack) if stack else (None,):
            scan = partial(
                _scan, marker=marker, spelling=spelling, parts=parts, head=head, stack=max(stack, 1), names=names,
                scans_only=scans_only,
            )  # fmt: skip
            yield Maker(marker, head, store, scan)


def _whole(marker: str, make: Callable[[], Block]) -> Block:
    """A block; one whose tensors have other shapes than any code would give them is damaged."""
    try:
        with np.errstate(all="ignore"):  # what is damaged is noted where it is read
            block = make()
        wrong = block.misfit()
        if wrong:
            raise ValueError(wrong)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        nothing = np.full((1, 1), np.nan)
        why = f"shapes of tensors that do not fit ({error})"
        return Block(part_name(marker, None, None, 1), "scan of unknown layout", nothing, nothing[0], damage=(why,))
    return block


def _rates(a_log: Array | None) -> Array:
    with np.errstate(over="ignore"):
        return np.full((1, 1), np.nan) if a_log is None else np.exp(a_log)


def _paths(
    reader: _Reader, template: dict[str, str], flax: bool, inside: bool = True
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
            offsets[part] = np.abs(rows @ bias)
    if own is not None and own.shape == offsets.shape:
        offsets += np.abs(own)
    return norms, offsets, width


def _taps(reader: _Reader, template: dict[str, str], count: int, flax: bool) -> tuple[Array, Array]:
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


def _around(reader: _Reader, channels: int, template: dict[str, str], flax: bool, head: int | None) -> dict[str, Any]:
    """Paths of u and of the gate, and the way out, for layers whose in_proj makes u and then the gate."""
    found: dict[str, Any] = {}
    rows = _paths(reader, template, flax)
    if rows is not None:
        norms, offsets, width = rows
        taps, shift = _taps(reader, template, channels, flax)
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
    found |= _way_out(reader, channels, template, flax, head)
    if found.pop("beside", False):
        found.pop("gate", None)  # concatenated with the scan's output, as MambaVision does, not multiplied
    return found


def _way_out(
    reader: _Reader, channels: int, template: dict[str, str], flax: bool, head: int | None = None, gated: bool = False
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


def _scan(
    store: TensorStore, marker: str, spelling: Spelling | None, parts: dict[str, str], head: int | None, stack: int, names: Names,
    scans_only: bool = False,
) -> Block:  # fmt: skip
    """A layer with a state axis."""
    reader = _Reader(store, prefix_of(marker))
    flax = bool(spelling and spelling.transposed)
    template = {"b": "_b" if marker.endswith("A_b_log") else "", "sep": "__" if "__" in marker else "/"}

    def get(role: str) -> Array | None:
        name = parts.get(role)
        if name is None or name not in store.infos:
            return None
        merged = spelling is not None and spelling.merged and role in ("a_log", "skip")
        values = reader.values(name, None if merged else head)
        if values is None or not merged or head is None:
            return values
        split = apart(values.shape, stack)
        return values.reshape(split)[head] if len(split) > values.ndim else values

    a = _rates(get("a_log") if spelling else reader.values(marker))
    channels, states = a.shape[-2:]
    a = a.reshape(-1, channels, states)[0]
    zero = np.zeros(channels)
    name = part_name(marker, spelling, head, stack)
    letters = _letters(get, channels, states, flax) if spelling else {}
    norms = _normed(reader, letters, states, normed(prefix_of(marker), names)) if letters else {}
    bias = get("dt_bias")
    fold = letters.pop("fold", zero)
    if bias is None:
        reader.assumed.append("no bias of the step was found: 0")
    heads = spelling is not None and spelling.stacked and not spelling.merged
    around = {} if scans_only else _around(reader, channels, template, flax, head if heads else None)
    if not letters:
        reader.assumed.append("no projection to B, C and the step was found: no bounds")
    return Block(
        name=name,
        kind="normed S6" if norms else "S6" if letters else "scan of unknown layout",
        a=a,
        step_bias=fold
        + (0.0 if bias is None else (spelling.bias_times if spelling else 1) * bias.reshape(-1)[:channels]),
        floor=spelling.floor if spelling else 0.0,
        skip=get("skip"),
        **{key: value for key, value in {**letters, **norms}.items() if value is not None},
        **around,
        scans=2 if flax else 1,
        parameters=reader.parameters,
        subnormal=reader.subnormal,
        damage=tuple(reader.damage),
        assumed=tuple(reader.assumed),
    )


def _letters(get: Any, channels: int, states: int, flax: bool) -> dict[str, Any]:
    """S_B, S_C and the step's factors; empty where shapes do not fit."""
    x_proj, dt_out, x_bias = get("x_proj"), get("dt_proj"), get("x_bias")
    if x_proj is None or dt_out is None:
        return {}
    x_proj, dt_out = (x_proj.T, dt_out.T) if flax else (x_proj, dt_out)
    rank = len(x_proj) - 2 * states
    if x_proj.shape[-1] != channels or rank < 0 or dt_out.shape != (channels, rank or channels):
        return {}
    bias = np.zeros(len(x_proj)) if x_bias is None else x_bias
    fold = dt_out @ bias[:rank] if rank else np.zeros(channels)
    return {
        "S_B": x_proj[rank : rank + states],
        "S_C": x_proj[rank + states :],
        "beta_B": bias[rank : rank + states],
        "beta_C": bias[rank + states :],
        "dt_in": x_proj[:rank] if rank else np.eye(channels),
        "dt_out": dt_out,
        "fold": fold,
    }


def _normed(reader: _Reader, letters: dict[str, Any], states: int, why: str) -> dict[str, Any]:
    """Largest B, C and step's argument where they are RMS-normalised: sqrt(size) times the gain."""
    if not why:
        return {}
    gains = {}
    for key, size in (("dt", len(letters["dt_in"])), ("B", states), ("C", states)):
        names = [f"{reader.prefix}{stem}.weight" for stem in _STEP_NORMS[key]]
        values = next((v for v in map(reader.values, names) if v is not None and v.shape == (size,)), None)
        gains[key] = np.sqrt(size) * (np.ones(size) if values is None else np.abs(values))
    return {"writes": gains["B"], "reads": gains["C"], "reach": np.abs(letters["dt_out"]) @ gains["dt"]}


def _scalar(store: TensorStore, marker: str, config: Mapping[str, Any] | None) -> Block:
    """Mamba-2 and its kin: one decay rate a head; in_proj makes gate, u, B, C and the step, conv1d mixes u, B and C."""
    reader = _Reader(store, prefix_of(marker))
    beside = settings(*_modules(store, reader.prefix), config)
    a_head = _rates(reader.values(marker))
    heads = a_head.reshape(-1)
    bias = reader.values(
        next((n for n in (reader.prefix + "dt_bias", reader.prefix + "dt_proj.bias") if n in store.infos), None)
    )
    skip = reader.values(reader.prefix + "D")
    out_name = reader.find("out_proj", b="", sep="/")
    inner = store.infos[out_name].shape[1] if out_name else len(heads)
    size = inner // len(heads) if len(heads) and inner % len(heads) == 0 else 1
    channels = len(heads) * size
    found: dict[str, Any] = {}
    rows, mixed = _paths(reader, {"b": "", "sep": "/"}, False, False), reader.find("conv", b="", sep="/")
    both = store.infos[mixed].shape[0] - channels if mixed else 0  # rows of B and C, all groups
    if rows is not None and both > 0 and both % 2 == 0 and len(rows[0]) == 2 * channels + both + len(heads):
        norms, offsets, width = rows
        taps, shift = _taps(reader, {"b": "", "sep": "/"}, channels + both, False)
        u, bc = slice(channels, 2 * channels), slice(2 * channels, 2 * channels + both)
        factors = np.repeat(beside.factors, (channels, channels, both // 2, both // 2, len(heads)))
        norms, offsets = norms * factors * beside.entering, offsets * factors * max(beside.entering, 1.0)
        found = {
            "inputs": Path(norms[u], offsets[u], taps[:channels], shift[:channels]),
            "gate": Path(norms[:channels], offsets[:channels], np.ones(channels), np.zeros(channels)),
            "width": width,
        }
        large = taps[channels:] * (np.sqrt(width) * norms[bc] + offsets[bc]) + shift[channels:]
        found |= {"writes": large[: both // 2], "reads": large[both // 2 :]}
        found["reach"] = np.repeat(np.sqrt(width) * norms[2 * channels + both :] + offsets[2 * channels + both :], size)
    else:
        reader.assumed.append("in_proj and conv1d are not laid out as gate, u, B, C and step: no bounds")
    found |= _way_out(reader, channels, {"b": "", "sep": "/"}, False, gated=True)
    found.pop("beside", None)
    a = np.repeat(heads, size)[:, None]
    return Block(
        name=part_name(marker, None, None, 1),
        kind="Mamba-2" if skip is not None else "gated scan",
        a=a,
        step_bias=np.zeros(channels) if bias is None else np.repeat(bias.reshape(-1)[: len(heads)], size),
        skip=None
        if skip is None
        else (skip.reshape(-1) if skip.size == channels else np.repeat(skip.reshape(-1)[: len(heads)], size)),
        **found,
        low=beside.low,
        high=beside.high,
        norm_first=beside.norm_first,
        epsilon=beside.epsilon,
        added=beside.added,
        decay_spread=False,
        parameters=reader.parameters,
        subnormal=reader.subnormal,
        damage=tuple(reader.damage),
        assumed=(*reader.assumed, *(beside.assumed if skip is not None else ())),
        used=beside.used,
    )


def _modules(store: TensorStore, prefix: str) -> tuple[Any, Any]:
    """The mixer at a prefix and its block, where the model is in memory."""
    if not isinstance(store, MemoryStore):
        return None, None
    name = prefix.rstrip(".")
    return store.modules.get(name), store.modules.get(name.rpartition(".")[0])
