"""Which checkpoints words name: each once, in order, and nothing where something was meant is an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fleet_made import made

from s6flow.errors import SourceError
from s6flow.numeric.fleet.sources import Source, batches, described, expand, place_in_run


def _names(*words: str | Path) -> list[str]:
    return [source.name for source in expand(str(word) for word in words)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for step in (100, 900, 1000):
        made(tmp_path / "run" / f"checkpoint-{step}" / "model.safetensors", step)
    return tmp_path / "run"


def test_snapshots_of_a_folder_come_in_the_order_of_their_steps(run: Path) -> None:
    assert _names(run) == [str(run / f"checkpoint-{step}" / "model.safetensors") for step in (100, 900, 1000)]


def test_a_checkpoint_is_one_whatever_its_spelling(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    (run / "link").symlink_to(run / "checkpoint-900", target_is_directory=True)
    found = _names(
        run, "checkpoint-*", "link/model.safetensors", run / "**/*.safetensors", "./checkpoint-100/../checkpoint-100"
    )
    assert len(found) == 3


def test_a_folder_with_a_config_is_one_checkpoint_and_one_with_many_models_is_many(tmp_path: Path) -> None:
    made(tmp_path / "hf" / "model.safetensors")
    (tmp_path / "hf" / "config.json").write_text("{}")
    (tmp_path / "hf" / "optimizer.pt").write_bytes(b"0")
    assert _names(tmp_path / "hf") == [str(tmp_path / "hf")]
    for name in ("a", "b"):
        made(tmp_path / "zoo" / f"{name}.safetensors")
    (tmp_path / "zoo" / "config.json").write_text("{}")
    assert _names(tmp_path / "zoo") == [str(tmp_path / "zoo" / f"{name}.safetensors") for name in ("a", "b")]
    for part in (1, 2):
        made(tmp_path / "cut" / f"model-0000{part}-of-00002.safetensors", part)
    assert _names(tmp_path / "cut") == [str(tmp_path / "cut")]


def test_a_text_names_sources_and_keeps_those_that_are_not_there(run: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(
        f"# of a night\n{run}\n\n/nowhere/x.safetensors\nstate-spaces/mamba-130m-hf\n{run / 'checkpoint-100'}\n"
    )
    assert _names(listed)[3:] == ["/nowhere/x.safetensors", "state-spaces/mamba-130m-hf"]
    assert len(_names(listed)) == 5


@pytest.mark.parametrize("word", ["", "/nowhere/x.safetensors", "./nothing", "*.nothing", "EMPTY", "EMPTY.txt"])
def test_a_word_that_names_nothing_is_an_error(word: str, tmp_path: Path) -> None:
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "EMPTY.txt").write_text("# nothing\n")
    place = str(tmp_path / word) if "EMPTY" in word else word
    with pytest.raises(SourceError) as said:
        list(expand([place]))
    assert "\n" not in str(said.value)


def test_no_word_is_an_error() -> None:
    with pytest.raises(SourceError, match="needs sources"):
        list(expand([]))


def test_an_identity_follows_content_size_and_time_of_change(tmp_path: Path) -> None:
    path = made(tmp_path / "a.safetensors")
    first = described(str(path))
    os.utime(path, ns=(1, 1))
    later = described(str(path))
    assert later.identity != first.identity
    assert (later.bytes, later.modified) == (path.stat().st_size, 1e-9)
    assert described(str(path)) == later
    assert described("state-spaces/x").bytes == 0


@pytest.mark.parametrize(
    ("name", "run", "step"),
    [
        ("out/checkpoint-500/model.safetensors", "out/checkpoint-*/model.safetensors", 500),
        ("out/step_20.pt", "out/step_*.pt", 20),
        ("out/0300.npz", "out/*.npz", 300),
        ("out/epoch=3-step=12.ckpt", "out/epoch=3-step=*.ckpt", 12),
        ("seed3/model.safetensors", None, None),
        ("state-spaces/mamba-130m-hf", None, None),
    ],
)
def test_the_step_of_a_snapshot_is_read_off_its_name(name: str, run: str | None, step: int | None) -> None:
    assert place_in_run(name) == (run, step)


def test_batches_are_bounded_in_number_and_bytes() -> None:
    sources = [Source(str(i), str(i), size) for i, size in enumerate((1, 1, 1, 9, 20, 1))]
    assert [[s.bytes for s in batch] for batch in batches(sources, 2, 10)] == [[1, 1], [1, 9], [20], [1]]
    assert list(batches([], 2, 10)) == []
