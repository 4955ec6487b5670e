"""From the runs of a grid to results.json: means with intervals, paired differences, and a verdict per
claim."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.files import atomic_path, write_atomic
from s6flow.numeric.experiments.claims import CLAIMS, LATER, Claim
from s6flow.numeric.experiments.config import Config, recorded
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.run import finished, run_folder
from s6flow.numeric.experiments.stats import RULE, decide, student_interval

__all__ = ["FLAT", "SHIPPED", "SHIPPED_GRID", "gather", "judge", "pack", "ship", "shipped_config", "summarise"]

#: The grid whose first seed ships.
SHIPPED_GRID = "narrow_12"
# shipped name -> condition of that grid; one per scenario, ours
SHIPPED = {
    "unconstrained": "unconstrained",
    "positive": "channel-positive",
    "negative": "channel-negative",
    "mixed": "channel-mixed",
}

# a curve is flat when the validation loss moved less than this over the last tenth of training
FLAT = {"lm": (0.005, "bits per byte"), "reorder": (0.01, "nat"), "decay": (0.005, "bits per byte")}
_LEARNT = 0.02  # accuracy above the commonest class below which a condition has not learnt the task


Runs = dict[str, dict[int, dict[str, Any]]]  # condition -> seed -> result of the run


def _metric(run: dict[str, Any], key: str) -> float | None:
    value: Any = run["metrics"]
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else float(value)


def gather(config: Config, out: Path) -> Runs:
    """Finished runs by condition and seed."""
    runs: Runs = {}
    for condition in config.conditions:
        for seed in config.seeds:
            result = finished(config, out, condition, seed)
            if result is not None:
                runs.setdefault(condition, {})[seed] = result
    return runs


def _judge(claim: Claim, runs: Runs, majority: float | None) -> dict[str, Any]:
    """A claim's paired differences, interval and verdict."""
    first = runs.get(claim.first, {})
    second = runs.get(claim.second, {}) if claim.second is not None else first
    values = {}
    for seed in sorted(set(first) & set(second)):
        mine = _metric(first[seed], claim.metric)
        other = claim.bound if claim.second is None else _metric(second[seed], claim.metric)
        if mine is not None and other is not None:
            values[seed] = mine - other
    diverged = [run["seed"] for side in (first, second) for run in side.values() if run["status"] == "diverged"]
    verdict: dict[str, Any] = {**asdict(claim), "differences": {str(seed): round(d, 6) for seed, d in values.items()}}
    if not values:
        return {**verdict, "verdict": "undecided", "why": "no seed has both conditions"}
    interval = student_interval(claim.sign * np.array(list(values.values())))
    learnt = (
        majority is None
        or not claim.metric.endswith("accuracy")
        or majority + _LEARNT
        <= max(float(np.mean([_metric(run, claim.metric) or 0.0 for run in side.values()])) for side in (first, second))
    )
    return {
        **verdict,
        "diverged_seeds": sorted(set(diverged)),
        "mean_difference": round(claim.sign * interval.mean, 6) + 0.0,  # no minus zero
        "interval": interval.ends(claim.sign),
        "seeds": interval.count,
        "verdict": decide(interval, claim.band) if learnt else "undecided",
        **({} if learnt else {"why": "neither condition learnt the task"}),
    }


def _condition(runs: dict[int, dict[str, Any]], keys: list[str]) -> dict[str, Any]:
    """Means with Student's intervals over the seeds of one condition; null ends where one seed leaves them open."""
    some = next(iter(runs.values()))
    found: dict[str, Any] = {
        "seeds": sorted(runs),
        "parameters": some["parameters"],
        "diverged": sorted(seed for seed, run in runs.items() if run["status"] == "diverged"),
        "valid_last_change": [run["valid_last_change"] for _, run in sorted(runs.items())],
        "seconds_per_run": round(float(np.mean([run["seconds"] for run in runs.values()])), 1),
        "metrics": {},
    }
    for key in keys:
        values = np.array([value for seed in sorted(runs) if (value := _metric(runs[seed], key)) is not None])
        if len(values):
            interval = student_interval(values)
            found["metrics"][key] = {
                "mean": round(interval.mean, 6),
                "interval": interval.ends(),
                "values": [round(float(value), 6) for value in values],
            }
    return found


def _flatness(config: Config, runs: Runs) -> dict[str, Any]:
    """Whether the curves are flat at the end, by a criterion that is said; null changes count as not flat."""
    bound, unit = FLAT[config.kind]
    changes = {f"{name}-s{seed}": run["valid_last_change"] for name, part in runs.items() for seed, run in part.items()}
    steep = sorted(name for name, change in changes.items() if change is None or abs(change) >= bound)
    known = [abs(change) for change in changes.values() if change is not None]
    return {
        "criterion": f"|change of the validation loss over the last tenth of training| < {bound} {unit}; the learning "
        "rate decays to zero (cosine), so flat says that this training is over, not that a longer one would end there",
        "met": not steep,
        "largest": max(known, default=None),
        "mean": round(float(np.mean(known)), 6) if known else None,
        "not_flat": steep,
    }


