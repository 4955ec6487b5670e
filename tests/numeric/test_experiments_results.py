"""The committed results: they follow from their runs, belong to the code, and describe the weights that ship."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from s6flow.numeric.evidence import awaiting, of_a_run
from s6flow.numeric.experiments.audited import audit_weights
from s6flow.numeric.experiments.checkpoints import shipped_checkpoint, shipped_names
from s6flow.numeric.experiments.config import load_config
from s6flow.numeric.experiments.results import FLAT, SHIPPED, SHIPPED_GRID, gather, judge, shipped_config
from s6flow.numeric.weights import open_checkpoint
from s6flow.paper_figures.freshness import stale_reasons
from s6flow.provenance import meaning_digest, package_root, source_files

FOLDER = package_root() / "numeric" / "experiments" / "results"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "across"))


def committed(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_results_follow_from_the_runs(name: str, tmp_path: Path) -> None:
    with tarfile.open(FOLDER / f"{name}_logs.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    found = committed(name)
    config = load_config(name, conditions=tuple(found["config"]["conditions"]), seeds=tuple(found["config"]["seeds"]))
    runs = gather(config, tmp_path)
    done = sum(len(seeds) for seeds in runs.values())
    assert done == len(config.conditions) * len(config.seeds) - len(found["missing"])
    assert judge(config, runs, found["data"], found["command"]) == found
    for condition, seeds in runs.items():
        for seed, run in seeds.items():
            lines = (tmp_path / "runs" / f"{condition}-s{seed}" / "log.jsonl").read_text().splitlines()
            if run["status"] == "diverged":  # recorded at its last good state, not dropped
                assert run["step"] < json.loads(lines[-1])["step"] < config.train.steps
                continue
            assert json.loads(lines[-1])["step"] == run["step"] == config.train.steps
            assert run["status"] == "done"


@pytest.mark.parametrize("name", NAMES)
def test_results_belong_to_the_code(name: str) -> None:
    path = FOLDER / f"{name}.json"
    assert (stale_reasons(path) == []) == (awaiting(path) is None)
    found = committed(name)
    assert "/" not in found["command"]
    page = (Path(__file__).resolve().parents[2] / "docs" / "experiments.md").read_text()
    assert not found["missing"] or f"`{name}`" in page.split("**Not run:**")[1].split("\n\n")[0]


def test_language_modelling_curves_are_flat() -> None:
    found = committed(SHIPPED_GRID)
    changes = [change for part in found["conditions"].values() for change in part["valid_last_change"]]
    assert len(changes) == 18
    assert max(map(abs, changes)) < FLAT["lm"][0]
    assert found["flat"]["met"] is True


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_those_of_the_results(name: str) -> None:
    assert name in shipped_names()
    summary, layers = audit_weights(shipped_checkpoint(name))
    found = committed(SHIPPED_GRID)
    assert found["measurements"][f"{SHIPPED[name]}-s0"]["audit"] == [pytest.approx(layer) for layer in layers]
    for share, value in summary.items():
        assert found["conditions"][SHIPPED[name]]["metrics"][f"audit.{share}"]["values"][0] == pytest.approx(
            value, abs=1e-6
        )


def test_shipped_weights_say_what_they_are() -> None:
    beside = shipped_checkpoint("unconstrained").parent / "config.json"
    assert beside.read_text() == shipped_config(load_config(SHIPPED_GRID))
    for name in SHIPPED:
        assert all(not layer.flags for layer in open_checkpoint(str(shipped_checkpoint(name))).layers())


def test_the_results_page_reports_coexistence_as_committed() -> None:
    """The table of docs/results.md: condition -> share of channels with means over seeds, and of the shipped weights."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text()
    conditions = committed(SHIPPED_GRID)["conditions"]

    def shown(condition: str, shares: str) -> str:
        found = conditions[condition]["metrics"][f"audit.{shares}"]
        first, mean = round(3072 * found["values"][0]), 100 * found["mean"]
        return f"{'none' if mean == 0 else f'{mean:.2g} %'} [{first}]"

    rows = {
        "no constraint": "unconstrained",
        "our channel-wise constraint, mu > 0": "channel-positive",
        "our channel-wise constraint, mu < 0": "channel-negative",
    }
    for words, condition in rows.items():
        assert f"| {words} | {shown(condition, 'paper_setting')} | {shown(condition, 'coexistence')} |" in text
    for condition in ("published-positive", "published-negative"):
        assert conditions[condition]["metrics"]["audit.paper_setting"]["values"] == [1.0, 1.0, 1.0]
        assert conditions[condition]["metrics"]["audit.coexistence"]["values"] == [0.0, 0.0, 0.0]


