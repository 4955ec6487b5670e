"""What moved between two checkpoints, trends, models in memory, optimisers, and the monitor of a training loop."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from s6flow.cli import main
from s6flow.errors import AssumptionError, SourceError
from s6flow.numeric.audit import audit
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.numeric.experiments.studies.diagnosis import NUMBERS
from s6flow.numeric.health import HealthMonitor, check_optimizer, diagnose, training
from s6flow.numeric.health.conclusions import ACROSS
from s6flow.numeric.health.moved import LISTED, compare, comparison_json
from s6flow.numeric.health.training import BUDGET, DYING, trainer_callback

LAYER = "backbone.layers.1.mixer"
RESULTS = ACROSS.parent


def edited(folder: Path, change: Callable[[dict[str, np.ndarray]], None]) -> str:
    content = load_file(shipped_checkpoint("unconstrained"))
    change(content)
    save_file(content, folder / "changed.safetensors")
    return str(folder / "changed.safetensors")


def test_a_checkpoint_against_itself_has_not_moved() -> None:
    source = str(shipped_checkpoint("unconstrained"))
    found = compare(source, source, shuffles=20)
    assert len(found.layers) == 12
    for layer in found.layers:
        assert (layer.gained, layer.lost, layer.numbers) == ((), (), {})
        assert layer.weights is not None
        assert (layer.weights.flips, layer.weights.decay, layer.weights.S_B, layer.weights.half_life) == (0, 0, 0, 0)
        assert float(layer.weights.z or 0) < -5, "the second remembers the first, which shuffles do not"


def test_planted_changes_are_seen_where_they_are(tmp_path: Path) -> None:
    def change(content: dict[str, np.ndarray]) -> None:
        content[f"{LAYER}.A_log"] = content[f"{LAYER}.A_log"] - np.log(2).astype(content[f"{LAYER}.A_log"].dtype)
        x_proj = content[f"{LAYER}.x_proj.weight"].copy()
        x_proj[-16:] *= -1
        content[f"{LAYER}.x_proj.weight"] = x_proj
        content["backbone.layers.2.mixer.out_proj.weight"] = content["backbone.layers.2.mixer.out_proj.weight"] * 0

    found = compare(str(shipped_checkpoint("unconstrained")), edited(tmp_path, change), shuffles=20)
    still, moved, dead, last = *found.layers[:3], found.layers[-1]
    assert (still.numbers, last.numbers) == ({}, {})
    assert moved.weights is not None
    assert moved.weights.flips == 256
    assert moved.weights.half_life == pytest.approx(np.log(2), rel=1e-3)
    assert pytest.approx(2, rel=1e-6) == moved.weights.S_C
    assert moved.weights.S_B == 0
    assert "half_life_median" in moved.numbers
    assert dead.gained == ("dead",)
    json.dumps(comparison_json(found), allow_nan=False)


def test_diff_says_what_its_columns_are_and_that_nothing_moved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """z of a model against itself is the largest there is, and no alarm: the table says same, the text that nothing moved."""
    first = str(shipped_checkpoint("unconstrained"))
    code, out, _ = command(capsys, "diff", first, edited(tmp_path, lambda content: None), "--shuffles", "5")
    said = " ".join(out.split())
    assert code == 0
    assert said.count(" same ") >= 12
    assert "-1" not in said
    assert "Nothing moved" in said
    assert all(f"{column}:" in said for column in ("mu flips", "shuffled", "z", "|ln a'/a|", "ln memory", "S_B, S_C"))

    def half(content: dict[str, np.ndarray]) -> None:
        for layer in range(12):
            content[f"backbone.layers.{layer}.mixer.A_log"] -= np.float32(np.log(2))

    code, out, _ = command(capsys, "diff", first, edited(tmp_path, half), "--shuffles", "5")
    said = " ".join(out.split())
    assert "Nothing moved" not in said
    assert " same " not in said
    assert f"by {100 * LISTED.value:g} % or more" in said
    assert "Over all layers, medians: half_life_min" in said


def test_diff_has_no_numbers_of_a_dead_layer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def kill(content: dict[str, np.ndarray]) -> None:
        content[f"{LAYER}.out_proj.weight"] *= 0
        content[f"{LAYER}.A_log"] -= np.float32(np.log(2))

    first, second = str(shipped_checkpoint("unconstrained")), edited(tmp_path, kill)
    for pair, where in (
        ((first, second), "the second"),
        ((second, first), "the first"),
        ((second, second), "the first and the second"),
    ):
        code, out, _ = command(capsys, "diff", *pair, "--shuffles", "5")
        assert code == 0
        assert next(line.split() for line in out.splitlines() if line.startswith(" 1 ")) == ["1", *"-------"]
        told = " ".join(out.split()).partition(" 1: ")[2]
        assert f"its numbers say nothing: it is dead or damaged in {where}" in told
        assert "half_life" not in told


def test_what_is_listed_is_beyond_two_seeds_of_one_training() -> None:
    """The threshold's reason, computed anew from the committed runs; 1.2 times less would be exceeded by seeds."""
    apart: dict[str, list[float]] = {}
    for path in RESULTS.glob("*.json"):
        for row in json.loads(path.read_bytes()).get("conditions", {}).values():
            for name in NUMBERS:
                values = [v for v in row["metrics"].get(f"diagnosis.{name}", {}).get("values", []) if v]
                values = [10**v for v in values] if name == "response" else values  # recorded as its logarithm
                apart.setdefault(name, []).extend(abs(a - b) / max(abs(a), abs(b)) for a, b in combinations(values, 2))
    most = {name: float(np.quantile(found, 0.95)) for name, found in apart.items() if len(found) > 50}
    assert len(most) >= 8
    assert LISTED.value / 1.2 < max(most.values()) < LISTED.value
    assert max(most, key=lambda name: most[name]) == "response"
    assert f"up to {math.ceil(100 * most.pop('response'))} %" in LISTED.reason
    assert f"up to {math.ceil(100 * max(most.values()))} %" in LISTED.reason


