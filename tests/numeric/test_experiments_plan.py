"""Plans: order, estimates, interruptions, other machines, and what a report makes of the runs."""

from __future__ import annotations

import json
import queue
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from representatives import sweep

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.experiments import grid, load_config, train
from s6flow.numeric.experiments.__main__ import main
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import config_names
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.grid import Task, run_tasks
from s6flow.numeric.experiments.plan_of_runs import (
    load_plan,
    pack_plan,
    plan_names,
    plan_tasks,
    resume,
    run_plan,
    spent,
)
from s6flow.numeric.experiments.predicts import rank_correlation
from s6flow.numeric.experiments.report import CONTRASTS, across, changed, grids_of, verdict_table, write_results
from s6flow.numeric.experiments.run import finished, perform

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def plan(tiny, tmp_path):
    """Two parts of one grid, the second seeds' apart."""
    path = tmp_path / "plan.toml"
    part = '[[part]]\ngrid = "{}"\nseconds = 1\nseeds = {}\n'
    path.write_text(part.format(tiny, [0, 1]) + part.format(tiny, [1, 2]))
    return path


def test_a_plan_compares_no_grid_with_itself(tiny, tmp_path):
    twin = tmp_path / "twin.toml"
    twin.write_text(Path(tiny).read_text())
    path = tmp_path / "plan.toml"
    path.write_text("".join(f'[[part]]\ngrid = "{one}"\nseconds = 1\n' for one in (tiny, twin)))
    with pytest.raises(FormatError, match=r"different configurations; got tiny = twin"):
        load_plan(path)


@pytest.mark.parametrize("name", [name for name in config_names() if name.rpartition("_")[2].isdigit()])
def test_a_number_in_the_name_of_a_grid_is_that_of_its_layers(name):
    assert load_config(name).model.layers == int(name.rpartition("_")[2])


def test_contrasts_say_all_that_changes():
    grids = {name: load_config(name) for pair in CONTRASTS for name in pair}
    told = {pair: changed(*(grids[name] for name in pair)) for pair in CONTRASTS}
    assert told["depth_12", "depth_24"] == "layers 12 to 24"
    assert told["depth_12", "depth_48"] == "layers 12 to 48, steps 1000 to 800, batch 32 to 24"
    assert told["depth_12", "slow_12"] == "lr 0.002 to 0.001"
    assert told["slow_12", "norm_none"] == "norm pre to none"
    assert told["narrow_4", "narrow_12"] == "width 224 to 128, layers 4 to 12"
    assert changed(grids["depth_12"], grids["depth_12"]) == ""
    assert all(told.values())


def test_a_plan_is_run_in_its_order_and_once(plan, tmp_path):
    tasks = plan_tasks(load_plan(plan), tmp_path)
    assert [task.name for task in tasks] == [
        f"{c} s{s}" for s in (0, 1, 2) for c in ("unconstrained", "channel-positive")
    ]
    assert {task.out.name for task in tasks} == {"tiny"}


@pytest.mark.parametrize("devices", sweep((1, 2), kept=[1]))  # resumed on more devices than it began on
def test_a_plan_goes_on_from_another_machines_archive(plan, tmp_path, devices):
    parts, first, second = load_plan(plan), tmp_path / "one", tmp_path / "two"
    assert len(run_plan(parts, first, devices=[CPU], minutes=0)) == 6
    done = run_plan(parts[:1], first, devices=[CPU])
    assert done == []
    (first / "tiny" / "runs" / "unconstrained-s1" / "result.json").unlink()
    archive = pack_plan(first, tmp_path / "results.tar.gz")
    assert resume(archive, second) == 3
    stamps = {path: path.stat().st_mtime_ns for path in second.glob("*/runs/*/result.json")}
    assert run_plan(parts, second, devices=[CPU] * devices) == []
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert spent(parts, second)["tiny"]["done"] == 6
    with pytest.raises(SourceError, match="archive"):
        resume(tmp_path / "nothing.tar.gz", second)


