"""Which tensors make which layer, and which layers the theory does not fit; from names and shapes alone.

One long file: the patterns of names and the rules that choose among them decide together.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from s6flow.errors import FormatError
from s6flow.numeric.weights.layer import Flag, WithheldLayer
from s6flow.numeric.weights.spellings import SPELLINGS, Spelling
from s6flow.numeric.weights.stored import FLOATS, TensorInfo
from s6flow.text import shown

__all__ = [
    "LayerPlan",
    "Names",
    "apart",
    "heads_of",
    "markers",
    "normed",
    "numbered",
    "part_name",
    "plan_layers",
    "prefix_of",
    "spell",
]

#: Heads that one stacked tensor may hold, of which each becomes a layer of its own, and layers of a checkpoint: the
#: largest published models have some hundreds.
MOST_HEADS, MOST_LAYERS = 1024, 4096

_MARKER = re.compile(r"(?P<prefix>.*?)A(?:_b)?_logs?", re.DOTALL)
_NORM = re.compile(r"(?:dt|[bBcC])_?(?:layer|rms)?_?norm(?:_b)?\.(?:weight|scale)")
#: The published Falcon-Mamba models, told without their config by the shape of the embedding.
_FALCON_EMBEDDING = (65024, 4096)


@dataclass(frozen=True)
class LayerPlan:
    """Which tensors make one S6 layer; shapes are checked, nothing is read.

    Args:
        head: index along the leading axis of stacked tensors, else None.
        x_bias, dt_bias, skip: None when the checkpoint has none.
    """

    name: str
    spelling: Spelling
    a_log: str
    x_proj: str
    dt_proj: str
    x_bias: str | None
    dt_bias: str | None
    skip: str | None
    head: int | None
    flags: tuple[Flag, ...]

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names of its tensors."""
        names = (self.a_log, self.x_proj, self.dt_proj, self.x_bias, self.dt_bias, self.skip)
        return tuple(name for name in names if name is not None)


class Names:
    """The tensors of a checkpoint, with those of one prefix at hand: a search through all of them for every layer would
    take time that grows with the square of their number.
    """

    def __init__(self, infos: Mapping[str, TensorInfo], config: Mapping[str, Any] | None) -> None:
        self.infos, self.config = infos, config

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self.infos)

    def behind(self, prefix: str) -> Iterator[str]:
        """What follows the prefix in every name that begins with it."""
        for place in range(bisect_left(self._ordered, prefix), len(self._ordered)):
            if not self._ordered[place].startswith(prefix):
                return
            yield self._ordered[place][len(prefix) :]


def plan_layers(infos: Mapping[str, TensorInfo], config: Mapping[str, Any] | None) -> list[LayerPlan | WithheldLayer]:
    """Every layer marked by an A_log, in depth order (numbers in names compare as numbers).

    Names of layers are shown ones, without control characters, and no two are equal: what would be is numbered.
    Raises: FormatError: more layers than any model has.
    """
    names, told = Names(infos, config), numbered()
    found = (entry for marker in markers(infos) for entry in _plan(marker, names))
    plans = [replace(entry, name=told(entry.name)) for entry in islice(found, MOST_LAYERS + 1)]
    if len(plans) > MOST_LAYERS:
        raise FormatError(f"a checkpoint may have at most {MOST_LAYERS} layers", "more", plans[-1].name)
    return plans


def numbered() -> Callable[[str], str]:
    """What makes names of layers shown ones, no two of them equal, in the order in which it is asked."""
    seen = dict[str, int]()

    def told(name: str) -> str:
        name = shown(name)
        seen[name] = seen.get(name, 0) + 1
        return name + (f" #{seen[name]}" if seen[name] > 1 else "")

    return told


def markers(infos: Mapping[str, TensorInfo]) -> list[str]:
    """Tensors that mark a layer, in depth order, forward before backward."""
    return sorted((name for name in infos if _MARKER.fullmatch(name)), key=_depth)


def prefix_of(marker: str) -> str:
    """What stands before A_log, with its separator."""
    match = _MARKER.fullmatch(marker)
    assert match is not None, "markers match by construction"
    return match["prefix"]


def part_name(marker: str, spelling: Spelling | None, head: int | None, stack: int) -> str:
    """The layer's name in reports: its prefix, with the direction or the head in brackets."""
    name = (prefix_of(marker).rstrip("./_") or marker) + (spelling.suffix if spelling else "")
    return name if head is None or spelling is None or stack == 1 else f"{name}[{spelling.part} {head}]"


