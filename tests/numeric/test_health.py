"""Verdicts of health: each planted on either side, said with its cause and remedy, and what they withhold."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from s6flow.errors import AssumptionError
from s6flow.numeric.audit import audit, render_table, to_html, to_json
from s6flow.numeric.audit.output.health import SHUT, health_sentences, health_table, percent
from s6flow.numeric.audit.output.sentences import sentences
from s6flow.numeric.health import NUMBERS, SEVERITIES, VERDICTS, diagnose
from s6flow.numeric.health.anatomy import blocks
from s6flow.numeric.health.numbers import effective_rank
from s6flow.numeric.health.untrained import untrained_numbers
from s6flow.numeric.health.verdicts import FATAL, given
from s6flow.numeric.weights import open_checkpoint
from tests.numeric.health_cases import CHANNELS, PREFIX, RANK, STATES, Tensors, put, start, tensors, write


def verdicts(folder: Path, change: Callable[[Tensors], None], context: int = 2048) -> set[str]:
    content = tensors()
    change(content)
    (layer,) = diagnose(write(folder, content), context).layers
    return {row.name for row in layer.verdicts if row.severity != "note"}


def moved(content: Tensors) -> None:
    start(content)
    content[PREFIX + "D"][3] = 1.001


def flat(log_ratio: float) -> Callable[[Tensors], None]:
    return put("A_log", np.linspace(0.0, log_ratio, STATES))


def low_rank(rank: int) -> Callable[[Tensors], None]:
    def change(content: Tensors) -> None:
        rows = content[PREFIX + "x_proj.weight"][RANK : RANK + STATES]
        rows[:] = np.repeat(np.eye(rank, CHANNELS), STATES // rank, axis=0)

    return change


def some(name: str, share: float, value: float) -> Callable[[Tensors], None]:
    """Set a share of a tensor's first rows."""

    def change(content: Tensors) -> None:
        array = content[PREFIX + name]
        array[: math.ceil(share * len(array))] = value

    return change


def starved(count: int) -> Callable[[Tensors], None]:
    """Channels whose way out is too small to be seen."""
    return lambda content: content[PREFIX + "out_proj.weight"][:, :count].__imul__(np.float32(1e-30))


