"""What an integration asks of its backend, and what it makes of planted answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.flow import FlowParameters, FlowResult, integrate
from s6flow.numeric.flow.integrate import LARGEST_LOG_HORIZON
from s6flow.numeric.flow.problem import Problem, Run, Status

PARAMS = FlowParameters([-1.0], [0.5], 1.0, 0.2)


def asked(**options: Any) -> Problem:
    """The problem that a backend gets."""
    seen: list[Problem] = []

    def backend(problem: Problem) -> Run:
        seen.append(problem)
        return Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])

    integrate(np.array([0.5, 1.5]), PARAMS, backend=backend, **options)
    return seen[0]


def answered(start: list[float], **changes: Any) -> FlowResult:
    """The result where a backend answers so, of one system."""
    run = Run.empty(1, 1, len(start))
    run.end[:], run.end_velocity[:], run.end_log_time[:], run.log_pace[:], run.steps[:] = 0.0, 1.0, 1.0, 0.0, 5
    for name, value in changes.items():
        getattr(run, name)[:] = value
    return integrate(np.array(start), PARAMS, log_horizon=1.0, backend=lambda problem: run)


@pytest.mark.parametrize(
    ("options", "targets"),
    [
        ({}, [600.0]),
        ({"log_times": [0.0]}, [0.0]),
        ({"log_times": [0.0, 1.0]}, [0.0, 1.0]),
        ({"log_times": [0.0, 1.0], "log_horizon": 1.0}, [0.0, 1.0]),
        ({"log_times": [0.0, 1.0], "log_horizon": 1.5}, [0.0, 1.0, 1.5]),
        ({"times": [1.0], "horizon": 1.0}, [0.0]),
        ({"times": [1.0], "log_horizon": 650.0}, [0.0, 650.0]),
        ({"log_times": [650.0]}, [650.0]),
        ({"log_times": [-3.0], "horizon": np.e}, [-3.0, 1.0]),
    ],
)
def test_targets_ascend_to_the_horizon(options: dict[str, Any], targets: list[float]) -> None:
    """It is the last output where none is given, and without outputs ln t = 600; up to 650 it may be."""
    assert asked(**options).targets.tolist() == pytest.approx(targets, abs=1e-15)


@pytest.mark.parametrize("late", [[0.0, 650.1], [650.1], [0.0, 1.0, 1e4]])
def test_no_output_may_be_later_than_the_latest_horizon(late: list[float]) -> None:
    with pytest.raises(AssumptionError, match=f"{max(late):g}"):
        asked(log_times=late)
    assert np.log(np.finfo(float).max) > LARGEST_LOG_HORIZON


@pytest.mark.parametrize("rtol", [1e-4, 1e-10])
def test_what_is_tolerated_beside_the_largest_token(rtol: float) -> None:
    """A hundredth of rtol, unless it is given; 0 may be."""
    assert asked(rtol=rtol).atol == pytest.approx(rtol / 100, rel=1e-12, abs=0)
    assert asked(rtol=rtol, atol=0.0).atol == 0.0
    assert asked(rtol=rtol, atol=0.25).atol == 0.25
    assert asked(rtol=rtol).rtol == rtol


def test_a_backend_reports_only_where_it_is_asked_to() -> None:
    assert asked().progress is None
    assert callable(asked(progress=True).progress)


@pytest.mark.parametrize(
    ("velocity", "token"),
    [([1.0, 0.5], 1), ([1e-6, 1.0], 1), ([0.99e-6, 1.0], 2), ([-1.01e-6, -1.0], 1), ([0.0, 1.0], 2)],
)
def test_the_token_that_blows_up_has_a_millionth_of_the_largest_rate(velocity: list[float], token: int) -> None:
    """A token that stays bounded is slower by far more; a millionth itself counts."""
    found = answered([0.5, 1.5], status=Status.BLOW_UP, end_velocity=velocity, log_remaining=0.0)
    assert int(found.blow_up_token) == token


@pytest.mark.parametrize(("pace", "told"), [(0.0, 0.0), (-50.0, -50.0), (500.0, 500.0), (699.0, 699.0), (800.0, 700.0), (5e4, 700.0)])  # fmt: skip
def test_a_pace_is_told_as_it_is_while_float64_holds_it(pace: float, told: float) -> None:
    """And what stands still has none, however fast the others are."""
    found = answered([0.5, 1.5], log_pace=pace, end_velocity=[-1.0, 0.0])
    assert np.log(-found.final_pace[0]) == pytest.approx(told, abs=1e-12)
    assert found.final_pace[1] == 0.0
    assert found.rates_known


def test_outputs_of_a_run_that_never_moved_are_its_beginning() -> None:
    """Its time is none, which is ln t = -inf, if it made no step; else it is not known."""
    assert answered([0.5], end_log_time=np.nan, steps=0).final_log_time == -np.inf
    assert np.isnan(answered([0.5], end_log_time=np.nan, steps=3).final_log_time)
    assert answered([0.5], end_log_time=0.5, steps=0).final_log_time == 0.5
