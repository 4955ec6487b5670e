"""The committed coefficients are SciPy's, and a flow that is not stiff runs without importing SciPy."""

from __future__ import annotations

import json
import subprocess
import sys

from s6flow.numeric.flow import pairs
from s6flow.numeric.flow.tableau import PAIRS


def test_the_committed_coefficients_are_scipys() -> None:
    assert pairs.read() == json.loads(json.dumps(pairs.from_scipy())), "run make generated"


def test_every_pair_sums_to_one_and_to_no_error() -> None:
    for row in PAIRS.values():
        assert abs(sum(weight for _, weight in row.b) - 1) < 1e-14, row.name
        for name, error in row.errors:
            assert abs(sum(weight for _, weight in error)) < 1e-14, (row.name, name)


def test_a_flow_runs_without_scipy() -> None:
    script = (
        "import sys; from s6flow.cli import main\n"
        "try: main(['simulate', '--mu=-1,1.5', '--a', '0.2,4', '--b', '1', '--x0', '1,0.5'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print([name for name in ('scipy', 'matplotlib', 'torch', 'numba', 'jinja2') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "observed: coexistence, as predicted" in done.stdout
