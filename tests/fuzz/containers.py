"""Files of tensors in every container that is read, written by hand so that any part of them can be wrong.

Each writer takes tensors and a generator of random numbers, and how much is to be wrong: 0 gives a whole file.

One long file: five containers that share their writers.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

Tensors = Mapping[str, np.ndarray]
Random = np.random.Generator

#: What a number, a size, a name or a whole value of a header may be replaced by.
JUNK: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 255, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30, -(2**63), 0.0, 1.5, float("nan"), 1e308, "", "x", "0",
    "F32", "\ud800", "\x00", "a\nb", "[/b]", "\x1b[31m", "=1+1", "../x", None, True, [], [0], [1, 2], {}, {"a": 1}, [[[]]],
)  # fmt: skip
#: NumPy's type -> the name in a safetensors header.
_NAMES = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u1": "U8",
    "b1": "BOOL",
}
#: The same -> what torch.save calls a storage of it.
_STORAGES = {
    "f8": "DoubleStorage", "f4": "FloatStorage", "f2": "HalfStorage", "i8": "LongStorage", "i4": "IntStorage",
    "i2": "ShortStorage", "i1": "CharStorage", "u1": "ByteStorage", "b1": "BoolStorage",
}  # fmt: skip
#: Bytes that the dictionary of a packed member spans; zipfile's spans 8 MiB, which are cleared for every member.
SPAN = 1 << 16
#: Made by a pickle that is executed; whoever finds it has run code.
CANARY = "S6FLOW_FUZZ_CANARY"


def pick(rng: Random, options: Any) -> Any:
    """One of them; not NumPy's choice, which makes arrays of what it is given."""
    return options[int(rng.integers(len(options)))]


def damaged(rng: Random, data: bytes) -> bytes:
    """Bytes flipped, cut, doubled, inserted, zeroed or swapped."""
    content = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        place, size = int(rng.integers(0, len(content) + 1)), int(rng.integers(0, 1 + min(64, len(content))))
        match int(rng.integers(0, 6)):
            case 0:
                for at in rng.integers(0, max(len(content), 1), 3) if content else ():
                    content[at] ^= 1 << int(rng.integers(8))
            case 1:
                del content[place:]
            case 2:
                content[place:place] = content[place : place + size]
            case 3:
                content[place:place] = rng.bytes(size)
            case 4:
                content[place : place + size] = bytes(len(content[place : place + size]))
            case _:
                del content[place : place + size]
    return bytes(content)


def _code(array: np.ndarray) -> str:
    return array.dtype.str[1:]


def _twist(rng: Random, value: Any, depth: int = 0) -> Any:
    """A JSON value with one part replaced by junk, removed or moved."""
    if depth < 4 and isinstance(value, dict) and value and rng.random() < 0.8:
        key, found = pick(rng, list(value)), dict(value)
        match int(rng.integers(0, 5)):
            case 0:
                del found[key]
            case 1:
                found[str(pick(rng, JUNK))] = found.pop(key)
            case _:
                found[key] = _twist(rng, found[key], depth + 1)
        return found
    if depth < 4 and isinstance(value, list) and value and rng.random() < 0.7:
        place = int(rng.integers(len(value)))
        part = [_twist(rng, value[place], depth + 1)] if rng.random() < 0.7 else pick(rng, ([], [value[place]] * 2))
        return value[:place] + part + value[place + 1 :]
    if isinstance(value, int) and rng.random() < 0.5:
        return value + int(pick(rng, (-1, 1, 4, 8, -8, 1 << 20)))
    return pick(rng, JUNK)


