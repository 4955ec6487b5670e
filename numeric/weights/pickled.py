"""PyTorch files, read without PyTorch: a pickle makes notes of tensors and nothing else, and numbers are read by offset."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights.archives import DAMAGE, behind_header, bounded_zip
from s6flow.numeric.weights.opcodes import Called, Damaged, Storage, TensorNote, read_pickle
from s6flow.numeric.weights.stored import FLOATS, TensorInfo, TensorStore

__all__ = ["TorchStore", "innermost_dict", "is_archive", "named_tensors"]

#: Keys under which training programs keep the weights beside optimiser state and counters.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "params", "weights")
#: What PyTorch calls the types that are read.
NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}

#: Levels and entries of a state dict, and letters of all its names; real ones have a few levels, at most some hundred
#: thousand entries, and names of some 50 letters.
_DEEPEST, _MOST_ENTRIES, _MOST_LETTERS = 32, 1_000_000, 64 << 20
#: A file's pickle holds names and shapes, no numbers.
_LARGEST_PICKLE = 64 << 20
#: The first two values of a file of the layout before PyTorch 1.6, which is no archive.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
#: Bytes of the count before the numbers of a storage there.
_COUNT = 8


class TorchStore(TensorStore):
    """A .pt/.pth/.ckpt/.bin file: what its pickle says of tensors is read when it is opened, numbers on demand.

    Plain reads rather than a memory map: a file that is cut while it is read is then an error, and no signal.

    Args:
        path: the file. `extents` says where each storage lies: its key -> the byte of its header (of an old file, of its
            numbers) and its length [byte]; `big_endian` is the order of its bytes.
    Raises: FormatError: the file is damaged. SourceError: loading it would run code.
    """

    format = "torch"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.extents: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}
        self.big_endian = False
        try:
            content = self._archive() if is_archive(path) else self._sequence()
        except Called as error:
            raise SourceError(
                "a checkpoint must hold tensors only, and this one would execute code when loaded",
                f"a call of {error}",
                str(path),
                "It was not loaded; convert it to safetensors where you trust it.",
            ) from error
        except (Damaged, *DAMAGE) as error:
            raise self._damaged(error) from error
        self._tensors = named_tensors(innermost_dict(content), str(path))
        self.infos = {key: TensorInfo(note.shape, self.kind_of(note)) for key, note in self._tensors.items()}

    def _damaged(self, why: object) -> FormatError:
        rule = "a PyTorch file must be whole and made by torch.save"
        return FormatError(rule, str(why) or type(why).__name__, str(self.path), "Save it again.")

    def _archive(self) -> Any:
        """The content of an archive, and where in the file each storage lies: torch.save compresses nothing."""
        with bounded_zip(self.path) as archive:
            members = archive.infolist()
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                    raise Damaged(f"the compressed member {member.filename}")
            pickles = [member for member in members if member.filename.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1 or len({member.filename for member in members}) < len(members):
                raise Damaged(f"{len(pickles)} pickles among {len(members)} members")
            if pickles[0].file_size > _LARGEST_PICKLE:
                raise Damaged(f"a pickle of {pickles[0].file_size} bytes")
            folder = pickles[0].filename.removesuffix("data.pkl")
            for member in members:
                if member.filename == f"{folder}byteorder":
                    self.big_endian = archive.read(member)[:3] == b"big"
                if member.filename.startswith(f"{folder}data/"):
                    key = member.filename.removeprefix(f"{folder}data/")
                    self.extents[key] = member.header_offset, member.file_size
            content, *_ = read_pickle(archive.read(pickles[0]))
        return content

    def _sequence(self) -> Any:
        """The content of an old file: five pickles one after the other, then every storage with its length."""
        with self.path.open("rb") as handle:
            data = handle.read(_LARGEST_PICKLE)
        place, parts, sizes = 0, list[Any](), dict[str, Storage]()
        for _ in range(5):
            value, place, named = read_pickle(data, place)
            parts.append(value)
            sizes |= named
            if type(parts[0]) is not int or parts[0] != _MAGIC:
                raise Damaged("no mark of torch.save")
        _, protocol, about, content, keys = parts
        if type(protocol) is not int or protocol != _PROTOCOL or not isinstance(keys, list):
            raise Damaged("an unknown layout")
        self.big_endian = isinstance(about, dict) and about.get("little_endian") is False
        for key in keys:
            if not isinstance(key, str) or key not in sizes:
                raise Damaged("a storage that no tensor has")
            length = sizes[key].count * sizes[key].size
            self.extents[key] = place + _COUNT, length
            self._counts[key] = sizes[key].count
            place += _COUNT + length
        if place > self.path.stat().st_size:
            raise Damaged(f"{self.path.stat().st_size} of {place} bytes")
        return content

    def kind_of(self, note: TensorNote) -> str:
        """The type of a tensor's numbers, as safetensors spells it ("F32"), or in words why they cannot be read."""
        if note.reason or note.storage is None:
            return note.reason
        count, last = 1, note.offset
        for size, step in zip(note.shape, note.strides, strict=True):
            count *= size
            last += max(size - 1, 0) * step
        if count and last >= note.storage.count:
            return "a tensor beyond its storage"
        if count > note.storage.count:
            return "a tensor that repeats its numbers"  # expanded: made dense it could be of any size
        if count and note.storage.key not in self.extents:
            return "a tensor whose numbers are missing"
        return NAMES.get(note.dtype, f"torch.{note.dtype}")

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        note = self._tensors[name]
        storage, row = note.storage, FLOATS[NAMES[note.dtype]]
        assert storage is not None, "a tensor that can be read has a storage"
        shape, strides, first = note.shape, note.strides, note.offset
        if lead is not None:
            first, shape, strides = first + lead * strides[0], shape[1:], strides[1:]
        span = 1 + sum(max(size - 1, 0) * step for size, step in zip(shape, strides, strict=True))
        if 0 in shape:
            return np.empty(shape, row.bits)
        numbers = self._numbers(storage, first, span, np.dtype(row.bits), name)
        steps = [
            step * storage.size if size > 1 else 0 for size, step in zip(shape, strides, strict=True)
        ]  # any fits one
        found = np.lib.stride_tricks.as_strided(numbers, shape, steps)
        found = np.array(found, dtype=row.bits, order="C")
        if note.negative:
            found = found ^ found.dtype.type(1 << (8 * storage.size - 1))
        return found

    def _numbers(self, storage: Storage, first: int, count: int, kind: np.dtype[Any], name: str) -> np.ndarray:
        """Numbers of a storage as they lie there."""
        try:
            begin, length = self.extents[storage.key]
            if length < storage.count * storage.size:
                raise Damaged(f"{length} of {storage.count * storage.size} bytes of a storage")
            with self.path.open("rb") as handle:
                if not self._counts:
                    begin = behind_header(handle, begin)
                elif _counted(handle, begin) != self._counts[storage.key]:
                    raise Damaged("a storage of another length")
                handle.seek(begin + first * storage.size)
                found = np.fromfile(handle, dtype=kind.newbyteorder(">" if self.big_endian else "<"), count=count)
        except (Damaged, *DAMAGE) as error:
            raise self._damaged(error) from error
        if found.size != count:
            raise self._damaged(f"{found.size} of {count} numbers of tensor {name}")
        return found


