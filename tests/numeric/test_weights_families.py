"""Namings, shapes and values: every family from arrays made here, and what each kind of damage leads to."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from s6flow.errors import AssumptionError, FormatError, SourceError
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.weights import S6Layer, WithheldLayer, open_checkpoint
from s6flow.numeric.weights.plan import LayerPlan, plan_layers
from s6flow.numeric.weights.stored import TensorInfo

CHANNELS, STATES, RANK = 6, 4, 2
ROWS = RANK + 2 * STATES
Tensors = dict[str, np.ndarray]


def tensors(prefix: str, lead: tuple[int, ...] = (), join: str = ".", seed: int = 0) -> Tensors:
    """One S6 layer of random float32 weights under `prefix`."""
    rng = np.random.default_rng(seed)
    shapes = {
        "A_log": (CHANNELS, STATES),
        f"x_proj{join}weight": (ROWS, CHANNELS),
        f"dt_proj{join}weight": (CHANNELS, RANK),
        f"dt_proj{join}bias": (CHANNELS,),
        "D": (CHANNELS,),
    }
    return {prefix + key: rng.normal(size=(*lead, *shape)).astype(np.float32) for key, shape in shapes.items()}


def write(folder: Path, content: Tensors, config: str | None = None) -> str:
    """A safetensors file, with config.json beside it unless none is wanted."""
    if config is not None:
        (folder / "config.json").write_text(config)
    save_file(content, folder / "model.safetensors")
    return str(folder / "model.safetensors")


def kinds(layer: S6Layer) -> list[str]:
    return [flag.kind for flag in layer.flags]


PLAIN = "backbone.layers.{}.mixer."


@pytest.mark.parametrize(
    ("prefix", "other", "family"),
    [
        (PLAIN, "backbone.embedding.weight", "state-spaces/mamba"),
        (PLAIN, "backbone.embeddings.weight", "Hugging Face Mamba"),
        ("module._orig_mod.layers.{}.mixer.", "head.weight", "Mamba"),
        ("model.layers.{}.mamba.", "model.embed_tokens.weight", "Jamba-like hybrid"),
        ("encoder.block{}.ssm.", "head.weight", "unknown naming"),
    ],
)
def test_letters_of_the_theory(tmp_path: Path, prefix: str, other: str, family: str) -> None:
    stored = {index: tensors(prefix.format(index), seed=index) for index in (10, 9)}
    source = write(tmp_path, {other: np.ones((3, 3), np.float32), **stored[10], **stored[9]}, "{}")
    checkpoint = open_checkpoint(source)
    assert checkpoint.family == family
    assert len(checkpoint) == 2
    assert other in checkpoint.tensors_seen
    assert checkpoint.layer_names == (prefix.format(9).rstrip("."), prefix.format(10).rstrip("."))
    layer = checkpoint.layer(prefix.format(10).rstrip("."))
    raw = {key.removeprefix(prefix.format(10)): value.astype(float) for key, value in stored[10].items()}
    x_proj, dt_out = raw["x_proj.weight"], raw["dt_proj.weight"]
    np.testing.assert_allclose(np.log(layer.a), raw["A_log"], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(np.vstack([layer.dt_in, layer.S_B, layer.S_C]), x_proj)
    np.testing.assert_array_equal(layer.b, raw["dt_proj.bias"])
    np.testing.assert_array_equal(layer.D, raw["D"])
    assert not layer.affine
    np.testing.assert_allclose(layer.s, np.diag(dt_out @ x_proj[:RANK]), rtol=1e-13)
    full = x_proj[RANK + STATES :].T @ x_proj[RANK : RANK + STATES]
    np.testing.assert_allclose(layer.mu_n.sum(axis=1), np.diag(full), rtol=1e-12, atol=1e-14)
    assert layer.flags == ()
    with pytest.raises(ValueError, match="read-only"):
        layer.a[0, 0] = 1.0


def test_x_proj_bias_is_folded(tmp_path: Path) -> None:
    content = tensors(PLAIN.format(0))
    bias = np.random.default_rng(1).normal(size=ROWS).astype(np.float32)
    layer = open_checkpoint(write(tmp_path, {**content, PLAIN.format(0) + "x_proj.bias": bias}, "{}")).layer(
        "backbone.layers.0.mixer"
    )
    assert layer.affine
    np.testing.assert_array_equal(np.concatenate([layer.beta_B, layer.beta_C]), bias[RANK:])
    u = np.random.default_rng(2).normal(size=CHANNELS)
    before = content[PLAIN.format(0) + "x_proj.weight"][:RANK] @ u + bias[:RANK]
    want = content[PLAIN.format(0) + "dt_proj.weight"] @ before + content[PLAIN.format(0) + "dt_proj.bias"]
    np.testing.assert_allclose(layer.dt_out @ (layer.dt_in @ u) + layer.b, want, rtol=1e-6)


def test_mambavision_adds_the_step_bias_twice(tmp_path: Path) -> None:
    prefix = "model.levels.2.blocks.0.mixer."
    content = {**tensors(prefix), prefix + "conv1d_x.weight": np.ones((CHANNELS, 1, 3), np.float32)}
    checkpoint = open_checkpoint(write(tmp_path, content))
    (layer,) = checkpoint.layers()
    assert checkpoint.family == "MambaVision"
    np.testing.assert_array_equal(layer.b, 2 * content[prefix + "dt_proj.bias"].astype(float))
    assert kinds(layer) == ["step-bias-twice"]


def test_vim_has_a_layer_for_each_direction(tmp_path: Path) -> None:
    prefix = "layers.3.mixer."
    back = {
        key.replace("A_log", "A_b_log").replace("_proj", "_proj_b").replace("mixer.D", "mixer.D_b"): value
        for key, value in tensors(prefix, seed=1).items()
    }
    checkpoint = open_checkpoint(write(tmp_path, {**tensors(prefix), **back}))
    assert checkpoint.family == "Vim (bidirectional Mamba)"
    assert checkpoint.withheld == ()
    assert checkpoint.layer_names == ("layers.3.mixer", "layers.3.mixer[backward]")
    for name, seed in (("layers.3.mixer[backward]", 1), ("layers.3.mixer", 0)):
        layer = checkpoint.layer(name)
        stored = tensors(prefix, seed=seed)
        np.testing.assert_array_equal(layer.dt_out, stored[prefix + "dt_proj.weight"])
        np.testing.assert_array_equal(layer.D, stored[prefix + "D"])
        assert kinds(layer) == ["bidirectional"]


def test_zamba_heads_are_layers(tmp_path: Path) -> None:
    content = tensors("model.layers.1.mamba.", lead=(3,), join="_")
    checkpoint = open_checkpoint(write(tmp_path, content))
    assert checkpoint.layer_names == tuple(f"model.layers.1.mamba[head {head}]" for head in range(3))
    for head, layer in enumerate(checkpoint.layers()):
        np.testing.assert_array_equal(layer.b, content["model.layers.1.mamba.dt_proj_bias"][head])
        np.testing.assert_array_equal(layer.S_C, content["model.layers.1.mamba.x_proj_weight"][head, -STATES:])


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"A_log": (CHANNELS,)}, "mamba-2", "Mamba-2"),
        ({"A_log": (CHANNELS,), "D": None}, "scalar-decay", "one axis"),
        ({"x_proj.weight": None}, "missing-tensor", "no x_proj"),
        ({"dt_proj.weight": None}, "missing-tensor", "dt_proj.weight"),
        ({"x_proj.weight": (2 * STATES, CHANNELS)}, "shape", "rank"),
        ({"x_proj.weight": (ROWS, CHANNELS + 1)}, "shape", "x_proj.weight"),
        ({"dt_proj.weight": (CHANNELS, RANK + 1)}, "shape", "dt_proj.weight"),
        ({"dt_proj.bias": (CHANNELS + 1,)}, "shape", "dt_proj.bias"),
        ({"D": (1,)}, "shape", "mixer.D"),
        ({"A_log": (2, CHANNELS, STATES)}, "shape", "axes"),
        ({"dt_layernorm.weight": (RANK,)}, "normed-projections", "dt_layernorm"),
        ({"B_norm.weight": (STATES,)}, "normed-projections", "B_norm"),
    ],
)
def test_withheld_by_names_and_shapes(
    tmp_path: Path, change: dict[str, tuple[int, ...] | None], kind: str, word: str
) -> None:
    broken = tensors(PLAIN.format(0))
    for key, shape in change.items():
        broken.pop(PLAIN.format(0) + key, None)
        if shape is not None:
            broken[PLAIN.format(0) + key] = np.ones(shape, np.float32)
    checkpoint = open_checkpoint(write(tmp_path, {**broken, **tensors(PLAIN.format(1))}, "{}"))
    (withheld,) = checkpoint.withheld
    assert (withheld.name, withheld.kind) == ("backbone.layers.0.mixer", kind)
    assert word in withheld.reason
    assert [layer.name for layer in checkpoint.layers()] == ["backbone.layers.1.mixer"]
    with pytest.raises(SourceError, match="withheld"):
        checkpoint.layer("backbone.layers.0.mixer")


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("A_log", np.nan, "nan"),
        ("A_log", 1000.0, "exp(1000)"),
        ("A_log", -1000.0, "exp(-1000)"),
        ("x_proj.weight", np.nan, "dt_in[1, 1]"),
        ("dt_proj.weight", np.inf, "dt_out[1, 1]"),
        ("D", -np.inf, "D[1]"),
        ("dt_proj.bias", np.nan, "b[1]"),
    ],
)
def test_withheld_by_values(tmp_path: Path, key: str, value: float, word: str) -> None:
    content = {**tensors(PLAIN.format(0)), **tensors(PLAIN.format(1))}
    array = content[PLAIN.format(0) + key]
    array[(1,) * array.ndim] = value
    checkpoint = open_checkpoint(write(tmp_path, content, "{}"))
    assert checkpoint.withheld == ()
    assert [layer.name for layer in checkpoint.layers()] == ["backbone.layers.1.mixer"]
    (withheld,) = checkpoint.withheld
    assert withheld.kind == "values"
    assert word in withheld.reason
    assert "backbone.layers.0.mixer" in withheld.reason
    assert "\n" not in withheld.reason


def test_flags(tmp_path: Path) -> None:
    content = {**tensors(PLAIN.format(0)), **tensors(PLAIN.format(1)), **tensors(PLAIN.format(2))}
    start = np.log(np.arange(1, STATES + 1, dtype=np.float32))
    content[PLAIN.format(0) + "A_log"][:] = start
    content[PLAIN.format(0) + "D"][:] = 1
    content[PLAIN.format(1) + "A_log"][:] = start
    content[PLAIN.format(1) + "D"][:] = 1
    content[PLAIN.format(1) + "D"][3] = 1.0001  # trained by the smallest visible step: no flag
    content[PLAIN.format(1) + "x_proj.weight"][0, :2] = 1e-40, -3e-41
    content[PLAIN.format(2) + "x_proj.weight"][RANK : RANK + STATES] = 0
    found = [kinds(layer) for layer in open_checkpoint(write(tmp_path, content, "{}")).layers()]
    assert found == [["at-initialisation"], ["subnormal"], ["zero-projection"]]
    slow = {key: value.copy() for key, value in content.items()}
    slow[PLAIN.format(2) + "A_log"][0, 0] = -100  # exp(-100) is positive in float32, with few bits left
    last = open_checkpoint(write(tmp_path, slow, "{}")).layer("backbone.layers.2.mixer")
    assert kinds(last) == ["subnormal", "zero-projection"]
    without_config = tmp_path / "bare"
    without_config.mkdir()
    layers = open_checkpoint(write(without_config, content)).layers()
    assert all("no-config" in kinds(layer) for layer in layers)
    subnormal = open_checkpoint(write(tmp_path, content)).layer("backbone.layers.1.mixer").flags[-1]
    assert "2 of" in subnormal.text
    assert "x_proj.weight" in subnormal.text


def test_falcon_without_config_is_told_by_its_embedding() -> None:
    infos = {key: TensorInfo(value.shape, "F32") for key, value in tensors(PLAIN.format(0)).items()}
    for rows, wanted in ((65024, WithheldLayer), (65023, LayerPlan)):
        (entry,) = plan_layers({**infos, "backbone.embeddings.weight": TensorInfo((rows, 4096), "BF16")}, None)
        assert isinstance(entry, wanted)


def test_a_layer_validates_itself() -> None:
    n, c = STATES, CHANNELS
    good = {
        "a": np.ones((c, n)),
        **{key: np.ones((n, c)) for key in ("S_B", "S_C")},
        **{key: np.zeros(n) for key in ("beta_B", "beta_C")},
        "dt_in": np.ones((RANK, c)),
        "dt_out": np.ones((c, RANK)),
        "b": np.zeros(c),
    }
    assert S6Layer("x", **good).mu_n.sum() == n * c
    for floor in ({}, {"floor": 0.5}):  # Delta(0) = softplus(b) + floor, which is none unless it is given
        found = channel_numbers(S6Layer("x", **good, **floor))["delta0"]
        np.testing.assert_allclose(found, np.log(2.0) + sum(floor.values()), rtol=1e-15)
    with pytest.raises(AssumptionError, match=r"a_n > 0; got 0.0 at x channel 0 state 0"):
        S6Layer("x", **{**good, "a": np.zeros((c, n))})
    with pytest.raises(AssumptionError, match="floor"):
        S6Layer("x", **good, floor=-1.0)
    for key, value in {
        "S_B": np.ones((c, n)),
        "b": np.zeros(c + 1),
        "dt_out": np.ones((c, RANK), np.float32),
        "S_C": np.full((n, c), np.nan),
    }.items():
        # A shape checker, where one is installed, refuses with a TypeError before the layer does.
        with pytest.raises((FormatError, TypeError), match=key):
            S6Layer("x", **{**good, key: value})


def test_layers_stream_one_at_a_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content: Tensors = {"embedding.weight": rng.normal(size=(4000, 1000)).astype(np.float32)}
    for index in range(12):
        prefix = PLAIN.format(index)
        content[prefix + "A_log"] = rng.normal(size=(512, 16)).astype(np.float32)
        content[prefix + "x_proj.weight"] = rng.normal(size=(64, 512)).astype(np.float32)
        content[prefix + "dt_proj.weight"] = rng.normal(size=(512, 32)).astype(np.float32)
    source = write(tmp_path, content)
    one = sum(value.size for key, value in content.items() if ".0." in key) * 8
    content.clear()
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_checkpoint(source).layers())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 12
    assert peak < 4 * one  # twelve layers would be 12, and the embedding alone would be more than 30
