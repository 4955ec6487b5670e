"""The tables of docs/fleet.md are those of the committed measurement, and they say what it says."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_SPEC = importlib.util.spec_from_file_location("fleet_table", DOCS / "fleet_table.py")
assert _SPEC is not None
assert _SPEC.loader is not None
table = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(table)

MADE = {
    "device": "CPU: made",
    "date": "2026-01-01",
    "checkpoint": {"bytes": 70_000, "each": 10},
    "rows": [
        {"workers": w, "checkpoints": 10 * w, "seconds": 2.0, "per_second": 5.0 * w * e, "efficiency": e, "busy": e,
         "command_bytes": {"first": 3e8, "quarter": 3e8, "last": 3.1e8}}
        for w, e in ((1, 1.0), (16, 0.5))
    ],
}  # fmt: skip


def test_the_page_shows_the_committed_measurement() -> None:
    text = table.PAGE.read_text()
    assert text.count(table.BEGIN) == text.count(table.END) == 1
    assert table.page(text) == text, "run python docs/fleet_table.py --write"


def test_the_plan_follows_the_efficiency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "RESULT", tmp_path / "fleet.json")
    (tmp_path / "fleet.json").write_text(json.dumps(MADE))
    text = table.page(f"x\n{table.BEGIN}\nold\n{table.END}\ny\n")
    assert "old" not in text
    assert "| 16 | 160 | 2.0 | 40.0 | 50 % | 50 % | 300 and 310 MB |" in text
    half = 2 * 10**5 * 1.86
    assert (
        f"| 24 layers, width 768 (130 M) | {half / 3600:.3g} | {half / 64 / 3600:.2g} h | {half * 1e-5:.2g} |" in text
    )
    assert text.endswith(f"{table.END}\ny\n")
    faster = [{**row, "efficiency": 1.06 * row["efficiency"]} for row in MADE["rows"]]  # by cores with other clocks
    assert table.rows({**MADE, "rows": faster})[8:] == table.rows(MADE)[8:]
    assert table.rows(MADE)[7].startswith("Each of 16 workers spent 50 % as much of its time")


def test_processors_of_one_core_are_counted_once_and_the_page_says_so() -> None:
    benchmark = runpy.run_path(str(DOCS.parent / "benchmarks" / "fleet.py"))
    pairs = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}
    assert benchmark["cores"]({0, 1, 2, 3}, pairs.get) == {"0,2": (0, 2), "1,3": (1, 3)}
    assert len(benchmark["cores"]({0, 1, 2, 3}, str)) == 4
    assert "(2 physical ones used)" in table.rows({**MADE, "physical_cores": 2})[0]
    assert "physical" not in table.rows(MADE)[0]


@pytest.mark.skipif(not table.RESULT.exists(), reason="throughput is not measured yet")
def test_every_checkpoint_was_audited_and_the_command_stays_small() -> None:
    rows = {row["workers"]: row for row in json.loads(table.RESULT.read_text())["rows"]}
    assert set(rows) >= {1, 2, 4, 8, 16}
    for workers, row in rows.items():
        assert row["audited"] == row["checkpoints"] >= 100 * workers
        assert row["command_bytes"]["last"] - row["command_bytes"]["quarter"] < 20e6


def test_a_measurement_that_was_ended_goes_on_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    spec = importlib.util.spec_from_file_location("fleet_benchmark", DOCS.parent / "benchmarks" / "fleet.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fleet_benchmark", benchmark)  # children find `made` by its module
    spec.loader.exec_module(benchmark)
    told = []

    def measured(sources: list[Any], warm: list[Any], workers: int, out: Path) -> dict[str, Any]:
        told.append(workers)
        if told == [2, 1]:
            raise KeyboardInterrupt
        return {**MADE["rows"][0], "workers": workers, "per_second": 5.0 * workers}

    out = tmp_path / "fleet.json"
    monkeypatch.setattr(benchmark, "WARM", 1)
    monkeypatch.setattr(benchmark, "evidence_of", lambda path: SimpleNamespace(digest=lambda: "of the code"))
    monkeypatch.setattr(benchmark, "measured", measured)
    words = ["fleet.py", "--folder", str(tmp_path), "--each", "1", "--workers", "2,1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main()
    assert [row["workers"] for row in json.loads(out.read_text())["rows"]] == [2]
    assert benchmark.main() == 0
    assert told == [2, 1, 1]
    assert [row["efficiency"] for row in json.loads(out.read_text())["rows"]] == [1.0, 1.0]
