"""Outputs destroy nothing that they name, and every command tells its ends apart by the exit status.

One long file: what an output may be and what may come while it is written is one promise.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from representatives import sweep
from safetensors.numpy import save_file

from s6flow.cli import main
from s6flow.errors import FormatError
from s6flow.files import atomic_path, check_output, refuse_clashes, write_atomic
from s6flow.paper_record import Record


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of one call."""
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command line as a user types it; S is the program."""
    given = {**os.environ, **environment, "S": f"{sys.executable} -m s6flow"}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=given)


#: The command line in a process that hears Ctrl-C: a shell starts background work with it ignored.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from s6flow.cli import main
main()
"""


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more until somebody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(512))
    os.set_blocking(writer, True)
    return reader, writer


def wait_until_blocked(process: int) -> None:
    """Until a process that has begun waits within a write."""
    for _ in range(600):
        time.sleep(0.05)
        with suppress(OSError):
            if Path(f"/proc/{process}/wchan").read_text().endswith("pipe_write"):
                return
        with suppress(OSError):
            if Path(f"/proc/{process}/syscall").read_text().startswith("1 0x1 "):
                return
    raise AssertionError("the command must come to write")


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    shapes = {"A_log": (6, 4), "x_proj.weight": (10, 6), "dt_proj.weight": (6, 2), "dt_proj.bias": (6,), "D": (6,)}
    path = tmp_path / "in.safetensors"
    save_file({f"layers.0.mixer.{key}": rng.normal(size=s).astype(np.float32) for key, s in shapes.items()}, path)
    return path


class TestWhatIsNoFile:
    def test_a_device_stays_a_device(self, tmp_path: Path) -> None:
        write_atomic(os.devnull, "gone")
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
        link = tmp_path / "link"
        link.symlink_to(os.devnull)
        write_atomic(link, "gone")
        assert link.is_symlink()
        assert leftovers(tmp_path) == []

    def test_a_pipe_is_written_through(self, tmp_path: Path) -> None:
        pipe, heard = tmp_path / "pipe", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
        reader.start()
        write_atomic(pipe, "through")
        reader.join(10)
        assert heard == ["through"]
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize("how", ["| cat", "> {out}; cat {out}"])
    def test_the_standard_output_by_its_name(self, tmp_path: Path, how: str) -> None:
        done = shell(f"$S simulate --mu=-1 --csv /dev/stdout {how.format(out=tmp_path / 'x')}")
        lines = done.stdout.splitlines()
        assert any(line.startswith("log_time,x_1") for line in lines)
        assert "wrote /dev/stdout" in lines
        assert os.path.islink("/dev/stdout")

    def test_a_full_device_is_one_line(self) -> None:
        done = shell("$S simulate --mu=-1 --csv /dev/full")
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "No space left" in done.stderr


class TestWhatIsThere:
    def test_links_are_followed_and_modes_kept(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        real.write_text("old")
        real.chmod(0o600)
        link.symlink_to("real")
        write_atomic(link, "new")
        assert link.is_symlink()
        assert real.read_text() == "new"
        assert stat.S_IMODE(real.stat().st_mode) == 0o600
        dangling = tmp_path / "later"
        dangling.symlink_to("not yet")
        write_atomic(dangling, "new")
        assert (tmp_path / "not yet").read_text() == "new"
        assert leftovers(tmp_path) == []

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser gives files away")
    def test_owners_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs"
        path.write_text("old")
        os.chown(path, 1234, 2345)
        path.chmod(0o640)
        write_atomic(path, "new")
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 2345, 0o640)

    def test_a_new_file_follows_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write_atomic(tmp_path / "new", "x")
            write_atomic(tmp_path / "private", "x", 0o600)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
        assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600

    def test_a_read_only_file_and_a_folder_are_refused_before_work(self, tmp_path: Path) -> None:
        path = tmp_path / "kept"
        path.write_text("old")
        path.chmod(0o444)
        for refused in (path, tmp_path):
            with pytest.raises(FormatError, match=r"read-only|folder"):
                check_output(refused)
            with pytest.raises(FormatError):
                write_atomic(refused, "new")
        assert path.read_text() == "old"
        circle = tmp_path / "circle"
        circle.symlink_to("circle")
        with pytest.raises(FormatError):
            write_atomic(circle, "new")

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "kept"
        path.write_text("old")
        with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
            temporary.write_text(str(1 / 0))
        assert path.read_text() == "old"
        assert leftovers(tmp_path) == []

    def test_a_terminated_command_leaves_no_temporary_file(self, tmp_path: Path) -> None:
        code = "import sys, time; from s6flow import cli, files\n"
        code += "def slow(arguments):\n with files.atomic_path(sys.argv[1]) as path:\n"
        code += "  path.write_text('half'); print('here', flush=True); time.sleep(60)\n"
        code += "cli.run = slow\ncli.main()\n"
        with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "x")], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 128 + signal.SIGTERM
        assert list(tmp_path.iterdir()) == []


