"""Runs, interruptions and results of the experiments, on grids that take seconds on a CPU."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.experiments import load_config, run_lm, run_reorder
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.mending import mend_log
from s6flow.numeric.experiments.run import last_change, load_source, run_folder
from s6flow.numeric.experiments.train import build_model, train_model
from s6flow.numeric.refinements import S6Shape, channel_mu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def corpus():
    return load_source(load_config("lm_cpu"), None)


def trained(config, corpus, folder, **options):
    data = Data(corpus, config, CPU)
    model = build_model(config, "channel-positive", 1, data)
    outcome = train_model(model, data, config.train, 1, folder, **options)
    return outcome, {key: value.clone() for key, value in model.state_dict().items()}


def test_interrupted_runs_end_like_uninterrupted_ones(tiny, corpus, tmp_path):
    config = load_config(tiny)
    outcome, whole = trained(config, corpus, tmp_path / "whole")
    assert outcome.status == "done"
    steps = []
    while not steps or outcome.status == "stopped":  # a deadline in the past stops at the first chance
        outcome, pieces = trained(config, corpus, tmp_path / "pieces", deadline=0.0)
        steps.append(outcome.step)
    assert steps == [2, 4, 6, 8]

    def die(step, total):
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(config, corpus, tmp_path / "killed", progress=die)
    outcome, killed = trained(config, corpus, tmp_path / "killed")
    for other in (pieces, killed):
        assert all(torch.equal(other[key], whole[key]) for key in whole)
    logs = {(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "pieces", "killed")}
    assert len(logs) == 1
    assert [json.loads(line)["step"] for line in logs.pop().splitlines()] == [2, 4, 4, 6, 8, 8]


def test_random_shuffles_resume_exactly(tmp_path):
    config = load_config("reorder_cpu")
    config = replace(config, train=replace(config.train, steps=6, log_every=2, save_every=2, eval_every=2))
    data = Data(load_source(config, None), config, CPU)
    states = []
    for deadline in (math.inf, 0.0):
        status = "stopped"
        while status == "stopped":
            model = build_model(config, "random", 0, data)
            status = train_model(model, data, config.train, 0, tmp_path / str(deadline), deadline).status
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(tiny, corpus, tmp_path, monkeypatch):
    config = load_config(tiny)
    data = Data(corpus, config, CPU)
    model = build_model(config, "unconstrained", 0, data)
    monkeypatch.setattr(
        "s6flow.numeric.experiments.train.learning_rate", lambda train, step: 1e-3 if step < 4 else math.inf
    )
    outcome = train_model(model, data, config.train, 0, tmp_path)
    assert (outcome.status, outcome.step) == ("diverged", 4)
    assert "kept the weights" in outcome.message
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1]) == {
        "step": 6,
        "event": "diverged",
        "kept": 4,
    }


def test_a_broken_resume_state_is_named(tiny, corpus, tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a file")
    with pytest.raises(SourceError, match=r"state\.pt"):
        trained(load_config(tiny), corpus, tmp_path)


def test_a_torn_line_is_left_out_and_a_broken_one_is_named(tiny, corpus, tmp_path):
    config = load_config(tiny)
    config = replace(config, train=replace(config.train, health_every=4))
    train = partial(trained, config, corpus)
    train(tmp_path / "whole")
    text = (tmp_path / "whole" / "log.jsonl").read_text()
    # killed after its first lines and before its first state
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "log.jsonl").write_text(text[: len(text) // 2])
    mend_log(tmp_path / "killed")
    train(tmp_path / "killed")
    assert (tmp_path / "killed" / "log.jsonl").read_text() == text
    for broken in ("[1]", '{"loss": 1}', "torn"):
        (tmp_path / "killed" / "log.jsonl").write_text(f"{broken}\n{text}")
        with pytest.raises(FormatError, match=r"log\.jsonl, line 1"):
            mend_log(tmp_path / "killed")


def test_the_log_beside_a_state_keeps_its_whole_lines(tmp_path):
    rows = [{"step": 0, "event": "out of memory", "pieces": 2}, {"step": 2, "loss": 1.0}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    log = tmp_path / "log.jsonl"
    log.write_text(text + '{"step": 4, "lo')
    (tmp_path / "state.pt").write_bytes(b"")
    mend_log(tmp_path)
    assert log.read_text() == text
    (tmp_path / "state.pt").unlink()
    mend_log(tmp_path)
    assert log.read_text() == json.dumps(rows[0]) + "\n"
    mend_log(tmp_path / "none")


def changes(result) -> list[float]:
    return [change for part in result["conditions"].values() for change in part["valid_last_change"]]


def test_last_change_is_read_over_the_last_tenth(tmp_path):
    log = tmp_path / "log.jsonl"
    values = {10: 3.0, 80: 2.0, 90: 1.9, 95: 1.8, 100: 1.75}
    lines = [{"step": step, "valid_bits_per_byte": value} for step, value in values.items()]
    log.write_text("".join(json.dumps(line) + "\n" for line in [{"step": 5, "loss": 9.0}, *lines]))
    assert last_change(log, 100) == pytest.approx(1.75 - 1.9)
    assert last_change(log, 105) is None  # not at its end
    log.write_text(json.dumps(lines[-1]) + "\n")
    assert last_change(log, 100) is None


def test_language_modelling_end_to_end(tiny, tmp_path):
    out = tmp_path / "out"
    partial = run_lm(tiny, out, seeds=[0, 1])
    assert partial["missing"] == []
    stamp = (run_folder(out, "unconstrained", 0) / "result.json").stat().st_mtime_ns
    result = run_lm(tiny, out, weights=tmp_path / "ship", archive=tmp_path / "all.tar.gz", command="test")
    assert (run_folder(out, "unconstrained", 0) / "result.json").stat().st_mtime_ns == stamp
    assert json.loads((out / "results.json").read_text()) == result
    assert result["equal_parameter_counts"] is True
    assert result["data"]["bytes"]["train"] > 10**6
    recorded = result["provenance"][0]["versions"]["torch"]
    assert torch.__version__.split("+")[0] == recorded.split("+")[0]
    condition = result["conditions"]["channel-positive"]
    metric = condition["metrics"]["test.bits_per_byte"]
    assert metric["mean"] == pytest.approx(np.mean(metric["values"]), abs=1e-6)
    assert 5 < metric["mean"] < 9  # bits per byte of a barely trained model
    assert result["conditions"]["channel-positive"]["metrics"]["audit.mu_negative"]["mean"] == 0.0
    assert result["flat"]["largest"] == max(abs(c) for c in changes(result))
    assert result["flat"]["met"] == (result["flat"]["largest"] < 0.005)
    claims = {claim["id"]: claim for claim in result["claims"]}
    assert claims["positive-helps"]["verdict"] == "undecided"  # its conditions were not run
    assert claims["channel-positive-helps"]["seeds"] == 3
    for run in result["measurements"].values():
        assert set(run) == {"mu", "rate", "depth", "audit"}
        for read, audited in zip(run["mu"], run["audit"], strict=True):  # torch and the loaders see the same weights
            assert read["share_mu_negative"] == audited["mu_negative"]
    shares = [run["mu"][0]["share_mu_negative"] for name, run in result["measurements"].items() if "channel" in name]
    assert shares == [0.0, 0.0, 0.0]
    assert "/tmp" not in json.dumps(result)
    shipped = {path.name for path in (tmp_path / "ship").iterdir()}
    assert shipped == {"unconstrained.safetensors", "positive.safetensors", "config.json"}
    tensors = load_file(tmp_path / "ship" / "positive.safetensors")
    assert "backbone.layers.1.mixer.x_proj.weight" in tensors
    assert not [name for name in tensors if "parametrizations" in name]
    mu = channel_mu(torch.tensor(tensors["backbone.layers.0.mixer.x_proj.weight"]), S6Shape(1, 4, 32)).sum(0)
    assert (mu > 0).all()
    with safe_open(tmp_path / "ship" / "positive.safetensors", "np") as stored:
        assert stored.metadata()["condition"] == "channel-positive"
    tiny.write_text(tiny.read_text().replace("lr = 4e-3", "lr = 5e-3"))
    with pytest.raises(FormatError, match="one configuration"):
        run_lm(tiny, out)


def test_reordering_end_to_end(tmp_path):
    config = tmp_path / "tiny.toml"
    source = (Path(run_reorder.__code__.co_filename).parent / "configs" / "reorder_cpu.toml").read_text()
    config.write_text(source.replace("steps = 40", "steps = 4").replace("log_every = 10", "log_every = 2"))
    result = run_reorder(
        config, tmp_path / "out", data=tmp_path / "data", seeds=[0, 1, 2], conditions=["none", "growth"]
    )
    assert list((tmp_path / "data").glob("digits-*.npz.xz"))
    claims = {claim["id"]: claim for claim in result["claims"]}
    assert claims["growth-helps"]["verdict"] == "undecided"
    assert claims["growth-helps"]["why"] == "neither condition learnt the task"
    assert result["equal_parameter_counts"] is True