def test_code_digest_covers_what_decides_a_run() -> None:
    found = source_files("s6flow.numeric.experiments.run", of_a_run)
    modules = {name.removeprefix("s6flow.numeric.") for name in found}
    decides = {"model", "train", "update", "batches", "conditions", "config", "after", "run", "corpora", "listops"}
    assert {f"experiments.{name}" for name in decides} <= modules
    assert {"refinements.cone", "refinements.matrix", "refinements.softsort", "refinements.mixer"} <= modules
    aside = {"launch", "grid", "__main__", "results", "claims", "stats", "provenance", "checkpoints"}
    assert not {f"experiments.{name}" for name in aside} & modules


SOURCE = '''"""What a module is for."""

import math


class Cell:
    """A cell."""

    size: int = 3

    def area(self, side: float) -> float:
        """Its area."""
        # a comment
        return math.pi * side**2 if side > 0 else 0.0
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# a comment", "# another", True),
        ("Its area.", "The area of it.", True),
        ('"""A cell."""\n\n    size', "size", True),
        ("side: float) -> float", "side: int) -> object", True),
        (
            "math.pi * side**2 if side > 0 else 0.0",
            "(\n            math.pi * side**2 if side > 0 else 0.0\n        )",
            True,
        ),
        ("side**2", "side**3", False),
        ("size: int = 3", "size: int = 4", False),
        ("size: int = 3", "width: int = 3", False),
        ("side > 0", "side >= 0", False),
        ("import math", "import cmath as math", False),
        ('"""A cell."""', 'name = "A cell."', False),
    ],
)
def test_digest_follows_meaning_not_layout(old: str, new: str, same: bool, tmp_path: Path) -> None:
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text(SOURCE)
    after.write_text(SOURCE.replace(old, new))
    assert before.read_text() != after.read_text()
    assert (meaning_digest(before) == meaning_digest(after)) == same


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it raises ImportError
from s6flow.numeric.experiments import shipped_checkpoint, shipped_names
from s6flow.numeric.weights import open_checkpoint
for name in shipped_names():
    layers = list(open_checkpoint(str(shipped_checkpoint(name))).layers())
    assert len(layers) == 12, layers
from s6flow.cli import main
raise SystemExit(main(["audit", *sys.argv[1:]]))
"""


def test_shipped_checkpoints_are_audited_without_torch(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "--json", "--shuffles", "2"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    assert [Path(report["source"]).stem for report in reports] == ["unconstrained", "mixed", "negative", "positive"]
    for report in reports:
        shares = audit_weights(shipped_checkpoint(Path(report["source"]).stem))[0]
        assert report["summary"]["dichotomy_can_fail_channels"] == round(3072 * shares["coexistence"])
    convergent = {Path(r["source"]).stem: r["summary"]["scenarios"]["mixed"].get("convergent", 0) for r in reports}
    assert convergent["negative"] == 3072
    assert convergent["positive"] == 0
    assert 0 < convergent["unconstrained"] < 3072


def test_files_of_shipped_audits_carry_the_names(tmp_path: Path) -> None:
    from s6flow.cli import main

    with pytest.raises(SystemExit, match=r"^0$"):
        main(["audit", "--layers", "0", "--shuffles", "2", "--csv", str(tmp_path / "a.csv")])
    assert {path.stem for path in tmp_path.iterdir()} == {f"a-{name}" for name in shipped_names()}
