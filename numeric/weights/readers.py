"""File formats: which reader opens a file, and several files as one."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights.archives import DAMAGE, NpzStore, bounded_zip
from s6flow.numeric.weights.pickled import TorchStore
from s6flow.numeric.weights.safetensors import SafetensorsStore
from s6flow.numeric.weights.stored import TensorStore

__all__ = [
    "READERS",
    "NamedStores",
    "NpzStore",
    "SafetensorsStore",
    "ShardedStore",
    "TensorStore",
    "open_file",
    "probed_suffix",
]


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


#: Suffix to reader; a file with another suffix is told by its first bytes.
READERS: dict[str, Callable[[Path], TensorStore]] = {
    ".safetensors": SafetensorsStore,
    ".npz": NpzStore,
    ".pt": TorchStore,
    ".pth": TorchStore,
    ".ckpt": TorchStore,
    ".bin": TorchStore,
}


def probed_suffix(path: Path) -> str | None:
    """The suffix that the file's content deserves, or None."""
    with path.open("rb") as handle:
        start = handle.read(16)
    if start[:2] == b"PK":
        try:
            with bounded_zip(path) as archive:
                return ".npz" if any(name.endswith(".npy") for name in archive.namelist()) else ".pt"
        except DAMAGE as error:
            raise FormatError("a zip archive must be whole", error, str(path)) from error
    if start[:1] == b"\x80":
        return ".pt"
    return ".safetensors" if start[8:9] == b"{" else None


def open_file(path: Path) -> TensorStore:
    """Open one weights file by its suffix, or by its content when the suffix says nothing.

    Raises: SourceError: if it is empty, unreadable or of no known format; FormatError: if it is damaged.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, a device read without end
            raise SourceError("a weights file must be a regular file", "something else", str(path))
        if found.st_size == 0:
            raise FormatError("a weights file must not be empty", "0 bytes", str(path), "Download it again.")
        suffix = path.suffix.lower() if path.suffix.lower() in READERS else probed_suffix(path)
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
