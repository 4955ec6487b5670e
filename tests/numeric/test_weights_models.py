"""Layers read from real models must compute what the models' own code computes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.weights import S6Layer, open_checkpoint


def scan_inputs(layer: S6Layer, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delta, B and C of tokens `u` (token, channel), by matrix products in the letters of the theory."""
    step = np.logaddexp(0, u @ (layer.dt_out @ layer.dt_in).T + layer.b) + layer.floor
    return step, u @ layer.S_B.T + layer.beta_B, u @ layer.S_C.T + layer.beta_C


def slow_scan(layer: S6Layer, u: np.ndarray) -> np.ndarray:
    """The S6 recurrence of theory 1 with the skip, one token at a time."""
    step, b_in, c_out = scan_inputs(layer, u)
    h, out = np.zeros_like(layer.a), []
    for token in range(len(u)):
        h = np.exp(-layer.a * step[token][:, None]) * h
        h = h + (step[token] * u[token])[:, None] * b_in[token]
        out.append(h @ c_out[token] + (0 if layer.D is None else layer.D * u[token]))
    return np.array(out)


def assert_close(got: np.ndarray, want: np.ndarray, relative: float) -> None:
    """Compare against the largest entry: float32 models cancel, single entries are no yardstick."""
    assert got.shape == want.shape
    assert np.abs(want).max() > 0
    assert np.abs(got - want).max() <= relative * np.abs(want).max()


@pytest.mark.weights
class TestTypeseg:
    """The package is found without being run; the tests then run it as the oracle."""

    def test_is_read_without_import(self) -> None:
        loaded = {name for name in sys.modules if name.split(".")[0] == "typeseg"}
        checkpoint = open_checkpoint("typeseg")
        assert {name for name in sys.modules if name.split(".")[0] == "typeseg"} == loaded
        assert checkpoint.family == "typeseg"
        assert checkpoint.format == "npz"
        assert checkpoint.layer_names == tuple(f"CheckpointMambaBlock1D_{i}" for i in range(6))
        assert checkpoint.withheld == ()

    def test_shapes_and_ranges(self) -> None:
        for layer in open_checkpoint("typeseg").layers():
            assert (layer.channels, layer.states, layer.rank) == (256, 16, 16)
            assert (layer.a > 0).all()
            assert layer.floor == 1e-4
            assert layer.affine
            assert layer.mu_n.shape == (256, 16)
            assert np.ptp(layer.mu_n.sum(axis=1)) > 0
            assert float(layer.beta_C @ layer.beta_B) > 0
            assert [flag.kind for flag in layer.flags] == ["bidirectional"]

    @pytest.mark.parametrize("index", [0, 5])
    def test_equals_the_packages_own_scan(self, index: int) -> None:
        kernel = importlib.import_module("typeseg._mamba_kernel")
        archive = np.load(Path(kernel.__file__).parent / "data" / "mamba_al.npz")
        weights = {name.replace("__", "/"): archive[name] for name in archive.files}
        calls: list[tuple[Any, ...]] = []

        def record(xp: Any, *arguments: Any) -> Any:
            calls.append((*arguments, kernel._selective_scan_seq(xp, *arguments)))
            return calls[-1][-1]

        rng = np.random.default_rng(index)
        x = rng.normal(size=(9, 256)).astype(np.float32)
        kernel._mamba_block(np, weights, index, x, d_state=16, dt_rank=16, d_conv=4, scan=record)
        layer = open_checkpoint("typeseg").layer(f"CheckpointMambaBlock1D_{index}")
        assert len(calls) == 2  # forward and reversed, with the same weights, as the flag says
        for u, step, b_in, c_out, decay, skip, out in calls:
            mine = scan_inputs(layer, u.astype(float))
            for got, want in zip(mine, (step, b_in, c_out), strict=True):
                assert_close(got, want, 3e-6)
            assert_close(-layer.a, decay, 1e-6)
            assert layer.D is not None
            assert_close(layer.D, skip, 0)
            assert_close(slow_scan(layer, u.astype(float)), out, 1e-5)


def save(model: Any, folder: Path) -> str:
    model.save_pretrained(folder)
    return str(folder)


def randomise(model: Any) -> None:
    """Move every parameter off its start: a zero or a one would hide an error."""
    import torch

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)


def recorded_scans(monkeypatch: pytest.MonkeyPatch, module: Any, run: Any) -> list[dict[str, np.ndarray]]:
    """What the model's own code hands to its selective scan, and what the scan returns."""
    scans: list[dict[str, np.ndarray]] = []
    original = module.mamba_selective_scan

    def record(u: Any, delta: Any, A: Any, B: Any, C: Any, **rest: Any) -> Any:
        out = original(u, delta, A, B, C, **rest)
        tensors = {"u": u, "delta": delta, "A": A, "B": B, "C": C, "out": out, **rest}
        numbers = {key: value for key, value in tensors.items() if hasattr(value, "detach")}
        scans.append({key: value.detach().double().numpy() for key, value in numbers.items()})
        return out

    monkeypatch.setattr(module, "mamba_selective_scan", record)
    run()
    return scans


