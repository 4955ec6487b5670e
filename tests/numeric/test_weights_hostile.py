"""Files that were damaged or made to do harm: refused in one line, or judged with names that can do nothing.

One long file: a kept case for each harm that was seen.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import struct
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import safetensors
from safetensors.numpy import save, save_file

from s6flow.api.audits import diff
from s6flow.cli import main
from s6flow.errors import FormatError, S6FlowError, SourceError
from s6flow.numeric.audit import audit, render_table, schema, to_json, write_csv, write_html, write_json
from s6flow.numeric.weights import archives, open_checkpoint
from s6flow.numeric.weights.plan import MOST_LAYERS, plan_layers
from s6flow.numeric.weights.readers import open_file
from s6flow.numeric.weights.stored import TensorInfo

SHAPES = {"A_log": (6, 4), "x_proj.weight": (10, 6), "dt_proj.weight": (6, 2), "dt_proj.bias": (6,), "D": (6,)}


def tensors(*prefixes: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        prefix + key: rng.normal(size=shape).astype(np.float32) for prefix in prefixes for key, shape in SHAPES.items()
    }


def refusal(path: Path) -> str:
    """The line in which opening and reading must end."""
    with pytest.raises(S6FlowError) as caught:
        list(open_checkpoint(str(path)).layers())
    assert str(caught.value).isprintable()
    return str(caught.value)


Header = dict[str, Any]


def _rows(header: Header) -> list[Header]:
    return [row for key, row in header.items() if key != "__metadata__"]


def _gap(header: Header) -> None:
    for row in _rows(header)[2:]:
        row["data_offsets"] = [offset + 4 for offset in row["data_offsets"]]


def _overlap(header: Header) -> None:
    _rows(header)[1]["data_offsets"] = _rows(header)[0]["data_offsets"]


def _unknown_type(header: Header) -> None:
    _rows(header)[0]["dtype"] = "F33"


def _float_offsets(header: Header) -> None:
    _rows(header)[0]["data_offsets"][0] = 0.0


def _bad_metadata(header: Header) -> None:
    header["__metadata__"] = {"a": 1}


class TestSafetensors:
    @pytest.mark.parametrize("change", [_gap, _overlap, _unknown_type, _float_offsets, _bad_metadata])
    @pytest.mark.parametrize("more", [b"", b"\0\0\0\0"])
    def test_headers_that_the_library_refuses(
        self, tmp_path: Path, change: Callable[[Header], None], more: bytes
    ) -> None:
        data = save(tensors("layers.0."))
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        path = tmp_path / "m.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :] + more)
        with pytest.raises(safetensors.SafetensorError):
            safetensors.deserialize(path.read_bytes())
        assert "safetensors file needs" in refusal(path)

    @pytest.mark.parametrize("size", [1, 512])
    def test_bytes_that_were_inserted_or_added(self, tmp_path: Path, size: int) -> None:
        data, path = save(tensors("layers.0.")), tmp_path / "m.safetensors"
        start = 8 + struct.unpack("<Q", data[:8])[0]
        for changed in (data + b"\0" * size, data[:start] + b"\0" * size + data[start:]):
            path.write_bytes(changed)
            assert f"{size} bytes more" in refusal(path)

    def test_mutated_files_are_judged_as_the_library_judges_them(self, tmp_path: Path) -> None:
        rng, path = np.random.default_rng(1), tmp_path / "m.safetensors"
        whole = save({"l.A_log": np.ones((2, 3), np.float32), "q": np.ones(3, np.int8)}, metadata={"a": "b"})
        start = 8 + struct.unpack("<Q", whole[:8])[0]
        accepted = refused = 0
        for _ in range(1500):
            data = bytearray(whole)
            if rng.random() < 0.3:  # a digit for another
                digits = [place for place in range(8, start) if chr(data[place]).isdigit()]
                data[rng.choice(digits)] = ord(str(rng.integers(10)))
            else:
                place = rng.integers(0, len(data))
                data[place : place + rng.integers(0, 3)] = bytes(rng.integers(0, 256, rng.integers(0, 3)).tolist())
            path.write_bytes(data)
            try:
                safetensors.deserialize(bytes(data))
                theirs = True
            except safetensors.SafetensorError:
                theirs = False
            try:
                open_file(path)
                ours = True
            except S6FlowError:
                ours = False
            assert theirs or not ours, bytes(data)
            accepted, refused = accepted + ours, refused + (not theirs)
        assert accepted > 20
        assert refused > 500

    def test_a_large_header_and_a_removed_file(self, tmp_path: Path) -> None:
        path = tmp_path / "m.safetensors"
        with path.open("wb") as handle:
            handle.write(struct.pack("<Q", 90 << 20) + b"{")
            handle.truncate(100 << 20)
        assert "at most" in refusal(path)
        save_file(tensors("layers.0."), path)
        checkpoint = open_checkpoint(str(path))
        path.unlink()
        with pytest.raises(FormatError, match="stays until"):
            list(checkpoint.layers())


def _archive(path: Path, content: dict[str, np.ndarray], kind: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, value in content.items():
            buffer = io.BytesIO()
            np.save(buffer, value)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    return path.read_bytes()


class TestNpz:
    def test_a_lost_member_is_missed(self, tmp_path: Path) -> None:
        path = tmp_path / "m.npz"
        np.savez(path, **tensors("layers.0."))
        assert len(list(open_checkpoint(str(path)).layers())) == 1
        whole = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            start, members = archive.start_dir, archive.infolist()
        for lost in range(len(members)):  # its entry of the directory, as a damaged disk or a bad tool loses it
            entries, place, data = [], start, whole
            for _ in members:
                size = 46 + sum(struct.unpack("<HHH", data[place + 28 : place + 34]))
                entries.append(data[place : place + size])
                place += size
            del entries[lost]
            directory = b"".join(entries)
            end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), start, 0)
            path.write_bytes(whole[:start] + directory + end)
            assert "missing" in refusal(path)

    def test_a_changed_name_and_a_name_that_hits_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "m.npz"
        np.savez(path, **tensors("layers.0."))
        whole = path.read_bytes()
        place = whole.rindex(b"layers.0.D.npy")
        path.write_bytes(whole[:place] + b"layers.0.D.npx" + whole[place + 14 :])
        assert "whole zip archive" in refusal(path)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"")
            archive.writestr("a", b"")
        assert "twice" in refusal(path)

    @pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
    def test_damage_inside_compressed_members(self, tmp_path: Path, kind: int) -> None:
        path, rng = tmp_path / "m.npz", np.random.default_rng(2)
        whole = _archive(path, tensors("layers.0."), kind)
        assert len(list(open_checkpoint(str(path)).layers())) == 1
        refused = 0
        for _ in range(60):
            data = bytearray(whole)
            for place in rng.integers(30, len(data), 3):
                data[place] ^= 1 << rng.integers(8)
            path.write_bytes(data)
            try:
                list(open_checkpoint(str(path)).layers())
            except S6FlowError:
                refused += 1
        assert refused > 30
        assert lzma.LZMAError in archives.DAMAGE

    def test_a_header_that_lies_and_a_member_that_grows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path, content = tmp_path / "m.npz", tensors("layers.0.")
        with zipfile.ZipFile(path, "w") as archive:
            for name, value in content.items():
                buffer = io.BytesIO()
                np.save(buffer, value)
                archive.writestr(f"{name}.npy", buffer.getvalue().replace(b"'shape': (6, 4)", b"'shape': (9, 4)"))
        assert "not those of shape" in refusal(path)
        monkeypatch.setattr(archives, "LARGE_MEMBER", 1 << 16)
        _archive(path, {**content, "other": np.zeros(1 << 12)}, zipfile.ZIP_DEFLATED)
        assert len(list(open_checkpoint(str(path)).layers())) == 1
        _archive(path, {**content, "other": np.zeros(1 << 15)}, zipfile.ZIP_DEFLATED)
        assert "grows from" in refusal(path)

    def test_heads_of_a_compressed_array_are_read_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shapes = {"A_log": (9, 4, 2), "x_proj_weight": (9, 5, 4), "dt_proj_weight": (9, 4, 1)}
        path = tmp_path / "m.npz"
        np.savez_compressed(path, **{key: np.ones(shape, np.float32) for key, shape in shapes.items()})
        reads: list[str] = []
        original = np.lib.format.read_array
        monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: reads.append("") or original(*a, **k))
        assert len(list(open_checkpoint(str(path)).layers())) == 9
        assert len(reads) == 3
        monkeypatch.setattr(archives, "KEPT_BYTES", 64)
        monkeypatch.setattr(archives, "REREAD_BYTES", 64)
        assert "stacked heads" in refusal(path)

    @pytest.mark.parametrize("suffix", ["npz", "pt", "bin", ""])
    def test_a_directory_without_end(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"m.{suffix}".rstrip(".")
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(140):
                info = zipfile.ZipInfo(f"{number:05}.npy")
                info.comment = b"x" * 65_000
                archive.writestr(info, b"")
        assert "directory" in refusal(path)

    def test_more_arrays_than_any_model_has(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "m.npz"
        np.savez(path, **tensors("layers.0."))
        monkeypatch.setattr(archives, "MOST_ARRAYS", 5)
        assert len(list(open_checkpoint(str(path)).layers())) == 1
        monkeypatch.setattr(archives, "MOST_ARRAYS", 4)
        assert "more than 4 members" in refusal(path)


class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def test_dicts_in_themselves_end(self, tmp_path: Path) -> None:
        import torch

        path, circle = tmp_path / "m.pt", dict[str, Any]()
        circle["model"] = circle
        torch.save(circle, path)
        assert "levels" in refusal(path)
        shared: dict[str, Any] = {"a": torch.zeros(1)}
        for _ in range(28):
            shared = {"x": shared, "y": shared}
        torch.save(shared, path)
        start = time.process_time()
        assert "entries" in refusal(path)
        assert time.process_time() - start < 30

    def test_tensors_without_numbers_of_their_own_are_withheld(self, tmp_path: Path) -> None:
        import torch

        path = tmp_path / "m.pt"
        state = {key: torch.from_numpy(value) for key, value in tensors("layers.0.", "layers.1.", "layers.2.").items()}
        state["layers.0.x_proj.weight"] = torch.zeros(1, 6).expand(10, 6)
        state["layers.1.x_proj.weight"] = torch.zeros(10, 6, device="meta")
        torch.save(state, path)
        checkpoint = open_checkpoint(str(path))
        assert [layer.name for layer in checkpoint.layers()] == ["layers.2"]
        assert "repeats its numbers" in checkpoint.withheld[0].reason
        assert "without values" in checkpoint.withheld[1].reason

    def test_a_stride_that_nothing_takes_may_be_of_any_size(self, tmp_path: Path) -> None:
        import torch

        path, state = tmp_path / "m.pt", {key: torch.from_numpy(value) for key, value in tensors("layers.0.").items()}
        state["layers.0.dt_proj.bias"] = state["layers.0.dt_proj.bias"].as_strided((1, 6), (2**62, 1))
        torch.save(state, path)
        checkpoint = open_checkpoint(str(path))
        assert not list(checkpoint.layers())
        assert "shape" in checkpoint.withheld[0].reason

    def test_a_compressed_archive_is_not_of_torchs_making(self, tmp_path: Path) -> None:
        import torch

        path = tmp_path / "m.pt"
        torch.save({"a": torch.zeros(9)}, path)
        with zipfile.ZipFile(path) as archive:
            content = {member.filename: archive.read(member) for member in archive.infolist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        assert "compressed member" in refusal(path)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_reading_needs_no_torch_and_gives_its_numbers(
        self, tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        path, whole = tmp_path / "m.pt", torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
        views = {"turned": whole.T, "cut": whole[1:5:2, ::3], "one": torch.tensor(2.5), "none": torch.zeros(0, 3)}
        views |= {"half": whole.half()[2:], "brain": whole.bfloat16().T, "double": whole.double()}
        views["negative"] = torch.view_as_complex(whole.reshape(6, 4, 2)).conj().imag
        views["parameter"] = torch.nn.Parameter(whole)  # type: ignore[assignment]
        about = {"epoch": 3, "rate": 1e-3, "list": [1, (2, None)], "size": torch.Size([2]), "type": torch.float32}
        torch.save({"model": views, **about}, path, _use_new_zipfile_serialization=zipped)
        want = {key: value.detach().resolve_neg().double().numpy() for key, value in views.items()}
        monkeypatch.setitem(sys.modules, "torch", None)
        store = open_file(path)
        assert set(store.infos) == set(views)
        for key, value in want.items():
            np.testing.assert_array_equal(store.read(key).float64(), value)
            for lead in range(len(value) if value.ndim > 1 else 0):
                np.testing.assert_array_equal(store.read(key, lead).float64(), value[lead])

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("left", [None, 0, 300])
    def test_a_file_that_is_cut_or_removed_while_it_is_read(
        self, tmp_path: Path, zipped: bool, left: int | None
    ) -> None:
        import torch

        path = tmp_path / "m.pt"
        state = {key: torch.from_numpy(value) for key, value in tensors("layers.0.").items()}
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
        checkpoint = open_checkpoint(str(path))
        if left is None:
            path.unlink()
        else:
            os.truncate(path, left)  # a memory map would end the process here
        with pytest.raises(FormatError, match="whole"):
            list(checkpoint.layers())

    @pytest.mark.parametrize(
        ("opcodes", "words"),
        [
            (b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "a checkpoint must hold an S6 layer"),
            (b"c__builtin__\neval\nX\x01\0\0\x001\x85R.", "execute code"),
            (b"cos\nsystem\n.", "execute code"),
            (b"}" + b"2" * 9 + b".", "makes no sense"),
            pytest.param(
                b"(" * 1_000_001 + b".", "more than 1000000 opcodes", marks=pytest.mark.nightly
            ),  # of ten: test_pinned_weights
            (b"]q\0" + b"h\0a" * 100_000 + b".", "a checkpoint must hold an S6 layer"),
            (b"}q\0X\x05\0\0\0modelh\0s.", "levels"),
            (b")" + b"q\0h\0\x86" * 500 + b"}q\1j\1\0\0\0h\0K\1s.", "a checkpoint must hold an S6 layer"),
            (b"ccollections\nOrderedDict\n" + b"}" * 3 + b"\x87R.", "arguments"),
            (b"\x8a\xff" + b"\x7f" * 255 + b".", "a checkpoint must hold an S6 layer"),
            (b"ctorch._utils\n_rebuild_tensor_v2\n(NK\0K\1K\1tR.", "without a storage"),
            (b"}X\2\0\0\0abK", "makes no sense"),
        ],
    )
    def test_pickles_that_torch_does_not_write(self, tmp_path: Path, opcodes: bytes, words: str) -> None:
        path, start = tmp_path / "m.pt", time.process_time()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/data.pkl", b"\x80\2" + opcodes)
        assert words in refusal(path)
        assert time.process_time() - start < 10

    def test_names_that_would_have_no_end_and_a_name_that_hits_twice(self, tmp_path: Path) -> None:
        import torch

        path, one = tmp_path / "m.pt", torch.zeros(1)
        torch.save({"a.b": one, "a": {"b": one}}, path)
        assert "one tensor" in refusal(path)
        shared: dict[str, Any] = {"a": one}
        for level in range(15):
            shared = {f"{way}{level}" * 4000: shared for way in "xyz"}
        torch.save(shared, path)
        assert "entries" in refusal(path)


NAMES = (
    "a\nb.",
    "[red]x[/red].",
    "[/b].",
    "\x1b[31mred.",
    "\u202eturned.",
    "=1+1.",
    "layers.\u00b2.",
    "<script>.",
    "9" * 5000 + ".",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_can_do_nothing(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    save_file(tensors(name, "plain."), tmp_path / "m.safetensors")
    report = audit(str(tmp_path / "m.safetensors"), shuffles=2)
    names = {layer.name for layer in report.layers}
    assert len(names) == 2, "no layer vanishes"
    assert all(name.isprintable() for name in names)
    console = Console(width=80, force_terminal=False)
    for part in render_table(report):
        console.print(part, crop=False)
    assert "\x1b" not in capsys.readouterr().out
    for write, suffix in ((write_json, "json"), (write_csv, "csv"), (write_html, "html")):
        write(report, tmp_path / f"a.{suffix}")
    assert {layer["name"] for layer in json.loads((tmp_path / "a.json").read_text())["layers"]} == names
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert len(rows) == 1 + 12
    assert not any(row.startswith(("=", "+", "-", "@")) for row in rows)
    assert "<script" not in (tmp_path / "a.html").read_text()


def test_names_that_would_be_one_are_numbered(tmp_path: Path) -> None:
    save_file(tensors("a.", "a/", "b\n.", "b\\n."), tmp_path / "m.safetensors")
    names = open_checkpoint(str(tmp_path / "m.safetensors")).layer_names
    assert sorted(names) == ["a", "a #2", "b\\n", "b\\n #2"]


def test_markup_of_a_layer_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    save_file(tensors("x[red]1.", "y[/b]2."), tmp_path / "m.safetensors")
    for part in render_table(audit(str(tmp_path / "m.safetensors"), shuffles=2)):
        Console(width=80).print(part, crop=False)
    out = capsys.readouterr().out
    assert "x[red]1" in out
    assert "y[/b]2" in out


def test_planning_takes_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        infos = {f"l{i}.A_log": TensorInfo((4, 2), "F32") for i in range(count)}
        start = time.process_time()
        assert len(plan_layers(infos, None)) == count
        return time.process_time() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (MOST_LAYERS // 10, MOST_LAYERS))
    assert many < 40 * max(few, 0.01)  # the square would be a hundredfold
    with pytest.raises(FormatError, match="at most 4096 layers"):
        seconds(MOST_LAYERS + 1)


class TestFolders:
    def test_deep_large_and_waiting_files_beside_the_weights(self, tmp_path: Path) -> None:
        save_file(tensors("layers.0."), tmp_path / "m.safetensors")
        config, index = tmp_path / "config.json", tmp_path / "model.safetensors.index.json"
        config.write_text("[" * 200_000)
        assert "config.json" in refusal(tmp_path)
        with config.open("wb") as handle:
            handle.truncate(5 << 30)
        assert "more than" in refusal(tmp_path)
        config.unlink()
        os.mkfifo(index)
        assert "no regular file" in refusal(tmp_path)
        index.unlink()
        index.write_text('{"weight_map": ' + '{"a":' * 100_000)
        assert "index" in refusal(tmp_path)
        index.unlink()
        os.mkfifo(tmp_path / "n.safetensors")
        assert "regular file" in refusal(tmp_path)

    @pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
    def test_a_file_whose_name_is_not_utf8(self, tmp_path: Path) -> None:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.safetensors"))
        path.write_bytes(b"no")
        refusal(path)
        path.write_bytes(save(tensors("layers.0.")))
        report = audit(str(path), shuffles=2)
        assert report.source.endswith("\\udcff\\n.safetensors")
        write_html(report, tmp_path / "a.html")

    def test_many_heads_are_withheld(self) -> None:
        infos = {
            key: TensorInfo(shape, "F32")
            for key, shape in {
                "A_log": (9**6, 4, 2),
                "x_proj_weight": (9**6, 6, 4),
                "dt_proj_weight": (9**6, 4, 2),
            }.items()
        }
        (entry,) = plan_layers(infos, None)
        assert "heads" in entry.reason  # type: ignore[union-attr]

    def test_a_position_of_many_digits(self, tmp_path: Path) -> None:
        save_file(tensors("layers.0."), tmp_path / "m.safetensors")
        with pytest.raises(SourceError, match="--layers"):
            audit(str(tmp_path), layers=["9" * 5000])


class TestOverflow:
    """Weights beyond float32: no model computes with them, and products of them leave float64."""

    @pytest.mark.parametrize("value", [1e39, 1e155, 1e200, np.finfo(np.float64).max])
    @pytest.mark.parametrize("part", ["x_proj.weight", "dt_proj.weight", "dt_proj.bias", "D"])
    def test_they_are_a_verdict_of_health(self, tmp_path: Path, value: float, part: str) -> None:
        content = {key: array.astype(np.float64) for key, array in tensors("layers.0.", "layers.1.").items()}
        content[f"layers.0.{part}"] = np.sign(content[f"layers.0.{part}"]) * value
        save_file(content, tmp_path / "m.safetensors")
        report = audit(str(tmp_path / "m.safetensors"), shuffles=2)
        assert [layer.name for layer in report.layers] == ["layers.1"]
        (entry,) = report.withheld
        assert entry.name == "layers.0"
        assert entry.damaged
        assert "float32" in entry.reason
        assert report.health.layers[0].has("not-finite")

    def test_a_signalling_nan_is_withheld_without_a_warning(self, tmp_path: Path) -> None:
        content = {key: array.astype(np.float64) for key, array in tensors("layers.0.").items()}
        content["layers.0.x_proj.weight"].view(np.uint64)[3, 2] = 0x7FF0000000000001
        save_file(content, tmp_path / "m.safetensors")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = audit(str(tmp_path / "m.safetensors"), shuffles=2)
        assert "x_proj.weight" in report.withheld[0].reason

    def test_the_largest_float32_number_is_judged(self, tmp_path: Path) -> None:
        """Planted on the other side: nothing overflows, nothing is null that the schema wants, and nothing is warned of."""
        for part in ("x_proj.weight", "dt_proj.weight", "dt_proj.bias"):
            content = {key: array.astype(np.float64) for key, array in tensors("layers.0.").items()}
            content[f"layers.0.{part}"] = np.sign(content[f"layers.0.{part}"]) * float(np.finfo(np.float32).max)
            save_file(content, tmp_path / "m.safetensors")
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                report = audit(str(tmp_path / "m.safetensors"), shuffles=2)
            assert len(report.layers) == 1
            jsonschema.validate(json.loads(json.dumps(to_json(report), allow_nan=False)), schema())

    def test_bounds_that_leave_float64_are_warned_of_by_their_verdict_alone(self, tmp_path: Path) -> None:
        """Finite float32 weights: what a channel may add to the stream overflows only in the last product."""
        rng, content = np.random.default_rng(0), tensors("layers.0.")
        sizes = {"in_proj.weight": (12, 3), "conv1d.weight": (6, 1, 4), "out_proj.weight": (3, 6)}
        content |= {f"layers.0.{key}": rng.normal(size=size).astype(np.float32) for key, size in sizes.items()}
        for part, scale in (("in_proj", 1e37), ("x_proj", 1e26), ("dt_proj", 1e18), ("out_proj", 1e37)):
            content[f"layers.0.{part}.weight"] *= np.float32(scale)
        for name in ("m", "n"):
            save_file(content, tmp_path / f"{name}.safetensors")
        paths = [str(tmp_path / f"{name}.safetensors") for name in ("m", "n")]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = audit(paths[0], shuffles=2)
            diff(*paths, shuffles=2)
            with pytest.raises(SystemExit) as ended:
                main(["audit", *paths, "--json", str(tmp_path / "trend.json")])
        assert ended.value.code == 0
        assert report.health.layers[0].has("overflow-fp32")

    def test_tensors_of_any_shapes_are_withheld(self, tmp_path: Path) -> None:
        lines = list[str]()
        rng, shapes = np.random.default_rng(0), ((), (0,), (6,), (6, 4), (2, 6, 4), (1, 2, 3, 4))
        for _ in range(60):
            names = (*SHAPES, "in_proj.weight", "conv1d.weight", "out_proj.weight", "norm.weight", "x_proj_weight")
            content = {f"layers.0.{key}": np.ones(SHAPES.get(key, (12, 6)), np.float32) for key in names}
            for key in rng.choice(list(content), 2):
                content[key] = np.ones(shapes[rng.integers(len(shapes))], np.float32)
            save_file(content, tmp_path / "m.safetensors")
            try:
                report = audit(str(tmp_path / "m.safetensors"), shuffles=2)
            except S6FlowError as error:
                lines.append(str(error))
                continue
            json.dumps(to_json(report), allow_nan=False)
        assert all(line.isprintable() for line in lines)
