"""Runs of measurements with a step for each system, and batches that are measured together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from s6flow.numeric.checks import runs
from s6flow.numeric.checks.blowup import blow_up_time_first
from s6flow.numeric.checks.engines import engine
from s6flow.numeric.checks.examples import WITNESS, examples_of, together
from s6flow.numeric.checks.judge import observe, observe_together
from s6flow.numeric.checks.runs import follow
from s6flow.numeric.checks.shared import count_of
from s6flow.numeric.flow.tableau import PAIRS
from s6flow.proofs.checked import checked

#: Rates from resting to stiff, each for two components.
RATES = np.array([[0.0, -1.0], [-3.0, 2.0], [-40.0, 0.5], [1.5, -0.1], [-400.0, -2.0]])


def decays(rows):
    rates = RATES[rows]
    return lambda t, y: rates * y


@pytest.mark.parametrize("tolerance", [1e-6, 1e-11])
def test_systems_are_followed_to_every_moment(tolerance):
    times = np.array([0.0, 0.1, 0.1001, 0.7, 2.0])
    found = follow(decays, np.ones(RATES.shape), 0.0, times, tolerance, 1e-3 * tolerance)
    np.testing.assert_allclose(
        found, np.exp(RATES[:, None] * times[None, :, None]), rtol=50 * tolerance, atol=50 * tolerance
    )
    assert (found[:, 0] == 1).all(), "a moment at the beginning is the start"


def test_the_time_itself_may_drive_a_system():
    times = np.linspace(-1.0, 3.0, 9)
    found = follow(lambda rows: lambda t, y: np.cos(t)[:, None] + 0 * y, np.zeros((1, 1)), -2.0, times, 1e-10, 1e-12)
    np.testing.assert_allclose(found[0, :, 0], np.sin(times) - np.sin(-2.0), atol=1e-9)


@pytest.mark.parametrize(("begin", "end"), [(-3.0, -2.0), (-8.0, -0.5), (-1.0, 0.0), (0.0, 1e-3)])
def test_a_run_ends_at_its_last_moment_on_either_side_of_zero(begin, end):
    times = np.array([begin + 0.9 * (end - begin), end])
    asked = Asked(lambda t, y: np.cos(t)[:, None] + 0 * y)
    found = follow(asked, np.zeros((1, 1)), begin, times, 1e-10, 1e-12)
    np.testing.assert_allclose(found[0, :, 0], np.sin(times) - np.sin(begin), atol=1e-9)
    assert max(map(np.max, asked.times)) <= end + 1e-15


@pytest.mark.parametrize("lost", [[True, True], [True, False]])
def test_a_step_that_ends_without_a_slope_is_tried_again(lost):
    """Where any component has none behind a long step, though its stages had."""
    asked = Asked(lambda t, y: -y)

    def slope(rows):
        velocity = asked(rows)

        def rate(t, y):
            slopes, done = velocity(t, y), len(asked.times) - 1
            ends = done > 0 and done % STAGES == 0 and t[0] - asked.times[done - STAGES][0] > 0.2
            return np.where(ends & np.array(lost), np.nan, slopes)

        return rate

    found = follow(slope, np.ones((1, 2)), 0.0, np.array([1.0]), 1e-6, 1e-6)
    np.testing.assert_allclose(found[0, 0], math.exp(-1.0), rtol=1e-5)


def test_no_system_depends_on_the_others(monkeypatch):
    times = np.array([0.3, 2.0])
    whole = follow(decays, np.ones(RATES.shape), 0.0, times, 1e-8, 1e-8)
    alone = [
        follow(lambda rows, n=n: decays(rows + n), np.ones((1, 2)), 0.0, times, 1e-8, 1e-8)[0]
        for n in range(len(RATES))
    ]
    assert (whole == np.stack(alone)).all()
    monkeypatch.setattr(runs, "AT_ONCE", 2)
    assert (whole == follow(decays, np.ones(RATES.shape), 0.0, times, 1e-8, 1e-8)).all()


def test_what_cannot_be_followed_is_no_number():
    """y' = y^2 from 1 is infinite at 1; from -1 it is not, and no start at all has no rows."""

    def slope(rows):
        return lambda t, y: y**2

    found = follow(slope, np.array([[1.0], [-1.0], [np.nan]]), 0.0, np.array([0.5, 2.0]), 1e-8, 1e-8)[:, :, 0]
    np.testing.assert_allclose(found[:2, 0], [2.0, -2.0 / 3.0], rtol=1e-6)
    assert np.isnan(found[0, 1])
    assert np.isnan(found[2]).all()
    assert found[1, 1] == pytest.approx(-1.0 / 3.0, rel=1e-6)
    assert follow(slope, np.empty((0, 1)), 0.0, np.array([0.5, 2.0]), 1e-8, 1e-8).shape == (0, 2, 1)


