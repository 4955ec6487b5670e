"""Files written whole or not at all, and never over what is not theirs.

A regular file is replaced in one step by a finished one with its mode and owner; links are followed. What is no regular
file (a device, a pipe, the standard output) is written through to.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from s6flow.errors import FormatError

__all__ = ["atomic_path", "check_output", "is_stream", "refuse_clashes", "write_atomic"]

Name = str | os.PathLike[str]
_ANYONE = 0o222
_LONGEST_SUFFIX = 16


def _status(path: Name) -> os.stat_result | None:
    """Of what a path leads to; None where there is nothing yet.

    Raises: FormatError: links in a circle, a part of the path that is no folder or may not be entered.
    """
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _refused(path, getattr(error, "strerror", None) or str(error)) from error


def _refused(path: Name, why: object) -> FormatError:
    return FormatError("an output must be a file that can be written", why, str(path), "Choose another.")


def _descriptor(found: os.stat_result) -> int | None:
    """1 or 2 where a path leads to what this process already writes to as standard output or error."""
    for number in (1, 2):
        with suppress(OSError):
            there = os.fstat(number)
            if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino):
                return number
    return None


def is_stream(path: Name) -> bool:
    """Whether a path leads to something that is written through to: no regular file, or the standard output."""
    found = _status(path)
    return found is not None and (not stat.S_ISREG(found.st_mode) or _descriptor(found) is not None)


def check_output(path: Name) -> None:
    """Refuse what cannot be written, before any work is done; nothing is made or changed.

    Raises: FormatError: a folder, a read-only file (for the superuser, too), a file whose owner would change, a folder
        that cannot be written.
    """
    found = _status(path)
    if found is None:
        folder = Path(os.path.realpath(path)).parent
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise _refused(path, f"a folder that cannot be written, {folder}")
        return
    if stat.S_ISDIR(found.st_mode):
        raise _refused(path, "a folder")
    if _descriptor(found) is not None:
        return
    if not found.st_mode & _ANYONE or not os.access(path, os.W_OK):
        raise _refused(path, "a read-only file")
    superuser = not hasattr(os, "geteuid") or os.geteuid() == 0
    if stat.S_ISREG(found.st_mode) and not superuser and found.st_uid != os.geteuid():
        raise _refused(path, "a file of another user")


@contextmanager
def atomic_path(path: Name, mode: int = 0o666) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error.

    Args:
        path: the file to write; missing parent folders are made. What is no regular file gets the content written
            through to it when the block ends.
        mode: permissions of a file that was not there, less the umask; one that was there keeps its own, and its owner.
    Raises: FormatError: if it cannot be written.
    """
    check_output(path)
    found = _status(path)
    through = found is not None and is_stream(path)
    real = Path(os.path.realpath(path))
    folder = Path(tempfile.gettempdir()) if through else real.parent
    temporary = folder / _new_name(real.suffix)
    try:  # from before the file is there: a signal may come while it is made
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode if found is None else 0o600))
        except OSError as error:
            raise FormatError(
                "output needs a folder that can be written", error.strerror, str(folder), "Choose another."
            ) from error
        yield temporary
        if through:
            _write_through(temporary, path)
        else:
            if found is not None:
                _dress(temporary, found)
            temporary.replace(real)
    except BrokenPipeError:
        raise  # whoever read the output has gone, which is no error of the output
    except OSError as error:
        raise _refused(path, error.strerror) from error
    finally:
        with suppress(OSError):  # its folder is none
            temporary.unlink(missing_ok=True)


def _new_name(suffix: str) -> str:
    """A name that nobody guesses; that of two files is the same once in 10^19."""
    return f".s6flow-{secrets.token_hex(8)}{suffix if len(suffix) <= _LONGEST_SUFFIX else ''}"


def _dress(temporary: Path, like: os.stat_result) -> None:
    """Owner first: changing it takes away special permission bits."""
    own = temporary.stat()
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.chown(temporary, like.st_uid, like.st_gid)
    temporary.chmod(stat.S_IMODE(like.st_mode))


def _write_through(source: Path, path: Name) -> None:
    found = _status(path)
    number = None if found is None else _descriptor(found)
    with source.open("rb") as content, _opened(path, number) as target:
        shutil.copyfileobj(content, target)


def _opened(path: Name, number: int | None) -> BinaryIO:
    """What this process already has open is written where it stands: a second opening would begin at its start."""
    if number is None:
        return open(path, "wb")
    stream = sys.stdout if number == 1 else sys.stderr
    if stream is not None:
        stream.flush()
    return os.fdopen(os.dup(number), "wb")


def write_atomic(path: Name, content: str | bytes, mode: int = 0o666) -> Path:
    """Write `content` to `path` in one step, so that an interruption leaves the old file or the new one.

    Halves of surrogate pairs, which UTF-8 cannot hold, are written as escapes.
    """
    with atomic_path(path, mode) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str) else content)
    return Path(path)


def _identity(path: Name) -> tuple[object, ...]:
    """Equal for two paths that lead to one file, or would: through links, and whatever the spelling."""
    found = _status(path)
    if found is not None:
        return found.st_dev, found.st_ino
    real = Path(os.path.realpath(path))
    folder = _status(real.parent)
    return (str(real),) if folder is None else (folder.st_dev, folder.st_ino, real.name)


def refuse_clashes(outputs: Mapping[str, Sequence[Name]], inputs: Mapping[str, Sequence[Name]]) -> None:
    """Refuse an output that is one of a command's inputs or another output; before any work.

    Args:
        outputs, inputs: what the user calls it -> the paths.
    Raises: FormatError: on the first clash, and as `check_output`.
    """
    nothing = _identity(os.devnull) if os.path.exists(os.devnull) else None
    taken = {_identity(path): (f"the input {name}", path) for name, paths in inputs.items() for path in paths}
    for name, paths in outputs.items():
        for path in paths:
            check_output(path)
            key = _identity(path)
            if key == nothing:  # what is thrown away may be thrown away twice
                continue
            if key in taken:
                other, spelt = taken[key]
                rule = "every output needs a file of its own, which is no input"
                raise FormatError(rule, f"{name} {path}, which is {other} {spelt}", "", "Choose another name.")
            taken[key] = (f"the output {name}", path)
