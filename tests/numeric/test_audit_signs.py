"""Spectra, shuffled channels and the error of the recurrence, against references that are computed in another way."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.audit import audit, audit_layer
from s6flow.numeric.audit import control as controls
from s6flow.numeric.audit.control import permutation_control
from s6flow.numeric.audit.simulation import reference
from s6flow.numeric.audit.spectrum import INDEPENDENT, product_signature, symmetric_signature
from s6flow.numeric.threads import cross_product
from s6flow.numeric.weights import S6Layer


def layer_of(S_B: np.ndarray, S_C: np.ndarray, scale: float = 1.0) -> S6Layer:
    """A layer with these projections; what else it has, no spectrum sees."""
    states, channels = S_B.shape
    rng = np.random.default_rng(3)
    return S6Layer(
        "made", np.exp(rng.normal(size=(channels, states))), scale * S_B, scale * S_C, np.zeros(states), np.zeros(states),
        rng.normal(size=(2, channels)), rng.normal(size=(channels, 2)), rng.normal(size=channels),
    )  # fmt: skip


def drawn(states: int, channels: int, seed: int = 0, scale: float = 1.0) -> S6Layer:
    rng = np.random.default_rng(seed)
    return layer_of(rng.normal(size=(states, channels)), rng.normal(size=(states, channels)), scale)


# ---- spectra


@pytest.mark.parametrize(
    ("states", "channels"), [(3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (3, 7), (3, 8), (3, 9), (4, 300), (130, 600)]
)
def test_signs_are_those_of_the_whole_matrix_and_no_larger_one_is_taken_apart(
    states: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The D x D matrix itself is the reference; of it only a matrix of min(D, N), or of min(D, 2N), may be decomposed."""
    layer = drawn(states, channels)
    product = layer.S_C.T @ layer.S_B
    sizes: list[int] = []
    plain, symmetric = np.linalg.eigvals, np.linalg.eigvalsh
    if channels < 100:
        values, ordered = plain(product), symmetric((product + product.T) / 2)
        near = 1e-9 * np.abs(ordered).max()
    for name, solve in (("eigvals", plain), ("eigvalsh", symmetric)):

        def watched(matrix: np.ndarray, solve: Any = solve) -> Any:
            sizes.append(len(matrix))
            return solve(matrix)

        monkeypatch.setattr(np.linalg, name, watched)
    first, second = product_signature(layer), symmetric_signature(layer)
    assert sizes[0] == min(channels, states)
    assert set(sizes[1:]) == {min(channels, 2 * states)}
    for one in (first, second):
        assert one.positive + one.negative + one.zero == channels
    if 2 * states <= channels:  # Sylvester's law: the signature of J, whatever was learned
        assert (second.positive, second.negative) == (states, states)
    if channels < 100:
        assert (first.positive, first.negative) == ((values.real > near).sum(), (values.real < -near).sum())
        assert first.complex == (np.abs(values.imag) > near).sum()
        assert (second.positive, second.negative) == ((ordered > near).sum(), (ordered < -near).sum())
        np.testing.assert_allclose([second.smallest, second.largest], ordered[[0, -1]], atol=near)
        np.testing.assert_allclose([first.smallest, first.largest], [values.real.min(), values.real.max()], atol=near)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_semidefinite_product_ends_at_zero(sign: float) -> None:
    """S_C = -S_B makes -S_B^T S_B, of rank N < D: the largest eigenvalue is one of the zeros, and turned round the smallest."""
    S_B = np.random.default_rng(5).normal(size=(2, 5))
    found = product_signature(layer_of(S_B, sign * S_B))
    far = sign * np.linalg.svd(S_B, compute_uv=False)[0] ** 2
    assert (found.positive, found.negative, found.zero, found.complex) == ((2, 0, 3, 0) if sign > 0 else (0, 2, 3, 0))
    assert (found.smallest, found.largest)[sign < 0] == 0.0
    assert (found.largest, found.smallest)[sign < 0] == pytest.approx(far, rel=1e-12)


@pytest.mark.parametrize(("share", "positive"), [(0.7, 1), (1.4, 2)])
def test_an_eigenvalue_counts_beyond_the_rounding_of_a_product(share: float, positive: int) -> None:
    """S_B = diag(1, e), S_C = 1: eigenvalues 1 and e, beside 2 eps |S_B| |S_C| = 2 sqrt(2) eps, to the last digit."""
    small = share * 2 * np.sqrt(2.0) * np.finfo(float).eps
    layer = layer_of(np.diag([1.0, small]), np.eye(2))
    for found in (product_signature(layer), symmetric_signature(layer)):
        assert (found.positive, found.negative, found.zero) == (positive, 0, 2 - positive)


