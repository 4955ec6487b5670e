"""Numba's compiled code on disk: only what this package wrote, whole, in a folder of the user's own, is read.

Numba's own cache unpickles whatever lies beside the source or in $NUMBA_CACHE_DIR. Here each file is a digest and what it
is the digest of; a file that does not fit, or that is not the user's, counts as absent and is written again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

from numba.core.caching import IndexDataCacheFile, NullCache

from s6flow.errors import FormatError
from s6flow.files import write_atomic
from s6flow.symbolic.codegen.cache import is_ours

__all__ = ["guard"]

_DIGEST = 32  # bytes of SHA-256


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """Index and code of one function."""

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = _read(self._index_path)
        except (OSError, FormatError):
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        _write(self._index_path, (self._version, self._source_stamp, overloads), self._dump)

    def _load_data(self, name: str) -> Any:
        try:
            return _read(self._data_path(name))
        except FormatError as error:
            raise FileNotFoundError(name) from error  # as if it had been removed: it is compiled and written again

    def _save_data(self, name: str, data: Any) -> None:
        _write(self._data_path(name), data, self._dump)


def _read(path: str) -> Any:
    with open(path, "rb") as handle:
        if not is_ours(os.fstat(handle.fileno())):
            raise FormatError("compiled code must be the user's own", None, path)
        content = handle.read()
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise FormatError("compiled code must be whole", None, path)
    return pickle.loads(content[_DIGEST:])


def _write(path: str, content: Any, dump: Any) -> None:
    data = dump(content)
    write_atomic(path, hashlib.sha256(data).digest() + data, 0o600)


def guard(module: ModuleType, folder: Path) -> None:
    """Give every function of a generated module that keeps its code the files above, in a folder that was checked."""
    for function in vars(module).values():
        cache = getattr(function, "_cache", None)
        if cache is None or isinstance(cache, NullCache):
            continue
        files = cache._cache_file
        name = files._index_name.removesuffix(".nbi")
        cache._cache_path = str(folder)
        cache._cache_file = _Files(str(folder), name, files._source_stamp)