@pytest.mark.parametrize(("factor", "listed"), [(1.2, False), (1.4, True)])
def test_a_number_is_listed_from_the_threshold_on(tmp_path: Path, factor: float, listed: bool) -> None:
    def change(content: dict[str, np.ndarray]) -> None:
        content[f"{LAYER}.A_log"] -= np.float32(np.log(factor))

    first = str(shipped_checkpoint("unconstrained"))
    found = compare(first, edited(tmp_path, change), shuffles=2)
    assert ("half_life_median" in found.layers[1].numbers) == listed
    assert not found.same
    assert not found.layers[1].still
    assert found.layers[0].still
    small = compare(
        first, edited(tmp_path, lambda content: content[f"{LAYER}.D"].__imul__(np.float32(1.001))), shuffles=2
    )
    assert not small.layers[1].still
    assert not small.layers[1].numbers
    assert "half_life_median" not in found.medians  # one layer of twelve


def test_names_in_common_are_needed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="same names"):
        compare(str(shipped_checkpoint("mixed")), "typeseg")
    with pytest.raises(AssumptionError, match="shuffles"):
        compare("typeseg", "typeseg", shuffles=1)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    out = capsys.readouterr()
    return int(stop.value.code or 0), out.out, out.err


def test_diff_and_trend_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pair = [str(shipped_checkpoint(name)) for name in ("positive", "negative")]
    code, out, _ = command(capsys, "diff", *pair, "--shuffles", "5", "--json")
    assert code == 0
    assert json.loads(out)["schema"] == "s6flow-diff/1"
    code, out, _ = command(capsys, "diff", *pair, "--shuffles", "5")
    assert code == 0
    assert "first : HEALTHY" in out
    code, out, _ = command(capsys, "audit", *pair, "--context", "64", "--json")
    found = json.loads(out)
    assert (found["schema"], found["context"]) == ("s6flow-trend/1", 64)
    assert [row["source"] for row in found["checkpoints"]] == pair
    assert all(row["medians"]["unsaturated"] > 0 for row in found["checkpoints"])
    code, _, err = command(capsys, "audit", *pair, "--simulate")
    assert code == 1
    assert "one by one" in err
    code, out, _ = command(capsys, "audit", pair[0], "--health-csv", str(tmp_path / "h.csv"), "--shuffles", "2")
    assert code == 0
    assert (tmp_path / "h.csv").read_text().count("\n") == 13


def test_a_model_in_memory_is_its_file(tiny_mamba: Callable[..., Any], tmp_path: Path) -> None:
    model = tiny_mamba()
    model.save_pretrained(tmp_path)
    here, there = diagnose(model), diagnose(str(tmp_path))
    assert [layer.numbers for layer in here.layers] == [layer.numbers for layer in there.layers]
    found = audit(model, shuffles=2)
    assert found.source == "MambaForCausalLM"
    assert len(found.layers) == 2
    with pytest.raises(SourceError, match=r"torch\.nn\.Module"):
        diagnose(3)


