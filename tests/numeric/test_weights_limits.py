"""Stored weights on both sides of every limit: sizes, counts, levels and names, in files made by hand and in planted tables.

One long file: one table of limits, and files made by hand for it.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.weights import archives, locate, pickled
from s6flow.numeric.weights.archives import NpzStore, whole_members
from s6flow.numeric.weights.layer import S6Layer
from s6flow.numeric.weights.opcodes import Storage, TensorNote
from s6flow.numeric.weights.pickled import TorchStore
from s6flow.numeric.weights.safetensors import SafetensorsStore
from s6flow.numeric.weights.stored import TensorInfo

# ---- safetensors


def tensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with this header, a text or what stands in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def row(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [("F4", [2], 1), ("F6_E2M3", [4], 3), ("F6_E3M2", [8], 6), ("BOOL", [3], 3), ("BF16", [3], 6), ("I32", [2], 8), ("F64", [2], 16), ("C64", [1], 8), ("F32", [0, 5], 0), ("F32", [], 4)],
)  # fmt: skip
def test_tensors_of_every_width_fill_their_bytes(tmp_path: Path, dtype: str, shape: list[int], size: int) -> None:
    store = SafetensorsStore(tensors(tmp_path / "x", {"a": row(dtype, shape, 0, size)}, bytes(size)))
    assert store.infos == {"a": TensorInfo(tuple(shape), dtype)}
    for off in (-1, 1):
        if size + off < 0:
            continue
        with pytest.raises(FormatError, match="fills its bytes"):
            SafetensorsStore(tensors(tmp_path / "x", {"a": row(dtype, shape, 0, size + off)}, bytes(size + off)))
        with pytest.raises(FormatError, match="truncated" if off < 0 else "nothing follows"):
            SafetensorsStore(tensors(tmp_path / "x", {"a": row(dtype, shape, 0, size)}, bytes(size + off)))


def test_a_tensor_of_2_to_the_64_bits_is_none(tmp_path: Path) -> None:
    for power, rule in ((61, "fills its bytes"), (60, "truncated")):
        with pytest.raises(FormatError, match=rule):
            SafetensorsStore(tensors(tmp_path / "x", {"a": row("U8", [1 << power], 0, 1 << power)}))


def test_a_header_has_sixteen_mebibytes(tmp_path: Path) -> None:
    text = json.dumps({"a": row("F32", [1], 0, 4)}).encode()
    for size, fits in ((16 << 20, True), ((16 << 20) + 1, False)):
        path = tensors(tmp_path / "x", text.ljust(size), b"\0\0\x80\x3f")
        if fits:
            assert SafetensorsStore(path).bits("a", None).view(np.float32) == 1.0
        else:
            with pytest.raises(FormatError, match="has at most 16777216 bytes"):
                SafetensorsStore(path)


def test_a_header_ends_inside_its_file(tmp_path: Path) -> None:
    for text in (b"", b"\0" * 7):
        (tmp_path / "x").write_bytes(text)
        with pytest.raises(FormatError, match="header ends inside"):
            SafetensorsStore(tmp_path / "x")
    for length, rule in ((2, None), (3, "header ends inside"), (0, "a table of tensors")):
        path = tensors(tmp_path / "x", b"{}" if length else b"", b"", length)
        if rule is None:
            assert SafetensorsStore(path).infos == {}
            continue
        with pytest.raises(FormatError, match=rule):
            SafetensorsStore(path)


@pytest.mark.parametrize(
    ("name", "metadata", "fits"),
    [("\\ud83d\\ude00", '{"a": "b"}', True), ("\\ud83d", "{}", False), ("\\uDE00", "{}", False), ("plain", '{"a": "b", "c": 1}', False), ("plain", '{"a": "\\ud800"}', False), ("plain", "null", True)],
)  # fmt: skip
def test_names_are_whole_and_metadata_text(tmp_path: Path, name: str, metadata: str, fits: bool) -> None:
    text = f'{{"{name}": {json.dumps(row("F32", [1], 0, 4))}, "__metadata__": {metadata}}}'
    path = tensors(tmp_path / "x", text.encode(), bytes(4))
    if fits:
        assert len(SafetensorsStore(path).infos) == 1
        return
    with pytest.raises(FormatError, match="a table of tensors"):
        SafetensorsStore(path)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("0", True), ("7", True), ("18446744073709551615", True), ("18446744073709551616", False), ("1" * 21, False), ("-1", False), ("-0", False), ("007", False), ("1.0", False), ("²", False), ("true", False)],
)  # fmt: skip
def test_counts_are_natural_numbers_of_64_bits(tmp_path: Path, text: str, fits: bool) -> None:
    header = f'{{"a": {{"dtype": "F32", "shape": [0, {text}], "data_offsets": [0, 0]}}}}'
    path = tensors(tmp_path / "x", header.encode(), b"")
    if fits:
        assert SafetensorsStore(path).infos["a"].shape == (0, int(text))
        return
    with pytest.raises(FormatError, match="a table of tensors"):
        SafetensorsStore(path)


# ---- NumPy archives


def member(name: str, offset: int, size: int, grown: int | None = None) -> Any:
    return SimpleNamespace(
        filename=name, header_offset=offset, compress_size=size, file_size=size if grown is None else grown
    )


def headers(path: Path, places: list[tuple[int, int]]) -> Path:
    """A file with local headers at these places, of names of this length."""
    data = bytearray(max(place for place, _ in places) + 30)
    for place, length in places:
        data[place : place + 30] = struct.pack("<26xHH", length, 0)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("first", "gap", "tail", "missing"),
    [(0, 0, 0, None), (0, 24, 24, None), (0, 25, 0, "before b"), (0, -1, 0, "before b"), (1, 0, 0, "before a"), (0, 0, 25, "after b"), (0, 0, -1, "after b")],
)  # fmt: skip
def test_members_follow_one_another(tmp_path: Path, first: int, gap: int, tail: int, missing: str | None) -> None:
    second = first + 31 + 10 + gap
    archive: Any = SimpleNamespace(
        infolist=lambda: [member("b.npy", second, 5), member("a.npy", first, 10)], start_dir=second + 31 + 5 + tail
    )
    path = headers(tmp_path / "x", [(first, 1), (second, 1)])
    if missing is None:
        assert [one.filename for one in whole_members(path, archive)] == ["a.npy", "b.npy"]
        return
    with pytest.raises(ValueError, match=f"a member is missing {missing}"):
        whole_members(path, archive)


@pytest.mark.parametrize(
    ("size", "grown", "fits"),
    [(1, 256 << 20, True), (1, (256 << 20) + 1, False), (6 << 20, 300 << 20, True), (6 << 20, (300 << 20) + 1, False)],
)
def test_members_grow_by_no_more_than_arrays_do(tmp_path: Path, size: int, grown: int, fits: bool) -> None:
    archive: Any = SimpleNamespace(infolist=lambda: [member("a", 0, size, grown)], start_dir=30 + size)
    path = headers(tmp_path / "x", [(0, 0)])
    if fits:
        assert len(list(whole_members(path, archive))) == 1
    else:
        with pytest.raises(ValueError, match=f"a grows from {size} to {grown} bytes"):
            whole_members(path, archive)
    twice: Any = SimpleNamespace(infolist=lambda: [member("a", 0, 1), member("a.npy", 31, 1)], start_dir=62)
    with pytest.raises(ValueError, match="a name stands twice"):
        whole_members(path, twice)


@pytest.mark.parametrize(("count", "fits"), [(8192, True), (8193, False)])
def test_an_archive_has_so_many_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, fits: bool) -> None:
    @contextmanager
    def opened(path: Path) -> Any:
        yield SimpleNamespace(infolist=lambda: [None] * count)

    monkeypatch.setattr(archives, "bounded_zip", opened)
    monkeypatch.setattr(archives, "whole_members", lambda *_: [])
    if fits:
        assert NpzStore(tmp_path).infos == {}
        return
    with pytest.raises(FormatError, match="more than 8192 members"):
        NpzStore(tmp_path)


@pytest.mark.parametrize(("size", "fits"), [(8 << 20, True), ((8 << 20) + 1, False)])
def test_a_directory_is_read_up_to_its_limit(tmp_path: Path, size: int, fits: bool) -> None:
    with (tmp_path / "x").open("wb") as handle:
        handle.truncate(size + 5)
    for wanted in (None, -1, size):
        with archives.BoundedFile(tmp_path / "x") as handle:
            handle.seek(5)
            if fits:
                assert len(handle.read(wanted)) == size
                assert handle.read(0) == b""
            else:
                with pytest.raises(ValueError, match="a directory of more than 8388608 bytes"):
                    handle.read(wanted)
                handle.most = None
                assert len(handle.read(wanted)) == size


def written(path: Path, shape: str, size: int, dtype: str = "<f4") -> Path:
    """An npz file whose only array says that it has this shape."""
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(size))
    return path


@pytest.mark.parametrize(
    ("shape", "size", "fits"),
    [("(2, 3)", 24, True), ("(0, 3)", 0, True), ("()", 4, True), ("(1, 1)", 4, True), ("(-1, -2)", 8, False), ("(2, -1)", 0, False), ("(True, 2)", 8, False), ("(2, 3)", 20, False), ("(2, 3)", 28, False)],
)  # fmt: skip
def test_arrays_have_natural_shapes(tmp_path: Path, shape: str, size: int, fits: bool) -> None:
    path = written(tmp_path / "x.npz", shape, size)
    if fits:
        store = NpzStore(path)
        assert store.infos["a"].shape == eval(shape)
        assert store.bits("a", None).shape == eval(shape)
        return
    with pytest.raises(FormatError, match="whole zip archive of arrays"):
        NpzStore(path)


@pytest.mark.parametrize("other", [("(3, 2)", "<f4"), ("(2, 3)", "<i4")])
def test_an_array_stays_what_it_was(tmp_path: Path, other: tuple[str, str]) -> None:
    store = NpzStore(written(tmp_path / "x.npz", "(2, 3)", 24))
    written(tmp_path / "x.npz", other[0], 24, other[1])
    with pytest.raises(FormatError, match="must stay what it was"):
        store.bits("a", None)


@pytest.mark.parametrize(
    ("heads", "numbers", "fits"),
    [(60, 17_895_697, True), (64, 16_777_216, True), (65, 16_777_216, True), (64, 16_777_280, False), (80, 16_777_300, False)],
)  # fmt: skip
def test_heads_that_cannot_be_kept_are_few(heads: int, numbers: int, fits: bool) -> None:
    """Beyond 64 MiB an array is kept while its heads times its bytes are at most 4 GiB; the numbers need not exist."""
    store = NpzStore.__new__(NpzStore)
    store.path, store.kept = Path("x"), {}
    array = np.broadcast_to(np.float32(0), (heads, numbers // heads))
    assert fits == (array.nbytes <= 64 << 20 or heads * array.nbytes <= 4 << 30)
    if not fits:
        with pytest.raises(FormatError, match="may have at most 67108864 bytes"):
            store.keep("a", array)
        return
    for name in "abcde":
        store.keep(name, array)
    room = (256 << 20) // array.nbytes
    assert list(store.kept) == list("abcde")[5 - room :]


# ---- PyTorch files

NOTE = TensorNote("float32", (2,), (1,), 0, Storage("0", "float32", 4, 2))


def nested(levels: int) -> Any:
    part: Any = {"w": NOTE}
    for _ in range(levels):
        part = {"a": part}
    return part


class Wide(Mapping[str, Any]):
    """So many entries, none of which is a tensor or a table."""

    def __init__(self, entries: int) -> None:
        self.entries = entries

    def __len__(self) -> int:
        return self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)


def test_state_dicts_have_so_many_levels_entries_and_letters() -> None:
    assert list(pickled.named_tensors(nested(32), "here")) == [".".join(["a"] * 32 + ["w"])]
    assert pickled.named_tensors(Wide(999_999), "here") == {}
    name = "n" * ((1 << 20) - 1)
    long = {f"{place:02d}{name[2:]}": NOTE for place in range(64)}
    assert len(pickled.named_tensors(long, "here")) == 64
    two = {"a": Wide(499_997), "b": Wide(499_997)}
    assert pickled.named_tensors(two | {"x": 0}, "here") == {}
    for more in (nested(33), Wide(1_000_000), two | {"x": 0, "y": 0}, {"deep": long}, long | {"": NOTE}):
        with pytest.raises(FormatError, match="at most 1000000 entries and 32 levels"):
            pickled.named_tensors(more, "here")


def test_names_join_the_keys_in_their_order() -> None:
    given = {"a": {"b": NOTE, 10**100: NOTE}, "c": {"d": {"e": NOTE}}, "none": 3, 7: NOTE}
    assert list(pickled.named_tensors(given, "here")) == ["a.b", "a." + "1" + "0" * 79, "c.d.e", "7"]
    with pytest.raises(FormatError, match=r"one tensor; got a\.b at here"):
        pickled.named_tensors({"a": {"b": NOTE}, "a.b": NOTE}, "here")


def test_wrappers_are_taken_off_unless_a_tensor_stands_beside() -> None:
    inner = {"w": NOTE}
    assert pickled.innermost_dict({"step": 3, "state_dict": inner}) is inner
    assert pickled.innermost_dict({"model": {"state_dict": inner}, "epoch": 1}) is inner
    for kept in ({"model": inner, "bias": NOTE, "step": 3}, inner, [inner], {"weights": 3}):
        assert pickled.innermost_dict(kept) is kept


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "kind"),
    [
        ((2, 3), (3, 1), 0, "F32"), ((2, 3), (3, 1), 1, "a tensor beyond its storage"), ((3, 2), (1, 3), 0, "F32"), ((1, 6), (99, 1), 0, "F32"), ((6,), (1,), 0, "F32"),
        ((1,), (1,), 5, "F32"), ((1,), (1,), 6, "a tensor beyond its storage"), ((0, 3), (3, 1), 50, "F32"), ((7,), (0,), 0, "a tensor that repeats its numbers"), ((6,), (0,), 5, "F32"), ((), (), 5, "F32"),
    ],
)  # fmt: skip
def test_tensors_lie_within_their_storage(shape: Any, strides: Any, offset: int, kind: str) -> None:
    store = TorchStore.__new__(TorchStore)
    store.extents = {"0": (0, 24)}
    note = TensorNote("float32", shape, strides, offset, Storage("0", "float32", 4, 6))
    assert store.kind_of(note) == kind
    store.extents = {}
    missing = "F32" if 0 in shape else "a tensor whose numbers are missing"
    assert store.kind_of(note) == (missing if kind == "F32" else kind)
    assert store.kind_of(TensorNote("float32", shape, reason="a sparse tensor")) == "a sparse tensor"


def saved(
    path: Path, order: bytes | None = None, compressed: bool = False, extra: tuple[str, ...] = (), cut: int = 0
) -> Path:
    """What torch.save writes of a table of 3 x 4 numbers."""
    reference = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x0ctQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + reference
        + b"K\x00K\x03K\x04\x86K\x04K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
    )
    numbers = np.arange(12).astype(">f4" if order == b"big" else "<f4").tobytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}X\x01\x00\x00\x00w" + tensor + b"s.")
        if order is not None:
            archive.writestr("x/byteorder", order)
        archive.writestr("x/data/0", numbers[: len(numbers) - cut])
        for name in extra:
            archive.writestr(name, b"\x80\x02}.")
    return path


@pytest.mark.parametrize("order", [None, b"little", b"big"])
def test_numbers_are_read_in_their_order(tmp_path: Path, order: bytes | None) -> None:
    store = TorchStore(saved(tmp_path / "x.pt", order))
    np.testing.assert_array_equal(store.bits("w", None).view(np.float32), np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(store.bits("w", 2).view(np.float32), np.arange(8.0, 12.0))


@pytest.mark.parametrize(
    ("options", "why"),
    [({"compressed": True}, "the compressed member"), ({"extra": ("y/data.pkl",)}, "2 pickles among 3 members"), ({"extra": ("x/data/0",)}, "1 pickles among 3 members")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_of_torch_are_plain(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        TorchStore(saved(tmp_path / "x.pt", **options))


@pytest.mark.parametrize("cut", [1, 4, 20, 47])
def test_a_storage_has_all_its_bytes(tmp_path: Path, cut: int) -> None:
    store = TorchStore(saved(tmp_path / "x.pt", cut=cut))
    with pytest.raises(FormatError, match=f"{48 - cut} of 48 bytes of a storage"):
        store.bits("w", 0)


def test_files_beside_the_weights_have_their_limits(tmp_path: Path) -> None:
    assert (locate.LARGEST_CONFIG, locate.LARGEST_INDEX) == (2**24, 2**26)  # as messages name them, in bytes
    for size, fits in ((16 << 20, True), ((16 << 20) + 1, False)):
        (tmp_path / "config.json").write_bytes(b'{"model_type": "mamba"}'.ljust(size))
        if fits:
            assert locate.read_config(tmp_path) == {"model_type": "mamba"}
        else:
            with pytest.raises(FormatError):
                locate.read_config(tmp_path)


# ---- a layer


def layer(**changes: Any) -> S6Layer:
    known: dict[str, Any] = {
        "a": np.ones((2, 3)), "S_B": np.ones((3, 2)), "S_C": np.ones((3, 2)), "beta_B": np.zeros(3), "beta_C": np.zeros(3),
        "dt_in": np.ones((1, 2)), "dt_out": np.ones((2, 1)), "b": np.zeros(2), "floor": 0.0,
    }  # fmt: skip
    return S6Layer("layer", **{**known, **changes})


def test_any_bias_makes_a_layer_affine() -> None:
    one = np.array([0.0, 1e-300, 0.0])
    assert not layer().affine
    assert layer(beta_B=one).affine
    assert layer(beta_C=one).affine
    assert layer(beta_B=one, beta_C=one).affine


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 2)])
@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_rate_that_does_not_decay_is_named(place: tuple[int, int], rate: float) -> None:
    a = np.ones((2, 3))
    a[place] = rate
    with pytest.raises(AssumptionError, match=f"channel {place[0]} state {place[1]}"):
        layer(a=a)
    for floor in (-1e-300, np.inf, np.nan):
        with pytest.raises(AssumptionError, match="the step floor must be >= 0"):
            layer(floor=floor)


def test_numbers_of_any_size_are_finite_and_are_not_written_over() -> None:
    large = np.full((3, 2), 1e308)  # whose sum is none
    found = layer(S_B=large)
    with pytest.raises(ValueError, match="read-only"):
        found.S_B[0, 0] = 1.0
    for bad in (np.nan, np.inf, -np.inf):
        broken = np.ones((3, 2))
        broken[2, 1] = bad
        with pytest.raises(FormatError, match=r"weights must be finite.*S_C\[2, 1\]"):
            layer(S_C=broken)
    for shape in ((2,), (2, 3, 1)):
        with pytest.raises((FormatError, TypeCheckError)):  # whichever looks first
            layer(a=np.ones(shape))
    with pytest.raises((FormatError, TypeCheckError)):  # whichever looks first
        layer(dt_in=np.ones(2))
