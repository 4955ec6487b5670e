"""Pickles as torch.save writes them, read by a machine that builds plain containers and notes about tensors.

Nothing is imported and nothing is called: a name of a class or function is looked up in the table below, and what stands
there makes a note. Every opcode costs one step of a budget, no value is compared or hashed that could be deep, and no
method here calls itself, so that cyclic, deep and shared containers end like any other.

One long file: a machine with one method for each opcode.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["STORAGES", "TYPE_SIZES", "Called", "Damaged", "Note", "Storage", "TensorNote", "read_pickle"]

#: Opcodes of one pickle; a tensor takes about 40, and a second does a million.
MOST_STEPS = 1_000_000
#: Sizes, strides and offsets are counts of 63 bits, on at most so many axes.
_LARGEST, _MOST_AXES = 1 << 63, 64

#: What torch.save calls a storage -> (type of a number, its bytes).
STORAGES: dict[str, tuple[str, int]] = {
    "DoubleStorage": ("float64", 8), "FloatStorage": ("float32", 4), "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2), "LongStorage": ("int64", 8), "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2), "CharStorage": ("int8", 1), "ByteStorage": ("uint8", 1), "BoolStorage": ("bool", 1),
    "ComplexFloatStorage": ("complex64", 8), "ComplexDoubleStorage": ("complex128", 16), "QInt8Storage": ("qint8", 1),
    "QUInt8Storage": ("quint8", 1), "QInt32Storage": ("qint32", 4), "QUInt4x2Storage": ("quint4x2", 1),
    "QUInt2x4Storage": ("quint2x4", 1), "UntypedStorage": ("untyped", 1),
}  # fmt: skip
#: Types that a tensor of an untyped storage may have -> bytes of a number.
TYPE_SIZES = dict(STORAGES.values()) | {
    "uint16": 2, "uint32": 4, "uint64": 8, "complex32": 4, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip


class Damaged(Exception):
    """Not a pickle of torch.save's making; the message says where it is not."""


class Called(Exception):
    """A pickle that names what could run: the message is the name."""


@dataclass(frozen=True, eq=False)
class Note:
    """A value of no interest here: a type, a device, a set; hashed by its identity."""

    text: str


@dataclass(frozen=True, eq=False)
class Storage:
    """Where numbers lie.

    Args:
        key: its name in the archive.
        dtype: type of a number.
        size: bytes of a number.
        count: numbers.
    """

    key: str
    dtype: str
    size: int
    count: int


@dataclass(frozen=True, eq=False)
class TensorNote:
    """A tensor that has not been read.

    Args:
        dtype: PyTorch's name of it, as in ``float32``.
        shape, strides, offset: of its numbers in the storage, counted in numbers.
        storage: None where it has no plain numbers of its own.
        reason: then why.
        negative: whether every number stands for its negative.
    """

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] = ()
    offset: int = 0
    storage: Storage | None = None
    reason: str = ""
    negative: bool = False


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise Damaged("a size that is no count")
    return value


