"""A checkpoint as a lazy sequence of S6 layers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from s6flow.errors import AssumptionError, FormatError, S6FlowError, SourceError
from s6flow.numeric.weights.in_memory import MemoryStore, config_of
from s6flow.numeric.weights.layer import Flag, S6Layer, WithheldLayer
from s6flow.numeric.weights.locate import Located, locate
from s6flow.numeric.weights.plan import LayerPlan, plan_layers
from s6flow.numeric.weights.spellings import PATTERNS, guess_family
from s6flow.numeric.weights.stored import StoredTensor, TensorStore
from s6flow.text import shown

__all__ = ["Checkpoint", "open_checkpoint", "read_layer"]


class Checkpoint:
    """Names and shapes are read when it is opened, values only layer by layer.

    Args:
        source: what the user named.
        store: the open file or files.
        plans: what `plan_layers` made of their tensors.
        family: the naming that the tensors follow (a guess, for the report only).
        config: the model's config.json, where there is one.
    """

    def __init__(
        self,
        source: str,
        store: TensorStore,
        plans: list[LayerPlan | WithheldLayer],
        family: str,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = shown(source)
        self.config = config
        self.family = family
        self._store = store
        self._plans = plans
        self._by_marker = {(plan.a_log, plan.head): plan for plan in plans if isinstance(plan, LayerPlan)}
        self._refused: dict[str, WithheldLayer] = {}

    @property
    def store(self) -> TensorStore:
        """The open files, for what else stands beside a layer."""
        return self._store

    @property
    def format(self) -> str:
        """The reader that opened it, such as ``safetensors``."""
        return self._store.format

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers whose names and shapes make them S6, in depth order."""
        return tuple(plan.name for plan in self._plans if isinstance(plan, LayerPlan))

    @property
    def tensors_seen(self) -> tuple[str, ...]:
        """Every tensor name in the checkpoint."""
        return tuple(self._store.infos)

    @property
    def withheld(self) -> tuple[WithheldLayer, ...]:
        """Withheld layers in depth order; those refused for their values join once they have been read."""
        found = (plan if isinstance(plan, WithheldLayer) else self._refused.get(plan.name) for plan in self._plans)
        return tuple(entry for entry in found if entry is not None)

    def __len__(self) -> int:
        """Number of layers that names and shapes make S6."""
        return len(self.layer_names)

    def entries(self) -> Iterator[S6Layer | WithheldLayer]:
        """Every layer in depth order, read one at a time, the withheld ones in their places."""
        for plan in self._plans:
            yield plan if isinstance(plan, WithheldLayer) else self.read(plan)

    def layers(self) -> Iterator[S6Layer]:
        """The readable layers in depth order, one in memory at a time."""
        return (entry for entry in self.entries() if isinstance(entry, S6Layer))

    def layer(self, name: str) -> S6Layer:
        """One layer by its name.

        Raises: SourceError: if there is no such layer, or it is withheld.
        """
        for plan in self._plans:
            if plan.name == name:
                entry = plan if isinstance(plan, WithheldLayer) else self.read(plan)
                if isinstance(entry, WithheldLayer):
                    raise SourceError(f"layer {name} is withheld ({entry.kind})", entry.reason, self.source)
                return entry
        known = ", ".join(self.layer_names[:3]) or "none"
        raise SourceError("the layer must be in the checkpoint", name, self.source, f"It has: {known}, ...")

    def plan(self, a_log: str, head: int | None) -> LayerPlan | None:
        """How the layer that this tensor marks is read; None where it is withheld."""
        return self._by_marker.get((a_log, head))

    def read(self, plan: LayerPlan, store: TensorStore | None = None) -> S6Layer | WithheldLayer:
        """A layer's values, or the reason why they are refused; damage to the file itself is an error.

        Args:
            store: where to read them, if not in the checkpoint's own store.
        """
        try:
            arguments = _arguments(store or self._store, plan)
        except AssumptionError as error:
            return self._refuse(plan, error)
        try:
            return S6Layer(**arguments)
        except (AssumptionError, FormatError) as error:
            return self._refuse(plan, error)

    def _refuse(self, plan: LayerPlan, error: S6FlowError) -> WithheldLayer:
        self._refused[plan.name] = WithheldLayer(plan.name, "values", str(error))
        return self._refused[plan.name]


def open_checkpoint(source: Any) -> Checkpoint:
    """Open a path, a hub id ``org/name``, the name of an installed package that ships weights, or a model in memory.

    Paths win over the others. Nothing of the checkpoint is executed, and only headers are read here.

    Args:
        source: file or directory (safetensors, npz, PyTorch; sharded or not), as text or path; hub id or package, as
            text; or a `torch.nn.Module`.
    Raises: SourceError: if it is missing or holds no S6 layer; FormatError: if it is damaged;
        MissingDependencyError: if an extra is needed.
    """
    if isinstance(source, str | os.PathLike):
        source = os.fspath(source)
        located = locate(source)
    else:
        located, source = Located(MemoryStore(source), config_of(source)), type(source).__name__
    infos = located.store.infos
    plans = plan_layers(infos, located.config)
    if not plans:
        seen = ", ".join(list(infos)[:5]) or "no tensor at all"
        more = f" and {len(infos) - 5} more" if len(infos) > 5 else ""
        looked = f"Looked for {'; '.join(PATTERNS)}."
        raise SourceError("a checkpoint must hold an S6 layer", f"{seen}{more}", source, looked)
    return Checkpoint(source, located.store, plans, guess_family(infos, located.config), located.config)


def read_layer(store: TensorStore, plan: LayerPlan) -> S6Layer:
    """The values of one planned layer.

    Raises: FormatError: if the tensors are damaged or do not fit; AssumptionError: if an a_n is no positive float32.
    """
    return S6Layer(**_arguments(store, plan))


