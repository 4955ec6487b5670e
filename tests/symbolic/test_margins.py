"""The margin of every theorem from the printers that `s6flow check` does not run: Numba's loops and Triton's kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from representatives import sweep

from s6flow.proofs.registry import REGISTRY

SCRIPT = Path(__file__).with_name("margin_cases.py")


#: Of the theorems every third one, from each of the first three on.
THIRDS = [(backend, first) for backend in ("numba", "triton") for first in range(3)]


@pytest.mark.parametrize(
    ("backend", "first"),
    sweep(THIRDS, kept=[("numba", 0), ("triton", 1)], ids=lambda case: f"{case[0]}-{case[1]}"),
)
def test_every_margin_equals_numpy(backend: str, first: int) -> None:
    pytest.importorskip(backend)
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), backend, str(first), "3"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert set(found) >= set(list(REGISTRY)[first::3])
    assert {name: value for name, value in found.items() if not value < 1e-12} == {}
