"""Bounds of health hold in every run, those of Hugging Face's mixers among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from s6flow.numeric.health import diagnose
from s6flow.numeric.health.anatomy import blocks
from s6flow.numeric.health.bounds import bounds
from s6flow.numeric.health.numbers import UNIT_ROUNDOFF
from s6flow.numeric.weights import open_checkpoint
from tests.numeric.health_cases import CHANNELS, PREFIX, RANK, STATES, TAPS, WIDTH, Tensors, tensors, write


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
