"""Fleets over real processes: TLS among them, a worker killed, the whole run killed, a scheduler that ends and comes back.

One long file: all of it shares one cluster, which takes seconds to start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fleet_made import Here, made

pytest.importorskip("distributed", reason="the extra cluster is not installed")
pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

from s6flow.cli import main
from s6flow.errors import FormatError, S6FlowError
from s6flow.numeric.fleet import audits, sources
from s6flow.numeric.fleet.pool import Failed, Lost, Task, gpus, pool
from s6flow.numeric.fleet.store import Store, open_run, read_tables

OPTIONS = audits.AuditOptions(shuffles=10)
#: A scheduler with one worker at a given port, until it is killed.
CLUSTER = """
import sys, time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, scheduler_port=int(sys.argv[1]), dashboard_address=None)
    print("up", flush=True)
    time.sleep(300)
"""


def _double(value: int) -> int:
    return 2 * value


def _once(value: int, mark: str) -> int:
    """Ends its worker the first time that it is called with 3."""
    if value == 3:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            os._exit(1)
        except FileExistsError:
            pass
    return 2 * value


def _deadly(value: int) -> int:
    if value == 3:
        os._exit(1)
    return 2 * value


def _raises(value: int) -> int:
    raise ValueError(f"of {value}")


def _slowly(value: int) -> int:
    time.sleep(0.2)
    return 2 * value


@pytest.mark.slow
def test_work_is_done_once_when_workers_end_and_few_batches_are_out(tmp_path: Path) -> None:
    with pool(2) as workers:
        drawn = []
        tasks = (drawn.append(i) or Task(f"t{i}", (i,)) for i in range(60))
        most = 0
        for count, _ in enumerate(workers.results(_double, tasks), start=1):
            most = max(most, len(drawn) - count + 1)
        assert most <= 2 * 2
        assert workers.most <= 2 * 2
        mark = str(tmp_path / "mark")
        found = sorted(
            (task.name, value) for task, value in workers.results(_once, (Task(f"t{i}", (i, mark)) for i in range(8)))
        )
        assert found == [(f"t{i}", 2 * i) for i in range(8)]
        found = {task.name: value for task, value in workers.results(_deadly, (Task(f"t{i}", (i,)) for i in range(6)))}
        assert isinstance(found.pop("t3"), Lost)
        assert found == {f"t{i}": 2 * i for i in (0, 1, 2, 4, 5)}
        ((_, failure),) = workers.results(_raises, [Task("t", (1,))])
        assert isinstance(failure, Failed)
        assert "ValueError: of 1" in str(failure.as_error())
        scheduler = workers.client.scheduler.address
    assert scheduler.startswith("tls://")


def _card(value: int) -> tuple[str, int]:
    return os.environ.get("CUDA_VISIBLE_DEVICES", ""), os.getpid()


@pytest.mark.slow
def test_work_for_a_gpu_goes_to_workers_that_announce_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")  # no card is touched: workers are told of two
    with pool(2, tables=False) as workers:
        found = [value for _, value in workers.results(_card, (Task(f"t{i}", (i,)) for i in range(12)), gpu=True)]
        assert {card for card, _ in found} == {"5", "7"}
        assert len(found) == 12
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == 0
    with pool(1, tables=False) as workers:  # where none announces one, all take it
        assert [value[0] for _, value in workers.results(_card, [Task("t", (1,))], gpu=True)] == [""]
        assert workers.gpu_threads() == 0


@contextmanager
def _cluster(script: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # a scheduler imports what it hands on
    process = subprocess.Popen([sys.executable, str(script), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True, env=paths)  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.slow
def test_a_scheduler_that_ends_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    script, port, found = tmp_path / "cluster.py", _port(), []
    script.write_text(CLUSTER)
    with _cluster(script, port) as first, pool(scheduler=f"tcp://127.0.0.1:{port}", patience=60) as workers:
        results = workers.results(_slowly, (Task(f"t{i}", (i,)) for i in range(12)))
        found += [next(results) for _ in range(3)]
        os.killpg(first.pid, signal.SIGKILL)
        with _cluster(script, port):
            found += list(results)
    assert sorted((int(task.name[1:]), value) for task, value in found) == [(i, 2 * i) for i in range(12)]


@pytest.mark.slow
def test_a_scheduler_that_stays_away_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(S6FlowError, match="scheduler with workers") as said, pool(scheduler=f"tcp://127.0.0.1:{_port()}", patience=2):  # fmt: skip
        pass
    assert "\n" not in str(said.value)


def test_workers_are_found_in_one_way(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="one way"), pool(2, "tcp://127.0.0.1:1"):
        pass
    with pytest.raises(FormatError, match="no such file"), pool(scheduler_file=tmp_path / "none.json"):
        pass


def _rows(out: Path) -> list[list[dict[str, object]]]:
    store = Store(out, audits.tables(OPTIONS))
    tables = [read_tables(store.parts(name)).to_pylist() for name in (audits.CHECKPOINTS, audits.LAYERS)]
    return [sorted(({k: v for k, v in row.items() if k != "seconds"} for row in rows), key=str) for rows in tables]


def _command(folder: Path, out: Path) -> list[str]:
    words = [
        sys.executable,
        "-m",
        "s6flow",
        "fleet",
        "audit",
        str(folder),
        "--out",
        str(out),
        "--shuffles",
        "10",
        "--workers",
        "2",
    ]
    return words


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_command_leaves_no_process_and_the_next_one_goes_on(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for place in range(64):
        made(folder / f"{place}.safetensors", place)
    (folder / "7.safetensors").write_bytes(b"junk")
    done = out / "checkpoints"
    with subprocess.Popen(
        _command(folder, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as first:
        while not (done.is_dir() and any(done.glob("*.parquet"))) and first.poll() is None:
            time.sleep(0.02)
        children = _descendants(first.pid)
        os.kill(children[-1], signal.SIGKILL)  # a worker
        first.kill()
    assert len(list(done.glob("*.parquet"))) < 4
    limit = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    second = subprocess.run(_command(folder, out), capture_output=True, text=True)
    assert second.returncode == 3  # one of them is broken
    assert "done already" in second.stderr
    listed = list(sources.expand([str(folder)]))
    with open_run(
        tmp_path / "whole", "audit", audits.as_options(OPTIONS), audits.tables(OPTIONS), lambda: "code"
    ) as store:
        audits.audit_all(listed, store, Here(), OPTIONS)
    assert _rows(out) == _rows(tmp_path / "whole")


def _descendants(number: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, new = list[int](), [number]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def test_errors_of_the_command_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "grid.toml").write_text("mu = [1]")
    cases = [
        ["audit", "--out", str(tmp_path / "out")],
        ["audit", "/nowhere/*.pt", "--out", str(tmp_path / "out")],
        ["audit", "README.md", "--out", str(tmp_path / "file" / "out")],
        ["check", "no-such-theorem", "--out", str(tmp_path / "out")],
        ["flow", str(tmp_path / "grid.toml"), "--out", str(tmp_path / "out")],
        ["report", str(tmp_path)],
    ]
    for words in cases:
        with pytest.raises(SystemExit) as end:
            main(["fleet", *words])
        said = capsys.readouterr()
        assert end.value.code == 1, words
        assert said.err.count("\n") == 1, said.err
        assert not said.out
    assert threading.active_count() < 50
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("absent", ["distributed", "pyarrow"])
def test_without_the_extra_it_is_named(absent: str, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.modules[{absent!r}] = None; from s6flow.cli import main; "
        f"main(['fleet', 'audit', 'README.md', '--out', {str(tmp_path / 'out')!r}])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("MissingDependencyError: ")
    assert "s6flow[cluster]" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_imports_no_dask() -> None:
    script = (
        "import sys\nfrom s6flow.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n"
        "    assert not {'dask', 'distributed', 'pyarrow', 'pandas', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    for words in (["--help"], ["fleet", "--help"], ["fleet", "audit", "--help"]):
        ended = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert "Usage" in ended.stdout


def test_two_fleets_of_one_machine_do_not_meet() -> None:
    """Each has ports of its own; that of the library's server of HTTP is the same by default, and it warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pool(1, tables=False) as first, pool(1, tables=False) as second:
            servers = [one.client.cluster.scheduler.http_server for one in (first, second)]
            assert [server.address for server in servers] == ["127.0.0.1"] * 2
            assert len({server.port for server in servers} - {8787}) == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 9), (signal.SIGTERM, 8)])
def test_a_signal_waits_until_a_cluster_is_there_and_is_not_lost(number: signal.Signals, status: int) -> None:
    code = f"""if True:
        import os, signal, subprocess, sys
        from s6flow.numeric.fleet.pool import signals_held
        signal.signal(signal.SIGINT, lambda *_: sys.exit(9))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(8))
        with signals_held():
            os.kill(os.getpid(), {int(number)})
            deaf = subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 2); print('deaf')"], capture_output=True)
            print("whole", deaf.stdout.decode().strip(), flush=True)
        print("lost", flush=True)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (status, ["whole", "deaf"]), done.stderr


def test_a_folder_that_is_still_written_to_is_removed(tmp_path: Path) -> None:
    from s6flow.numeric.fleet.pool import remove_folder

    folder, end = tmp_path / "scratch", time.monotonic() + 0.5
    folder.mkdir()

    def write() -> None:
        while time.monotonic() < end:
            folder.mkdir(exist_ok=True)
            for turn in range(200):
                with contextlib.suppress(OSError):
                    (folder / f"{turn}.lock").write_text("")

    writer = threading.Thread(target=write)
    writer.start()
    remove_folder(str(folder), tries=1)
    writer.join()
    remove_folder(str(folder))
    assert not folder.exists()