def _counted(handle: Any, begin: int) -> int:
    """How many numbers an old file says that a storage has."""
    handle.seek(begin - _COUNT)
    return int.from_bytes(handle.read(_COUNT), "little")


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive does.

    Raises: OSError: it cannot be read.
    """
    with path.open("rb") as handle:
        return handle.read(4) == b"PK\x03\x04"


def innermost_dict(content: Any) -> Any:
    """The innermost state dict under the usual wrapper keys (`WRAPPERS`); a dict of tensors beside such a key is no wrapper.

    A dict may hold itself, so that depth is bounded.
    """
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping):
            break
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None or any(isinstance(value, TensorNote) for value in content.values()):
            break
        content = inner
    return content


def named_tensors(content: Any, where: str) -> dict[str, TensorNote]:
    """Every tensor of a nested state dict under its dotted name, in the order of the dict.

    Args:
        content: dicts, tensors and whatever else, which is passed over; where: what an error names.
    Raises: FormatError: dicts in themselves, one that is held so often that its names have no end, or two tensors of one
        name.
    """
    found: dict[str, TensorNote] = {}
    waiting, visits, letters = [("", content, 0)], 0, 0
    while waiting:
        prefix, part, depth = waiting.pop()
        if isinstance(part, TensorNote):
            if prefix in found:
                raise FormatError(
                    "a name must stand for one tensor", prefix[:80], where, "Save the innermost dict alone."
                )
            found[prefix] = part
        if not isinstance(part, Mapping):
            continue
        visits += 1 + len(part)
        if depth > _DEEPEST or visits > _MOST_ENTRIES:
            raise _endless(where)
        for key in reversed(list(part)):
            if isinstance(part[key], TensorNote | Mapping):
                name = key if isinstance(key, str) else str(key)[:80]
                letters += len(prefix) + len(name) + 1
                if letters > _MOST_LETTERS:
                    raise _endless(where)
                waiting.append((f"{prefix}.{name}" if prefix else name, part[key], depth + 1))
    return found


def _endless(where: str) -> FormatError:
    rule = f"a state dict must have at most {_MOST_ENTRIES} entries and {_DEEPEST} levels"
    return FormatError(rule, "more", where, "Save the innermost dict alone.")
