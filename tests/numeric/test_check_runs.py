"""Runs of measurements with a step for each system, and batches that are measured together."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.numeric.checks import runs
from s6flow.numeric.checks.engines import engine
from s6flow.numeric.checks.examples import WITNESS, examples_of, together
from s6flow.numeric.checks.judge import observe, observe_together
from s6flow.numeric.checks.runs import follow
from s6flow.numeric.checks.shared import count_of
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
