"""A few faults of each kind, and that what is torn is seen."""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import random
import shutil
import signal
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from representatives import sweep
from safetensors.numpy import save_file

from s6flow.cli import cli

HERE = Path(__file__).resolve().parent
_SPEC = importlib.util.spec_from_file_location("faults_campaign", HERE / "campaign.py")
assert _SPEC is not None
assert _SPEC.loader is not None
faults = importlib.util.module_from_spec(_SPEC)
sys.modules["faults_campaign"] = faults  # its dataclass looks for its module
_SPEC.loader.exec_module(faults)
ROOT, WHOLE = (getattr(sys.modules["writers"], name) for name in ("ROOT", "WHOLE"))


@pytest.fixture(autouse=True, scope="module")
def _heard() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    faults.hear_interrupts()
    yield
    signal.signal(signal.SIGINT, before)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and shells")


#: Every signal once, as Python starts or later.
MOMENTS = [(number, moment) for number in faults.SIGNALS for moment in (0.3, 1.0)]


@pytest.mark.parametrize(
    ("number", "moment"),
    sweep(MOMENTS, kept=[MOMENTS[0], *MOMENTS[3::2]], ids=lambda case: f"{case[1]}-{case[0].name}"),
)
def test_a_signal_leaves_whole_files(number: signal.Signals, moment: float) -> None:
    assert faults.ended("simulate", number, moment).wrong == ()


@pytest.mark.parametrize("fault", sweep(faults.DISTURBANCES, kept=["files of at most 4 kB"]))
def test_a_disturbed_command_tells_its_end(fault: str) -> None:
    assert faults.disturbed("simulate", fault).wrong == ()


