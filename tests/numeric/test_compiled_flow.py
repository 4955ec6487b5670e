"""The Numba flow backend against the NumPy driver: the same trajectories, times and verdicts."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

import numba
import numpy as np
import pytest
from representatives import sweep

from s6flow.errors import FormatError, MissingDependencyError
from s6flow.numeric.flow import AxisParameters, FlowParameters, FlowResult, Status, integrate
from s6flow.numeric.flow.backends.numba import backend as backend
from s6flow.numeric.flow.step_control import DRIVER
from s6flow.symbolic.charts import log_program

LOG_TIMES = [-10.0, 0.0, 3.0, 100.0]


def _extreme(seed: int, batch: int, token: int, state: int) -> tuple[np.ndarray, FlowParameters]:
    """|mu| 1e-6..1e3, |x| 1e-8..1e3 of both signs, some zero, with and without a step floor."""
    rng = np.random.default_rng(seed)
    x0 = rng.choice([-1.0, 1.0], (batch, token)) * 10 ** rng.uniform(-8, 3, (batch, token))
    x0[rng.random((batch, token)) < 0.1] = 0.0
    sign = np.where(rng.random((batch, 1)) < 0.5, -1.0, 1.0)
    mu = sign * 10 ** rng.uniform(-6, 3, (batch, 1)) * rng.uniform(0.2, 1.0, (batch, state))
    a, s = 10 ** rng.uniform(-2, 1, (batch, state)), 2 * rng.normal(size=batch)
    floor = np.where(rng.random(batch) < 0.5, 0.0, 0.05)
    return x0, FlowParameters(mu, a, s, rng.normal(size=batch), floor)


def _both(x0, params, **options) -> tuple[FlowResult, FlowResult]:
    return integrate(x0, params, backend="numba", **options), integrate(x0, params, **options)


def _assert_alike(one: FlowResult, two: FlowResult) -> None:
    np.testing.assert_array_equal(one.status, two.status)
    np.testing.assert_array_equal(one.reached, two.reached)
    np.testing.assert_array_equal(one.settled, two.settled)
    np.testing.assert_array_equal(one.blow_up_token, two.blow_up_token)
    np.testing.assert_array_equal(one.sign.filled(0), two.sign.filled(0))
    np.testing.assert_allclose(one.log_abs.filled(0), two.log_abs.filled(0), rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.log_blow_up_time, two.log_blow_up_time, rtol=0, atol=1e-8)
    at_end = two.status == Status.HORIZON
    np.testing.assert_allclose(one.final_log_abs[at_end], two.final_log_abs[at_end], rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.final_pace[at_end], two.final_pace[at_end], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.final_log_time[at_end], two.final_log_time[at_end])


@pytest.mark.parametrize(
    ("seed", "token", "state"),
    sweep([(0, 6, 1), (1, 1, 1), (2, 12, 3), (3, 40, 2)], kept=[(0, 6, 1), (1, 1, 1)], mark=pytest.mark.nightly),
)
def test_extreme_systems_agree(seed: int, token: int, state: int) -> None:
    x0, params = _extreme(seed, 40, token, state)
    one, two = _both(x0, params, log_times=LOG_TIMES, log_horizon=600.0)
    _assert_alike(one, two)
    assert {int(code) for code in np.unique(one.status)} >= {int(Status.HORIZON), int(Status.BLOW_UP)}


@pytest.mark.parametrize(
    ("systems", "horizon"), sweep([(8, 12.0), (24, 100.0)], kept=[(8, 12.0)], mark=pytest.mark.nightly)
)
def test_mixed_signs_with_stiff_stretches_agree(systems: int, horizon: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quasi-equilibria of mixed signs are handed over to the implicit method of the NumPy driver."""
    rng = np.random.default_rng(9)
    x0, params = _extreme(9, 24, 6, 2)
    mu, rows = params.mu * rng.choice([-1.0, 1.0], (24, 2)), slice(systems)
    mixed = FlowParameters(mu[rows], params.a[rows], params.s[rows], params.b[rows], params.floor[rows])
    handed: list[int] = []
    solve_stiff = backend.solve_stiff
    monkeypatch.setattr(backend, "solve_stiff", lambda run, p, rows: (handed.extend(rows), solve_stiff(run, p, rows)))
    times = [log_t for log_t in LOG_TIMES if log_t <= horizon]
    one, two = _both(x0[rows], mixed, log_times=times, log_horizon=horizon)
    _assert_alike(one, two)
    assert handed, "the batch should contain a stiff system"


def test_step_limit_and_overflow_codes_agree() -> None:
    x0, params = _extreme(4, 30, 4, 1)
    one, two = _both(x0, params, max_steps=60)
    np.testing.assert_array_equal(one.status, two.status)
    assert (one.status == Status.STEP_LIMIT).any()
    np.testing.assert_allclose(one.steps, two.steps, atol=5)
    exponential = FlowParameters([0.0], [1.0], 1.0, 0.0, 0.1)
    one, two = _both([0.5, -0.5], exponential)
    _assert_alike(one, two)


def test_no_systems_and_all_zero_tokens() -> None:
    params = FlowParameters([1.0], [1.0], 1.0)
    none = integrate(np.empty((0, 3)), params, times=[1.0], backend="numba")
    assert none.status.shape == (0,)
    _assert_alike(*_both(np.zeros((2, 3)), params, times=[1.0, 5.0]))


def test_a_system_does_not_see_its_batch_or_the_threads() -> None:
    x0, params = _extreme(5, 30, 6, 2)
    whole = integrate(x0, params, log_times=LOG_TIMES, backend="numba")
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        again = integrate(x0, params, log_times=LOG_TIMES, backend="numba")
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(whole.log_abs.filled(0), again.log_abs.filled(0))
    np.testing.assert_array_equal(whole.log_blow_up_time, again.log_blow_up_time)
    one = FlowParameters(params.mu[7], params.a[7], params.s[7], params.b[7], params.floor[7])
    alone = integrate(x0[7], one, log_times=LOG_TIMES, backend="numba")
    np.testing.assert_array_equal(whole.log_abs.filled(0)[7], alone.log_abs.filled(0))


def test_text_takes_over_the_constants() -> None:
    program = log_program()
    backend.compiled_text.cache_clear()
    text = backend.compiled_text(program)
    backend.compiled_text.cache_clear()
    assert text == backend.compiled_text(program)
    assert program.digest in text
    assert "0.8125" not in text
    assert "0.8125 * ((rt.larger(error" in backend.compiled_text(program, control=replace(DRIVER, safety=0.8125))


def test_other_coordinates_name_the_numpy_backend() -> None:
    params = AxisParameters([1.0], [1.0], [0.0], [0.5], [1.0], 1.0)
    with pytest.raises(FormatError, match="backend='numpy'"):
        integrate([0.5], params, times=[1.0], backend="numba")


def test_without_numba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from s6flow.symbolic.codegen import load

    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "numba":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(load, "installed_version", version)  # a version that was found stays
    backend.load_compiled.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"s6flow\[cpu\]"):
        integrate([0.5], FlowParameters([1.0], [1.0], 1.0), times=[0.1], backend="numba")


def test_progress_counts_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from s6flow.numeric.flow.problem import Problem

    seen: list[int] = []
    solve = backend.solve

    def spy(problem: Problem):
        return solve(Problem(**{**vars(problem), "progress": seen.append}))

    monkeypatch.setattr(backend, "solve", spy)
    x0, params = _extreme(6, 150, 3, 1)
    integrate(x0, params, times=[1.0], backend="numba")
    assert seen[-1] == 150
    assert seen == sorted(seen)
    assert len(seen) > 1