def _counts(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or len(values) > _MOST_AXES:
        raise Damaged("sizes that are no counts")
    return tuple(_count(value) for value in values)


def _typed(dtype: str, storage: Any, offset: Any, shape: Any, strides: Any, about: Any) -> TensorNote:
    if not isinstance(storage, Storage):
        raise Damaged("a tensor without a storage")
    sizes, steps = _counts(shape), _counts(strides)
    if len(sizes) != len(steps):
        raise Damaged("a tensor whose sizes and strides differ in number")
    flags = about if isinstance(about, dict) else {}
    if flags.get("conj") is True:
        return TensorNote(dtype, sizes, reason="a conjugate tensor")
    return TensorNote(dtype, sizes, steps, _count(offset), storage, negative=flags.get("neg") is True)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any = None, _hooks: Any = None, about: Any = None
) -> TensorNote:
    return _typed(getattr(storage, "dtype", ""), storage, offset, shape, strides, about)


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, about: Any = None
) -> TensorNote:
    name = dtype.text.removeprefix("torch.") if isinstance(dtype, Note) else ""
    if name not in TYPE_SIZES or not isinstance(storage, Storage) or storage.count * storage.size % TYPE_SIZES[name]:
        raise Damaged("a tensor of an unknown type")
    whole = Storage(storage.key, name, TYPE_SIZES[name], storage.count * storage.size // TYPE_SIZES[name])
    return _typed(name, whole, offset, shape, strides, about)


def _parameter(data: Any = None, *_rest: Any) -> Any:
    return data


def _of_type(function: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    if not isinstance(function, Note) or not isinstance(arguments, tuple) or function.text == _OF_TYPE:
        raise Damaged("a tensor that is made of no tensor")
    return _call(function, arguments)


def _mapping(items: Any = None) -> dict[Any, Any]:
    """A dict given by a dict is that one; given by pairs, as Python 2 wrote it, these are taken out of their list, so that
    whoever names the same ones a thousand times copies nothing a thousand times.
    """
    if isinstance(items, dict):
        return items
    found = dict[Any, Any]()
    if isinstance(items, list):
        for pair in items:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise Damaged("a dict of what are no pairs")
            _put(found, *pair)
        items.clear()
    return found


def _without(reason: str) -> Callable[..., TensorNote]:
    return lambda *arguments: TensorNote("unknown", (), reason=reason)


def _meta(dtype: Any, shape: Any, *_rest: Any) -> TensorNote:
    return TensorNote("meta", _counts(shape), reason="a tensor without values (meta)")


def _noted(name: str) -> Callable[..., Note]:
    return lambda *arguments: Note(name)


_OF_TYPE = "torch._tensor._rebuild_from_type_v2"
_ELSEWHERE = "a tensor without values (of another device)"
_LAYOUT = "a tensor of another layout"
#: The names that a file may use -> what they make. Types, layouts and storages only stand for themselves.
_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _mapping,
    "collections.Counter": _mapping,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    _OF_TYPE: _of_type,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_device_tensor_from_numpy": _without(_ELSEWHERE),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _without(_ELSEWHERE),
    **{
        f"torch._utils._rebuild_{kind}": _without(_LAYOUT)
        for kind in ("sparse_tensor", "qtensor", "nested_tensor", "wrapper_subclass")
    },
    **{
        name: _noted(name)
        for name in (
            "torch.Size", "torch.device", "torch.serialization._get_layout", "torch.Tensor", "builtins.set",
            "builtins.bytearray", "builtins.complex", "_codecs.encode",
        )
    },
}  # fmt: skip
_SCHEMES = {f"per_{kind}" for kind in ("tensor_affine", "tensor_symmetric", "channel_affine", "channel_symmetric")}
_SCHEMES |= {"per_channel_affine_float_qparams"}
_SIGNED, _SHORT, _LONG, _REAL = (struct.Struct(form) for form in ("<i", "<H", "<I", ">d"))
_STOP = ord(".")
#: Old spellings that torch.save still writes for Python 2.
_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def _named(module: str, name: str) -> Note:
    whole = f"{_OLD.get(module, module)}.{name}"
    stands = module == "torch" and (name in STORAGES or name in TYPE_SIZES or name in _SCHEMES)
    if whole in _CALLS or stands or whole == "torch.storage.UntypedStorage":
        return Note(whole)
    raise Called(whole)


def _call(function: Any, arguments: Any) -> Any:
    if not isinstance(function, Note) or function.text not in _CALLS:
        raise Called(function.text if isinstance(function, Note) else "what is no function")
    if not isinstance(arguments, tuple):
        raise Damaged("arguments that are no tuple")
    if function.text == "torch.Size":  # a shape, which tensors without a storage may have as such
        return arguments[0] if arguments else ()
    try:
        return _CALLS[function.text](*arguments)
    except TypeError as error:
        raise Damaged(f"{function.text} of {len(arguments)} arguments") from error


def _storage(identity: Any, known: dict[str, Storage]) -> Storage:
    if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] not in ("storage", b"storage"):
        raise Damaged("a reference to what is no storage")
    _, kind, key, _, count = identity[:5]
    name = kind.text.rpartition(".")[2] if isinstance(kind, Note) else ""
    if name not in STORAGES or not isinstance(key, str):
        raise Damaged("a storage of an unknown type")
    if len(identity) > 5 and identity[5] is not None:
        raise Damaged("a storage that is part of another one")  # written before PyTorch 0.4
    known[key] = Storage(key, *STORAGES[name], _count(count))
    return known[key]