class TestClashes:
    @pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
    @pytest.mark.parametrize("way", ["same", "spelt", "link", "hard", "config"])
    def test_an_input_is_never_an_output(
        self, capsys: pytest.CaptureFixture[str], model: Path, option: str, way: str
    ) -> None:
        config = model.parent / "config.json"
        config.write_text("{}")
        target = model
        if way == "spelt":
            target = model.parent / "." / ".." / model.parent.name / model.name
        elif way == "config":
            target = config
        elif way in ("link", "hard"):
            target = model.parent / "other"
            (os.link if way == "hard" else os.symlink)(model, target)
        before = {path: path.read_bytes() for path in (model, config)}
        for source in (model, model.parent):
            code, out, err = run(capsys, "audit", str(source), option, str(target))
            assert (code, out) == (1, "")
            assert "which is the input SOURCE" in err
            assert len(err.splitlines()) == 1
        assert {path: path.read_bytes() for path in (model, config)} == before

    def test_two_outputs_through_links_clash(self, capsys: pytest.CaptureFixture[str], model: Path) -> None:
        first, link = model.parent / "a", model.parent / "b"
        link.symlink_to("a")
        code, _, err = run(capsys, "audit", str(model), "--json", str(first), "--csv", str(link))
        assert code == 1
        assert "which is the output --json" in err
        assert not first.exists()
        code, _, err = run(capsys, "simulate", "--mu=-1", "--csv", str(first) + ".png", "--plot", str(first) + ".png")
        assert code == 1
        assert list(model.parent.glob("a*")) == []

    def test_states_are_an_input(self, capsys: pytest.CaptureFixture[str], model: Path) -> None:
        states = model.parent / "states.npz"
        np.savez(states, a=np.ones((2, 6)))
        before = states.read_bytes()
        code, _, err = run(capsys, "audit", str(model), "--states", str(states), "--json", str(states))
        assert code == 1
        assert "--states" in err
        assert states.read_bytes() == before

    def test_what_is_thrown_away_may_be_thrown_away_twice(self) -> None:
        refuse_clashes({"--a": [os.devnull], "--b": [os.devnull]}, {})

    def test_shipped_audits_go_through_a_device_one_by_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, _, _ = run(capsys, "audit", "--layers", "0", "--shuffles", "2", "--csv", os.devnull)
        assert code == 0
        assert not list(Path(os.devnull).parent.glob("null-*"))

    def test_an_archive_of_an_experiment_is_not_its_configuration(self, tmp_path: Path) -> None:
        pytest.importorskip("torch")
        from s6flow.numeric.experiments.launch import run_experiment

        config = tmp_path / "mine.toml"
        config.write_text("[data]")
        with pytest.raises(FormatError, match="input --config"):
            run_experiment("lm", config, tmp_path / "out", archive=config)
        assert config.read_text() == "[data]"


