"""Archives, pickles, folders and models in memory on either side of what their readers take."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights import archives
from s6flow.numeric.weights.locate import _layout, input_files, is_hub_id, locate
from s6flow.numeric.weights.memory import MemoryStore
from s6flow.numeric.weights.opcodes import read_pickle
from s6flow.numeric.weights.pickled import TorchStore

REFERENCE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK%ctQ"


def table(rows: int, columns: int) -> bytes:
    """A pickle of one tensor, whose storage has just its numbers."""
    one = b"ctorch._utils\n_rebuild_tensor_v2\n(" + REFERENCE % bytes([rows * columns])
    one += b"K\x00K%cK%c\x86K%cK\x01\x86\x89ccollections\nOrderedDict\n)RtR" % (
        bytes([rows]),
        bytes([columns]),
        bytes([columns]),
    )
    return b"\x80\x02}X\x01\x00\x00\x00w" + one + b"s."


def archive(
    path: Path, rows: int = 3, columns: int = 4, order: bytes = b"little", content: bytes | None = None
) -> Path:
    numbers = np.arange(rows * columns).astype(">f4" if order.startswith(b"big") else "<f4").tobytes()
    with zipfile.ZipFile(path, "w") as whole:
        whole.writestr("x/data.pkl", table(rows, columns) if content is None else content)
        whole.writestr("x/byteorder", order)
        whole.writestr("x/data/0", numbers)
    return path


# ---- PyTorch's files


@pytest.mark.parametrize(("rows", "columns"), [(3, 4), (1, 3), (3, 1), (1, 1)])
def test_axes_of_one_are_axes(tmp_path: Path, rows: int, columns: int) -> None:
    store = TorchStore(archive(tmp_path / "x.pt", rows, columns))
    numbers = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    np.testing.assert_array_equal(store.read("w").float64(), numbers)
    np.testing.assert_array_equal(store.read("w", rows - 1).float64(), numbers[-1])


@pytest.mark.parametrize("order", [b"little", b"big", b"big\n", b"bigendian"])
def test_big_numbers_are_told_by_three_letters(tmp_path: Path, order: bytes) -> None:
    found = TorchStore(archive(tmp_path / "x.pt", order=order)).read("w").float64()
    np.testing.assert_array_equal(found, np.arange(12.0).reshape(3, 4))


@pytest.mark.parametrize("change", ["size", "kind"])
def test_a_member_that_is_stored_otherwise_is_refused(tmp_path: Path, change: str) -> None:
    """In the directory the size of the numbers, or the method alone, says that they are compressed."""
    data = bytearray(archive(tmp_path / "x.pt").read_bytes())
    entry = data.rindex(b"PK\x01\x02")  # of the last member
    assert data[entry + 46 :].startswith(b"x/data/0")
    if change == "size":
        data[entry + 24 : entry + 28] = struct.pack("<I", 40)
    else:
        data[entry + 10 : entry + 12] = struct.pack("<H", zipfile.ZIP_DEFLATED)
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(FormatError, match="the compressed member x/data/0"):
        TorchStore(tmp_path / "x.pt")


@pytest.mark.parametrize(("size", "large"), [(64 << 20, False), ((64 << 20) + 1, True)])
def test_a_pickle_has_at_most_64_mebibytes(tmp_path: Path, size: int, large: bool) -> None:
    with pytest.raises(FormatError) as caught:
        TorchStore(archive(tmp_path / "x.pt", content=bytes(size)))
    assert (f"a pickle of {size} bytes" in str(caught.value)) == large


def old(path: Path, *parts: Any, tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(part if isinstance(part, bytes) else pickle.dumps(part, 2) for part in parts) + tail)
    return path


MAGIC, LITTLE = 0x1950A86A20F9469CFC6C, {"little_endian": True}
NUMBERS = struct.pack("<q", 12) + np.arange(12, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((7, 1001, LITTLE, table(3, 4), ["0"]), "no mark of torch.save"),
        (("x", 1001, LITTLE, table(3, 4), ["0"]), "no mark of torch.save"),
        ((MAGIC, 1002, LITTLE, table(3, 4), ["0"]), "an unknown layout"),
        ((MAGIC, "1001", LITTLE, table(3, 4), ["0"]), "an unknown layout"),
        ((MAGIC, 1001, LITTLE, table(3, 4), ("0",)), "an unknown layout"),
        ((MAGIC, 1001, LITTLE, table(3, 4), [0]), "a storage that no tensor has"),
        ((MAGIC, 1001, LITTLE, table(3, 4), ["1"]), "a storage that no tensor has"),
    ],
)
def test_an_old_file_has_its_marks(tmp_path: Path, parts: tuple[Any, ...], why: str) -> None:
    whole = TorchStore(old(tmp_path / "whole.pt", MAGIC, 1001, LITTLE, table(3, 4), ["0"], tail=NUMBERS))
    np.testing.assert_array_equal(whole.read("w").float64(), np.arange(12.0).reshape(3, 4))
    with pytest.raises(FormatError, match=why):
        TorchStore(old(tmp_path / "x.pt", *parts, tail=NUMBERS))


def test_a_dictionary_with_attributes_may_stand_in_a_list() -> None:
    named = OrderedDict(a=1)
    named.kept = "beside"  # type: ignore[attr-defined]
    assert read_pickle(pickle.dumps([named], 2), 0)[0] == [{"a": 1}]


# ---- NumPy's archives


def npy(shape: str, size: int) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(128 - 10 - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(size)


@pytest.mark.parametrize(
    ("shape", "size", "fits"), [("(0, 3)", 0, True), ("()", 4, True), ("(-1, -3, 1)", 12, False), ("(1, 3)", 12, True)]
)
def test_sizes_of_arrays_are_not_negative(tmp_path: Path, shape: str, size: int, fits: bool) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as whole:
        whole.writestr("a.npy", npy(shape, size))
    if fits:
        assert str(archives.NpzStore(tmp_path / "x.npz").infos["a"].shape) == shape
    else:
        with pytest.raises(FormatError, match="shape"):
            archives.NpzStore(tmp_path / "x.npz")


def test_only_reads_of_the_whole_are_measured_by_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(bytes(11))
    monkeypatch.setattr(archives._Bounded, "most", 10)
    for size in (None, -1, 11):
        with archives._Bounded(tmp_path / "x") as handle, pytest.raises(ValueError, match="more than 10 bytes"):
            handle.read(size)
    with archives._Bounded(tmp_path / "x") as handle:
        assert [len(handle.read(size)) for size in (0, 1, None)] == [0, 1, 10]


# ---- folders, packages, the hub


def test_a_folder_of_one_file_of_any_kind_is_that_file(tmp_path: Path) -> None:
    for place in range(5):
        np.savez(tmp_path / f"m{place}.npz", a=np.zeros(2))
    with pytest.raises(SourceError) as caught:
        locate(str(tmp_path))
    assert "got m0.npz, m1.npz, m2.npz, m3.npz at" in str(caught.value)
    for place in range(1, 5):
        (tmp_path / f"m{place}.npz").unlink()
    assert list(locate(str(tmp_path)).store.infos) == ["a"]


def test_the_first_index_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
        (tmp_path / f"{name}.safetensors.index.json").write_text(
            json.dumps({"weight_map": {"t": f"{name}.safetensors"}})
        )
    first = tmp_path / "a.safetensors"
    assert _layout(tmp_path) == ([tmp_path / "a.safetensors.index.json"], [first])
    assert input_files(str(tmp_path)) == [tmp_path / "a.safetensors.index.json", first, tmp_path / "config.json"]


@pytest.mark.parametrize(
    ("name", "size", "fits"), [("config.json", 15 << 20, True), ("x.safetensors.index.json", 40 << 20, True)]
)
def test_tables_beside_weights_may_be_long(tmp_path: Path, name: str, size: int, fits: bool) -> None:
    from safetensors.numpy import save_file

    save_file({"t": np.zeros(2, np.float32)}, tmp_path / "x.safetensors")
    (tmp_path / name).write_text(json.dumps({"weight_map": {"t": "x.safetensors"}}).ljust(size))
    found = locate(str(tmp_path))
    assert list(found.store.infos) == ["t"]
    assert (found.config is not None) == (name == "config.json")


def test_input_files_of_a_name_are_a_package_s() -> None:
    assert [file.suffix for file in input_files("typeseg")] != []
    assert input_files("no-such/hub_id") == []
    assert input_files("no_such_package_at_all") == []


@pytest.mark.parametrize(
    ("name", "is_id"),
    [("a/b", True), ("org/name", True), ("./b", False), (".hidden/b", False), ("a/b.npz", False), ("ab", False)],
)
def test_ids_of_the_hub(name: str, is_id: bool) -> None:
    assert is_hub_id(name) == is_id


@pytest.mark.parametrize(
    ("text", "said"),
    [("no such host\nand more", "RuntimeError: no such host at"), (" \n", "RuntimeError: RuntimeError at")],
)
def test_a_hub_s_error_is_told_in_a_line(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> str:
        raise RuntimeError(text)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=fails))
    with pytest.raises(SourceError) as caught:
        locate("org/name")
    assert f"got {said} org/name" in str(caught.value)


# ---- models in memory


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
def test_parameters_of_every_width_are_read_as_they_are(kind: str) -> None:
    torch = pytest.importorskip("torch")
    values = torch.tensor([[1.0, -0.5], [0.1, 3.0]], dtype=torch.float64).to(getattr(torch, kind))
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(values)
    store = MemoryStore(model)
    np.testing.assert_array_equal(store.read("weight").float64(), values.double().numpy())
    np.testing.assert_array_equal(store.read("weight", 1).float64(), values.double().numpy()[1])


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_parameters_without_numbers_are_refused(device: str) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.empty(0 if device == "cpu" else 2, device=device))
    model.one = torch.nn.Parameter(torch.ones(1))
    store = MemoryStore(model)
    assert store.read("one").float64().tolist() == [1.0]
    with pytest.raises(FormatError, match="a parameter must hold numbers here"):
        store.read("weight")


@pytest.mark.parametrize(("name", "says"), [("reorder", True), ("other", False)])
def test_a_module_that_sorts_tokens_is_seen(name: str, says: bool) -> None:
    torch = pytest.importorskip("torch")

    class Sorts(torch.nn.Module):  # type: ignore[misc, name-defined]
        def get_extra_state(self) -> Any:
            return torch.ones(1)

    inner = torch.nn.Module()
    inner.weight = torch.nn.Parameter(torch.ones(2))
    inner.add_module(name, Sorts())
    outer = torch.nn.Module()
    outer.add_module("block", inner)
    outer.add_module("reorder", torch.nn.Linear(2, 1, bias=False))  # of that name, and without a state of its own
    found = set(MemoryStore(outer).infos)
    assert found == {"block.weight", "reorder.weight"} | ({f"block.{name}._extra_state"} if says else set())
