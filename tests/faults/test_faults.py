"""A few faults of each kind, and that what is torn is seen."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from pathlib import Path

import pytest
from representatives import sweep

HERE = Path(__file__).resolve().parent
_SPEC = importlib.util.spec_from_file_location("faults_campaign", HERE / "campaign.py")
assert _SPEC is not None
assert _SPEC.loader is not None
faults = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(faults)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and shells")


#: Every signal once, as Python starts or later.
MOMENTS = [(number, moment) for number in faults.SIGNALS for moment in (0.3, 1.0)]


@pytest.mark.parametrize(
    ("number", "moment"),
    sweep(MOMENTS, kept=[MOMENTS[0], *MOMENTS[3::2]], ids=lambda case: f"{case[1]}-{case[0].name}"),
)
def test_a_signal_leaves_whole_files(number: signal.Signals, moment: float) -> None:
    assert faults.ended("simulate", number, moment)[1] == []


@pytest.mark.parametrize(
    "fault", sweep(faults.DISTURBANCES, kept=["a shared cache", "no standard output", "files of at most 4 kB"])
)
def test_a_disturbed_command_tells_its_end(fault: str) -> None:
    assert faults.disturbed("simulate", fault)[1] == []


def test_disturbances_that_refuse_nothing_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process for what does not hide one another; one by one in the nightly run."""
    settings: dict[str, str] = {}
    for fault in ("a missing home", "ascii", "a narrow terminal"):
        settings |= faults.DISTURBANCES[fault][1]
    monkeypatch.setitem(faults.DISTURBANCES, "together", ("", settings))
    assert faults.disturbed("simulate", "together")[1] == []


def test_what_is_torn_is_seen(tmp_path: Path) -> None:
    faults.prepare(tmp_path)
    assert faults.looked_at(tmp_path, "audit", 0, "", False) == []
    assert faults.looked_at(tmp_path, "audit", 1, "", False) == ["it gave up"]
    (tmp_path / "a.json").write_text('{"half')
    (tmp_path / "a.csv").unlink()
    (tmp_path / ".s6flow-left").write_text("")
    found = faults.looked_at(tmp_path, "audit", 7, "Traceback (most recent call last):\n  x", False)
    assert len(found) == 5


def test_the_committed_report_found_nothing() -> None:
    report = json.loads((HERE / "report.json").read_text())
    assert report["findings"] == []
    assert report["runs"] >= 50
