"""Stiff stretches step by step: a scripted solver on both sides of every condition, and LSODA on equations with answers.

One long file: one scripted solver and all its conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.integrate

from s6flow.numeric.flow.backends.numpy import driver
from s6flow.numeric.flow.backends.numpy.stiff import Stretch, carry
from s6flow.numeric.flow.clock import Clock
from s6flow.numeric.flow.coordinates import Coordinates

Velocity = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Known:
    """A clock whose d state / d theta is given; the work time runs at half the speed of theta."""

    def __init__(
        self, velocity: Velocity, relative: bool = True, size: float = -50.0, dead: Sequence[int] = ()
    ) -> None:
        self.velocity, self.arrays, self.rows = velocity, {}, 1

        def extinct(y: np.ndarray, _: Any) -> np.ndarray:
            return np.isin(np.arange(y.shape[1]), list(dead))[None].repeat(len(y), axis=0)

        self.coordinates = SimpleNamespace(
            relative=relative, extinct=extinct, log_size=lambda y, _: np.full(len(y), size)
        )

    def part(self, index: np.ndarray) -> Known:
        part = copy(self)
        part.rows = len(index)
        return part

    def slope(self, state: np.ndarray) -> np.ndarray:
        assert len(state) == self.rows
        moved = np.stack([self.velocity(row[:-1], row[-1]) for row in state])
        return np.concatenate([0.5 * moved, np.full((len(state), 1), 0.5)], axis=1)


class Scripted:
    """In the place of LSODA: goes through given times and states, linearly between them."""

    script: Sequence[tuple[float, Sequence[float]]] = ()
    fails_at = -1
    made: Scripted

    def __init__(self, fun: Any, t0: float, y0: np.ndarray, t_bound: float, **options: Any) -> None:
        self.fun, self.t, self.y, self.t_bound, self.options = fun, t0, np.array(y0), t_bound, options
        self.t_old, self.status, self.done, self.nfev, self.njev = None, "running", 0, 7, 3
        type(self).made = self

    def step(self) -> None:
        self.t_old, self.old = self.t, self.y
        if self.done == self.fails_at:
            self.status = "failed"
            return
        self.t, self.y = self.script[self.done][0], np.array(self.script[self.done][1], dtype=float)
        self.done += 1
        if self.done == len(self.script):
            self.status = "finished"

    def dense_output(self) -> Callable[[float], np.ndarray]:
        old, y, t_old, t = self.old, self.y, self.t_old, self.t
        return lambda theta: old + (y - old) * (theta - t_old) / (t - t_old)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    made = type("Script", (Scripted,), {})
    monkeypatch.setattr(scipy.integrate, "LSODA", made)
    return made


def still(y: np.ndarray, theta: float) -> np.ndarray:
    return 0.0 * y


def carried(clock: Known, start: Sequence[float], targets: Sequence[float], **options: Any) -> Stretch:
    known = {"limit": 100.0, "rtol": 1e-6, "atol": 1e-9, "budget": 1000, **options}
    return carry(clock, np.array(start, dtype=float), np.array(targets, dtype=float), **known)  # type: ignore[arg-type]


def test_a_relaxation_is_followed_to_its_targets() -> None:
    """y' = -1000 (y - cos theta): y = (1000^2 cos + 1000 sin) / (1000^2 + 1) behind the first e-folds."""
    clock = Known(lambda y, theta: -1000.0 * (y - np.cos(theta)))
    targets = np.array([0.5, 1.0, 3.0])
    found = carried(clock, [0.99, 0.0], targets, rtol=1e-8)
    exact = (1e6 * np.cos(targets) + 1e3 * np.sin(targets)) / (1e6 + 1)
    assert not found.settled
    np.testing.assert_allclose(np.reshape(found.landed, -1), exact, atol=1e-6)
    assert found.state[-1] == 3.0
    np.testing.assert_allclose(found.state[0], exact[-1], atol=1e-6)
    assert 10 < found.steps < 500
    assert found.evaluations > found.steps


