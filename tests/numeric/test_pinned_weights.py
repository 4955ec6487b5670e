"""Readers of weights at their edges: every opcode of a pickle, every refusal of it, plans of layers, stored numbers.

Values and refusals are written beside the bytes; only the plans of layers are pinned as they were.
"""

from __future__ import annotations

import struct
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pinned
import pytest

from s6flow.numeric.weights import opcodes
from s6flow.numeric.weights.opcodes import Called, Damaged, Note, Storage, TensorNote, read_pickle
from s6flow.numeric.weights.plan import apart, heads_of, markers, numbered, part_name, plan_layers, prefix_of, spell
from s6flow.numeric.weights.stored import FLOATS, LARGEST_WEIGHT, StoredTensor, TensorInfo

#: A reference to a storage of 12 float32 numbers called "0".
REF = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x0ctQ"
V2, V3, PARAMETER = (b"ctorch._utils\n_rebuild_" + name + b"\n" for name in (b"tensor_v2", b"tensor_v3", b"parameter"))
STORAGE = Storage("0", "float32", 4, 12)
TENSOR = TensorNote("float32", (3, 4), (4, 1), 2, STORAGE)
#: shape (3, 4), strides (4, 1), offset 2
SIZES = b"K\x02K\x03K\x04\x86K\x04K\x01\x86"
BODY = b"(" + REF + SIZES
INT = b"ctorch\nint32\n"
FLAGS = b"}X\x03\x00\x00\x00neg\x88s"
OF_TYPE = b"ctorch._tensor\n_rebuild_from_type_v2\n"


