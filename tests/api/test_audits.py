"""`audit` and `diff` by every kind of source, with their tables, documents and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import s6flow as sf
from s6flow.api.audits import Audit
from s6flow.errors import S6FlowError, SourceError
from s6flow.numeric.audit import schema
from s6flow.numeric.audit.columns import CHANNEL_COLUMNS, LAYER_COLUMNS
from s6flow.numeric.health import NUMBERS

CHANNELS, STATES, RANK = 12, 4, 2
SCRIPT = "<script>alert(1)</script>"


def checkpoint(path: Path, seed: int = 0, name: str = "backbone.layers.{}.mixer.") -> Path:
    """Two layers; the second one is dead in its D and B."""
    rng = np.random.default_rng(seed)
    shapes = {
        "A_log": (CHANNELS, STATES),
        "x_proj.weight": (RANK + 2 * STATES, CHANNELS),
        "dt_proj.weight": (CHANNELS, RANK),
        "dt_proj.bias": (CHANNELS,),
        "D": (CHANNELS,),
    }
    found = {
        name.format(layer) + key: rng.normal(size=shape).astype(np.float32)
        for layer in range(2)
        for key, shape in shapes.items()
    }
    found[name.format(1) + "x_proj.weight"] *= 0
    found[name.format(1) + "D"] *= 0
    save_file(found, path)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint whose layers have a script in their names."""
    return checkpoint(tmp_path_factory.mktemp("api") / "model.safetensors", name=SCRIPT + ".layers.{}.mixer.")


@pytest.fixture(scope="module")
def report(path: Path) -> Audit:
    """Its audit."""
    return sf.audit(path, shuffles=20)


def test_a_repr_is_one_screen(report: Audit) -> None:
    lines = repr(report).splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) <= 24
    assert any(line.startswith("CRITICAL: layers dead 1 of 2") for line in lines)
    assert any(line.startswith("No scenario for 1 of its layers") for line in lines)


def test_html_is_escaped(report: Audit) -> None:
    html = report._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_document_is_the_published_one(report: Audit) -> None:
    document = json.loads(json.dumps(report.to_json(), allow_nan=False))
    jsonschema.validate(document, schema())
    assert document["schema"] == "s6flow-audit/2"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "seed": -1}, schema())


def test_tables_have_the_declared_columns(report: Audit) -> None:
    assert report.table("channels").columns == ("layer", *(column.name for column in CHANNEL_COLUMNS))
    assert report.table("layers").columns == tuple(column.name for column in LAYER_COLUMNS)
    assert report.table().columns[-len(NUMBERS) :] == tuple(row.name for row in NUMBERS)
    assert len(report.table("channels")) == CHANNELS
    assert [len(report.table(name)) for name in ("health", "layers")] == [2, 1]
    assert report.table().data["health"] == ["critical", report.health.layers[0].severity]


def test_data_frames_are_those_tables(report: Audit) -> None:
    pytest.importorskip("pandas")
    frame = report.to_pandas("channels")
    assert tuple(frame.columns) == report.table("channels").columns
    assert np.array_equal(frame["mu"], report.layers[0].numbers("mu"))


def test_pictures_show_what_the_audit_says(report: Audit) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    left, right = report.plot().axes
    named = [label.get_text() for label in left.get_xticklabels()]
    assert named == list(report.health.counts())
    dead = left.collections[named.index("dead")].get_offsets()
    assert np.asarray(dead).tolist() == [[named.index("dead"), 1]]
    widths = [bar.get_width() for bar in right.patches]
    assert sum(widths) == pytest.approx(1.0)
    assert report.plot_health(left) is left