#: Verdict -> weights that have it, and weights just on the other side.
PLANTED: dict[str, tuple[Callable[[Tensors], None], Callable[[Tensors], None]]] = {
    "not-finite": (put("conv1d.weight", np.nan), lambda content: None),
    "dead": (put("out_proj.weight", 1e-14), put("out_proj.weight", 1e-6)),
    "dead-channels": (starved(2), starved(1)),
    "untrained": (start, moved),
    "lost-initialisation": (put("dt_proj.bias", lambda b: np.linspace(-0.9, 0.9, len(b))), put("dt_proj.bias", lambda b: np.linspace(-1.2, 0.9, len(b)))),
    "collapsed-spectrum": (flat(0.24 * math.log(STATES)), flat(0.26 * math.log(STATES))),
    "accumulator": (some("A_log", 0.1, -9.0), some("A_log", 0.1, -1.0)),
    "memoryless": (put("A_log", lambda a: a + 8), put("A_log", lambda a: a + 5)),
    "rank-loss": (low_rank(1), low_rank(4)),
    "rounds-fp32": (some("A_log", 0.1, -14.0), some("A_log", 0.1, -7.0)),
    "overflow-fp32": (put("x_proj.weight", lambda w: w * 1e13), put("x_proj.weight", lambda w: w * 1e9)),
    "subnormal": (put("conv1d.bias", 1e-41), put("conv1d.bias", 2e-38)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_on_either_side(name: str, tmp_path: Path) -> None:
    here, beside = PLANTED[name]
    assert name in verdicts(tmp_path, here)
    assert name not in verdicts(tmp_path, beside)


@pytest.mark.parametrize(("value", "shut"), [(0.0, True), (1e-14, False)])
def test_a_dead_layer_gets_the_remedy_of_its_cause(value: float, shut: bool, tmp_path: Path) -> None:
    """A zero out_proj is no decayed layer; one that decayed to 1e-14 is."""
    content = tensors()
    put("out_proj.weight", value)(content)
    found = diagnose(write(tmp_path, content))
    (dead,) = [line for line in health_sentences(found) if line.startswith("Critical, dead")]
    assert found.layers[0].shut == shut
    assert (SHUT in dead) == shut
    assert ("weight decay" in dead) != shut
    assert "Rule: response < 6.0e-8; below half" in dead


def test_layers_that_died_of_two_causes_are_said_apart(tmp_path: Path) -> None:
    content: Tensors = {}
    for layer, value in enumerate((0.0, 1e-14, 0.0)):
        prefix = f"backbone.layers.{layer}.mixer."
        content |= tensors(layer, prefix)
        content[prefix + "out_proj.weight"][...] = value
    said = [line for line in health_sentences(diagnose(write(tmp_path, content))) if line.startswith("Critical, dead")]
    assert len(said) == 2
    assert "layers.0.mixer and 1 more layer;" in said[0]
    assert "layers.1.mixer;" in said[1]


def test_every_verdict_is_said_with_its_rule_and_a_share_with_its_sign(tmp_path: Path) -> None:
    content = tensors()
    starved(12)(content)
    put("A_log", 0.0)(content)
    found = diagnose(write(tmp_path, content))
    said = " ".join(health_sentences(found))
    for row in found.layers[0].verdicts:
        assert f"Rule: {row.rule_text}; {row.reason}. Remedy: " in said
    assert {row.name for row in found.layers[0].verdicts} >= {"dead-channels", "collapsed-spectrum"}
    assert "Share of states that remember beyond the context, by layer: 0 (untrained: 0" in said
    assert "Effective rank over the number of states, S_B and S_C, by layer: 0." in said
    console = Console(width=100, record=True, file=io.StringIO())
    for part in health_table(found):
        console.print(part)
    assert " 50 % " in console.export_text()
    assert (percent(1.0), percent(0.0), percent(None)) == ("100 %", "0 %", "-")


def test_a_nan_is_named_by_its_tensor_wherever_it_is_said(tmp_path: Path) -> None:
    content = tensors() | tensors(1, "backbone.layers.1.mixer.")
    name = "backbone.layers.1.mixer.x_proj.weight"
    content[name][0, 3] = np.nan
    report = audit(write(tmp_path, content), shuffles=2)
    said = list(sentences(report))
    assert sum(f"{name}[0, 3] = nan" in line for line in said) == 1
    assert not any("dt_in" in line or line.startswith("Withheld") for line in said)
    (entry,) = report.withheld
    assert entry.damaged  # so that the exit status says so
    assert entry.reason == f"weights must be finite; got {name}[0, 3] = nan"


#: What notes rest on: number, a value that has it, one that has not.
NOTED = {
    "overflow-fp16": ("margin_fp16", -0.1, 0.1),
    "rounds-bf16": ("rounds_bf16", 0.05, 0.049),
    "rounds-fp16": ("rounds_fp16", 0.05, 0.049),
    "unsaturated": ("unsaturated", 0.01, 0.0099),
}


@pytest.mark.parametrize("name", NOTED)
def test_notes_on_either_side(name: str, tmp_path: Path) -> None:
    numbers = dict(diagnose(write(tmp_path, tensors())).layers[0].numbers)
    number, here, beside = NOTED[name]
    for value, wanted in ((here, True), (beside, False)):
        assert (name in {row.name for row in given({**numbers, number: value})[0]}) is wanted
    held, undecided = given({**numbers, number: None})
    assert name not in {row.name for row in held}
    assert name in {row.name for row in undecided}


def test_every_verdict_is_planted_and_explained() -> None:
    assert set(PLANTED) | set(NOTED) == {row.name for row in VERDICTS}
    names = {row.name for row in NUMBERS}
    for row in VERDICTS:
        assert row.needs <= names and set(row.shown) <= names  # noqa: PT018
        assert row.severity in SEVERITIES
        assert min(len(row.reason), len(row.remedy), len(row.title)) > 3


def test_a_healthy_layer_has_notes_at_most(tmp_path: Path) -> None:
    found = diagnose(write(tmp_path, tensors()))
    assert found.severity == "healthy"
    assert found.line().startswith("HEALTHY: 1 layer, no verdict")
    assert found.layers[0].assumed == ()


def test_a_fatal_verdict_stands_alone_and_withholds_scenarios(tmp_path: Path) -> None:
    content = tensors()
    put("out_proj.weight", 1e-41)(content)
    second = tensors(1, "backbone.layers.1.mixer.")
    report = audit(write(tmp_path, {**content, **second}), shuffles=2)
    dead, alive = report.health.layers
    assert [row.name for row in dead.verdicts] == ["dead"]
    assert dead.name in FATAL or dead.fatal
    assert not alive.fatal
    assert [layer.name for layer in report.layers] == ["backbone.layers.1.mixer"]
    assert [(entry.name, entry.kind) for entry in report.withheld] == [("backbone.layers.0.mixer", "dead")]
    assert report.health.line().startswith("CRITICAL: layers dead 1 of 2")


def test_a_dead_checkpoint_has_no_scenario_in_any_output(tmp_path: Path) -> None:
    content = {key: np.full_like(value, 1e-41) for key, value in tensors().items()}
    report = audit(write(tmp_path, content), shuffles=2)
    document = to_json(report)
    assert document["layers"] == []
    assert document["health"]["severity"] == "critical"
    assert document["summary"]["paper_setting_channels"] == 0
    assert "Pictures" not in to_html(report)
    text = " ".join(str(part) for part in render_table(report, explain=False))
    assert "No layer gets scenarios" in text
    assert "paper's own setting" not in text


@pytest.mark.parametrize("key", ["A_log", "D", "x_proj.weight", "dt_proj.bias", "in_proj.weight", "out_proj.weight"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_damage_is_a_verdict_with_its_place(key: str, value: float, tmp_path: Path) -> None:
    content = tensors()
    content[PREFIX + key].reshape(-1)[1] = value
    report = audit(write(tmp_path, content), shuffles=2)
    (layer,) = report.health.layers
    assert [row.name for row in layer.verdicts] == ["not-finite"]
    assert PREFIX + key in layer.damage[0]
    assert report.layers == ()


@pytest.mark.parametrize("value", [200.0, 88.8, -150.0])
def test_decay_rates_out_of_float32_are_a_verdict(value: float, tmp_path: Path) -> None:
    content = tensors()
    content[PREFIX + "A_log"][0, 0] = value
    (layer,) = diagnose(write(tmp_path, content)).layers
    assert layer.has("not-finite") is (value > 0)


def test_context_and_memory(tmp_path: Path) -> None:
    source = write(tmp_path, tensors())
    shares = [float(diagnose(source, context).layers[0].numbers["unsaturated"] or 0) for context in (1, 16, 2048)]
    assert shares[0] > shares[1] > shares[2] == 0
    with pytest.raises(AssumptionError, match="context"):
        diagnose(source, 0)


def test_untrained_numbers_are_computed() -> None:
    (block,) = list(blocks(open_checkpoint("typeseg").store, None))[:1]
    fresh = untrained_numbers(block, 2048)
    assert fresh["at_start"] == 1
    assert fresh["spread"] == pytest.approx(1)
    assert 500 < float(fresh["half_life_max"] or 0) < 700
    assert fresh != untrained_numbers(block, 100)


def test_effective_rank() -> None:
    assert effective_rank(np.eye(4, 9)) == pytest.approx(1)
    assert effective_rank(np.ones((4, 9))) == pytest.approx(1 / 4)
    assert effective_rank(1e-300 * np.eye(4, 9)) == pytest.approx(1)
    assert effective_rank(np.zeros((4, 9))) == 0
