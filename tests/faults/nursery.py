"""A process that has imported what the commands need, and forks each of them: seconds of imports are saved a run.

A command that begins so is `python -m s6flow` behind its imports: its own session, folder, environment and streams, and
Python's usual end. It is a child of the campaign, which waits for it as for one that it started itself.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Nursery"]

#: Libraries of commands; one that is not installed is imported by no command either.
_LIBRARIES = (
    "torch", "torch._dynamo", "numba", "sklearn.datasets", "matplotlib.pyplot", "pandas", "pyarrow.parquet", "sympy", "distributed", "scipy.stats",
    "jinja2", "latex2mathml.converter", "rich.progress", "safetensors.torch", "s6flow.cli", "s6flow.api",
)  # fmt: skip
#: Modules of the package that want a GPU, or run something when they are imported.
_NOT_IMPORTED = ("triton", "__main__", "demo", "gpu")
_ADOPTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER


class Nursery:
    """Starts commands; several threads may ask.

    Args:
        root: folder of the package.
    """

    def __init__(self, root: Path) -> None:
        if ctypes.CDLL(None, use_errno=True).prctl(_ADOPTS_ORPHANS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "a campaign must adopt what it starts")
        given = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=given)  # fmt: skip
        self._lock = threading.Lock()

    def begin(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], errors: Path) -> int:
        """Number of a process that runs a command with nothing on its input, and its errors in a file."""
        asked = {"words": list(words), "folder": str(folder), "environment": dict(environment), "errors": str(errors)}
        assert self._process.stdin is not None, "its input is a pipe"
        assert self._process.stdout is not None, "its output is a pipe"
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """It ends; what it began goes on."""
        assert self._process.stdin is not None, "its input is a pipe"
        self._process.stdin.close()
        self._process.wait()


def _imported() -> None:
    for name in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    import s6flow

    for found in pkgutil.walk_packages(s6flow.__path__, "s6flow.", onerror=lambda name: None):
        if not any(word in found.name for word in _NOT_IMPORTED):
            with suppress(ImportError):
                importlib.import_module(found.name)


def _forked() -> int:
    """0 in the new process; in this one its number. The campaign is its parent: the process between has ended."""
    there, here = os.pipe()
    between = os.fork()
    if not between:
        new = os.fork()
        if not new:
            os.close(there)
            os.close(here)
            return 0
        os.write(here, str(new).encode())
        os._exit(0)
    os.close(here)
    number = int(os.read(there, 20))
    os.close(there)
    os.waitpid(between, 0)
    return number


def _become(words: Sequence[str], folder: str, environment: Mapping[str, str], errors: str) -> None:
    """Run a command as a shell would start it."""
    os.setsid()
    os.chdir(folder)
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (os.devnull, os.O_WRONLY), (errors, os.O_WRONLY))
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # as the environment has it now
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["s6flow", *words]
    status = 1
    try:
        runpy.run_module("s6flow", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    _end(status)


def _end(status: int) -> None:
    """As Python ends, but for the release of thousands of modules, which would take longer than many a command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _serve() -> None:
    """Answer every line on the input by the number of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the campaign
    _imported()
    assert threading.active_count() == 1, "a fork has no other threads"
    gc.collect()
    gc.freeze()
    while line := sys.stdin.readline():
        number = _forked()
        if not number:
            _become(**json.loads(line))
        print(number, flush=True)


if __name__ == "__main__":
    _serve()