def test_a_layer_of_zeros_has_zeros_only() -> None:
    found = product_signature(layer_of(np.zeros((2, 4)), np.zeros((2, 4))))
    assert (found.positive, found.negative, found.zero, found.complex) == (0, 0, 4, 0)


# ---- shuffled channels


def shuffled(channels: int, shuffles: int, seed: int) -> np.ndarray:
    """Whom each channel is paired with, one row a shuffle: shuffle k of two orders, place by place."""
    rows = []
    for order, other in controls.orders(channels, shuffles, seed):
        for shift in range(min(channels, shuffles - len(rows))):
            row = np.empty(channels, np.int64)
            for place in range(channels):
                row[order[place]] = other[(place + shift) % channels]
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    ("channels", "shuffles"), [(7, 2), (7, 7), (7, 24), (255, 5), (256, 6), (257, 9), (300, 270), (4000, 3)]
)
def test_shuffles_are_counted_as_if_one_by_one(channels: int, shuffles: int) -> None:
    """Every shuffle in float64, by itself; a layer's scale shows nowhere but in the sample."""
    layer = drawn(3, channels, seed=channels, scale=1e-3)
    found = permutation_control(layer, shuffles, seed=4)
    partners = shuffled(channels, shuffles, 4)
    assert (np.sort(partners, axis=1) == np.arange(channels)).all()
    mu = [(layer.S_B * layer.S_C[:, others]).sum(axis=0) for others in partners]
    shares = np.array([np.mean(one < 0) for one in mu])
    np.testing.assert_allclose(found.fractions, shares, atol=1e-12)
    np.testing.assert_allclose(found.sample, mu[0], atol=1e-11)
    fraction = np.mean((layer.S_B * layer.S_C).sum(axis=0) < 0)
    beyond = sum(abs(one - shares.mean()) > abs(fraction - shares.mean()) - 1e-9 for one in shares)
    assert found.fraction == pytest.approx(fraction)
    assert found.p == pytest.approx((1 + beyond) / (1 + shuffles))
    if shares.std() > 0:
        assert found.z == pytest.approx((fraction - shares.mean()) / np.std(shares, ddof=1))


@pytest.mark.parametrize(("channels", "shuffles"), [(1, 5), (2, 9), (30, 100), (600, 200)])
def test_shuffles_of_the_same_orders_have_no_pair_in_common(channels: int, shuffles: int) -> None:
    """A channel meets every other one once before it meets one again; the next orders are other ones."""
    partners = shuffled(channels, shuffles, 3)
    assert partners.shape == (shuffles, channels)
    for start in range(0, shuffles, channels):
        block = np.sort(partners[start : start + channels], axis=0)
        assert (np.diff(block, axis=0) > 0).all()
    if shuffles > channels > 2:
        assert not np.array_equal(partners[:channels], partners[channels : 2 * channels])


@pytest.mark.parametrize("states", [1, 3, 16, 300, 5000])
def test_blocks_cover_every_pair_once_and_leave_blas_alone(states: int) -> None:
    for channels, shuffles in ((1, 1), (5, 3), (400, 300), (1000, 200)):
        met = np.zeros((channels, shuffles), int)
        for rows, shifts in controls.blocks(channels, shuffles, states):
            met[rows, shifts] += 1
            height, width = rows.stop - rows.start, shifts.stop - shifts.start
            assert height <= np.iinfo(np.uint8).max
            assert height * (height + width - 1) * states <= controls.ALONE or height == 1
        assert (met == 1).all()


def test_what_is_not_said_is_the_same_everywhere() -> None:
    """One layer in memory, all of a file, and the control alone: the same shuffles, neither simulated nor certified."""
    told = inspect.signature(audit).parameters
    layer = drawn(2, 9)
    found = audit_layer(layer)
    assert found.control.shuffles == told["shuffles"].default
    assert (found.simulation is not None) == told["simulate"].default
    assert (set(found.words("certified").words()) != {"not asked"}) == told["certify"].default
    for alone in (permutation_control(layer), permutation_control(layer, seed=told["seed"].default)):
        np.testing.assert_array_equal(found.control.fractions, alone.fractions)
    other = permutation_control(layer, seed=told["seed"].default + 1)
    assert not np.array_equal(found.control.fractions, other.fractions)


