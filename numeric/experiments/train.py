"""Training one model: deterministic data order, resumable, stops on a loss that is not finite."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from s6flow.errors import SourceError
from s6flow.files import atomic_path, write_atomic
from s6flow.numeric.experiments.batches import Batch, Data
from s6flow.numeric.experiments.conditions import apply_condition
from s6flow.numeric.experiments.config import Config, TrainConfig
from s6flow.numeric.experiments.deaths import health_line
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.update import Step, batch_loss, make_optimiser
from s6flow.numeric.refinements.mixer import kernel_scan
from s6flow.numeric.refinements.saving import raw_keys

__all__ = ["Outcome", "build_model", "evaluate", "learning_rate", "mean_loss", "train_model"]

Progress = Callable[[int, int], None]


class Outcome(NamedTuple):
    """How a training ended: `done`, `stopped` (out of time; resumes) or `diverged` (last good state kept)."""

    status: str
    step: int
    message: str


def build_model(config: Config, condition: str, seed: int, data: Data) -> S6Stack:
    """A condition's model: the weights before the condition depend on the seed only, so conditions are paired."""
    cuda = data.device.type == "cuda"
    if cuda and kernel_scan() is None:
        warnings.warn("mamba-ssm is not importable: scanning in plain torch, dozens of times slower", stacklevel=2)
    torch.manual_seed(seed)
    image = (data.pixels, len(data.places)) if data.pixels else None
    model = S6Stack(config.model, data.vocabulary, data.classes, cuda, image)
    torch.manual_seed(seed + 1_000_003)
    apply_condition(model, config.kind, condition)
    model.to(data.device)
    return model


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then cosine to zero: a run is at rest when it ends."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


@torch.no_grad()
def evaluate(model: S6Stack, data: Data, split: str) -> dict[str, float]:
    """Mean loss over a split's fixed batches: bits per byte, or cross entropy and accuracy."""
    torch.manual_seed(0)  # a random shuffle is the same at every evaluation
    return mean_loss(model, data, data.evaluation(split))


@torch.no_grad()
def mean_loss(model: S6Stack, data: Data, batches: Iterable[Batch]) -> dict[str, float]:
    """The same of any batches."""
    training = model.training
    model.eval()
    total = torch.zeros(4, dtype=torch.float64, device=data.device)
    for batch in batches:
        logits, loss = batch_loss(model, batch)
        right = (logits.argmax(-1) == batch.targets).sum()
        count = batch.targets.numel()
        sums = [loss.double() * count, right.double(), torch.full_like(loss, count).double()]
        total += torch.stack([*sums, data.bytes_of(batch.targets)])
    model.train(training)
    loss, right, count, size = total.tolist()
    if data.classes is None:
        return {"bits_per_byte": loss / size / math.log(2.0)}
    return {"loss": loss / count, "accuracy": right / count}


def _random_state(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _set_random_state(device: torch.device, states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def _trim_log(path: Path, step: int) -> None:
    """Drop log lines past the state that a resumed run starts from."""
    if path.exists():
        lines = [line for line in path.read_text().splitlines(keepends=True) if json.loads(line)["step"] <= step]
        write_atomic(path, "".join(lines))


def _load_state(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise SourceError("a resume state must be readable", type(error).__name__, path.name, "Delete it.") from error


def _raw_state(model: S6Stack) -> dict[str, Any]:
    """The weights with the raw parameters of constraints: plain ones would come back to rounding only."""
    with raw_keys():
        return model.state_dict()


def train_model(
    model: S6Stack,
    data: Data,
    config: TrainConfig,
    seed: int,
    folder: Path,
    deadline: float = math.inf,
    progress: Progress | None = None,
    pieces: int = 1,
) -> Outcome:
    """Train to the end, to the deadline, or to the last good state before a loss that is not finite.

    Args:
        model: freshly built; changed in place.
        data: batches.
        config: optimiser and lengths.
        seed: decides the order of the data and the random shuffles.
        folder: holds log.jsonl and, while unfinished, state.pt; an existing state is resumed.
        deadline: time.monotonic() at which to stop after saving.
        progress: called with (step, steps).
        pieces: a batch is worked through in so many, with their gradients added up.
    Returns: how it ended. A resumed run repeats an uninterrupted one exactly on the CPU; on CUDA up to the
        order of atomic additions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state_path, log_path = folder / "state.pt", folder / "log.jsonl"
    optimiser, first = make_optimiser(model, config), 0
    torch.manual_seed(seed)
    if state_path.exists():
        state = _load_state(state_path, data.device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = int(state["step"])
        _set_random_state(data.device, [part.cpu() for part in state["random"]])
    _trim_log(log_path, first)

    def save(step: int) -> None:
        content = {
            "model": _raw_state(model), "optimiser": optimiser.state_dict(), "step": step,
            "random": _random_state(data.device),
        }  # fmt: skip
        with atomic_path(state_path) as temporary:
            torch.save(content, temporary)

    def log(**line: Any) -> None:
        with log_path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    model.train()
    good = {key: value.clone() for key, value in _raw_state(model).items()}
    good_step, step_once = first, Step(model, optimiser, config, data.window, pieces)
    if config.health_every and first == 0:
        log(step=0, **health_line(model, data.window, optimiser))
    for step in range(first, config.steps):
        step_once(data.training(seed, step), learning_rate(config, step))
        done = step + 1
        last = done == config.steps
        if done % config.log_every == 0 or last:
            mean = step_once.read()
            if not math.isfinite(mean):
                model.load_state_dict(good)
                message = f"the loss stopped being finite after step {good_step}; kept the weights of that step"
                log(step=done, event="diverged", kept=good_step)
                return Outcome("diverged", good_step, message)
            log(step=done, loss=round(mean, 6), lr=round(learning_rate(config, step), 8))
            good, good_step = {key: value.clone() for key, value in _raw_state(model).items()}, done
            if progress is not None:
                progress(done, config.steps)
        if done % config.eval_every == 0 or last:
            kept = _random_state(data.device)
            log(step=done, **{f"valid_{key}": round(value, 6) for key, value in evaluate(model, data, "valid").items()})
            _set_random_state(data.device, kept)
        if config.health_every and (done % config.health_every == 0 or last):
            log(step=done, **health_line(model, data.window))
        if not last and done % config.log_every == 0 and time.monotonic() > deadline:
            save(done)
            return Outcome("stopped", done, f"out of time at step {done} of {config.steps}; the same command resumes")
        if not last and done % config.save_every == 0:
            save(done)
    return Outcome("done", config.steps, "")
