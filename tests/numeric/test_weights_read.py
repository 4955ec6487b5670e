"""What a layer's numbers are after they were read: bits, biases, rates, flags and heads, on tensors made by hand."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError, SourceError
from s6flow.numeric.weights.checkpoint import Checkpoint, read_layer
from s6flow.numeric.weights.in_memory import MemoryStore
from s6flow.numeric.weights.layer import S6Layer
from s6flow.numeric.weights.opcodes import STORAGES, Storage, TensorNote, read_pickle
from s6flow.numeric.weights.pickled import TorchStore
from s6flow.numeric.weights.plan import LayerPlan, plan_layers
from s6flow.numeric.weights.readers import probed_suffix
from s6flow.numeric.weights.stored import TensorInfo, TensorStore

Tensors = dict[str, np.ndarray]


class Held(TensorStore):
    """Arrays in memory as a file of tensors."""

    format = "held"

    def __init__(self, arrays: Tensors) -> None:
        self.arrays = arrays
        kinds = {"float64": "F64", "float32": "F32", "float16": "F16"}
        self.infos = {name: TensorInfo(array.shape, kinds[array.dtype.name]) for name, array in arrays.items()}

    def bits(self, name: str, lead: int | None) -> np.ndarray:
        chosen = np.ascontiguousarray(self.arrays[name] if lead is None else self.arrays[name][lead])
        return chosen.view(f"<u{chosen.dtype.itemsize}")


def tensors(
    prefix: str = "m.", channels: int = 4, states: int = 3, rank: int = 2, lead: tuple[int, ...] = ()
) -> Tensors:
    """Tensors of one layer by their usual names, or of stacked heads."""
    rng = np.random.default_rng(7)
    join = "_" if lead else "."
    shapes = {
        "A_log": (channels, states), f"x_proj{join}weight": (2 * states + rank, channels),
        f"dt_proj{join}weight": (channels, rank), f"dt_proj{join}bias": (channels,), "D": (channels,),
    }  # fmt: skip
    return {prefix + key: rng.normal(size=(*lead, *shape)).astype(np.float32) for key, shape in shapes.items()}


def planned(arrays: Tensors, place: int = 0) -> tuple[TensorStore, LayerPlan]:
    store = Held(arrays)
    plan = plan_layers(store.infos, None)[place]
    assert isinstance(plan, LayerPlan), plan
    return store, plan


def told(arrays: Tensors, kind: str) -> list[str]:
    """The texts of a layer's flags of one kind."""
    return [flag.text for flag in read_layer(*planned(arrays)).flags if flag.kind == kind]


START = np.log([1.0, 2.0, 3.0])
#: The square of float32's spacing at 1: how far the first state's log(1) = 0 may be off.
FIRST = 2.0**-46
EVERY = slice(None)


@pytest.mark.parametrize(
    ("channels", "place", "value", "fresh"),
    [
        (4, (), 0.0, True), (1, (), 0.0, True),
        (4, (0, 0), FIRST, True), (4, (0, 0), 2 * FIRST, False), (4, (2, 0), FIRST, True), (4, (2, 0), 2 * FIRST, False),
        (4, (EVERY, 0), 0.5, False), (4, (0, 2), 1.1, False), (4, (3, 1), 0.7, False), (4, (slice(1, None), EVERY), 0.3, False),
    ],
)  # fmt: skip
def test_a_layer_is_untrained_where_every_rate_is_as_drawn(
    channels: int, place: Any, value: float, fresh: bool
) -> None:
    arrays = tensors(channels=channels)
    arrays["m.A_log"][:] = START
    if place:
        arrays["m.A_log"][place] = value
    arrays["m.D"][:] = 1
    said = ["A_log = log(1..N) in every channel and D = 1, as before training"] if fresh else []
    assert told(arrays, "at-initialisation") == said
    arrays["m.D"][-1] = 1.5
    assert told(arrays, "at-initialisation") == []
    del arrays["m.D"]
    assert told(arrays, "at-initialisation") == [text.replace(" and D = 1", "") for text in said]