def test_rest_ends_a_stretch_where_it_is_stiff() -> None:
    for rate, rests in ((199.0, False), (201.0, True)):
        clock = Known(lambda y, theta, rate=rate: np.array([-rate, -1.0]) * (y - np.array([2.0, 0.0])))
        assert carried(clock, [2.0, 0.0, 0.0], [40.0]).settled == rests, rate


@pytest.mark.parametrize(("speed", "ends"), [(49.0, False), (-50.0, False), (51.0, True), (-51.0, True)])
@pytest.mark.parametrize("dead", [False, True])
def test_what_runs_away_ends_it_unless_it_acts_on_nothing(
    scripted: type[Scripted], speed: float, ends: bool, dead: bool
) -> None:
    scripted.script = [(1.25, [0.0, 0.25 * speed]), (1.5, [0.0, 0.5 * speed])]
    found = carried(Known(still, dead=[1] if dead else []), [0.0, 0.0, 1.0], [1.5])
    assert (found.state[-1] == 1.0) == (ends and not dead)
    assert (found.state[-1] == 1.5) == (not ends or dead)


@pytest.mark.parametrize(("size", "ends"), [(95.0, False), (95.5, True), (94.5, False)])
def test_five_e_folds_are_kept_from_the_limit(scripted: type[Scripted], size: float, ends: bool) -> None:
    scripted.script = [(0.1, [1.0]), (0.2, [1.0])]
    found = carried(Known(still, size=size), [1.0, 0.0], [0.2])
    assert (found.state[-1], len(found.landed), found.steps) == ((0.0, 0, 1) if ends else (0.2, 1, 2))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_one_number_that_is_none_ends_it(scripted: type[Scripted], broken: float) -> None:
    scripted.script = [(0.1, [1.0, 2.0]), (0.2, [1.0, broken]), (0.3, [1.0, 2.0])]
    found = carried(Known(still, dead=[1]), [1.0, 2.0, 0.0], [0.3])
    assert (found.state[-1], found.steps) == (0.1, 2)


@pytest.mark.parametrize(("share", "ends"), [(2.0**-46, False), (2.0**-47, True)])
def test_steps_lost_in_rounding_end_it(scripted: type[Scripted], share: float, ends: bool) -> None:
    assert 2.0**-47 < 1e-14 < 2.0**-46
    scripted.script = [(256.0 * (1 + share), [1.0]), (257.0, [1.0])]
    found = carried(Known(still), [1.0, 256.0], [257.0])
    assert (found.state[-1] == 256.0) == ends


def test_a_step_of_just_the_rounding_is_taken(scripted: type[Scripted]) -> None:
    scripted.script = [(1e14, [1.0]), (2e14, [1.0])]
    assert carried(Known(still), [1.0, 1e14 - 1], [2e14]).state[-1] == 2e14


def test_a_failure_keeps_the_last_state(scripted: type[Scripted]) -> None:
    scripted.script, scripted.fails_at = [(0.1, [1.0]), (0.2, [5.0]), (0.3, [6.0])], 2
    found = carried(Known(still), [0.5, 0.0], [0.05, 0.15, 0.3])
    assert (found.steps, found.settled, list(found.state)) == (2, False, [5.0, 0.2])
    np.testing.assert_allclose(np.reshape(found.landed, -1), [0.75, 3.0])


@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_the_budget_is_of_steps(scripted: type[Scripted], budget: int) -> None:
    scripted.script = [(0.1 * step, [1.0]) for step in range(1, 6)]
    found = carried(Known(still), [1.0, 0.0], [0.5], budget=budget)
    assert (found.steps, scripted.made.done) == (budget, budget)
    assert found.evaluations == 7 + 3 * 2  # a Jacobian costs an evaluation a component, and the base


def test_a_target_on_a_step_is_landed_on_once(scripted: type[Scripted]) -> None:
    scripted.script = [(0.25, [1.0]), (0.5, [2.0]), (1.0, [4.0])]
    found = carried(Known(still), [0.0, 0.0], [0.125, 0.25, 0.375, 0.5, 1.0])
    np.testing.assert_array_equal(np.reshape(found.landed, -1), [0.5, 1.0, 1.5, 2.0, 4.0])


