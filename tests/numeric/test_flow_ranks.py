"""Ensembles over ranks: shares of systems in turn, and on every rank the result that one process has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from s6flow.errors import FormatError
from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.numeric.ranks import on_ranks, ranks, share_of_rank

STUDY = """
import json, sys
import numpy as np
from s6flow.numeric.flow import FlowParameters, integrate, load_backend
from s6flow.numeric.ranks import on_ranks, ranks

seen = []

def solver(problem):
    seen.append(problem.start[:, 0].tolist())
    return load_backend("numpy")(problem)

x0, flow = json.loads(sys.argv[1])
run = integrate(x0, FlowParameters(**flow), times=[0.1, 3.0], backend=on_ranks(solver))
found = {"seen": seen, "status": run.status.tolist(), "log_abs": run.log_abs.filled(0.0).tolist()}
found |= {"reached": run.reached.tolist(), "T": run.log_blow_up_time[run.status == 1].tolist()}
open(sys.argv[2] + f"/{ranks()[0]}.json", "w").write(json.dumps(found))
"""


@pytest.mark.slow
def test_two_ranks_have_the_result_of_one_process(tmp_path: Path) -> None:
    """Seven systems, of which some blow up: shares of unequal size, outputs that are not all reached."""
    pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x0 = rng.uniform(0.5, 1.5, (7, 2)).tolist()
    flow = {"mu": rng.standard_normal((7, 1)).tolist(), "a": [[1.0]] * 7, "s": [1.0] * 7, "b": [0.2] * 7}
    (tmp_path / "study.py").write_text(STUDY)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(tmp_path / "study.py"), json.dumps([x0, flow]), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    whole = integrate(x0, FlowParameters(**flow), times=[0.1, 3.0], backend="numpy")
    assert not whole.reached.all(), "a system blows up before the last output"
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    for rank, part in enumerate(found):
        assert part["seen"] == [np.log(np.array(x0)[rank::2, 0]).tolist()]
        assert part["status"] == whole.status.tolist()
        assert part["reached"] == whole.reached.tolist()
        np.testing.assert_allclose(part["log_abs"], whole.log_abs.filled(0.0), rtol=0, atol=1e-13)
        np.testing.assert_allclose(part["T"], whole.log_blow_up_time[whole.status == 1], rtol=0, atol=1e-13)


def test_shares_are_every_system_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    found = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        found.append(list(range(8))[share_of_rank()])
    assert found == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_without_torchrun_there_is_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert ranks() == (0, 1)
    alone = integrate(
        [1.0, 0.5], FlowParameters(mu=[-1.0], a=[1.0], s=1.0, b=0.0), times=[2.0], backend=on_ranks("numpy")
    )
    same = integrate([1.0, 0.5], FlowParameters(mu=[-1.0], a=[1.0], s=1.0, b=0.0), times=[2.0], backend="numpy")
    assert (alone.log_abs == same.log_abs).all()


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("one", "2"), ("0", "")])
def test_ranks_that_are_no_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, rank: str, size: str) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(FormatError, match="RANK and WORLD_SIZE"):
        ranks()
