"""Bounds of flows: how far a step control counts, what parameters may be, the pool's room and a compiled loop's pieces."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from types import SimpleNamespace as Made
from typing import Any

import mpmath
import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow import FlowParameters, LayerParameters, Status, fates, growth_rate, integrate
from s6flow.numeric.flow.backends import fastest_on_cpu
from s6flow.numeric.flow.backends.numpy import driver
from s6flow.numeric.flow.coordinates import COORDINATES
from s6flow.numeric.flow.parameters import AxisParameters, one_number
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.flow.step_control import (
    DRIVER,
    GUESSES,
    LOG_SAFETIES,
    PRECISIONS,
    RUNNING,
    STIFF,
    TORCH_DRIVER,
    Control,
    in_log_time,
    load_rules,
)
from s6flow.numeric.flow.tableau import PAIRS
from s6flow.symbolic.codegen.polynomials import log1p_coefficients

CONTROLS = {"driver": DRIVER, "torch": TORCH_DRIVER, **PRECISIONS}
PAIR = PAIRS["DOP853"]


def test_a_guess_has_the_digits_of_single_precision() -> None:
    assert np.float32(1) + np.float32(2.0 ** (1 - GUESSES)) > 1
    assert np.float32(1) + np.float32(2.0**-GUESSES) == 1


@pytest.mark.parametrize("name", CONTROLS)
def test_polynomials_of_a_control_are_exact_to_half_a_rounding(name: str) -> None:
    """Of ln(1 + x) on [0, 1], by more digits than float64 has."""
    control = CONTROLS[name]
    with mpmath.workdps(40):
        rows = [mpmath.mpf(one) for one in log1p_coefficients(control.degree)]
        points = [mpmath.mpf(k) / 64 for k in range(1, 65)]
        error = max(abs(mpmath.polyval(rows, x) * x / mpmath.log1p(x) - 1) for x in points)
    assert error < 0.45 * control.eps


@pytest.mark.parametrize("name", CONTROLS)
def test_twenty_accepted_steps_in_a_stretch_are_rest(name: str) -> None:
    one, yes = load_rules("numpy", CONTROLS[name], PAIR), np.ones(3, dtype=bool)
    rested, resting = one.rest(yes, yes, yes, np.array([18, 19, 20]))
    assert rested.tolist() == [False, True, True]
    assert resting.tolist() == [0, 0, 0]
    assert not one.rest(yes, ~yes, yes, np.array([18, 19, 20]))[0].any()


@pytest.mark.parametrize("name", CONTROLS)
def test_steps_below_three_hundredths_are_short(name: str) -> None:
    one = load_rules("numpy", CONTROLS[name], PAIR)
    short = one.short_steps(np.ones(2, dtype=bool), np.array([0.0299, 0.0301]), np.array([7, 7]))
    assert short.tolist() == [8, 0]


def test_errors_below_noise_do_not_let_a_step_grow_further() -> None:
    """In PyTorch 1e-12 of the tolerance is noise: what is less counts as much."""
    free = Control(least_error=1e-300, largest_factor=1e30)
    torch = Control(least_error=TORCH_DRIVER.least_error, largest_factor=1e30)
    yes, no = np.ones(1, dtype=bool), np.zeros(1, dtype=bool)
    rules, exact = (load_rules("numpy", one, PAIR) for one in (torch, free))
    at_noise = exact.step_factor(np.array([1e-12]), yes, yes, no)
    for error, less in ((1e-20, False), (0.9e-12, False), (1.1e-12, True)):
        found = rules.step_factor(np.array([error]), yes, yes, no)
        assert (found < at_noise * (1 - 1e-3)).all() == less
        assert (found <= at_noise * (1 + 1e-12)).all()


@pytest.mark.parametrize("method", LOG_SAFETIES)
def test_steps_in_log_time_aim_below_their_tolerance_and_no_higher_than_in_work_time(method: str) -> None:
    """With all else as it was."""
    for control in CONTROLS.values():
        given = in_log_time(control, method)
        assert 0 < given.safety <= control.safety < 1
        assert {**vars(given), "safety": control.safety} == vars(control)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_token_is_followed_as_far_as_its_cube_lets_it(name: str) -> None:
    """Its rates grow like its square, and it like the cube: nine tenths of the range's exponents are used."""
    kind = np.finfo(np.float32 if name == "float32" else np.float64)
    assert 3 * CONTROLS[name].log_limit > 0.9 * np.log(float(kind.max))


def test_codes_of_systems_differ() -> None:
    assert len({RUNNING, STIFF, *map(int, Status)}) == 2 + len(Status)


@pytest.mark.parametrize(("found", "name"), [(None, "numpy"), (object(), "numba")])
def test_log_tokens_run_compiled_where_that_is_installed(
    found: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda library: asked.append(library) or found)
    assert fastest_on_cpu() == name
    assert asked == ["numba"]


