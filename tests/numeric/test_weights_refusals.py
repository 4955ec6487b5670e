"""What is said of weights that are refused or withheld, word for word where it names things, and where the limits lie."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError, S6FlowError
from s6flow.numeric.weights import archives, pickled
from s6flow.numeric.weights.archives import NpzStore
from s6flow.numeric.weights.checkpoint import open_checkpoint
from s6flow.numeric.weights.layer import WithheldLayer
from s6flow.numeric.weights.locate import input_files, is_hub_id, locate
from s6flow.numeric.weights.opcodes import Damaged, read_pickle
from s6flow.numeric.weights.pickled import TorchStore
from s6flow.numeric.weights.plan import LayerPlan, heads_of, markers, plan_layers
from s6flow.numeric.weights.spellings import SPELLINGS
from s6flow.numeric.weights.stored import TensorInfo


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(S6FlowError) as caught:
        call(*arguments)
    return str(caught.value)


# ---- what a checkpoint holds


@pytest.mark.parametrize(
    ("count", "seen"),
    [(1, "t0"), (4, "t0, t1, t2, t3"), (5, "t0, t1, t2, t3, t4"), (6, "t0, t1, t2, t3, t4 and 1 more"), (8, "t0, t1, t2, t3, t4 and 3 more")],
)  # fmt: skip
def test_five_tensors_are_named_where_no_layer_is_found(tmp_path: Path, count: int, seen: str) -> None:
    np.savez(tmp_path / "x.npz", **{f"t{place}": np.ones(1, np.float32) for place in range(count)})
    said = refusal(open_checkpoint, str(tmp_path / "x.npz"))
    assert f"a checkpoint must hold an S6 layer; got {seen} at " in said


@pytest.mark.parametrize(("beside", "said"), [(0, "nothing"), (5, "k0, k1, k2, k3, k4"), (6, "k0, k1, k2, k3, k4, k5"), (9, "k0, k1, k2, k3, k4, k5")])  # fmt: skip
def test_six_tensors_are_named_beside_a_mark_without_a_layer(beside: int, said: str) -> None:
    infos = {name: TensorInfo((4, 3), "F32") for name in ("m.A_log", *(f"m.k{place}" for place in range(beside)))}
    (found,) = plan_layers(infos, None)
    assert isinstance(found, WithheldLayer)
    assert (found.name, found.kind) == ("m", "missing-tensor")
    assert found.reason.endswith(f"; beside it: {said}")


def test_a_checkpoint_has_4096_layers_at_most() -> None:
    def infos(count: int) -> dict[str, TensorInfo]:
        return {f"l{place}.A_log": TensorInfo((4,), "F32") for place in range(count)}

    assert len(plan_layers(infos(4096), None)) == 4096
    for count in (4097, 4100):
        said = refusal(plan_layers, infos(count), None)
        assert said == "a checkpoint may have at most 4096 layers; got more at l4096."


def test_layers_are_in_the_order_of_all_their_numbers() -> None:
    names = ["b2.c9.A_log", "b2.c10.A_log", "b2.c010.d.A_log", "b10.c1.A_log", "x.b2.c1.A_log"]
    places = [(2, 9, 1), (2, 10, 1), (2, 10, 2), (10, 1, 1)]
    by_number = [f"b{b}.c{c}.d{d}.A_log" for b, c, d in places]
    assert markers({name: TensorInfo((), "F32") for name in reversed(by_number)}) == by_number
    assert markers({name: TensorInfo((), "F32") for name in reversed(names)})[:2] == names[:2]


def stacked(heads: int, channels: int = 5, states: int = 2, rank: int = 3) -> dict[str, TensorInfo]:
    shapes = {
        "A_log": (channels, states),
        "x_proj_weight": (2 * states + rank, channels),
        "dt_proj_weight": (channels, rank),
    }
    return {f"m.{key}": TensorInfo((heads, *shape), "F32") for key, shape in shapes.items()}


@pytest.mark.parametrize(("heads", "fits"), [(1, True), (2, True), (1024, True), (1025, False)])
def test_a_stack_has_1024_heads_at_most(heads: int, fits: bool) -> None:
    infos = stacked(heads)
    found = plan_layers(infos, None)
    spelling = next(row for row in SPELLINGS if row.name == "stacked heads")
    assert heads_of(spelling, {"x_proj": "m.x_proj_weight"}, infos) == (heads if fits else 0)
    if fits:
        assert [plan.head for plan in found if isinstance(plan, LayerPlan)] == list(range(heads))
        return
    (withheld,) = found
    assert isinstance(withheld, WithheldLayer)
    assert withheld.reason == "A_log (1025, 5, 2) has more than 1024 heads"


# ---- where a checkpoint lies


def test_two_arrays_files_in_a_folder_are_two_models(tmp_path: Path) -> None:
    names = [f"{letter}.npz" for letter in "abcdef"]
    for count, said in ((2, "a.npz, b.npz"), (4, "a.npz, b.npz, c.npz, d.npz"), (6, "a.npz, b.npz, c.npz, d.npz")):
        for name in names[:count]:
            np.savez(tmp_path / name, w=np.ones(2, np.float32))
        assert f"a directory must hold one model; got {said} at " in refusal(locate, str(tmp_path))


def test_one_arrays_file_in_a_folder_is_the_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "only.npz", w=np.ones(2, np.float32))
    assert list(locate(str(tmp_path)).store.infos) == ["w"]


def test_of_two_indices_the_first_is_read(tmp_path: Path) -> None:
    for letter in "ab":
        (tmp_path / f"{letter}.safetensors").write_bytes(b"")
        (tmp_path / f"{letter}.safetensors.index.json").write_text(f'{{"weight_map": {{"w": "{letter}.safetensors"}}}}')
    found = [path.name for path in input_files(str(tmp_path))]
    assert found == ["a.safetensors.index.json", "a.safetensors", "config.json"]


def test_files_of_a_package_are_known_by_its_name_alone() -> None:
    pytest.importorskip("typeseg")
    assert input_files("typeseg")
    assert input_files("type-seg") == input_files("no/such/place") == []


@pytest.mark.parametrize(
    ("words", "repository"),
    [("org/name", True), ("o/n", True), ("o/.n", True), ("./n", False), (".o/n", False), ("~o/n", False), ("o/n.npz", False), ("o/n/m", False), ("name", False)],
)  # fmt: skip
def test_two_words_with_a_slash_are_a_repository(words: str, repository: bool) -> None:
    assert is_hub_id(words) == repository


@pytest.mark.parametrize(("text", "said"), [("boom\nand more", "KeyError: boom."), ("  \n ", "KeyError: KeyError."), ("", "KeyError: KeyError.")])  # fmt: skip
def test_the_first_line_of_a_client_is_told(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    hub = pytest.importorskip("huggingface_hub")

    class KeyError(Exception):
        pass

    def fails(*_: Any, **__: Any) -> None:
        raise KeyError(text)

    monkeypatch.setattr(hub, "snapshot_download", fails)
    assert f"; got {said[:-1]} at org/name." in refusal(locate, "org/name")


# ---- archives


def test_a_bounded_file_is_read_in_parts_of_any_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    with archives.BoundedFile(tmp_path / "x") as handle:
        handle.most = 4
        assert (handle.read(0), handle.read(4)) == (b"", b"0123")
        for size in (5, -1, -2, None):
            with pytest.raises(ValueError, match="a directory of more than 4 bytes"):
                handle.read(size)
        handle.seek(6)
        assert handle.read() == b"6789"


@pytest.mark.parametrize("shape", ["(-1, 3)", "(3, -1)", "(-2, -3)", "(-1,)"])
def test_an_array_of_negative_size_is_none(tmp_path: Path, shape: str) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(24))
    said = refusal(NpzStore, tmp_path / "x.npz")
    assert f"shape {shape} of a.npy" in said


def test_an_array_without_numbers_is_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", none=np.ones((0, 3)), one=np.float64(2.0))
    assert NpzStore(tmp_path / "x.npz").infos == {"none": TensorInfo((0, 3), "F64"), "one": TensorInfo((), "F64")}


# ---- PyTorch's files


def member(name: str, size: int = 4, compressed: int | None = None, kind: int = 0) -> Any:
    whole = size if compressed is None else compressed
    return SimpleNamespace(filename=name, file_size=size, compress_size=whole, compress_type=kind, header_offset=0)


def opened(monkeypatch: pytest.MonkeyPatch, *members: Any, order: bytes = b"little") -> TorchStore:
    """An archive of these members, whose pickle is an empty table."""

    def read(one: Any) -> bytes:
        return order if one.filename.endswith("byteorder") else b"\x80\x02}."

    @contextmanager
    def archive(_: Path) -> Iterator[Any]:
        yield SimpleNamespace(infolist=lambda: list(members), read=read)

    monkeypatch.setattr(pickled, "bounded_zip", archive)
    monkeypatch.setattr(pickled, "is_archive", lambda _: True)
    return TorchStore(Path("x.pt"))


@pytest.mark.parametrize(("size", "fits"), [(64 << 20, True), ((64 << 20) + 1, False)])
def test_a_pickle_has_sixty_four_mebibytes(monkeypatch: pytest.MonkeyPatch, size: int, fits: bool) -> None:
    if fits:
        assert opened(monkeypatch, member("x/data.pkl", size)).infos == {}
        return
    with pytest.raises(FormatError, match="a pickle of 67108865 bytes"):
        opened(monkeypatch, member("x/data.pkl", size))


@pytest.mark.parametrize("change", [{"kind": 8}, {"compressed": 3}, {"kind": 8, "compressed": 3}, {"compressed": 5}])
def test_a_member_is_compressed_by_its_kind_or_its_size(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    assert opened(monkeypatch, member("x/data.pkl"), member("x/data/0")).extents == {"0": (0, 4)}
    with pytest.raises(FormatError, match="the compressed member x/data/0"):
        opened(monkeypatch, member("x/data.pkl"), member("x/data/0", **change))


@pytest.mark.parametrize(("order", "big"), [(b"big", True), (b"big\n", True), (b"little", False), (b"bi", False)])
def test_the_order_of_bytes_is_a_word(monkeypatch: pytest.MonkeyPatch, order: bytes, big: bool) -> None:
    assert opened(monkeypatch, member("x/data.pkl"), member("x/byteorder"), order=order).big_endian is big


MAGIC = 0x1950A86A20F9469CFC6C


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((MAGIC, 1001, {}, {}, []), None),
        ((MAGIC + 1, 1001, {}, {}, []), "no mark of torch.save"), ((12, 1001, {}, {}, []), "no mark of torch.save"), ((float(MAGIC), 1001, {}, {}, []), "no mark of torch.save"),
        ((MAGIC, 1002, {}, {}, []), "an unknown layout"), ((MAGIC, 1001.0, {}, {}, []), "an unknown layout"), ((MAGIC, 1001, {}, {}, {}), "an unknown layout"), ((MAGIC, 1001, {}, {}, None), "an unknown layout"),
        ((MAGIC, 1001, {}, {}, ["0"]), "a storage that no tensor has"), ((MAGIC, 1001, {}, {}, [0]), "a storage that no tensor has"),
    ],
)  # fmt: skip
def test_an_old_file_begins_with_its_mark(tmp_path: Path, parts: tuple[Any, ...], why: str | None) -> None:
    (tmp_path / "x.pt").write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    if why is None:
        assert TorchStore(tmp_path / "x.pt").infos == {}
        return
    assert f"; got {why} at " in refusal(TorchStore, tmp_path / "x.pt")


def test_only_tables_have_attributes() -> None:
    value, *_ = read_pickle(b"\x80\x02K\x01}}b\x86.")
    assert value == (1, {})
    with pytest.raises(Damaged, match="attributes of what has none"):
        read_pickle(b"\x80\x02}K\x01}b\x86.")
