"""Health while a model trains: is weight decay on A_log, D or the step's bias, and is a layer about to die?

PyTorch is the caller's; Transformers and Lightning are imported only by the functions that make their callbacks.
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s6flow.errors import AssumptionError, MissingDependencyError, SourceError
from s6flow.numeric.health.diagnosis import CONTEXT, Diagnosis, LayerHealth, diagnose
from s6flow.numeric.health.numbers import UNIT_ROUNDOFF

__all__ = ["DYING", "HealthMonitor", "Held", "check_optimizer", "lightning_callback", "trainer_callback", "warned_of"]

#: Half way, in decades, from 1 to where a layer is dead: what it can add at most has fallen to the root of the roundoff.
DYING = math.sqrt(UNIT_ROUNDOFF)
#: Share of the training's time that the monitor may take.
BUDGET = 0.01
#: Parameters that mamba marks `_no_weight_decay` or that decay would pull to a step of softplus(0).
_GUARDED = re.compile(r"(?:^|[._])(?:A_log|A_b_log|A_logs|D|D_b|Ds|dt_bias|dt_proj(?:_b|s)?[._]bias|dt_proj_bias)$")


@dataclass(frozen=True)
class Held:
    """A guarded parameter that an optimiser treats as it should not.

    Args:
        name: of the parameter.
        group: index of its parameter group, None where the optimiser does not hold it.
        weight_decay: of the group.
        reason: one line with the remedy.
    """

    name: str
    group: int | None
    weight_decay: float
    reason: str


def check_optimizer(model: Any, optimizer: Any) -> tuple[Held, ...]:
    """A_log, D and step biases that sit in a decayed group, or that the optimiser does not hold at all.

    PyTorch's optimisers ignore the `_no_weight_decay` mark: only a group with weight_decay = 0 keeps a parameter out.

    Args:
        model: a `torch.nn.Module`.
        optimizer: anything with `param_groups`.
    Returns: one entry a parameter, in the model's order; empty where all is well.
    Raises: SourceError: if the model has no such parameter.
    """
    groups = {
        id(parameter): (index, float(group.get("weight_decay", 0.0) or 0.0))
        for index, group in enumerate(optimizer.param_groups)
        for parameter in group["params"]
    }
    guarded = [(name, value) for name, value in model.named_parameters() if _GUARDED.search(name)]
    if not any(re.search(r"A(?:_b)?_logs?$", name) for name, _ in guarded):
        raise SourceError("a model must hold an A_log to be checked", type(model).__name__)
    found = []
    for name, parameter in guarded:
        group, decay = groups.get(id(parameter), (None, 0.0))
        if decay > 0:
            text = f"weight decay {decay:g} pulls it to 0; put it in a group with weight_decay = 0"
            found.append(Held(name, group, decay, text))
        elif group is None and parameter.requires_grad:
            found.append(Held(name, None, 0.0, "the optimiser does not hold it, so it stays where it began"))
    return tuple(found)


def warned_of(layer: LayerHealth) -> list[str]:
    """What the monitor warns of: a layer's verdicts beyond notes, and `dying` before it is dead."""
    response = layer.numbers["response"]
    named = [row.name for row in layer.verdicts if row.severity != "note"]
    return [*named, "dying"] if response is not None and UNIT_ROUNDOFF <= response < DYING else named