@pytest.mark.parametrize("bias", [[0.0, 2.0], [2.0, 0.0], [1.0, -3.0], [0.0, 0.0]])
def test_any_bias_before_the_step_is_carried_into_it(bias: list[float]) -> None:
    arrays = tensors()
    arrays["m.x_proj.bias"] = np.array([*bias, 0, 0, 0, 0, 0, 0], np.float32)
    got = read_layer(*planned(arrays)).b
    into, step = (arrays[f"m.dt_proj.{part}"].astype(float) for part in ("weight", "bias"))
    want = [step[d] + sum(into[d, r] * bias[r] for r in range(2)) for d in range(4)]
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_mambavision_adds_the_step_bias_twice_and_others_once() -> None:
    arrays = tensors()
    np.testing.assert_array_equal(read_layer(*planned(arrays)).b, arrays["m.dt_proj.bias"])
    arrays["m.conv1d_x.weight"] = np.ones((4, 1, 3), np.float32)
    layer = read_layer(*planned(arrays))
    np.testing.assert_array_equal(layer.b, arrays["m.dt_proj.bias"].astype(float) + arrays["m.dt_proj.bias"])
    assert [flag.kind for flag in layer.flags if flag.kind == "step-bias-twice"]


@pytest.mark.parametrize("join", ["/", "__"])
def test_typeseg_stores_matrices_the_other_way_and_has_a_floor(join: str) -> None:
    usual = tensors("m.")
    block = f"CheckpointMambaBlock1D_3{join}"
    arrays = {
        f"{block}A_log": usual["m.A_log"],
        f"{block}Dense_1{join}kernel": np.ascontiguousarray(usual["m.x_proj.weight"].T),
        f"{block}Dense_2{join}kernel": np.ascontiguousarray(usual["m.dt_proj.weight"].T),
        f"{block}Dense_2{join}bias": usual["m.dt_proj.bias"],
    }
    layer, same = read_layer(*planned(arrays)), read_layer(*planned(usual))
    assert (layer.floor, same.floor) == (1 / 10_000, 0.0)
    for part in ("a", "S_B", "S_C", "dt_in", "dt_out", "b"):
        np.testing.assert_array_equal(getattr(layer, part), getattr(same, part))


def test_heads_whose_step_reads_the_token_itself() -> None:
    """dt_proj is then a square matrix, and x_proj makes B and C only."""
    arrays = tensors(channels=5, states=2, rank=0, lead=(3,))
    arrays["m.dt_proj_weight"] = np.random.default_rng(1).normal(size=(3, 5, 5))
    for head in range(3):
        layer = read_layer(*planned(arrays, head))
        np.testing.assert_array_equal(layer.dt_in, np.eye(5))
        np.testing.assert_array_equal(layer.dt_out, arrays["m.dt_proj_weight"][head])
        np.testing.assert_array_equal(np.concatenate([layer.S_B, layer.S_C]), arrays["m.x_proj_weight"][head])


@pytest.mark.parametrize(("lead", "where"), [((), "m.A_log[1, 2]"), ((2,), "m[head 1] m.A_log[1, 2]")])
@pytest.mark.parametrize("value", [200.0, -200.0])
def test_a_rate_outside_of_float32_is_named(lead: tuple[int, ...], where: str, value: float) -> None:
    arrays = tensors(lead=lead)
    arrays["m.A_log"][(*(1 for _ in lead), 1, 2)] = value
    with pytest.raises(AssumptionError) as caught:
        read_layer(*planned(arrays, len(lead)))
    assert f"got exp({value:g}) at {where}" in str(caught.value)


def test_the_first_number_beyond_float32_is_named() -> None:
    arrays = tensors()
    weight = arrays["m.x_proj.weight"] = arrays["m.x_proj.weight"].astype(np.float64)
    read_layer(*planned(arrays))
    weight[5, 2] = -1e39
    for first in ("5, 2", "3, 1"):
        with pytest.raises(AssumptionError, match=rf"at m\.x_proj\.weight\[{first}\]"):
            read_layer(*planned(arrays))
        weight[3, 1] = 1e39


def test_a_plan_names_its_tensors() -> None:
    arrays = tensors()
    assert set(planned(arrays)[1].tensors) == set(arrays)
    del arrays["m.D"], arrays["m.dt_proj.bias"]
    assert set(planned(arrays)[1].tensors) == set(arrays)


def test_an_unknown_layer_is_told_of_the_first_three() -> None:
    arrays = {name: array for place in range(4) for name, array in tensors(f"l{place}.").items()}
    for count, known in ((4, "l0, l1, l2"), (2, "l0, l1"), (0, "none")):
        store = Held({name: array for name, array in arrays.items() if int(name[1]) < count})
        checkpoint = Checkpoint("x", store, plan_layers(store.infos, None), "none")
        with pytest.raises(SourceError) as caught:
            checkpoint.layer("l9")
        assert str(caught.value).endswith(f"It has: {known}, ...")
    assert isinstance(Checkpoint("x", Held(arrays), plan_layers(Held(arrays).infos, None), "").layer("l2"), S6Layer)


