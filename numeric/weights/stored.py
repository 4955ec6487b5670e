"""Floating-point numbers as checkpoints store them, decoded without any tensor library, and what a file of them offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from s6flow.errors import FormatError

__all__ = ["FLOATS", "LARGEST_WEIGHT", "FloatFormat", "KeptStore", "StoredTensor", "TensorInfo", "TensorStore"]


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format.

    Args:
        bits: the unsigned integer type that holds one number.
        mantissa: bits of the stored fraction.
        native: NumPy's name of it, or None where NumPy has none and the upper half of a float32 is meant.
    """

    bits: str
    mantissa: int
    native: str | None

    @property
    def epsilon(self) -> float:
        """Spacing of numbers just above 1."""
        return float(2.0**-self.mantissa)


#: Format names are those of the safetensors header; anything else is withheld by name, never guessed.
FLOATS: dict[str, FloatFormat] = {
    "F64": FloatFormat("<u8", 52, "<f8"),
    "F32": FloatFormat("<u4", 23, "<f4"),
    "F16": FloatFormat("<u2", 10, "<f2"),
    "BF16": FloatFormat("<u2", 7, None),
}
#: Models compute in float32 or below: a larger float64 number is an infinity to them, and products of a few such numbers
#: would leave float64, too.
LARGEST_WEIGHT = float(np.finfo(np.float32).max)
_LARGEST_BITS = int(np.float64(LARGEST_WEIGHT).view("<u8"))
#: Numbers that are looked at together: what passes over them stays in a core's cache.
_PART = 1 << 15


@dataclass(frozen=True)
class TensorInfo:
    """Shape and storage format of a tensor that has not been read."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """The bits of one tensor.

    Args:
        bits: unsigned integers of the format's width, in the tensor's shape.
        dtype: a key of `FLOATS`.
    Raises: FormatError: if the format is not a plain float.
    """

    bits: np.ndarray
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in FLOATS:
            raise FormatError(f"tensors must be stored as one of {', '.join(FLOATS)}", self.dtype)

    @property
    def format(self) -> FloatFormat:
        """The format's row in the table."""
        return FLOATS[self.dtype]

    @cached_property
    def values(self) -> Float64[np.ndarray, "*shape"]:
        """`float64`, kept and read-only, for several readers of one tensor."""
        values = self.float64()
        values.setflags(write=False)
        return values

    def float64(self) -> Float64[np.ndarray, "*shape"]:
        """The exact values; every stored format embeds in float64."""
        with np.errstate(invalid="ignore"):  # a signalling NaN
            if self.format.native is None:
                return (self.bits.astype("<u4") << np.uint32(16)).view("<f4").astype(np.float64)
            return self.bits.view(self.format.native).astype(np.float64)

    def beyond_float32(self, values: Float64[np.ndarray, "*shape"]) -> NDArray[np.bool_] | None:
        """Which of the values are finite, but no float32 numbers; None where the format has no such numbers."""
        if self.format.bits != "<u8" or not values.size or max(values.max(), -values.min()) <= LARGEST_WEIGHT:
            return None
        return np.isfinite(values) & (np.abs(values) > LARGEST_WEIGHT)

    @property
    def usual(self) -> bool:
        """Whether every entry is a number of float32, as nearly all tensors have it."""
        bits = self.bits.dtype.itemsize * 8 - 1
        infinity = (1 << bits) - (1 << self.format.mantissa)  # all bits of the exponent, none of the fraction
        return self._census[1] <= (_LARGEST_BITS if bits == 63 else infinity - 1)

    def subnormals(self) -> int:
        """How many entries are nonzero but below the smallest normal number of their format."""
        return self._census[0]

    @cached_property
    def _census(self) -> tuple[int, int]:
        """Subnormal entries, and the bits of the largest without its sign: one pass that counts only where it must."""
        unsigned = self.bits.dtype.type
        mask = unsigned((1 << (8 * self.bits.dtype.itemsize - 1)) - 1)
        last = unsigned((1 << self.format.mantissa) - 1)
        flat, count, largest = self.bits.reshape(-1), 0, unsigned(0)
        room = np.empty(min(_PART, flat.size), flat.dtype)
        for start in range(0, flat.size, _PART):
            part = flat[start : start + _PART]
            magnitude = np.bitwise_and(part, mask, out=room[: part.size])
            largest = max(largest, magnitude.max())
            if magnitude.min() <= last:
                # A zero wraps to the largest integer, so one comparison tells 1..2^mantissa-1 from all else.
                np.subtract(magnitude, unsigned(1), out=magnitude)
                count += int(np.count_nonzero(magnitude < last))
        return count, int(largest)


class TensorStore(ABC):
    """A file of tensors: `infos` costs a header, `read` one tensor."""

    format: str
    infos: Mapping[str, TensorInfo]

    @abstractmethod
    def bits(self, name: str, lead: int | None) -> np.ndarray:
        """The raw numbers of a tensor, or of its slice `lead` along the first axis."""

    def read(self, name: str, lead: int | None = None) -> StoredTensor:
        """One tensor, or its slice `lead` along the first axis.

        Raises: FormatError: if it is not stored as a plain float, cannot be read, or is not what its header says.
        """
        info = self.infos[name]
        if info.dtype not in FLOATS:
            raise FormatError(f"tensors must be stored as one of {', '.join(FLOATS)}", info.dtype, name)
        bits = self.bits(name, lead)
        wanted = info.shape if lead is None else info.shape[1:]
        if bits.shape != wanted:
            raise FormatError("a tensor must have the shape that its header says", f"{bits.shape} for {wanted}", name)
        return StoredTensor(bits, info.dtype)


class KeptStore(TensorStore):
    """Another store; some of its tensors stay once they are read, so that two readers of a layer read it once."""

    def __init__(self, store: TensorStore, names: Collection[str]) -> None:
        self.format, self.infos = store.format, store.infos
        self._store, self._names = store, names
        self._kept: dict[tuple[str, int | None], StoredTensor] = {}

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        return self._store.bits(name, lead)

    def read(self, name: str, lead: int | None = None) -> StoredTensor:
        if name not in self._names:
            return self._store.read(name, lead)
        if (name, lead) not in self._kept:
            self._kept[name, lead] = self._store.read(name, lead)
        return self._kept[name, lead]
