"""Token 1 near the axis of one channel: what constructions make of the layer, and when a run may pass over a rest."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks.data.adjust import ADJUST, axis_sizes, digit_share
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.orbits import dying, lead, log_due, passed_over
from s6flow.numeric.checks.shared import quantity
from s6flow.numeric.criteria.exponential_sums import OrbitCertificate
from s6flow.numeric.flow.step_control import DRIVER
from s6flow.proofs.registry import REGISTRY

Data = dict[str, Any]
COUNT = 60


def layers(channels: int, states: int = 3) -> Data:
    """Random layers with an axis each; the second half of the systems turned to the other side of it."""
    rng = np.random.default_rng(channels)
    on_axis = np.zeros((COUNT, channels))
    on_axis[np.arange(COUNT), rng.integers(0, channels, COUNT)] = 1.0
    x = rng.normal(size=(COUNT, 2, channels))
    return {
        "S_B": rng.normal(size=(COUNT, states, channels)), "S_C": rng.normal(size=(COUNT, states, channels)), "S_dt_in": rng.normal(size=(COUNT, 2, channels)),
        "S_dt_out": rng.normal(size=(COUNT, channels, 2)), "b": rng.normal(size=(COUNT, channels)), "floor": np.full(COUNT, 0.1), "x": x, "on_axis": on_axis,
    }  # fmt: skip


def column(data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The column of S_Delta of the axis, towards the token's side: own entry, and the largest other."""
    c = data["on_axis"].argmax(axis=1)
    rows = np.arange(COUNT)
    s_delta = np.einsum("bdr,bre->bde", data["S_dt_out"], data["S_dt_in"])
    entries = s_delta[rows, :, c] * np.sign(data["x"][rows, 0, c])[:, None]
    rest = entries.copy()
    rest[rows, c] = -np.inf
    return entries, entries[rows, c], rest.max(axis=1)


def test_a_form_on_an_axis_is_a_multiple_of_one_column_by_the_other() -> None:
    data = layers(4)
    before = {key: value.copy() for key, value in data.items()}
    ADJUST["axis-form-positive"](data)
    rows, c = np.arange(COUNT), data["on_axis"].argmax(axis=1)
    ratio = data["S_C"][rows, :, c] / before["S_B"][rows, :, c]
    share = 0.2 + digit_share(before["S_C"][rows, 0, c])
    np.testing.assert_allclose(ratio, np.repeat(share[:, None], 3, axis=1), rtol=1e-12)
    assert (ratio >= 0.2).all()
    assert ((data["S_C"] * data["S_B"]).sum(axis=1)[rows, c] > 0).all()
    others = np.ones((COUNT, 4), dtype=bool)
    others[rows, c] = False
    np.testing.assert_array_equal(np.swapaxes(data["S_C"], 1, 2)[others], np.swapaxes(before["S_C"], 1, 2)[others])


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_the_step_of_an_axis_leads_on_either_side(channels: int) -> None:
    """Fast: above the others and above 0 by 0.2 and its digits. Slow: all entries below -0.3, its own above them by up to 0.2."""
    data = layers(channels)
    before = {key: value.copy() for key, value in data.items()}
    entries, own_before, _ = column(before)
    ADJUST["axis-leads"](data)
    after, own, other = column(data)
    c = data["on_axis"].argmax(axis=1)
    slow = digit_share((data["S_dt_in"][np.arange(COUNT), :, c] ** 2).sum(axis=1)) < 0.4
    assert 5 < slow.sum() < COUNT - 5
    np.testing.assert_array_equal(data["floor"], np.where(slow, 0.0, 0.1))
    kept = np.ones_like(entries, dtype=bool)
    kept[np.arange(COUNT), c] = False
    wanted = np.where(slow[:, None], -np.abs(entries) - 0.3, entries)
    np.testing.assert_allclose(after[kept], wanted[kept], rtol=1e-9, atol=1e-12)
    best = other if channels > 1 else np.full(COUNT, -0.5)
    moved = np.where(slow, -np.abs(own_before) - 0.3, own_before)
    digits = digit_share(moved)
    clear = (digits > 1e-3) & (digits < 1 - 1e-3)  # of a number that is summed anew
    lifted = np.where(slow, best + 0.2 * (1 - digits), np.maximum(best, 0.0) + 0.2 + digits)
    np.testing.assert_allclose(own[clear], lifted[clear], atol=1e-8)
    assert (own > best).all()
    assert (own[~slow] >= 0.2 - 1e-9).all()
    assert (own[slow] < 0).all()
    assert clear.sum() > COUNT / 2


