"""One run of a grid: one condition with one seed, from data to metrics."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import torch

from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.numeric.experiments.after import measure
from s6flow.numeric.experiments.audited import audit_weights
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.classes import Labelled, load_labelled
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.model import parameter_counts
from s6flow.numeric.experiments.provenance import provenance
from s6flow.numeric.experiments.tensors import write_weights
from s6flow.numeric.experiments.text import Corpus, load_corpus
from s6flow.numeric.experiments.train import Progress, build_model, evaluate, train_model

__all__ = ["finished", "last_change", "load_source", "perform", "run_folder"]

_MEASURED = 16  # sequences in the measurement after training


def load_source(config: Config, folder: Path | None) -> Corpus | Labelled:
    """The data of a configuration."""
    return load_corpus(config.data.name) if config.kind == "lm" else load_labelled(config.data, folder)


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
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    keys = ("valid_bits_per_byte", "valid_loss")
    values = {int(line["step"]): float(line[key]) for line in lines for key in keys if key in line}
    before = [step for step in values if 10 * step <= 9 * steps]
    return round(values[steps] - values[max(before)], 6) if steps in values and before else None


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
    model = build_model(config, condition, seed, data)
    counts = parameter_counts(model)
    outcome = train_model(model, data, config.train, seed, folder, deadline, progress)
    if outcome.status == "stopped":
        return None
    metrics: dict[str, Any] = {split: evaluate(model, data, split) for split in ("valid", "test")}
    batch = next(data.evaluation("test"))
    mask = None if batch.mask is None else batch.mask[:_MEASURED]
    after = measure(model, batch.tokens[:_MEASURED], mask) if config.kind == "lm" else {"summary": {}}
    metrics["after"] = after.pop("summary")
    about = {"condition": condition, "seed": seed, "config": config.name, "config_digest": config.digest()}
    origin = provenance(data.device)
    score = {f"{split}_{key}": round(value, 5) for split in ("valid", "test") for key, value in metrics[split].items()}
    weights = write_weights(model, folder / "model.safetensors", {**about, **score, "device": origin["device"]})
    if config.kind == "lm":
        metrics["audit"], after["audit"] = audit_weights(weights)
    result: dict[str, Any] = _plain(
        {
            **about,
            "status": outcome.status,
            "step": outcome.step,
            "message": outcome.message,
            "parameters": counts,
            "metrics": metrics,
            "valid_last_change": last_change(folder / "log.jsonl", config.train.steps),
            "after": after,
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
