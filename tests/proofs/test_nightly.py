"""The nightly report: complete, of the present statements, and resumed without computing anything twice."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from s6flow.errors import FormatError
from s6flow.numeric.checks import ENGINES, applicable, nightly
from s6flow.numeric.checks.check import Verdict
from s6flow.numeric.evidence import awaiting
from s6flow.numeric.fleet.checks import FASTEST
from s6flow.proofs.registry import REGISTRY

ROOT = Path(__file__).parents[2]
LEAST = 20_000


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "s6flow" / "proofs" / "nightly.json").read_text())
    return document


@pytest.fixture
def current(report: dict[str, Any]) -> dict[str, Any]:
    """The report where it must be of the present statements: it need not while it is declared to await renewal."""
    declared = awaiting(ROOT / "s6flow" / "proofs" / "nightly.json")
    if declared is not None:
        pytest.skip(f"proofs/nightly.json awaits renewal: {declared}")
    return report


def test_every_theorem_ran_on_every_backend_that_was_asked_for_and_can_judge_it(current: dict[str, Any]) -> None:
    assert current["not_run"] == []
    asked = set(current.get("backends", ENGINES))
    judged = {row["id"]: set(row["backends"]) for row in current["theorems"]}
    if asked == {FASTEST}:
        assert set(judged) == set(REGISTRY)
        assert all(len(found) == 1 for found in judged.values())
        assert all(found <= {"numpy", "torch"} for found in judged.values())
    else:
        able = {key: {name for name in asked if applicable(theorem, name)} for key, theorem in REGISTRY.items()}
        assert all(able.values())
        assert judged == able
    assert all(row["drawn"] >= LEAST for row in current["theorems"])


def test_the_statements_are_the_present_ones(current: dict[str, Any]) -> None:
    stale = [
        row["id"] for row in current["theorems"] if row["statement"] != nightly.statement_digest(REGISTRY[row["id"]])
    ]
    assert not stale, "run make nightly: it computes only these again"


def test_every_verdict_passes_on_as_many_systems_as_were_drawn(report: dict[str, Any]) -> None:
    for row in report["theorems"]:
        for name, found in row["backends"].items():
            assert Verdict(found["verdict"]).passes, f"{row['id']} on {name}"
            assert found["margin"] >= 0
            # a construction that rounding takes off its assumption is not counted, and may not be common
            drawn = row.get("drawn", LEAST)
            assert found["examples"] + found["undecided"] + found["idle"] >= 0.999 * drawn, f"{row['id']} on {name}"
            assert found["examples"] >= drawn / 10


def test_the_report_says_where_it_comes_from_and_stays_small(report: dict[str, Any]) -> None:
    assert report["command"].startswith(
        ("python -m s6flow.numeric.checks.nightly --examples ", "s6flow fleet check --ex")
    )
    assert report["date"]
    assert report["device"].startswith("CPU")
    assert {"python", "numpy", "torch", "python-flint", "numba"} <= set(report["versions"])
    assert (ROOT / "s6flow" / "proofs" / "nightly.json").stat().st_size < 200_000


def test_an_interrupted_run_goes_on_and_computes_no_row_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "nightly.json"
    arguments = [
        "--examples",
        "30",
        "--backends",
        "numpy",
        "--processes",
        "1",
        "--integrator",
        "numpy",
        "--out",
        str(out),
    ]
    monkeypatch.setattr(nightly, "REGISTRY", {key: REGISTRY[key] for key in ("stationary", "carried-limits")})
    before = dict(os.environ)
    assert nightly.main(arguments) == 0
    assert dict(os.environ) == before, "the workers' single thread must not become this process's"
    first = json.loads(out.read_text())
    assert [row["id"] for row in first["theorems"]] == ["stationary", "carried-limits"]
    for row in first["theorems"]:
        row["processor_seconds"] = 1234.5  # the mark of a row that was kept
    first["theorems"][1]["statement"] = "another"
    out.write_text(json.dumps(first))
    assert nightly.main(arguments) == 0
    kept, again = json.loads(out.read_text())["theorems"]
    assert kept["processor_seconds"] == 1234.5
    assert again["processor_seconds"] < 1234.5
    assert nightly.main([*arguments, "--fresh"]) == 0
    assert all(row["processor_seconds"] < 1234.5 for row in json.loads(out.read_text())["theorems"])


def test_the_results_page_says_how_much_was_judged(report: dict[str, Any]) -> None:
    text = " ".join((ROOT / "docs" / "results.md").read_text().split())
    verdicts = Counter(
        found["verdict"] for row in report["theorems"] for found in [next(iter(row["backends"].values()))]
    )
    assert f"{verdicts['HOLDS']} HOLDS and {verdicts['CONSISTENT']} CONSISTENT" in text
    idle = {row["id"]: max(found["idle"] for found in row["backends"].values()) for row in report["theorems"]}
    drawn = {row["id"]: row.get("drawn", LEAST) for row in report["theorems"]}
    assert f"That is so of {sum(map(bool, idle.values()))} theorems" in text
    most = [name for name, count in idle.items() if count > drawn[name] / 2]
    assert most
    assert all(f"`{name}` ({idle[name]:,} of {drawn[name]:,})" in text for name in most)


def test_rows_that_were_edited_and_reports_that_were_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "nightly.json"
    arguments = [
        "--examples",
        "30",
        "--backends",
        "numpy",
        "--processes",
        "1",
        "--integrator",
        "numpy",
        "--out",
        str(out),
    ]
    monkeypatch.setattr(nightly, "REGISTRY", {"stationary": REGISTRY["stationary"]})
    assert nightly.main(arguments) == 0
    first = json.loads(out.read_text())
    (row,) = first["theorems"]
    margin = row["backends"]["numpy"]["margin"]
    row["backends"]["numpy"]["margin"] = 12345.0  # better than it was
    out.write_text(json.dumps(first))
    assert nightly.main(arguments) == 0
    assert json.loads(out.read_text())["theorems"][0]["backends"]["numpy"]["margin"] == margin
    for torn in ("", "[1]", '{"theorems": [3]}', out.read_text()[:200]):
        out.write_text(torn)
        with pytest.raises(FormatError, match="whole"):
            nightly.main(arguments)
        assert out.read_text() == torn
