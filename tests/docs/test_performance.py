"""The page on performance says what the committed results say, and which of these await renewal."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/performance.md").read_text()
_SPEC = importlib.util.spec_from_file_location("performance_table", ROOT / "docs" / "performance_table.py")
assert _SPEC is not None
assert _SPEC.loader is not None
written = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(written)
ENSEMBLES = json.loads((ROOT / "benchmarks/results/gpu_ensembles.json").read_text())
FATES = {key: row for key, row in ENSEMBLES.items() if isinstance(row, dict) and "others" in row}


def test_tables_are_of_the_committed_results() -> None:
    for name, text in written.tables().items():
        start, end = written.MARKS[name]
        assert PAGE.partition(start)[2].partition(end)[0].strip() == text, "python docs/performance_table.py"


def test_every_table_says_what_awaits_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    for reason, told in ((None, False), ("hours", True)):
        monkeypatch.setattr(written, "awaiting", lambda path, reason=reason: reason)
        tables = written.tables()
        rows = tables.pop("performance").splitlines()[2:]
        assert len(rows) > 20
        assert all(("awaiting renewal" in row) is told for row in (*rows, *tables.values()))


#: A layout may be chosen that takes this much longer than the best of those tried: runs differ by a few percent.
NEAR_THE_BEST = 1.15
#: One that is chosen although another is faster, for that compiles for more than ten seconds: the page says so.
CHOSEN_TO_COMPILE = {"work float64 DOP853 1e-10 128": 1.4}


def test_the_layout_that_is_chosen_is_near_the_best_of_those_tried() -> None:
    cases = json.loads((ROOT / "benchmarks/results/gpu_tiles.json").read_text())["cases"]
    over = written.layouts(cases)
    assert len(over) > 5
    assert {kernel for kernel, ratio in over.items() if ratio > NEAR_THE_BEST} == CHOSEN_TO_COMPILE.keys()
    assert all(over[kernel] < most for kernel, most in CHOSEN_TO_COMPILE.items())
    for planted, chosen in (
        ({"chosen": False}, "inf"),
        ({"median_s": 1.0}, "1.0 s"),
    ):  # one that did not run, one that is slow
        worse = {key: {**row, **planted} if row.get("chosen") else row for key, row in cases.items()}
        assert min(written.layouts(worse).values()) > NEAR_THE_BEST, chosen


def test_a_run_is_compared_or_says_why_not() -> None:
    assert written.outcome(None, None) == "not run"
    assert written.outcome({"unfinished": 0}, {"times_ours": 1234.5}) == "1,234"
    assert written.outcome({"failed": "underflow"}, None) == "failed"
    assert written.outcome({"unfinished": 56}, None) == "56 left"
    assert written.outcome({"unfinished": 0}, None) == "more exact than ours"


def test_tails_and_fixed_tolerances_are_as_the_page_says() -> None:
    tails: dict[bool, list[float]] = {True: [], False: []}
    smaller = []
    for fate, row in FATES.items():
        for key, run in row["by run"].items():
            theirs, ours = row["others"][key], row["ours"]
            tails[fate == "converging"].append(ours[run["our_tolerance"]]["error"] / theirs["error"])
            fixed = [
                one for key, one in ours.items() if float(key) == float(f"{float(key):.0e}")
            ]  # sought ones have more digits
            equal = [
                one["median_s"] for one in fixed if not one["unfinished"] and one["mean_error"] <= theirs["mean_error"]
            ]
            smaller.append(1 - theirs["median_s"] / min(equal) / run["times_ours"])
    decaying, others = tails[True], tails[False]
    said = f"our largest error is {min(decaying):.2f} to {max(decaying):.0f} times theirs"
    assert said in PAGE
    assert f"else {min(others):.3f} to {max(others):.1f} times" in PAGE
    assert f"up to {100 * max(smaller):.0f} % smaller" in PAGE
