"""The commands `experiment plan` and `experiment report`."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import atomic_path, refuse_clashes
from s6flow.numeric.experiments.grid import pick_devices
from s6flow.numeric.experiments.plan_of_runs import (
    Part,
    load_plan,
    pack_plan,
    plan_tasks,
    prepare_plan,
    resume,
    run_plan,
    spent,
)
from s6flow.numeric.experiments.report import write_results
from s6flow.numeric.experiments.results import SHIPPED, SHIPPED_GRID

__all__ = ["run", "write_report"]

#: Seconds between two archives of a running plan.
_EVERY = 60.0

Say = Callable[[str], None]


def _list(parts: list[Part], out: Path, say: Say) -> None:
    total = 0.0
    for task in plan_tasks(parts, out):
        total += task.seconds
        say(f"{total:8.0f} s  {task.seconds:5.0f} s  {task.config.name:12s} {task.name}")


def _pack_weights(out: Path, target: Path) -> None:
    """Not compressed: trained weights do not shrink."""
    with atomic_path(target) as temporary, tarfile.open(temporary, "w") as tar:
        for name, condition in SHIPPED.items():
            path = out / SHIPPED_GRID / "runs" / f"{condition}-s0" / "model.safetensors"
            if path.exists():
                tar.add(path, f"{name}.safetensors")


def run(name: str, options: dict[str, Any], say: Say) -> int:
    """Run a plan by the options of the command; the exit status."""
    parts, out = load_plan(name), Path(options["out"])
    folder = Path(options["data"]) if options["data"] else None
    if options["listed"]:
        _list(parts, out, say)
        return 0
    if options["only"]:
        if folder is None:
            raise FormatError("prepared data goes into a folder", "none", "--data", "Name one.")
        for path in prepare_plan(parts, folder):
            say(f"{path.name} {path.stat().st_size}")
        return 0
    outputs = {f"--{key}": [Path(options[key])] for key in ("archive", "weights") if options[key]}
    refuse_clashes({"--out": [out / "errors.log"], **outputs}, {"--resume": [Path(path) for path in options["resume"]]})
    for archive in options["resume"]:
        say(f"{resume(Path(archive), out)} runs from {Path(archive).name}")
    archive_at = [time.monotonic()]

    def told(text: str, done: int, total: int) -> None:
        say(f"{done} of {total}: {text}")
        if options["archive"] and time.monotonic() > archive_at[0] + _EVERY:  # what kills this process spares these
            pack_plan(out, Path(options["archive"]))
            archive_at[0] = time.monotonic()

    try:
        left = run_plan(
            parts,
            out,
            folder=folder,
            devices=pick_devices(options["device"]),
            workers=options["workers"],
            minutes=options["minutes"],
            report=told,
        )
    finally:  # a failed run must not cost the results of the others
        if options["archive"]:
            pack_plan(out, Path(options["archive"]))
        if options["weights"]:
            _pack_weights(out, Path(options["weights"]))
        summary = spent(parts, out)
        for grid, row in summary.items():
            say(json.dumps({"grid": grid, **row}))
    if any(row["failed"] for row in summary.values()):
        return 1
    if left:
        say(f"stopped; the same command resumes: {len(left)} runs left, next {left[0].config.name} {left[0].name}")
        return 3
    return 0


def write_report(folder: str, name: str, results: str | None, table: str | None, words: str, say: Say) -> int:
    """Write and show what a plan's runs say; the exit status."""
    written = write_results(
        load_plan(name), Path(folder), Path(results) if results else None, Path(table) if table else None, words
    )
    for line in written:
        say(line)
    return 0
