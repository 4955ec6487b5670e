"""Health: every verdict on planted weights on either side of its threshold, and bounds that no run exceeds.

One long file: a case on either side of every threshold, on shared weights.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

from s6flow.errors import AssumptionError
from s6flow.numeric.audit import audit, render_table, to_html, to_json
from s6flow.numeric.audit.output.health import SHUT, health_sentences, health_table, percent
from s6flow.numeric.audit.output.sentences import sentences
from s6flow.numeric.health import NUMBERS, SEVERITIES, VERDICTS, diagnose
from s6flow.numeric.health.anatomy import blocks
from s6flow.numeric.health.bounds import bounds
from s6flow.numeric.health.numbers import UNIT_ROUNDOFF, effective_rank
from s6flow.numeric.health.untrained import untrained_numbers
from s6flow.numeric.health.verdicts import FATAL, given
from s6flow.numeric.weights import open_checkpoint

CHANNELS, STATES, RANK, WIDTH, TAPS = 24, 8, 2, 12, 4
Tensors = dict[str, np.ndarray]
PREFIX = "backbone.layers.0.mixer."


def tensors(seed: int = 0, prefix: str = PREFIX) -> Tensors:
    """A healthy layer: initialised as mamba does it, then moved a little."""
    rng = np.random.default_rng(seed)

    def linear(rows: int, columns: int) -> np.ndarray:
        return rng.uniform(-1, 1, (rows, columns)) / math.sqrt(columns)

    steps = np.exp(rng.uniform(math.log(1e-3), math.log(0.1), CHANNELS))
    start = np.log(np.arange(1, STATES + 1)) + 0.05 * rng.normal(size=(CHANNELS, STATES))
    found = {
        "A_log": start,
        "D": 1 + 0.1 * rng.normal(size=CHANNELS),
        "x_proj.weight": linear(RANK + 2 * STATES, CHANNELS),
        "dt_proj.weight": linear(CHANNELS, RANK),
        "dt_proj.bias": steps + np.log(-np.expm1(-steps)),
        "in_proj.weight": linear(2 * CHANNELS, WIDTH),
        "conv1d.weight": linear(CHANNELS, TAPS)[:, None],
        "conv1d.bias": 0.1 * rng.normal(size=CHANNELS),
        "out_proj.weight": linear(WIDTH, CHANNELS),
    }
    norm = {prefix.replace("mixer.", "norm.weight"): 1 + 0.1 * rng.normal(size=WIDTH)}
    return {key: value.astype(np.float32) for key, value in ({prefix + k: v for k, v in found.items()} | norm).items()}


def write(folder: Path, content: Tensors) -> str:
    save_file(content, folder / "model.safetensors")
    return str(folder / "model.safetensors")


def verdicts(folder: Path, change: Callable[[Tensors], None], context: int = 2048) -> set[str]:
    content = tensors()
    change(content)
    (layer,) = diagnose(write(folder, content), context).layers
    return {row.name for row in layer.verdicts if row.severity != "note"}


def put(name: str, value: Any) -> Callable[[Tensors], None]:
    """Replace a tensor's entries, or apply a function to them."""

    def change(content: Tensors) -> None:
        array = content[PREFIX + name]
        array[...] = value(array) if callable(value) else value

    return change


def start(content: Tensors) -> None:
    put("A_log", np.log(np.arange(1, STATES + 1, dtype=np.float32)))(content)
    put("D", 1.0)(content)


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


def run_block(content: Tensors, x: np.ndarray) -> dict[str, float]:
    """The block on tokens (token, model), written out: largest u, step, state, output, update."""
    w = {key.removeprefix(PREFIX): value.astype(float) for key, value in content.items()}
    gain = w["backbone.layers.0.norm.weight"]
    n = gain * x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
    both = n @ w["in_proj.weight"].T
    c, z = both[:, :CHANNELS], both[:, CHANNELS:]
    padded = np.vstack([np.zeros((TAPS - 1, CHANNELS)), c])
    taps = w["conv1d.weight"][:, 0]
    c = sum(padded[k : k + len(c)] * taps[:, k] for k in range(TAPS)) + w["conv1d.bias"]
    u = c / (1 + np.exp(-c))
    dbl = u @ w["x_proj.weight"].T
    step = np.logaddexp(0, dbl[:, :RANK] @ w["dt_proj.weight"].T + w["dt_proj.bias"])
    B, C = dbl[:, RANK : RANK + STATES], dbl[:, RANK + STATES :]
    a, h = np.exp(w["A_log"]), np.zeros((CHANNELS, STATES))
    top, y = 0.0, np.empty_like(u)
    for t in range(len(u)):
        h = np.exp(-a * step[t][:, None]) * h + step[t][:, None] * B[t] * u[t][:, None]
        top, y[t] = max(top, float(np.abs(h).max())), h @ C[t] + w["D"] * u[t]
    update = (y * (z / (1 + np.exp(-z)))) @ w["out_proj.weight"].T
    return {"u": np.abs(u).max(), "step": step.max(), "h": top, "y": np.abs(y).max(), "update": np.abs(update).max()}


