"""Runs, interruptions and results of the experiments, on grids that take seconds on a CPU."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from s6flow.numeric.experiments import grid, load_config, run_lm, run_reorder
from s6flow.numeric.experiments.__main__ import main
from s6flow.numeric.experiments.after import depth_norms, measure, mu_signs, token_rates
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.checkpoints import shipped_checkpoint, shipped_names
from s6flow.numeric.experiments.conditions import CONDITIONS, apply_condition
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.grid import jobs_of_rank, pick_devices, run_grid
from s6flow.numeric.experiments.model import S6Stack, parameter_counts
from s6flow.numeric.experiments.results import SHIPPED, ship, summarise
from s6flow.numeric.experiments.run import last_change, load_source, run_folder
from s6flow.numeric.experiments.train import build_model, train_model
from s6flow.numeric.refinements import S6Shape, channel_mu, mixer, s6_layers
from s6flow.symbolic.errors import FormatError, SourceError

TINY = """
kind = "lm"
[data]
name = "stdlib"
tokens = 16
[model]
width = 16
layers = 2
state = 4
[train]
steps = 8
batch = 4
lr = 4e-3
warmup = 3
log_every = 2
save_every = 4
eval_every = 4
eval_sequences = 8
[grid]
seeds = [0, 1, 2]
conditions = ["unconstrained", "channel-positive"]
"""
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    torch.set_num_threads(1)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no GPU")
        yield


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


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
    assert result["provenance"][0]["versions"]["torch"] == torch.__version__
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
    assert {path.stem for path in (tmp_path / "ship").iterdir()} == {"unconstrained", "positive"}
    tensors = load_file(tmp_path / "ship" / "positive.safetensors")
    assert "backbone.layers.1.mixer.x_proj.weight" in tensors
    assert not [name for name in tensors if "parametrizations" in name]
    mu = channel_mu(torch.tensor(tensors["backbone.layers.0.mixer.x_proj.weight"]), S6Shape(1, 4, 32)).sum(0)
    assert (mu > 0).all()
    with safe_open(tmp_path / "ship" / "positive.safetensors", "np") as stored:
        assert stored.metadata()["condition"] == "channel-positive"
    tiny.write_text(TINY.replace("lr = 4e-3", "lr = 5e-3"))
    with pytest.raises(FormatError, match="one configuration"):
        run_lm(tiny, out)


def test_reordering_end_to_end(tmp_path):
    config = tmp_path / "tiny.toml"
    source = (Path(run_reorder.__code__.co_filename).parent / "configs" / "reorder_cpu.toml").read_text()
    config.write_text(source.replace("steps = 40", "steps = 4").replace("log_every = 10", "log_every = 2"))
    result = run_reorder(
        config, tmp_path / "out", data=tmp_path / "data", seeds=[0, 1, 2], conditions=["none", "growth"]
    )
    assert list((tmp_path / "data").glob("digits-*.npz"))
    claims = {claim["id"]: claim for claim in result["claims"]}
    assert claims["growth-helps"]["verdict"] == "undecided"
    assert claims["growth-helps"]["why"] == "neither condition learnt the task"
    assert result["equal_parameter_counts"] is True


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


def test_workers_go_to_every_gpu(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert [device.index for device in pick_devices(None)] == [0, 1, 2]
    monkeypatch.setenv("LOCAL_RANK", "4")
    assert [device.index for device in pick_devices("cuda")] == [1]
    places = []
    monkeypatch.setattr(grid, "_side_by_side", lambda config, out, folder, devices, *rest: places.extend(devices))
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


def stack(seed: int = 0, classes: int | None = None) -> S6Stack:
    torch.manual_seed(seed)
    return S6Stack(ModelConfig(width=16, layers=2, state=4), 256, classes)


@pytest.mark.parametrize(("kind", "condition"), [(kind, name) for kind, names in CONDITIONS.items() for name in names])
def test_every_condition_runs_and_shares_its_start(kind, condition):
    classes = None if kind == "lm" else 10
    plain, changed = stack(classes=classes), stack(classes=classes)
    apply_condition(changed, kind, condition)
    assert torch.equal(changed.backbone.embedding.weight, plain.backbone.embedding.weight)
    tokens = torch.randint(0, 256, (2, 7))
    changed(tokens, torch.ones(2, 7, dtype=torch.bool)).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in changed.parameters() if p.grad is not None)
    counts = parameter_counts(changed)
    if condition.startswith("published-"):
        assert counts["used"] < counts["trainable"]
    else:  # the diagonal of a skew matrix's raw values drops out: 4 numbers in each of 2 layers
        assert counts["used"] == counts["trainable"] - (8 if condition.startswith("matrix-") else 0)
    if kind == "lm" and not condition.startswith("matrix"):
        assert counts["trainable"] == parameter_counts(plain)["trainable"]


def test_measurements_see_what_was_done_to_the_weights():
    model, tokens = stack(), torch.randint(0, 256, (3, 9))
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.out_proj.weight.zero_()
    still = depth_norms(model, tokens)
    assert all(view["log_growth"] == 0.0 for view in still.values())
    model = stack()
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.x_proj.weight[-4:] = -layer.x_proj.weight[-8:-4]  # S_C = -S_B
    signs = mu_signs(model)
    assert all(layer["share_mu_negative"] == layer["share_mu_n_negative"] == 1.0 for layer in signs)
    first = model.depth_trace(tokens)
    assert len(first) == 3
    torch.testing.assert_close(model.backbone.norm_f(first[-1]), model.backbone(tokens))
    bare = [view for name, view in depth_norms(model, tokens).items() if name != "full"]
    assert all(view["norms"] != depth_norms(model, tokens)["full"]["norms"] for view in bare)


def test_token_rate_of_one_token_is_its_growth_rate():
    """One token alone: y_d = x_d Delta_d (x^T S_C^T S_B x), so S_C = -S_B gives a negative rate for every token."""
    model, tokens = stack(), torch.randint(0, 256, (5, 1))
    with torch.no_grad():
        for layer in s6_layers(model).values():
            layer.x_proj.weight[-4:] = -layer.x_proj.weight[-8:-4]
    assert all(layer["share_negative"] == 1.0 for layer in token_rates(model, tokens))
    assert measure(model, tokens)["summary"]["rate_mean"] < 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernel_is_called_as_it_must_be(monkeypatch, dtype):
    """mamba-ssm's kernel wants one dtype for x, Delta, B and C, float32 weights, and a contiguous last axis."""

    def kernel(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
        assert u.dtype == delta.dtype == B.dtype == C.dtype == dtype
        assert A.dtype == delta_bias.dtype == torch.float32
        assert D is None or D.dtype == torch.float32
        assert all(part.stride(-1) == 1 for part in (u, delta, B, C))
        assert delta_softplus
        step = torch.nn.functional.softplus(delta.float() + delta_bias[:, None])
        y = mixer.scan_reference(u.float(), step, -A, B.float(), C.float())
        return (y if D is None else y + D[:, None] * u.float()).to(dtype)

    layer = next(iter(s6_layers(stack()).values()))
    tokens = torch.randn(2, 5, 32)
    expected = mixer.s6_output(layer, tokens)
    bare = mixer.s6_output(layer, tokens, skip=False)
    monkeypatch.setattr(mixer, "_kernel_for", lambda tokens: kernel)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = mixer.s6_output(layer, tokens.to(dtype))
        found_bare = mixer.s6_output(layer, tokens.to(dtype), skip=False)
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    torch.testing.assert_close(found.float(), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(found_bare.float(), bare, atol=tolerance, rtol=tolerance)
