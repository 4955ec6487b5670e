"""Studies of trained models, decay that kills, and caps: planted cases on either side."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import pytest
import torch

from s6flow.numeric.experiments import load_config, run_experiment
from s6flow.numeric.experiments.batches import Data
from s6flow.numeric.experiments.config import ModelConfig
from s6flow.numeric.experiments.data_sources import load_source
from s6flow.numeric.experiments.deaths import deaths
from s6flow.numeric.experiments.model import S6Stack
from s6flow.numeric.experiments.studies import STUDIES, Trained, studies_of, study
from s6flow.numeric.experiments.studies.capping import EDITS, edited
from s6flow.numeric.experiments.studies.lengths import loss_at, multiples, rounded_weights
from s6flow.numeric.experiments.studies.pruning import pruned
from s6flow.numeric.experiments.train import build_model
from s6flow.numeric.experiments.update import cap_rates, make_optimiser
from s6flow.numeric.refinements import cap_memory, mean_steps, s6_layers
from s6flow.numeric.refinements.mixer import s6_output

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def small():
    """The CPU configuration on the standard library, its data, and an untrained model."""
    config = load_config("depth_cpu")
    config = replace(config, data=replace(config.data, name="stdlib", tokens=16, megabytes=0))
    data = Data(load_source(config, None), config, CPU)
    return config, data, build_model(config, "unconstrained", 0, data)


def test_every_study_runs_and_none_fails_in_silence(small, tmp_path, monkeypatch):
    config, data, model = small
    from s6flow.numeric.experiments.tensors import write_weights

    (tmp_path / "log.jsonl").write_text("")
    weights = write_weights(model, tmp_path / "m.safetensors", {})
    run = Trained(model, data, config, "unconstrained", weights, tmp_path / "log.jsonl")
    metrics, details = study(run)
    assert set(metrics) == set(studies_of(config)) <= set(STUDIES)
    assert not [name for name in details if name.endswith("_failed")]
    assert all(math.isfinite(value) for part in metrics.values() for value in part.values())
    assert metrics["diagnosis"]["mu_negative"] == pytest.approx(0.5, abs=0.3)
    steps = mean_steps(model, lambda: model(next(data.evaluation("valid")).tokens))
    raised = sum(cap_memory(copy.deepcopy(model), data.window, 0.5, steps=steps).values())
    states = sum(mixer.A_log.numel() for mixer in s6_layers(model).values())
    assert 0 < metrics["cap"]["share-half"] == raised / states
    monkeypatch.setitem(STUDIES, "lengths", lambda run: 1 / 0)
    with pytest.warns(UserWarning, match="lengths failed"):
        metrics, details = study(replace(run, config=replace(config, studies=("lengths", "pruning"))))
    assert set(metrics) == {"pruning"}
    assert "ZeroDivisionError" in details["lengths_failed"]


def test_lengths_cut_the_same_text(small):
    _, data, model = small
    assert multiples(256) == [1, 4, 16, 64, 256]
    assert multiples(40) == [1, 4, 16, 40]
    texts = []
    for length in (16, 64):
        parts = [batch.tokens.flatten() for batch in data.stretches("test", length, 256)]
        texts.append(torch.cat(parts))
    assert torch.equal(*texts)
    assert loss_at(model, data, 1, 4) == pytest.approx(8, abs=0.5)  # untrained: eight bits a byte


def test_rounding_costs_what_it_changes(small):
    _, data, model = small
    found, _ = rounded_weights(model, data)
    assert 1e-4 < found["bf16_logits"] < 0.1
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    assert rounded_weights(model, data)[0] == {"bf16_loss": 0.0, "bf16_logits": 0.0}


def test_pruning_finds_a_dead_layer(small):
    _, data, model = small
    with torch.no_grad():
        model.backbone.layers[2].mixer.out_proj.weight.zero_()
    found, chosen = pruned(model, data)
    assert chosen["health"] == chosen["update"] == [[2]]
    assert found["health"] == found["update"] == 0.0
    assert len(model.backbone.layers) == 4  # all came back


def test_edits_are_of_the_size_of_the_cap(small):
    _, data, model = small
    steps = {name: torch.full((32,), 0.03) for name in s6_layers(model)}
    capped = copy.deepcopy(model)
    cap_memory(capped, data.window, 0.5, steps=steps)
    before = s6_layers(model)
    raises = {name: (mixer.A_log - before[name].A_log).detach() for name, mixer in s6_layers(capped).items()}
    share = float(torch.stack([(part > 0).double().mean() for part in raises.values()]).mean())
    assert 0.2 < share < 1  # one rate in four is fast enough
    for name, edit in EDITS.items():
        layers = s6_layers(edited(model, raises, edit))
        for key, mixer in s6_layers(model).items():
            raised = (layers[key].A_log - mixer.A_log).detach()
            assert float(raised.mean()) == pytest.approx(float(raises[key].mean()), rel=1e-4)
            same = torch.allclose(raised, raises[key], atol=1e-6)
            assert same == (name == "cap")
            if name == "random":
                assert torch.allclose(raised.flatten().sort()[0], raises[key].flatten().sort()[0], atol=1e-6)


def test_scaled_steps_are_scaled_steps(small):
    """Halving all steps: the same as halving Delta itself in the recurrence."""
    _, _, model = small
    mixer = s6_layers(model)["backbone.layers.0.mixer"]
    tokens = torch.randn(1, 6, 32)
    from s6flow.numeric.refinements import mixer as module

    with torch.no_grad():
        scan = module.scan_reference
        module.scan_reference = lambda x, step, a, b, c: scan(x, 0.5 * step, a, b, c)
        wanted = s6_output(mixer, tokens)
        module.scan_reference = scan
        EDITS["scale-step"](mixer, torch.full_like(mixer.A_log, math.log(0.5)))
        torch.testing.assert_close(s6_output(mixer, tokens), wanted)


def test_a_cap_in_training_holds_after_every_step():
    model = S6Stack(ModelConfig(16, 2, state=4), 16)
    mixers = s6_layers(model).values()

    def longest() -> float:
        steps = [torch.nn.functional.softplus(m.dt_proj.bias).unsqueeze(1) for m in mixers]
        return max(
            float((math.log(2) / (m.A_log.exp() * s)).detach().max()) for m, s in zip(mixers, steps, strict=True)
        )

    assert longest() > 8
    before = [m.A_log.clone() for m in mixers]
    cap_rates(mixers, 8.0)
    assert longest() == pytest.approx(8.0, rel=1e-5)
    assert all((m.A_log >= old).all() for m, old in zip(mixers, before, strict=True))
    held = [m.A_log.clone() for m in mixers]
    cap_rates(mixers, 1e9)
    assert all(torch.equal(m.A_log, old) for m, old in zip(mixers, held, strict=True))


@pytest.mark.parametrize(
    ("decayed", "guarded", "matrices"),
    [("everything", True, True), ("guarded-apart", False, True), ("matrices", False, True)],
)
def test_who_is_decayed(decayed, guarded, matrices):
    model = S6Stack(ModelConfig(16, 1, state=4), 16)
    train = replace(load_config("decay_cpu").train, decayed=decayed, weight_decay=0.3)
    groups = make_optimiser(model, train).param_groups
    held = {id(p) for group in groups if group["weight_decay"] == 0.3 for p in group["params"]}
    mixer = model.backbone.layers[0].mixer
    assert {id(p) in held for p in (mixer.A_log, mixer.D, mixer.dt_proj.bias)} == {guarded}
    assert (id(mixer.in_proj.weight) in held) == matrices
    assert (id(model.backbone.norm_f.weight) in held) == (decayed != "matrices")
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def line(step, **more):
    return json.dumps({"step": step, **more}) + "\n"


def test_the_story_of_a_death_is_read_from_the_log(tmp_path):
    log, alive, dying, dead = tmp_path / "log.jsonl", [[], []], [[], ["dying"]], [["dead"], ["dead"]]
    log.write_text(
        line(0, response=[1, 1], warned=[["untrained"], ["untrained"]], held=6)
        + line(20, response=[1, 1], warned=alive)
        + line(20, valid_bits_per_byte=3.0)
        + line(40, response=[1, 1e-5], warned=dying)
        + line(60, response=[0, 0], warned=dead)
        + line(60, valid_bits_per_byte=3.04)
        + line(80, valid_bits_per_byte=3.2)
    )
    summary, _ = deaths(log)
    assert summary == {
        "dead_share": 1.0, "held": 6.0, "dead_at": 60, "warned_at": 40, "dying_at": 40, "loss_at": 80,
        "ahead_of_death": 20, "ahead_of_loss": 40,
    }  # fmt: skip
    log.write_text(line(0, response=[1], warned=[[]], held=0) + line(10, valid_bits_per_byte=3.0))
    summary, _ = deaths(log)
    assert (summary["dead_share"], summary["held"], summary["dead_at"], summary["loss_at"]) == (0, 0, None, None)


@pytest.mark.slow
def test_a_small_run_dies_and_the_remedy_saves_it(tmp_path):
    """Adam with its decay on everything kills every layer of a small stack; spared, the same stack lives."""
    result = run_experiment("decay", "decay_cpu", tmp_path / "out", seeds=[0])
    means = {
        name: {key: row["mean"] for key, row in part["metrics"].items()} for name, part in result["conditions"].items()
    }
    dead, spared = means["adam-everything-0.1"], means["spared"]
    assert dead["deaths.dead_share"] == 1.0
    assert spared["deaths.dead_share"] == 0.0
    assert dead["deaths.held"] > 0 == spared["deaths.held"]
    assert dead["deaths.ahead_of_death"] >= 0
    assert "deaths.dead_at" not in spared
