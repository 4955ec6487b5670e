"""Small parts of checks from planted numbers: where the least margin is, what counts in a box, what is drawn and adjusted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies
import numpy as np
import pytest

from s6flow.numeric.checks import boxes, judge, measurements, nightly, threshold
from s6flow.numeric.checks.data import strategies
from s6flow.numeric.checks.data.adjust import ADJUST
from s6flow.numeric.checks.shared import Data
from s6flow.numeric.flow import Status
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY
from s6flow.symbolic.margin import IDLE

# ---- margins of a batch

WITH_CORE = next(key for key, one in REGISTRY.items() if one.core is not None and one.measurement != "pointwise")


@pytest.mark.parametrize(
    ("whole", "core", "margins", "moments"),
    [
        ([[0.2, 0.5, 0.9], [0.3, 0.3, 0.1]], [[0.7, 0.1], [0.4, 0.6]], [0.1, 0.1], [1, 2]),
        ([[0.2, IDLE, 0.9], [IDLE, 0.3, 0.4]], [0.9, 0.25], [0.2, 0.25], [0, 0]),
        ([[1.7, 1.6], [IDLE, 1.4]], IDLE, [np.inf, 1.4], [0, 1]),
        ([[0.5, np.nan], [-0.1, np.nan]], 0.6, [np.nan, -0.1], [0, 0]),
    ],
)
def test_the_moment_is_that_of_the_least_margin(
    whole: Any, core: Any, margins: list[float], moments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the claim and of its core, a value for each moment, for each system, or for all of them."""
    parts = iter([np.asarray(whole, dtype=float), np.asarray(core, dtype=float)])
    monkeypatch.setattr(judge, "moment_margins", lambda *_: next(parts))
    monkeypatch.setattr(judge, "satisfied", lambda *_: np.ones(2, dtype=bool))
    found = judge.judge_data(checked(WITH_CORE), {"x0": np.ones((2, 3)), "one": np.ones((1, 4))}, observed={})
    np.testing.assert_array_equal(found.margins, margins)
    np.testing.assert_array_equal(found.moments, moments)


def test_a_checked_form_brings_its_own_margin_and_no_weakened_one() -> None:
    form = checked(WITH_CORE)
    assert judge.claim_program(form, False) is form.margin
    assert judge.claim_program(form, True) is form.core
    assert judge.claim_program(form, False, 2) is not form.margin


def test_an_observed_moment_is_not_compared_where_it_is_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def evaluate(program: Any, target: Any, values: dict[str, Any]) -> Any:
        seen.update(values)
        return np.array([[[0.5, 0.6], [-3.0, 0.1]]])

    monkeypatch.setattr(judge, "evaluate", evaluate)
    program = SimpleNamespace(inputs=[SimpleNamespace(name=name) for name in ("tolerance", "x", "mu")])
    observed = {"valid": np.array([[True, False]]), "x": np.array([[7.0, 8.0]])}
    found = judge.moment_margins(program, None, {"mu": np.array([[1.0, 2.0]])}, observed, 1e-9)
    np.testing.assert_array_equal(found, [[[0.5, 0.6], [IDLE, IDLE]]])
    assert seen["x"] is observed["x"]
    np.testing.assert_array_equal(seen["mu"], [[[1.0, 2.0]] * 2])


# ---- boxes


