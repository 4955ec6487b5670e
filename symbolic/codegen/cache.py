"""The folder of generated code: who owns it is checked before anything in it is believed.

Code that lies there is executed, so that whoever can write there can run code as the user. A folder that is not the
user's, that others can write, or that lies where others could put another in its place is not used.
"""

from __future__ import annotations

import functools
import os
import shutil
import stat
import sys
import tempfile
from multiprocessing import util
from pathlib import Path

from s6flow.text import shown

__all__ = ["cache_folder", "guard_triton", "is_ours", "why_not"]

_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_VARIABLE = "S6FLOW_CACHE"
_TRITON = "TRITON_CACHE_DIR"


def is_ours(found: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user and nobody else can write it."""
    if not hasattr(os, "geteuid"):  # where there are no owners in this sense, the user's folder is private
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS


def why_not(folder: Path) -> str:
    """Why what lies in a folder must not be executed; empty if it may be.

    Args:
        folder: without links, as from `Path.resolve`.
    """
    if not is_ours(folder.stat()):
        return "it belongs to another user or can be written by others"
    for parent in folder.parents:
        found = parent.stat()
        if hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid()):
            return f"{parent} belongs to another user"
        if hasattr(os, "geteuid") and found.st_mode & _OTHERS and not found.st_mode & stat.S_ISVTX:
            return f"others can write {parent}"
    return ""


@functools.cache
def cache_folder() -> Path:
    """$S6FLOW_CACHE, else the user's cache folder; a private temporary folder, with one line, if that will not do.

    A new folder is made for the user alone, whatever the umask. The temporary one is removed when the process ends; the
    processes that it starts share it.
    """
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(os.environ.get(_VARIABLE) or Path(home) / "s6flow").absolute()
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
            folder.chmod(stat.S_IRWXU)
        folder = folder.resolve()
        reason = why_not(folder) if folder.is_dir() else "it is no folder"
        if not reason:
            if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                folder.chmod(stat.S_IRWXU)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
            reason = "it cannot be written"
        where = str(folder)
    except (OSError, RuntimeError, ValueError) as error:
        reason, where = getattr(error, "strerror", None) or str(error), os.environ.get(_VARIABLE) or "the user's cache"
    private = Path(tempfile.mkdtemp(prefix="s6flow-")).resolve()
    util.Finalize(None, shutil.rmtree, (private, True), exitpriority=0)
    line = (
        f"Warning: generated code is not kept in {where}: {reason}. Empty that folder and run chmod 700 on it, or set"
    )
    print(f"{shown(line)} {_VARIABLE} to a folder of your own.", file=sys.stderr)
    os.environ[_VARIABLE] = str(private)
    return private


def guard_triton() -> None:
    """See to it that Triton keeps its compiled kernels, which it loads unchecked, where nobody else can write.

    That is where it keeps them by itself, unless somebody else has a hand in that folder: then, with one line, a folder in
    ours. To be called before a kernel is compiled.
    """
    home = os.environ.get("TRITON_HOME") or os.path.expanduser("~")
    wanted = Path(os.environ.get(_TRITON) or Path(home, ".triton", "cache"))
    try:
        missing = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        reason = why_not(wanted.resolve()) or _strangers(wanted)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    if reason:
        own = cache_folder() / "triton"
        own.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        os.environ[_TRITON] = str(own)
        print(f"Warning: compiled kernels are not kept in {shown(wanted)}: {shown(reason)}.", file=sys.stderr)


def _strangers(folder: Path) -> str:
    """Why what was put into a folder earlier must not be loaded; empty if all of it is the user's."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_ours(entry.stat(follow_symlinks=False)) or entry.is_symlink():
                return f"{entry.name} in it belongs to another user or can be written by others"
    return ""