def assert_same_scan(layer: S6Layer, scan: dict[str, np.ndarray]) -> None:
    u = scan["u"][0].T
    step, b_in, c_out = scan_inputs(layer, u)
    assert_close(step, np.logaddexp(0, scan["delta"][0].T + scan["delta_bias"]), 1e-5)
    assert_close(b_in, scan["B"][0].T, 1e-5)
    assert_close(c_out, scan["C"][0].T, 1e-5)
    assert_close(-layer.a, scan["A"], 1e-6)
    gate = scan["z"][0].T / (1 + np.exp(-scan["z"][0].T))
    assert_close(slow_scan(layer, u) * gate, scan["out"][0].T, 1e-4)


def test_hugging_face_mamba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from transformers.models.mamba import modeling_mamba

    config = transformers.MambaConfig(vocab_size=11, hidden_size=8, state_size=4, num_hidden_layers=2, time_step_rank=3)
    model = transformers.MambaForCausalLM(config).eval()
    fresh = open_checkpoint(save(model, tmp_path / "fresh"))
    assert [[flag.kind for flag in layer.flags] for layer in fresh.layers()] == [["at-initialisation"]] * 2
    randomise(model)
    checkpoint = open_checkpoint(save(model, tmp_path / "moved"))
    assert checkpoint.family == "mamba"
    assert checkpoint.layer_names == ("backbone.layers.0.mixer", "backbone.layers.1.mixer")
    scans = recorded_scans(monkeypatch, modeling_mamba, lambda: model(torch.arange(7)[None], use_cache=False))
    assert len(scans) == 2
    for layer, scan in zip(checkpoint.layers(), scans, strict=True):
        assert (layer.channels, layer.states, layer.rank, layer.floor, layer.flags) == (16, 4, 3, 0.0, ())
        assert not layer.affine
        assert_same_scan(layer, scan)
    torch.save({"epoch": 3, "model": {"model_state_dict": model.state_dict()}}, tmp_path / "nested.pt")
    nested = open_checkpoint(str(tmp_path / "nested.pt"))
    for ours, theirs in zip(nested.layers(), checkpoint.layers(), strict=True):
        np.testing.assert_array_equal(ours.S_B, theirs.S_B)
        np.testing.assert_array_equal(ours.dt_out, theirs.dt_out)


def test_zamba_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from safetensors.torch import save_file
    from transformers.models.zamba import modeling_zamba

    config = transformers.ZambaConfig(
        hidden_size=16, num_hidden_layers=3, n_mamba_heads=2, mamba_d_state=4, mamba_dt_rank=3, vocab_size=11
    )
    mixer = modeling_zamba.ZambaMambaMixer(config, layer_idx=0).eval()
    randomise(mixer)
    tensors = {f"model.layers.0.mamba.{key}": value.contiguous() for key, value in mixer.state_dict().items()}
    save_file(tensors, tmp_path / "zamba.safetensors")
    checkpoint = open_checkpoint(str(tmp_path / "zamba.safetensors"))
    assert checkpoint.family == "Zamba"
    assert checkpoint.layer_names == ("model.layers.0.mamba[head 0]", "model.layers.0.mamba[head 1]")
    x = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(1))
    scans = recorded_scans(monkeypatch, modeling_zamba, lambda: mixer(x))
    assert len(scans) == 2
    for layer, scan in zip(checkpoint.layers(), scans, strict=True):
        assert (layer.channels, layer.states, layer.rank) == (16, 4, 3)
        assert_same_scan(layer, scan)


@pytest.mark.parametrize("kind", ["falcon_mamba", "jamba", "mamba2"])
def test_what_the_theory_does_not_fit_is_withheld(tmp_path: Path, kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    small = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2}
    if kind == "falcon_mamba":
        config = transformers.FalconMambaConfig(**small, state_size=4, time_step_rank=3)
        model, slug, word = transformers.FalconMambaForCausalLM(config), "normed-projections", "Falcon-Mamba"
    elif kind == "jamba":
        config = transformers.JambaConfig(
            **small,
            intermediate_size=16,
            num_attention_heads=2,
            num_key_value_heads=2,
            mamba_d_state=4,
            num_experts=2,
            attn_layer_period=4,
            attn_layer_offset=3,
        )
        model, slug, word = transformers.JambaForCausalLM(config), "normed-projections", "dt_layernorm"
    else:
        config = transformers.Mamba2Config(**small, num_heads=4, head_dim=8, state_size=4, n_groups=1)
        model, slug, word = transformers.Mamba2ForCausalLM(config), "mamba-2", "one axis"
    checkpoint = open_checkpoint(save(model, tmp_path))
    assert checkpoint.family == kind
    assert len(checkpoint) == 0
    assert list(checkpoint.layers()) == []
    assert [layer.kind for layer in checkpoint.withheld] == [slug, slug]
    assert all(word in layer.reason for layer in checkpoint.withheld)
    assert [entry.name for entry in checkpoint.entries()] == [layer.name for layer in checkpoint.withheld]
