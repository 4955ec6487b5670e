"""The ends of what options may be: at the end itself they are taken, and a step beyond they are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError, S6FlowError
from s6flow.numeric.flow import FlowParameters, FlowResult, integrate
from s6flow.numeric.flow.integrate import LARGEST_LOG_HORIZON
from s6flow.numeric.weights.layer import WithheldLayer

PARAMS = FlowParameters([-1.0], [0.5], 1.0, 0.2)


def flow(x0: Any = (0.5,), **options: Any) -> FlowResult:
    return integrate(np.asarray(x0), PARAMS, **({"log_times": [0.0]} | options))


@pytest.mark.parametrize("taken", [{"rtol": 1e-14}, {"rtol": 1e-2}, {"max_steps": 1}, {"x_limit": 1e6}])
def test_the_ends_of_an_option_are_taken(taken: dict[str, Any]) -> None:
    assert np.isfinite(flow(**taken).final_log_abs).all()


@pytest.mark.parametrize(
    ("refused", "match"),
    [
        ({"rtol": 0.99e-14}, "rtol"),
        ({"rtol": 1.01e-2}, "rtol"),
        ({"max_steps": 0}, "max_steps"),
        ({"x_limit": 0.99e6}, "x_limit"),
        ({"x0": (1e6,), "x_limit": 1e6}, "x0"),
        ({"x0": (1.0, -1.1e6), "x_limit": 1e6}, "x0"),
        ({"log_times": None, "times": [0.0]}, "times"),
        ({"log_times": None, "times": [1.0, -1.0]}, "times"),
        ({"times": [1.0]}, "times"),
        ({"horizon": 1.0, "log_horizon": 0.0}, "horizon"),
        ({"log_times": [1.0, 1.0]}, "ascending"),
        ({"log_times": [2.0, 1.0]}, "ascending"),
        ({"log_times": [[0.0, 1.0]]}, "ascending"),
        ({"log_times": [0.0, 1.0], "log_horizon": 0.9}, "horizon"),
        ({"log_times": [LARGEST_LOG_HORIZON + 1]}, "must not exceed"),
        ({"log_times": None, "log_horizon": LARGEST_LOG_HORIZON + 1}, "must not exceed"),
        ({"rtol": [1e-6, 1e-6]}, "one number"),
        ({"rtol": [[1e-6]]}, "one number"),
        ({"x0": ()}, "token"),
        ({"x0": (np.nan,)}, "x0"),
    ],
)
def test_a_step_beyond_is_refused_by_name(refused: dict[str, Any], match: str) -> None:
    with pytest.raises((AssumptionError, S6FlowError), match=match):
        flow(**refused)


@pytest.mark.parametrize(
    ("options", "outputs", "end"),
    [
        ({"log_times": [0.0, 1.0]}, 2, 1.0),
        ({"log_times": [0.0, 1.0], "log_horizon": 1.0}, 2, 1.0),
        ({"log_times": [0.0, 1.0], "log_horizon": 2.0}, 2, 2.0),
        ({"log_times": [0.5], "horizon": np.exp(0.75)}, 1, 0.75),
        ({"log_times": None, "times": [1.0, 2.0, 4.0]}, 3, np.log(4.0)),
        ({"log_times": None, "log_horizon": 1.5}, 0, 1.5),
    ],
)
def test_a_run_ends_at_its_horizon_and_shows_what_was_asked(options: dict[str, Any], outputs: int, end: float) -> None:
    result = flow(**options)
    assert result.log_abs.shape == (outputs, 1)
    assert float(result.final_log_time) == pytest.approx(end, abs=1e-12)


def test_a_token_just_below_the_limit_may_start() -> None:
    assert flow(x0=(0.99e6,), x_limit=1e6).final_x[0] < 0.99e6


@pytest.mark.parametrize(
    ("kind", "damaged"),
    [
        ("missing-tensor", True), ("dtype", True), ("shape", True), ("values", True), ("not-finite", True),
        ("mamba-2", False), ("scalar-decay", False), ("normed-projections", False), ("parametrised", False), ("dead", False),
    ],
)  # fmt: skip
def test_a_layer_of_another_theory_is_not_damaged(kind: str, damaged: bool) -> None:
    assert WithheldLayer("layers.0", kind, "why").damaged is damaged