def test_tasks_that_would_not_end_in_time_are_left(tiny, tmp_path, monkeypatch):
    config, begun = load_config(tiny), []
    monkeypatch.setattr(grid, "perform", lambda config, data, condition, seed, *rest: begun.append(seed))
    monkeypatch.setattr(grid.Shelf, "data", lambda self, task: None)
    tasks = [
        Task(config, tmp_path, "unconstrained", seed, seconds) for seed, seconds in ((0, 1.0), (1, 500.0), (2, 30.0))
    ]
    left = run_tasks(tasks, tmp_path, devices=[CPU], minutes=1)
    assert begun == [0, 2]
    assert len(left) == 3  # none of these wrote a result
    late = time.monotonic() + 60
    assert grid.fits(tasks[2], 1, late)
    assert not grid.fits(tasks[2], 3, late)  # three on a device take three times as long


def test_workers_that_measure_for_too_long_are_ended():
    class Stuck:
        ended = False

        def is_alive(self) -> bool:
            return True

        def terminate(self) -> None:
            self.ended = True

    worker = Stuck()
    failures = grid.listen([worker], queue.Queue(), 1, lambda *_: None, time.monotonic() - 1)
    assert worker.ended
    assert "still measuring" in failures[0]


def test_out_of_memory_halves_the_batch_and_says_so(tiny, tmp_path, monkeypatch):
    config = load_config(tiny)
    data = Data(load_source(config, None), config, CPU)
    whole = perform(config, data, "unconstrained", 0, tmp_path / "whole")
    real, most = train.Step, 2

    class Small(real):
        def __call__(self, batch, lr):
            if len(batch.tokens) > most * self.pieces:
                raise torch.OutOfMemoryError("CUDA out of memory")
            super().__call__(batch, lr)

    monkeypatch.setattr(train, "Step", Small)
    result = perform(config, data, "unconstrained", 0, tmp_path / "small")
    assert (result["pieces"], whole["pieces"]) == (2, 1)
    assert result["metrics"]["test"]["bits_per_byte"] == pytest.approx(
        whole["metrics"]["test"]["bits_per_byte"], rel=1e-4
    )
    log = (tmp_path / "small" / "runs" / "unconstrained-s0" / "log.jsonl").read_text()
    assert json.loads(log.splitlines()[0]) == {"step": 0, "event": "out of memory", "pieces": 2}


def test_a_diverged_run_is_recorded(tiny, tmp_path, monkeypatch):
    config = load_config(tiny)
    data = Data(load_source(config, None), config, CPU)
    monkeypatch.setattr(train, "learning_rate", lambda *_: float("inf"))
    assert perform(config, data, "unconstrained", 0, tmp_path)["status"] == "diverged"
    assert finished(config, tmp_path, "unconstrained", 0)["status"] == "diverged"


def test_a_report_is_written_from_the_runs(plan, tmp_path):
    parts, out, to = load_plan(plan), tmp_path / "out", tmp_path / "results"
    with pytest.raises(FormatError, match="finished run"):
        write_results(parts, out, to, None)
    run_plan(parts, out, devices=[CPU])
    lines = write_results(parts, out, to, tmp_path / "table.md", "test")
    content = json.loads((to / "tiny.json").read_text())
    assert content["missing"] == []
    verdicts = {claim["id"]: claim["verdict"] for claim in content["claims"]}
    assert f"tiny: channel-positive-helps: {verdicts['channel-positive-helps']}" in lines
    assert {path.name for path in to.iterdir()} == {"tiny.json", "tiny_logs.tar.gz", "across.json"}
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert len(rows) == 2 + len(content["claims"])
    assert rows == verdict_table({"tiny": content}).splitlines()
    assert "/tmp" not in (to / "across.json").read_text()


def runs(values: dict[str, dict[int, float]]) -> dict[str, dict[int, dict]]:
    return {
        name: {seed: {"metrics": {"test": {"bits_per_byte": loss}}} for seed, loss in part.items()}
        for name, part in values.items()
    }