def _put(target: Any, key: Any, value: Any) -> None:
    """A key that is a container could take for ever to hash; no tensor has such a name."""
    if type(target) is not dict:
        raise Damaged("an entry of what is no dict")
    target[key if isinstance(key, str | int | float | bytes | None) else Note("key")] = value


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def take(self, count: int) -> bytes:
        part = self.data[self.place : self.place + count]
        if len(part) < count:
            raise Damaged("it ends too early")
        self.place += count
        return part

    def byte(self) -> int:
        place = self.place
        self.place += 1
        return self.data[place]  # an IndexError behind the end

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + 4096)
        if end < 0:
            raise Damaged("a name without an end")
        return self.take(end - self.place + 1)[:-1].decode()

    def marked(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def keep(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise Damaged("a tuple of more than there is")
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def pop(self) -> Any:
        return self.stack.pop()

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Damaged("an entry of what is no list")
        self.stack[-1].extend(items)

    def entries(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise Damaged("a key without a value")
        for place in range(0, len(items), 2):
            _put(self.stack[-1], items[place], items[place + 1])

    def reduce(self) -> None:
        arguments = self.pop()
        self.stack.append(_call(self.pop(), arguments))

    def build(self) -> None:
        """Attributes of a dict or of a tensor say nothing about its numbers, but an old tensor has them there."""
        self.pop()
        if not isinstance(self.stack[-1], dict | TensorNote | Note):
            raise Damaged("attributes of what has none")


def _steps(m: _Machine) -> dict[int, Callable[[], Any]]:
    """Opcode -> what it does; those that are not here torch.save does not write."""

    def push(value: Any) -> None:
        m.stack.append(value)  # whichever list is the stack by then

    return {
        0x80: m.byte,
        ord("("): m.mark,
        ord("N"): lambda: push(None),
        0x88: lambda: push(True),
        0x89: lambda: push(False),
        ord("J"): lambda: push(m.number(_SIGNED)),
        ord("K"): lambda: push(m.byte()),
        ord("M"): lambda: push(m.number(_SHORT)),
        ord("G"): lambda: push(m.number(_REAL)),
        0x8A: lambda: push(int.from_bytes(m.take(m.byte()), "little", signed=True)),
        ord("X"): lambda: push(m.take(m.number(_LONG)).decode("utf-8", "surrogatepass")),
        ord("U"): lambda: push(m.take(m.byte()).decode("latin-1")),
        ord("C"): lambda: push(m.take(m.byte())),
        ord("B"): lambda: push(m.take(m.number(_LONG))),
        ord(")"): lambda: push(()),
        ord("]"): lambda: push([]),
        ord("}"): lambda: push({}),
        0x85: lambda: m.tuple_of(1),
        0x86: lambda: m.tuple_of(2),
        0x87: lambda: m.tuple_of(3),
        ord("t"): lambda: push(tuple(m.marked())),
        ord("q"): lambda: m.keep(m.byte()),
        ord("r"): lambda: m.keep(m.number(_LONG)),
        ord("h"): lambda: push(m.memo[m.byte()]),
        ord("j"): lambda: push(m.memo[m.number(_LONG)]),
        ord("a"): lambda: m.append([m.pop()]),
        ord("e"): lambda: m.append(m.marked()),
        ord("s"): lambda: m.entries([m.pop(), m.pop()][::-1]),
        ord("u"): lambda: m.entries(m.marked()),
        ord("c"): lambda: push(_named(m.line(), m.line())),
        ord("R"): m.reduce,
        0x81: m.reduce,
        ord("b"): m.build,
        ord("Q"): lambda: push(_storage(m.pop(), m.storages)),
    }


def read_pickle(data: bytes, place: int = 0) -> tuple[Any, int, dict[str, Storage]]:
    """The value of the pickle that begins at a place, where it ends, and the storages that it names.

    Raises: Damaged: no whole pickle of the kind that torch.save writes, or more than `MOST_STEPS` of them.
        Called: it names a function or class that no state dict needs.
    """
    machine = _Machine(data, place)
    steps = _steps(machine)
    try:
        for _ in range(MOST_STEPS):
            code = machine.byte()
            if code == _STOP:
                return machine.pop(), machine.place, machine.storages
            steps[code]()
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise Damaged(f"byte {machine.place} makes no sense") from error
    raise Damaged(f"more than {MOST_STEPS} opcodes")
