"""NumPy archives: whole zip files of arrays, of which nothing is missing, doubled or larger than it says."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.numeric.weights.stored import FLOATS, TensorInfo, TensorStore

__all__ = ["DAMAGE", "NpzStore", "whole_members"]

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
_LARGE, _GROWTH = 256 << 20, 50


class NpzStore(TensorStore):
    """A NumPy archive; headers are read from each member, arrays on demand, pickles never."""

    format = "npz"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, str] = {}
        self._last: tuple[str, np.ndarray] | None = None
        found: dict[str, TensorInfo] = {}
        try:
            with zipfile.ZipFile(path) as archive:
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
        if self._last is not None and self._last[0] == name:  # heads of one tensor are read one after the other
            return self._last[1]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._members[name]) as handle:
                array = np.lib.format.read_array(handle, allow_pickle=False)
                if handle.read(1):
                    raise ValueError("bytes behind the array")
        except DAMAGE as error:
            raise FormatError("an npz member must be a whole array", error, f"{self.path} {name}") from error
        self._last = name, array
        return array

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        array = self.array(name)
        info = self.infos[name]
        if array.shape != info.shape or _kind(array.dtype) != info.dtype:
            raise FormatError("an npz member must stay what it was when it was opened", None, f"{self.path} {name}")
        row = FLOATS[info.dtype]
        chosen = array if lead is None else array[lead]
        return np.ascontiguousarray(chosen, dtype=row.native).view(row.bits)


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
            if member.file_size > max(_LARGE, _GROWTH * member.compress_size):
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