# ---- PyTorch: models in memory, and files


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_parameters_in_memory_have_their_bits(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.tensor([[1.5, -2.25], [0.0, 1e-3]], dtype=getattr(torch, dtype)).T)
    model.one = torch.nn.Parameter(torch.tensor([3.0], dtype=getattr(torch, dtype)))
    store = MemoryStore(model)
    np.testing.assert_array_equal(store.read("w").float64(), model.w.detach().double().numpy())
    np.testing.assert_array_equal(store.read("w", 1).float64(), model.w[1].detach().double().numpy())
    assert store.read("one").float64() == [3.0]


def test_parameters_without_numbers_are_refused() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Module()
    model.none = torch.nn.Parameter(torch.empty(0, 3))
    model.planned = torch.nn.Parameter(torch.empty(2, device="meta"))
    store = MemoryStore(model)
    for name, said in (("none", r"cpu, \(0, 3\)"), ("planned", r"meta, \(2,\)")):
        with pytest.raises(FormatError, match=f"must hold numbers here; got {said} at {name}"):
            store.bits(name, None)


def test_a_model_tells_by_its_extra_state_that_tokens_are_sorted() -> None:
    torch = pytest.importorskip("torch")

    class Sorted(torch.nn.Module):  # type: ignore[misc,name-defined]
        def get_extra_state(self) -> Any:
            return torch.ones(1)

    def seen(name: str, part: Any) -> set[str]:
        model = torch.nn.Module()
        model.w = torch.nn.Parameter(torch.ones(1))
        model.block = torch.nn.Module()
        model.block.add_module(name, part)
        return set(MemoryStore(model).infos) - {"w"}

    class Inherited(Sorted):
        pass

    assert seen("reorder", Sorted()) == seen("reorder", Inherited()) == {"block.reorder._extra_state"}
    assert seen("other", Sorted()) == seen("reorder", torch.nn.Identity()) == set()
    assert seen("reorder", torch.nn.Module()) == set(), "whose own method only raises"


def test_storages_have_the_widths_of_torch() -> None:
    """As a pickle names them: a class in `torch`, or in `torch.storage`."""
    torch = pytest.importorskip("torch")
    for name, (dtype, _) in STORAGES.items():
        module = b"torch.storage" if name == "UntypedStorage" else b"torch"
        reference = b"(U\x07storagec" + module + b"\n" + name.encode() + b"\nU\x010U\x03cpuK\x06tQ."
        storage, *_ = read_pickle(b"\x80\x02" + reference)
        width = 1 if name == "UntypedStorage" else getattr(torch, dtype).itemsize
        assert (storage.key, storage.dtype, storage.size, storage.count) == ("0", dtype, width, 6)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1), (1,), (), (2, 1, 2), (0, 3), (1, 0)])
@pytest.mark.parametrize("archive", [True, False])
def test_an_axis_of_one_or_none_is_read_as_any_other(tmp_path: Path, shape: tuple[int, ...], archive: bool) -> None:
    """The last storage of an old file ends with the file: not one number more may be read."""
    torch = pytest.importorskip("torch")
    values = torch.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)
    torch.save({"w": values}, tmp_path / "x.pt", _use_new_zipfile_serialization=archive)
    got = TorchStore(tmp_path / "x.pt").read("w").float64()
    np.testing.assert_array_equal(got, values.double().numpy())


def test_a_note_begins_with_its_storage_and_a_reason_goes_first() -> None:
    store = TorchStore.__new__(TorchStore)
    store.extents = {"0": (0, 8)}
    storage = Storage("0", "float32", 4, 2)
    assert store.kind_of(TensorNote("float32", (2,), (1,), storage=storage)) == "F32"
    assert (
        store.kind_of(TensorNote("float32", (2,), (1,), storage=storage, reason="a conjugate tensor"))
        == "a conjugate tensor"
    )


@pytest.mark.parametrize(("names", "suffix"), [(["a.npy"], ".npz"), (["x/data.pkl", "a.npy"], ".npz"), (["x/data.pkl", "x/data/0"], ".pt")])  # fmt: skip
def test_an_archive_is_told_by_its_members(tmp_path: Path, names: list[str], suffix: str) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    assert probed_suffix(tmp_path / "x") == suffix


@pytest.mark.parametrize(("head", "suffix"), [(b"\x80\x02", ".pt"), (b"\0" * 8 + b"{", ".safetensors"), (b"\0" * 9 + b"{", None), (b"\0" * 7 + b"{", None), (b"", None)])  # fmt: skip
def test_a_file_is_told_by_its_first_bytes(tmp_path: Path, head: bytes, suffix: str | None) -> None:
    (tmp_path / "x").write_bytes(head)
    assert probed_suffix(tmp_path / "x") == suffix
