"""`s6flow fleet audit` over published, shipped and 1,000 made checkpoints, with a worker that is killed in between.

python tests/faults/killed_worker.py --folder /tmp/fleet --json tests/faults/killed_worker.json

A worker process of the running command gets SIGKILL as soon as a third of the checkpoints are on disk. Every checkpoint
must come to one row of `checkpoints`, and all rows must be those of a run in which none is killed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "benchmarks")) if path not in sys.path]

from fleet import made  # noqa: E402  # the benchmark's

from s6flow.files import write_atomic  # noqa: E402
from s6flow.numeric.checks.nightly import processor  # noqa: E402
from s6flow.numeric.fleet.store import read_tables  # noqa: E402

#: The trained networks that s6flow ships.
SHIPPED = ROOT / "numeric/experiments/checkpoints"
#: Packages that ship weights of Mamba.
PACKAGES = ("typeseg", "opensr_mamba")


def workers_of(command: int) -> list[int]:
    """Processes that a command started to work for it, the youngest last."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                words = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == command and b"spawn_main" in words:
                found.append(int(path.name))
    return sorted(found)


def parts(out: Path) -> int:
    """Batches that are on disk."""
    return len(list((out / "checkpoints").glob("*.parquet")))


def run(sources: list[str], out: Path, workers: int, kill_after: int | None) -> dict[str, Any]:
    """One run of the command; the worker that was killed, and how it ended."""
    words = [sys.executable, "-m", "s6flow", "fleet", "audit", *sources, "--out", str(out), "--workers", str(workers)]
    start, killed, at = time.monotonic(), None, 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while kill_after is not None and killed is None and process.poll() is None:
            time.sleep(0.05)
            if parts(out) >= kill_after and (there := workers_of(process.pid)):
                killed, at = there[0], parts(out)
                os.kill(killed, signal.SIGKILL)
        _, errors = process.communicate()
    tracebacks = errors.count("Traceback")
    return {"status": process.returncode, "worker_killed": killed is not None, "batches_on_disk_then": at, "tracebacks": tracebacks, "said": errors.strip().splitlines()[-1:], "seconds": round(time.monotonic() - start, 1)}  # fmt: skip


def told(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of checkpoints and of layers, without what a clock says."""
    tables = []
    for table in ("checkpoints", "layers"):
        rows = read_tables(sorted((out / table).glob("*.parquet"))).to_pylist()
        for row in rows:
            row.pop("seconds", None)
        tables.append(sorted(rows, key=repr))
    return tables[0], tables[1]


def report(options: argparse.Namespace) -> dict[str, Any]:
    """Run with a worker killed and without, and compare."""
    many = options.folder / "made"
    for number in range(options.count):
        made(many, number)
    sources = [*PACKAGES, str(SHIPPED), str(many)]
    out = options.folder / "killed"
    batches = options.count // 16
    disturbed = run(sources, out, options.workers, batches // 3)
    checkpoints, layers = told(out)
    quiet_out = options.folder / "quiet"
    quiet = run(sources, quiet_out, options.workers, None)
    times = Counter(row["identity"] for row in checkpoints)
    origin = Counter(_origin(row["source"], many) for row in checkpoints)
    return {
        "schema": "s6flow-killed-worker/1",
        "command": f"python tests/faults/killed_worker.py --count {options.count} --workers {options.workers}",
        "date": datetime.date.today().isoformat(),
        "device": processor(),
        "versions": {name: version(name) for name in ("dask", "distributed", "pyarrow", "numpy", *PACKAGES)} | {"python": platform.python_version()},
        "workers": options.workers,
        "checkpoints": len(checkpoints),
        "of": dict(sorted(origin.items())),
        "statuses": dict(Counter(row["status"] for row in checkpoints)),
        "layers": len(layers),
        "checkpoints_with_more_than_one_row": sum(count > 1 for count in times.values()),
        "killed": disturbed,
        "undisturbed": quiet,
        "same_rows_as_undisturbed": (checkpoints, layers) == told(quiet_out),
    }  # fmt: skip


def _origin(source: str, many: Path) -> str:
    for name in PACKAGES:
        if source.startswith(name) or f"/{name}/" in source:
            return name
    return "made" if source.startswith(str(many)) else "shipped"


def main() -> int:
    """Write the report; 1 if a row is missing, twice or another one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000, help="made checkpoints")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = report(options)
    text = json.dumps(found, indent=1) + "\n"
    print(text)
    if options.json:
        write_atomic(options.json, text)
    good = found["same_rows_as_undisturbed"] and not found["checkpoints_with_more_than_one_row"]
    return 0 if good and found["killed"]["worker_killed"] and found["of"].get("made") == options.count else 1


if __name__ == "__main__":
    raise SystemExit(main())