def _arguments(store: TensorStore, plan: LayerPlan) -> dict[str, Any]:
    """The arguments of `S6Layer`, from the tensors of one layer.

    Numerics: values are promoted to float64 exactly; exp(A_log) and the folded bias are computed there.
    Raises: FormatError: if the file is damaged; AssumptionError: if an a_n is no positive float32.
    """
    flags = list(plan.flags)

    merged = (plan.a_log, plan.skip) if plan.spelling.merged else ()

    def fetch(name: str) -> tuple[StoredTensor, Float64[np.ndarray, "*shape"]]:
        stored = store.read(name, None if name in merged else plan.head)
        if name in merged and plan.head is not None:
            size = store.infos[plan.dt_proj].shape[-2]
            stored = StoredTensor(stored.bits[plan.head * size : (plan.head + 1) * size], stored.dtype)
        count = stored.subnormals()
        if count:
            text = f"{count} of {stored.bits.size} entries of {name} are subnormal in {stored.dtype}"
            flags.append(Flag("subnormal", text))
        values = stored.values
        large = None if stored.usual else stored.beyond_float32(values)
        if large is not None and large.any():
            place = tuple(int(index) for index in np.argwhere(large)[0])
            rule = "weights must be float32 numbers, in which models compute"
            raise AssumptionError(rule, f"{values[place]:.6g}", f"{name}[{', '.join(map(str, place))}]")
        return stored, values

    def matrix(name: str) -> Float64[np.ndarray, "row column"]:
        values = fetch(name)[1]
        return values.T if plan.spelling.transposed else values

    stored, a_log = fetch(plan.a_log)
    states = a_log.shape[1]
    a = _decay_rates(a_log, plan.a_log if plan.head is None else f"{plan.name} {plan.a_log}")
    low = int(np.count_nonzero(a < np.finfo(np.float32).tiny))
    if low:
        flags.append(Flag("subnormal", f"{low} of {a.size} decay rates exp(A_log) are subnormal in float32"))
    x_proj, dt_out = matrix(plan.x_proj), matrix(plan.dt_proj)
    rank = x_proj.shape[0] - 2 * states
    dt_in = x_proj[:rank] if rank else np.eye(a.shape[0])  # no rows of its own: the step reads x itself
    x_bias = fetch(plan.x_bias)[1] if plan.x_bias else np.zeros(x_proj.shape[0])
    dt_bias = fetch(plan.dt_bias)[1] if plan.dt_bias else np.zeros(a.shape[0])
    skip = fetch(plan.skip)[1] if plan.skip else None
    rows = {"dt": slice(0, rank), "B": slice(rank, rank + states), "C": slice(rank + states, None)}
    if _untrained(a_log, stored.format.epsilon) and (skip is None or bool((skip == 1).all())):
        ones = "" if skip is None else " and D = 1"
        flags.append(Flag("at-initialisation", f"A_log = log(1..N) in every channel{ones}, as before training"))
    for key in ("B", "C"):
        with np.errstate(invalid="ignore"):  # a signalling NaN is no zero, and no warning
            zero = not x_proj[rows[key]].any()
        if zero:
            flags.append(Flag("zero-projection", f"S_{key} is zero, so every mu_n is"))
    return {
        "name": plan.name,
        "a": a,
        "S_B": x_proj[rows["B"]],
        "S_C": x_proj[rows["C"]],
        "beta_B": x_bias[rows["B"]],
        "beta_C": x_bias[rows["C"]],
        "dt_in": dt_in,
        "dt_out": dt_out,
        "b": _folded_bias(plan, dt_bias, dt_out, x_bias[rows["dt"]] if rank else np.zeros(a.shape[0])),
        "floor": plan.spelling.floor,
        "D": skip,
        "flags": tuple(flags),
    }


def _folded_bias(
    plan: LayerPlan,
    dt_bias: Float64[np.ndarray, " channel"],
    dt_out: Float64[np.ndarray, "channel rank"],
    x_bias: Float64[np.ndarray, " rank"],
) -> Float64[np.ndarray, " channel"]:
    """Constant part of the step: dt_proj's bias, as often as it is added, and x_proj's through dt_out."""
    with np.errstate(invalid="ignore", over="ignore"):
        folded: Float64[np.ndarray, " channel"] = plan.spelling.bias_times * dt_bias
        return folded + dt_out @ x_bias if x_bias.any() else folded


def _decay_rates(a_log: Float64[np.ndarray, "channel state"], where: str) -> Float64[np.ndarray, "channel state"]:
    """exp(A_log), refused where the float32 of the models would make it 0 or Inf."""
    with np.errstate(over="ignore"):
        a: Float64[np.ndarray, "channel state"] = np.exp(a_log)
    with np.errstate(over="ignore", under="ignore"):
        single = a.astype(np.float32)
    bad = ~np.isfinite(single) | (single <= 0)
    if bad.any():
        channel, state = np.argwhere(bad)[0]
        value = f"exp({a_log[channel, state]:.6g})"
        raise AssumptionError(
            "decay rates a_n = exp(A_log) must be positive float32", value, f"{where}[{channel}, {state}]"
        )
    return a


def _untrained(a_log: Float64[np.ndarray, "channel state"], epsilon: float) -> bool:
    """Whether every channel has A_log = log(1..N) up to one rounding of the storage format."""
    start = np.log(np.arange(1, a_log.shape[1] + 1))
    near = epsilon * np.maximum(start, epsilon)
    # the first channel alone tells most trained layers
    return bool((np.abs(a_log[0] - start) <= near).all() and (np.abs(a_log - start) <= near).all())
