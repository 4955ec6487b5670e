"""Outcomes of mutants outlive a machine: a committed file has what a later run needs to go on."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation import __main__ as campaign  # noqa: E402
from tests.mutation.outcomes import OUTCOMES, packed, unpacked  # noqa: E402
from tests.mutation.report import REPORT  # noqa: E402

JUDGES = {"judges": 2, "without": ["tests/numeric/trace"]}
WHY = "E       assert 1 == 2\n\ntests/numeric/test_flow.py:7: AssertionError"
ROWS: list[dict[str, Any]] = [
    {"module": "b.py", "key": "00-2", "state": "survived", "budget": 8.0, "left": 3, "seconds": 0.4, "tests": 9},
    {"module": "b.py", "key": "00-1", "state": "killed", "by": "tests/numeric/test_flow.py::test_a", "why": WHY},
    {"module": "a.py", "key": "11-1", "state": "timeout", "by": None},
]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a committed file and nothing else; the folder of its results."""
    (tmp_path / OUTCOMES.name).write_bytes(packed(ROWS, JUDGES))
    monkeypatch.setattr(campaign, "OUTCOMES", tmp_path / OUTCOMES.name)
    monkeypatch.setattr(campaign, "OUT", tmp_path / "out")
    monkeypatch.setattr(campaign, "RESULTS", tmp_path / "out" / "results.jsonl")
    return tmp_path / "out"


def state() -> dict[str, str]:
    return {key: row["state"] for (_, key), row in campaign.kept().items()}


def test_the_same_outcomes_make_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    data = packed(ROWS, JUDGES)
    assert data == packed(ROWS[::-1], JUDGES)
    (tmp_path / "file").write_bytes(data)
    rows, judges = unpacked(tmp_path / "file")
    assert judges == JUDGES
    assert rows[0] == {"module": "a.py", "key": "11-1", "state": "timeout"}
    assert rows[1]["why"] == "tests/numeric/test_flow.py:7: AssertionError"
    assert rows[2] == {"module": "b.py", "key": "00-2", "state": "survived", "budget": 8.0, "left": 3}
    assert packed(rows, judges) == data


def test_a_new_machine_goes_on_from_the_committed_outcomes(fresh: Path) -> None:
    assert state() == {"11-1": "timeout", "00-1": "killed", "00-2": "survived"}
    assert campaign.present_judges() == JUDGES
    fresh.mkdir()
    campaign.RESULTS.write_text(json.dumps(ROWS[0] | {"state": "killed", "by": "tests/new.py::test"}) + "\n")
    assert state() == {"11-1": "timeout", "00-1": "killed", "00-2": "killed"}


@pytest.mark.parametrize("order", [1, -1])
def test_results_of_several_calls_are_joined_end_to_end(fresh: Path, order: int) -> None:
    """Each of two machines began with the committed outcomes, and tried another mutant."""
    fresh.mkdir()
    killed = {"module": "b.py", "state": "killed", "by": "tests/new.py::test", "why": WHY}
    parts = [json.dumps(killed | {"key": key}) + "\n" for key in ("00-2", "00-3")]
    campaign.RESULTS.write_text("".join(parts[::order]))
    assert state() == {"11-1": "timeout", "00-1": "killed", "00-2": "killed", "00-3": "killed"}


def test_the_committed_outcomes_are_those_of_the_report() -> None:
    if not OUTCOMES.exists():
        pytest.skip("no outcomes are committed: make mutation writes them")
    assert OUTCOMES.stat().st_size < 300_000
    report, (rows, judges) = json.loads(REPORT.read_text()), unpacked(OUTCOMES)
    found = Counter((row["module"], row["state"]) for row in rows)
    for name, counts in report["modules"].items():
        assert found[name, "killed"] == counts["killed"]
        assert found[name, "timeout"] == counts["timeout"]
        lived = found[name, "survived"] + found[name, "unreached"]
        assert lived == counts["survived"] + counts["unreached"] + counts["equivalent"]
    assert any(f"Judges were {judges['judges']:,} tests" in note for note in report["notes"])
