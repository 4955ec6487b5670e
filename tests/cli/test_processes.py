"""Worker processes end with whoever started them, and a folder takes one run at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s6flow.errors import FormatError
from s6flow.processes import alone_in, tied

WORKER = """
import multiprocessing, os, sys, time
from s6flow.processes import end_with_parent

def work(path):
    end_with_parent()
    with open(path, "w") as stream:
        stream.write(str(os.getpid()))
    time.sleep(120)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],))
    child.start()
    child.join()
"""


def _lives(number: int) -> bool:
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    script, said = tmp_path / "parent.py", tmp_path / "pid"
    script.write_text(WORKER)
    with subprocess.Popen([sys.executable, str(script), str(said)]) as parent:
        limit = time.monotonic() + 120
        while not (said.exists() and said.read_text()) and time.monotonic() < limit:
            time.sleep(0.05)
        number = int(said.read_text())
        assert _lives(number)
        parent.kill()
        parent.wait()
        limit = time.monotonic() + 30
        while _lives(number) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not _lives(number)


TIED = """
import signal, sys
from pathlib import Path
from s6flow.processes import tied

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background work with it ignored
with tied(["sh", "-c", "sleep 120 & echo $! > said.new; mv said.new said; wait"], Path("."), {}) as process:
    process.communicate()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_a_tied_program_started_ends_with_us(number: signal.Signals, tmp_path: Path) -> None:
    """As coqc of make: a grandchild, which no signal to the parent reaches."""
    with subprocess.Popen([sys.executable, "-c", TIED], cwd=tmp_path, stderr=subprocess.DEVNULL) as parent:
        limit = time.monotonic() + 60
        while not (tmp_path / "said").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        grandchild = int((tmp_path / "said").read_text())
        assert _lives(grandchild)
        parent.send_signal(number)
        parent.wait(20)
    limit = time.monotonic() + 20
    while _lives(grandchild) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not _lives(grandchild)


def test_a_tied_program_tells_its_status_and_its_output(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import os, sys; print(os.getcwd()); print('e', file=sys.stderr); sys.exit(7)"]
    with tied(words, tmp_path, {}) as process:
        out, errors = process.communicate()
    assert (out, errors, process.returncode) == (f"{tmp_path}\n", "e\n", 7)


def test_a_folder_takes_one_run_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with alone_in(folder), pytest.raises(FormatError, match="one run"), alone_in(folder):
        raise AssertionError("two at once")
    with alone_in(folder, shared=True):
        with alone_in(folder, shared=True):
            pass
        with pytest.raises(FormatError, match="one run"), alone_in(folder):
            raise AssertionError("two at once")
    with alone_in(folder):
        assert list(folder.iterdir()) == []
    assert os.listdir(folder) == []


_LATE = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)  # registered first, so it runs last
sys.argv = ["s6flow", "theorem", "scaling"]
from s6flow.cli import main
main()
"""


def test_an_interrupt_behind_the_last_line_of_output_says_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _LATE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_ends_without_looking_through_its_objects_again() -> None:
    told = "import atexit, gc, sys; atexit.register(lambda: print('kept', gc.get_freeze_count()))"
    called = "from s6flow.cli import main; main({})"
    for words, argument in (("'figures', '--list'", ""), ("", "['figures', '--list']")):
        script = f"{told}; sys.argv = ['s6flow', {words}]; {called.format(argument)}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        count = int(done.stdout.splitlines()[-1].removeprefix("kept "))
        assert (count > 1000) is not bool(argument), "a caller's own process is left as it is"
