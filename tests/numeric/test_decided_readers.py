"""What readers of packages, of models in memory and of archives decide."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.weights import archives, locate
from s6flow.numeric.weights.in_memory import MemoryStore, config_of, plain_name
from s6flow.numeric.weights.readers import NamedStores


def package(folder: Path, **files: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    for name, arrays in files.items():
        stem, kind = name.rsplit("_", 1)
        if kind == "npz":
            np.savez(folder / f"{stem}.npz", **arrays)
        else:
            save_file(arrays, folder / f"{stem}.safetensors")


LAYER = {"l.A_log": np.ones((2, 2), np.float32), "l.D": np.ones(2, np.float32)}
OTHER = {"l.weight": np.ones((2, 2), np.float32)}


def test_a_package_has_files_of_one_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SourceError, match="0 weight files and no A_log"):
        locate.locate("planted")
    package(folder, other_npz=OTHER)
    with pytest.raises(SourceError, match="files of one kind"):
        locate.locate("planted")
    (folder / "broken.npz").write_bytes(b"nothing")
    package(folder, one_npz=LAYER)
    assert sorted(locate.locate("planted").store.infos) == ["l.A_log", "l.D"]
    package(folder, two_npz=LAYER)
    store = locate.locate("planted").store
    assert store.format == "npz, 2 models"
    assert sorted(store.infos) == ["one/l.A_log", "one/l.D", "two/l.A_log", "two/l.D"]
    np.testing.assert_array_equal(store.read("two/l.A_log").float64(), np.ones((2, 2)))
    package(folder, three_st=LAYER)
    with pytest.raises(SourceError, match="files of one kind"):
        locate.locate("planted")
    with pytest.raises(SourceError, match="installed package"):
        locate.locate("planted_nowhere")
    with pytest.raises(SourceError, match="at least one file"):
        NamedStores({}, "nowhere")


def test_a_model_in_memory_is_named_plainly() -> None:
    assert plain_name("_orig_mod.a.module.b") == "a.b"
    assert plain_name("a.my_module.b") == "a.my_module.b"
    assert config_of(SimpleNamespace()) is None
    assert config_of(SimpleNamespace(config=7)) is None
    assert config_of(SimpleNamespace(config={"a": 1})) == {"a": 1}
    assert config_of(SimpleNamespace(config=SimpleNamespace(to_dict=lambda: {"a": 2}))) == {"a": 2}
    torch = pytest.importorskip("torch")
    for model in (SimpleNamespace(named_parameters=list), SimpleNamespace(named_modules=list)):
        with pytest.raises(SourceError, match="must be a path"):
            MemoryStore(model)
    with pytest.raises(SourceError, match="must hold parameters"):
        MemoryStore(torch.nn.ReLU())
    linear = torch.nn.Linear(2, 3)
    torch.nn.utils.parametrize.register_parametrization(linear, "weight", torch.nn.Identity())
    assert MemoryStore(linear).infos["weight"].shape == (3, 2)
    assert MemoryStore(torch.nn.Sequential(linear)).infos["0.weight"].shape == (3, 2)


def test_an_archive_reads_no_more_than_a_directory_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    with archives.BoundedFile(path) as handle:
        handle.most = 40
        assert len(handle.read(40)) == 40
        for size in (41, -1, None):
            with pytest.raises(ValueError, match="more than 40"):
                handle.read(size)
        handle.seek(60)
        assert len(handle.read()) == 40
        assert handle.read(0) == b""
        handle.most = None
        handle.seek(0, os.SEEK_SET)
        assert len(handle.read()) == 100
    arrays = {f"h{k}": np.zeros((4, 10)) for k in range(4)}
    np.savez(tmp_path / "a.npz", **arrays)
    store = archives.NpzStore(tmp_path / "a.npz")
    monkeypatch.setattr(archives, "KEPT_BYTES", 4 * 320)
    for name in arrays:
        store.bits(name, 1)
    assert list(store.kept) == list(arrays)
    monkeypatch.setattr(archives, "KEPT_BYTES", 3 * 320)
    store.bits("h0", 2)
    assert list(store.kept) == list(arrays), "what is kept is not kept again"
    store.kept.pop("h3")
    store.bits("h3", 0)
    assert list(store.kept) == ["h1", "h2", "h3"]
    monkeypatch.setattr(archives, "REREAD_BYTES", 4 * 320)
    store.keep("h0", arrays["h0"])
    monkeypatch.setattr(archives, "REREAD_BYTES", 4 * 320 - 1)
    with pytest.raises(FormatError, match="may have at most 240 bytes"):
        store.keep("h0", arrays["h0"])
    monkeypatch.setattr(archives, "KEPT_BYTES", 4 * 320)
    store.keep("h0", arrays["h0"])
