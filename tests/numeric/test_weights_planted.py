"""Layers whose tensors are planted on either side of what reading them decides: refusals, flags, biases, what stands beside."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.errors import SourceError
from s6flow.numeric.audit import audit
from s6flow.numeric.weights import S6Layer, open_checkpoint
from s6flow.numeric.weights.locate import locate
from s6flow.numeric.weights.opcodes import read_pickle
from s6flow.numeric.weights.plan import WithheldLayer

CHANNELS, STATES, RANK = 4, 3, 2
Tensors = dict[str, np.ndarray]


def tensors(prefix: str = "m.", states: int = STATES, rank: int = RANK, **changes: np.ndarray) -> Tensors:
    """A layer of random float32 weights; of rank 0 its step reads x itself."""
    rng = np.random.default_rng(3)
    shapes = {
        "A_log": (CHANNELS, states), "x_proj.weight": (rank + 2 * states, CHANNELS), "dt_proj.weight": (CHANNELS, rank or CHANNELS),
        "dt_proj.bias": (CHANNELS,), "D": (CHANNELS,),
    }  # fmt: skip
    found = {prefix + key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    return found | {prefix + key.replace("__", "."): value for key, value in changes.items()}


def opened(folder: Path, content: Tensors) -> Any:
    np.savez(folder / "file.npz", **content)  # type: ignore[arg-type]
    return open_checkpoint(folder / "file.npz")


def layer(folder: Path, content: Tensors) -> S6Layer:
    return next(opened(folder, content).layers())


# ---- what is said of what is not there


def test_a_checkpoint_of_withheld_layers_has_none(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {"m.A_log": np.zeros(3, np.float32)})
    with pytest.raises(SourceError, match="It has: none, "):
        checkpoint.layer("other")


# ---- values


def test_the_first_number_beyond_float32_is_named(tmp_path: Path) -> None:
    large = tensors()["m.x_proj.weight"].astype(np.float64)
    large[1, 2], large[3, 0] = -1e39, 2e39
    checkpoint = opened(tmp_path, tensors(x_proj__weight=large) | tensors("n."))
    withheld = next(one for one in checkpoint.entries() if isinstance(one, WithheldLayer))
    assert "got -1e+39" in withheld.reason
    assert "m.x_proj.weight[1, 2]" in withheld.reason
    # an audit reads what there is, and finds the others on record
    report = audit(tmp_path / "file.npz", shuffles=2)
    assert [one.name for one in report.layers] == ["n"]
    assert [one.name for one in report.withheld] == ["m"]
    assert layer(tmp_path, tensors(x_proj__weight=large * 1e-10)).S_B.shape == (STATES, CHANNELS)


def test_an_infinite_number_is_refused_with_its_layer(tmp_path: Path) -> None:
    """A float64 infinity is not finite, and no number beyond float32 either: no place of such a one is named."""
    large = tensors()["m.D"].astype(np.float64)
    large[1] = np.inf
    (withheld,) = opened(tmp_path, tensors(D=large)).entries()
    assert "weights must be finite; got inf at m D[1]" in withheld.reason


@pytest.mark.parametrize("skip", [None, 1.0, 0.5])
def test_an_untrained_layer_is_told_by_its_rates_and_skip(tmp_path: Path, skip: float | None) -> None:
    start = np.tile(np.log(np.arange(1.0, 65.0)), (CHANNELS, 1)).astype(np.float32)
    content = tensors(states=64, A_log=start)
    if skip is None:
        del content["m.D"]
    else:
        content["m.D"] = np.full(CHANNELS, skip, np.float32)
    flags = [str(flag) for flag in layer(tmp_path, content).flags]
    said = {
        None: "A_log = log(1..N) in every channel, as before training",
        1.0: "A_log = log(1..N) in every channel and D = 1, as before training",
    }
    assert [text for text in flags if "log(1..N)" in text] == (
        [text for text in flags if said[skip] in text] if skip != 0.5 else []
    )
    assert any("log(1..N)" in text for text in flags) == (skip != 0.5)


# ---- biases and floors


@pytest.mark.parametrize("rank", [RANK, 0])
def test_a_bias_of_the_projection_is_carried_into_the_step(tmp_path: Path, rank: int) -> None:
    """b = dt_bias + dt_out beta_dt, where beta_dt has zeros, too; what stands behind it is the bias of B and C."""
    bias = np.linspace(1, 2, rank + 2 * STATES).astype(np.float32)
    bias[:1] = 0.0
    content = tensors(rank=rank, x_proj__bias=bias)
    found = layer(tmp_path, content)
    step = content["m.dt_proj.bias"].astype(float)
    if rank:
        step = step + content["m.dt_proj.weight"].astype(float) @ bias[:rank].astype(float)
    np.testing.assert_allclose(found.b, step, rtol=1e-14)
    np.testing.assert_array_equal(found.beta_B, bias[rank : rank + STATES])
    np.testing.assert_array_equal(found.beta_C, bias[rank + STATES :])
    assert found.affine
    assert found.rank == (rank or CHANNELS)


@pytest.mark.parametrize(("B", "C"), [(0, 0), (1, 0), (0, 1)])
def test_one_bias_of_B_or_C_makes_a_layer_affine(tmp_path: Path, B: int, C: int) -> None:
    bias = np.zeros(RANK + 2 * STATES, np.float32)
    bias[RANK], bias[RANK + STATES] = B, C
    assert layer(tmp_path, tensors(x_proj__bias=bias)).affine == bool(B or C)


# ---- what stands beside tensors


def test_a_dictionary_with_attributes_may_stand_in_a_list() -> None:
    named = OrderedDict(a=1)
    named.kept = "beside"  # type: ignore[attr-defined]
    assert read_pickle(pickle.dumps([named], 2), 0)[0] == [{"a": 1}]


@pytest.mark.parametrize(("name", "size"), [("config.json", 15 << 20), ("x.safetensors.index.json", 40 << 20)])
def test_tables_beside_weights_may_be_long(tmp_path: Path, name: str, size: int) -> None:
    from safetensors.numpy import save_file

    save_file({"t": np.zeros(2, np.float32)}, tmp_path / "x.safetensors")
    (tmp_path / name).write_text(json.dumps({"weight_map": {"t": "x.safetensors"}}).ljust(size))
    found = locate(str(tmp_path))
    assert list(found.store.infos) == ["t"]
    assert (found.config is not None) == (name == "config.json")