# ---- the recurrence


@pytest.mark.parametrize("scale", [1.0, 1e-2])
def test_the_error_of_the_flow_is_relative_to_the_largest_output(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recurrence that gives 5/4 of the truth is off by 1/4 of it, and by 1/5 of what it gives; then one that is right."""
    layer, rng = drawn(2, 5, scale=scale), np.random.default_rng(0)
    monkeypatch.setattr(reference, "REFERENCE_CHANNELS", 4)

    def tokens() -> np.ndarray:
        return np.asarray(rng.uniform(0.5, 2.0, 3) * [1, -1, 1])

    exact, seen = reference.s6_reference, []

    def planted(layer: S6Layer, x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return exact(layer, x) * (1.25 if len(seen) == 2 else 1.0)

    monkeypatch.setattr(reference, "s6_reference", planted)
    error, count = reference.reference_error(layer, rng, tokens)
    assert error == pytest.approx(0.2)
    assert count == len(seen) == 4
    assert len({int(np.flatnonzero(x.any(axis=0))[0]) for x in seen}) == 4


def test_a_layer_without_output_has_no_error() -> None:
    layer, rng = layer_of(np.zeros((2, 3)), np.zeros((2, 3))), np.random.default_rng(0)
    with np.errstate(all="raise"):
        assert reference.reference_error(layer, rng, lambda: np.ones(2)) == (0.0, 3)


def test_products_by_parts_are_the_whole_product() -> None:
    """More terms than one part holds, and a last part that is not full."""
    rng = np.random.default_rng(7)
    for rows, columns, terms in ((16, 16, 5120), (16, 8, 3001), (600, 600, 3), (1, 1, 1)):
        left, right = rng.normal(size=(rows, terms)), rng.normal(size=(columns, terms))
        np.testing.assert_allclose(cross_product(left, right), left @ right.T, rtol=0, atol=1e-10)


def test_shuffles_do_not_hang_on_the_digits_of_float32() -> None:
    """Two states of opposite signs whose products agree to seven digits, or altogether; float64 holds the sums exactly."""
    rng = np.random.default_rng(2)
    S_B, S_C = (1 + rng.integers(0, 64, (2, 2000)) * 2.0**-14 for _ in range(2))
    S_C[1] *= -1
    partners = shuffled(2000, 50, 1)
    mu = np.array([(S_B * S_C[:, others]).sum(axis=0) for others in partners])
    single = np.array([(S_B.astype(np.float32) * S_C[:, others].astype(np.float32)).sum(axis=0) for others in partners])
    assert np.count_nonzero(mu == 0) > 10
    assert np.count_nonzero((single < 0) != (mu < 0)) > 10
    found = permutation_control(layer_of(S_B, S_C), 50, seed=1)
    np.testing.assert_array_equal(found.fractions, (mu < 0).mean(axis=1))


@pytest.mark.parametrize(("share", "factored"), [(0.5, True), (2.0, False), (1e12, False)])
def test_rows_near_to_each_other_are_factored_and_others_multiplied(
    share: float, factored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two orthonormal rows, one of which is shortened to either side of the threshold, and down to nothing."""
    seen: list[int] = []
    cholesky = np.linalg.cholesky
    monkeypatch.setattr(np.linalg, "cholesky", lambda gram: seen.append(1) or cholesky(gram))
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 2)))[0].T
    small = np.sqrt(INDEPENDENT / share)
    layer = layer_of(rows[:1], rows[1:] * small)
    found = symmetric_signature(layer)
    assert bool(seen) == factored
    assert (found.positive, found.negative) == (1, 1)
    np.testing.assert_allclose([found.largest, found.smallest], [small / 2, -small / 2], rtol=1e-12)


@pytest.mark.parametrize("states", [1, 4])
def test_dependent_rows_have_the_signs_of_the_whole_matrix(states: int) -> None:
    """S_C = S_B: the symmetric part is semidefinite, and no rounding of a product makes an eigenvalue negative."""
    S_B = np.random.default_rng(1).normal(size=(states, 500))
    found = symmetric_signature(layer_of(S_B, S_B.copy()))
    assert (found.positive, found.negative) == (states, 0)