@pytest.mark.parametrize("channels", [1, 3])
def test_leads_of_constructions_and_of_measurements_are_one(channels: int) -> None:
    data = layers(channels)
    data["S_dt_out"][0] = 0.0  # no pull at all
    _, own, other = column(data)
    assert own[0] == 0.0
    found = axis_sizes(data)
    np.testing.assert_allclose(found["lead"], lead(own, other, np.zeros(COUNT)), rtol=1e-12)


def test_a_token_is_put_between_once_and_three_times_as_far_as_is_asked() -> None:
    data = layers(3)
    for assumption in ("axis-form-positive", "axis-leads"):
        ADJUST[assumption](data)
    rows, c = np.arange(COUNT), data["on_axis"].argmax(axis=1)
    before = data["x"].copy()
    far = np.asarray(quantity("axis_far", **axis_sizes(data)))
    ADJUST["axis-far"](data)
    ratio = data["x"][rows, 0, c] / before[rows, 0, c] * np.abs(before[rows, 0, c]) / far
    np.testing.assert_allclose(ratio - 1 - 2 * digit_share(before[rows, 0, c]), 1e-9, rtol=0, atol=3e-15)
    first = data["x"].copy()
    ADJUST["axis-narrow"](data)
    np.testing.assert_array_equal(data["x"][rows, 0, c], first[rows, 0, c])
    np.testing.assert_array_equal(data["x"][:, 1], first[:, 1])
    rest = data["x"][:, 0].copy()
    rest[rows, c] = 0.0
    width = np.sqrt(quantity("axis_width", **axis_sizes(data))) * np.abs(first[rows, 0, c])
    share = np.linalg.norm(rest, axis=1) / width
    assert (share >= 0.1 - 1e-9).all()
    assert (share < 1.0).all()
    assert share.max() > 0.8


# ---- rests that are passed over, and channels that are slowest


@pytest.mark.parametrize(
    ("start", "first", "behind", "rtol", "passed"),
    [
        ([math.exp(2.0), math.exp(-9.0)], 3.0, 17.9, 1e-4, True),  # the largest entry is e^5 there, the smaller e^-3
        ([math.exp(2.0), math.exp(-9.0)], 3.0, 18.1, 1e-4, False),  # 15.1 times the step of 2 is a whole step
        ([math.exp(2.0), 0.0], 3.0, 30.0, 1e-4, True),  # a channel that is not used has no step
        ([math.exp(0.86), math.exp(-9.0)], 3.0, 5.0, 1e-4, False),  # e^-7.72 against 4 rtol, e^-7.82
        ([math.exp(0.96), math.exp(-9.0)], 3.0, 5.0, 1e-4, True),
        ([math.exp(0.96), math.exp(-9.0)], 3.0, 5.0, 1e-5, False),
        ([math.exp(2.0), 1.0], math.inf, math.inf, 1e-4, False),
        ([0.0, 0.0], 3.0, 5.0, 1e-4, False),
    ],
)
def test_a_rest_is_passed_over_far_out_and_with_the_next_one_near(
    start: list[float], first: float, behind: float, rtol: float, passed: bool
) -> None:
    assert DRIVER.longest_step == 30.0
    zeros = tuple((value, value) for value in (first, behind) if math.isfinite(value))
    certificate = OrbitCertificate(zeros, True, len(zeros), 1)
    assert passed_over(certificate, np.array(start), np.array([1.0, 2.0]), rtol) is passed


