"""The audit of a checkpoint: every layer and channel judged, nothing dropped silently.

One long file: what is judged, what is withheld and what is skipped must add up, and do so in one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float64

from s6flow.errors import AssumptionError, FormatError, SourceError
from s6flow.numeric.audit.columns import LAYER_COLUMNS, LAYER_VALUES, assemble, filled
from s6flow.numeric.audit.control import Control, permutation_control
from s6flow.numeric.audit.simulation.devices import simulations, simulator
from s6flow.numeric.audit.simulation.integrator import Simulation, TokenStates
from s6flow.numeric.audit.spectrum import Signature, product_signature, symmetric_signature
from s6flow.numeric.criteria.certificate import certified_column
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.numbers import channel_numbers, prepare
from s6flow.numeric.criteria.sums import exponential_sum
from s6flow.numeric.criteria.verdict import channel_verdicts
from s6flow.numeric.health.anatomy import Maker, makers
from s6flow.numeric.health.diagnosis import CONTEXT, Diagnosis, LayerHealth, health_of
from s6flow.numeric.threads import in_order, some_workers
from s6flow.numeric.weights import Checkpoint, Flag, S6Layer, WithheldLayer, open_checkpoint
from s6flow.numeric.weights.plan import numbered
from s6flow.numeric.weights.stored import KeptStore

__all__ = ["AuditReport", "LayerAudit", "audit", "audit_layer", "chosen_layers"]

Progress = Callable[[int, int, str], None]
#: Layers in memory at a time.
_WORKERS = 2


@dataclass(frozen=True, eq=False)
class LayerAudit:
    """One layer's verdicts.

    Args:
        name: prefix of its tensors.
        channels, states, rank: its sizes.
        floor: floor of its step.
        affine: whether B or C has a bias.
        flags: what a reader should know.
        columns: the channel columns of `CHANNEL_COLUMNS` by name.
        control: fraction of mu < 0 beside shuffled channels.
        product, symmetric: eigenvalue signs of S_C^T S_B and of its symmetric part.
        signs_by_rate: share of channels with mu_n > 0 for the slowest state, the next, ... of each channel.
        simulation: predicted against observed fates, if asked for.
    """

    name: str
    channels: int
    states: int
    rank: int
    floor: float
    affine: bool
    flags: tuple[Flag, ...]
    columns: dict[str, np.ndarray | Labels]
    control: Control
    product: Signature
    symmetric: Signature
    signs_by_rate: Float64[np.ndarray, " state"]
    simulation: Simulation | None = None

    def numbers(self, name: str) -> np.ndarray:
        """A column that holds numbers or flags."""
        column = self.columns[name]
        assert isinstance(column, np.ndarray), f"{name} holds words"
        return column

    def words(self, name: str) -> Labels:
        """A column that holds words."""
        column = self.columns[name]
        assert isinstance(column, Labels), f"{name} holds numbers"
        return column

    def row(self) -> dict[str, object]:
        """The layer columns of `LAYER_COLUMNS` by name."""
        control = self.control
        signatures = {
            f"{key}_{part}": getattr(signature, part)
            for key, signature in (("product", self.product), ("symmetric", self.symmetric))
            for part in ("positive", "negative", "zero", "largest", "smallest")
        }
        values = {
            **{key: getattr(self, key) for key in ("name", "channels", "states", "rank", "floor", "affine")},
            "mu_negative_fraction": control.fraction,
            "control_mean": control.mean,
            "control_sd": control.sd,
            "control_z": control.z,
            "control_p": control.p,
            "control_shuffles": control.shuffles,
            **signatures,
            "product_complex": self.product.complex,
        }
        return filled(LAYER_COLUMNS, values, LAYER_VALUES)


@dataclass(frozen=True, eq=False)
class AuditReport:
    """The whole audit.

    Args:
        source: what the user named.
        format, family: how the checkpoint is stored and spelled.
        seed: of the shuffles and of the simulated starts.
        layers: the audited layers in depth order.
        withheld: layers that were found but not judged, each with its reason.
        skipped: names of layers that were not asked for.
        health: what comes before any scenario, of every layer of whatever family.
    """

    source: str
    format: str
    family: str
    seed: int
    layers: tuple[LayerAudit, ...]
    withheld: tuple[WithheldLayer, ...]
    skipped: tuple[str, ...] = ()
    health: Diagnosis = field(default_factory=lambda: Diagnosis(CONTEXT, ()))

    @property
    def channels(self) -> int:
        """Audited channels."""
        return sum(layer.channels for layer in self.layers)

    @property
    def simulated(self) -> bool:
        """Whether fates were simulated."""
        return any(layer.simulation is not None for layer in self.layers)

    def totals(self, column: str) -> dict[str, int]:
        """How many channels carry each word of a column."""
        found: dict[str, int] = {}
        for layer in self.layers:
            for word, count in layer.words(column).counts().items():
                found[word] = found.get(word, 0) + count
        return found

    def flagged(self, column: str) -> tuple[int, int]:
        """How many channels have a flag column true, and how many unknown."""
        values = [layer.numbers(column) for layer in self.layers]
        return sum(int((v == 1).sum()) for v in values), sum(int((v < 0).sum()) for v in values)


def audit_layer(
    layer: S6Layer,
    *,
    simulate: bool = False,
    certify: bool = False,
    seed: int = 0,
    shuffles: int = 200,
    device: str = "cpu",
    states: TokenStates | None = None,
) -> LayerAudit:
    """Judge one layer that is in memory; arguments as `audit`."""
    numbers = channel_numbers(layer)
    definite = (numbers["one_sign"] | numbers["one_rate"]).astype(bool)
    own = {
        "channel": np.arange(layer.channels),
        "paper_setting": (definite & (not layer.affine) & (layer.floor == 0)).astype(np.int8),
        "certified": certified_column(layer, numbers["mu"], certify),
    }
    columns = assemble(layer.channels, numbers, channel_verdicts(layer, numbers), own)
    judged = LayerAudit(
        name=layer.name,
        channels=layer.channels,
        states=layer.states,
        rank=layer.rank,
        floor=layer.floor,
        affine=layer.affine,
        flags=layer.flags,
        columns=columns,
        control=permutation_control(layer, shuffles, seed),
        product=product_signature(layer),
        symmetric=symmetric_signature(layer),
        signs_by_rate=np.take_along_axis(layer.mu_n > 0, np.argsort(layer.a, axis=1, kind="stable"), 1).mean(axis=0),
    )
    return replace(judged, simulation=simulator(device, states)(layer, columns, seed)) if simulate else judged


def audit(
    source: Any,
    *,
    simulate: bool = False,
    certify: bool = False,
    layers: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    device: str = "cpu",
    states: TokenStates | None = None,
    shuffles: int = 200,
    context: int = CONTEXT,
) -> AuditReport:
    """Judge every channel of every S6 layer of a checkpoint, its health first.

    A layer that is dead or holds a NaN gets no scenario: it is withheld, and its health says why.

    Args:
        source: a path, a hub id or the name of an installed package; or a model in memory, a `torch.nn.Module`.
        simulate: also integrate every channel's flow from random starts.
        certify: also certify the dichotomy's verdicts, and the bounds of health, in interval arithmetic.
        layers: names, patterns with * and ?, or positions from 0, of the layers to judge; all by default.
        seed: of the shuffles and of the starts, >= 0.
        progress: called with (done, total, name) after every layer.
        device: where the simulation runs, a key of `devices.SIMULATORS`; all else is computed on the CPU.
        states: on a GPU: layer name -> tokens that a network fed to the layer's scan, shape (token, channel).
        shuffles: permutations of the control, at least 2.
        context: tokens that memory is compared with.
    Raises: SourceError, FormatError: as `open_checkpoint`; SourceError: a pattern that matches no layer.
        AssumptionError: a seed < 0, fewer than two shuffles, an unknown device, a context < 1.
        MissingDependencyError: the device or the certificates need what is not there.
    """
    if seed < 0:
        raise AssumptionError("the seed must be >= 0", seed, "seed")
    if shuffles < 2:
        raise AssumptionError("the control needs at least 2 shuffles", shuffles, "shuffles")
    simulator(device, states)
    checkpoint = open_checkpoint(source)
    source = checkpoint.source
    chosen = chosen_layers(checkpoint, layers)
    unknown = set(states or ()) - set(_all_names(checkpoint))
    if unknown:
        known = ", ".join(checkpoint.layer_names[:3])
        raise FormatError("token states must be of layers", min(unknown), source, f"It has: {known}, ...")
    options: dict[str, Any] = {"certify": certify, "seed": seed, "shuffles": shuffles}
    prepare()
    exponential_sum()
    workers = 1 if certify else some_workers(_WORKERS)  # the precision of balls is one for the whole process
    alive, found, judged = dict(chosen), list[LayerHealth](), dict[str, LayerAudit]()

    def keep(one: LayerAudit) -> None:
        judged[one.name] = one
        if progress is not None and not simulate:
            progress(len(judged), len(alive), one.name)

    told, work = numbered(), partial(_both, checkpoint, chosen, context, options)
    for own, one in in_order(makers(checkpoint.store, checkpoint.config), work, workers):
        layer = replace(own, name=told(own.name))
        if layer.fatal:
            alive.pop(layer.name, None)
        if layers is None or layer.name in chosen:
            found.append(layer)
        if one is not None and one.name == layer.name:
            keep(one)
    health = Diagnosis(context, tuple(found))
    lost = {layer.name: _withheld(layer) for layer in health.layers if layer.fatal}
    for layer in health.layers:
        if layer.damage:
            _refuse(checkpoint, layer.name)
    # Layers of another name than their health has, as damage may give it one.
    left = {name: None for name in alive if name not in judged}
    for one in in_order(read_layers(checkpoint, left), partial(audit_layer, **options), workers):
        keep(one)
    if simulate:
        read = read_layers(checkpoint, dict.fromkeys(judged))
        flown = simulations(((layer, judged[layer.name].columns) for layer in read), seed, device, states)
        names = [name for name in checkpoint.layer_names if name in judged]
        for done, (name, simulation) in enumerate(zip(names, flown, strict=True), 1):
            judged[name] = replace(judged[name], simulation=simulation)
            if progress is not None:
                progress(done, len(names), name)
    damage = {layer.name: layer.damage[0] for layer in health.layers if layer.damage}
    refused = {
        entry.name: replace(entry, reason=f"weights must be finite; got {damage[entry.name]}")
        if entry.kind == "values" and entry.name in damage
        else entry
        for entry in checkpoint.withheld
        if entry.name in chosen
    }
    gone = {**lost, **refused}  # a reason by name, shape or value is the more exact one
    withheld = tuple(gone[name] for name in dict.fromkeys((*chosen, *gone)) if name in gone)
    if not judged and not health.layers:
        reasons = "; ".join(f"{entry.name}: {entry.reason}" for entry in withheld[:3])
        raise SourceError("a checkpoint must hold a layer that the theory fits", reasons, source)
    skipped = tuple(name for name in _all_names(checkpoint) if name not in chosen)
    named = (checkpoint.source, checkpoint.format, checkpoint.family, seed)
    order = (name for name in checkpoint.layer_names if name in judged)
    return AuditReport(*named, tuple(judged[name] for name in order), withheld, skipped, health)


def _both(
    checkpoint: Checkpoint, chosen: Container[str], context: int, options: dict[str, Any], make: Maker
) -> tuple[LayerHealth, LayerAudit | None]:
    """Health of a layer, and verdicts where it is one that is asked for and alive; its tensors are read once for both."""
    plan = checkpoint.plan(make.marker, make.head)
    store = KeptStore(checkpoint.store, plan.tensors if plan else ())
    with np.errstate(over="ignore", invalid="ignore"):  # bounds beyond float64 are infinite, which is a verdict
        health = health_of(make(store), context, options["certify"])
    if plan is None or plan.name not in chosen or health.fatal:
        return health, None
    layer = checkpoint.read(plan, store)
    return health, audit_layer(layer, **options) if isinstance(layer, S6Layer) else None


def _refuse(checkpoint: Checkpoint, name: str) -> None:
    """Read a damaged layer, so that a reason by its own values is on record."""
    with suppress(SourceError):
        checkpoint.layer(name)


def _withheld(layer: LayerHealth) -> WithheldLayer:
    """Why a dead or damaged layer gets no scenario."""
    first = layer.verdicts[0]
    why = layer.damage[0] if layer.damage else f"{first.shown[0]} {layer.numbers[first.shown[0]]:.3g}"
    return WithheldLayer(layer.name, first.name, f"{first.title} ({why}), so no scenario is given")


def _all_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Readable layers in depth order, then those withheld by name or shape."""
    return tuple(dict.fromkeys((*checkpoint.layer_names, *(entry.name for entry in checkpoint.withheld))))


def chosen_layers(checkpoint: Checkpoint, layers: Sequence[str] | None) -> dict[str, None]:
    """The names asked for, as an ordered set.

    Raises: SourceError: if a name, pattern or position matches no layer.
    """
    names = _all_names(checkpoint)
    if layers is None:
        return dict.fromkeys(names)
    wanted: set[str] = set()
    for word in layers:
        found = [name for name in names if name == word or fnmatchcase(name, word)]
        if not found and word.isdecimal() and len(word) < 10 and int(word) < len(names):
            found = [names[int(word)]]
        if not found:
            listed = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
            raise SourceError("--layers must match a layer", repr(word), checkpoint.source, f"It has: {listed}.")
        wanted.update(found)
    return dict.fromkeys(name for name in names if name in wanted)


def read_layers(checkpoint: Checkpoint, chosen: dict[str, None]) -> Iterator[S6Layer]:
    """The chosen layers one at a time; those whose values are refused show up in `checkpoint.withheld`."""
    for name in checkpoint.layer_names:
        if name not in chosen:
            continue
        try:
            yield checkpoint.layer(name)
        except SourceError:
            assert any(entry.name == name for entry in checkpoint.withheld), f"{name} is neither read nor withheld"
