"""File formats, sharding, and bad input: right numbers, or one line that says what is wrong.

One long file: a case for each fault of each format.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError, SourceError
from s6flow.numeric.weights import open_checkpoint
from s6flow.numeric.weights.readers import SafetensorsStore, TensorStore, open_file

PREFIX = "backbone.layers.{}.mixer."


def layer_tensors(index: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(index)
    shapes = {
        "A_log": (6, 4),
        "x_proj.weight": (10, 6),
        "dt_proj.weight": (6, 2),
        "dt_proj.bias": (6,),
        "D": (6,),
    }
    return {PREFIX.format(index) + key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}


def error_line(source: str, kind: type[S6FlowError]) -> str:
    """The single line that opening or reading `source` must end in."""
    with pytest.raises(kind) as caught:
        list(open_checkpoint(source).layers())
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) > 30
    return text


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_float_format_decodes_as_torch_decodes_it(tmp_path: Path, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    kind = getattr(torch, dtype)
    special = torch.tensor(
        [0.0, -0.0, 1.0, -3.14159, 65504.0, 1e-7, -6e-8, float("inf"), float("nan")], dtype=torch.float64
    )
    random = torch.randn(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tiny = torch.tensor([1.0, 0.5, -0.25], dtype=torch.float64) * torch.finfo(kind).tiny
    want = torch.cat([special, random, tiny]).to(kind).reshape(4, 19)
    save_torch({"a": torch.zeros(3, dtype=torch.int8), "b": want}, tmp_path / "m.safetensors")
    torch.save({"b": want.T}, tmp_path / "m.pt")
    exact = want.double().numpy()
    low = (exact != 0) & (np.abs(exact) < torch.finfo(kind).tiny)
    assert low.sum() >= 2
    for file, turned in (("m.safetensors", False), ("m.pt", True)):
        store = open_file(tmp_path / file)
        stored = store.read("b")
        np.testing.assert_array_equal(stored.float64().T if turned else stored.float64(), exact)
        assert stored.subnormals() == low.sum()
        np.testing.assert_array_equal(store.read("b", 2).float64(), exact[:, 2] if turned else exact[2])
    with pytest.raises(FormatError, match="I8"):
        open_file(tmp_path / "m.safetensors").read("a")


def _npz(folder: Path, content: dict[str, np.ndarray]) -> Path:
    np.savez(folder / "w.npz", **content)
    return folder / "w.npz"


def _big_endian_npz(folder: Path, content: dict[str, np.ndarray]) -> Path:
    return _npz(folder, {key: value.astype(">f8" if "A" in key else ">f4") for key, value in content.items()})


def _shards(folder: Path, content: dict[str, np.ndarray], index: bool = True) -> Path:
    names = {key: f"model-{number % 2 + 1}-of-2.safetensors" for number, key in enumerate(content)}
    for name in set(names.values()):
        save_file({key: content[key] for key in content if names[key] == name}, folder / name)
    if index:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return folder


def _loose(folder: Path, content: dict[str, np.ndarray]) -> Path:
    return _shards(folder, content, index=False)


def _no_suffix(folder: Path, content: dict[str, np.ndarray]) -> Path:
    save_file(content, folder / "blob")
    return folder / "blob"


def _torch_file(name: str, wrap: Callable[[Any], Any] = lambda state: state, **options: Any) -> Any:
    def build(folder: Path, content: dict[str, np.ndarray]) -> Path:
        torch = pytest.importorskip("torch")
        torch.save(wrap({key: torch.from_numpy(value) for key, value in content.items()}), folder / name, **options)
        return folder / name

    build.__name__ = name
    return build


def _bin_shards(folder: Path, content: dict[str, np.ndarray]) -> Path:
    torch = pytest.importorskip("torch")
    names = {key: f"pytorch_model-{number % 2}.bin" for number, key in enumerate(content)}
    for name in set(names.values()):
        torch.save({key: torch.from_numpy(content[key]) for key in content if names[key] == name}, folder / name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    return folder


@pytest.mark.parametrize(
    ("build", "format_name"),
    [
        (_npz, "npz"),
        (_big_endian_npz, "npz"),
        (_shards, "safetensors, 2 shards"),
        (_loose, "safetensors, 2 shards"),
        (_no_suffix, "safetensors"),
        (_torch_file("a.pt"), "torch"),
        (_torch_file("old.pth", _use_new_zipfile_serialization=False), "torch"),
        (_torch_file("c.ckpt", lambda s: {"epoch": 1, "optimizer": {"lr": 0.1}, "state_dict": s}), "torch"),
        (_torch_file("pytorch_model.bin", lambda s: {"model": {"module": s}}), "torch"),
        (_bin_shards, "torch, 2 shards"),
    ],
)
def test_every_container_gives_the_same_layers(tmp_path: Path, build: Any, format_name: str) -> None:
    content = {**layer_tensors(0), **layer_tensors(1), "lm_head.weight": np.ones((3, 3), np.float32)}
    checkpoint = open_checkpoint(str(build(tmp_path, content)))
    assert checkpoint.format == format_name
    assert sorted(checkpoint.tensors_seen) == sorted(content)
    layers = list(checkpoint.layers())
    assert [layer.name for layer in layers] == ["backbone.layers.0.mixer", "backbone.layers.1.mixer"]
    for index, layer in enumerate(layers):
        x_proj = content[PREFIX.format(index) + "x_proj.weight"]
        np.testing.assert_array_equal(np.vstack([layer.dt_in, layer.S_B, layer.S_C]), x_proj)
        np.testing.assert_array_equal(layer.dt_out, content[PREFIX.format(index) + "dt_proj.weight"])


def test_only_the_tensors_of_a_layer_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unneeded = {PREFIX.format(0) + "in_proj.weight": np.ones((12, 3), np.float32)}
    save_file({**layer_tensors(0), **layer_tensors(1), **unneeded}, tmp_path / "m.safetensors")
    seen: list[str] = []
    original = TensorStore.read

    def read(self: TensorStore, name: str, lead: int | None = None) -> Any:
        seen.append(name)
        return original(self, name, lead)

    monkeypatch.setattr(TensorStore, "read", read)
    checkpoint = open_checkpoint(str(tmp_path))
    assert seen == []
    checkpoint.layer("backbone.layers.0.mixer")
    assert sorted(seen) == sorted(layer_tensors(0))


class Malicious:
    """A pickle that leaves a file behind when it is executed."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str, int]]:
        return os.mkdir, (str(self.marker), 0o700)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_executes_code_is_refused(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    marker, file = tmp_path / "marker", tmp_path / "evil.pt"
    state = {key: torch.from_numpy(value) for key, value in layer_tensors().items()}
    torch.save({**state, "extra": Malicious(marker)}, file, _use_new_zipfile_serialization=zipped)
    assert "execute code" in error_line(str(file), SourceError)
    assert "mkdir" in error_line(str(file), SourceError)
    assert not marker.exists()
    torch.load(file, weights_only=False)
    assert marker.exists()  # the file does what it threatens, so the refusal above was needed


def test_npz_pickles_are_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content = layer_tensors() | {PREFIX.format(0) + "A_log": np.array([[Malicious(marker)]], dtype=object)}
    np.savez(tmp_path / "evil.npz", **content)
    (withheld,) = open_checkpoint(str(tmp_path / "evil.npz")).withheld
    assert "object" in withheld.reason
    plain = layer_tensors() | {"other": np.array([Malicious(marker)], dtype=object)}
    np.savez(tmp_path / "evil.npz", **plain)
    assert len(list(open_checkpoint(str(tmp_path / "evil.npz")).layers())) == 1
    np.savez(tmp_path / "swapped.npz", **layer_tensors())
    opened = open_checkpoint(str(tmp_path / "swapped.npz"))
    np.savez(tmp_path / "swapped.npz", **content)
    with pytest.raises(FormatError, match="whole array"):
        list(opened.layers())
    assert not marker.exists()


def _cut(size: int) -> Callable[[Path], None]:
    def cut(file: Path) -> None:
        file.write_bytes(file.read_bytes()[:size])

    return cut


def _header(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def rewrite(file: Path) -> None:
        data = file.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        text = json.dumps(change(json.loads(data[8 : 8 + length]))).encode()
        file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])

    return rewrite