class HealthMonitor:
    """Health of a model every `every` steps, at most one per cent of the time since it was made.

    Args:
        model: a `torch.nn.Module` with S6 layers.
        every: steps between two looks, at least 1; a look that would cost more than the budget is left out.
        context: tokens that memory is compared with.
        log: called with (step, name -> number) after a look, such as a writer's method.
        optimizer: checked once, at the first look.
    Raises: AssumptionError: every < 1. SourceError: a model without an A_log.
    """

    def __init__(
        self,
        model: Any,
        every: int = 100,
        context: int = CONTEXT,
        log: Callable[[int, dict[str, float]], None] | None = None,
        optimizer: Any = None,
    ) -> None:
        if every < 1:
            raise AssumptionError("looks must be at least 1 step apart", every, "every")
        self.model, self.every, self.context, self.log = model, every, context, log
        self.last: Diagnosis | None = None
        self.spent = 0.0
        self._warned: set[tuple[str, str]] = set()
        begun = time.perf_counter()
        self.last = diagnose(model, context)  # refuses a model without S6 at once
        for held in check_optimizer(model, optimizer) if optimizer is not None else ():
            warnings.warn(f"{held.name}: {held.reason}.", stacklevel=2)
        self._cost = time.perf_counter() - begun
        self._begun = time.perf_counter()

    def step(self, step: int) -> dict[str, float] | None:
        """Look at the model after a training step; the numbers logged, or None where no look was due or affordable."""
        if step % self.every:
            return None
        if self.spent + self._cost > BUDGET * (time.perf_counter() - self._begun):
            return None
        begun = time.perf_counter()
        self.last = diagnose(self.model, self.context)
        numbers = self.numbers(self.last)
        self._cost = time.perf_counter() - begun
        self.spent += self._cost
        self._warn(step, self.last)
        if self.log is not None:
            self.log(step, numbers)
        return numbers

    @staticmethod
    def numbers(found: Diagnosis) -> dict[str, float]:
        """What is logged: the worst layer's numbers and how many layers have each verdict."""
        logged: dict[str, float] = {}
        for name, pick in (
            ("response", min),
            ("dead_channels", max),
            ("half_life_median", min),
            ("half_life_max", max),
            ("margin_fp16", min),
        ):
            values = [value for layer in found.layers if (value := layer.numbers[name]) is not None]
            if values:
                logged[f"health/{name}"] = pick(values)
        return logged | {f"health/{name}": float(count) for name, count in found.counts().items()}

    def _warn(self, step: int, found: Diagnosis) -> None:
        for layer in found.layers:
            response = layer.numbers["response"]
            for name in warned_of(layer):
                if (layer.name, name) not in self._warned:
                    self._warned.add((layer.name, name))
                    known = "nan" if response is None else f"{response:.3g}"
                    warnings.warn(f"step {step}: {layer.name} is {name} (response {known})", stacklevel=3)


def trainer_callback(monitor: HealthMonitor, trainer: Any = None) -> Any:
    """A callback for Hugging Face's Trainer: numbers go to its log history and, with `trainer`, to all that it reports to.

    Args:
        trainer: of which `log` is called, so that TensorBoard, Weights & Biases and the like get them; a callback alone cannot ask for it:
            `trainer.add_callback(trainer_callback(monitor, trainer))`.
    Raises: MissingDependencyError: Transformers is not installed.
    """
    try:
        from transformers import TrainerCallback
    except ImportError:
        raise MissingDependencyError("a Trainer callback needs transformers", "no transformers") from None

    class _Callback(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            numbers = monitor.step(int(state.global_step))
            if numbers is None:
                return
            if trainer is None:
                state.log_history.append({**numbers, "step": int(state.global_step)})
                return
            due = getattr(control, "should_log", False)
            trainer.log(numbers)
            if due:  # a log clears it, and the step's own loss, which is due as well, would be left out
                control.should_log = True

    return _Callback()


def lightning_callback(monitor: HealthMonitor) -> Any:
    """A callback for Lightning: numbers go to the module's own log.

    Raises: MissingDependencyError: Lightning is not installed.
    """
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError:
            raise MissingDependencyError("a Lightning callback needs lightning", "no lightning") from None

    class _Callback(Callback):  # type: ignore[misc]
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *more: Any, **other: Any) -> None:
            numbers = monitor.step(int(trainer.global_step))
            if numbers is not None:
                pl_module.log_dict(numbers)

    return _Callback()