def test_a_diff_says_what_moved(path: Path, tmp_path: Path) -> None:
    other = checkpoint(tmp_path / "other.safetensors", seed=1, name=SCRIPT + ".layers.{}.mixer.")
    found = sf.diff(path, other, shuffles=20)
    same = sf.diff(str(path), path, shuffles=20)
    assert same.table().data["S_B"] == [0.0, 0.0]
    assert found.table().data["S_B"][0] > 0.5
    after = found.second.layers[0].numbers["response"]
    assert (found.table().data["response_after"][0], same.table().data["response_after"][0]) == (after, None)
    assert "<script" not in found._repr_html_()
    assert max(map(len, repr(found).splitlines())) < 80
    assert found.to_json()["schema"] == "s6flow-diff/1"
    pytest.importorskip("matplotlib").use("Agg")
    assert [len(line.get_xdata()) for line in found.plot().lines] == [2, 2, 2]


def test_a_model_in_memory_is_a_source(path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Module()
    for name, array in load_file(path).items():
        *parts, last = name.removeprefix(SCRIPT + ".").split(".")
        owner = model
        for part in parts:
            if not hasattr(owner, part):
                owner.add_module(part, torch.nn.Module())
            owner = getattr(owner, part)
        owner.register_parameter(last, torch.nn.Parameter(torch.from_numpy(array)))
    memory, saved = sf.audit(model, shuffles=5), sf.audit(path, shuffles=5)
    assert memory.source == "Module"
    assert memory.table("channels").data["mu"] == saved.table("channels").data["mu"]
    assert sf.diff(model, model, shuffles=5).table().data["decay"] == [0.0, 0.0]
    with pytest.raises(SourceError, match=r"layers of the same names; got .* at Module, ") as caught:
        sf.diff(model, path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "must name a checkpoint"),
        ("no/such/file.safetensors", "must be an existing file"),
        (Path("/nowhere/at/all"), "must be an existing file"),
        (3.5, "SOURCE must be a path, a hub id, a package or a torch.nn.Module; got float"),
        (None, "got NoneType"),
    ],
)
def test_a_bad_source_is_one_line(source: Any, message: str) -> None:
    with pytest.raises(S6FlowError, match=message) as caught:
        sf.audit(source)
    assert "\n" not in str(caught.value)


def test_a_folder_of_two_models_names_them_and_says_what_to_do(tmp_path: Path) -> None:
    for seed, name in enumerate(("first", "second")):
        checkpoint(tmp_path / f"{name}.safetensors", seed)
    for call in (lambda: sf.audit(tmp_path), lambda: sf.diff(tmp_path / "first.safetensors", tmp_path)):
        with pytest.raises(SourceError, match="one checkpoint") as caught:
            call()
        said = str(caught.value)
        assert f"first.safetensors, second.safetensors, all of which have {caught.value.value.split()[-1]}" in said
        assert f"at {tmp_path}. Name one of them, for example {tmp_path / 'first.safetensors'};" in said


def test_a_folder_of_many_models_names_some(tmp_path: Path) -> None:
    for seed in range(6):
        checkpoint(tmp_path / f"step{seed}.safetensors", seed)
    with pytest.raises(SourceError, match=r"step0\S+ step1\S+ step2\S+ step3\S+ and 2 others, all"):
        sf.audit(str(tmp_path))


def test_shards_with_tensors_of_their_own_are_one_model(tmp_path: Path) -> None:
    whole = load_file(checkpoint(tmp_path / "whole.safetensors"))
    folder = tmp_path / "shards"
    folder.mkdir()
    for place in range(2):
        save_file({key: whole[key] for key in list(whole)[place::2]}, folder / f"{place}.safetensors")
    assert len(sf.audit(folder).health.layers) == 2


def test_shards_of_an_index_that_repeat_a_tensor_are_told_as_such(tmp_path: Path) -> None:
    files = [checkpoint(tmp_path / f"{place}.safetensors").name for place in range(2)]
    names = dict.fromkeys(load_file(tmp_path / files[0]), files[0])
    names["another"] = files[1]
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(SourceError, match="shards of a checkpoint must not repeat"):
        sf.audit(tmp_path)
