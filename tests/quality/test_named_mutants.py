"""Mutants that once survived, each a way to claim more than is known: the named tests must fail for them, and pass without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THRESHOLDS, TESTS = "numeric/thresholds.py", "tests/numeric/test_thresholds.py"
#: What is changed -> file, replacements, and the tests.
MUTANTS: dict[str, tuple[str, str, str, str]] = {
    "an undecided K counts as positive": ("numeric/criteria/verdict.py", "UNDECIDED: 0}", "UNDECIDED: 1}", TESTS),
    "decay rates within a tenth are one": (THRESHOLDS, '"ONE_RATE", 1e-6', '"ONE_RATE", 1e-1', TESTS),
    "any decay tends to zero": (THRESHOLDS, '"DECAY", -0.4', '"DECAY", -0.05', TESTS),
    "paces are read early": (THRESHOLDS, '"EARLIEST", 8.0', '"EARLIEST", 2.0', TESTS),
    "what stands still is slow": (THRESHOLDS, '"SLOW_LOW", 0.5', '"SLOW_LOW", 0.0', TESTS),
    "any growth is slow": (THRESHOLDS, '"SLOW_HIGH", 2.0', '"SLOW_HIGH", 99.0', TESTS),
    "large eigenvalues count as zero": (THRESHOLDS, '"EIGENVALUE", 1.0', '"EIGENVALUE", 1e5', TESTS),
    "the time left grows with the power": (
        "symbolic/step_control.py", "-_growth - sp.log(_power)", "-_growth + sp.log(_power)", TESTS,
    ),
    "nightly forgets the weights": (
        "numeric/evidence.py",
        "return module not in _HOUSEKEEPING and not module.startswith(_APART)",
        'return module.startswith(("s6flow.numeric.checks", "s6flow.numeric.flow", "s6flow.symbolic"))',
        "tests/numeric/test_evidence.py::test_digests_follow_through_to_the_rooms_that_compute",
    ),
}  # fmt: skip


def status(tests: str, mutant: tuple[str, str, str] | None) -> int:
    """Of pytest on these tests, with a text of one module replaced."""
    environment = {**os.environ, **({"S6FLOW_MUTANT": json.dumps(mutant)} if mutant else {})}
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "tests.mutation.replaced", tests]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("tests", sorted({row[3] for row in MUTANTS.values()}))
def test_without_a_mutant_the_tests_pass(tests: str) -> None:
    assert status(tests, None) == pytest.ExitCode.OK


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_named_mutants_are_killed(name: str) -> None:
    *mutant, tests = MUTANTS[name]
    assert status(tests, tuple(mutant)) == pytest.ExitCode.TESTS_FAILED