def _stretched(header: dict[str, Any]) -> dict[str, Any]:
    header[PREFIX.format(0) + "D"]["shape"] = [7]
    return header


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (_cut(0), "empty"),
        (_cut(5), "header"),
        (_cut(60), "header"),
        (_cut(-4), "truncated"),
        (lambda file: file.write_bytes(b"\xff" * 64), "header"),
        (lambda file: file.write_bytes(struct.pack("<Q", 8) + b"not json"), "table of tensors"),
        (_header(lambda header: list(header)), "table of tensors"),
        (_header(_stretched), "fills its bytes"),
    ],
)
def test_damaged_safetensors(tmp_path: Path, damage: Callable[[Path], Any], word: str) -> None:
    file = tmp_path / "m.safetensors"
    save_file(layer_tensors(), file)
    damage(file)
    line = error_line(str(file), FormatError)
    assert word in line
    assert str(file) in line


@pytest.mark.parametrize("name", ["m.npz", "m.pt", "m.bin", "m.ckpt"])
def test_damaged_archives(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name.endswith("npz"):
        np.savez(file, **layer_tensors())
    else:
        torch = pytest.importorskip("torch")
        torch.save({key: torch.from_numpy(value) for key, value in layer_tensors().items()}, file)
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"garbage" * 9, pickle.dumps([1, 2])[:5]):
        file.write_bytes(content)
        assert str(file) in error_line(str(file), FormatError if content != b"garbage" * 9 else S6FlowError)


