"""Batches: shapes, independence of systems, long sequences, bad input, backends."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError, S6FlowError
from s6flow.numeric.flow import BACKENDS, AxisParameters, FlowParameters, LayerParameters, Status, integrate

ONE = FlowParameters([1.0], [0.7], 1.3, 0.2)


def _batch(rng: np.random.Generator, batch: int, token: int, state: int) -> tuple[np.ndarray, FlowParameters]:
    mu = rng.choice([-1.0, 1.0], size=(batch, 1)) * rng.uniform(0.1, 2, (batch, state))
    a = rng.uniform(0.1, 3, (batch, state))
    return rng.normal(size=(batch, token)), FlowParameters(mu, a, rng.normal(size=batch), rng.normal(size=batch))


def test_systems_do_not_see_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    x0, params = _batch(np.random.default_rng(3), 12, 6, 4)
    options = {"log_times": [-1.0, 2.0, 20.0]}
    together = integrate(x0, params, **options)
    monkeypatch.setattr(
        "s6flow.numeric.flow.backends.numpy.driver.POOL", 72
    )  # three systems at a time, refilled as they end
    pooled = integrate(x0, params, **options)
    np.testing.assert_array_equal(together.final_log_abs, pooled.final_log_abs)
    for k in range(12):
        own = FlowParameters(params.mu[k], params.a[k], params.s[k], params.b[k])
        alone = integrate(x0[k], own, **options)
        assert alone.status == together.status[k]
        assert alone.steps == together.steps[k]
        np.testing.assert_array_equal(alone.reached, together.reached[k])
        np.testing.assert_allclose(alone.log_abs.filled(0), together.log_abs[k].filled(0), rtol=1e-12, atol=1e-12)


def test_outputs_are_landed_on() -> None:
    """Dense outputs change nothing in the run, and each equals a run that ends there."""
    x0, times = [0.9, -0.4], np.geomspace(0.05, 40.0, 23)
    params = FlowParameters([-1.0, 0.3], [0.7, 2.0], 1.3, 0.2)
    dense = integrate(x0, params, times=times)
    assert dense.steps == integrate(x0, params, horizon=40.0).steps
    for index in (0, 7, 22):
        single = integrate(x0, params, times=[times[index]])
        np.testing.assert_allclose(single.log_abs[0], dense.log_abs[index], atol=2e-10)


def test_batch_axes_broadcast() -> None:
    x0 = np.full((4, 1, 3), 0.5)
    result = integrate(x0, FlowParameters(np.ones((2, 2)), [0.5, 1.0], [1.0, -1.0]), times=[0.1])
    assert result.x.shape == (4, 2, 1, 3)
    assert result.status.shape == (4, 2)
    assert result.attention(0).shape == (4, 2, 3, 3)


def test_long_sequences() -> None:
    x0 = -np.abs(np.random.default_rng(0).normal(size=4096)) - 0.05
    result = integrate(x0, ONE, times=[1e3])
    assert result.status == Status.HORIZON
    assert (np.abs(result.x[0]) >= np.abs(x0)).all(), "mu > 0: every |x_l| increases"


def test_no_systems() -> None:
    result = integrate(np.zeros((0, 3)), ONE, times=[1.0, 2.0])
    assert result.status.shape == (0,)
    assert result.x.shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: FlowParameters([1.0], [0.0], 1.0), AssumptionError, "a_n > 0"),
        (lambda: FlowParameters([1.0], [-1.0], 1.0), AssumptionError, "a_n > 0"),
        (lambda: FlowParameters([np.nan], [1.0], 1.0), AssumptionError, "finite"),
        (lambda: FlowParameters([1.0], [1.0], np.inf), AssumptionError, "finite"),
        (lambda: FlowParameters([1.0], [1.0], 1.0, 0.0, -1.0), AssumptionError, "floor"),
        (lambda: FlowParameters([1.0, 2.0], [1.0], 1.0), FormatError, "state axis"),
        (lambda: FlowParameters(1.0, [1.0], 1.0), FormatError, "axes"),
        (lambda: FlowParameters([], [], 1.0), FormatError, "state axis"),
        (lambda: FlowParameters(["one"], [1.0], 1.0), FormatError, "numbers"),
        (lambda: FlowParameters(np.ones((2, 1)), np.ones((3, 1)), 1.0), FormatError, "broadcast"),
        (lambda: AxisParameters([1.0], [1.0], [0.0], [0.0], [-1.0], 1.0), AssumptionError, "a_n > 0"),
        (lambda: integrate([], ONE), FormatError, "token"),
        (lambda: integrate(np.zeros((3, 0)), ONE), FormatError, "token"),
        (lambda: integrate(1.0, ONE), FormatError, "token"),
        (lambda: integrate([np.nan], ONE), AssumptionError, "finite"),
        (lambda: integrate([1.0], ONE, times=[0.0]), AssumptionError, "positive"),
        (lambda: integrate([1.0], ONE, times=[-1.0]), AssumptionError, "positive"),
        (lambda: integrate([1.0], ONE, times=[2.0, 1.0]), FormatError, "ascending"),
        (lambda: integrate([1.0], ONE, times=[1.0], log_times=[0.0]), FormatError, "not both"),
        (lambda: integrate([1.0], ONE, horizon=1.0, log_horizon=0.0), FormatError, "not both"),
        (lambda: integrate([1.0], ONE, times=[2.0], horizon=1.0), AssumptionError, "beyond"),
        (lambda: integrate([1.0], ONE, horizon=-1.0), AssumptionError, "positive"),
        (lambda: integrate([1.0], ONE, horizon=[1.0, 2.0]), FormatError, "one number"),
        (lambda: integrate([1.0], ONE, log_horizon=[1.0, 2.0]), FormatError, "one number"),
        (lambda: integrate([1.0], ONE, rtol="fine"), FormatError, "numbers"),
        (lambda: integrate([1.0], ONE, rtol=[1e-8, 1e-9]), FormatError, "one number"),
        (lambda: integrate([1.0], ONE, atol="fine"), FormatError, "numbers"),
        (lambda: integrate([1.0], ONE, atol=np.nan), AssumptionError, "finite"),
        (lambda: integrate([1.0], ONE, atol=-1.0), AssumptionError, "atol"),
        (lambda: integrate([1.0], ONE, x_limit=[1e7, 1e8]), FormatError, "one number"),
        (lambda: integrate([1.0], ONE, max_steps=[1, 2]), FormatError, "one number"),
        (lambda: integrate([1.0], ONE, max_steps=2.5), AssumptionError, "whole"),
        (lambda: integrate([1.0], ONE, max_steps=np.nan), AssumptionError, "finite"),
        (lambda: integrate([1.0], ONE, log_horizon=1000.0), AssumptionError, "650"),
        (lambda: integrate([1e200], ONE), AssumptionError, "x_limit"),
        (lambda: integrate([1.0], ONE, x_limit=10.0), AssumptionError, "x_limit"),
        (lambda: integrate([1.0], ONE, rtol=0.0), AssumptionError, "rtol"),
        (lambda: integrate([1.0], ONE, max_steps=0), AssumptionError, "max_steps"),
        (lambda: integrate(np.ones((3, 2)), FlowParameters(np.ones((2, 1)), [1.0], 1.0)), FormatError, "broadcast"),
        (lambda: integrate([1.0], ONE, backend="fortran"), FormatError, "numpy"),
        (
            lambda: integrate(
                np.ones((2, 5)), LayerParameters(*np.ones((3, 1, 4)), np.ones((4, 1)), np.ones((4, 1)), np.ones(4))
            ),
            FormatError,
            "channels",
        ),
    ],
)
def test_bad_input_is_one_line(call, error: type[S6FlowError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_backends_are_a_table() -> None:
    assert BACKENDS["numpy"] == "s6flow.numeric.flow.backends.numpy.driver:solve"