def safetensors_bytes(rng: Random, tensors: Tensors, wrong: float) -> bytes:
    """One safetensors file."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}} if rng.random() < 0.3 else {}
    place = 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": _NAMES.get(_code(array), "F32"),
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    while rng.random() < wrong:
        header = _twist(rng, header)
    text = json.dumps(header)
    if rng.random() < 0.1 * wrong:
        text = text.replace("{", "[" * 5000, 1)
    if rng.random() < 0.2 * wrong:
        text = text[:-1] + "," + text[1:]
    raw = text.encode()
    length = len(raw) if rng.random() > 0.2 * wrong else int(pick(rng, (0, 7, len(raw) + 8, 2**31, 2**63, 2**64 - 1)))
    return struct.pack("<Q", length) + raw + b"".join(array.tobytes() for array in tensors.values())


def npy_bytes(rng: Random, array: np.ndarray, wrong: float) -> bytes:
    """One array as numpy.save writes it, with junk in its header."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    data = buffer.getvalue()
    if rng.random() < wrong:
        shape = pick(
            rng, ("(-1,)", "(2**70,)", "(True, 2)", "(1.5,)", "[3]", "(3", "()", "(99999999999, 9)", "'x'", "(0, 0)")
        )
        kind = pick(
            rng, ("'|O'", "'<f8'", "'<U9'", "'<M8[s]'", "[('a', '<f4')]", "'<f16'", "'>f4'", "'?'", "{}", "None")
        )
        text = f"{{'descr': {kind}, 'fortran_order': {pick(rng, ('True', 'False', '3', ''))}, 'shape': {shape}, }}"
        text = text if rng.random() < 0.8 else "(" * 300 + text
        version = pick(rng, (b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
        form = "<H" if version == b"\x01\x00" else "<I"
        data = b"\x93NUMPY" + version + struct.pack(form, len(text) + 1) + text.encode() + b"\n" + array.tobytes()
    return damaged(rng, data) if rng.random() < 0.2 * wrong else data


class _Packer:
    """A member by LZMA, as `zipfile.LZMACompressor` packs it with a larger span."""

    def __init__(self) -> None:
        own = [{"id": lzma.FILTER_LZMA1, "dict_size": SPAN, "lc": 3, "lp": 0, "pb": 2}]
        self.packer, self.head = (
            lzma.LZMACompressor(lzma.FORMAT_RAW, filters=own),
            struct.pack("<BBHBI", 9, 4, 5, 93, SPAN),
        )

    def compress(self, data: bytes) -> bytes:
        head, self.head = self.head, b""
        return head + self.packer.compress(data)

    def flush(self) -> bytes:
        return self.compress(b"") + self.packer.flush()


@patch.object(zipfile, "LZMACompressor", _Packer)
def zip_bytes(rng: Random, members: Mapping[str, bytes], wrong: float, kinds: tuple[int, ...]) -> bytes:
    """An archive; what is wrong lies in its directory or in single bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, pick(rng, kinds))
        if rng.random() < 0.05:
            archive.comment = rng.bytes(40)
    content = bytearray(buffer.getvalue())
    if rng.random() < wrong and (start := content.find(b"PK\x01\x02")) > 0:
        entries = []
        while (place := content.find(b"PK\x01\x02", start)) >= 0:
            entries.append(place)
            start = place + 4
        place = pick(rng, entries)
        field, form = pick(
            rng,
            (
                (6, "<H"),
                (8, "<H"),
                (10, "<H"),
                (16, "<I"),
                (20, "<I"),
                (24, "<I"),
                (28, "<H"),
                (30, "<H"),
                (34, "<H"),
                (42, "<I"),
            ),
        )
        largest = 0xFFFF if form == "<H" else 0xFFFFFFFF
        value = pick(rng, (0, 1, 8, 9, 12, 14, 99, largest, largest - 1, int(rng.integers(largest))))
        struct.pack_into(form, content, place + field, value)
    return bytes(content)


def npz_bytes(rng: Random, tensors: Tensors, wrong: float) -> bytes:
    """A NumPy archive."""
    members = {f"{name}.npy": npy_bytes(rng, array, 0.15 * wrong) for name, array in tensors.items()}
    if rng.random() < 0.2 * wrong:
        members[pick(rng, ("x", "x.npy", "/etc/x.npy", "../y.npy", "\x00.npy", "a\nb.npy"))] = rng.bytes(30)
    stored, packed = (
        (zipfile.ZIP_STORED,),
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2),
    )
    return zip_bytes(
        rng, {_utf8(name): data for name, data in members.items()}, 0.3 * wrong, pick(rng, (stored, packed))
    )


def _utf8(name: str) -> str:
    """A name that zipfile can write."""
    return name.encode(errors="replace").decode().replace("\x00", "?") or "?"


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def _number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def _numbers(rng: Random, values: Any, wrong: float) -> bytes:
    parts = [_number(int(value)) for value in values]
    if parts and rng.random() < wrong:
        junk = (
            b"N",
            b"G" + struct.pack(">d", 1.5),
            _number(-1),
            _number(2**40),
            _number(2**62),
            _number(2**70),
            _number(0),
            b"]",
            _text("x"),
        )
        parts[int(rng.integers(len(parts)))] = pick(rng, junk)
    return b"(" + b"".join(parts) + b"t"


def _tensor(rng: Random, array: np.ndarray, key: str, wrong: float, old: bool) -> bytes:
    """The opcodes of one tensor; the storage is named, as persistent references are."""
    kind = (
        _STORAGES.get(_code(array), "FloatStorage")
        if rng.random() > wrong
        else pick(rng, ("UntypedStorage", "QInt8Storage", "x"))
    )
    count = array.size if rng.random() > wrong else int(pick(rng, (0, 1, 2**40, array.size + 1)))
    tail = (b"N" if old else b"") if rng.random() > 0.1 * wrong else _text("x")
    reference = (
        b"("
        + _text("storage")
        + f"ctorch\n{kind}\n".encode()
        + _text(key)
        + _text("cpu")
        + _number(count)
        + tail
        + b"tQ"
    )
    strides = [stride // array.itemsize for stride in array.strides]
    if rng.random() < wrong:
        strides = [0] * len(strides)
    maker = pick(
        rng,
        ("_rebuild_tensor_v2",) * 8
        + ("_rebuild_parameter", "_rebuild_tensor", "_rebuild_qtensor", "_rebuild_tensor_v3"),
    )
    maker = maker if rng.random() < wrong else "_rebuild_tensor_v2"
    offset = _number(0 if rng.random() > wrong else int(pick(rng, (-1, 1, 2**40, 2**64))))
    body = reference + offset + _numbers(rng, array.shape, 0.5 * wrong) + _numbers(rng, strides, 0.5 * wrong)
    return f"ctorch._utils\n{maker}\n".encode() + b"(" + body + b"\x89" + b"ccollections\nOrderedDict\n)R" + b"tR"


#: Opcodes that stand alone, put in at random.
_LOOSE = (
    b"N", b"(", b"t", b"u", b"s", b"e", b"a", b"R", b"b", b"Q", b"]", b"}", b")", b"2", b"0", b"q\x00", b"h\x00", b"h\x01", b"\x85",
    b"\x86", b"\x87", b"\x81", b"K\x05", b"\x8a\x02\xff\x7f", b"r\x00\x00\x00\x00", b"X\xff\xff\xff\xff", b"\x80\x04", b"\x95" + bytes(8), b".",
)  # fmt: skip
_HARM = (
    f"cos\nmkdir\n(X{struct.pack('<I', len(CANARY)).decode()}{CANARY}tR".encode(),
    b"cbuiltins\neval\n(" + _text(f"__import__('os').mkdir('{CANARY}')") + b"tR",
    b"cos\nsystem\n(" + _text(f"mkdir {CANARY}") + b"tR",
    b"c__builtin__\nbytearray\n(" + _number(2**31 - 1) + b"tR",
    b"ctorch.hub\nload\n(tR", b"cnumpy\narray\n(]tR", b"cargparse\nNamespace\n)\x81", b"csubprocess\nPopen\n(]tR",
)  # fmt: skip


def torch_pickle(rng: Random, tensors: Tensors, wrong: float, old: bool) -> bytes:
    """A state dict as torch.save pickles it, whole or with opcodes that it would not write."""
    parts = [
        _text(name) + _tensor(rng, array, str(place), 0.1 * wrong, old)
        for place, (name, array) in enumerate(tensors.items())
    ]
    if rng.random() < 0.3 * wrong:
        parts.insert(int(rng.integers(len(parts) + 1)), _text("extra") + pick(rng, _HARM))
    if rng.random() < 0.3 * wrong:
        parts.insert(int(rng.integers(len(parts) + 1)), pick(rng, _LOOSE) * int(pick(rng, (1, 2, 1000))))
    body = b"}q\x00(" + b"".join(parts) + b"u"
    if rng.random() < 0.3:
        body = b"}" + _text(pick(rng, ("model", "state_dict", "module"))) + body + b"s"
    if rng.random() < 0.1 * wrong:
        body += _text("model") + b"h\x00s"  # itself
    if rng.random() < 0.1 * wrong:
        body = b")" + b"q\x05h\x05\x86" * 200 + b"0" + body
    return b"\x80\x02" + body + b"."


def torch_bytes(rng: Random, tensors: Tensors, wrong: float) -> bytes:
    """An archive of torch.save, or a file of the layout before it."""
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    if rng.random() < 0.6:
        members = {
            "m/data.pkl": torch_pickle(rng, arrays, wrong, False),
            "m/byteorder": pick(rng, (b"little", b"little", b"big")),
        }
        members |= {f"m/data/{place}": array.tobytes() for place, array in enumerate(arrays.values())}
        if rng.random() < 0.2 * wrong:
            del members[pick(rng, list(members))]
        kinds = (zipfile.ZIP_STORED,) if rng.random() > 0.1 * wrong else (zipfile.ZIP_DEFLATED,)
        return zip_bytes(rng, members, 0.3 * wrong, kinds)
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    about = b"\x80\x02}(" + _text("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + b"".join(_text(str(place)) for place in range(len(arrays))) + b"e."
    numbers = b"".join(
        struct.pack("<q", array.size if rng.random() > 0.05 * wrong else 7) + array.tobytes()
        for array in arrays.values()
    )
    return magic + b"\x80\x02M\xe9\x03." + about + torch_pickle(rng, arrays, wrong, True) + keys + numbers


WRITERS: dict[str, Callable[[Random, Tensors, float], bytes]] = {
    ".safetensors": safetensors_bytes,
    ".npz": npz_bytes,
    ".pt": torch_bytes,
}


def json_file(rng: Random, path: Path, content: Any, wrong: float) -> None:
    """A JSON file, twisted, deep, damaged, or no file at all."""
    while rng.random() < wrong:
        content = _twist(rng, content)
    raw = json.dumps(content).encode()
    if rng.random() < 0.1 * wrong:
        raw = b"[" * 20_000
    if rng.random() < 0.2 * wrong:
        raw = damaged(rng, raw)
    if rng.random() < 0.05 * wrong:
        os.mkfifo(path)
        return
    path.write_bytes(raw)