def restless(relative: bool = True, rate: float = 1000.0, dead: Sequence[int] = ()) -> Known:
    """One fast component and one that does not move by itself."""
    return Known(lambda y, theta: np.array([-rate, 0.0]) * y, relative=relative, dead=dead)


@pytest.mark.parametrize(("span", "rests"), [(0.5, True), (0.499, False)])
def test_rest_is_judged_over_half_a_unit_of_theta(scripted: type[Scripted], span: float, rests: bool) -> None:
    scripted.script = [(1.25, [0.0, 1.0]), (1.0 + span, [0.0, 1.0]), (1.75, [0.0, 1.0]), (9.0, [0.0, 1.0])]
    found = carried(restless(), [0.0, 1.0, 1.0], [9.0])
    assert found.settled
    assert found.steps == (2 if rests else 3)


def test_the_anchor_moves_where_rest_is_judged(scripted: type[Scripted]) -> None:
    """A drift of 0.6 of what is tolerated a judgement is rest; twice that since the start is not asked."""
    scripted.script = [(0.5, [0.0, 1.0]), (0.75, [0.0, 1.6]), (1.0, [0.0, 1.0 + 6e-5])]
    assert carried(restless(), [0.0, 0.5, 0.0], [1.0]).settled
    scripted.script = [(0.5, [0.0, 1.0]), (0.75, [0.0, 1.0]), (0.99, [0.0, 1.0])]
    assert not carried(restless(), [0.0, 0.5, 0.0], [0.99]).settled


@pytest.mark.parametrize("rtol", [1e-6, 1e-8, 1e-11])
@pytest.mark.parametrize(("relative", "level"), [(True, 3.0), (True, 0.01), (False, 3.0), (False, 0.01)])
@pytest.mark.parametrize("share", [0.9, 1.1, -0.9, -1.1])
def test_rest_moves_less_than_a_hundred_tolerated_errors(
    scripted: type[Scripted], rtol: float, relative: bool, level: float, share: float
) -> None:
    tolerated = max(rtol, 1e-8) * (1.0 if relative else min(1.0, level))
    scripted.script = [(0.6, [0.0, level])]
    start = [0.0, level - share * 100.0 * tolerated, 0.0]
    assert carried(restless(relative), start, [0.6], rtol=rtol).settled == (abs(share) < 1)
    assert carried(restless(relative, dead=[1]), start, [0.6], rtol=rtol).settled
    other = [share * 100.0 * tolerated, level, 0.0]
    scripted.script = [(0.6, [0.0, level])]
    assert carried(restless(relative), other, [0.6], rtol=rtol).settled == (relative and abs(share) < 1)


@pytest.mark.parametrize(("rate", "rests"), [(199.0, False), (-199.0, False), (201.0, True), (-201.0, True)])
def test_rest_is_believed_of_stiff_systems_alone(scripted: type[Scripted], rate: float, rests: bool) -> None:
    scripted.script = [(0.6, [0.0, 1.0])]
    assert carried(restless(rate=rate), [0.0, 1.0, 0.0], [0.6]).settled == rests


def test_the_solver_s_tolerances(scripted: type[Scripted]) -> None:
    for relative, rtol, atol, expected in (
        (True, 1e-5, 1e-3, (1e-5, 1e-5)),
        (True, 1e-11, 1e-3, (1e-8, 1e-8)),
        (False, 1e-5, 1e-9, (1e-5, 1e-7)),
        (False, 1e-5, 1e-6, (1e-5, 1e-6)),
        (False, 1e-11, 0.0, (1e-8, 1e-10)),
    ):
        scripted.script = [(0.1, [1.0])]
        carried(Known(still, relative=relative), [1.0, 0.0], [0.1], rtol=rtol, atol=atol)
        options = scripted.made.options
        np.testing.assert_allclose((options["rtol"], options["atol"]), expected, rtol=1e-12)
        assert (scripted.made.t, scripted.made.t_bound) == (0.1, 0.1)


