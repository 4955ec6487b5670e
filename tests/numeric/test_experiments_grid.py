"""Grids over workers, ranks, devices, command lines and kills."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.numpy import load_file

from s6flow.errors import FormatError, S6FlowError, SourceError
from s6flow.numeric.experiments import grid, load_config
from s6flow.numeric.experiments.__main__ import main
from s6flow.numeric.experiments.checkpoints import shipped_checkpoint, shipped_names
from s6flow.numeric.experiments.grid import jobs_of_rank, pick_devices, run_grid
from s6flow.numeric.experiments.results import SHIPPED, ship, summarise

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("alone")


def test_command_line(tiny, tmp_path, capsys):
    arguments = [
        "lm",
        "--config",
        str(tiny),
        "--out",
        str(tmp_path / "out"),
        "--seeds",
        "0",
        "--conditions",
        "unconstrained",
    ]
    assert main([*arguments, "--minutes", "0"]) == 3
    assert "resumes" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "test.bits_per_byte" in capsys.readouterr().out
    assert main(["reorder", "--config", str(tiny), "--out", str(tmp_path / "other")]) == 1
    assert main(["prepare", "--config", "lm", "--data", str(tmp_path)]) == 1
    assert "FormatError" in capsys.readouterr().err


@pytest.mark.slow
def test_workers_side_by_side(tiny, tmp_path):
    config = load_config(tiny)
    assert run_grid(config, tmp_path / "two", devices=[CPU], workers=2) == []
    assert run_grid(config, tmp_path / "one", devices=[CPU], workers=1) == []
    two, one = (summarise(config, tmp_path / name)["conditions"] for name in ("two", "one"))
    for condition in one:
        assert two[condition]["metrics"] == one[condition]["metrics"]


@pytest.mark.parametrize(("workers", "threads"), [(1, 3), (2, 8), (5, 3), (40, 1)])
def test_a_run_that_is_left_has_the_threads_that_it_had_beside_others(workers, threads, tiny, tmp_path, monkeypatch):
    """Its sums are those of an undisturbed grid; one worker keeps the threads of its process, and no run leaves others behind."""
    before, seen, config = torch.get_num_threads(), [], load_config(tiny)
    task = grid.Task(config, tmp_path, "unconstrained", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(grid, "finished", lambda *asked: None if not seen else {})
    monkeypatch.setattr(grid, "perform", lambda *asked: seen.append(torch.get_num_threads()))
    torch.set_num_threads(3)
    try:
        assert grid.run_tasks([task], tmp_path, devices=[CPU], workers=workers) == []
        assert seen == [threads]
        assert torch.get_num_threads() == 3
        told = []
        monkeypatch.setattr(grid, "side_by_side", lambda *asked: told.append((len(asked[2]), asked[-1])))
        monkeypatch.setattr(grid, "finished", lambda *asked: None)
        others = [task, task._replace(seed=1), task._replace(seed=2)]
        if workers > 1:
            grid.run_tasks(others, tmp_path, devices=[CPU], workers=workers)
            assert told == [(min(workers, 3), threads)]
    finally:
        torch.set_num_threads(before)


def test_ranks_share_the_grid(monkeypatch):
    config = load_config("lm")
    whole, parts = jobs_of_rank(config), []
    monkeypatch.setenv("WORLD_SIZE", "4")
    for rank in range(4):
        monkeypatch.setenv("RANK", str(rank))
        parts += jobs_of_rank(config)
    assert sorted(parts) == sorted(whole)
    assert len(set(whole)) == len(whole)
    assert {seed for _, seed in whole[: len(config.conditions)]} == {config.seeds[0]}


@pytest.mark.slow
def test_torchrun_shares_the_grid(tiny, tmp_path):
    """Two ranks on the CPU do one grid between them, and the last to end sums it up."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command += ["-m", "s6flow.numeric.experiments", "lm", "--config", str(tiny), "--out", str(out), "--device", "cpu"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    result = summarise(load_config(tiny), out)
    assert result["missing"] == []
    assert {part["seeds"] == [0, 1, 2] for part in result["conditions"].values()} == {True}


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_result(tiny, tmp_path):
    """SIGKILL in the middle of training, then the same command again."""
    text = tiny.read_text().replace("steps = 8", "steps = 300").replace("every = 2", "every = 20")
    tiny.write_text(text.replace("save_every = 4", "save_every = 20").replace("eval_every = 4", "eval_every = 150"))
    command = [sys.executable, "-m", "s6flow.numeric.experiments", "lm", "--config", str(tiny), "--device", "cpu"]
    command += ["--seeds", "1", "--conditions", "channel-positive", "--out"]
    places = {name: tmp_path / name / "runs" / "channel-positive-s1" for name in ("killed", "whole")}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, str(tmp_path / "killed")], env=environment, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (places["killed"] / "state.pt").exists():
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (places["killed"] / "result.json").exists()
    for name in places:
        subprocess.run([*command, str(tmp_path / name)], env=environment, check=True, capture_output=True)
    found = {name: json.loads((place / "result.json").read_text()) for name, place in places.items()}
    for key in ("metrics", "after", "valid_last_change", "status", "step"):
        assert found["killed"][key] == found["whole"][key]
    assert (places["killed"] / "log.jsonl").read_text() == (places["whole"] / "log.jsonl").read_text()
    weights = [load_file(place / "model.safetensors") for place in places.values()]
    assert all((weights[0][key] == weights[1][key]).all() for key in weights[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_killed_anywhere_and_often_resumes_to_the_same_bits(seed, tiny, tmp_path):
    """SIGKILL at random moments: while Python starts, in a step, in a save, in the report; then to the end."""
    text = tiny.read_text().replace("steps = 8", "steps = 120").replace("every = 2", "every = 10")
    tiny.write_text(text.replace("save_every = 4", "save_every = 10").replace("eval_every = 4", "eval_every = 60"))
    command = [sys.executable, "-m", "s6flow", "experiment", "lm", "--config", str(tiny), "--device", "cpu"]
    command += ["--seeds", str(seed), "--conditions", "channel-positive", "--out"]
    environment, draw = {**os.environ, "OMP_NUM_THREADS": "1"}, random.Random(seed)
    places = {name: tmp_path / name / "runs" / f"channel-positive-s{seed}" for name in ("whole", "killed")}
    start = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole")], env=environment, check=True, capture_output=True)
    length, kills = time.monotonic() - start, 0
    for _ in range(6):
        with subprocess.Popen([*command, str(tmp_path / "killed")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # fmt: skip
            try:
                process.wait(draw.uniform(0.1, 0.6) * length)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    assert kills > 0
    subprocess.run([*command, str(tmp_path / "killed")], env=environment, check=True, capture_output=True)
    found = {name: json.loads((place / "result.json").read_text()) for name, place in places.items()}
    for key in ("metrics", "after", "valid_last_change", "status", "step"):
        assert found["killed"][key] == found["whole"][key]
    assert (places["killed"] / "log.jsonl").read_text() == (places["whole"] / "log.jsonl").read_text()
    weights = [load_file(place / "model.safetensors") for place in places.values()]
    assert weights[0].keys() == weights[1].keys()
    assert all(weights[0][key].tobytes() == weights[1][key].tobytes() for key in weights[1])


def test_workers_go_to_every_gpu(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert [device.index for device in pick_devices(None)] == [0, 1, 2]
    monkeypatch.setenv("LOCAL_RANK", "4")
    assert [device.index for device in pick_devices("cuda")] == [1]
    places = []
    monkeypatch.setattr(grid, "side_by_side", lambda out, folder, devices, *rest: places.extend(devices))
    run_grid(load_config(tiny), tmp_path, devices=[torch.device("cuda", index) for index in range(2)], workers=2)
    assert [place.index for place in places] == [0, 1, 0, 1]


def test_summary_of_nothing_and_missing_devices(tiny, tmp_path, monkeypatch):
    with pytest.raises(FormatError, match="finished run"):
        summarise(load_config(tiny), tmp_path)
    assert ship(load_config(tiny), tmp_path, tmp_path / "ship") == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_devices(None) == [CPU]
    with pytest.raises(FormatError, match="CUDA"):
        pick_devices("cuda")
    with pytest.raises(SourceError, match="shipped checkpoint"):
        shipped_checkpoint("sideways")
    assert set(shipped_names()) <= set(SHIPPED)


def test_a_state_that_cannot_be_written_is_one_line(tiny, tmp_path, monkeypatch):
    """PyTorch's writer names a place in its own source; the grid says what was not written and what to do."""

    def full(*_):
        torch.save(torch.zeros(100_000), "/dev/full")

    monkeypatch.setattr(grid, "perform", full)
    config = load_config(tiny)
    with pytest.raises(S6FlowError, match=r"a training state must be written whole.*at .*runs.*Is the disk full\?"):
        run_grid(config, tmp_path / "full", devices=[CPU], workers=1)


def test_another_failure_keeps_its_name(tiny, tmp_path, monkeypatch):
    def other(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(grid, "perform", other)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run_grid(load_config(tiny), tmp_path / "other", devices=[CPU], workers=1)
