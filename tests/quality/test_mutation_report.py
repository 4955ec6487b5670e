"""The mutants themselves, and the committed report: of every file, with numbers that follow from its counts."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation.__main__ import files  # noqa: E402
from tests.mutation.campaign import Campaign  # noqa: E402
from tests.mutation.mutants import mutants, mutated  # noqa: E402
from tests.mutation.order import Experience  # noqa: E402
from tests.mutation.report import REPORT, STATES, interval, markdown, reason_of  # noqa: E402

SOURCE = '''
"""Words: 1 < 2."""
LIMIT: float = 0.5


def decide(x: int, many: list[int]) -> bool:
    """Whether x > 3."""
    if x == 0 or not many:
        raise ValueError(f"{x + 1} is nothing")
    return max(many) - x <= LIMIT * many[-1]
'''
#: (before, after) of every mutant of SOURCE.
EXPECTED = {
    ("0.5", "1.0"), ("0.5", "0.25"),
    ("x == 0 or not many", "x == 0 and (not many)"), ("x == 0 or not many", "not (x == 0 or not many)"), ("x == 0", "x != 0"), ("0", "1"), ("not many", "many"),
    ("max(many) - x <= LIMIT * many[-1]", "max(many) - x < LIMIT * many[-1]"),
    ("max(many) - x <= LIMIT * many[-1]", "max(many) - x > LIMIT * many[-1]"),
    ("max(many) - x", "max(many) + x"), ("max(many)", "min(many)"), ("LIMIT * many[-1]", "LIMIT / many[-1]"),
    ("-1", "0"), ("1", "2"),
}  # fmt: skip


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(REPORT.read_text())
    return document


def test_every_comparison_number_and_sign_has_its_mutants_and_no_prose() -> None:
    found = [(one.before, one.after) for one in mutants(SOURCE, "decide.py")]
    assert sorted(found) == sorted(EXPECTED)


def test_a_reason_with_a_line_speaks_of_that_line_alone() -> None:
    module = "numeric/checks/runs.py"
    lines = (ROOT / module).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, start=1) if "range(0, max(len(start), 1)" in text)
    row = {"module": module, "line": line, "before": "1", "after": "2"}
    reasons = {module: {f"1 -> 2 in {lines[line - 1].strip()}": "here"}, "*": {"1 -> *": "anywhere"}}
    assert reason_of(row, reasons) == "here"
    assert reason_of({**row, "line": line + 1}, reasons) == "anywhere"
    assert reason_of({**row, "after": "3"}, reasons) == "anywhere"
    assert reason_of({**row, "before": "7"}, reasons) == ""


def test_tests_that_run_no_line_judge_the_constants_that_they_name() -> None:
    """One that reads a constant reaches nothing that a probe sees; one that names it not is none, nor is one of lines elsewhere."""
    module, reads = "numeric/flow/step_control.py", "tests/numeric/test_flow_bounds.py::test_a"
    campaign = object.__new__(Campaign)
    campaign.sources, campaign.uses = {module: (ROOT / module).read_text()}, {}
    campaign.covering, campaign.experience = defaultdict(set), Experience()
    campaign.experience.lines = {
        reads: {},
        f"{reads}_b": {"numeric/thresholds.py": 3},
        "tests/numeric/test_flow_oracles.py::c": {},
    }
    campaign.seconds = dict.fromkeys(campaign.experience.lines, 0.1)
    one = next(one for one in mutants(campaign.sources[module], module) if one.before == "24")
    assert campaign.users(one) == [{reads}, set()]


def test_a_mutant_is_the_code_with_its_one_change() -> None:
    value = {}
    for one in mutants(SOURCE, "decide.py"):
        scope: dict[str, Any] = {}
        exec(mutated(SOURCE, one.index, "decide.py"), scope)
        try:
            value[one.before, one.after] = scope["LIMIT"], scope["decide"](1, [1, 2]), scope["decide"](2, [3, 2])
        except ValueError:
            value[one.before, one.after] = "raised"
    assert value["max(many)", "min(many)"] == (0.5, True, True)
    assert value["0.5", "0.25"] == (0.25, False, False)
    assert value["LIMIT * many[-1]", "LIMIT / many[-1]"] == (0.5, False, False)
    assert value["not many", "many"] == "raised"


def test_an_edit_elsewhere_keeps_the_keys_of_mutants() -> None:
    moved = SOURCE.replace("LIMIT: float", "# more\nOTHER = 3\nLIMIT: float")
    before = {one.key for one in mutants(SOURCE, "decide.py")}
    assert before < {one.key for one in mutants(moved, "decide.py")}


def test_the_report_knows_every_file(report: dict[str, Any]) -> None:
    unlike = sorted(set(report["modules"]) ^ set(files()))
    assert not unlike, f"new or gone: {unlike}; make mutation tries what it does not know, and writes the report"


def test_numbers_follow_from_counts(report: dict[str, Any]) -> None:
    total, rates = report["total"], report["rates"]
    for state in ("mutants", *STATES):
        assert total[state] == sum(row[state] for row in report["modules"].values())
    tried, killed = sum(total[state] for state in STATES), total["killed"] + total["timeout"]
    assert rates["tried"] == tried <= total["mutants"]
    assert rates["killed_of_all"] == killed / tried
    assert rates["killed_of_all_interval"] == pytest.approx(interval(killed, tried))
    listed = Counter(row["state"] for row in report["survivors"])
    assert all(listed[state] == total[state] for state in ("survived", "unreached", "equivalent"))
    assert all(row["why"] for row in report["survivors"] if row["state"] == "equivalent")


def test_the_page_is_the_report(report: dict[str, Any]) -> None:
    assert REPORT.with_suffix(".md").read_text() == markdown(report)


def test_an_interval_of_a_share() -> None:
    """Against its definition: at its ends the counts seen, or more extreme ones, have a chance of 2.5 %."""
    low, high = interval(18, 20)
    assert sum(_binomial(k, 20, low) for k in range(18, 21)) == pytest.approx(0.025)
    assert sum(_binomial(k, 20, high) for k in range(19)) == pytest.approx(0.025)
    assert interval(20, 20)[1] == 1
    assert interval(0, 20)[0] == 0


def _binomial(k: int, n: int, p: float) -> float:
    from math import comb

    return comb(n, k) * p**k * (1 - p) ** (n - k)
