"""Processes that work for another one: they end with it, and only one works in a folder at a time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path

from s6flow.errors import FormatError

__all__ = ["alone_in", "end_with_parent"]


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
