"""The cap on memory against edits of the same size that are not it, on test sequences up to many times the training's.

Every edit of a trained model is matched with the cap at the same kappa, layer by layer:
- `cap`: `cap_memory` with measured mean steps;
- `scale-a`: all decay rates times one factor, with the cap's mean of ln a'/a;
- `random`: the cap's raises, of the same sizes, dealt to random states;
- `scale-step`: all steps times the factor of `scale-a` (exactly: A and the B rows of x_proj, as the step enters nowhere
  else), and once for all kappa `half-step`, a half: how LongMamba and DeciMamba lengthen a context.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.studies.lengths import loss_at, multiples
from s6flow.numeric.refinements import cap_memory, mean_steps, s6_layers, s6_shape

if TYPE_CHECKING:
    from s6flow.numeric.refinements.parts import Mixer

__all__ = ["EDITS", "KAPPAS", "cap_curve", "edited"]

#: Longest half-lives as shares of the training length, by names that a metric's key can hold.
KAPPAS = {"half": 0.5, "quarter": 0.25, "eighth": 0.125}


def _random(raises: Tensor) -> Tensor:
    order = torch.randperm(raises.numel(), generator=torch.Generator().manual_seed(raises.numel()))
    return raises.flatten()[order.to(raises.device)].view_as(raises)


def _faster(mixer: Mixer, factor: float) -> None:
    """All steps of a layer times a factor."""
    shape = s6_shape(mixer)
    mixer.A_log += math.log(factor)  # type: ignore[misc]  # in place: a parameter still
    mixer.x_proj.weight[shape.dt_rank : shape.dt_rank + shape.d_state] *= factor


def _all(raises: Tensor) -> float:
    return math.exp(float(raises.double().mean()))


#: From a mixer and the cap's raises ln a'/a of its states to the edit, in place.
EDITS: dict[str, Callable[[Mixer, Tensor], Any]] = {
    "cap": lambda mixer, raises: mixer.A_log.add_(raises),
    "scale-a": lambda mixer, raises: mixer.A_log.add_(math.log(_all(raises))),
    "random": lambda mixer, raises: mixer.A_log.add_(_random(raises)),
    "scale-step": lambda mixer, raises: _faster(mixer, _all(raises)),
}


@torch.no_grad()
def edited(model: S6Stack, raises: dict[str, Tensor], edit: Callable[[Mixer, Tensor], Any]) -> S6Stack:
    """A copy of the model with every layer edited."""
    other = copy.deepcopy(model)
    for name, mixer in s6_layers(other).items():
        edit(mixer, raises[name])
    return other


@torch.no_grad()
def _raises(model: S6Stack, window: int, kappa: float, steps: dict[str, Any]) -> tuple[dict[str, Tensor], float]:
    """ln a'/a of the cap by layer, and the share of states that it raises."""
    capped = copy.deepcopy(model)
    cap_memory(capped, window, kappa, steps=steps)
    before, after = s6_layers(model), s6_layers(capped)
    found = {name: after[name].A_log - mixer.A_log for name, mixer in before.items()}
    count = sum(part.numel() for part in found.values())
    return found, sum(float((part > 0).sum()) for part in found.values()) / count


def cap_curve(model: S6Stack, data: Data, config: Config) -> tuple[dict[str, float], dict[str, Any]]:
    """Bits per byte by edit, kappa and multiple of the training length.

    Returns: `EDIT-KAPPA_at_MULTIPLE` and `share-KAPPA` of states raised; the differences to the unedited model at the
        same length, `EDIT-KAPPA_gain_MULTIPLE`, negative where the edit helps.
    """
    model.eval()
    batch = next(data.evaluation("valid"))
    steps = mean_steps(model, lambda: model(batch.tokens))
    nets: dict[str, S6Stack] = {"none": model}
    found: dict[str, float] = {}
    for word, kappa in KAPPAS.items():
        raises, found[f"share-{word}"] = _raises(model, data.window, kappa, steps)
        nets |= {f"{name}-{word}": edited(model, raises, edit) for name, edit in EDITS.items()}
    nets["half-step"] = edited(model, raises, lambda mixer, _: _faster(mixer, 0.5))
    for multiple in multiples(config.reach):
        for name, net in nets.items():
            found[f"{name}_at_{multiple}"] = loss_at(net, data, multiple, config.reach)
            if name != "none":
                found[f"{name}_gain_{multiple}"] = found[f"{name}_at_{multiple}"] - found[f"none_at_{multiple}"]
    return found, {}
