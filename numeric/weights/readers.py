"""File formats: each reader lists the tensors of a file and reads those that are asked for, nothing else."""

from __future__ import annotations

import json
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights.stored import FLOATS, StoredTensor, TensorInfo

__all__ = ["READERS", "NamedStores", "NpzStore", "SafetensorsStore", "ShardedStore", "TensorStore", "open_file"]

#: What zipfile, zlib and NumPy's header parser raise on damaged or encrypted archives.
_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, ValueError, SyntaxError, EOFError, OSError, RuntimeError, KeyError)
_NATIVE = {row.native: name for name, row in FLOATS.items() if row.native}


class TensorStore(ABC):
    """A file of tensors: `infos` costs a header, `read` one tensor."""

    format: str
    infos: Mapping[str, TensorInfo]

    @abstractmethod
    def bits(self, name: str, lead: int | None) -> np.ndarray:
        """The raw numbers of a tensor, or of its slice `lead` along the first axis."""

    def read(self, name: str, lead: int | None = None) -> StoredTensor:
        """One tensor, or its slice `lead` along the first axis.

        Raises: FormatError: if it is not stored as a plain float, or cannot be read.
        """
        dtype = self.infos[name].dtype
        if dtype not in FLOATS:
            raise FormatError(f"tensors must be stored as one of {', '.join(FLOATS)}", dtype, name)
        return StoredTensor(self.bits(name, lead), dtype)


class SafetensorsStore(TensorStore):
    """One safetensors file; reads by offset, so that only the asked bytes enter memory."""

    format = "safetensors"
    _MAX_HEADER = 100 << 20

    def __init__(self, path: Path) -> None:
        self.path = path
        self.infos = self._infos = dict[str, TensorInfo]()
        self._begin: dict[str, int] = {}
        size = path.stat().st_size
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if size < 8 or length > min(self._MAX_HEADER, size - 8):
                raise self._broken(f"{size} bytes", "the header ends inside the file")
            try:
                header = json.loads(handle.read(length))
                rows = {key: row for key, row in header.items() if key != "__metadata__"}
                for key, row in rows.items():
                    self._add(key, row, 8 + length, size)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
                raise self._broken(type(error).__name__, "the header is a table of tensors") from error

    def _broken(self, value: str, rule: str) -> FormatError:
        return FormatError(f"a safetensors file needs that {rule}", value, str(self.path), "Download it again.")

    def _add(self, key: str, row: Any, base: int, size: int) -> None:
        shape, (begin, end) = tuple(map(int, row["shape"])), map(int, row["data_offsets"])
        dtype = str(row["dtype"])
        if min((*shape, begin, end - begin)) < 0:
            raise ValueError("negative extent")
        if base + end > size:
            raise self._broken(f"{size} of {base + end} bytes", f"tensor {key} ends inside the file (truncated)")
        if dtype in FLOATS and end - begin != prod(shape) * np.dtype(FLOATS[dtype].bits).itemsize:
            raise self._broken(f"{end - begin} bytes", f"tensor {key} of shape {shape} {dtype} fills its bytes")
        self._infos[key] = TensorInfo(shape, dtype)
        self._begin[key] = base + begin

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        info, begin = self.infos[name], self._begin[name]
        shape, kind = info.shape, np.dtype(FLOATS[info.dtype].bits)
        if lead is not None:
            shape = shape[1:]
            begin += lead * prod(shape) * kind.itemsize
        # Plain reads rather than a memory map, whose pages would count as memory until the file is closed.
        with self.path.open("rb") as handle:
            handle.seek(begin)
            found = np.fromfile(handle, dtype=kind, count=prod(shape))
        if found.size != prod(shape):
            raise self._broken(f"{found.size} of {prod(shape)} numbers", f"tensor {name} is whole")
        return found.reshape(shape)