def test_contrasts_between_grids():
    """Positive is 0.1 better at 12 layers and 0.3 at 48: the difference moves by -0.2."""
    noise = [0.0, 0.001, -0.001]
    grids = {
        name: runs(
            {
                "published-positive": dict(enumerate(2.0 - gap + n for n in noise)),
                "published-negative": dict.fromkeys(range(3), 2.0),
            }
        )
        for name, gap in (("depth_12", 0.1), ("depth_48", 0.3), ("recipe_12", 0.1))
    }
    rows = {row["to"]: row for row in across(grids)["contrasts"]}
    assert set(rows) == {"depth_48", "recipe_12"}
    assert rows["depth_48"]["mean_change"] == pytest.approx(-0.2)
    assert rows["depth_48"]["verdict"] == "lower"
    assert rows["recipe_12"]["verdict"] != "lower"
    spread = dict(enumerate([0.0, 0.002, -0.002]))
    alone = {
        name: runs({"unconstrained": {seed: loss + shift for seed, shift in spread.items()}})
        for name, loss in (("narrow_4", 2.0), ("narrow_12", 1.9))
    }
    alone["narrow_12"]["unconstrained"][3] = {"metrics": {}}  # diverged: no loss, no row
    (row,) = across(alone)["contrasts"]
    assert (row["second"], row["seeds"], row["verdict"]) == (None, 3, "lower")
    assert row["mean_change"] == pytest.approx(-0.1)


def test_correlations_see_what_holds_within_grids():
    rng = np.random.default_rng(0)
    groups = np.repeat(["small", "large"], 20)
    shift = np.where(groups == "large", 100.0, 0.0)  # sizes alone must not correlate
    x, noise = rng.normal(size=40), rng.normal(size=40)
    told = rank_correlation(x + shift, 2 * x + 0.3 * noise - shift, groups, looks=70)
    assert told["verdict"] == "predicts"
    assert told["interval"][0] > 0.5
    silent = rank_correlation(x + shift, noise + shift, groups, looks=70)
    assert silent["verdict"] == "undecided"
    many, one = (rank_correlation(x, noise, groups, looks)["interval"] for looks in (70, 1))
    assert many[0] < one[0] < one[1] < many[1]
    assert rank_correlation(x[:6], noise[:6], groups[:6]) is None
    assert rank_correlation(x, np.ones(40), groups) is None


def test_shipped_plans_fit_their_slices():
    """Every part of the big plan belongs to a shipped grid; its claims that matter have five seeds, all others three."""
    assert set(plan_names()) == {"h100", "smoke"}
    tasks = plan_tasks(load_plan("h100"), tmp := __import__("pathlib").Path("x"))
    assert 45 * 60 < sum(task.seconds for task in tasks) < 64 * 60
    seeds = {name: config.seeds for name, config in grids_of(load_plan("h100")).items()}
    assert seeds["depth_12"] == (0, 1, 2, 3, 4)
    assert all(len(own) >= 3 for own in seeds.values())
    assert {task.config.name for task in plan_tasks(load_plan("smoke"), tmp)} <= set(seeds)


def test_bad_plans_and_the_command(plan, tmp_path, capsys):
    for text, match in (("[[part]]\ngrid = 'lm'\n", "grid and seconds"), ("x = 1", "part"), ("[[", "readable")):
        (tmp_path / "bad.toml").write_text(text)
        with pytest.raises(FormatError, match=match):
            load_plan(tmp_path / "bad.toml")
    with pytest.raises(FormatError, match="shipped name"):
        load_plan("none-such")
    out = str(tmp_path / "out")
    assert main(["plan", str(plan), "--out", out, "--list"]) == 0
    assert "6 s" in capsys.readouterr().out
    assert (
        main(["plan", str(plan), "--out", out, "--device", "cpu", "--minutes", "0", "--archive", out + ".tar.gz"]) == 3
    )
    assert "6 runs left" in capsys.readouterr().out
    assert main(["plan", str(plan), "--out", out, "--prepare"]) == 1
    assert main(["report", out, "--plan", str(plan)]) == 1
    assert "finished run" in capsys.readouterr().err