@pytest.mark.parametrize("name", ["m.safetensors", "m.npz", "m.pt", "old.pt"])
def test_random_damage_never_escapes_as_a_traceback(tmp_path: Path, name: str) -> None:
    file, content = tmp_path / name, layer_tensors()
    if name.endswith("safetensors"):
        save_file(content, file)
    elif name.endswith("npz"):
        np.savez(file, **content)
    else:
        torch = pytest.importorskip("torch")
        state = {key: torch.from_numpy(value) for key, value in content.items()}
        torch.save(state, file, _use_new_zipfile_serialization=name == "m.pt")
    whole, rng, refused = file.read_bytes(), np.random.default_rng(7), list[str]()
    for _ in range(80):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(0, len(data), 12)] = rng.integers(0, 256, 12)
        file.write_bytes(data[: rng.integers(1, 2 * len(data))].tobytes())
        try:
            list(open_checkpoint(str(file)).layers())
        except S6FlowError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert not any("\n" in line for line in refused)


def test_missing_and_unknown_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in error_line(str(tmp_path / "none.safetensors"), SourceError)
    assert "does not exist" in error_line("out/none.safetensors", SourceError)
    assert "no_such_package_at_all" in error_line("no_such_package_at_all", SourceError)
    assert "A_log" in error_line("safetensors", SourceError)  # a package without weights
    assert "must name a checkpoint" in error_line(" ", SourceError)
    (tmp_path / "notes.txt").write_text("no weights here")
    assert "notes.txt" in error_line(str(tmp_path), SourceError)
    assert ".safetensors" in error_line(str(tmp_path / "notes.txt"), SourceError)
    np.savez(tmp_path / "a.npz", **layer_tensors())
    np.savez(tmp_path / "b.npz", **layer_tensors())
    assert "a.npz, b.npz" in error_line(str(tmp_path), SourceError)
    (tmp_path / "config.json").write_text("{")
    assert "config.json" in error_line(str(tmp_path / "a.npz"), FormatError)


def test_nothing_found_lists_what_was_seen_and_looked_for(tmp_path: Path) -> None:
    save_file({f"gpt.{i}.attn": np.ones(2, np.float32) for i in range(9)}, tmp_path / "m.safetensors")
    line = error_line(str(tmp_path), SourceError)
    assert "gpt.0.attn" in line
    assert "4 more" in line
    assert "A_log" in line
    assert "x_proj.weight" in line


def test_bad_shards(tmp_path: Path) -> None:
    _shards(tmp_path, layer_tensors())
    (tmp_path / "model-2-of-2.safetensors").rename(tmp_path / "elsewhere")
    assert "no model-2-of-2.safetensors" in error_line(str(tmp_path), SourceError)
    index = tmp_path / "model.safetensors.index.json"
    for text in ("[]", "{", '{"weight_map": {}}', '{"weight_map": {"a": "../other.safetensors"}}'):
        index.write_text(text)
        assert str(index) in error_line(str(tmp_path), FormatError)
    index.unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "model-2-of-2.safetensors")
    save_file(layer_tensors(), tmp_path / "again.safetensors")
    assert "repeat" in error_line(str(tmp_path), SourceError)


def test_missing_extras_and_offline_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "huggingface_hub", None)
        assert "extra `hub`" in error_line("state-spaces/mamba-130m-hf", MissingDependencyError)
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    line = error_line("state-spaces/mamba-130m-hf", SourceError)
    assert "local cache" in line
    assert "state-spaces/mamba-130m-hf" in line


def test_hub_asks_for_safetensors_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: dict[str, Any] = {}

    def snapshot(repo: str, **options: Any) -> str:
        asked.update(options, repo=repo)
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    assert "ship safetensors" in error_line("org/only-pickles", SourceError)
    save_file(layer_tensors(), tmp_path / "model.safetensors")
    assert len(list(open_checkpoint("org/name").layers())) == 1
    assert asked["repo"] == "org/name"
    assert not any("bin" in pattern or "pt" in pattern for pattern in asked["allow_patterns"])


def test_a_file_cut_after_opening_is_an_error_not_a_withheld_layer(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    save_file(layer_tensors(), file)
    checkpoint = open_checkpoint(str(file))
    assert isinstance(open_file(file), SafetensorsStore)
    _cut(-200)(file)
    with pytest.raises(FormatError, match="whole"):
        list(checkpoint.layers())
