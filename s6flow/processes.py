"""Processes that work for another one: they end with it, and only one works in a folder at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

from s6flow.errors import FormatError

__all__ = ["alone_in", "deaf_children", "end_with_parent", "tied"]

#: Runs a command and ends with it; once nobody holds the other end of its input, it ends itself and all of its group.
_GUARD = """
import os, signal, subprocess, sys, threading
def watch():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
status = child.wait()
os._exit(status if status >= 0 else 128 - status)
"""


def end_with_parent() -> None:
    """In a child process: end at once when the parent has ended, however it did (a killed one tells nobody)."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are spawned within do not hear Ctrl-C, from their first instruction on.

    A terminal sends it to all of a command's processes. The command answers, and ends those that work for it; each of them
    would answer, too, by a traceback of its own.
    """
    from multiprocessing import resource_tracker
    from multiprocessing.context import SpawnProcess

    begin = SpawnProcess.__dict__["_Popen"]

    def begin_deaf(process: SpawnProcess) -> object:
        resource_tracker.ensure_running()  # whoever begins it first has SIGINT unblocked
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return begin.__func__(process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    if os.name != "posix":
        yield
        return
    SpawnProcess._Popen = staticmethod(begin_deaf)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        SpawnProcess._Popen = begin  # type: ignore[method-assign]


@contextmanager
def tied(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A program of someone else's, whose output and errors are pipes; it and all that it starts end with the block.

    They end with this process, too, however that does: a pipe that both hold tells them. Where there are no groups of
    processes, the program alone ends, and only with the block.
    """
    if os.name != "posix":
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()
        return
    other, tie = os.pipe()
    try:
        words = [sys.executable, "-S", "-E", "-c", _GUARD, *command]
        process = subprocess.Popen(words, cwd=folder, env=environment, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip
        os.close(other)
        try:
            yield process
        finally:
            os.close(tie)
            tie = -1
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
    finally:
        if tie >= 0:
            os.close(tie)


@contextmanager
def alone_in(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder, which is made, against other runs until the block or the process ends; nothing is left in it.

    Args:
        shared: whether others that say so may work in it, too, each on its own part.
    Raises: FormatError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # a system without locks of this kind
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "Wait for it, or choose another --out."
            raise FormatError("an output folder takes one run at a time", "another one", str(folder), remedy) from None
        yield
    finally:
        os.close(handle)