class NpzStore(TensorStore):
    """A NumPy archive; headers are read from each member, arrays on demand, pickles never."""

    format = "npz"

    def __init__(self, path: Path) -> None:
        self.path = path
        found: dict[str, TensorInfo] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.endswith(".npy"):
                        with archive.open(member) as handle:
                            found[member.removesuffix(".npy")] = _npy_info(handle)
        except _BROKEN_ZIP as error:
            raise FormatError("an npz file must be a whole zip archive of arrays", error, str(path)) from error
        self.infos = found

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                array = archive[name]
        except _BROKEN_ZIP as error:
            raise FormatError("an npz member must be a whole array", error, f"{self.path} {name}") from error
        row = FLOATS[self.infos[name].dtype]
        chosen = array if lead is None else array[lead]
        return np.ascontiguousarray(chosen, dtype=row.native).view(row.bits)


def _npy_info(handle: Any) -> TensorInfo:
    version = np.lib.format.read_magic(handle)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(handle)
    little = dtype.newbyteorder("<").str if dtype.kind == "f" else dtype.str
    return TensorInfo(tuple(int(n) for n in shape), _NATIVE.get(little, dtype.name))


class ShardedStore(TensorStore):
    """Several files that together hold one checkpoint."""

    def __init__(self, shards: Sequence[TensorStore], where: str) -> None:
        self.format = f"{shards[0].format}, {len(shards)} shards"
        self._home: dict[str, TensorStore] = {}
        for shard in shards:
            for name in shard.infos:
                if name in self._home:
                    raise SourceError(
                        "the shards of a checkpoint must not repeat a tensor", name, where, "Name one file."
                    )
                self._home[name] = shard
        self.infos = {name: shard.infos[name] for name, shard in self._home.items()}

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        return self._home[name].bits(name, lead)


class NamedStores(TensorStore):
    """Several models side by side: every tensor has the name of its file in front, with a slash."""

    def __init__(self, stores: Mapping[str, TensorStore], where: str) -> None:
        if not stores:
            raise SourceError("several models need at least one file", "none", where)
        self.format = f"{next(iter(stores.values())).format}, {len(stores)} models"
        self._home = {f"{key}/{name}": (store, name) for key, store in stores.items() for name in store.infos}
        self.infos = {key: store.infos[name] for key, (store, name) in self._home.items()}

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        store, inner = self._home[name]
        return store.bits(inner, lead)


def _torch(path: Path) -> TensorStore:
    from s6flow.numeric.weights.pickled import TorchStore

    return TorchStore(path)


#: Suffix to reader; a file with another suffix is told by its first bytes.
READERS: dict[str, Callable[[Path], TensorStore]] = {
    ".safetensors": SafetensorsStore,
    ".npz": NpzStore,
    ".pt": _torch,
    ".pth": _torch,
    ".ckpt": _torch,
    ".bin": _torch,
}


def _probe(path: Path) -> str | None:
    """The suffix that the file's content deserves, or None."""
    with path.open("rb") as handle:
        start = handle.read(16)
    if start[:2] == b"PK" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return ".npz" if any(name.endswith(".npy") for name in archive.namelist()) else ".pt"
    if start[:1] == b"\x80":
        return ".pt"
    return ".safetensors" if start[8:9] == b"{" else None


def open_file(path: Path) -> TensorStore:
    """Open one weights file by its suffix, or by its content when the suffix says nothing.

    Raises: SourceError: if it is empty, unreadable or of no known format; FormatError: if it is damaged.
    """
    try:
        if path.stat().st_size == 0:
            raise FormatError("a weights file must not be empty", "0 bytes", str(path), "Download it again.")
        suffix = path.suffix.lower() if path.suffix.lower() in READERS else _probe(path)
        if suffix is None:
            known = ", ".join(READERS)
            raise SourceError(
                "a weights file must be of a known format",
                path.suffix or "no suffix",
                str(path),
                f"Known: {known}.",
            )
        return READERS[suffix](path)
    except OSError as error:
        raise SourceError("a weights file must be readable", error.strerror or error, str(path)) from error
