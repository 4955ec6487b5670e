"""The standard streams of a command: whole where Python's own lose something, and silent where nobody reads."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

__all__ = ["open_streams", "silence"]


def open_streams() -> None:
    """Streams that the caller closed lead nowhere; their numbers must not become those of the next files that are opened.

    With PYTHONUNBUFFERED a stream of Python's loses the rest of a text of which the system takes a part, as it does where
    a process is stopped in between: what is written here goes on until all is, and leaves with every line.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # as long as the process
        elif isinstance(getattr(stream, "buffer", None), io.FileIO):
            whole = open(stream.fileno(), "w", 1, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115
            setattr(sys, name, whole)


def silence() -> None:
    """Nothing more reaches the standard output, so that closing it at exit does not fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