def like(value: Any) -> Any:
    """Notes by what they hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"": type(value).__name__, **{key: like(getattr(value, key)) for key in value.__dataclass_fields__}}
    if isinstance(value, dict):
        return {key if not isinstance(key, Note) else key.text: like(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(like, value))
    return value


VALUES: dict[bytes, Any] = {
    b"\x80\x02N.": None, b"\x88.": True, b"\x89.": False, b"J\xfe\xff\xff\xff.": -2, b"K\xff.": 255, b"M\x01\x02.": 513,
    b"G?\xf8\x00\x00\x00\x00\x00\x00.": 1.5, b"\x8a\x02\xff\xfe.": -257, b"\x8a\x00.": 0, b"X\x02\x00\x00\x00\xc3\xa9.": "é", b"U\x01\xe9.": "é",
    b"C\x02ab.": b"ab", b"B\x02\x00\x00\x00ab.": b"ab", b").": (), b"].": [], b"}.": {}, b"K\x01\x85.": (1,), b"K\x01K\x02\x86.": (1, 2),
    b"K\x01K\x02K\x03\x87.": (1, 2, 3), b"(K\x01K\x02t.": (1, 2), b"(t.": (), b"K\x07q\x05N\x86h\x05\x86.": ((7, None), 7),
    b"K\x07r\x01\x02\x00\x00Nj\x01\x02\x00\x00\x87.": (7, None, 7), b"]K\x01a.": [1], b"](K\x01K\x02e.": [1, 2], b"}K\x01K\x02s.": {1: 2},
    b"}(K\x01K\x02K\x03K\x04u.": {1: 2, 3: 4}, b"}K\x01\x85K\x02s.": {"key": 2}, b"K\x00(K\x01K\x02tK\x03\x87.": (0, (1, 2), 3),
    b"ccollections\nOrderedDict\n)R.": {}, b"ccollections\nOrderedDict\n(]K\x01K\x02\x86atR.": {1: 2}, b"ccollections\nOrderedDict\n}K\x05K\x06s\x85R.": {5: 6},
    b"ccollections\nCounter\n}K\x05K\x06s\x85R.": {5: 6}, b"ccollections\nOrderedDict\n)R}b.": {}, b"ctorch\nSize\n(K\x02K\x03\x86tR.": (2, 3), b"ctorch\nSize\n)R.": (),
    b"ctorch\nfloat32\n.": Note("torch.float32"), b"ctorch\nper_channel_affine\n.": Note("torch.per_channel_affine"),
    b"ctorch.storage\nUntypedStorage\n.": Note("torch.storage.UntypedStorage"), b"c__builtin__\nset\n].": [], b"c__builtin__\nset\n]\x85R.": Note("builtins.set"),
    b"ctorch\ndevice\nU\x03cpu\x85\x81.": Note("torch.device"), REF + b".": STORAGE, V2 + BODY + b"\x89ccollections\nOrderedDict\n)RtR.": TENSOR,
    V2 + BODY + b"\x89}" + FLAGS + b"tR.": TensorNote("float32", (3, 4), (4, 1), 2, STORAGE, negative=True),
    V2 + BODY + b"\x89}}X\x04\x00\x00\x00conj\x88stR.": TensorNote("float32", (3, 4), reason="a conjugate tensor"),
    V2 + BODY + b"\x89}}X\x04\x00\x00\x00conj\x89stR.": TENSOR, V3 + BODY + b"\x89}" + INT + b"tR.": TensorNote("int32", (3, 4), (4, 1), 2, Storage("0", "int32", 4, 12)),
    V3 + BODY + b"\x89}ctorch\nuint16\ntR.": TensorNote("uint16", (3, 4), (4, 1), 2, Storage("0", "uint16", 2, 24)),
    V3 + BODY + b"\x89}" + INT + FLAGS + b"tR.": TensorNote("int32", (3, 4), (4, 1), 2, Storage("0", "int32", 4, 12), negative=True),
    PARAMETER + b"(" + V2 + BODY + b"\x89}tR\x88}tR.": TENSOR,
    OF_TYPE + b"(" + V2 + b"ctorch\nTensor\n" + BODY + b"\x89}t}tR.": TENSOR,
    b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\nK\x02\x85K\x01\x85\x89tR.": TensorNote("meta", (2,), reason="a tensor without values (meta)"),
    b"ctorch._utils\n_rebuild_sparse_tensor\n)R.": TensorNote("unknown", (), reason="a tensor of another layout"),
    b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n)R.": TensorNote("unknown", (), reason="a tensor without values (of another device)"),
}  # fmt: skip


@pytest.mark.parametrize("data", list(VALUES), ids=range(len(VALUES)))
def test_a_pickle_has_its_value(data: bytes) -> None:
    found, end, storages = read_pickle(data)
    assert like(found) == like(VALUES[data])
    assert type(found) is type(VALUES[data])
    assert end == len(data)
    assert set(storages) <= {"0"}
    assert like(read_pickle(b"xyz" + data + b"rest", 3)[0]) == like(VALUES[data])


def storage(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"tQ."


NAME, KIND, KEY, PLACE, COUNT = (
    b"X\x07\x00\x00\x00storage",
    b"ctorch\nFloatStorage\n",
    b"X\x01\x00\x00\x000",
    b"N",
    b"K\x0c",
)
HARM: dict[bytes, tuple[type[Exception], str]] = {
    b"cos\nsystem\n.": (Called, "os.system"), b"ctorch\nload\n.": (Called, "torch.load"), b"ctorch.nn\nFloatStorage\n.": (Called, "torch.nn.FloatStorage"),
    b"c__builtin__\neval\n.": (Called, "builtins.eval"), b"ccopy_reg\n_reconstructor\n.": (Called, "copyreg._reconstructor"),
    b"ctorch\nfloat32\n)R.": (Called, "torch.float32"), b"N)R.": (Called, "what is no function"), b"ctorch\nSize\nNR.": (Damaged, "arguments that are no tuple"),
    V2 + b")R.": (Damaged, "of 0 arguments"), b"K\x01\x86.": (Damaged, "a tuple of more"), b"}K\x01a.": (Damaged, "what is no list"), b"]K\x01K\x02s.": (Damaged, "what is no dict"),
    b"}(K\x01u.": (Damaged, "a key without a value"), b"]}b.": (Damaged, "attributes of what has none"), b"B\x05\x00\x00\x00ab.": (Damaged, "it ends too early"),
    b"ctorch": (Damaged, "a name without an end"), b"c" + b"a" * 4095 + b"\nb\n.": (Called, "aaa"), b"c" + b"a" * 4096 + b"\nb\n.": (Damaged, "a name without an end"),
    storage(NAME, KIND, KEY, PLACE): (Damaged, "no storage"), storage(b"X\x04\x00\x00\x00stoX", KIND, KEY, PLACE, COUNT): (Damaged, "no storage"), b"NQ.": (Damaged, "no storage"),
    storage(NAME, b"ctorch\nfloat32\n", KEY, PLACE, COUNT): (Damaged, "a storage of an unknown type"), storage(NAME, KIND, b"K\x01", PLACE, COUNT): (Damaged, "a storage of an unknown type"),
    storage(NAME, b"N", KEY, PLACE, COUNT): (Damaged, "a storage of an unknown type"), storage(NAME, KIND, KEY, PLACE, b"J\xff\xff\xff\xff"): (Damaged, "no count"),
    storage(NAME, KIND, KEY, PLACE, b"\x88"): (Damaged, "no count"), storage(NAME, KIND, KEY, PLACE, b"\x8a\x09" + (1 << 63).to_bytes(9, "little")): (Damaged, "no count"),
    storage(NAME, KIND, KEY, PLACE, COUNT, COUNT): (Damaged, "part of another one"),
    V2 + b"(N" + SIZES + b"\x89}tR.": (Damaged, "a tensor without a storage"), V2 + b"(" + REF + b"K\x02K\x03\x85K\x04K\x01\x86\x89}tR.": (Damaged, "differ in number"),
    V2 + b"(" + REF + b"K\x02K\x03K\x04\x85\x89}tR.": (Damaged, "sizes that are no counts"), V2 + b"(" + REF + b"N)" + b")\x89}tR.": (Damaged, "no count"),
    V3 + BODY + b"\x89}ctorch\nper_channel_affine\ntR.": (Damaged, "of an unknown type"), V3 + BODY + b"\x89}NtR.": (Damaged, "of an unknown type"),
    V3 + b"(N" + SIZES + b"\x89}" + INT + b"tR.": (Damaged, "of an unknown type"), OF_TYPE + b"(NN)NtR.": (Damaged, "made of no tensor"), OF_TYPE + b"(" + V2 + b"NN}tR.": (Damaged, "made of no tensor"),
    OF_TYPE + b"(" + OF_TYPE + b"N)}tR.": (Damaged, "made of no tensor"), b"ccollections\nOrderedDict\n(]K\x01atR.": (Damaged, "no pairs"),
    b"ccollections\nOrderedDict\n(]K\x01\x85atR.": (Damaged, "no pairs"), b"K\x01": (Damaged, ""), b"\xff.": (Damaged, ""), b".": (Damaged, ""), b"h\x05.": (Damaged, ""),
    b"X\x01\x00\x00\x00\xff.": (Damaged, ""),
}  # fmt: skip


@pytest.mark.parametrize("data", list(HARM), ids=range(len(HARM)))
def test_a_pickle_that_is_none_is_refused(data: bytes) -> None:
    kind, words = HARM[data]
    with pytest.raises(kind) as caught:
        read_pickle(data)
    assert words in str(caught.value)


def test_the_largest_count_and_the_most_axes_pass() -> None:
    largest = b"\x8a\x08" + ((1 << 63) - 1).to_bytes(8, "little")
    assert read_pickle(storage(NAME, KIND, KEY, PLACE, largest))[0].count == (1 << 63) - 1
    ones = b"(" + b"K\x01" * 64 + b"t"
    found = read_pickle(V2 + b"(" + REF + b"K\x00" + ones + ones + b"\x89}tR.")[0]
    assert len(found.shape) == 64
    with pytest.raises(Damaged, match="no counts"):
        read_pickle(V2 + b"(" + REF + b"K\x00" + b"(" + b"K\x01" * 65 + b"t" + ones + b"\x89}tR.")


def test_a_pickle_ends_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "MOST_STEPS", 10)
    assert read_pickle(b"N" * 9 + b".")[1] == 10
    with pytest.raises(Damaged):
        read_pickle(b"N" * 10 + b".")


@pytest.mark.parametrize("name", list(opcodes.STORAGES))
def test_storages_have_pytorchs_sizes(name: str) -> None:
    dtype, size = opcodes.STORAGES[name]
    torch = pytest.importorskip("torch")
    if hasattr(torch, dtype):
        assert getattr(torch, dtype).itemsize == size


@pytest.mark.parametrize(("name", "size"), [(k, v) for k, v in opcodes.TYPE_SIZES.items() if k not in ("untyped",)])
def test_types_have_pytorchs_sizes(name: str, size: int) -> None:
    torch = pytest.importorskip("torch")
    assert not hasattr(torch, name) or getattr(torch, name).itemsize == size


def layer(
    prefix: str = "backbone.layers.0.mixer.", drop: tuple[str, ...] = (), **shapes: tuple[int, ...]
) -> dict[str, TensorInfo]:
    sizes = {"A_log": (6, 4), "x_proj.weight": (10, 6), "dt_proj.weight": (6, 2), "dt_proj.bias": (6,), "D": (6,)}
    sizes |= {key.replace("_w", ".w").replace("_b", ".b"): value for key, value in shapes.items()}
    return {prefix + key: TensorInfo(shape, "F32") for key, shape in sizes.items() if key not in drop}


EMBEDDING = "backbone.embeddings.weight"
PLANNED: dict[str, tuple[dict[str, TensorInfo], Any]] = {
    "plain": (layer(), {}), "no config": (layer(), None), "no config elsewhere": (layer("a.b."), None), "no bias": (layer(drop=("dt_proj.bias", "D")), {}),
    "x bias": (layer() | {"backbone.layers.0.mixer.x_proj.bias": TensorInfo((10,), "F32")}, {}), "wrong bias": (layer() | {"backbone.layers.0.mixer.x_proj.bias": TensorInfo((9,), "F32")}, {}),
    "no step": (layer(drop=("dt_proj.weight",)), {}), "no x_proj": (layer(drop=("x_proj.weight",)), {}), "alone": ({"A_log": TensorInfo((6, 4), "F32")}, {}),
    "mamba-2": ({"m.A_log": TensorInfo((6,), "F32"), "m.D": TensorInfo((6,), "F32")}, {}), "decay": ({"m.A_log": TensorInfo((6,), "F32")}, {}),
    "type": (layer() | {"backbone.layers.0.mixer.D": TensorInfo((6,), "I64")}, {}), "axes": (layer(A_log=(6, 4, 1)), {}), "axes of x": (layer(x_proj_weight=(10,)), {}),
    "rank 0": (layer(x_proj_weight=(8, 6)), {}), "rank -1": (layer(x_proj_weight=(7, 6)), {}), "rank 1": (layer(x_proj_weight=(9, 6), dt_proj_weight=(6, 1)), {}),
    "own step": (layer(x_proj_weight=(8, 6), dt_proj_weight=(6, 6)), {}), "empty": (layer(A_log=(6, 0)), {}), "skip": (layer(D=(5,)), {}), "channels": (layer(x_proj_weight=(10, 5)), {}),
    "norms": (layer() | {"backbone.layers.0.mixer.dt_layernorm.weight": TensorInfo((2,), "F32")}, {}), "b norm": (layer() | {"backbone.layers.0.mixer.b_norm.scale": TensorInfo((4,), "F32")}, {}),
    "no norm": (layer() | {"backbone.layers.0.mixer.norm.weight": TensorInfo((4,), "F32")}, {}), "falcon": (layer(), {"model_type": "falcon_mamba"}), "eps": (layer(), {"mixer_rms_eps": 1e-6}),
    "embedding": (layer() | {EMBEDDING: TensorInfo((65024, 4096), "F32")}, {}), "other embedding": (layer() | {EMBEDDING: TensorInfo((65023, 4096), "F32")}, {}),
    "model embedding": (layer() | {f"model.{EMBEDDING}": TensorInfo((65024, 4096), "F32")}, None), "reorder": (layer() | {"backbone.layers.0.mixer.reorder.w": TensorInfo((4,), "F32")}, {}),
    "raw": (layer(drop=("x_proj.weight",)) | {"backbone.layers.0.mixer.x_proj.parametrizations.weight.original": TensorInfo((10, 6), "F32")}, {}),
    "raw 0": (layer(drop=("x_proj.weight",)) | {"backbone.layers.0.mixer.x_proj.parametrizations.weight.original0": TensorInfo((10, 6), "F32")}, {}),
    "order": ({key: value for place in (10, 9, 2, 100) for key, value in layer(f"l.{place}.").items()}, {}), "same": (layer("a\x00b.") | layer("a\x01b."), {}),
    "both": (layer() | {f"backbone.layers.0.mixer.{key}": TensorInfo(shape, "F32") for key, shape in {"A_b_log": (6, 4), "x_proj_b.weight": (10, 6), "dt_proj_b.weight": (6, 2), "dt_proj_b.bias": (6,), "D_b": (6,)}.items()}, {}),
    "stacked": ({f"m.{key}": TensorInfo(shape, "F32") for key, shape in {"A_logs": (4 * 6, 4), "x_proj_weight": (4, 10, 6), "dt_projs_weight": (4, 6, 2), "dt_projs_bias": (4, 6), "Ds": (24,)}.items()}, {}),
    "stacked apart": ({f"m.{key}": TensorInfo(shape, "F32") for key, shape in {"A_logs": (25, 4), "x_proj_weight": (4, 10, 6), "dt_projs_weight": (4, 6, 2), "dt_projs_bias": (4, 6), "Ds": (24,)}.items()}, {}),
    "heads": ({f"m.{key}": TensorInfo(shape, "F32") for key, shape in {"A_logs": (1025 * 6, 4), "x_proj_weight": (1025, 10, 6), "dt_projs_weight": (1025, 6, 2), "dt_projs_bias": (1025, 6), "Ds": (1025 * 6,)}.items()}, {}),
    "one head": ({f"m.{key}": TensorInfo(shape, "F32") for key, shape in {"A_logs": (6, 4), "x_proj_weight": (1, 10, 6), "dt_projs_weight": (1, 6, 2), "dt_projs_bias": (1, 6), "Ds": (6,)}.items()}, {}),
}  # fmt: skip


def planned(key: str) -> Any:
    infos, config = PLANNED[key]
    found = []
    for entry in plan_layers(infos, config):
        row = asdict(entry)
        row["spelling"] = row.get("spelling") and row["spelling"]["marker"]
        found.append({name: str(value) for name, value in row.items()})
    heads = [heads_of(*spell(marker, infos), infos) for marker in markers(infos)]
    return {"layers": found, "heads": [str(head) for head in heads]}


PINNED = [("plans_of_layers", list(PLANNED), planned, 1e-9)]


@pytest.mark.parametrize("key", list(PLANNED))
def test_layers_are_planned_as_they_were(key: str) -> None:
    pinned.check("plans_of_layers", key, planned(key))


def test_names_are_told_apart() -> None:
    told = numbered()
    assert [told(name) for name in ("a", "b", "a", "a", "b")] == ["a", "b", "a #2", "a #3", "b #2"]
    assert prefix_of("x.A_log") == "x."
    assert part_name("x.A_log", None, None, 1) == "x"
    assert part_name("A_log", None, None, 1) == "A_log"
    assert markers(
        {f"l.{n}.A_log": TensorInfo((1, 1), "F32") for n in (10, 9, 2)} | {"B": TensorInfo((1,), "F32")}
    ) == ["l.2.A_log", "l.9.A_log", "l.10.A_log"]
    assert (apart((24, 4), 4), apart((25, 4), 4), apart((24,), 0), apart((), 3)) == ((4, 6, 4), (25, 4), (24,), ())


@pytest.mark.parametrize("dtype", list(FLOATS))
def test_stored_numbers_are_exact(dtype: str) -> None:
    """Bits by struct or, for bfloat16, as the upper half of float32."""
    row = FLOATS[dtype]
    values = [0.0, -0.0, 1.0, -1.5, 2.0**-14, np.inf, -np.inf, np.nan]
    if row.native:
        bits = np.array(values, dtype=row.native).view(row.bits)
    else:
        bits = np.array([struct.unpack("<I", struct.pack("<f", value))[0] >> 16 for value in values], dtype="<u2")
    found = StoredTensor(bits, dtype)
    np.testing.assert_array_equal(found.float64(), values)
    one = np.array([1.0 + row.epsilon])
    assert row.epsilon == 2.0 ** -{"F64": 52, "F32": 23, "F16": 10, "BF16": 7}[dtype]
    if row.native:
        assert one.astype(row.native).astype(float)[0] == one[0]
        assert (1.0 + one.astype(row.native) / 4 * 0 + row.epsilon / 4).astype(row.native)[0] == 1.0
    top = 8 * np.dtype(row.bits).itemsize - 1
    small = np.array(
        [0, 1, (1 << row.mantissa) - 1, 1 << row.mantissa, 1 << top, (1 << top) + 1, (1 << top) + (1 << row.mantissa)],
        dtype=row.bits,
    )
    assert StoredTensor(small, dtype).subnormals() == 3
    beyond = found.beyond_float32(found.float64())
    assert beyond is None if dtype != "F64" else not beyond.any()


def test_doubles_beyond_float32_are_told() -> None:
    top = LARGEST_WEIGHT
    values = np.array([1.0, top, -top, np.nextafter(top, np.inf), -2 * top, np.inf])
    stored = StoredTensor(values.view("<u8"), "F64")
    np.testing.assert_array_equal(stored.beyond_float32(values), [False, False, False, True, True, False])
    assert stored.beyond_float32(values[:3]) is None
    np.testing.assert_array_equal(stored.beyond_float32(values[:4][::-1]), [True, False, False, False])
    np.testing.assert_array_equal(stored.beyond_float32(-values[:4]), [False, False, False, True])
    assert stored.beyond_float32(values[:0]) is None
