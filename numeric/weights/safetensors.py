"""safetensors files: what the official library refuses is refused here, and only the bytes that are asked for are read."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.numeric.weights.stored import FLOATS, TensorInfo, TensorStore

__all__ = ["SafetensorsStore"]

#: Bits of one number by the names of the format; a name that is not here makes the file unreadable to the library, too.
BITS: dict[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}
#: Of a header. The library takes 100 MB, which as tables of Python need gigabytes; 160,000 tensors fit here.
_MAX_HEADER = 16 << 20
_LARGEST = 1 << 64


class SafetensorsStore(TensorStore):
    """One safetensors file; reads by offset.

    The tensors must cover the bytes behind the header without gap or overlap, and nothing may follow them: bytes that were
    inserted or lost would otherwise shift every tensor behind them.
    """

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.infos = self._infos = dict[str, TensorInfo]()
        self._begin: dict[str, int] = {}
        size = path.stat().st_size
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if size < 8 or length > size - 8:
                raise self._broken(f"{size} bytes", "the header ends inside the file")
            if length > _MAX_HEADER:
                raise self._broken(f"{length} bytes", f"the header has at most {_MAX_HEADER} bytes")
            try:
                rows = _header(handle.read(length))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise self._broken(type(error).__name__, "the header is a table of tensors") from error
        end = 0
        for key, (dtype, shape, offsets) in sorted(rows.items(), key=lambda row: row[1][2]):
            end = self._add(key, dtype, shape, offsets, end, 8 + length)
        if 8 + length + end > size:
            raise self._broken(f"{size} of {8 + length + end} bytes", "its tensors end inside the file (truncated)")
        if 8 + length + end < size:
            raise self._broken(f"{size - 8 - length - end} bytes more", "nothing follows its tensors")

    def _broken(self, value: str, rule: str) -> FormatError:
        return FormatError(f"a safetensors file needs that {rule}", value, str(self.path), "Download it again.")

    def _add(
        self, key: str, dtype: str, shape: tuple[int, ...], offsets: tuple[int, int], expected: int, base: int
    ) -> int:
        """Take a tensor that begins where the one before it ends; where it ends."""
        begin, end = offsets
        if begin != expected or end < begin:
            value = f"bytes {begin} to {end} after {expected}"
            raise self._broken(value, f"its tensors cover its bytes without gap or overlap, as {key} does not")
        bits = prod(shape) * BITS[dtype]
        if bits >= _LARGEST or bits != 8 * (end - begin):
            raise self._broken(f"{end - begin} bytes", f"tensor {key} of shape {shape} {dtype} fills its bytes")
        self._infos[key] = TensorInfo(shape, dtype)
        self._begin[key] = base + begin
        return end

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        info, begin = self.infos[name], self._begin[name]
        shape, kind = info.shape, np.dtype(FLOATS[info.dtype].bits)
        if lead is not None:
            shape = shape[1:]
            begin += lead * prod(shape) * kind.itemsize
        # Plain reads rather than a memory map, whose pages would count as memory until the file is closed.
        try:
            with self.path.open("rb") as handle:
                handle.seek(begin)
                found = np.fromfile(handle, dtype=kind, count=prod(shape))
        except OSError as error:
            raise self._broken(error.strerror or "an error", "it stays until it has been read") from error
        if found.size != prod(shape):
            raise self._broken(f"{found.size} of {prod(shape)} numbers", f"tensor {name} is whole")
        return found.reshape(shape)


def _header(text: bytes) -> dict[str, tuple[str, tuple[int, ...], tuple[int, int]]]:
    """Name -> (dtype, shape, offsets), as strict as the library's own parser.

    Raises: ValueError, KeyError, TypeError, AttributeError, RecursionError: it is not such a table.
    """
    plain = text.decode("utf-8")
    content = json.loads(plain, object_pairs_hook=_once, parse_int=_natural, parse_constant=_no_number)
    if "\\ud" in plain.lower():
        json.dumps(content, ensure_ascii=False).encode()  # refuses half of a surrogate pair
    about = content.pop("__metadata__", None)
    if about is not None and not all(isinstance(value, str) for value in about.values()):
        raise ValueError("metadata that are no strings")
    return {
        key: (_known(row["dtype"]), _extents(row["shape"]), _pair(row["data_offsets"])) for key, row in content.items()
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name that stands twice")
    return found


def _natural(text: str) -> int | float:
    """Counts are natural numbers of 64 bits; any other number is none."""
    return int(text) if text.isdecimal() and len(text) <= 20 and int(text) < _LARGEST else float("nan")


def _no_number(text: str) -> float:
    raise ValueError(text)


def _known(dtype: Any) -> str:
    if dtype not in BITS:
        raise ValueError("an unknown type")
    return str(dtype)


def _extents(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(value) is int for value in values):
        raise TypeError("sizes that are no counts")
    return tuple(values)


def _pair(values: Any) -> tuple[int, int]:
    begin, end = _extents(values)
    return begin, end
