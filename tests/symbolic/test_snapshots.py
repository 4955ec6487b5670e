"""Generated source as readable text: compared exactly, executed, and the same in every process.

Refresh after a wanted change: python tests/symbolic/snapshot_cases.py --write
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from representatives import sweep

SCRIPT = Path(__file__).with_name("snapshot_cases.py")
_SPEC = importlib.util.spec_from_file_location("snapshot_cases", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)


def run(*arguments: str, **environment: str) -> dict[str, object]:
    """What the script prints, in a process of its own."""
    command = [sys.executable, str(SCRIPT), *arguments]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_printer_has_its_snapshots() -> None:
    stored = {file.name for file in cases.FOLDER.iterdir()}
    assert stored == {cases.path(*case).name for case in cases.CASES}
    assert {printer for _, printer in cases.CASES} == {"numpy", "torch", "triton", "numba", "flint", "coq", "latex"}


@pytest.mark.parametrize(("subject", "printer"), cases.CASES)
def test_text_is_the_stored_one(subject: str, printer: str) -> None:
    stored = cases.path(subject, printer).read_text()
    remedy = "read the difference; if it is wanted: python tests/symbolic/snapshot_cases.py --write"
    assert cases.text(subject, printer) == stored, remedy


#: Numba takes seconds to compile a text: one of them stays, and what the printer spells runs without its compiler, too.
EXECUTED = [case for case in cases.CASES if case[1] != "triton"]
QUICK = [case for case in EXECUTED if case[1] != "numba" or case[0] == "convergence_bound"]


@pytest.mark.parametrize(("subject", "printer"), sweep(EXECUTED, QUICK, ids="-".join))
def test_stored_text_runs_and_agrees_with_the_oracle(subject: str, printer: str) -> None:
    if printer in ("torch", "numba", "flint"):
        pytest.importorskip(printer)
    assert cases.difference(subject, printer, cases.path(subject, printer).read_text()) <= 2e-15


@pytest.mark.slow
def test_stored_triton_runs_and_agrees_with_the_oracle() -> None:
    pytest.importorskip("triton")
    found = run("--run", "triton", TRITON_INTERPRET="1", OMP_NUM_THREADS="1")
    assert set(found) == set(cases.PROGRAMS)
    assert all(value <= 2e-15 for value in found.values()), found


@pytest.mark.parametrize("seed", sweep(["0", "12345"], kept=["0"]))
def test_text_is_the_same_in_every_process(seed: str) -> None:
    stored = {cases.path(*case).name: cases.path(*case).read_text() for case in cases.CASES}
    assert run(PYTHONHASHSEED=seed) == stored


@pytest.mark.parametrize("printer", ["numpy", "coq", "latex"])
def test_a_changed_letter_is_seen_by_execution(printer: str) -> None:
    stored = cases.path("growth_rate", printer).read_text()
    old, new = {"numpy": ("** 2", "** 3"), "coq": ("x j ^ 2", "x j ^ 3"), "latex": ("^{2}", "^{3}")}[printer]
    assert stored.count(old) == 1
    assert cases.difference("growth_rate", printer, stored.replace(old, new)) > 1e-2
