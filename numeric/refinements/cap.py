"""`cap_memory`: no state of a trained model remembers for longer than a share of the context. No retraining.

A state forgets by half in ln 2/(a Delta) tokens (theorem `state-forgetting`). One whose half-life exceeds the training
length L was never full in training (theorem `state-saturation`): on longer sequences it grows beyond anything that the
network has seen. The edit raises the decay rates a_{d,n} of states that remember too long, to

    a_{d,n} = ln 2/(kappa L Delta_d),

so that no half-life exceeds kappa L, and leaves every other number of the model as it is, bit for bit.

*The typical step.* Delta_d stands for the mean step of channel d. Without data that is its step at the bias,
softplus(dt bias) + floor: the step of a token that does not move the step's argument, and the one that an audit prints
half-lives at. Measured means, by `mean_steps`, can be given instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.nn.functional import softplus

from s6flow.errors import AssumptionError, FormatError, S6FlowError
from s6flow.numeric.refinements.layers import normed, s6_shape, selected
from s6flow.numeric.weights.checkpoint import read_layer
from s6flow.numeric.weights.in_memory import MemoryStore
from s6flow.numeric.weights.layer import S6Layer, WithheldLayer
from s6flow.numeric.weights.plan import LayerPlan, plan_layers

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer, MixerModule
    from s6flow.symbolic.codegen.module import Generated

__all__ = ["cap_memory", "mean_steps"]


@cache
def _quantity(name: str) -> Generated:
    from s6flow.symbolic.codegen.module import generate  # SymPy is loaded for this edit alone
    from s6flow.symbolic.state import quantity

    return generate(quantity(name))


def _half_lives(a: Any, steps: Any) -> Float64[np.ndarray, "channel state"]:
    """Half-life of every state [tokens]. Source: symbolic.state.half_life."""
    function, known = _quantity("half_life"), {"decay": a, "width": steps[:, None]}
    with np.errstate(all="ignore"):
        lives = np.asarray(function(*(known[name] for name in function.inputs)), dtype=np.float64)
    return np.where(np.isnan(lives), np.inf, lives)


def _scans(mixer: MixerModule, name: str) -> Iterator[tuple[str, LayerPlan, S6Layer]]:
    """The scans of a mixer (two in Vim) as an audit reads them: name, tensors, values."""
    store = MemoryStore(mixer)
    for plan in plan_layers(store.infos, None):
        if isinstance(plan, WithheldLayer):
            raise AssumptionError("a scan's weights must be readable", plan.reason, name, "Exclude it with where=....")
        try:
            layer = read_layer(store, plan)
        except S6FlowError as error:  # the store knows the mixer's own names only
            raise type(error)(error.rule, error.value, f"{name} {error.where}".strip(), error.remedy) from error
        yield name + plan.spelling.suffix, plan, layer


def _extra_bias(mixer: Mixer) -> Any:
    """What a reordering adds to the step's bias."""
    again = getattr(getattr(mixer, "reorder", None), "bias_twice", False)
    return mixer.dt_proj.bias.detach().double().cpu().numpy() if again else 0.0


def _bias_steps(mixer: Mixer, layer: S6Layer) -> Float64[np.ndarray, " channel"]:
    """Source: symbolic.state.bias_step."""
    function, known = _quantity("bias_step"), {"b": layer.b + _extra_bias(mixer), "floor": layer.floor}
    return np.asarray(function(*(known[name] for name in function.inputs)), dtype=np.float64)


def _given(steps: Any, layer: S6Layer, name: str) -> Float64[np.ndarray, " channel"]:
    """Steps of a caller, checked."""
    found = np.asarray(steps.detach().cpu() if isinstance(steps, Tensor) else steps, dtype=np.float64)
    if found.shape != (layer.channels,) or not (np.isfinite(found).all() and (found > 0).all()):
        got = f"shape {found.shape}" if found.shape != (layer.channels,) else f"a smallest of {found.min()}"
        raise FormatError(f"steps must be {layer.channels} positive numbers", got, name)
    return found


def _raised(stored: Tensor, steps: Any, limit: float, name: str) -> tuple[Tensor, int]:
    """A_log with too long memories cut to the limit, rounded up so that none exceeds it, and how many were cut.

    Raises: AssumptionError: a decay rate that float32 does not hold would be needed.
    """
    found = stored.detach().cpu().clone()
    lives = _half_lives(np.exp(found.double().numpy()), steps)
    long = lives > limit
    with np.errstate(over="ignore"):
        wanted = found.double().numpy() + np.log(lives / limit)
        beyond = long & ~(np.exp(wanted) < np.finfo(np.float32).max)
    if beyond.any():
        channel, state = np.argwhere(beyond)[0]
        raise AssumptionError(
            "a cap needs decay rates that float32 holds",
            f"a = exp({wanted[channel, state]:.6g}) for the typical step {steps[channel]:.3g}",
            f"{name} channel {channel} state {state}",
            "Such a channel hardly steps at all: see its health, or exclude the layer with where=....",
        )
    cut = torch.from_numpy(np.where(long, wanted, found.double().numpy())).to(found.dtype)
    found = torch.where(torch.from_numpy(long), cut, found)
    while (over := _half_lives(np.exp(found.double().numpy()), steps) > limit).any():  # rounding fell short
        found = torch.where(torch.from_numpy(over), torch.nextafter(found, torch.full_like(found, torch.inf)), found)
    return found, int(long.sum())


