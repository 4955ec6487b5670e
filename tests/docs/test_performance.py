"""The tables of the page on performance are those of the committed results, and say which of these await renewal."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("performance_table")


def test_tables_are_of_the_committed_results(written: ModuleType) -> None:
    page = (ROOT / "docs/performance.md").read_text()
    for name, text in written.tables().items():
        start, end = written.MARKS[name]
        assert page.partition(start)[2].partition(end)[0].strip() == text, "python benchmarks/performance_table.py"


def test_every_row_says_what_awaits_renewal(written: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for reason, told in ((None, False), ("hours", True)):
        monkeypatch.setattr(written, "awaiting", lambda path, reason=reason: reason)
        tables = written.tables()
        rows = [*tables["performance"].splitlines()[2:], tables["ensembles"].splitlines()[0]]
        assert len(rows) > 20
        assert all(("awaiting renewal" in row) is told for row in rows)


def test_a_run_is_compared_or_says_why_not(written: ModuleType) -> None:
    outcome = written.outcome
    assert outcome(None, None) == "not run"
    assert outcome({"unfinished": 0}, {"times_ours": 1234.5}) == "1,234"
    assert outcome({"failed": "underflow"}, None) == "failed"
    assert outcome({"unfinished": 56}, None) == "56 left"
    assert outcome({"unfinished": 0}, None) == "more exact than ours"
