"""A signal that comes while C code runs Python code is answered, not swallowed with the exceptions that C clears."""

from __future__ import annotations

import ctypes
import enum
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from s6flow import cli

HELD = hasattr(enum.EnumType, "__getattr__")  # what NumPy's lookups run, before Python 3.12


class _Word(enum.IntEnum):
    ENDED = 3


#: Stands in the place of the lookup, in the file of enumerations, and interrupts itself.
_LOOKUP = """
def __getattr__(cls, name):
    if not sent:
        sent.append(name)
        signal.raise_signal(number)
    raise AttributeError(name)
"""


def _at_a_lookup(number: signal.Signals) -> None:
    """Send the signal at the moment at which NumPy asks a member for an attribute that it does not have."""
    given: dict[str, Any] = {"signal": signal, "number": number, "sent": []}
    exec(compile(_LOOKUP, enum.__file__, "exec"), given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enum.EnumType, "__getattr__", given["__getattr__"])
        np.array([1, 3]) == _Word.ENDED  # noqa: B015
    assert given["sent"], "NumPy asks nothing any more: the handler's reason is gone"


class _Cleared:
    """Its end is a place whose exceptions C clears."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def _at_an_end(number: signal.Signals) -> None:
    held = [_Cleared(number)]
    held.clear()


def _in_a_callback(number: signal.Signals) -> None:
    """C's qsort wants a number of its callback, and gets one whatever that raises."""
    compared = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    sort, numbers = ctypes.CDLL(None).qsort, (ctypes.c_int * 2)(2, 1)
    sort(numbers, 2, ctypes.sizeof(ctypes.c_int), compared(lambda one, two: signal.raise_signal(number) or 0))


def _while_it_is_imported(number: signal.Signals) -> None:
    """A module that is not wanted at any price."""
    with suppress(BaseException):
        signal.raise_signal(number)


def _behind_another(number: signal.Signals) -> None:
    """An interrupt that C takes for a library that is missing."""
    try:
        signal.raise_signal(number)
    except BaseException:
        raise ImportError("multiarray failed to import")  # noqa: B904


SWALLOWED = [_at_an_end, _in_a_callback, _while_it_is_imported, _behind_another]


def _run(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> int:
    """Exit status of a command that does some work and then has more of it, where a signal must end it."""

    @click.command()
    def busy() -> None:
        work()
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            time.sleep(0.01)

    monkeypatch.setattr(cli.cli, "get_command", lambda context, name: busy)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    began = time.monotonic()
    try:
        with pytest.raises(SystemExit) as end:
            cli.main(["busy"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 15, "the signal came to nothing"
    return int(end.value.code or 0)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", SWALLOWED + [_at_a_lookup] * HELD)
def test_a_signal_ends_the_command_wherever_it_comes(
    work: Callable[[signal.Signals], None],
    number: signal.Signals,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(monkeypatch, lambda: work(number)) == status
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "no file was left half written" in said


def test_a_signal_that_comes_to_nothing_at_the_very_end_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that is over before the signal is sent again."""

    @click.command()
    def short() -> None:
        _at_an_end(signal.SIGINT)

    monkeypatch.setattr(cli.cli, "get_command", lambda context, name: short)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as end:
            cli.main(["short"])
        time.sleep(5 * cli.RESEND_AFTER)  # nothing is sent behind the end
    finally:
        signal.signal(signal.SIGINT, before)
    assert end.value.code == 130
    assert "Interrupted" in capsys.readouterr().err


def test_what_cleans_is_not_cut_short_by_the_first_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception under way is not lost: nothing is sent again, and SIGTERM does not come twice."""
    cleaned = list[str]()

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            limit = time.monotonic() + 10 * cli.RESEND_AFTER
            while time.monotonic() < limit:
                time.sleep(0.001)
            signal.raise_signal(signal.SIGTERM)
            cleaned.append("all")

    assert _run(monkeypatch, work) == 143
    assert cleaned == ["all"]


def _without_the_handler(work: Callable[[signal.Signals], None]) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [_at_an_end, _in_a_callback, *[_at_a_lookup] * HELD])
def test_without_the_handler_such_an_interrupt_is_lost(work: Callable[[signal.Signals], None]) -> None:
    """The reason for the handler: what is raised there is cleared."""
    _without_the_handler(work)


@pytest.mark.skipif(sys.platform != "linux", reason="groups of processes")
def test_workers_leave_ctrl_c_to_the_command(tmp_path: Path) -> None:
    """A process that is spawned hears nothing of it from its start on, nor what it starts; SIGTERM ends it."""
    script = tmp_path / "main.py"
    script.write_text(_SPAWNING)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, start_new_session=True)  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (["True", "False", "False", "-15"], "")


#: Prints whether a child hears SIGINT without and within; the group is interrupted within while the child begins.
_SPAWNING = """
import multiprocessing, os, signal, time
from s6flow.processes import deaf_children
def hears(said):
    said.put(signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []))
def both(said, other):
    child = context.Process(target=hears, args=(said,))
    child.start()
    child.join()
    hears(other)
    time.sleep(100)
context = multiprocessing.get_context("spawn")
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    said, other = context.Queue(), context.Queue()
    process = context.Process(target=hears, args=(said,))
    process.start()
    process.join()
    print(said.get(timeout=60))
    with deaf_children():
        process = context.Process(target=both, args=(said, other))
        process.start()
        try:
            os.killpg(0, signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            pass
        print(said.get(timeout=60), other.get(timeout=60))
        process.terminate()
        process.join()
        print(process.exitcode)
"""


@pytest.mark.parametrize("ignored", [True, False])
def test_what_the_shell_ignores_stays_ignored(ignored: bool) -> None:
    """As after `nohup s6flow ... &`."""
    script = f"""
import signal
signal.signal(signal.SIGINT, signal.{"SIG_IGN" if ignored else "default_int_handler"})
from s6flow.cli import ended_by_signal as during
with during():
    print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ignored)
