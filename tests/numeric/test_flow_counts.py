"""What a pool of systems counts and keeps: room, steps and evaluations, limits, targets behind a rest, ends that do not move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import check
from s6flow.numeric.checks.check import check_together
from s6flow.numeric.checks.engines import ENGINES
from s6flow.numeric.checks.examples import FLOW_SHAPES, MATRIX_SHAPES, batch_of, plan
from s6flow.numeric.flow import AxisParameters, FlowParameters, LayerParameters, Status, integrate
from s6flow.numeric.flow.backends.numpy import driver
from s6flow.numeric.flow.tableau import PAIRS
from s6flow.proofs.registry import REGISTRY

RNG = np.random.default_rng(4)


def planted(systems: int = 6, states: int = 3) -> FlowParameters:
    """Decay rates and shares of one sign: every system converges."""
    return FlowParameters(
        -np.exp(RNG.normal(size=(systems, states))), np.exp(RNG.normal(size=(systems, states))), RNG.normal(size=systems), RNG.normal(size=systems), 0.1,
    )  # fmt: skip


class Asked(Exception):
    """Says how much room a pool has."""


def room(monkeypatch: pytest.MonkeyPatch, x0: Any, params: Any) -> int:
    def run(self: Any) -> Any:
        raise Asked(self.capacity)

    with monkeypatch.context() as patch:
        patch.setattr(driver.Pool, "run", run)
        with pytest.raises(Asked) as found:
            integrate(x0, params, log_times=[0.0], backend="numpy")
    return int(found.value.args[0])


@pytest.mark.parametrize(("systems", "tokens", "states"), [(6, 4, 3), (2, 1, 1), (3, 5, 7)])
def test_a_pool_has_room_for_so_many_states_of_tokens(
    systems: int, tokens: int, states: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x0 = np.ones((systems, tokens))
    assert room(monkeypatch, x0, planted(systems, states)) == driver.POOL // (tokens * states)
    monkeypatch.setattr(driver, "POOL", 3 * tokens * states)
    assert room(monkeypatch, x0, planted(systems, states)) == 3
    monkeypatch.setattr(driver, "POOL", 1)
    assert room(monkeypatch, x0, planted(systems, states)) == 1, "one system always fits"


def test_a_pool_of_layers_counts_the_states_of_its_widest_array(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tokens of two channels are six components; S_B has two channels last, a five states."""
    params = LayerParameters(
        np.ones((5, 2)), np.ones((5, 2)), np.zeros((1, 2)), np.zeros((2, 1)), np.ones((2, 5)), np.zeros(2), np.zeros(5), np.zeros(5), 0.1,
    )  # fmt: skip
    assert room(monkeypatch, np.ones((4, 3, 2)), params) == driver.POOL // (3 * 2 * 5)


TIMES = np.array([-4.0, -3.9, -3.8, -1.0, 0.0, 0.01, 0.02])


def mixed(rows: Any) -> Any:
    """Systems of two tokens and two states, of which one blows up."""
    mu = np.array([[-1.0, -0.3], [0.9, 0.4], [-0.2, -0.7]])[rows]
    a, s = np.array([[1.0, 2.0], [0.3, 0.9], [2.0, 0.5]])[rows], np.array([1.0, 0.6, -0.4])[rows]
    x0 = np.array([[1.0, -0.5], [0.8, 1.7], [-2.0, 0.3]])[rows]
    return integrate(
        x0, FlowParameters(mu, a, s, np.array([0.1, -0.3, 0.5])[rows], 0.05), log_times=TIMES, backend="numpy"
    )