@pytest.mark.parametrize("relative", [True, False])
def test_the_jacobian_is_of_forward_differences(scripted: type[Scripted], relative: bool) -> None:
    """Of y1^2 y2 and y2^2: exact up to the width, which is seen in the second derivative."""
    scripted.script = [(0.1, [1.0, 1.0])]
    carried(Known(lambda y, theta: np.array([y[0] ** 2 * y[1], theta * y[1] ** 2]), relative), [1.0, 1.0, 0.0], [0.1])
    jacobian, velocity = scripted.made.options["jac"], scripted.made.fun
    np.testing.assert_allclose(velocity(3.0, np.array([2.0, 5.0])), [20.0, 75.0], rtol=1e-15)
    for y in ([200.0, -50.0], [0.5, 0.25], [1e-5, 2e-5]):
        one, two = y
        width = 1e-7 * np.maximum(np.abs(y), 1.0 if relative else 1e-3)  # near the root of the rounding unit
        exact = np.array([[2 * one * two, one**2], [0.0, 2 * 3.0 * two]])
        expected = exact + np.array([[two * width[0], 0.0], [0.0, 3.0 * width[1]]])
        noise = 4e-16 * max(abs(one**2 * two), 3 * two**2) / width.min()
        np.testing.assert_allclose(jacobian(3.0, np.array(y)), expected, atol=noise, rtol=1e-12)


def test_stiff_after_counts_short_steps() -> None:
    def after(components: int, rtol: float, most: int) -> int:
        return driver.stiff_after(SimpleNamespace(start=np.zeros((2, components)), rtol=rtol, max_steps=most))  # type: ignore[arg-type]

    assert after(512, 1e-10, 5000) == 300
    assert after(513, 1e-10, 5000) == 5001  # a dense Jacobian is out of reach: never
    assert after(3, 1.5e-12, 5000) == 300
    assert after(3, 1e-12, 5000) == 2500  # half of the steps, where digits are asked for
    assert after(3, 1e-13, 601) == 300
    assert after(3, 1e-13, 603) == 301


def pool(systems: int = 2, relative: bool = True, **changes: Any) -> driver.Pool:
    """A pool of systems that decay at the rate of their first letter."""

    def velocity(u: np.ndarray, arrays: Any) -> tuple[np.ndarray, np.ndarray]:
        return -arrays["rate"][:, None] * np.ones_like(u), np.zeros(len(u))

    row = Coordinates(
        "known", lambda: None, 1, lambda x: (x, {}), velocity, lambda u, _: u.max(axis=1), lambda u, _: (u, u),  # type: ignore[arg-type, return-value]
        lambda u, _: np.zeros(u.shape, dtype=bool), lambda u: u, -1e9, relative, 100.0,
    )  # fmt: skip
    given = {"rtol": 1e-8, "atol": 1e-10, "log_limit": 100.0, "max_steps": 1000, **changes}
    arrays, targets = {"rate": np.arange(1.0, systems + 1)}, np.array([-2.0, 0.0, 1.0])
    start = np.linspace(0.5, 0.1, 2 * systems).reshape(systems, 2)
    return driver.Pool(driver.Problem(row, start, arrays, frozenset({"rate"}), targets, **given))


