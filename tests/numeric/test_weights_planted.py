"""Layers whose tensors are planted on either side of what reading them decides: flags, refusals, plans, biases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.audit.report import _read
from s6flow.numeric.weights import S6Layer, open_checkpoint
from s6flow.numeric.weights.checkpoint import _untrained
from s6flow.numeric.weights.plan import LayerPlan, WithheldLayer, plan_layers
from s6flow.numeric.weights.stored import TensorInfo

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


@pytest.mark.parametrize("count", [1, 3, 4])
def test_three_layers_are_named_where_one_is_not_there(tmp_path: Path, count: int) -> None:
    checkpoint = opened(tmp_path, {k: v for place in range(count) for k, v in tensors(f"l{place}.").items()})
    with pytest.raises(SourceError) as caught:
        checkpoint.layer("other")
    assert f"It has: {', '.join(f'l{place}' for place in range(min(count, 3)))}, ..." in str(caught.value)


def test_a_checkpoint_of_withheld_layers_has_none(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {"m.A_log": np.zeros(3, np.float32)})
    with pytest.raises(SourceError, match="It has: none, "):
        checkpoint.layer("other")


def test_the_sixth_tensor_is_counted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="got t0, t1, t2, t3, t4 and 1 more"):
        opened(tmp_path, {f"t{place}": np.zeros(2, np.float32) for place in range(6)})


# ---- values


def test_the_first_number_beyond_float32_is_named(tmp_path: Path) -> None:
    large = tensors()["m.x_proj.weight"].astype(np.float64)
    large[1, 2], large[3, 0] = -1e39, 2e39
    checkpoint = opened(tmp_path, tensors(x_proj__weight=large) | tensors("n."))
    withheld = next(one for one in checkpoint.entries() if isinstance(one, WithheldLayer))
    assert "got -1e+39" in withheld.reason
    assert "m.x_proj.weight[1, 2]" in withheld.reason
    # an audit reads what there is, and finds the others on record
    assert [one.name for one in _read(checkpoint, {"m": None, "n": None})] == ["n"]
    assert [one.name for one in checkpoint.withheld] == ["m"]
    assert layer(tmp_path, tensors(x_proj__weight=large * 1e-10)).S_B.shape == (STATES, CHANNELS)


def test_an_infinite_number_is_refused_with_its_layer(tmp_path: Path) -> None:
    """A float64 infinity is not finite, and no number beyond float32 either: no place of such a one is named."""
    large = tensors()["m.D"].astype(np.float64)
    large[1] = np.inf
    (withheld,) = opened(tmp_path, tensors(D=large)).entries()
    assert "weights must be finite; got inf at m D[1]" in withheld.reason


@pytest.mark.parametrize("head", [False, True])
def test_a_decay_rate_without_a_float32_is_named_by_its_place(tmp_path: Path, head: bool) -> None:
    content = tensors()
    if head:
        content = {k.replace("proj.", "proj_"): np.stack([v, v]) for k, v in content.items()}
    content["m.A_log"][..., 2, 1] = 100.0
    first = next(iter(opened(tmp_path, content).entries()))
    assert isinstance(first, WithheldLayer)
    assert ("at m[head 0] m.A_log[2, 1]" if head else "at m.A_log[2, 1]") in first.reason


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


def test_every_channel_has_to_be_as_before_training() -> None:
    start, epsilon = np.tile(np.log(np.arange(1.0, 5.0)), (3, 1)), 2.0**-23
    assert _untrained(start, epsilon)
    assert _untrained(start[:1], epsilon)
    assert _untrained(start * (1 + 0.9 * epsilon), epsilon)
    assert not _untrained(start * (1 + 1.5 * epsilon), epsilon)
    for channel in range(3):
        for state in range(4):
            changed = start.copy()
            changed[channel, state] += 1e-3
            assert not _untrained(changed, epsilon)
    assert not _untrained(start + 0.5, epsilon)
    changed = start.copy()
    changed[1:] += 0.5
    assert not _untrained(changed, epsilon)


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


def test_what_a_model_s_code_adds_to_the_step(tmp_path: Path) -> None:
    """MambaVision adds the bias twice; typeseg a floor of 1e-4 behind softplus, and keeps kernels from the left."""
    content = tensors(conv1d_x__weight=np.zeros((2, 1, 3), np.float32))
    np.testing.assert_array_equal(layer(tmp_path, content).b, 2 * content["m.dt_proj.bias"].astype(float))
    plain = tensors("")
    prefix = "CheckpointMambaBlock1D_0/"
    names = {
        "A_log": "A_log",
        "D": "D",
        "x_proj.weight": "Dense_1/kernel",
        "dt_proj.weight": "Dense_2/kernel",
        "dt_proj.bias": "Dense_2/bias",
    }
    content = {prefix + new: plain[old].T.copy() if "kernel" in new else plain[old] for old, new in names.items()}
    found = layer(tmp_path, content)
    assert found.floor == 1e-4
    np.testing.assert_array_equal(found.S_B, plain["x_proj.weight"][RANK : RANK + STATES])
    np.testing.assert_array_equal(found.dt_out, plain["dt_proj.weight"])


# ---- plans


def infos(prefix: str = "m.", lead: tuple[int, ...] = (), join: str = ".", step: tuple[int, int] = (CHANNELS, RANK), rows: int = RANK + 2 * STATES) -> Any:  # fmt: skip
    shapes = {"A_log": (CHANNELS, STATES), f"x_proj{join}weight": (rows, CHANNELS), f"dt_proj{join}weight": step}
    return {prefix + key: TensorInfo((*lead, *shape), "F32") for key, shape in shapes.items()}


@pytest.mark.parametrize(
    ("beside", "listed"), [(0, "nothing"), (6, "b0, b1, b2, b3, b4, b5"), (8, "b0, b1, b2, b3, b4, b5")]
)
def test_six_tensors_beside_a_lone_A_log_are_named(beside: int, listed: str) -> None:
    names = {"m.A_log": (2, 2), **{f"m.b{place}": (1,) for place in range(beside)}}
    (found,) = plan_layers({name: TensorInfo(shape, "F32") for name, shape in names.items()}, None)
    assert isinstance(found, WithheldLayer)
    assert found.reason.endswith(f"beside it: {listed}")


def test_layers_of_a_checkpoint_have_a_bound() -> None:
    many = {f"l.{place}.A_log": TensorInfo((3,), "F32") for place in range(4097)}
    found = plan_layers(dict(list(many.items())[:-1]), None)
    assert [one.name for one in found] == [f"l.{place}" for place in range(4096)]
    with pytest.raises(FormatError, match=r"at most 4096 layers; got more at l\.4096"):
        plan_layers(many, None)


@pytest.mark.parametrize(("heads", "planned"), [(1, True), (1024, True), (1025, False)])
def test_heads_of_a_stack_have_a_bound(heads: int, planned: bool) -> None:
    found = plan_layers(infos(lead=(heads,), join="_"), None)
    assert all(isinstance(one, LayerPlan) for one in found) == planned
    assert len(found) == (heads if planned else 1)
    assert found[0].name == ("m[head 0]" if 1 < heads <= 1024 else "m")
    if not planned:
        assert "has more than 1024 heads" in found[0].reason  # type: ignore[union-attr]


@pytest.mark.parametrize("lead", [(), (2,)])
def test_a_square_step_without_rows_of_its_own_reads_the_tokens(lead: tuple[int, ...]) -> None:
    join = "_" if lead else "."
    for step, fits in (((CHANNELS, CHANNELS), True), ((CHANNELS, RANK), False)):
        found = plan_layers(infos(lead=lead, join=join, step=step, rows=2 * STATES), None)
        assert all(isinstance(one, LayerPlan) for one in found) == fits


def test_the_tensors_of_a_plan_are_those_that_there_are() -> None:
    (plan,) = plan_layers(infos(), None)
    assert isinstance(plan, LayerPlan)
    assert plan.tensors == ("m.A_log", "m.x_proj.weight", "m.dt_proj.weight")


def test_layers_are_in_order_of_their_numbers() -> None:
    """Numbers in names as numbers, however long, with zeros before them or not; text before a dot as text."""
    order = ["a.007.x9", "a.8.x1", "a.8.x02", "a.8.x10", "a.10.x0", f"a.{10**40}.x0", "b.1.x0"]
    found = plan_layers({f"{name}.A_log": TensorInfo((3,), "F32") for name in reversed(order)}, None)
    assert [one.name for one in found] == order