@pytest.mark.parametrize("seed", range(4))
def test_no_run_exceeds_the_bounds_and_a_planted_one_is_seen(seed: int, tmp_path: Path) -> None:
    content = tensors(seed)
    (block,) = blocks(open_checkpoint(write(tmp_path, content)).store, None)
    limits = bounds(block)
    assert limits is not None
    rng = np.random.default_rng(seed)
    widest = int(limits.u.argmax())
    row = content[PREFIX + "in_proj.weight"][widest] * content["backbone.layers.0.norm.weight"]
    signs = np.sign(content[PREFIX + "conv1d.weight"][widest, 0])  # tokens that all of its taps add up
    inputs = [
        rng.normal(size=(60, WIDTH)),
        np.tile(row, (60, 1)),
        signs[:, None] * row,
        1e6 * rng.standard_cauchy((60, WIDTH)),
    ]
    tops = {
        "u": limits.u.max(),
        "step": limits.step.max(),
        "h": limits.h.max(),
        "y": limits.y.max(),
        "update": limits.update,
    }
    seen: dict[str, float] = dict.fromkeys(tops, 0.0)
    for x in inputs:
        seen = {key: max(seen[key], value) for key, value in run_block(content, x).items()}
    for key, value in seen.items():
        assert value <= tops[key], f"{key} exceeds its bound (theorem layer-bound)"
        assert value > 1e-6 * tops[key], f"the bound of {key} says nothing"
    assert seen["u"] > 0.5 * tops["u"], "a bound of half its size would be seen"


def test_certified_bounds_are_no_smaller_and_close(tmp_path: Path) -> None:
    pytest.importorskip("flint")
    (block,) = blocks(open_checkpoint(write(tmp_path, tensors())).store, None)
    plain, exact = bounds(block), bounds(block, certified=True)
    assert plain is not None and exact is not None  # noqa: PT018
    for key in ("u", "step", "h", "y", "response"):
        ratio = getattr(exact, key) / getattr(plain, key)
        assert (ratio >= 1 - 1e-12).all() and (ratio < 1 + 1e-6).all()  # noqa: PT018
    assert exact.exact and not plain.exact  # noqa: PT018


@pytest.mark.parametrize("family", ["Mamba", "Mamba2", "FalconMamba"])
def test_no_hugging_face_mixer_exceeds_its_bound(family: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "expand": 2, "vocab_size": 11}
    heads = {"num_heads": 4, "head_dim": 8, "n_groups": 1, "chunk_size": 8} if family == "Mamba2" else {}
    model = getattr(transformers, f"{family}ForCausalLM")(getattr(transformers, f"{family}Config")(**sizes, **heads))
    model.eval()
    model.save_pretrained(tmp_path)
    found = diagnose(str(tmp_path))
    seen: list[float] = []
    for layer in model.backbone.layers:
        layer.mixer.register_forward_hook(lambda module, inputs, out: seen.append(float(out.abs().max())))
    with torch.no_grad():
        model(torch.randint(0, 11, (3, 24)))
    assert len(seen) == len(found.layers) == 2
    for layer, value in zip(found.layers, seen, strict=True):
        assert not layer.assumed
        assert value <= float(layer.numbers["response"] or 0), layer.name
        assert value > UNIT_ROUNDOFF


def test_vmamba_directions_are_layers(tmp_path: Path) -> None:
    prefix, stack = "layers.0.blocks.0.self_attention.", 4
    rng = np.random.default_rng(0)
    shapes = {
        "A_logs": (stack * CHANNELS, STATES), "Ds": (stack * CHANNELS,), "x_proj_weight": (stack, RANK + 2 * STATES, CHANNELS),
        "dt_projs_weight": (stack, CHANNELS, RANK), "dt_projs_bias": (stack, CHANNELS), "in_proj.weight": (2 * CHANNELS, WIDTH),
        "conv2d.weight": (CHANNELS, 1, 3, 3), "conv2d.bias": (CHANNELS,), "out_norm.weight": (CHANNELS,), "out_norm.bias": (CHANNELS,),
        "out_proj.weight": (WIDTH, CHANNELS),
    }  # fmt: skip
    content = {prefix + key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    checkpoint = open_checkpoint(write(tmp_path, content))
    assert checkpoint.family == "VMamba"
    assert checkpoint.withheld == ()
    names = tuple(f"layers.0.blocks.0.self_attention[direction {k}]" for k in range(stack))
    assert checkpoint.layer_names == names
    for k, layer in enumerate(checkpoint.layers()):
        rows = slice(k * CHANNELS, (k + 1) * CHANNELS)
        np.testing.assert_allclose(np.log(layer.a), content[prefix + "A_logs"][rows], rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(layer.D, content[prefix + "Ds"][rows])
        np.testing.assert_array_equal(layer.S_C, content[prefix + "x_proj_weight"][k, RANK + STATES :])
        np.testing.assert_array_equal(layer.b, content[prefix + "dt_projs_bias"][k])
    found = diagnose(write(tmp_path, content))
    assert tuple(layer.name for layer in found.layers) == names
    gain = np.abs(content[prefix + "out_norm.weight"]).max()
    assert found.layers[0].numbers["response"] is not None
    assert gain > 0


def test_a_step_of_its_own_reads_x(tmp_path: Path) -> None:
    content = tensors()
    content[PREFIX + "x_proj.weight"] = content[PREFIX + "x_proj.weight"][RANK:].copy()
    content[PREFIX + "dt_proj.weight"] = np.random.default_rng(0).normal(size=(CHANNELS, CHANNELS)).astype(np.float32)
    source = write(tmp_path, content)
    (layer,) = open_checkpoint(source).layers()
    np.testing.assert_allclose(layer.s, np.diag(content[PREFIX + "dt_proj.weight"]), rtol=1e-6)
    np.testing.assert_array_equal(layer.S_B, content[PREFIX + "x_proj.weight"][:STATES])
    assert diagnose(source).layers[0].numbers["step_max"] is not None
