"""The blocks of a checkpoint, of whatever family: what makes each of them, from its scan and what stands around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from s6flow.numeric.health.block import Block, Path
from s6flow.numeric.health.model_code import settings
from s6flow.numeric.health.surroundings import Reader, around, row_norms, taps_of, way_out
from s6flow.numeric.weights.in_memory import MemoryStore
from s6flow.numeric.weights.plan import Names, apart, heads_of, markers, normed, numbered, part_name, prefix_of, spell
from s6flow.numeric.weights.readers import TensorStore
from s6flow.numeric.weights.spellings import Spelling

__all__ = ["Maker", "blocks", "makers"]

Array = np.ndarray[Any, np.dtype[np.float64]]

_STEP_NORMS = {"dt": ("dt_layernorm", "dt_norm"), "B": ("b_layernorm", "B_norm", "b_norm"), "C": ("c_layernorm", "C_norm", "c_norm")}  # fmt: skip


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


def _scan(
    store: TensorStore, marker: str, spelling: Spelling | None, parts: dict[str, str], head: int | None, stack: int, names: Names,
    scans_only: bool = False,
) -> Block:  # fmt: skip
    """A layer with a state axis."""
    reader = Reader(store, prefix_of(marker))
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
    beside = {} if scans_only else around(reader, channels, template, flax, head if heads else None)
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
        **beside,
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
    # `@` would start threads, and is what a NaN of dt_out gets through by even where there is no bias
    fold = np.einsum("cr,r->c", dt_out, bias[:rank]) if rank else np.zeros(channels)
    return {
        "S_B": x_proj[rank : rank + states],
        "S_C": x_proj[rank + states :],
        "beta_B": bias[rank : rank + states],
        "beta_C": bias[rank + states :],
        "dt_in": x_proj[:rank] if rank else np.eye(channels),
        "dt_out": dt_out,
        "fold": fold,
    }


def _normed(reader: Reader, letters: dict[str, Any], states: int, why: str) -> dict[str, Any]:
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
    reader = Reader(store, prefix_of(marker))
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
    rows, mixed = row_norms(reader, {"b": "", "sep": "/"}, False, False), reader.find("conv", b="", sep="/")
    both = store.infos[mixed].shape[0] - channels if mixed else 0  # rows of B and C, all groups
    if rows is not None and both > 0 and both % 2 == 0 and len(rows[0]) == 2 * channels + both + len(heads):
        norms, offsets, width = rows
        taps, shift = taps_of(reader, {"b": "", "sep": "/"}, channels + both, False)
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
    found |= way_out(reader, channels, {"b": "", "sep": "/"}, False, gated=True)
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