class TestTerminals:
    @pytest.mark.parametrize(
        "command",
        sweep(
            ("simulate --mu=-1", "simulate --mu=-1 --json", "theorem scaling", "--help"),
            kept=["simulate --mu=-1 --json", "theorem scaling"],
        ),
    )
    def test_full_closed_and_plain(self, command: str) -> None:
        full = shell(f"$S {command} > /dev/full")
        assert full.returncode == 1
        assert len(full.stderr.splitlines()) == 1, full.stderr
        gone = shell(f"$S {command} | true; echo ${{PIPESTATUS[0]}}")
        assert (gone.stdout.strip(), gone.stderr) == ("0", "")
        plain = shell(f"$S {command}", PYTHONIOENCODING="ascii")
        assert (plain.returncode, plain.stderr) == (0, "")
        assert plain.stdout.isascii()
        if "--json" in command:
            json.loads(plain.stdout)

    def test_an_audit_in_ascii(self, model: Path) -> None:
        for option in ("", "--json"):
            done = shell(f"$S audit {model} {option}", PYTHONIOENCODING="ascii")
            assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs stopped processes")
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_command_that_is_stopped_within_a_long_text_goes_on_with_it(self, unbuffered: str) -> None:
        """More than a pipe holds, so that the command is stopped while it waits with a part of its text written."""
        command = [sys.executable, "-m", "s6flow", "simulate", "--mu=-1", "--x0", ",".join(["0.5"] * 2000), "--json"]
        settings = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=settings) as running:
            assert running.stdout is not None
            parts = [os.read(running.stdout.fileno(), 4096)]  # it has begun, and soon waits for a reader
            time.sleep(0.1)
            running.send_signal(signal.SIGSTOP)
            running.send_signal(signal.SIGCONT)
            parts += iter(lambda: os.read(running.stdout.fileno(), 4096), b"")  # type: ignore[union-attr]
        assert running.returncode == 0
        assert sum(map(len, parts)) > 2 << 16
        assert len(json.loads(b"".join(parts))["tokens"]) == 2000

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc says when a process waits")
    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_ends_a_command_whose_reader_does_not_read(self, number: signal.Signals, status: int) -> None:
        """Also where less is to be written than a stream keeps: the end would wait for the reader."""
        for unbuffered in ("", "1"):
            reader, writer = full_pipe()
            settings = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
            command = [sys.executable, "-c", HEARD, "theorem", "scaling"]
            with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE, env=settings) as running:
                os.close(writer)
                try:
                    wait_until_blocked(running.pid)
                    running.send_signal(number)
                    _, said = running.communicate(timeout=30)
                finally:
                    running.kill()
                    os.close(reader)
            assert running.returncode == status
            assert said.decode().endswith("no file was left half written.\n")

    def test_a_pipe_that_does_not_wait_is_one_line(self) -> None:
        reader, writer = full_pipe()
        os.set_blocking(writer, False)
        command = [sys.executable, "-m", "s6flow", "theorem", "scaling"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
        os.close(reader)
        os.close(writer)
        assert done.returncode == 1
        assert done.stderr.startswith("FormatError: the output must be written whole; ")
        assert len(done.stderr.splitlines()) == 1

    def test_a_host_keeps_its_streams(self, tmp_path: Path) -> None:
        """A program that calls a command has its own stream afterwards, unbuffered as it was."""
        code = "import os, sys\nfrom s6flow.cli import main\nbefore = sys.stdout\n"
        code += "try: main(['theorems', '--help'])\nexcept SystemExit: pass\n"
        code += "assert sys.stdout is before\nsys.stdout.write('last')\nos._exit(0)"
        settings = {**os.environ, "PYTHONUNBUFFERED": "1"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=settings)
        assert done.stdout.startswith("Usage: ")
        assert done.stdout.endswith("last")

    def test_a_table_into_a_closed_pipe(self) -> None:
        gone = shell("$S theorems | head -1; echo ${PIPESTATUS[0]}")
        assert gone.stdout.split()[-1] == "0"
        assert gone.stderr == ""


def test_a_run_that_failed_exits_with_three(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--mu=1e300", "--s", "1e300", "--x0", "1e-300,1e90"]
    code, out, err = run(capsys, *arguments, "--json")
    report = json.loads(out)
    assert report["ended"] not in ("horizon", "blow_up")
    assert code == 3
    assert len(err.splitlines()) == 1


def test_an_empty_name_is_an_error_not_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["audit", ""], ["audit", "~nobody-at-all"], ["simulate", "--mu=-1", "--csv", ""]):
        code, out, err = run(capsys, *arguments)
        assert code == 1
        assert out == ""
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"PK\x05\x06" + bytes(18)])
def test_broken_states_are_one_line(capsys: pytest.CaptureFixture[str], model: Path, content: bytes) -> None:
    states = model.parent / "states.npz"
    states.write_bytes(content)
    code, _, err = run(capsys, "audit", str(model), "--states", str(states))
    assert code == 1
    assert len(err.splitlines()) == 1
    np.savez(states, a=np.array([(1, 2.0)], dtype=[("x", int), ("y", float)]))
    code, _, err = run(capsys, "audit", str(model), "--states", str(states))
    assert code == 1
    assert "npz file of numbers" in err


@pytest.mark.parametrize("number", [1, 2])
def test_a_signal_while_the_temporary_file_is_made_leaves_none(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making a file can wait for a disk, and a signal that comes meanwhile is answered as soon as it is there."""
    calls = {1: "open", 2: "close"}
    made = getattr(os, calls[number])

    def interrupted(*given: object) -> None:
        made(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("s6flow.files.os." + calls[number], interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_atomic(tmp_path / "a.py", "x")
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_says_nothing_of_its_folder(tmp_path: Path) -> None:
    words = ["simulate", "--mu=-1", "--a", "1", "--plot", str(tmp_path / "a.png")]
    given = {**os.environ, "MPLCONFIGDIR": "/proc/sys/none", "S6FLOW_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "s6flow", *words], capture_output=True, text=True, check=True, env=given
    )
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert [line for line in done.stderr.splitlines() if not line.startswith("wrote")] == []


RUNS: dict[str, object] = {
    "no kind": {"options": {}},
    "a kind that is a list": {"kind": ["check"], "options": {}},
    "no axes": {"kind": "flow", "options": {}},
    "axes that are a number": {"kind": "flow", "options": {"axes": {"m": 5}}},
    "options of another kind": {"kind": "check", "options": {"backends": 5}},
}


@pytest.mark.parametrize("what", RUNS)
def test_a_folder_that_others_made_is_one_line(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": "s6flow-fleet/1", "tables": [], **RUNS[what]}))  # type: ignore[dict-item]
    with pytest.raises(SystemExit) as end:
        main(["fleet", "report", str(tmp_path)])
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith("FormatError: ")


def test_a_record_of_lists_without_end_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "derivation.json").write_text("[" * 100_000)
    assert Record(tmp_path, "any").read() is None


@pytest.mark.parametrize(("command", "name"), [("flow", "grid.toml"), ("audit", "listed.txt")])
def test_a_pipe_is_no_input_of_a_fleet_and_is_not_waited_for(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(SystemExit) as end:
        main(["fleet", command, str(tmp_path / name), "--out", str(tmp_path / "out")])
    assert end.value.code == 1
    assert "regular file" in capsys.readouterr().err