def test_disturbances_that_refuse_nothing_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process for what does not hide one another; one by one in the nightly run."""
    settings: dict[str, str] = {}
    for fault in ("a missing home", "ascii", "a narrow terminal"):
        settings |= faults.DISTURBANCES[fault][1]
    monkeypatch.setitem(faults.DISTURBANCES, "together", ("", settings))
    assert faults.disturbed("simulate", "together").wrong == ()


def test_what_is_torn_is_seen(tmp_path: Path) -> None:
    faults.prepare(tmp_path, "audit")
    assert faults.looked_at(tmp_path, "audit", 0, "", False) == []
    assert len(faults.looked_at(tmp_path, "audit", 1, "", False)) == 1
    (tmp_path / "a.json").write_text('{"half')
    (tmp_path / "a.csv").unlink()
    (tmp_path / ".s6flow-left").write_text("")
    (tmp_path / "tmp" / "left").write_text("")
    found = faults.looked_at(tmp_path, "audit", 7, "Traceback (most recent call last):\n  x", False)
    assert [what.split(":")[0] for what in found] == [
        "a.json",
        "a.csv",
        "temporary files are left",
        "stderr",
        "status 7",
    ]
    assert ".s6flow-left, left" in found[2]


def _written(path: Path) -> None:
    """A whole file of the kind that its ending says."""
    if path.suffix in (".v", ""):
        shutil.copy(ROOT / "proofs/coq" / path.name, path)
    elif path.suffix == ".safetensors":
        save_file({"a": np.zeros(40)}, path)
    elif path.suffix == ".npz":
        np.savez(path, a=np.zeros(40))
    elif path.suffix == ".pt":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b" * 40)
    elif path.suffix == ".gz":
        with tarfile.open(path, "w:gz") as archive:
            archive.add(__file__, "a")
    elif path.suffix == ".xz":
        path.write_bytes(lzma.compress(random.Random(0).randbytes(200)))
    else:
        ends = {".html": "</html>", ".tex": "\\end{document}", ".svg": "</svg>", ".pdf": "%%EOF", ".png": "IEND0000"}
        texts = {".json": '{"a": 1}', ".jsonl": '{"a": 1}\n{"b": 2}\n', ".csv": "a,b\n1,2\n3,4", ".digest": "00ff" * 4}
        texts |= {".md": "abc\nd\n", ".parquet": "PAR1 abcdef PAR1", ".py": "def f():\n    return (1)"}
        path.write_text(texts.get(path.suffix, "a") + ends.get(path.suffix, ""))


@pytest.mark.parametrize("suffix", WHOLE)
def test_half_a_file_is_torn(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / {".v": "Limits.v", "": "_CoqProject"}.get(suffix, f"a{suffix}")
    _written(path)
    assert faults.torn(path) is None
    content = path.read_bytes()
    # half a log is one whose first lines are no lines; its last one may be torn
    path.write_bytes(content[: len(content) // 2] if suffix != ".jsonl" else content[3:])
    assert faults.torn(path) is not None


def test_every_command_that_writes_is_tried() -> None:
    def leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                child = command.get_command(click.Context(command), name)
                assert child is not None
                yield from leaves(child, (*words, name))
        else:
            yield words

    only_print = {("theorems",), ("theorem",)}
    tried = {row.words for row in faults.COMMANDS.values()}
    for words in set(leaves(cli, ())) - only_print:
        assert any(row[: len(words)] == words for row in tried), words


def test_moments_of_a_longer_campaign_go_on() -> None:
    kinds = [number.name for number in faults.SIGNALS]
    few, many = (faults.jobs(each, ["simulate", "prove"], 0, kinds) for each in (2, 70))
    assert set(few) < set(many)
    assert set(few) == set(many[: len(few)])
    assert Counter(name for name, *_ in many) == {"simulate": 210, "prove": 3 * faults.COMMANDS["prove"].most}


def test_the_committed_report_found_nothing() -> None:
    report = json.loads((HERE / "report.json").read_text())
    assert report["findings"] == []
    assert report["runs"] >= 50


def _options(folder: Path, *commands: str, **more: object) -> argparse.Namespace:
    given = {"each": 2, "seed": 0, "faults": ["SIGTERM"], "processes": 3, "forked": False, "minutes": 9.0, **more}
    return argparse.Namespace(commands=list(commands), folder=folder, **given)


def test_a_campaign_goes_on_is_joined_and_says_where_something_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One command that goes wrong by itself ends no campaign; a finding has its stderr; what is known is not run again."""
    begun = list[str]()

    def whole(name: str, nursery: object) -> Any:
        begun.append(name)
        if name == "trace":
            raise faults.Unfit("status 1")
        return faults.Whole(1.0, None, {"a": 1})

    def ended(name: str, number: signal.Signals, *given: object) -> Any:
        begun.append(f"{name} {number.name}")
        wrong = ("run again: it came to another result",) if name == "derive" else ()
        return faults.Answer(
            "status 143", wrong, {"stderr": "the last line", "files": ["d/derivation.md"]} if wrong else {}
        )

    monkeypatch.setattr(faults, "whole", whole)
    monkeypatch.setattr(faults, "ended", ended)
    monkeypatch.setattr(faults, "WHOLES", {})
    first = faults.campaign(_options(tmp_path, "derive", "trace", "audit"))
    assert sorted(begun) == sorted(["audit", "derive", "trace", *["audit SIGTERM", "derive SIGTERM"] * 2])
    assert first["unfit"] == {"trace": "Unfit: status 1"}
    assert (first["runs"], first["left"]) == (4, 2)
    assert [(row["command"], row["stderr"], row["files"]) for row in first["findings"]] == [
        ("derive", "the last line", ["d/derivation.md"])
    ] * 2

    (tmp_path / "rows-0.jsonl").rename(tmp_path / "another-rows-0.jsonl")  # as of another machine
    begun.clear()
    second = faults.campaign(_options(tmp_path, "derive", "trace", "audit", minutes=0.0))
    assert begun == []
    assert {key: second[key] for key in ("runs", "left", "findings", "outcomes")} == {
        key: first[key] for key in ("runs", "left", "findings", "outcomes")
    }


def test_what_another_tree_came_to_is_not_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The record of `derive` names the sources: a folder that outlives a change of the tree must not compare with the old one."""
    monkeypatch.setattr(faults, "whole", lambda name, nursery: faults.Whole(1.0, None, faults.here()))
    found = []
    for tree in ("old", "old", "new"):
        monkeypatch.setattr(faults, "WHOLES", {})
        monkeypatch.setattr(faults, "here", lambda tree=tree: tree)
        found.append(faults.whole_of(tmp_path, "derive").goal)
    assert found == ["old", "old", "new"]


def test_differences_say_where() -> None:
    old, new = {"a": [1, {"b": "x"}], "c": 2}, {"a": [1, {"b": "y"}], "c": 2}
    assert list(faults.differences(old, old)) == []
    assert list(faults.differences(new, old)) == ["/a/1/b: y for x"]
    assert list(faults.differences([1], [1, 2])) == [": [1] for [1, 2]"]
