"""What checks decide at an edge: gaps, shares, angles, layers behind a norm, margins and certified boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import judge, measurements, normalised
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.checks.reach import carried_sign
from s6flow.numeric.checks.shared import count_of
from s6flow.symbolic.margin import IDLE

RNG = np.random.default_rng(5)


def test_gaps_count_back_to_the_last_token_that_is_not_zero() -> None:
    x0 = np.array([[1.0, 0.0, 2.0, 3.0], [0.0, 0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(measurements.gaps(x0), [[1e6, 1.0, 2.0, 1.0], [1e6, 1e6, 1e6, 1.0]])


def test_shares_follow_their_recursion_and_zero_tokens_gate_alone() -> None:
    x0 = np.array([[1.0, -2.0, 0.0, 3.0, 0.5]])
    data = {
        "x0": x0,
        "mu": np.array([[-1.0, -0.4]]),
        "a": np.array([[0.5, 2.0]]),
        "b": np.array([0.2]),
        "floor": np.array([0.1]),
    }
    gate = np.exp(-data["a"][0] * (np.logaddexp(0, 0.2) + 0.1))
    share, kappa = np.zeros(2), []
    for x in x0[0]:
        share = share * gate
        kappa.append(share.sum())
        share = share + (data["mu"][0] / data["mu"][0].sum() * max(1 - kappa[-1], 0) if x else 0)
    np.testing.assert_allclose(measurements.shares(data)[0], kappa, rtol=1e-12)


def test_angles_speeds_and_swings() -> None:
    one, two = np.array([[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 5.0], [-1.0, 0.0], [1.0, 1e-9]])
    np.testing.assert_allclose(normalised.angle(one, two), [np.pi / 2, np.pi, 1e-9], rtol=1e-12)
    x, v = RNG.normal(size=(2, 6, 3))
    exact = [np.linalg.norm(b - a * (a @ b) / (a @ a)) for a, b in zip(x, v, strict=True)]
    np.testing.assert_allclose(normalised.orthogonal_speed(x, v), exact, rtol=1e-12)
    now = RNG.normal(size=(3, 7, 2))
    swing = [[max(np.ptp(row[k:], axis=0)) for k in range(7)] for row in now]
    np.testing.assert_allclose(normalised.swing(now), swing)
    arrays = {
        "S_dt_out": RNG.normal(size=(2, 3, 2)),
        "S_dt_in": RNG.normal(size=(2, 2, 3)),
        "b": RNG.normal(size=(2, 3)),
        "floor": np.array([0.0, 0.3]),
    }
    tokens = RNG.normal(size=(2, 4, 3))
    for k in range(2):
        drive = tokens[k] @ (arrays["S_dt_out"][k] @ arrays["S_dt_in"][k]).T + arrays["b"][k]
        np.testing.assert_allclose(
            normalised.layer_steps(tokens, arrays)[k], np.log1p(np.exp(drive)) + arrays["floor"][k], rtol=1e-12
        )


def layer_data() -> dict[str, Any]:
    sizes = {
        "S_B": (2, 3, 4),
        "S_C": (2, 3, 4),
        "S_dt_in": (2, 2, 4),
        "S_dt_out": (2, 4, 2),
        "beta_B": (2, 3),
        "beta_C": (2, 3),
        "b": (2, 4),
        "skip": (2, 4),
        "gain": (2, 4),
    }
    drawn = {name: 0.5 * RNG.normal(size=size) for name, size in sizes.items()}
    return {
        **drawn,
        "a": np.exp(RNG.normal(size=(2, 4, 3))),
        "floor": np.array([0.0, 0.2]),
        "norm_floor": np.array([0.0, 1e-3]),
    }


@pytest.mark.parametrize("skip", [False, True])
def test_a_layer_behind_a_norm_is_the_written_one(skip: bool) -> None:
    data = layer_data()
    x = RNG.normal(size=(2, 3, 4))
    x[0, 1] = 0.0
    got = normalised.output_behind_norm(x, data, normalised.layer_arrays(data, skip))
    for k in range(2):
        state = np.zeros((4, 3))
        for token in range(3):
            v = x[k, token]
            size = np.sqrt((v**2).mean() + data["norm_floor"][k])
            n = data["gain"][k] * v / size if size else np.zeros(4)
            step = np.logaddexp(0, data["S_dt_out"][k] @ data["S_dt_in"][k] @ n + data["b"][k]) + data["floor"][k]
            state = np.exp(-data["a"][k] * step[:, None]) * state + np.outer(
                step * n, data["S_B"][k] @ n + data["beta_B"][k]
            )
            y = state @ (data["S_C"][k] @ n + data["beta_C"][k]) + (data["skip"][k] * n if skip else 0)
            np.testing.assert_allclose(got[k, token], y, rtol=1e-9, atol=1e-12)


def test_the_smallest_margin_of_a_system_and_its_moment() -> None:
    idle = float(IDLE)
    values = np.array(
        [
            [[3.0, 2.0], [1.0, 5.0]],
            [[idle, idle], [idle, idle]],
            [[np.nan, 1.0], [2.0, 0.5]],
            [[np.nan, -1.0], [2.0, -3.0]],
            [[idle, 1.2], [idle - 0.55, idle - 0.45]],
        ]
    )
    smallest, moments = judge.least_margins(values, 5)
    np.testing.assert_array_equal(smallest, [1.0, np.inf, np.nan, -3.0, 1.2])
    np.testing.assert_array_equal(moments[[0, 2, 3, 4]], [1, 1, 1, 0])
    np.testing.assert_array_equal(judge.least_margins(np.array(0.5), 3)[0], [0.5] * 3)
    np.testing.assert_array_equal(judge.least_margins(np.array([[1.2, 1.0]]), 2)[1], [1, 1])
    np.testing.assert_array_equal(judge.least_margins(np.array([1.2, 1.0]), 2)[0], [1.2, 1.0])
    data = {"x0": np.array([[0.0, 1.0, -2.0], [1.0, 2.0, 0.0]]), "s": np.array([1.0, 0.0])}
    np.testing.assert_array_equal(judge.DERIVED["fast_tokens"](data), [1.0, 2.0])
    assert count_of({"N": 2.0}) == 1


def test_the_sign_of_K_in_reach_for_planted_systems() -> None:
    """K = (3 e^-z - 2 e^-4z) and its mirror image; a floor is where steps begin, and s = 0 leaves multiples of Delta(0)."""
    mu = np.array([[3.0, -2.0], [-2.0, 3.0], [-2.0, 3.0], [-2.0, 3.0], [1.0, 2.0], [-2.0, 3.0]])
    a = np.array([[1.0, 4.0], [1.0, 4.0], [4.0, 1.0], [1.0, 4.0], [1.0, 4.0], [1.0, 1.001]])
    data = {
        "mu": mu,
        "a": a,
        "s": np.array([1.0, 1.0, -1.0, 0.0, 1.0, 1.0]),
        "b": np.zeros(6),
        "floor": np.array([0.0, 0.0, 0.1, 0.1, 0.0, 0.0]),
        "x0": np.array([[1.0, -1.0]] * 6),
    }
    signs = []
    for k in range(6):
        base = np.log(2.0) + data["floor"][k]
        below = data["s"][k] * -1.0 < 0
        steps = (
            np.arange(1, 400) * base
            if data["s"][k] == 0
            else np.linspace(data["floor"][k] if below else base, 60, 100_000)
        )
        K = (mu[k] * np.exp(-a[k] * steps[:, None])).sum(axis=1) * np.exp(a[k].min() * steps)
        signs.append(-1.0 if (K < 0).any() or mu[k][a[k].argmin()] < 0 else 1.0)
    np.testing.assert_array_equal(carried_sign(data), signs)


@pytest.mark.parametrize(("box", "certified"), [((0.1, 2.0), True), ((-2.0, 3.0), False)])
def test_boxes_are_split_where_they_are_wide(box: tuple[float, float], certified: bool) -> None:
    """states-nonnegative dropped: a box of mu_n that holds a violation is never certified."""
    letters = {
        "mu": [(-2.0, -1.0), (-2.0, -box[0] if certified else box[1])],
        "a": [1.0, (0.9, 1.1)],
        "s": (0.9, 1.0),
        "b": 0.0,
        "floor": 0.0,
        "x0": [(0.5, 0.6), 1.0],
    }
    found = certify_box("convergence-monotone", letters, max_boxes=60)
    assert found.certified is certified
    assert found.boxes <= 60
    assert certified == (not found.undecided)
    assert len(found.undecided) <= 5
    assert all(set(cell) >= {"mu[0]", "mu[1]", "s"} for cell in found.undecided)


def test_a_box_that_is_a_point_is_looked_at_once() -> None:
    point = {"mu": [-2.0, -1.0], "a": [1.0, 2.0], "s": 0.5, "b": 0.0, "floor": 0.0, "x0": [0.5, 1.0]}
    assert certify_box("convergence-monotone", point).boxes == 1
