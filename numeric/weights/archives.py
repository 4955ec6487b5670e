"""NumPy archives: whole zip files of arrays, of which nothing is missing, doubled or larger than it says."""

from __future__ import annotations

import io
import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from s6flow.errors import FormatError
from s6flow.numeric.weights.stored import FLOATS, TensorInfo, TensorStore

__all__ = [
    "DAMAGE",
    "KEPT_BYTES",
    "LARGE_MEMBER",
    "MOST_ARRAYS",
    "REREAD_BYTES",
    "BoundedFile",
    "NpzStore",
    "behind_header",
    "bounded_zip",
    "whole_members",
]

#: What zipfile, its decompressors and NumPy's header parser raise on damaged or encrypted archives.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, struct.error, ValueError, SyntaxError, EOFError,
    OSError, RuntimeError, RecursionError, LookupError, TypeError, AttributeError, MemoryError, OverflowError,
)  # fmt: skip
_NATIVE = {row.native: name for name, row in FLOATS.items() if row.native}
#: A local header of a zip file: 26 bytes of no interest here, then the lengths of a name and of an extra field.
_LOCAL = struct.Struct("<26xHH")
#: Sizes and checksum may follow a member's data.
_DESCRIPTOR = 24
#: A member above this size [byte] that grows by more than this factor when it is read is no array of weights.
LARGE_MEMBER, _GROWTH = 256 << 20, 50
#: Bytes of the directory of an archive: about 100,000 members, whose table takes a second and 100 MB.
_LARGEST_DIRECTORY = 8 << 20
#: Arrays of a NumPy archive; each of them is opened to see its shape.
MOST_ARRAYS = 8_192
#: Bytes of arrays that are kept, so that heads of one tensor do not each read it all again.
KEPT_BYTES = 256 << 20
#: Bytes that heads which cannot be kept may make one read in all.
REREAD_BYTES = 4 << 30


class BoundedFile(io.FileIO):
    """A file of which not more is read at once than an archive's directory may have, while `most` says so.

    `most` is that many bytes, or None for any number; beyond it `read` raises ValueError.
    """

    most: int | None = _LARGEST_DIRECTORY

    def read(self, size: int | None = -1) -> Any:
        whole = size is None or size < 0
        wanted = os.fstat(self.fileno()).st_size - self.tell() if whole else size
        if self.most is not None and wanted > self.most:  # type: ignore[operator]
            raise ValueError(f"a directory of more than {self.most} bytes")
        return super().read(size)