@pytest.mark.parametrize(
    ("lower", "certified", "lowest"),
    [
        (0.0, True, 0.0),
        (0.75, True, 0.75),
        (float(IDLE), True, np.inf),
        (IDLE - 0.5, True, np.inf),
        (-1e-300, False, np.inf),
    ],
)
def test_a_box_is_certified_from_zero_on_and_an_idle_claim_has_no_margin(
    lower: float, certified: bool, lowest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("flint")
    monkeypatch.setattr(boxes, "margin_on", lambda *_: lower)
    box = {"mu": [1.0, 1.0], "a": [1.0, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [(1.0, 2.0), 1.0]}
    found = boxes.certify_box("convergence-monotone", box, max_boxes=1)
    assert (found.certified, found.margin) == (certified, lowest)


# ---- what is drawn


def test_the_entries_of_a_cube_shrink_to_ends_of_ranges() -> None:
    """What strategies are asked for: seeds of 32 bits, any entry, a value from 0 to 1, and its ends."""
    asked: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        def strategy(*args: Any, **options: Any) -> Any:
            asked.append((name, (args, options)))
            return set() if name in ("sampled_from", "floats") else name

        return strategy

    names = ("integers", "tuples", "floats", "sampled_from", "lists", "builds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypothesis, "strategies", SimpleNamespace(**{name: note(name) for name in names}))
        strategies.unit_cubes(2, 3)
    found = {name: arguments for name, arguments in asked if name != "integers"}
    assert sorted(found["sampled_from"][0][0]) == [0.0, 1.0]
    assert found["floats"] == ((0.0, 1.0), {"width": 32})
    assert [one[0] for name, one in asked if name == "integers"] == [(0, 2 * 3 - 1), (0, 2**32 - 1)]


@pytest.mark.parametrize(
    ("mu", "wanted"),
    [
        ([1.0, -0.85], [1.0, -0.85]),
        ([-1.0, 0.85], [1.0, -0.85]),
        ([1.0, -0.95], [1.05 + 0.025, -0.95]),
        ([0.5, -1.0], [-0.5, 1.0]),
    ],
)
def test_a_sum_is_raised_to_a_tenth_of_the_largest_entry(mu: list[float], wanted: list[float]) -> None:
    """Above that it stays, but for its sign; below, the largest of its sign grows by one and a half times what is missing."""
    data: Data = {"mu": np.array([mu])}
    ADJUST["mu-positive"](data)
    np.testing.assert_allclose(data["mu"], [wanted], rtol=1e-14)


def test_what_meets_an_assumption_is_left_alone() -> None:
    x = np.array([[[0.0, 0.5, 3.0], [-4.0, 1.0, -0.2]]])
    data: Data = {"x": x.copy(), "x_max": np.array([[1.0, 1.0, 2.0]]), "floor": np.array([0.0, 0.3])}
    ADJUST["channels-bounded"](data)
    np.testing.assert_array_equal(data["x"], [[[0.0, 0.5, 2.0], [-1.0, 1.0, -0.2]]])
    ADJUST["off-axes"](data)
    assert (data["x"] != 0).all()
    np.testing.assert_array_equal(data["x"][0, :, 1:], [[0.5, 2.0], [1.0, -0.2]])
    ADJUST["floor-positive"](data)
    assert data["floor"][0] > 0
    assert data["floor"][1] == 0.3


# ---- measurements


@pytest.mark.parametrize(("error", "seen"), [(5e-10, False), (5e-9, True)])
def test_a_stack_is_compared_beyond_a_billionth_of_its_largest_token(
    error: float, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.array([[1e-3, -2.0]])
    ran = SimpleNamespace(x=SimpleNamespace(data=x[:, None]), status=np.array([Status.HORIZON]))
    monkeypatch.setattr(measurements, "integrate", lambda *_, **__: ran)
    monkeypatch.setattr(measurements, "behind_stack", lambda x0, params, layers: x + 2.0 * error * 256 / layers * 2)
    one = np.ones((1, 1))
    data = {"x0": x, "mu": one, "a": one, "s": one[0], "b": one[0], "floor": one[0]}
    theorem = REGISTRY["euler-consistency"]
    found = measurements.MEASUREMENTS["stack"](
        replace(theorem, options={**theorem.options, "layers": 256}), data, "numpy"
    )
    assert found["valid"].tolist() == [[seen]]
    np.testing.assert_allclose(found["error_h"], 2 * found["error_half"], rtol=1e-5)


def test_a_threshold_is_one_of_the_first_two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third token, beside these or not, changes nothing, after however many halvings."""
    monkeypatch.setattr(threshold, "HALVINGS", 2)
    one = np.ones((1, 1))
    data = {
        "mu": 0.5 * one,
        "a": 0.7 * one,
        "s": 0.0 * one[0],
        "b": one[0],
        "floor": 0.0 * one[0],
        "x0": np.array([[2.0, 1.0, 0.7]]),
    }
    found, alone = (
        threshold.threshold(REGISTRY["follower-threshold"], {**data, "x0": data["x0"][:, :count]}, "numpy")
        for count in (3, 2)
    )
    for name in alone:
        np.testing.assert_array_equal(found[name], alone[name])


def test_a_ratio_is_read_when_the_statement_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a ten-thousandth of T is left; it is judged a thousand times nearer, and once more where a token is at 1e30."""
    asked, integrate = list[dict[str, Any]](), threshold.integrate
    monkeypatch.setattr(threshold, "HALVINGS", 1)
    monkeypatch.setattr(
        threshold, "integrate", lambda *given, **options: asked.append(options) or integrate(*given, **options)
    )
    one = np.ones((1, 1))
    flat = {"s": 0.0 * one[0], "b": one[0], "floor": 0.0 * one[0]}
    threshold.threshold(
        REGISTRY["follower-threshold"], {**flat, "mu": one, "a": one, "x0": np.array([[2.0, 1.0]])}, "numpy"
    )
    near, late = next(row for row in asked if "log_times" in row), next(row for row in asked if "x_limit" in row)
    left = -np.expm1(near["log_times"])
    assert left[0] == pytest.approx(1e-4, rel=1e-9)
    assert left[1] == pytest.approx(1e-3 * left[0], rel=1e-6)
    assert late["x_limit"] == 1e30


@pytest.mark.parametrize(("key", "integrator"), [("closed-form-first-token", "numpy"), ("scaling", None)])
def test_a_nightly_row_names_the_integrator_of_trajectories(key: str, integrator: str | None) -> None:
    assert nightly.row_of(key, ("numpy",), 1, 0, "numpy")["integrator"] == integrator