def test_constrained_weights_are_read_as_they_act(tiny_mamba: Callable[..., Any]) -> None:
    from s6flow.numeric.refinements import constrain

    model = tiny_mamba()
    constrain(model, scenario="positive")
    found = audit(model, shuffles=2)
    assert all((layer.numbers("mu") > 0).all() for layer in found.layers)


def test_an_optimiser_that_decays_everything_is_named(tiny_mamba: Callable[..., Any]) -> None:
    import torch

    model = tiny_mamba()
    names = [held.name for held in check_optimizer(model, torch.optim.AdamW(model.parameters()))]
    assert names == [f"backbone.layers.{i}.mixer.{tail}" for i in range(2) for tail in ("A_log", "D", "dt_proj.bias")]
    guarded = [p for name, p in model.named_parameters() if name in names]
    rest = [p for name, p in model.named_parameters() if name not in names]
    split = [{"params": rest, "weight_decay": 0.1}, {"params": guarded, "weight_decay": 0.0}]
    assert check_optimizer(model, torch.optim.AdamW(split)) == ()
    assert {held.group for held in check_optimizer(model, torch.optim.AdamW(rest))} == {None}
    with pytest.raises(SourceError, match="A_log"):
        check_optimizer(torch.nn.Linear(2, 2), torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), 0.1))


@pytest.fixture
def affordable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look that is due is taken, however short the training was."""
    monkeypatch.setattr(training, "BUDGET", 1e6)


@pytest.mark.usefixtures("affordable")
def test_the_monitor_looks_warns_once_and_logs(tiny_mamba: Callable[..., Any]) -> None:
    import torch

    model, logged = tiny_mamba(), []
    monitor = HealthMonitor(model, every=10, log=lambda step, numbers: logged.append((step, numbers)))
    assert monitor.step(5) is None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert monitor.step(10) is not None
        with torch.no_grad():
            model.backbone.layers[1].mixer.out_proj.weight.mul_(DYING * 1e-3)
        monitor.step(20)
        monitor.step(30)
        with torch.no_grad():
            model.backbone.layers[1].mixer.out_proj.weight.zero_()
        monitor.step(40)
    texts = [str(row.message) for row in said]
    assert sum("dying" in text for text in texts) == 1
    assert sum("is dead (" in text for text in texts) == 1
    assert [step for step, _ in logged] == [10, 20, 30, 40]
    assert logged[-1][1]["health/response"] == 0
    assert logged[-1][1]["health/dead"] == 1


@pytest.mark.filterwarnings("ignore:step")
def test_the_monitor_keeps_to_its_budget(tiny_mamba: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which a step takes 1 ms and a look 4: it looks as soon as it may, and no sooner."""
    now, step, look, real = [0.0], 1e-3, 4e-3, training.diagnose

    def slow(*asked: Any) -> Any:
        now[0] += look
        return real(*asked)

    monkeypatch.setattr(training, "diagnose", slow)
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monitor = HealthMonitor(tiny_mamba(), every=1)
    begun, looks = now[0], 0
    for number in range(2000):
        now[0] += step
        looks += monitor.step(number) is not None
        assert monitor.spent == pytest.approx(looks * look)
        assert monitor.spent <= BUDGET * (now[0] - begun)
        assert BUDGET * (now[0] - begun) < monitor.spent + look + BUDGET * (step + look)
    assert looks == 5
    with pytest.raises(AssumptionError, match="every"):
        HealthMonitor(tiny_mamba(), every=0)


@pytest.mark.usefixtures("affordable")
@pytest.mark.filterwarnings("ignore:step")
def test_callbacks_log_to_what_the_loop_uses(tiny_mamba: Callable[..., Any]) -> None:
    model = tiny_mamba()
    state = SimpleNamespace(global_step=10, log_history=[])
    trainer_callback(HealthMonitor(model, every=10)).on_step_end(None, state, None)
    assert state.log_history[0]["step"] == 10
    assert "health/response" in state.log_history[0]
    sent: list[dict[str, float]] = []
    trainer = SimpleNamespace(log=sent.append)  # what it reports to, it tells itself
    trainer_callback(HealthMonitor(model, every=10), trainer).on_step_end(None, state, None)
    assert len(state.log_history) == 1
    assert "health/response" in sent[0]
