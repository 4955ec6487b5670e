"""What a model's code does beside its weights: bounds hold with it, and fail without it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import s6flow as sf  # noqa: E402
from s6flow.numeric.health.anatomy import blocks  # noqa: E402
from s6flow.numeric.health.bounds import bounds  # noqa: E402
from s6flow.numeric.health.diagnosis import diagnose  # noqa: E402
from s6flow.numeric.health.model_code import NONE, limits_of, settings  # noqa: E402
from s6flow.numeric.trace import TraceError  # noqa: E402
from s6flow.numeric.weights import open_checkpoint  # noqa: E402

VOCABULARY, WIDTH, LENGTH = 32, 16, 20
_SHAPE = {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": 2}
_DENSE = {"intermediate_size": WIDTH, "num_attention_heads": 2}
_HEADS = {"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 4, "mamba_chunk_size": 8}


def made(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**_SHAPE, **options)
    return getattr(transformers, f"{name}ForCausalLM")(config).eval()


def mamba2(*limits: float) -> Any:
    options = {"state_size": 4, "num_heads": 4, "head_dim": 8, "n_groups": 1, "chunk_size": 8}
    return made("Mamba2", **options, **({"time_step_limit": limits} if limits else {}))


def falcon_h1(**options: Any) -> Any:
    return made("FalconH1", **_DENSE, **_HEADS, num_key_value_heads=1, mamba_d_ssm=2 * WIDTH, **options)


#: Models whose code acts beside the weights, with words of what is said of them.
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "Mamba-2": (mamba2, ""),
    "Mamba-2, from below": (lambda: mamba2(0.2, math.inf), "between 0.2 and inf"),
    "Mamba-2, from above": (lambda: mamba2(0.0, 0.008), "between 0 and 0.008"),
    "Mamba-2, from both": (lambda: mamba2(0.2, 0.3), "between 0.2 and 0.3"),
    "Zamba-2": (
        lambda: made(
            "Zamba2", n_mamba_heads=4, mamba_headdim=8, mamba_ngroups=1, mamba_d_state=4, chunk_size=8, **_DENSE,
            layers_block_type=["mamba", "mamba"], num_mem_blocks=1, time_step_min=2.0,
        ),
        "between 2 and inf",
    ),
    "Nemotron-H": (
        lambda: made(
            "NemotronH", mamba_num_heads=4, mamba_head_dim=8, n_groups=1, ssm_state_size=4, chunk_size=8, **_DENSE,
            layers_block_type=["mamba", "mamba"], num_key_value_heads=1, time_step_min=2.0,
        ),
        "between 2 and inf",
    ),
    "Bamba": (lambda: made("Bamba", **_DENSE, **_HEADS, attn_layer_indices=[], num_key_value_heads=1), ""),
    "Granite": (
        lambda: made(
            "GraniteMoeHybrid", **_DENSE, **_HEADS, layer_types=["mamba", "mamba"], num_key_value_heads=1,
            shared_intermediate_size=WIDTH, num_local_experts=0, residual_multiplier=3.0,
        ),
        "3 of what the block adds",
    ),
    "Falcon-H1": (
        lambda: falcon_h1(ssm_multipliers=[20.0, 30.0, 40.0, 50.0, 60.0], ssm_in_multiplier=0.5, ssm_out_multiplier=7.0),
        "20, 30, 40, 50, 60 of gate, u, B, C and step; 7 of what the block adds",
    ),
    "Falcon-H1, norm first": (
        lambda: falcon_h1(mamba_rms_norm=True, mamba_norm_before_gate=True, ssm_multipliers=[90.0, 1.0, 1.0, 1.0, 1.0]),
        "before the gate",
    ),
}  # fmt: skip
#: Those whose bounds are exceeded on the tokens below where their settings are left out; of the others bounds are looser or equal.
BROKEN = {"Mamba-2, from below", "Mamba-2, from both", "Zamba-2", "Nemotron-H", "Falcon-H1"}


@pytest.fixture(scope="module")
def tokens() -> Any:
    return torch.randint(0, VOCABULARY, (2, LENGTH), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", MODELS)
def test_bounds_hold_with_what_the_code_does(name: str, tokens: Any) -> None:
    make, words = MODELS[name]
    model = make()
    found = sf.trace(model, tokens)  # raises where a bound is exceeded
    names = {check.name for layer in found.layers for check in layer.checks if check.verdict == "HOLDS"}
    assert {"u", "step", "h", "y", "update"} <= names
    told = " ".join(text for layer in diagnose(model).layers for text in layer.used)
    assert words in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize("name", MODELS)
def test_a_bound_without_it_is_exceeded_where_it_lifts_numbers(
    name: str, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the same weights, as if nothing stood beside them."""
    plain = settings(None, None, {})
    monkeypatch.setattr("s6flow.numeric.health.anatomy.settings", lambda *args: plain)
    if name in BROKEN:
        with pytest.raises(TraceError, match="layer-bound"):
            sf.trace(MODELS[name][0](), tokens)
    else:
        sf.trace(MODELS[name][0](), tokens)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_says_the_same_as_the_model(name: str, tmp_path: Path) -> None:
    """config.json, with its infinities, is read to the numbers that the modules hold."""
    model = MODELS[name][0]()
    model.save_pretrained(tmp_path)
    one, two = diagnose(model), diagnose(str(tmp_path))
    for memory, file in zip(one.layers, two.layers, strict=True):
        assert dict(memory.numbers) == dict(file.numbers)
        assert memory.used == file.used
        assert memory.assumed == file.assumed == ()