@pytest.mark.parametrize(("rtol", "taken"), [(0.9e-14, False), (1e-14, True), (1e-2, True), (1.1e-2, False)])
def test_tolerances_are_taken_from_their_least_to_their_largest(rtol: float, taken: bool) -> None:
    params = FlowParameters([-1.0], [0.5], 1.0, 0.2)
    if taken:
        assert problem_of([0.5], params, rtol=rtol).rtol == rtol
    else:
        with pytest.raises(AssumptionError, match="rtol must lie in 1e-14"):
            problem_of([0.5], params, rtol=rtol)


def test_kernels_hold_every_token_that_may_start() -> None:
    """In float64: the largest is 1e100 in log tokens, and 1e60 where signs may change."""
    assert COORDINATES["log"].log_limit == pytest.approx(np.log(1e100), rel=1e-12)
    for name, row in COORDINATES.items():
        assert row.log_limit <= DRIVER.log_limit
        if "asinh" in name:
            assert row.log_limit == pytest.approx(np.log(1e60), rel=1e-12)


@pytest.mark.parametrize(("beta", "largest"), [(0.0, 1e100), (0.5, 1e60)])
def test_a_limit_up_to_that_of_its_coordinates_is_taken(beta: float, largest: float) -> None:
    one = np.ones(1)
    axis = AxisParameters(one, one, beta * one, beta * one, one, 1.0)
    params: Any = axis if beta else FlowParameters([-1.0], [0.5], 1.0, 0.2)

    def backend(problem: Problem) -> Run:
        assert problem.log_limit <= np.log(largest) * (1 + 1e-12)
        return Run.empty(1, 1, 1)

    integrate([0.5], params, log_horizon=0.0, x_limit=0.9 * largest, backend=backend)
    with pytest.raises(AssumptionError, match="x_limit must lie"):
        integrate([0.5], params, log_horizon=0.0, x_limit=1.1 * largest, backend=backend)


@pytest.mark.parametrize("value", [2.5, np.float32(2.5), np.array(2.5), np.array([2.5]), [2.5]])
def test_one_number_may_stand_in_a_list(value: Any) -> None:
    assert one_number(value, "rtol") == 2.5
    with pytest.raises(FormatError, match="one number"):
        one_number([[2.5]], "rtol")


def test_parameters_are_read_only_and_their_floors_are_not_negative() -> None:
    params = FlowParameters([[-1.0], [2.0]], [[0.5], [1.5]], [1.0, 2.0], [0.2, 0.1], [0.0, 0.3])
    for name, value in params.arrays().items():
        with pytest.raises(ValueError, match="read-only"):
            value[...] = 1.0
        assert not value.flags.writeable, name
    for floor in ([0.1, -0.1], [-0.1, 0.1], -0.1, [-0.1, -0.2]):
        with pytest.raises(AssumptionError, match="floor >= 0"):
            FlowParameters([[-1.0], [2.0]], [[0.5], [1.5]], 1.0, 0.2, floor)


def test_a_step_has_no_floor_unless_it_is_given() -> None:
    x, ones = np.array([0.5, 1.5]), np.ones(2)
    given, without = FlowParameters(-ones, ones, 1.0, 0.2, 0.0), FlowParameters(-ones, ones, 1.0, 0.2)
    np.testing.assert_array_equal(growth_rate(x, without), growth_rate(x, given))
    affine = AxisParameters(ones, ones, ones, ones, ones, 1.0)
    assert (float(affine.floor), float(affine.b)) == (0.0, 0.0)


def problem_of(x0: Any, params: Any, **options: Any) -> Problem:
    seen: list[Problem] = []

    def backend(problem: Problem) -> Run:
        seen.append(problem)
        return Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])

    integrate(np.asarray(x0), params, log_horizon=0.0, backend=backend, **options)
    return seen[0]


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e5, 1e40, 1e90])
def test_the_unit_of_time_is_that_of_the_fastest_change(size: float) -> None:
    """t0 = 1 / (1 + |the rates of ln|x||), whatever they are scaled by."""
    x0, params = np.array([[0.5, 1.5, 0.7]]) * size, FlowParameters([-1.0, 0.25], [0.5, 2.0], 1e-90, 0.2)
    pool = driver.Pool(problem_of(x0, params))
    rates = growth_rate(x0 / size, FlowParameters([-1.0, 0.25], [0.5, 2.0], 1e-90 * size, 0.2))[0]
    largest = [np.linalg.norm(rates, order) for order in (2, np.inf)]
    bounds = [-np.logaddexp(0.0, np.log(one) + 2 * np.log(size)) for one in largest]
    assert bounds[0] - 1e-9 <= pool.log_t0[0] <= bounds[1] + 1e-9


