"""One look at the bits of a tensor, tensors that stay for a second reader, and layers judged side by side."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from s6flow.numeric.audit import audit
from s6flow.numeric.threads import in_order, some_workers
from s6flow.numeric.weights import open_checkpoint
from s6flow.numeric.weights.stored import FLOATS, LARGEST_WEIGHT, KeptStore, StoredTensor

#: Bits of each format: its smallest subnormal and normal number, its largest finite one, infinity and a NaN.
BITS = {
    "F16": (0x0001, 0x0400, 0x7BFF, 0x7C00, 0x7E01),
    "BF16": (0x0001, 0x0080, 0x7F7F, 0x7F80, 0x7FC1),
    "F32": (0x00000001, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00001),
    "F64": (1, 1 << 52, 0, 0x7FF << 52, (0x7FF << 52) + 1),
}


def tensor(dtype: str, *bits: int) -> StoredTensor:
    """A tensor of these numbers, each with both signs, beside ordinary ones and a zero."""
    kind = np.dtype(FLOATS[dtype].bits)
    sign = 1 << (8 * kind.itemsize - 1)
    one = {"F16": 0x3C00, "BF16": 0x3F80, "F32": 0x3F800000, "F64": 0x3FF << 52}[dtype]
    return StoredTensor(np.array([one, 0, *bits, *(sign | word for word in bits), sign, one], dtype=kind), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_subnormals_are_counted_and_nothing_else(dtype: str) -> None:
    subnormal, normal, *_ = BITS[dtype]
    assert tensor(dtype).subnormals() == 0
    assert tensor(dtype, normal).subnormals() == 0
    assert tensor(dtype, subnormal, normal - 1, normal).subnormals() == 4


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_largest_subnormal_alone_is_counted(dtype: str) -> None:
    _, normal, *_ = BITS[dtype]
    kind = FLOATS[dtype].bits
    assert StoredTensor(np.array([normal - 1, normal], kind), dtype).subnormals() == 1
    assert StoredTensor(np.array([normal, normal + 1], kind), dtype).subnormals() == 0


def test_epsilon_is_the_spacing_at_one() -> None:
    """Of NumPy where it has the format, and of the next number after 1 where it has not."""
    for dtype, row in FLOATS.items():
        ones = {"F16": 0x3C00, "BF16": 0x3F80, "F32": 0x3F800000, "F64": 0x3FF << 52}
        low, high = StoredTensor(np.array([ones[dtype], ones[dtype] + 1], row.bits), dtype).float64()
        assert (low, high - low) == (1.0, row.epsilon)
        if row.native is not None:
            assert row.epsilon == np.finfo(row.native).eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_unusual_is_what_float32_cannot_hold(dtype: str) -> None:
    subnormal, normal, largest, infinity, nan = BITS[dtype]
    if dtype == "F64":
        largest = int(np.float64(LARGEST_WEIGHT).view("<u8"))
        assert not tensor(dtype, largest + 1).usual
    assert tensor(dtype, subnormal, normal, largest).usual
    assert not tensor(dtype, infinity).usual
    assert not tensor(dtype, nan).usual
    assert StoredTensor(np.empty(0, FLOATS[dtype].bits), dtype).usual


def test_every_part_of_a_large_tensor_is_looked_at() -> None:
    bits = np.full(3 * (1 << 15) + 5, 0x3F800000, "<u4")
    assert StoredTensor(bits.copy(), "F32").usual
    for place in (0, 1 << 15, len(bits) - 1):
        changed = bits.copy()
        changed[place] = 0x7F800000
        assert not StoredTensor(changed, "F32").usual
        changed[place] = 7
        assert StoredTensor(changed, "F32").subnormals() == 1


def test_kept_values_cannot_be_changed() -> None:
    found = tensor("F32", 0x40000000)
    assert found.values is found.values
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 1.0


def test_a_kept_tensor_is_read_once_and_another_each_time() -> None:
    checkpoint = open_checkpoint("typeseg")
    name, other = checkpoint.tensors_seen[:2]
    store = KeptStore(checkpoint.store, (name,))
    assert store.read(name) is store.read(name)
    assert store.read(other) is not store.read(other)
    np.testing.assert_array_equal(store.read(name).bits, checkpoint.store.read(name).bits)


def test_an_audit_reads_the_tensors_of_a_layer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health and verdicts share them."""
    checkpoint, seen = open_checkpoint("typeseg"), list[str]()
    kind, whole = type(checkpoint.store), type(checkpoint.store).read

    def read(store: object, name: str, lead: int | None = None) -> StoredTensor:
        seen.append(name)
        return whole(store, name, lead)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "read", read)
    assert len(audit("typeseg").layers) == 6
    marked = [name for name in seen if name.endswith("A_log")]
    assert len(marked) == len(set(marked)) == 6


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_threads_find_comes_in_order_the_first_alone(workers: int) -> None:
    busy, most, here = set[int](), list[int](), set[str]()
    lock, waiting = threading.Lock(), threading.Event()

    def work(one: int) -> int:
        with lock:
            busy.add(one)
            most.append(len(busy))
            here.add(threading.current_thread().name)
            alone = len(busy) == 1
        if one == 0:
            assert alone
        waiting.wait(0.005 * (7 - one))  # later ones are done sooner
        with lock:
            busy.discard(one)
        return one * one

    assert list(in_order(range(8), work, workers)) == [k * k for k in range(8)]
    assert max(most) <= workers
    assert (here == {threading.current_thread().name}) == (workers == 1)


def test_an_error_in_a_thread_is_the_caller_s() -> None:
    def work(one: int) -> int:
        if one == 3:
            raise ValueError("three")
        return one

    found = in_order(range(100), work, 2)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)


def test_workers_are_no_more_than_asked_for_or_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert [some_workers(most) for most in (1, 2, 8)] == [1, 2, 3]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert some_workers(8) == 1


def test_layers_side_by_side_have_the_verdicts_of_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    several = audit("typeseg")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    single = audit("typeseg")
    assert [layer.name for layer in several.layers] == [layer.name for layer in single.layers]
    assert several.health == single.health
    for one, other in zip(several.layers, single.layers, strict=True):
        assert one.row() == other.row()
        np.testing.assert_array_equal(one.numbers("mu"), other.numbers("mu"))
