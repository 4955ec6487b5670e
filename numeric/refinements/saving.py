"""Plain keys: a constrained layer saves the weight that acts, under the name it has without a constraint.

torch saves a parametrised weight as its raw parameters (`x_proj.parametrizations.weight.original`), under names that no
plain model knows: `from_pretrained` would start that layer anew. Two hooks on x_proj prevent it. When the state dict
is taken they put the effective weight in, as `x_proj.weight`; when one is loaded they turn it into raw parameters that
give the same weight to rounding (`ScenarioConstraint.recover`). Raw keys are loaded as they are.

Rounding is not exact resumption: take the state dict of a training checkpoint within `raw_keys()`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError
from s6flow.numeric.refinements.constraint import ScenarioConstraint

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Projection

__all__ = ["attach", "constraint_of", "raw_keys", "release", "write_raw"]

_PLACE = "parametrizations.weight."
_RECORD = f"{_PLACE}0._extra_state"
#: What version 0.1 saved beside the raw parameters.
_SIGNS = f"{_PLACE}0.signs"
_RAW: ContextVar[bool] = ContextVar("raw_keys", default=False)


@contextmanager
def raw_keys() -> Iterator[None]:
    """State dicts that are taken within hold the raw parameters of constrained layers, from which training resumes
    bit for bit, and a record of the constraint. They load into models constrained the same way, within or without.
    """
    token = _RAW.set(True)
    try:
        yield
    finally:
        _RAW.reset(token)


def constraint_of(projection: Projection) -> ScenarioConstraint | None:
    """The constraint of an x_proj, if it has one."""
    if not parametrize.is_parametrized(projection, "weight"):
        return None
    return next((p for p in projection.parametrizations.weight if isinstance(p, ScenarioConstraint)), None)


def attach(projection: Projection) -> None:
    """Make a constrained x_proj save plain keys, load them, and travel through pickle."""
    projection.plain_keys = (
        projection.register_state_dict_post_hook(_save),  # type: ignore[no-untyped-call]
        projection.register_load_state_dict_pre_hook(_load),  # type: ignore[no-untyped-call]
    )
    own: Any = type(projection)  # torch makes a class for each parametrised module
    own.__reduce_ex__ = _reduce


def release(projection: Projection) -> None:
    """Undo `attach` and remove the constraint; the weight that acts becomes the plain parameter.

    torch removes a parametrisation from the module's class, which a deepcopy shares: this one gets a class of its own.
    Of a weight made of several raw parameters it leaves a mere buffer where no gradient is tracked.
    """
    for handle in projection.__dict__.pop("plain_keys", ()):
        handle.remove()
    kind, trained = type(projection), any(raw.requires_grad for raw in _originals(projection).values())
    aside = ("__dict__", "__weakref__", "__reduce_ex__")
    own = {name: value for name, value in vars(kind).items() if name not in aside}
    projection.__class__ = type(kind.__name__, kind.__bases__, own)
    parametrize.remove_parametrizations(projection, "weight", leave_parametrized=True)
    if not isinstance(projection.weight, nn.Parameter):
        weight = projection.weight.detach()
        del projection.weight
        projection.weight = nn.Parameter(weight, requires_grad=trained)
    projection.weight.requires_grad_(trained)


def _originals(projection: Projection) -> dict[str, nn.Parameter]:
    return dict(projection.parametrizations.weight.named_parameters(recurse=False))


@torch.no_grad()
def write_raw(projection: Projection, values: tuple[Tensor, ...]) -> None:
    """Copy raw values into the raw parameters."""
    for parameter, value in zip(_originals(projection).values(), values, strict=True):
        parameter.copy_(value)


def _save(projection: Projection, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Put the effective weight in the place of the raw parameters."""
    raw = [key for key in state if key.startswith(prefix + _PLACE)]
    if _RAW.get() or not raw:
        return
    tracked = any(getattr(state[key], "requires_grad", False) for key in raw)  # keep_vars=True
    for key in raw:
        del state[key]
    with torch.set_grad_enabled(tracked and torch.is_grad_enabled()):
        state[f"{prefix}weight"] = projection.parametrizations.weight()
    if f"{prefix}bias" in state:  # behind the weight, as in a plain layer
        state[f"{prefix}bias"] = state.pop(f"{prefix}bias")


def _load(
    projection: Projection,
    state: dict[str, Any],
    prefix: str,
    metadata: Any,
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    """Turn a plain weight into raw parameters; let raw ones through, with what version 0.1 did not write."""
    constraint, plain = constraint_of(projection), f"{prefix}weight"
    if constraint is None:
        return
    own = {f"{prefix}{_PLACE}{name}": value.detach() for name, value in _originals(projection).items()}
    if any(key.startswith(prefix + _PLACE) for key in state):
        signs = state.pop(prefix + _SIGNS, None)
        if signs is not None and not torch.equal(signs.cpu().double(), constraint.signs(signs.cpu().double())):
            errors.append(f"{prefix}{_SIGNS} was saved under another scenario than {constraint.scenario}")
            state.update(own)
    elif plain not in state:
        missing.append(plain)
        state.update(own)
    else:
        weight, wanted = state.pop(plain), (constraint.shape.rows, constraint.shape.channels)
        values: tuple[Tensor, ...] = tuple(own.values())
        if tuple(weight.shape) != wanted:
            errors.append(f"size mismatch for {plain}: the checkpoint has {tuple(weight.shape)}, the model {wanted}")
        elif len(projection.parametrizations.weight) > 1:
            errors.append(f"{plain} carries further parametrisations than the constraint: load before adding them")
        else:
            values = constraint.recover(weight)
        state.update(zip(own, values, strict=True))
    state.setdefault(prefix + _RECORD, constraint.get_extra_state())


def _reduce(projection: Projection, protocol: int) -> tuple[Any, ...]:
    """Pickle as a plain layer, the constraint, and the raw parameters: torch itself refuses parametrised modules."""
    constraint = constraint_of(projection)
    if constraint is None or len(projection.parametrizations.weight) > 1:
        raise AssumptionError(
            "a constrained x_proj can be pickled",
            "further parametrisations of its weight",
            type(projection).__name__,
            "Save its state_dict.",
        )
    raw = [(value.detach(), value.requires_grad) for value in _originals(projection).values()]
    plain = copy.deepcopy(projection)
    release(plain)
    return _revive, (plain, constraint, raw)


def _revive(plain: Projection, constraint: ScenarioConstraint, raw: list[tuple[Tensor, bool]]) -> Projection:
    """The constrained x_proj of a pickle."""
    parametrize.register_parametrization(plain, "weight", constraint)
    attach(plain)
    write_raw(plain, tuple(value for value, _ in raw))
    for parameter, (_, trained) in zip(_originals(plain).values(), raw, strict=True):
        parameter.requires_grad_(trained)
    return plain