@pytest.mark.parametrize(("landed", "settled", "arrived"), [(1, False, False), (2, False, True), (1, True, True)])
def test_what_a_stretch_leaves_behind(
    monkeypatch: pytest.MonkeyPatch, landed: int, settled: bool, arrived: bool
) -> None:
    one, asked = pool(), {}
    one.live.pending[1], one.live.attempts[1], one.live.resting[1], one.live.accepted[1] = 1, 100, 9, 50
    states = [np.array([1.0 + place, 2.0]) for place in range(landed)]

    def stretch(clock: Clock, state: np.ndarray, targets: np.ndarray, *options: float) -> Stretch:
        asked.update(clock=clock, state=state.copy(), targets=targets.copy(), options=options)
        return Stretch(np.array([7.0, 8.0, 1.5]), states, settled, 20, 37)

    monkeypatch.setattr(driver, "carry", stretch)
    live, before = one.live, one.live.state.copy()
    assert one.carry_stiff(1) is arrived
    np.testing.assert_array_equal(asked["targets"], live.targets[1, 1:])
    np.testing.assert_array_equal(asked["clock"].arrays["rate"], [2.0])
    assert asked["options"] == (100.0, 1e-8, 1e-10, 900 * 12 // 2)
    np.testing.assert_array_equal(live.state, [before[0], [7.0, 8.0, 1.5]])
    np.testing.assert_array_equal(live.anchor, [before[0], [7.0, 8.0, 1.5]])
    slope, log_rate = one.clock.evaluate(live.state)
    np.testing.assert_array_equal(live.slope[1], slope[1])
    assert live.log_rate[1] == log_rate[1]
    assert list(live.attempts) == [0, 104]  # 37 evaluations are four attempts of twelve, the last begun
    assert (list(live.accepted), list(live.evaluations)) == ([0, 70], [1, 38])
    assert (list(live.short), list(live.resting)) == ([0, -100], [0, 0])
    assert list(live.pending) == [0, 1 + landed]
    result = one.result
    passed = np.array([False, *(place < landed for place in range(2))])
    np.testing.assert_array_equal(result.reached[1], passed | (settled & (np.arange(3) >= 2)))
    np.testing.assert_array_equal(result.states[1, 1 : 1 + landed], states)
    assert not result.reached[0].any()
    if arrived:
        assert result.end_log_time[1] == 1.0
        assert (result.status[1], bool(result.settled[1])) == (0, settled)
        np.testing.assert_array_equal(result.end[1], [7.0, 8.0])


def test_tolerated_errors_of_both_kinds() -> None:
    old, new = np.array([[0.5, -3.0, 0.2], [0.01, 1e-4, 9.0]]), np.array([[0.7, 0.1, 0.3], [-0.02, 1e-5, 9.5]])
    size = np.array([[0.7, 1.0], [0.02, 1e-4]])
    expected = np.column_stack([1e-8 * size + 1e-10 * size.max(axis=1, keepdims=True), [1e-8, 1e-8]])
    np.testing.assert_allclose(pool(relative=False).tolerance(old, new), expected, rtol=1e-14)
    far = np.array([[2000.0, 1.0, 0.2], [1.0, -500.0, 9.0]])
    np.testing.assert_allclose(pool().tolerance(far, far / 2), 1e-8 * np.array([[2, 1, 1], [1, 1, 1]]), rtol=1e-14)
    assert (pool(relative=False, atol=0.0).tolerance(0 * old, 0 * new)[:, :-1] == 1e-290).all()


def test_the_pool_is_refilled_when_half_of_it_has_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pool(13).run()
    monkeypatch.setattr(driver, "POOL", 8)  # two tokens a system: four at a time
    seen, admit, reports = [], driver.Pool.admit, []

    def noted(self: driver.Pool) -> Any:
        seen.append(len(self.live.row) if self.admitted else 0)
        live, clock = admit(self)
        assert seen[-1] + len(live.row) <= self.capacity == 4
        return live, clock

    monkeypatch.setattr(driver.Pool, "admit", noted)
    run = pool(13, progress=reports.append).run()
    assert seen[0] == 0
    assert max(seen) == 2
    assert reports == sorted(reports)
    assert reports[-1] == 13
    for name, value in vars(run).items():
        np.testing.assert_array_equal(value, getattr(whole, name), err_msg=name)
    assert run.reached.all()
    assert (run.status == 0).all()
    rate = np.arange(1.0, 14.0)[:, None, None]
    start = np.linspace(0.5, 0.1, 26).reshape(13, 1, 2)
    np.testing.assert_allclose(run.states, start - rate * np.exp([-2.0, 0.0, 1.0])[:, None], rtol=1e-7)
