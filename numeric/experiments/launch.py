"""`run_lm` and `run_reorder`: an experiment from its configuration to results.json."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import refuse_clashes
from s6flow.numeric.experiments.config import Config
from s6flow.numeric.experiments.data_sources import prepare_source
from s6flow.numeric.experiments.grid import pick_devices, run_grid
from s6flow.numeric.experiments.results import SHIPPED, pack, ship, summarise
from s6flow.numeric.experiments.settings import load_config
from s6flow.progress import bar

__all__ = ["prepare", "run_experiment", "run_lm", "run_reorder"]

#: What `ship` writes beside the weights.
_BESIDE = "config.json"


def _choose(kind: str, source: str | Path | None, device: str | None) -> tuple[Config, str]:
    """The configuration, and the device's kind; without a GPU the small one, with a word on time."""
    found = pick_devices(device)[0].type
    if source is None:
        names = {
            "lm": ("lm", "lm_cpu"),
            "reorder": ("reorder_digits", "reorder_cpu"),
            "decay": ("decay", "decay_cpu"),
        }[kind]
        source = names[found == "cpu"]
        slow = f"running the small configuration {source}, minutes instead of the full one's days on a CPU"
    else:
        slow = f"configuration {Path(source).stem} can take days on a CPU; {kind}_cpu takes minutes"
    config = load_config(source)
    if config.kind != kind:
        raise FormatError(f"the {kind} experiment needs a configuration of its kind", config.kind, str(source))
    if found == "cpu" and (slow.startswith("running") or not str(source).endswith("_cpu")):
        print(f"note: no GPU: {slow}", file=sys.stderr)
    return config, found


def run_experiment(
    kind: str,
    config: str | Path | None,
    out: str | Path,
    *,
    data: str | Path | None = None,
    device: str | None = None,
    workers: int | None = None,
    minutes: float | None = None,
    seeds: Sequence[int] | None = None,
    conditions: Sequence[str] | None = None,
    weights: str | Path | None = None,
    archive: str | Path | None = None,
    command: str = "",
) -> dict[str, Any] | None:
    """Run (or resume) a grid and summarise what is finished.

    Args:
        kind: `lm`, `reorder` or `decay`.
        config: shipped name or path; default by device.
        out: folder of the grid; the same folder resumes.
        data: folder of prepared data (see `prepare`).
        device: `cpu` or `cuda`; default the GPU if there is one.
        workers: training processes per GPU; default 2 on a GPU, 1 on a CPU.
        minutes: stop cleanly after so long.
        seeds, conditions: restrict the grid.
        weights: folder to copy the shipped checkpoints to.
        archive: tar.gz for the results and logs.
        command: recorded with the results.
    Returns: the content of results.json, or None when nothing is finished yet.
    Raises: S6FlowError: bad configuration, or a failed run.
    """
    given = [Path(config)] if config is not None and Path(config).is_file() else []
    stored = [] if data is None else [path for path in Path(data).glob("*") if path.is_file()]
    shipped = (
        [] if weights is None else [Path(weights) / name for name in (*map("{}.safetensors".format, SHIPPED), _BESIDE)]
    )
    refuse_clashes(
        {
            "--out": [Path(out) / "results.json", Path(out) / "errors.log"],
            "--weights": shipped,
            "--archive": [] if archive is None else [Path(archive)],
        },
        {"--config": given, "--data": stored},
    )
    chosen, found = _choose(kind, config, device)
    chosen = load_config(
        config if config is not None else chosen.name,
        seeds=tuple(seeds) if seeds else None,
        conditions=tuple(conditions) if conditions else None,
    )
    folder, target = None if data is None else Path(data), Path(out)
    if folder is not None and kind == "reorder":
        prepare_source(chosen.data, folder)
    try:
        with bar(chosen.name) as say:
            run_grid(
                chosen,
                target,
                folder=folder,
                devices=pick_devices(device),
                workers=(2 if found == "cuda" else 1) if workers is None else workers,
                minutes=minutes,
                report=lambda text, done, total: say(done, total, text),
            )
    finally:  # a failed run must not cost the results of the others
        result = summarise(chosen, target, folder, command) if any(target.glob("runs/*/result.json")) else None
        if weights is not None:
            ship(chosen, target, Path(weights))
        if archive is not None:
            pack(target, Path(archive))
    return result


def run_lm(config: str | Path | None, out: str | Path, **options: Any) -> dict[str, Any] | None:
    """Language modelling with and without the scenario constraints; options as in `run_experiment`."""
    return run_experiment("lm", config, out, **options)


def run_reorder(config: str | Path | None, out: str | Path, **options: Any) -> dict[str, Any] | None:
    """Classification with and without reordering; options as in `run_experiment`."""
    return run_experiment("reorder", config, out, **options)


def prepare(config: str | Path, folder: str | Path) -> Path:
    """Write a configuration's data to a folder that `data=` reads.

    Raises: FormatError: the standard library's source, which every machine has itself.
    """
    chosen = load_config(config)
    if chosen.data.name == "stdlib":
        raise FormatError("data that every machine has is not prepared", chosen.data.name, str(config))
    return prepare_source(chosen.data, Path(folder))