def test_limits_are_reached_and_move_memory(tokens: Any) -> None:
    """A clamped step is its limit exactly; the half-life at the bias' step is that of the clamped one."""
    free, up, down = (diagnose(mamba2(*limits)).layers[0].numbers for limits in ((), (0.2, math.inf), (0.0, 1e-3)))
    assert free["step_low"] < 0.2 <= up["step_max"]
    assert down["step_max"] == 1e-3
    assert (up["step_low"], down["step_high"]) == (0.2, 1e-3)
    assert up["half_life_max"] < free["half_life_max"] < down["half_life_max"]
    fresh = [diagnose(mamba2(*limits)).layers[0].untrained for limits in ((), (0.2, math.inf))]
    assert fresh[0]["step_low"] < 0.2 == fresh[1]["step_low"]  # an untrained layer has the code's limits as well
    assert up["at_start"] == free["at_start"] == down["at_start"]
    assert sf.trace(mamba2(0.0, 1e-3), tokens).layers[0].numbers["step_max"] == pytest.approx(1e-3, rel=1e-12)


@pytest.mark.parametrize("limits", [(0.2, math.inf), (0.0, 0.008), (0.2, 0.3)])
def test_balls_keep_the_same_limits(limits: tuple[float, float]) -> None:
    pytest.importorskip("flint")
    block = next(iter(blocks(open_checkpoint(mamba2(*limits)).store, None)))
    floats, balls = bounds(block), bounds(block, certified=True)
    assert floats is not None
    assert balls is not None
    assert np.allclose(floats.step, balls.step, rtol=1e-12)
    assert (balls.step >= limits[0]).all()
    assert (balls.step <= np.nextafter(limits[1], math.inf)).all()
    assert not np.array_equal(bounds(replace(block, low=0.0, high=math.inf)).step, floats.step)  # type: ignore[union-attr]


def test_without_a_config_the_default_is_said(tmp_path: Path) -> None:
    mamba2().save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    (told,) = diagnose(str(tmp_path)).layers[0].assumed
    assert told == "no config.json says between which limits the step is kept: Mamba-2's default, 0 to infinity"


@pytest.mark.parametrize(
    ("config", "limits"),
    [
        ({}, NONE),
        ({"time_step_limit": None}, NONE),
        ({"time_step_limit": [0.0, {"__float__": "Infinity"}]}, NONE),
        ({"time_step_limit": [0.001, 0.1]}, (0.001, 0.1)),
        ({"ssm_cfg": {"layer": "Mamba2", "dt_limit": [0.01, math.inf]}}, (0.01, math.inf)),
        ({"mamba_dt_limit": [0.0, 0.5]}, (0.0, 0.5)),
        ({"text_config": {"time_step_limit": [0.0, 0.5]}}, (0.0, 0.5)),
        ({"time_step_min": 0.3, "time_step_max": 0.4, "time_step_floor": 0.5}, NONE),  # these bound a start
        ({"model_type": "zamba2"}, (0.001, math.inf)),
        ({"model_type": "zamba2", "time_step_min": 0.02}, (0.02, math.inf)),
        ({"model_type": "nemotron_h", "time_step_limit": [0.0, 0.5], "mamba_dt_min": 0.02}, (0.02, math.inf)),
    ],
)
def test_configs_are_read_as_their_code_reads_them(config: dict[str, Any], limits: tuple[float, float]) -> None:
    found = settings(None, None, json.loads(json.dumps(config)))
    assert (found.low, found.high) == limits
    assert found.assumed == ()


@pytest.mark.parametrize("value", [3, "no", [0.1], [0.2, "x"], [-1.0, 1.0], [math.nan, 1.0], [0.0, 0.0], [{}, 1.0]])
def test_limits_that_are_none_are_said(value: Any) -> None:
    found = settings(None, None, {"time_step_limit": value})
    assert (found.low, found.high) == NONE
    assert "time_step_limit of config.json are no two positive numbers" in found.assumed[0]
    with pytest.raises((TypeError, ValueError, KeyError)):
        limits_of(type("Mixer", (), {"time_step_limit": value}))


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5])
def test_the_norm_behind_the_scan_is_bounded_with_its_own_epsilon(epsilon: float, tokens: Any) -> None:
    """Planted: a scan so faint that the norm's epsilon decides what it lets through."""
    model = mamba2()
    for block in model.backbone.layers:
        block.mixer.norm.variance_epsilon = epsilon
        with torch.no_grad():
            block.mixer.conv1d.weight *= 1e-8
            block.mixer.conv1d.bias *= 0
    found = sf.trace(model, tokens).layers[0]
    (check,) = (row for row in found.checks if row.name == "update")
    assert (check.measured > 1e-4) == (epsilon == 1e-12)
