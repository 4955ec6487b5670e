"""A campaign of 2,000 hostile inputs, and that its judge finds what is planted."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

PLANTED = """
import os, pickle, sys, time, warnings
from pathlib import Path
sys.path.insert(0, {here!r})
import campaign
from cases import Case
from s6flow.errors import S6FlowError

def line(): raise S6FlowError("a rule", "a value")
def lines():
    error = S6FlowError("x"); error.args = ("two\\nlines",); raise error
def hang():
    while True: pass
def flow_that_waits(): time.sleep(30)
def deed(): pickle.loads(pickle.dumps(os.getcwd))
def deeds(): return {{"refused": line, "!lines": lines, "!crash": lambda: 1 / 0, "!hang": hang, "!hang ": flow_that_waits, "!code": deed,
    "!memory": lambda: bytearray(3 << 30), "layers": lambda: "layers", "!crash ": lambda: warnings.warn("x")}}
campaign.SECONDS, campaign.WAITS = 0.3, 3.0
watch = campaign.Watch()
import resource
campaign._set_clocks()
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, resource.RLIM_INFINITY))
for expected, run in deeds().items():
    campaign.case = lambda number, folder, longest, run=run: Case("planted", run)
    assert campaign.judged(0, Path("case"), watch, 1)[1] == expected.strip(), expected
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc")
class TestCampaign:
    def test_planted_failures_are_found(self, tmp_path: Path) -> None:
        code = PLANTED.format(here=str(HERE))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    def test_nothing_is_found(self, tmp_path: Path) -> None:
        pytest.importorskip("numba")
        pytest.importorskip("flint")
        report, count = tmp_path / "report.json", 2_000
        # flows of 40 steps: the 200 of the nightly run take most of its time
        words = [sys.executable, str(HERE / "campaign.py"), "--longest", "200", "--json", str(report)]
        subprocess.run(words, capture_output=True, check=False, env=dict(os.environ))
        found = json.loads(report.read_text())
        assert found["findings"] == []
        assert found["inputs"] == count
        assert found["slowest_seconds"] < found["limits"]["seconds"]
        outcomes = found["outcomes"]["checkpoint"]
        assert min(outcomes[how] for how in ("layers", "withheld", "refused")) > count / 100, "all ways to end are met"
        assert min(found["outcomes"]["flow"].values()) > count / 200


def test_the_committed_report_found_nothing() -> None:
    report = json.loads((HERE / "report.json").read_text())
    assert report["findings"] == []
    assert report["inputs"] >= 5_000


def test_the_guided_harness_reads_seeds_and_lets_no_other_error_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    guided = importlib.import_module("guided")
    assert guided.seeded(tmp_path / "seeds", 40) > 10
    for path in (tmp_path / "seeds").iterdir():
        guided.read(path.read_bytes(), tmp_path)
    guided.read(b"", tmp_path)

    def broken(source: str) -> None:
        raise IndexError(source)

    monkeypatch.setattr("s6flow.numeric.weights.open_checkpoint", broken)
    with pytest.raises(IndexError):
        guided.read(b"\0{}", tmp_path)