def test_a_pool_holds_no_more_numbers_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of layers of 8 channels and 2 states the longest axis counts; one system there always is."""
    D, N = 8, 2
    ones = np.ones
    layer = LayerParameters(
        ones((N, D)), ones((N, D)), ones((1, D)), ones((D, 1)), ones((D, N)), np.zeros(D), np.zeros(N), np.zeros(N)
    )
    problem = problem_of(0.1 * ones((300, 3, D)), layer)
    states = max(one.shape[-1] for one in (layer.S_B, layer.a))
    for room in (1 << 17, 10_000, 1):
        monkeypatch.setattr(driver, "POOL", room)
        pool = driver.Pool(problem)
        assert pool.capacity >= 1
        assert pool.capacity == 1 or pool.capacity * 3 * D * states <= room
        assert len(pool.live.row) == min(300, pool.capacity)


def test_only_a_system_without_any_mu_is_frozen() -> None:
    result: Any = Made(params=Made(mu=[[0.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]))
    assert fates.all_mu_zero(result).tolist() == [[True], [False], [False]]


def test_what_stands_before_a_token_is_of_its_own_system() -> None:
    flag = np.array([[True, False, False], [False, False, True], [False, True, False]])
    assert fates.flagged_before(flag).tolist() == [[False, True, True], [False, False, False], [False, False, True]]


@pytest.fixture
def compiled() -> Any:
    pytest.importorskip("numba")
    from s6flow.numeric.flow.backends.numba import backend

    return backend


def test_what_a_compiled_loop_tells_is_read(compiled: Any) -> None:
    """One that arrived, one at rest between its outputs, one that ended early."""
    problem: Any = Made(targets=np.array([0.0, 1.0, 2.0]))
    run = Run.empty(3, 3, 2)
    run.end = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    run.reached[:] = [[True, True, True], [True, False, False], [True, False, False]]
    run.states[:] = 9.0
    slope = np.array([[1.0, -2.0], [0.0, 0.0], [0.5, 0.25]])
    numbers = np.array([[1.0, 0.5, 0.3, -np.inf]] * 3)
    counts = np.array([[4, 5, 0], [6, 7, 1], [8, 9, 0]])
    compiled.fill_run(run, problem, slope, numbers, counts)
    assert run.settled.tolist() == [False, True, False]
    early = 0.5 + np.log(np.expm1(1.0))
    assert run.end_log_time.tolist() == pytest.approx([2.0, 2.0, early])
    assert run.reached.tolist() == [[True, True, True], [True, True, True], [True, False, False]]
    assert run.states[1].tolist() == [[9.0, 9.0], [3.0, 4.0], [3.0, 4.0]]
    assert (run.states[[0, 2]] == 9.0).all()
    assert run.end_velocity.tolist() == [[0.5, -1.0], [0.0, 0.0], [1.0, 0.5]]


def test_stiff_systems_are_handed_over_with_what_is_their_own(compiled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params = FlowParameters(-np.arange(1.0, 6.0)[:, None], [0.5], 1.0, 0.2)
    problem = problem_of(np.arange(1.0, 11.0).reshape(5, 2), params)
    seen: list[Problem] = []

    def solved(part: Problem) -> Run:
        seen.append(part)
        run = Run.empty(len(part.start), 1, 2)
        run.attempts[:] = 77
        return run

    monkeypatch.setattr(compiled.driver, "solve", solved)
    run = Run.empty(5, 1, 2)
    compiled.solve_stiff(run, problem, np.array([3, 1]))
    assert run.attempts.tolist() == [0, 77, 0, 77, 0]
    for name, value in problem.arrays.items():
        wanted = value[[3, 1]] if name in problem.per_system else value
        np.testing.assert_array_equal(seen[0].arrays[name], wanted, err_msg=name)
    np.testing.assert_array_equal(seen[0].start, problem.start[[3, 1]])


@pytest.mark.parametrize("reports", [True, False])
def test_a_compiled_loop_gets_every_system_once(compiled: Any, monkeypatch: pytest.MonkeyPatch, reports: bool) -> None:
    """In pieces of threads within pieces of reports."""
    count, seen, told = 1000, np.zeros(1000, dtype=int), list[int]()

    def advance(first: int, last: int, *_: Any) -> None:
        seen[first:last] += 1

    runtime = pytest.importorskip("s6flow.symbolic.codegen.numba.runtime")

    def over(work: Any, systems: int, each: int) -> None:
        for first in range(0, systems, 50):
            work(first, min(first + 50, systems))

    monkeypatch.setattr(runtime, "over_systems", over)
    monkeypatch.setattr(compiled, "compiled_loop", lambda problem: (advance, []))
    problem = problem_of(np.ones((count, 2)), FlowParameters([-1.0], [0.5], 1.0, 0.2))
    compiled.solve(replace(problem, progress=told.append if reports else None))
    assert (seen == 1).all()
    assert told == sorted(told)
    assert told[-1:] == ([count] if reports else [])