def test_a_zero_token_has_no_slowest_channel() -> None:
    """Of the channels in use the gap of the two smallest steps; one alone is as far ahead as can be."""
    theorem = REGISTRY["slowest-channel"]
    shape = Shape(1, 2, 3, 1)
    data = construct(theorem, shape, np.random.default_rng(1).random((4, dimension(theorem, shape))))
    data["x"][0] = 0.0
    data["x"][1, 0, :] = [0.5, 0.0, 0.7]
    data["x"][2, 0, :] = [0.5, -0.2, 0.7]
    data["x"][3, 0, :] = [0.0, 0.0, 0.7]
    found = dying(SimpleNamespace(options={"log_times": (-9.0, -8.0)}), data, "numpy")  # type: ignore[arg-type]
    steps = np.logaddexp(0.0, data["b"]) + data["floor"][:, None]
    gap = found["step_gap"][:, 0]
    assert gap[0] == -1.0
    assert gap[1] == pytest.approx(abs(steps[1, 0] - steps[1, 2]))
    ordered = np.sort(steps[2])
    assert gap[2] == pytest.approx(ordered[1] - ordered[0])
    assert gap[3] > 1e20
    np.testing.assert_array_equal(found["valid"], [[False, True]] * 4)


# ---- the clock of the end


def due(form: list[list[float]], start: list[float], steps: list[float], zero: float) -> float:
    return float(
        log_due(REGISTRY["orbit-sum"], np.array([form]), np.array([start]), np.array([steps]), np.array([zero]))[0]
    )


@pytest.mark.parametrize(
    ("form", "start", "step", "grown"),
    [(-1.0, 1.0, 0.5, 1e-2), (-0.03, 0.2, 1.3, 1e-2), (1.0, 1.0, 0.5, 1e30), (0.02, -0.1, 0.3, 1e30)],
)
def test_one_channel_takes_the_time_of_its_closed_form(form: float, start: float, step: float, grown: float) -> None:
    """x' = Delta M x^3: 1/x^2 falls at the rate 2 Delta M."""
    exact = math.log((1 - grown**-2) / (2 * step * form * start**2))
    for channels in (1, 2):  # one that is not used has no say
        rows = np.zeros((channels, channels)), np.zeros(channels), np.full(channels, 1e-3)
        rows[0][0, 0], rows[1][0], rows[2][0] = form, start, step
        assert (
            exact
            <= due(rows[0].tolist(), rows[1].tolist(), rows[2].tolist(), math.copysign(math.inf, form))
            < exact + 0.1
        )


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("mixed", [0.0, 0.1])
def test_a_rest_ahead_is_come_near_in_the_time_of_a_quadrature(side: float, mixed: float) -> None:
    from scipy.integrate import quad
    from scipy.optimize import brentq

    form, start, steps = np.array([[1.2, 2 * mixed], [0.0, -0.4]]) * side, np.array([0.5, -0.4]), np.array([0.3, 0.8])
    if side < 0:  # the slow channel carries it backwards
        form = -form @ np.diag([0.1, 4.0])

    def clock(s: float) -> float:
        x = start * np.exp(steps * s)
        return float(x @ form @ x)

    ahead = np.sign(clock(0.0))
    zero = brentq(clock, 1e-3 * ahead, 9.0 * ahead)
    exact = math.log(abs(quad(lambda s: 1 / clock(s), 0.0, zero - ahead * 0.005, limit=500)[0]))
    assert exact <= due(form.tolist(), start.tolist(), steps.tolist(), zero) < exact + 0.02


def test_a_bound_that_is_not_found_is_none() -> None:
    """g = (e^(2 s) - 1/2)^2 stands still at its double zero; a zero that is not known promises nothing."""
    double = [[-1.0, 0.5], [0.5, -0.25]]
    assert due(double, [1.0, 1.0], [2.0, 1e-12], -math.inf) == math.inf
    assert due(double, [1.0, 1.0], [2.0, 1e-12], math.nan) == math.inf
    # 1/4 more keeps it from zero, and by a known time it has come through
    assert due([[-1.0, 0.5], [0.5, -0.5]], [1.0, 1.0], [2.0, 1.0], -math.inf) < 25