@pytest.mark.parametrize("pool", [1, 8, 1 << 17])
def test_room_changes_nothing_of_a_system(pool: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its steps, and not its outputs, of which a step may pass several."""
    monkeypatch.setattr(driver, "POOL", pool)
    together = mixed(slice(None))
    assert together.status.tolist() == [Status.HORIZON, Status.BLOW_UP, Status.HORIZON]
    for row in range(3):
        one = mixed(row)
        for name in (
            "status",
            "steps",
            "evaluations",
            "reached",
            "final_log_abs",
            "final_log_time",
            "blow_up_token",
            "settled",
        ):
            np.testing.assert_array_equal(getattr(together, name)[row], getattr(one, name), err_msg=name)
        np.testing.assert_array_equal(together.log_abs.data[row], one.log_abs.data)
        assert np.isfinite(together.log_abs.data[row][together.reached[row]]).all()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_limit_of_steps_is_one_of_attempts(backend: str) -> None:
    """Evaluations are one at the start and as many a trial as the pair takes; with one trial less the run is not done."""
    if backend == "numba":
        pytest.importorskip("numba")
    params = FlowParameters([-1.0, -0.5], [1.0, 2.0], 1.0, 0.0, 0.1)
    whole = integrate([1.0, -0.5], params, log_times=[3.0], backend=backend)
    each = PAIRS["DOP853"].evaluations
    attempts, rest = divmod(int(whole.evaluations) - 1, each)
    assert (whole.status, rest) == (Status.HORIZON, 0)
    assert 0 < whole.steps <= attempts
    assert integrate([1.0, -0.5], params, log_times=[3.0], max_steps=attempts, backend=backend).status == Status.HORIZON
    short = integrate([1.0, -0.5], params, log_times=[3.0], max_steps=attempts - 1, backend=backend)
    assert short.status == Status.STEP_LIMIT
    assert (short.evaluations - 1) // each == attempts - 1
    assert not short.reached.any()


def test_a_system_at_rest_has_its_state_at_all_later_times() -> None:
    """x' = x Delta (1 + x)(1 - x) from 1/2 rests at 1; x' = -x^3 Delta only slows down, and x' = 0 never moves."""
    one = np.ones(1)
    times = [-3.0, 20.0, 50.0]
    run = integrate([[0.5]], AxisParameters(one, -one, one, one, one, 0.0, 0.0, 0.0), log_times=times, backend="numpy")
    assert (run.status[0], run.settled[0], run.final_log_time[0]) == (Status.HORIZON, True, 50.0)
    assert run.reached.all()
    start = float(np.exp(run.log_abs.data[0, 0, 0]))
    exact = integrate(
        [[0.5]], AxisParameters(one, -one, one, one, one, 0.0, 0.0, 0.0), log_times=[-3.0], rtol=1e-12, backend="numpy"
    )
    assert start == pytest.approx(float(np.exp(exact.log_abs.data[0, 0, 0])), abs=1e-7)
    assert 0.5 < start < 0.7
    np.testing.assert_allclose(run.log_abs.data[0, 1:, 0], 0.0, atol=1e-5)
    assert run.log_abs.data[0, 1, 0] == run.log_abs.data[0, 2, 0] == run.final_log_abs[0, 0]
    slow = integrate(
        [[1.0], [2.0]],
        FlowParameters([[-1.0], [0.0]], np.ones((2, 1)), 0.0, 0.0, 0.1),
        log_times=times,
        backend="numpy",
    )
    np.testing.assert_array_equal(slow.settled, [False, False])
    np.testing.assert_array_equal(slow.final_log_time, [50.0, 50.0])
    np.testing.assert_allclose(
        slow.log_abs.data[0, :, 0], -0.5 * np.log1p(2 * (np.log(2.0) + 0.1) * np.exp(times)), atol=1e-7
    )
    np.testing.assert_array_equal(slow.log_abs.data[1, :, 0], np.log([2.0] * 3))
    np.testing.assert_array_equal(slow.final_share, [[-1.0], [0.0]])


# ---- which systems a check takes, and what it tells of them


def test_shares_of_shapes_add_up_and_the_last_shape_takes_the_rest() -> None:
    for table in (FLOW_SHAPES, MATRIX_SHAPES):
        assert sum(share for share, _ in table) == pytest.approx(1.0, abs=1e-12)
    for key, table in (("convergence-monotone", FLOW_SHAPES), ("layer-bound", MATRIX_SHAPES)):
        theorem = REGISTRY[key]
        assert "shapes" not in theorem.options
        for count in (1, 7, 1000, 3001):
            batches = list(plan(theorem, ENGINES["numpy"], count))
            assert sum(size for _, size in batches) == count
        found: dict[Any, int] = {}
        for shape, size in plan(theorem, ENGINES["numpy"], 1000):
            found[shape] = found.get(shape, 0) + size
        assert found == {shape: round(1000 * share) for share, shape in table}


def test_sizes_of_a_system_are_read_off_its_arrays() -> None:
    found = batch_of(
        REGISTRY["layer-bound"], {"a": np.ones((2, 5)), "S_B": np.ones((5, 2)), "x0": np.ones(7), "s": 3.0}
    )
    assert (found["N"], found["L"], found["D"]) == (5.0, 7.0, 2.0)
    assert found["s"].shape == (1,)
    found = batch_of(REGISTRY["layer-bound"], {"S_B": np.ones((4, 3)), "x0": np.float64(2.0), "N": 9.0})
    assert "L" not in found
    assert (float(found["N"][0]), found["D"]) == (9.0, 3.0)


def test_a_report_names_the_integrator_of_trajectories_and_its_own_seconds() -> None:
    (seen,) = check_together("convergence-monotone", ("numpy",), 3, real_weights=False, integrator="numpy")
    assert seen.integrator == "numpy"
    assert 0 < seen.seconds < 60
    (exact,) = check_together("stationary", ("numpy",), 3, real_weights=False, integrator="numpy")
    assert exact.integrator is None
    assert check("stationary", "flint", 2).integrator is None