def _depth(marker: str) -> list[tuple[int, int, str]]:
    """Digits by their number, however many, which text does not outgrow as int() would."""
    parts = re.split("([0-9]+)", marker.replace("A_log", "A"))
    numbers = [part.lstrip("0") for part in parts]
    return [(0, len(numbers[place]), numbers[place]) if place % 2 else (1, 0, part) for place, part in enumerate(parts)]


def _plan(marker: str, names: Names) -> Iterator[LayerPlan | WithheldLayer]:
    infos = names.infos
    shape = infos[marker].shape
    prefix = prefix_of(marker)
    name = part_name(marker, None, None, 1)
    if len(shape) == 1:
        yield WithheldLayer(name, *_scalar_decay(prefix, infos))
        return
    spelling, parts = spell(marker, infos)
    if spelling is None:
        near = [key for key in names.behind(prefix) if prefix + key != marker]
        beside = ", ".join(near[:6]) or "nothing"
        yield WithheldLayer(
            name,
            "missing-tensor",
            f"no x_proj beside A_log {shape}, so B and C are not linear in x; beside it: {beside}",
        )
        return
    name = part_name(marker, spelling, None, 1)
    if "x_proj" not in parts:
        yield WithheldLayer(name, "parametrised", _parametrised(prefix, spelling.x_proj, names))
        return
    norms = normed(prefix, names)
    if norms:
        yield WithheldLayer(name, "normed-projections", norms)
        return
    wrong = _inconsistent(spelling, parts, infos)
    if wrong:
        yield WithheldLayer(name, *wrong)
        return
    flags = (*spelling.flags, *_unseen_norms(prefix, names.config), *_reordered(prefix, names))
    stack = infos[parts["x_proj"]].shape[0]
    for head in range(stack) if spelling.stacked else (None,):
        yield LayerPlan(
            name=part_name(marker, spelling, head, stack),
            spelling=spelling,
            a_log=marker,
            x_proj=parts["x_proj"],
            dt_proj=parts["dt_proj"],
            x_bias=parts.get("x_bias"),
            dt_bias=parts.get("dt_bias"),
            skip=parts.get("skip"),
            head=head,
            flags=flags,
        )


def spell(marker: str, infos: Mapping[str, TensorInfo]) -> tuple[Spelling | None, dict[str, str]]:
    """The first spelling whose x_proj is there, and role -> tensor; (None, {}) if there is none.

    An x_proj of which only the raw parameters of a parametrisation are there counts, and has no tensor.
    """
    for row in SPELLINGS:
        match = re.fullmatch(row.marker, marker, re.DOTALL)
        if match is None or (row.hint and match["prefix"] + row.hint not in infos):
            continue
        # The prefix may hold braces; only the names after it are templates.
        tails = {key: getattr(row, key) for key in ("x_proj", "x_bias", "dt_proj", "dt_bias", "skip")}
        names = {key: match["prefix"] + tail.format(**match.groupdict()) for key, tail in tails.items()}
        module, _, part = names["x_proj"].rpartition(".")
        raw = f"{module}.parametrizations.{part}.original"
        if names["x_proj"] in infos or raw in infos or f"{raw}0" in infos:
            present = {key: name for key, name in names.items() if name in infos or key == "dt_proj"}
            return row, {"a_log": marker, **present}
    return None, {}


def heads_of(spelling: Spelling | None, parts: Mapping[str, str], infos: Mapping[str, TensorInfo]) -> int:
    """How many heads a layer's stacked tensors hold; 0 where they are not stacked, or no stack that is planned."""
    shape = infos[parts["x_proj"]].shape if spelling is not None and spelling.stacked and "x_proj" in parts else ()
    return shape[0] if shape and shape[0] <= MOST_HEADS else 0