#: Slopes of a step of the rule, and those that its interpolant asks for besides.
STAGES, BETWEEN = len(PAIRS["DOP853"].a) + 1, 3


class Asked:
    """What a run asks of a slope: the rows of its batches, and the times of all evaluations."""

    def __init__(self, rate):
        self.rate, self.rows, self.times = rate, [], []

    def __call__(self, rows):
        self.rows.append(rows.tolist())

        def velocity(t, y):
            self.times.append(t.copy())
            return self.rate(t, y)

        return velocity

    def first_step(self):
        return np.max(self.times[1 : 1 + STAGES], axis=0) - self.times[0]


def resting(t, y):
    return 0 * y


@pytest.mark.parametrize(("begin", "end"), [(0.0, 100.0), (2.0, 5.0), (-8.0, -2.0)])
def test_first_steps_are_short_for_the_fastest_component(begin, end):
    asked = Asked(lambda t, y: -y)
    follow(asked, np.array([[4.0, 0.5], [1e-9, 0.0]]), begin, np.array([end]), 1e-6, 1e-6)
    np.testing.assert_allclose(asked.first_step(), [runs.FIRST / 4.0, (end - begin) / 10], rtol=1e-9)


def test_what_rests_ends_in_two_steps_and_is_read_once(monkeypatch):
    asked = Asked(resting)
    monkeypatch.setattr(runs, "MOST", 2)
    found = follow(asked, np.ones((1, 1)), 0.0, np.array([1.0]), 1e-6, 1e-6)
    assert found[0, 0, 0] == 1
    assert len(asked.times) == 1 + 2 * STAGES + BETWEEN
    monkeypatch.setattr(runs, "MOST", 1)
    assert np.isnan(follow(asked, np.ones((1, 1)), 0.0, np.array([1.0]), 1e-6, 1e-6)).all(), "a run that is cut off"


def test_nothing_is_asked_where_there_is_nothing_to_follow():
    at_once = Asked(resting)
    assert (follow(at_once, np.full((2, 1), 3.0), 1.0, np.array([1.0]), 1e-6, 1e-6) == 3).all()
    nowhere = Asked(lambda t, y: y * [np.nan, 1.0])
    assert np.isnan(follow(nowhere, np.ones((1, 2)), 0.0, np.array([1.0]), 1e-6, 1e-6)).all()
    assert len(at_once.times) == len(nowhere.times) == 1


@pytest.mark.parametrize(("lost", "left"), [(0, 10), (1, 10), (2, 8), (5, 5)])
def test_systems_that_have_ended_are_left_out_when_they_are_a_fifth(lost, left):
    asked = Asked(resting)
    start = np.ones((10, 1))
    start[:lost] = np.nan
    follow(asked, start, 0.0, np.array([1.0]), 1e-6, 1e-6)
    assert {len(times) for times in asked.times[1 : 1 + STAGES]} == {left}
    begun, *fewer = [list(range(10)), list(range(10 - left, 10))][: 1 + (left < 10)]
    assert asked.rows == [begun, *fewer, []]


def test_four_thousand_systems_run_at_a_time():
    asked = Asked(resting)
    assert follow(asked, np.ones((4001, 1)), 0.0, np.array([1.0]), 1e-6, 1e-6).shape == (4001, 1, 1)
    assert [len(rows) for rows in asked.rows if rows] == [4000, 1]


def test_a_tolerance_is_of_the_larger_end_of_a_step():
    """From zero on, without an absolute tolerance: of the smaller end nothing would be tolerated."""
    found = follow(lambda rows: lambda t, y: 1 + t[:, None] + 0 * y, np.zeros((1, 1)), 0.0, np.array([1.0]), 1e-6, 0.0)
    assert found[0, 0, 0] == pytest.approx(1.5)


