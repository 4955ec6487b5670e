"""Faults of a fleet's surroundings: a network that is cut for a while, a disk that is full, memory over many parts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from s6flow.numeric.fleet.pool import Task

pytest.importorskip("distributed", reason="the extra cluster is not installed")
pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
PREFIX = "10.213.7"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _namespaces() -> bool:
    """Whether this process may make network namespaces; one is made and taken away."""
    if not ROOT or shutil.which("ip") is None:
        return False
    done = subprocess.run(["ip", "netns", "add", "s6flow-try"], check=False, capture_output=True)
    if done.returncode == 0:
        _ip("netns", "del", "s6flow-try")
    return done.returncode == 0


@contextmanager
def _far(name: str, number: int) -> Iterator[str]:
    """A namespace behind a pair of devices; the name of the near one."""
    near = f"s6f{number}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", near, "type", "veth", "peer", "name", "far", "netns", name)
        _ip("addr", "add", f"{PREFIX}{number}.1/24", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", name, "addr", "add", f"{PREFIX}{number}.2/24", "dev", "far")
        _ip("-n", name, "link", "set", "far", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield near
    finally:
        _ip("netns", "del", name)


def _marked(value: int, folder: str) -> int:
    """Leaves a mark of having begun; what is computed twice must not be counted twice."""
    with open(os.path.join(folder, str(value)), "a") as mark:
        mark.write("x")
    time.sleep(0.3)
    return 2 * value


@pytest.mark.slow
@pytest.mark.skipif(not _namespaces(), reason="needs root and ip netns")
def test_a_network_that_is_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    from s6flow.numeric.fleet.pool import pool

    fast = {  # a cut is noticed within seconds, not minutes
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "4s",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s",
        "DASK_DISTRIBUTED__WORKER__HEARTBEAT": "500ms",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    environment = {**os.environ, **fast}
    (tmp_path / "marks").mkdir()
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", f"{PREFIX}1.1", "--port", "8797", "--no-dashboard"]  # fmt: skip
    with ExitStack() as stack:
        near = stack.enter_context(_far("s6flow-far", 1))
        stack.enter_context(_process(words, environment, tmp_path / "scheduler"))
        address = f"tcp://{PREFIX}1.1:8797"
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]  # fmt: skip
        stack.enter_context(_process(["ip", "netns", "exec", "s6flow-far", *worker], environment, tmp_path / "far"))
        stack.enter_context(_process(worker, environment, tmp_path / "near"))
        workers = stack.enter_context(pool(scheduler=address, patience=90))
        workers.client.wait_for_workers(2, timeout=90)
        found = []
        tasks = (Task(f"t{i}", (i, str(tmp_path / "marks"))) for i in range(120))
        for count, one in enumerate(workers.results(_marked, tasks)):
            found.append(one)
            if count == 10:
                _ip("link", "set", near, "down")
            if count == 80:
                _ip("link", "set", near, "up")
    assert sorted((int(task.name[1:]), value) for task, value in found) == [(i, 2 * i) for i in range(120)]


@contextmanager
def _process(words: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env=environment, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
@pytest.mark.skipif(not ROOT or shutil.which("mount") is None, reason="mounts a small disk, which needs root")
def test_figures_on_a_full_disk_say_which_are_whole(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("mounts are not allowed here")
    try:
        words = [
            sys.executable,
            "-m",
            "s6flow",
            "figures",
            "convergence",
            "slow-divergence",
            "overview",
            "--out",
            str(disk / "f"),
        ]
        ended = subprocess.run(words, check=False, capture_output=True, text=True)
        assert ended.returncode == 1
        (line,) = [line for line in ended.stderr.splitlines() if line.startswith("FormatError")]
        assert "No space left" in line
        named = line.split("whole are ")[1].split(" at ")[0].split(", ")
        whole = {path.stem for path in (disk / "f").glob("*.json")}
        assert whole == {name for name in named if name != "none"}
        assert not list((disk / "f").glob(".s6flow-*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


class _Answers:
    """A pool whose workers answer at once with parts of a thousand bytes, and what the command held meanwhile."""

    def __init__(self) -> None:
        self.held = list[int]()

    def results(self, function: Callable[..., Any], tasks: Iterable[Task]) -> Iterator[tuple[Task, Any]]:
        for task in tasks:
            size = len(task.arguments[0])
            yield task, (dict.fromkeys(("layers", "checkpoints"), b"x" * 1000), ["audited"] * size)
            self.held.append(tracemalloc.get_traced_memory()[0])


def test_the_command_holds_no_more_after_a_thousand_checkpoints(tmp_path: Path) -> None:
    from s6flow.numeric.fleet import audits
    from s6flow.numeric.fleet.sources import Source
    from s6flow.numeric.fleet.store import Store

    options = audits.AuditOptions()
    sources = (Source(f"{number}.safetensors", f"{number:016x}", 1000, 1.0) for number in range(3200))
    store, workers = Store(tmp_path, audits.tables(options)), _Answers()
    tracemalloc.start()
    try:
        found = audits.audit_all(sources, store, workers, options)  # type: ignore[arg-type]
    finally:
        tracemalloc.stop()
    assert found["audited"] == 3200
    assert len(workers.held) == 200
    grown = sorted(after - before for before, after in pairwise(workers.held[20:]))
    assert grown[len(grown) // 2] < 200  # bytes a part of 2,000; tables of Python double now and then
    assert workers.held[-1] - workers.held[20] < 5e6


def test_the_committed_run_with_a_killed_worker_lost_nothing() -> None:
    found = json.loads((Path(__file__).parent / "killed_worker.json").read_text())
    assert found["killed"]["worker_killed"]
    assert 0 < found["killed"]["batches_on_disk_then"] < found["checkpoints"] // 16
    assert found["checkpoints_with_more_than_one_row"] == 0
    assert found["same_rows_as_undisturbed"]
    assert found["statuses"] == {"audited": found["checkpoints"]}
    assert found["of"] == {"made": 1000, "opensr_mamba": 1, "shipped": 4, "typeseg": 1}
    page = " ".join((Path(__file__).parents[2] / "docs/fleet.md").read_text().split())
    assert f"came to {found['checkpoints']:,} rows and {found['layers']:,} layers, each once" in page
