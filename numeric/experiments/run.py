"""One run of a grid: one condition with one seed, from data to metrics."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from s6flow.errors import DeviceMemoryError, FormatError
from s6flow.files import write_atomic
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.conditions import training_of
from s6flow.numeric.experiments.config import Config, TrainConfig
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.logs import log_lines
from s6flow.numeric.experiments.model import S6Stack, parameter_counts
from s6flow.numeric.experiments.provenance import provenance
from s6flow.numeric.experiments.studies import Trained, study
from s6flow.numeric.experiments.tensors import write_weights
from s6flow.numeric.experiments.train import Outcome, Progress, build_model, evaluate, train_model

__all__ = ["finished", "last_change", "load_source", "perform", "run_folder"]


def run_folder(out: Path, condition: str, seed: int) -> Path:
    """Folder of one run."""
    return out / "runs" / f"{condition}-s{seed}"


def finished(config: Config, out: Path, condition: str, seed: int) -> dict[str, Any] | None:
    """A finished run's result, or None.

    Raises: FormatError: the folder holds a run of another configuration, or a broken result.
    """
    path = run_folder(out, condition, seed) / "result.json"
    if not path.exists():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text())
        same = result["config_digest"] == config.digest()
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError("a run's result must be readable JSON", str(error), path.parent.name, "Delete it.") from error
    if not same:
        raise FormatError(
            "an output folder holds runs of one configuration",
            "another digest",
            path.parent.name,
            "Choose another --out.",
        )
    return result


def _plain(value: Any) -> Any:
    """JSON without NaN and infinities: a measurement that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def last_change(log: Path, steps: int) -> float | None:
    """How far the validation loss still moved over the last tenth of training or a little more: is the curve flat?

    The last value less that of the latest evaluation at nine tenths of the steps or before; bits per byte of a language
    model, nats of a classifier. None for a run that did not get that far.
    """
    lines = log_lines(log)
    keys = ("valid_bits_per_byte", "valid_loss")
    values = {int(line["step"]): float(line[key]) for line in lines for key in keys if key in line}
    before = [step for step in values if 10 * step <= 9 * steps]
    return round(values[steps] - values[max(before)], 6) if steps in values and before else None


#: A batch is halved at most so often.
_MOST_PIECES = 16


def _trained(
    config: Config,
    train: TrainConfig,
    data: Data,
    condition: str,
    seed: int,
    folder: Path,
    deadline: float,
    progress: Progress | None,
) -> tuple[S6Stack, Outcome, int]:
    """Build and train; a batch that does not fit the memory is worked through in pieces, and the log says so."""
    pieces = 1
    while True:
        model = build_model(config, condition, seed, data)
        try:
            return model, train_model(model, data, train, seed, folder, deadline, progress, pieces), pieces
        except torch.OutOfMemoryError as error:
            pieces *= 2
            if pieces > min(_MOST_PIECES, train.batch):
                raise DeviceMemoryError(
                    "a batch must fit the memory",
                    f"1 of {pieces // 2} pieces does not",
                    folder.name,
                    "Lower the sizes.",
                ) from error
        del model  # before the next one is made
        if data.device.type == "cuda":
            torch.cuda.empty_cache()
        with (folder / "log.jsonl").open("a") as stream:
            stream.write(json.dumps({"step": 0, "event": "out of memory", "pieces": pieces}) + "\n")


def perform(
    config: Config,
    data: Data,
    condition: str,
    seed: int,
    out: Path,
    deadline: float = math.inf,
    progress: Progress | None = None,
) -> dict[str, Any] | None:
    """Train, evaluate and measure one run; resumes what an earlier call left.

    Args:
        config, condition, seed: what to run.
        data: batches on the device.
        out: the grid's folder.
        deadline: time.monotonic() at which to stop.
        progress: called with (step, steps).
    Returns: the result, also written to result.json, or None when the deadline came first.
    """
    done = finished(config, out, condition, seed)
    if done is not None:
        return done
    folder, start = run_folder(out, condition, seed), time.monotonic()
    mark = folder / "config.digest"
    if mark.exists() and mark.read_text() != config.digest():
        raise FormatError(
            "an output folder holds runs of one configuration", "another digest", folder.name, "Choose another --out."
        )
    write_atomic(mark, config.digest())
    train = replace(config.train, **training_of(config.kind, condition))
    model, outcome, pieces = _trained(config, train, data, condition, seed, folder, deadline, progress)
    if outcome.status == "stopped":
        return None
    counts = parameter_counts(model)
    metrics: dict[str, Any] = {split: evaluate(model, data, split) for split in data.splits}
    about = {"condition": condition, "seed": seed, "config": config.name, "config_digest": config.digest()}
    origin = provenance(data.device)
    score = {f"{split}_{key}": round(value, 5) for split in ("valid", "test") for key, value in metrics[split].items()}
    weights = write_weights(model, folder / "model.safetensors", {**about, **score, "device": origin["device"]})
    found, after = study(Trained(model, data, config, condition, weights, folder / "log.jsonl"))
    after = {**after.pop("after", {}), **after}
    result: dict[str, Any] = _plain(
        {
            **about,
            "status": outcome.status,
            "step": outcome.step,
            "message": outcome.message,
            "parameters": counts,
            "metrics": {**metrics, "after": {}, **found},
            "valid_last_change": last_change(folder / "log.jsonl", config.train.steps),
            "after": after,
            "pieces": pieces,
            "seconds": round(time.monotonic() - start, 1),
            "provenance": origin,
        }
    )
    write_atomic(folder / "result.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    (folder / "state.pt").unlink(missing_ok=True)
    if data.device.type == "cuda":
        del model
        torch.cuda.empty_cache()
    return result