@pytest.mark.parametrize("begin", [-150.0, -50.0, 0.0])
def test_a_system_is_given_up_at_its_shortest_step(begin):
    """Nothing is defined behind a wall: steps shrink to it, and not beyond the shortest."""
    wall = begin + 1e-6
    asked = Asked(lambda t, y: np.where(t[:, None] > wall, np.nan, 1.0) + 0 * y)
    found = follow(asked, np.zeros((1, 1)), begin, np.array([begin + 100.0]), 1e-6, 1e-6)
    assert np.isnan(found).all()
    steps = [np.max(asked.times[1 + i : 1 + i + STAGES]) for i in range(0, len(asked.times) - STAGES, STAGES)]
    shortest, resolved = runs.SHORTEST * 100.0, 4 * np.spacing(abs(begin) + 1.0)
    beyond = min(step - wall for step in steps if step > wall)
    assert beyond < 10 * shortest + resolved
    assert len(steps) < 60, "and then it is given up"


def test_short_steps_that_are_good_are_followed_by_longer_ones():
    """y' = k e^-y from 0 is ln(1 + k t), whose first step is far below the shortest that a system is given up at."""
    rate = 1e15
    assert runs.FIRST / rate < 1e-2 * runs.SHORTEST
    found = follow(lambda rows: lambda t, y: rate * np.exp(-y), np.zeros((1, 1)), 0.0, np.array([1.0]), 1e-9, 1e-9)
    assert found[0, 0, 0] == pytest.approx(math.log1p(rate), rel=1e-7)


def test_no_first_time_depends_on_the_systems_beside_it():
    """More systems than are worked on at a time."""
    drawn = np.random.default_rng(3)
    data = {
        "x0": drawn.uniform(0.5, 2.0, (40, 1)), "mu": drawn.uniform(0.5, 2.0, (40, 2)),
        "s": drawn.uniform(0.1, 1.0, 40), "b": drawn.uniform(-1.0, 1.0, 40), "floor": np.full(40, 0.01),
    }  # fmt: skip
    alone = [blow_up_time_first({key: value[n : n + 1] for key, value in data.items()})[0] for n in range(40)]
    np.testing.assert_array_equal(blow_up_time_first(data), alone)


def batch(name, systems, L=1, N=1, D=1, R=1):
    drawn = {"x0": np.broadcast_to(1.0, (systems, L)), "S_dt_in": np.broadcast_to(1.0, (systems, R, D))}
    return name, {"L": L, "N": N, "D": D, "rtol": 1e-6, **drawn}


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        (batch("0", 10_000), batch("1", 10_000), True),
        (batch("0", 10_000), batch("1", 10_001), False),
        (batch("0", 2048, 16, 16), batch("1", 2048, 16, 16), True),
        (batch("0", 2048, 16, 16), batch("1", 2049, 16, 16), False),
        (batch("0", 1024, 16, 8, 4), batch("1", 1024, 16, 8, 4), True),
        (batch("0", 1024, 16, 8, 4), batch("1", 1025, 16, 8, 4), False),
        (batch("0", 5, 3), batch("1", 5, 4), False),
        (batch("0", 5, 3), batch(WITNESS, 1, 3), False),
        (batch(WITNESS, 1, 3), batch("trained", 5, 3), False),
        (batch("0", 5, R=2), batch("1", 5, R=2), True),
        (batch("0", 5, R=1), batch("1", 5, R=2), False),
    ],
)
def test_batches_are_measured_together_as_far_as_memory_goes(one, other, joined):
    """At most 20,000 systems, and 2^24 of them times tokens squared times states times channels."""
    assert [len(group) for group in together([one, other])] == ([2] if joined else [1, 1])


@pytest.mark.parametrize("key", ["fisher", "definite-converges", "convergence-rate", "sphere-sinks"])
def test_batches_of_a_shape_are_measured_together_as_each_alone(key):
    theorem = checked(key)
    batches = [
        *(pair for seed in (1, 2) for pair in list(examples_of(theorem, engine("numpy"), 24, seed, False, False))[:1]),
        *examples_of(theorem, engine("numpy"), 24, 3, False),
    ]
    groups = list(together(batches))
    assert [pair for group in groups for pair in group] == batches
    assert len(groups[0]) == 3, "the first three have the first shape"
    assert all(len(group) == 1 for group in groups[1:])
    assert (batches[-1][0] == WITNESS) == (theorem.witness is not None)
    alone = [observe(theorem, data) for _, data in groups[0]]
    for one, other, (_, data) in zip(
        alone, observe_together(theorem, [data for _, data in groups[0]]), groups[0], strict=True
    ):
        assert set(one) == set(other)
        for name, value in one.items():
            assert len(other[name]) == count_of(data)
            np.testing.assert_allclose(other[name], value, rtol=1e-12, atol=0, err_msg=name)