@contextmanager
def bounded_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose table of contents is no larger than any real one's.

    Raises: ValueError: it is larger; as `zipfile`, see `DAMAGE`.
    """
    with BoundedFile(path) as handle, zipfile.ZipFile(handle) as archive:
        handle.most = None
        yield archive


def behind_header(handle: BinaryIO, offset: int) -> int:
    """Where the data of a member begin, from its local header.

    Raises: ValueError, struct.error: there is no such header.
    """
    handle.seek(offset)
    header = handle.read(_LOCAL.size)
    if header[:4] != b"PK\x03\x04":
        raise ValueError(f"no member at byte {offset}")
    return offset + _LOCAL.size + sum(_LOCAL.unpack(header))


class NpzStore(TensorStore):
    """A NumPy archive; headers are read from each member, arrays on demand, pickles never.

    Args:
        path: the file. `kept` holds the arrays of which heads were read, name -> array, the oldest first.
    Raises: FormatError: it is no whole zip archive of arrays.
    """

    format = "npz"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, str] = {}
        self.kept: dict[str, np.ndarray] = {}
        self._lock = Lock()
        found: dict[str, TensorInfo] = {}
        try:
            with bounded_zip(path) as archive:
                if len(archive.infolist()) > MOST_ARRAYS:
                    raise ValueError(f"more than {MOST_ARRAYS} members")
                for member in whole_members(path, archive):
                    with archive.open(member) as handle:  # compares the name with that before the data
                        if not member.filename.endswith(".npy"):
                            continue
                        name = member.filename.removesuffix(".npy")
                        found[name] = _info(handle, member)
                        self._members[name] = member.filename
        except DAMAGE as error:
            raise FormatError("an npz file must be a whole zip archive of arrays", error, str(path)) from error
        self.infos = found

    def array(self, name: str) -> np.ndarray:
        """One array of whatever plain type.

        Raises: FormatError: if it is damaged, or holds objects.
        """
        if name in self.kept:
            return self.kept[name]
        try:
            with bounded_zip(self.path) as archive, archive.open(self._members[name]) as handle:
                array = np.lib.format.read_array(handle, allow_pickle=False)
                if handle.read(1):
                    raise ValueError("bytes behind the array")
        except DAMAGE as error:
            raise FormatError("an npz member must be a whole array", error, f"{self.path} {name}") from error
        return array

    def keep(self, name: str, array: np.ndarray) -> None:
        """Keep an array for its other heads, in at most `KEPT_BYTES`: heads of a few tensors are read in turn.

        What was kept first goes first.

        Raises: FormatError: it is too large to be kept, and its heads are so many that reading it anew has no end.
        """
        if array.nbytes > KEPT_BYTES // 4 and len(array) * array.nbytes > REREAD_BYTES:
            rule = f"stacked heads in an npz file may have at most {KEPT_BYTES // 4} bytes"
            raise FormatError(rule, array.nbytes, f"{self.path} {name}", "Convert it to safetensors.")
        self.kept[name] = array
        while sum(one.nbytes for one in self.kept.values()) > KEPT_BYTES:
            del self.kept[next(iter(self.kept))]

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        with self._lock:  # heads that are read side by side share what is kept
            return self._bits(name, lead)

    def _bits(self, name: str, lead: int | None) -> np.ndarray:
        array = self.array(name)
        info = self.infos[name]
        if array.shape != info.shape or _kind(array.dtype) != info.dtype:
            raise FormatError("an npz member must stay what it was when it was opened", None, f"{self.path} {name}")
        if lead is not None and name not in self.kept:
            self.keep(name, array)
        row = FLOATS[info.dtype]
        chosen = array if lead is None else array[lead]
        return np.asarray(chosen, dtype=row.native, order="C").view(row.bits)


def whole_members(path: Path, archive: zipfile.ZipFile) -> Iterable[zipfile.ZipInfo]:
    """The members of an archive, which must follow one another from its first byte to its directory.

    A directory that lost an entry leaves a gap, and one that names a member twice an overlap.
    Raises: ValueError: a gap, an overlap, a name that stands twice, or a member that grows beyond measure.
    """
    members = sorted(archive.infolist(), key=lambda member: member.header_offset)
    if len({member.filename.removesuffix(".npy") for member in members}) < len(members):
        raise ValueError("a name stands twice")
    end = 0
    with path.open("rb") as handle:
        for member in members:
            if not 0 <= member.header_offset - end <= (_DESCRIPTOR if end else 0):
                raise ValueError(f"a member is missing before {member.filename}")
            if member.file_size > max(LARGE_MEMBER, _GROWTH * member.compress_size):
                raise ValueError(f"{member.filename} grows from {member.compress_size} to {member.file_size} bytes")
            handle.seek(member.header_offset)
            end = member.header_offset + _LOCAL.size + sum(_LOCAL.unpack(handle.read(_LOCAL.size)))
            end += member.compress_size
    if members and not 0 <= archive.start_dir - end <= _DESCRIPTOR:
        raise ValueError(f"a member is missing after {members[-1].filename}")
    return members


def _info(handle: Any, member: zipfile.ZipInfo) -> TensorInfo:
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(handle)
    sizes = tuple(int(size) for size in shape)
    if min(sizes, default=0) < 0 or any(isinstance(size, bool) for size in shape):
        raise ValueError(f"shape {shape} of {member.filename}")
    if not dtype.hasobject and handle.tell() + prod(sizes) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename} has {member.file_size} bytes, not those of shape {shape}")
    return TensorInfo(sizes, _kind(dtype))


def _kind(dtype: np.dtype[Any]) -> str:
    little = dtype.newbyteorder("<").str if dtype.kind == "f" else dtype.str
    return _NATIVE.get(little, dtype.name)
