"""What the constructions of checks do to drawn data: planted systems on either side of every choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks.data.adjust import ADJUST
from s6flow.numeric.checks.data.construct import DEFAULT_RANGES, Shape, construct, dimension
from s6flow.numeric.checks.judge import decided
from s6flow.proofs.registry import get

Data = dict[str, Any]


def system(**letters: Any) -> Data:
    """One system as a batch."""
    return {name: np.array([value], dtype=float) for name, value in letters.items()}


#: assumption, letters before, letters after: the rest stays.
PLANTED: list[tuple[str, Data, Data]] = [
    ("mu-positive", {"mu": [1.0, -3.0]}, {"mu": [-1.0, 3.0]}),
    ("mu-positive", {"mu": [-1.0, 3.0]}, {"mu": [-1.0, 3.0]}),
    ("mu-negative", {"mu": [-1.0, 3.0]}, {"mu": [1.0, -3.0]}),
    # a sum below a tenth of the largest is raised past it, by half more than it lacks, at the leading state of its sign
    ("mu-positive", {"mu": [2.0, -1.95]}, {"mu": [2.0 + 1.5 * 0.15, -1.95]}),
    ("mu-positive", {"mu": [2.0, -1.75]}, {"mu": [2.0, -1.75]}),
    ("mu-negative", {"mu": [2.0, -2.05]}, {"mu": [2.0, -2.05 - 1.5 * 0.155]}),
    ("mu-positive", {"mu": [0.5, 2.0, -2.45]}, {"mu": [0.5, 2.0 + 1.5 * 0.195, -2.45]}),
    ("mu-nonzero", {"mu": [2.0, -1.95]}, {"mu": [2.0 + 1.5 * 0.15, -1.95]}),
    ("mu-nonzero", {"mu": [1.95, -2.0]}, {"mu": [1.95, -2.0 - 1.5 * 0.15]}),
    ("mu-nonzero", {"mu": [1.0, -3.0]}, {"mu": [1.0, -3.0]}),
    ("skip-against-mu", {"mu": [1.0, 1.0], "d_skip": -2.0}, {"mu": [-1.0, -1.0], "d_skip": 2.0}),
    ("one-sign-or-decay", {"mu": [3.0, -1.0], "a": [2e-6, 5.0], "decay": 7.0}, {"mu": [3.0, -1.0], "a": [7.0, 7.0]}),
    ("one-sign-or-decay", {"mu": [1.0, -3.0], "a": [3e-6, 5.0], "decay": 7.0}, {"mu": [-1.0, -3.0], "a": [3e-6, 5.0]}),
    ("one-sign-or-decay", {"mu": [-3.0], "a": [2e-6], "decay": 7.0}, {"mu": [-3.0], "a": [2e-6]}),
    ("tokens-nonzero", {"x0": [0.0, -2.0]}, {"x0": [1.0, -2.0]}),
    ("first-token-nonzero", {"x0": [0.0, 0.0]}, {"x0": [1.0, 0.0]}),
    ("first-token-nonzero", {"x0": [-3.0, 0.0]}, {"x0": [-3.0, 0.0]}),
    ("slow-starts", {"x0": [2.0, -3.0, 0.0], "s": -2.0}, {"x0": [2.0, 3.0, 0.0]}),
    ("slow-starts", {"x0": [2.0, -3.0], "s": 0.0}, {"x0": [-2.0, -3.0], "s": 1.0}),
    ("first-token-fast", {"x0": [2.0, 3.0], "s": -0.5}, {"x0": [-2.0, 3.0]}),
    ("first-token-fast", {"x0": [0.0, 3.0], "s": 0.0}, {"x0": [1.0, 3.0], "s": 1.0}),
    ("first-token-slow", {"x0": [2.0, 3.0], "s": 0.5}, {"x0": [-2.0, 3.0]}),
    ("first-token-not-slow", {"x0": [-2.0, 3.0], "s": 0.0}, {"x0": [-2.0, 3.0]}),
    ("first-token-not-slow", {"x0": [2.0, 3.0], "s": 0.0}, {"x0": [2.0, 3.0]}),
    ("first-token-not-slow", {"x0": [0.0, 3.0], "s": 0.0}, {"x0": [1.0, 3.0]}),
    ("first-token-not-slow", {"x0": [2.0, 3.0], "s": -1.0}, {"x0": [-2.0, 3.0]}),
    ("later-tokens-slow", {"x0": [2.0, 3.0, 0.0, -4.0], "s": 3.0}, {"x0": [2.0, -3.0, -1.0, -4.0]}),
    ("second-token-fast", {"x0": [2.0, 3.0, 4.0], "s": -1.0}, {"x0": [2.0, -3.0, 4.0]}),
    ("second-token-fast", {"x0": [2.0, -3.0], "s": 0.0}, {"x0": [2.0, 3.0]}),
    ("second-token-fast", {"x0": [2.0, 0.0], "s": 1.0}, {"x0": [2.0, 1.0]}),
    ("some-token-not-slow", {"x0": [-2.0, -3.0], "s": 1.0}, {"x0": [-2.0, 3.0]}),
    ("some-token-not-slow", {"x0": [-2.0, 3.0, -4.0], "s": 1.0}, {"x0": [-2.0, 3.0, -4.0]}),
    ("some-token-not-slow", {"x0": [-2.0, 0.0], "s": 1.0}, {"x0": [-2.0, 1.0]}),
    ("some-token-not-slow", {"x0": [0.0, 5.0], "s": -1.0}, {"x0": [0.0, -5.0]}),
    ("some-token-not-slow", {"x0": [-2.0, 3.0], "s": 0.0}, {"x0": [-2.0, 3.0]}),
    ("same-prefix", {"x0": [1.0, 2.0, 3.0], "x_copy": [4.0, 5.0, 6.0], "m": 2.0}, {"x_copy": [1.0, 2.0, 6.0]}),
    ("floor-positive", {"floor": 0.0}, {"floor": 0.1}),
    ("floor-positive", {"floor": 0.02}, {"floor": 0.02}),
    ("s-nonzero", {"s": 0.0}, {"s": 1.0}),
    ("s-nonzero", {"s": -0.02}, {"s": -0.02}),
    ("states-nonpositive", {"mu": [1.0, -2.0]}, {"mu": [-1.0, -2.0]}),
    ("states-nonnegative", {"mu": [1.0, -2.0]}, {"mu": [1.0, 2.0]}),
    ("one-decay", {"a": [1.0, 2.0, 3.0], "decay": 5.0}, {"a": [5.0, 5.0, 5.0]}),
    ("off-axes", {"x": [[0.0, 2.0], [-3.0, 0.0]]}, {"x": [[1.0, 2.0], [-3.0, 1.0]]}),
    ("on-axis", {"x": [[5.0, 2.0], [-3.0, 4.0]], "on_axis": [0.0, 1.0]}, {"x": [[0.0, 2.0], [0.0, 4.0]]}),
    ("inputs-bounded", {"v": [3.0, -3.0, 1.0], "v_max": 2.0}, {"v": [2.0, -2.0, 1.0]}),
    ("steps-bounded", {"Delta": [3.0, 1.0], "delta_max": 2.0}, {"Delta": [2.0, 1.0]}),
    ("inputs-constant", {"v": [3.0, -3.0], "v_max": 2.0}, {"v": [2.0, 2.0]}),
    ("steps-constant", {"Delta": [3.0, 1.0], "delta_max": 2.0}, {"Delta": [2.0, 2.0]}),
    ("channels-bounded", {"x": [[3.0, -9.0]], "x_max": [2.0, 8.0]}, {"x": [[2.0, -8.0]]}),
    ("no-projection-bias", {"beta_B": [3.0], "beta_C": [2.0]}, {"beta_B": [0.0], "beta_C": [0.0]}),
    ("form-hyperbolic",
     {"S_B": np.ones((2, 2)), "S_C": np.ones((2, 2)), "S_dt_in": np.ones((1, 2)), "b": [2.0, 2.1]},
     {"S_B": np.eye(2), "S_C": np.diag([1.0, -1.0]), "S_dt_in": np.zeros((1, 2)), "b": [2.0, 2.5]}),
    ("form-hyperbolic",
     {"S_B": np.ones((2, 2)), "S_C": np.ones((2, 2)), "S_dt_in": np.ones((1, 2)), "b": [2.0, -1.0]},
     {"S_B": np.eye(2), "S_C": np.diag([1.0, -1.0]), "S_dt_in": np.zeros((1, 2)), "b": [-1.0, 2.0]}),
    ("on-cone",  # B_1 x = x_1, B_2 x = x_2: the cone is x_1 = x_2
     {"S_B": [[1.0, 0.0], [0.0, 1.0], [5.0, 6.0]], "S_C": np.ones((3, 2)), "x": [[3.0, 1.0]]},
     {"S_C": [[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]], "x": [[2.0, 2.0]]}),
    ("on-cone",
     {"S_B": [[1.0, 2.0], [1.0, 2.0]], "S_C": np.ones((2, 2)), "x": [[3.0, 1.0]]},
     {"S_C": [[1.0, 2.0], [-1.0, -2.0]]}),
]  # fmt: skip


@pytest.mark.parametrize(("assumption", "before", "after"), PLANTED)
def test_a_construction_changes_what_it_must_and_no_more(assumption: str, before: Data, after: Data) -> None:
    data = system(**before)
    ADJUST[assumption](data)
    for name, value in system(**(before | after)).items():
        np.testing.assert_allclose(data[name], value, rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_definite_form_has_its_sign_for_every_direction(sign: float) -> None:
    """The symmetric part of S_C^T S_B is sign S_B^T (G G^T / D + 1) S_B: beyond S_B^T S_B, and with a skew part."""
    rng = np.random.default_rng(3)
    data = {"S_B": rng.normal(size=(5, 3, 2)), "S_C": rng.normal(size=(5, 3, 2))}
    G, old = data["S_C"].copy(), data["S_B"].copy()
    ADJUST["form-positive" if sign > 0 else "form-negative"](data)
    S_B = data["S_B"]
    form = np.swapaxes(data["S_C"], 1, 2) @ S_B
    square = np.swapaxes(S_B, 1, 2) @ (G @ np.swapaxes(G, 1, 2) / 2 + np.eye(3)) @ S_B
    np.testing.assert_allclose((form + np.swapaxes(form, 1, 2)) / 2, sign * square, rtol=1e-12)
    assert (np.abs(form - np.swapaxes(form, 1, 2)).max(axis=(1, 2)) > 1e-3).all()
    largest = np.abs(old).max(axis=(1, 2))[:, None]
    np.testing.assert_allclose((S_B - old)[:, [0, 1], [0, 1]], 3 * np.tile(largest, 2), rtol=1e-12)


@pytest.mark.parametrize("end", [0, 1])
def test_draws_reach_the_ends_of_their_ranges(end: int) -> None:
    theorem = get("linear-recursion")
    shape = Shape(3, 2)
    points = np.full((1, dimension(theorem, shape)), float(end))
    data = construct(theorem, shape, points)
    ranges = {**DEFAULT_RANGES, **theorem.ranges}
    np.testing.assert_allclose(data["a"], ranges["a"][end])
    np.testing.assert_allclose(data["b"], ranges["b"][end])
    np.testing.assert_allclose(np.abs(data["mu"]), ranges["mu"][end])
    half = construct(theorem, shape, np.full_like(points, 0.5))
    np.testing.assert_allclose(half["a"], np.sqrt(np.prod(ranges["a"])))
    np.testing.assert_allclose(half["b"], np.mean(ranges["b"]), atol=1e-12)


def test_a_violated_part_decides_and_an_undecided_one_leaves_open() -> None:
    parts = [[1.0, np.nan], [np.nan, -1.0], [2.0, 1.0], [0.0, np.nan], [np.nan, np.nan], [-3.0, -2.0]]
    np.testing.assert_array_equal(decided(np.array(parts)), [np.nan, -1.0, 1.0, np.nan, np.nan, -3.0])
