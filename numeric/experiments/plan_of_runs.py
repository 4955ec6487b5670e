"""A plan: runs of several grids in the order in which they matter, with what each costs, in one folder.

Runs are independent, so a plan is spread over any number of GPUs and processes, stopped at a time, and taken up again on
another machine from nothing but the results that are finished (`resume`).
"""

from __future__ import annotations

import json
import tarfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from s6flow.errors import FormatError, S6FlowError, SourceError
from s6flow.files import atomic_path
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.data_sources import prepare_source
from s6flow.numeric.experiments.grid import Task, run_tasks
from s6flow.numeric.experiments.run import finished
from s6flow.numeric.experiments.settings import load_config, read_table, refuse_values

__all__ = ["Part", "load_plan", "pack_plan", "plan_names", "plan_tasks", "prepare_plan", "resume", "run_plan", "spent"]

_FOLDER = Path(__file__).parent / "plans"
#: Keys of a part -> the kinds of their values.
_PART = {"grid": "str", "seconds": "float", "conditions": "list of str", "seeds": "list of int", "steps": "int"}


@dataclass(frozen=True)
class Part:
    """Some runs of one grid, seed by seed.

    Args:
        config: with the conditions and seeds of this part.
        seconds: of one GPU that a run takes, by estimate.
    """

    config: Config
    seconds: float


def plan_names() -> list[str]:
    """Plans that ship with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_plan(source: str | Path) -> list[Part]:
    """Read a plan: a shipped name or a TOML file with `[[part]]` tables of grid, seconds, conditions, seeds and steps.

    Raises: FormatError: no such file, not TOML, unknown keys, a configuration that `load_config` refuses, or two grids
        that are the same configuration.
    """
    path = Path(source)
    if not path.suffix:
        path = _FOLDER / f"{source}.toml"
    read_table(source, _FOLDER, "a plan")
    try:
        parts = tomllib.loads(path.read_text())["part"]
    except FileNotFoundError as error:
        names = ", ".join(plan_names())
        raise FormatError("a plan is a TOML file or a shipped name", str(source), "plan", names) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise FormatError("a plan must be readable TOML with [[part]] tables", str(error), str(source)) from error
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise FormatError("a plan has [[part]] tables", "something else", str(source))
    found = []
    for part in parts:
        if not {"grid", "seconds"} <= set(part) <= set(_PART):
            known = "grid and seconds, and may have conditions, seeds and steps"
            raise FormatError(f"a part has {known}", ", ".join(part), str(source))
        refuse_values(part, _PART, "part", str(source))
        lists = {key: tuple(part.get(key, ())) or None for key in ("conditions", "seeds")}
        config = load_config(part["grid"], **lists)
        steps = int(part.get("steps", config.train.steps))
        warmup = min(config.train.warmup, steps // 2)
        found.append(
            Part(replace(config, train=replace(config.train, steps=steps, warmup=warmup)), float(part["seconds"]))
        )
    _refuse_twins(found, str(source))
    return found


def _refuse_twins(parts: Sequence[Part], source: str) -> None:
    """Raises: FormatError: two grids are one configuration but for steps, seeds and conditions, and would be compared with themselves."""
    names: dict[str, set[str]] = {}
    for part in parts:
        names.setdefault(part.config.digest(), set()).add(part.config.name)
    for twins in names.values():
        if len(twins) > 1:
            rule = "grids of a plan are different configurations"
            raise FormatError(rule, " = ".join(sorted(twins)), source, "Correct one of the two.")


def plan_tasks(parts: Sequence[Part], out: Path) -> list[Task]:
    """Every run of a plan once, in its order; each grid has a folder of its name."""
    tasks = [
        Task(part.config, out / part.config.name, condition, seed, part.seconds)
        for part in parts
        for seed in part.config.seeds
        for condition in part.config.conditions
    ]
    return list({(task.out, task.condition, task.seed): task for task in tasks}.values())


def prepare_plan(parts: Sequence[Part], folder: Path) -> list[Path]:
    """Write the data of every grid that a machine may lack; what any machine has or makes in no time is left out."""
    wanted = {repr(part.config.data): part.config.data for part in parts}
    lacking = [data for data in wanted.values() if data.name not in ("stdlib", "recall", "listops")]
    return list(dict.fromkeys(prepare_source(data, folder) for data in lacking))


def run_plan(
    parts: Sequence[Part],
    out: Path,
    *,
    folder: Path | None = None,
    devices: Sequence[torch.device] | None = None,
    workers: int = 1,
    minutes: float | None = None,
    report: Callable[[str, int, int], None] = lambda text, done, total: None,
) -> list[Task]:
    """Run what is missing of a plan; options as in `run_grid`.

    Returns: the tasks that are still unfinished.
    Raises: S6FlowError: a run failed; the others keep their results.
    """
    tasks = plan_tasks(parts, out)
    return run_tasks(tasks, out, folder=folder, devices=devices, workers=workers, minutes=minutes, report=report)


def resume(archive: Path, out: Path) -> int:
    """Take the finished runs of another machine's archive; their number.

    Raises: SourceError: no such archive.
    """
    try:
        with tarfile.open(archive) as tar:
            names = [name for name in tar.getnames() if name.endswith("result.json")]
            tar.extractall(out, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise SourceError("an archive of results must be readable", error, archive.name) from error
    return len(names)


def pack_plan(out: Path, archive: Path) -> Path:
    """One tar.gz with every finished run's result and log and the data's descriptions; no weights, no resume states."""
    done = sorted(out.glob("*/runs/*/result.json"))
    beside = [path.with_name(name) for path in done for name in ("log.jsonl", "config.digest")]
    extra = [*sorted(out.glob("*/data.json")), out / "errors.log"]
    with atomic_path(archive) as temporary, tarfile.open(temporary, "w:gz") as tar:
        for path in [*done, *beside, *extra]:
            if path.exists():
                tar.add(path, path.relative_to(out).as_posix())
    return archive


def spent(parts: Sequence[Part], out: Path) -> dict[str, Any]:
    """Runs that are done, diverged, in pieces, or whose studies failed, by grid, with their seconds beside the estimate."""
    found: dict[str, Any] = {}
    for task in plan_tasks(parts, out):
        row = found.setdefault(
            task.config.name, {"done": 0, "of": 0, "diverged": 0, "pieces": 0, "seconds": [], "failed": []}
        )
        row["of"] += 1
        try:
            result = finished(task.config, task.out, task.condition, task.seed)
        except S6FlowError as error:
            row["failed"].append(str(error))
            continue
        if result is None:
            continue
        row["done"] += 1
        row["diverged"] += result["status"] == "diverged"
        row["pieces"] += result.get("pieces", 1) > 1
        row["seconds"].append(result["seconds"])
        row["failed"] += [
            f"{task.name} {key}: {text}" for key, text in result["after"].items() if key.endswith("_failed")
        ]
    return json.loads(json.dumps(found))