def _keys(run: dict[str, Any]) -> list[str]:
    return [f"{group}.{key}" for group, part in run["metrics"].items() for key in part]


def _asked(config: Config, runs: Runs) -> list[Claim]:
    """The kind's claims, and of the later ones those that a grid with these conditions and studies can answer."""

    def answers(claim: Claim) -> bool:
        sides = [runs.get(name, {}) for name in (claim.first, claim.second) if name is not None]
        return all(any(_metric(run, claim.metric) is not None for run in side.values()) for side in sides)

    known = set(config.conditions)
    asked = [c for c in CLAIMS[config.kind] if not config.studies or {c.first, c.second} - {None} <= known]
    return [*asked, *(claim for claim in LATER.get(config.kind, ()) if answers(claim))]


def judge(config: Config, runs: Runs, data: dict[str, Any], command: str = "") -> dict[str, Any]:
    """The content of results.json: provenance, data, conditions, claims with verdicts, and the runs still missing.

    Args:
        config: the grid.
        runs: finished runs, from `gather`.
        data: the description of the data that they were run on.
        command: how the grid was run, for the record.
    """
    everything = [run for seeds in runs.values() for run in seeds.values()]
    sources = {
        json.dumps({k: v for k, v in run["provenance"].items() if k != "date"}, sort_keys=True) for run in everything
    }
    trainable = Counter(run["parameters"]["trainable"] for run in everything)
    majority: Any = data.get("majority_accuracy")
    return {
        "experiment": config.kind,
        "config": recorded(config),
        "config_digest": config.digest(),
        "command": command,
        "dates": sorted({run["provenance"]["date"] for run in everything}),
        "provenance": [json.loads(source) for source in sorted(sources)],
        "data": data,
        "equal_parameter_counts": len(trainable) == 1,
        "missing": [f"{c}-s{s}" for c in config.conditions for s in config.seeds if s not in runs.get(c, {})],
        "flat": _flatness(config, runs),
        "conditions": {name: _condition(seeds, _keys(next(iter(seeds.values())))) for name, seeds in runs.items()},
        "rule": RULE,
        "claims": [_judge(claim, runs, majority) for claim in _asked(config, runs)],
        "measurements": {
            f"{name}-s{seed}": run["after"]
            for name, seeds in runs.items()
            for seed, run in seeds.items()
            if run["after"]
        },
    }


def summarise(config: Config, out: Path, folder: Path | None = None, command: str = "") -> dict[str, Any]:
    """Write results.json from the runs that are finished.

    Args:
        config: the grid.
        out: its folder.
        folder: prepared data, for its description.
        command: how the grid was run, for the record.
    Returns: what was written, by `judge`.
    Raises: FormatError: no run is finished.
    """
    runs = gather(config, out)
    if not runs:
        raise FormatError("a summary needs at least one finished run", "none", "out", "Run the experiment first.")
    content = judge(config, runs, load_source(config, folder).describe(), command)
    write_atomic(out / "results.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    return content


def ship(config: Config, out: Path, target: Path) -> list[Path]:
    """Copy the weights that ship with the package: the first seed of unconstrained and of our form's scenarios.

    A config.json beside them says what model they are of; without it their names could be another model's.
    """
    copied = []
    for name, condition in SHIPPED.items():
        source = run_folder(out, condition, config.seeds[0]) / "model.safetensors"
        if source.exists():
            with atomic_path(target / f"{name}.safetensors") as temporary:
                shutil.copyfile(source, temporary)
            copied.append(target / f"{name}.safetensors")
    if copied:
        write_atomic(target / "config.json", shipped_config(config))
    return copied


def shipped_config(config: Config) -> str:
    """The config.json of the shipped weights, in the words of the model type whose tensor names they carry."""
    model = config.model
    sizes = {"hidden_size": model.width, "num_hidden_layers": model.layers, "state_size": model.state}
    found = {"model_type": "mamba", **sizes, "expand": model.expand, "conv_kernel": model.conv}
    return json.dumps(found, indent=1) + "\n"


def pack(out: Path, archive: Path) -> Path:
    """One small tar.gz with results.json and every run's result and log; no weights, no resume states."""
    wanted = [out / "results.json", *sorted(out.glob("runs/*/result.json")), *sorted(out.glob("runs/*/log.jsonl"))]
    wanted += [*sorted(out.glob("runs/*/config.digest")), out / "errors.log"]
    with atomic_path(archive) as temporary, tarfile.open(temporary, "w:gz") as tar:
        for path in wanted:
            if path.exists():
                tar.add(path, path.relative_to(out).as_posix())
    return archive