def cap_memory(
    model: nn.Module,
    context: int,
    kappa: float = 1.0,
    *,
    where: Callable[[str], bool] | None = None,
    steps: Mapping[str, Any] | None = None,
) -> dict[str, int]:
    """Raise the decay rates of states whose half-life exceeds kappa * context tokens, in place and for good.

    A second call with the same arguments changes nothing.

    Args:
        model: any module that holds S6 mixers, or one mixer; constrained and reordered ones too.
        context: length L of the training sequences [tokens], at least 1.
        kappa: largest half-life as a share of it [1], > 0.
        where: predicate on the mixer's dotted name; all by default.
        steps: typical step > 0 of every channel [1] by the layer's name, shape (channel,), as `mean_steps` measures it;
            layers that it leaves out have the step at the bias.
    Returns: how many states were raised, by layer.
    Raises: AssumptionError: no S6 layer, one that normalises Delta, B and C, one whose A_log is not a plain parameter, or that needs decay rates beyond float32 (nothing is changed then); FormatError: a
        context or kappa that is not positive, shapes that do not fit, or steps that are no positive numbers.
    Source: theory sections 18 and 21.
    """
    if isinstance(context, bool) or not isinstance(context, Integral) or context < 1:
        raise FormatError("the context must be at least 1 token", context, "cap_memory")
    if not (kappa > 0 and np.isfinite(kappa)):
        raise FormatError("kappa must be a positive number", kappa, "cap_memory")
    layers = selected(model, where)
    for name, mixer in layers.items():
        s6_shape(mixer, name)
        if normed(mixer):
            raise AssumptionError(
                "a cap needs a typical step, whose argument is a linear map of x",
                "Delta, B and C normalised after x_proj",
                name,
                "Exclude such layers (Falcon-Mamba, Jamba) with where=....",
            )
    changes, unknown = [], set(steps or {})
    for name, mixer in layers.items():
        for key, plan, layer in _scans(mixer, name):
            parameter = dict(mixer.named_parameters()).get(plan.a_log)
            if parameter is None:
                raise AssumptionError("a cap is written into a plain parameter", f"none called {plan.a_log}", key)
            typical = _bias_steps(mixer, layer) if steps is None or key not in steps else _given(steps[key], layer, key)
            unknown.discard(key)
            changes.append((key, parameter, *_raised(parameter, typical, kappa * context, key)))
    if unknown:
        there = ", ".join(key for key, *_ in changes)
        raise FormatError("steps are given by names of layers", ", ".join(sorted(unknown)), "steps", f"It has {there}.")
    with torch.no_grad():
        for _, parameter, values, count in changes:
            if count:
                parameter.copy_(values)
    return {key: count for key, _, _, count in changes}


def mean_steps(model: nn.Module, call: Callable[[], Any]) -> dict[str, Float64[np.ndarray, " channel"]]:
    """Mean step Delta of every channel [1] over all tokens that pass the S6 layers while `call` runs the model.

    Args:
        model: as in `cap_memory`.
        call: runs the model, as often as it likes: ``lambda: model(tokens)``.
    Returns: shape (channel,) by the layer's name.
    Raises: AssumptionError: no token passed a layer's x_proj (a fused kernel does not call it: use_fast_path=False).
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    handles = []
    for name, mixer in selected(model, None).items():
        key, plan, layer = next(_scans(mixer, name))
        shift = torch.as_tensor(
            plan.spelling.bias_times * mixer.dt_proj.bias.detach().double().cpu() + _extra_bias(mixer)
        )

        def seen(
            module: nn.Module,
            inputs: Any,
            output: Tensor,
            key: str = key,
            mixer: Mixer = mixer,
            shift: Tensor = shift,
            floor: float = layer.floor,
        ) -> None:
            out = mixer.dt_proj.weight
            low = output.detach()[..., : out.shape[1]].reshape(-1, out.shape[1]).double()
            step = softplus(low @ out.detach().double().mT + shift.to(low.device)) + floor
            sums[key] = sums.get(key, 0.0) + step.sum(0).cpu()
            counts[key] = counts.get(key, 0) + len(step)

        handles.append(mixer.x_proj.register_forward_hook(seen))
        sums.setdefault(key, torch.zeros(layer.channels, dtype=torch.float64))
    try:
        with torch.no_grad():
            call()
    finally:
        for handle in handles:
            handle.remove()
    silent = [key for key in sums if key not in counts]
    if silent:
        raise AssumptionError(
            "steps are measured where a model calls x_proj",
            "no token",
            ", ".join(silent),
            "Run the model within `call`; turn fused kernels off (use_fast_path=False).",
        )
    return {key: (total / counts[key]).numpy() for key, total in sums.items()}