def apart(shape: tuple[int, ...], stack: int) -> tuple[int, ...]:
    """A shape whose first axis is split into a stack and the rest, where that is possible."""
    whole = shape and stack and shape[0] % stack == 0
    return (stack, shape[0] // stack, *shape[1:]) if whole else shape


def _parametrised(prefix: str, tensor: str, names: Names) -> str:
    """Why a tensor whose raw parameters are stored in its place cannot be read."""
    raw = [key for key in names.behind(prefix) if ".parametrizations." in key]
    return (
        f"{tensor} is stored as the raw parameters of a parametrisation ({', '.join(raw)}), and the weight that they make "
        "is not in the file: load it into the model it is from, constrained as then, and save again, which keeps plain keys"
    )


def _reordered(prefix: str, names: Names) -> tuple[Flag, ...]:
    if not any(key.startswith("reorder.") for key in names.behind(prefix)):
        return ()
    return (
        Flag("reordered", "tokens are sorted by importance before this scan: token 1 is the first of the sorted ones"),
    )


def _scalar_decay(prefix: str, infos: Mapping[str, TensorInfo]) -> tuple[str, str]:
    if prefix + "D" in infos:
        return (
            "mamba-2",
            "A_log has one axis (Mamba-2): B and C read another vector than the scanned x, so there is no mu",
        )
    return (
        "scalar-decay",
        "A_log has one axis and there is no skip D (a gated linear attention): not an S6 layer",
    )


def normed(prefix: str, names: Names) -> str:
    """Why Delta, B and C are not the affine maps of x that the theory needs, or an empty string."""
    infos, config = names.infos, names.config
    found = [key for key in names.behind(prefix) if _NORM.fullmatch(key)]
    means = "normalised before use, so they are not linear in x"
    if found:
        return f"{', '.join(found)}: Delta, B and C are {means}"
    if config is not None and (config.get("model_type") == "falcon_mamba" or "mixer_rms_eps" in config):
        return f"Falcon-Mamba (by config.json): Delta, B and C are RMS-{means}"
    embedding = infos.get("backbone.embeddings.weight") or infos.get("model.backbone.embeddings.weight")
    if embedding is not None and embedding.shape == _FALCON_EMBEDDING:
        return f"Falcon-Mamba (by its embedding of shape {_FALCON_EMBEDDING}): Delta, B and C are RMS-{means}"
    return ""


def _unseen_norms(prefix: str, config: Mapping[str, Any] | None) -> tuple[Flag, ...]:
    if config is None and re.search(r"backbone\.layers\.\d+\.mixer\.\Z", prefix):
        text = "no config.json beside it says which model this is; a Falcon-Mamba would look the same and have norms besides"
        return (Flag("no-config", text),)
    return ()


def _inconsistent(
    spelling: Spelling, parts: Mapping[str, str], infos: Mapping[str, TensorInfo]
) -> tuple[str, str] | None:
    """Kind and reason if the tensors do not fit together, else None."""
    if parts["dt_proj"] not in infos:
        return "missing-tensor", f"no {parts['dt_proj']} beside {parts['x_proj']}"
    for name in parts.values():
        if infos[name].dtype not in FLOATS:
            return "dtype", f"{name} is stored as {infos[name].dtype}, not as one of {', '.join(FLOATS)}"
    shapes = {key: infos[name].shape for key, name in parts.items()}
    if spelling.merged and shapes["x_proj"]:
        shapes |= {key: apart(shapes[key], shapes["x_proj"][0]) for key in ("a_log", "skip") if key in shapes}
    if len(shapes["a_log"]) != 2 + spelling.stacked or len(shapes["x_proj"]) != 2 + spelling.stacked:
        return (
            "shape",
            f"A_log {shapes['a_log']} and x_proj {shapes['x_proj']} need {2 + spelling.stacked} axes each",
        )
    *lead, channels, states = shapes["a_log"]
    if lead and lead[0] > MOST_HEADS:
        return "shape", f"A_log {shapes['a_log']} has more than {MOST_HEADS} heads"
    rows = shapes["x_proj"][-1 if spelling.transposed else -2]
    own = shapes["dt_proj"][-2:] == (channels, channels)  # the step reads x itself, x_proj makes B and C only
    rank = rows - 2 * states or (channels if own else 0)
    if min(*shapes["a_log"], rank) < 1:
        return (
            "shape",
            f"x_proj has {rows} rows and A_log {states} states: the rank, rows - 2N = {rank}, must be >= 1",
        )
    matrices = {"x_proj": (rows, channels), "dt_proj": (channels, rank)}
    wanted: dict[str, tuple[int, ...]] = {
        key: (*lead, *(reversed(shape) if spelling.transposed else shape)) for key, shape in matrices.items()
    }
    wanted |= {"x_bias": (*lead, rows), "dt_bias": (*lead, channels), "skip": (*lead, channels)}
    for key, shape in shapes.items():
        if key in wanted and shape != wanted[key]:
            return (
                "shape",
                f"{parts[key]} has shape {shape}; with A_log {shapes['a_log']} it must be {wanted[key]}",
            )
    return None
