"""Sums of steps that whole numbers of tokens can have, by counting, and the weights of a sum at no step."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.numeric.criteria.reach import Single, negative_within, reachable, reached
from s6flow.numeric.criteria.sums import Nodes, Sums


def nearest(total: float, low: float, high: float) -> float:
    """By trying every number of steps: the smallest sum from `total` on."""
    count = next(n for n in range(1, 10_000) if n * high >= total * (1 - 1e-12))
    return max(total, count * low)


@pytest.mark.parametrize("high", [1.0, 1.1, 1.5, 3.0])
def test_the_nearest_sum_is_found_by_counting(high: float) -> None:
    """Sums of n steps fill [n low, n high]: between two such ranges lies nothing while they are narrow."""
    totals = np.concatenate([np.linspace(0.05, 12.0, 240), np.arange(1, 12) * high])
    found = reached(totals, np.ones_like(totals), np.full_like(totals, high))
    np.testing.assert_allclose(found, [nearest(total, 1.0, high) for total in totals], rtol=1e-12)


@pytest.mark.parametrize("high", [1.0, 1.2, 2.5])
def test_right_ends_are_drawn_back_over_what_no_sum_reaches(high: float) -> None:
    """From n low on to below (n + 1) low only sums of n steps are there, which end at n high."""
    rng = np.random.default_rng(0)
    left, width = rng.uniform(1.0, 9.0, 400), rng.uniform(0.0, 1.5, 400)
    right = left + width
    found = reachable(left, right, np.ones(400), np.full(400, high))
    for begin, end, got in zip(left, right, found, strict=True):
        if int(begin) + 1 < end * (1 - 1e-12):
            assert got == end
        else:
            assert got == pytest.approx(min(end, max(begin, int(begin) * high)), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_k_is_negative_where_a_fine_grid_of_sums_says_so(seed: int) -> None:
    """K at every sum of up to eight steps of one size, and of two sizes, against the verdict at these distances."""
    rng = np.random.default_rng(seed)
    mu_n, a = rng.normal(size=(40, 3)), np.exp(rng.normal(size=(40, 3)))
    mu_n *= np.sign(mu_n.sum(axis=1))[:, None]
    low, high = np.full(40, 0.3), np.full(40, 0.3 if seed % 2 else 0.5)
    found = negative_within(mu_n, a, low, high)
    for row, most in enumerate((1, 8)):
        sums = np.concatenate([np.linspace(n * low[0], n * high[0], 200) for n in range(1, most + 1)])
        values = (mu_n[:, None] * np.exp(-a[:, None] * sums[:, None])).sum(axis=2).min(axis=1)
        clear = np.abs(values) > 1e-3
        np.testing.assert_array_equal(found[row, clear], (values < 0)[clear])


@pytest.mark.parametrize("where", [1e-4, 0.3, 3.0])
@pytest.mark.parametrize("least", [1e-2, 1e-3, 1e-6, -1e-6, -1e-3, -1e-2])
def test_float32_decides_nothing_that_float64_does_not(where: float, least: float) -> None:
    """Sums whose sign hangs on the third, sixth and later digits; what is near enough to zero is left to float64."""
    rng = np.random.default_rng(3)
    mu_n, a = np.array([[1.0 + least, -2.0, 1.0]]) * rng.uniform(1e-6, 1e6, (50, 1)), np.tile([1.0, 2.0, 3.0], (50, 1))
    mu_n = mu_n * np.exp(np.array([0.0, 1.0, 2.0]) * where)  # so that K is least at the step `where`
    low, high = where * rng.uniform(0.7, 0.99, 50), where * rng.uniform(1.01, 1.3, 50)
    found = negative_within(mu_n, a, low, high)
    np.testing.assert_array_equal(found[0], int(least < 0))


def test_margins_of_float32_are_above_its_errors() -> None:
    """Values of all four sums against float64, for arguments of any size; where float32 may lose digits it says nothing."""
    rng = np.random.default_rng(5)
    sums = Sums.of(
        rng.normal(size=(400, 16)) * 10.0 ** rng.uniform(-30, 30, (400, 1)), np.exp(2 * rng.normal(size=(400, 16)))
    )
    steps, rows = 10.0 ** rng.uniform(-4, 3, (400, 5)), np.arange(400)
    single, double = Single.of(sums), Nodes.of(sums, rows, steps)
    found = single.nodes(1, rows, steps).sums.astype(np.float64)
    value, size, up, down = double.sums / np.abs(sums.weights).max(axis=1)[:, None]
    told = np.isfinite(found[0])
    assert told.mean() > 0.9
    assert (np.abs(found[0] - value)[told] <= single.error * size[told]).all()
    assert (np.abs(found[0] - value)[told] > 0).any()
    assert (found[2] >= up)[told].all()
    assert (found[3] <= down)[told].all()
    assert single.margin >= 2 * single.error


def test_numbers_beyond_float32_are_left_to_float64() -> None:
    """Rates and weights whose squares and ratios leave float32: the sign is that of the slower state."""
    mu_n, a = np.array([[2.0, -1.0], [2e-60, -1.0]]), np.array([[1.0, 1e30], [1.0, 1.0 + 1e-12]])
    low, high = np.ones(2), np.full(2, 2.0)
    np.testing.assert_array_equal(negative_within(mu_n, a, low, high)[0], [0, 1])
