"""Throughput of `fleet audit` by the number of workers, from local disk, and the memory of the command.

python benchmarks/fleet.py --folder /tmp/fleet --out benchmarks/results/fleet.json

Makes small checkpoints (2 layers, width 32, 8 states, float32), as many for every worker, audits them with each number of
workers, and writes what it found after each; the same command goes on with those that are missing. Workers are warm: each
has audited a batch before the clock starts. Efficiency is the throughput over that of one worker times the number of
workers; `busy` is the share of the workers' time that went into audits, so that cores that slow each other down (clocks,
memory, neighbours) are told from workers that wait. Two processors that are one core twice (hyperthreads) would slow each
other down by themselves: of every core that this process may use only one processor is taken, and how many there are of each
is written down, as the kernel says.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from s6flow.files import write_atomic
from s6flow.numeric.checks.nightly import processor
from s6flow.numeric.evidence import evidence_of
from s6flow.numeric.fleet import audits
from s6flow.numeric.fleet.pool import pool
from s6flow.numeric.fleet.sources import Source, described
from s6flow.numeric.fleet.store import Store, open_run

LAYERS, WIDTH, STATES = 2, 32, 8
#: Checkpoints of a worker before the clock starts: two batches.
WARM = 32
OPTIONS = audits.AuditOptions()
_TOOLS = ("numpy", "dask", "distributed", "pyarrow", "safetensors")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def made(folder: Path, number: int) -> str:
    """A checkpoint with seeded weights in Hugging Face's spelling; one that is there is kept."""
    path = folder / f"{number // 1000:03d}" / f"{number:06d}.safetensors"
    if path.exists():
        return str(path)
    rng, channels, tensors = np.random.default_rng(number), 2 * WIDTH, {}
    rank = WIDTH // 16
    for layer in range(LAYERS):
        shapes = {
            "in_proj.weight": (2 * channels, WIDTH), "conv1d.weight": (channels, 1, 4), "conv1d.bias": (channels,),
            "x_proj.weight": (rank + 2 * STATES, channels), "dt_proj.weight": (channels, rank), "D": (channels,),
            "out_proj.weight": (WIDTH, channels),
        }  # fmt: skip
        own = {name: rng.normal(0, 0.2, shape) for name, shape in shapes.items()}
        own["A_log"] = np.log(np.tile(np.arange(1.0, STATES + 1), (channels, 1)))
        own["dt_proj.bias"] = rng.uniform(-6, -2, channels)
        tensors |= {f"backbone.layers.{layer}.mixer.{name}": value.astype("f4") for name, value in own.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    save_file(tensors, str(temporary))
    temporary.replace(path)
    return str(path)


def cores(allowed: set[int], siblings: Callable[[int], str]) -> dict[str, tuple[int, ...]]:
    """The processors of every physical core, of those that may be used.

    Args:
        siblings: the list of a core's processors that the kernel keeps for each of them.
    """
    found: dict[str, tuple[int, ...]] = {}
    for number in sorted(allowed):
        name = siblings(number)
        found[name] = (*found.get(name, ()), number)
    return found


def _siblings(number: int) -> str:
    try:
        return Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text().strip()
    except OSError:  # the kernel does not say: a core of its own
        return str(number)


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def measured(sources: list[Source], warm: list[Source], workers: int, out: Path) -> dict[str, Any]:
    """One audit of all sources with a number of workers."""
    shutil.rmtree(out, ignore_errors=True)
    names = audits.tables(OPTIONS)
    with pool(workers) as there:
        for part, listed in (("warm", warm), ("timed", sources)):
            with open_run(out / part, "audit", audits.as_options(OPTIONS), names, audits.digest) as store:
                resident: list[int] = []
                wall, own = time.perf_counter(), time.process_time()
                found = audits.audit_all(listed, store, there, OPTIONS, lambda *_, seen=resident: seen.append(_resident()))  # fmt: skip
                wall, own = time.perf_counter() - wall, time.process_time() - own
        busy = _seconds(store)
    shutil.rmtree(out, ignore_errors=True)
    return {
        "workers": workers,
        "checkpoints": len(sources),
        "audited": found["audited"],
        "seconds": round(wall, 3),
        "per_second": round(len(sources) / wall, 2),
        "busy": round(busy / (wall * workers), 4),
        "audit_seconds": round(busy / len(sources), 5),
        "command_processor_seconds": round(own, 3),
        "command_bytes": {"first": resident[0], "quarter": resident[len(resident) // 4], "last": resident[-1]},
    }


def _seconds(store: Store) -> float:
    """Of all audits, as the workers' clocks tell."""
    import pyarrow.parquet as pq

    parts = store.parts(audits.CHECKPOINTS)
    return float(sum(sum(pq.read_table(path, columns=["seconds"], partitioning=None)["seconds"].to_pylist()) for path in parts))  # fmt: skip


def with_efficiency(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by workers, with the throughput over that of one worker."""
    ordered = sorted(rows, key=lambda row: row["workers"])
    one = next((row["per_second"] for row in ordered if row["workers"] == 1), None)
    return [{**row, "efficiency": None if one is None else round(row["per_second"] / (one * row["workers"]), 4)} for row in ordered]  # fmt: skip


def _kept(path: Path, header: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of an earlier run of this command on this machine."""
    try:
        old = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    same = all(old.get(name) == value for name, value in header.items() if name not in ("date", "command"))
    return list(old["rows"]) if same else []


def main() -> int:
    """Measure, and write after every number of workers; 1 where the minutes ended it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="on a local disk; checkpoints are kept there")
    parser.add_argument("--workers", default="16,1,8,2,4", help="numbers of workers, in the order of measurement")
    parser.add_argument("--each", type=int, default=625, help="checkpoints a worker")
    parser.add_argument("--minutes", type=float, default=60.0, help="no measurement is begun after these")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    numbers = [int(number) for number in options.workers.split(",")]
    allowed = os.sched_getaffinity(0)
    there = cores(allowed, _siblings)
    header = {
        "command": "python benchmarks/fleet.py " + " ".join(sys.argv[1:]),
        "date": datetime.date.today().isoformat(),
        "code": evidence_of(Path(__file__).parent / "results" / "fleet.json").digest(),
        "device": processor(),
        "processors_allowed": len(allowed),
        "physical_cores": len(there),
        "versions": {"python": platform.python_version(), **{tool: version(tool) for tool in _TOOLS}},
        "checkpoint": {"layers": LAYERS, "width": WIDTH, "states": STATES, "each": options.each},
    }
    os.sched_setaffinity(0, {processors[0] for processors in there.values()})  # what this process starts inherits it
    try:
        return _all(options, numbers, header, end)
    finally:
        os.sched_setaffinity(0, allowed)


def _all(options: argparse.Namespace, numbers: list[int], header: dict[str, Any], end: float) -> int:
    """Make the checkpoints and measure every number of workers that is missing; 1 where the minutes ended it."""
    count = max(numbers) * (options.each + WARM)
    with ProcessPoolExecutor(min(max(numbers), os.cpu_count() or 1)) as makers:
        names = list(makers.map(partial(made, options.folder / "checkpoints"), range(count), chunksize=64))
        sources = list(makers.map(described, names, chunksize=64))
    header["checkpoint"]["bytes"] = sources[0].bytes
    rows = _kept(options.out, header)
    ready = {row["workers"] for row in rows}
    for number in numbers:
        if number in ready:
            continue
        if time.monotonic() >= end:
            print(f"{number} workers are left; the same command goes on", file=sys.stderr)
            return 1
        split = number * options.each
        row = measured(sources[:split], sources[-number * WARM :], number, options.folder / "run")
        rows.append(row)
        write_atomic(options.out, json.dumps({**header, "rows": with_efficiency(rows)}, indent=1) + "\n")
        print(json.dumps(row), file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
