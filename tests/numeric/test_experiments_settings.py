"""Configurations and plans with values of another kind or size are one line of error, whichever public way reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from s6flow.errors import FormatError
from s6flow.numeric.experiments import config as definitions
from s6flow.numeric.experiments import config_names, prepare, run_experiment
from s6flow.numeric.experiments.__main__ import main
from s6flow.numeric.experiments.config import recorded
from s6flow.numeric.experiments.plan_of_runs import load_plan, plan_names
from s6flow.numeric.experiments.settings import BOUNDS, KINDS, LONGEST, load_config

SHIPPED = Path(definitions.__file__).parent / "configs" / "lm_cpu.toml"
#: A line of the shipped configuration -> what stands there instead -> words of the error; each was read, or a traceback.
WRONG = (
    ("seeds = ", "seeds = 1", "seeds must be a list"),
    ("seeds = ", "seeds = [-1]", "seeds must be a list of int"),
    ("seeds = ", "seeds = [0.5]", "seeds must be a list of int"),
    ("seeds = ", "seeds = [true]", "seeds must be a list of int"),
    ("seeds = ", "seeds = [0x" + "f" * 5000 + "]", "thousands of digits"),
    ("seeds = ", "seeds = " + "[" * 3000, "nested too deeply"),
    ("steps = ", "steps = 1979-05-27", "steps must be a whole number"),
    ("steps = ", "steps = true", "steps must be a whole number"),
    ("steps = ", "steps = " + "9" * 5000, "readable TOML"),
    ("width = ", "width = 1_000_000", "width must be a whole number from 0 to 65,536"),
    ("lr = ", "lr = 07:32:00", "lr must be a number"),
    ("lr = ", 'lr = "2e-3"', "lr must be a number"),
    ("lr = ", "lr = nan", "lr must be a number from 0"),
    ("lr = ", "lr = -1e-9", "lr must be a number from 0"),
    ("lr = ", "lr = inf", "lr must be a number from 0"),
    ("lr = ", "lr = 1e-3\ncap = inf", "cap must be a number"),
    ("warmup = ", "warmup = 0.5", "warmup must be a whole number"),
    ("lr = ", "lr = 1e-3\ngraph = 1", "graph must be true or false"),
    ("eval_sequences = ", "eval_sequences = 0", "eval_sequences must be a whole number from 1"),
    ("name = ", "name = 1979-05-27", "name must be a text"),
    ("kind = ", "kind = 1", "kind must be a text"),
    ("[model]", "[[model]]", "must be a table"),
    ("seeds = ", "seeds = [0]\n[measure]\nstudies = nan\n[other]", "studies must be a list"),
    ("seeds = ", "seeds = [0]\n[measure]\nstudies = [[]]\n[other]", "studies must be a list of str"),
)


def changed(begins: str, instead: str) -> str:
    lines = SHIPPED.read_text().splitlines()
    places = [place for place, line in enumerate(lines) if line.startswith(begins)]
    assert len(places) == 1, "the line is there once"
    lines[places[0]] = instead
    return "\n".join(lines)


@pytest.mark.parametrize(("begins", "instead", "words"), WRONG, ids=[row[1][:24] for row in WRONG])
def test_a_wrong_value_is_one_line(tmp_path: Path, begins: str, instead: str, words: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(changed(begins, instead))
    with pytest.raises(FormatError, match=words) as caught:
        load_config(path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 1_000


WAYS: dict[str, Callable[[Path, Path], Any]] = {
    "load_config": lambda path, out: load_config(path),
    "run_experiment": lambda path, out: run_experiment("lm", path, out),
    "prepare": lambda path, out: prepare(path, out),
    "plan": lambda path, out: load_plan(path.with_name("plan.toml")),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_public_way_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    (tmp_path / "c.toml").write_text(changed("lr = ", "lr = 07:32:00"))
    (tmp_path / "plan.toml").write_text('[[part]]\ngrid = "c.toml"\nseconds = 1\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match="lr must be a number"):
        WAYS[way](tmp_path / "c.toml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [("lm", "--config", "c.toml"), ("lm", "--config", "lm_cpu", "--seeds=-1"), ("plan", "plan.toml")],
    ids=" ".join,
)
def test_the_command_says_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (tmp_path / "c.toml").write_text(changed("seeds = ", "seeds = 1"))
    (tmp_path / "plan.toml").write_text('[[part]]\ngrid = "c.toml"\nseconds = 1\n')
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--out", "e", "--device", "cpu"]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("FormatError: seeds must be a list")
    assert not any("Traceback" in line for line in said)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("seconds = nan", "seconds must be a number"),
        ("seconds = [1]", "seconds must be a number"),
        ("seconds = 1\nsteps = 0", "steps must be a whole number from 1"),
        ("seconds = 1\nseeds = 1", "seeds must be a list"),
        ("seconds = 1\nconditions = [1]", "conditions must be a list of str"),
    ],
)
def test_a_wrong_part_of_a_plan_is_one_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(f'[[part]]\ngrid = "lm_cpu"\n{line}\n')
    with pytest.raises(FormatError, match=words):
        load_plan(path)
    path.write_text("part = [1]\n")
    with pytest.raises(FormatError, match="tables"):
        load_plan(path)


def test_what_is_no_file_of_that_kind_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(FormatError, match="regular file"):
        load_config(tmp_path / "pipe.toml")  # it would wait for ever
    with (tmp_path / "long.toml").open("w") as file:
        file.truncate(LONGEST + 1)
    with pytest.raises(FormatError, match="at most"):
        load_config(tmp_path / "long.toml")
    with pytest.raises(FormatError):
        load_config("a\0.toml")


def test_all_that_ships_is_read_and_can_be_written() -> None:
    for name in config_names():
        json.dumps(recorded(load_config(name)), allow_nan=False)
    for name in plan_names():
        assert load_plan(name)


def test_every_setting_has_a_kind_that_is_looked_at() -> None:
    kinds = {key: kind for table in KINDS.values() for key, kind in table.items()}
    assert {kind.removeprefix("list of ") for kind in kinds.values()} == {"int", "float", "str", "bool"}
    assert set(BOUNDS) <= set(kinds), "a bound of what is no setting"
