"""The scan-driven flows without a GPU: velocities, units and comparisons against plain NumPy, and flows with known ends.

One long file: its cases share a slow scan.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pinned  # noqa: F401  (it makes the tests beside this one importable)
import pytest

from s6flow.numeric.audit.simulation import integrator as audit
from s6flow.numeric.audit.simulation.observed import layer_fates
from s6flow.numeric.flow import FlowParameters, Status, growth_rate
from s6flow.numeric.flow.problem import Run
from tests.numeric.test_gpu_simulate import random_layer, slow_scan

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

from s6flow.numeric.audit.simulation import kernel, mamba  # noqa: E402
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def scan(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (mamba, kernel):
        monkeypatch.setattr(module, "selective_scan", lambda: slow_scan)
        monkeypatch.setattr(module, "require_device", lambda: CPU)


def recurrence(layer: Any, tokens: np.ndarray) -> np.ndarray:
    """The S6 layer on D channels, written down once more: theory 1."""
    state, outputs = np.zeros((layer.channels, layer.states)), []
    for x in tokens:
        step = np.logaddexp(0.0, layer.dt_out @ (layer.dt_in @ x) + layer.b) + layer.floor
        added = np.outer(step * x, layer.S_B @ x + layer.beta_B)
        state = np.exp(-layer.a * step[:, None]) * state + added
        outputs.append(state @ (layer.S_C @ x + layer.beta_C))
    return np.array(outputs)


@pytest.mark.parametrize(("beta", "floor"), [(0.0, 0.0), (0.4, 0.0), (0.4, 0.3), (0.0, 0.3)])
def test_a_whole_layer_is_the_recurrence(beta: float, floor: float) -> None:
    layer = random_layer(5, 3, beta, floor)
    tokens = np.random.default_rng(1).normal(size=(6, 5))
    got = mamba.layer_velocity(mamba.LayerOnDevice.of(layer, CPU), torch.as_tensor(tokens)[None])[0].numpy()
    np.testing.assert_allclose(got, recurrence(layer, tokens), rtol=2e-5, atol=1e-5)
    flow = mamba.layer_flow(mamba.LayerOnDevice.of(layer, CPU), (6, 5))
    v = torch.asinh(torch.as_tensor(tokens)).reshape(1, -1)
    rate = flow.velocity(v, torch.zeros(1, dtype=torch.int64)).numpy().reshape(6, 5)
    np.testing.assert_allclose(rate, recurrence(layer, tokens) / np.sqrt(1 + tokens**2), rtol=2e-5, atol=1e-5)
    assert (flow.log_limit, flow.relative, flow.extinct, flow.log_least) == (20.0, False, 1e-30, None)
    np.testing.assert_allclose(
        flow.log_size(v, None).numpy(), np.log(np.abs(tokens).max() + np.hypot(1, np.abs(tokens).max())) - np.log(2)
    )


@pytest.mark.parametrize(("beta", "floor"), [(0.0, 0.0), (0.4, 0.0), (0.4, 0.3), (0.0, 0.3)])
def test_channel_axes_are_the_recurrence_on_one_axis(beta: float, floor: float) -> None:
    layers = [random_layer(3, 3, beta, 0.0, seed=1), random_layer(4, 3, beta, floor, seed=2)]
    systems = mamba.AxisSystems.of(layers, CPU)
    np.testing.assert_array_equal(systems.layer, [0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(systems.channel, [0, 1, 2, 0, 1, 2, 3])
    assert systems.floored == (floor > 0)
    index = torch.tensor([6, 0, 3, 6, 2])
    x = np.random.default_rng(3).normal(size=(5, 4))
    got = mamba.axis_velocity(systems, torch.as_tensor(x), index).numpy()
    for row, place in enumerate(index.tolist()):
        layer, channel = layers[systems.layer[place]], systems.channel[place]
        tokens = np.zeros((4, layer.channels))
        tokens[:, channel] = x[row]
        np.testing.assert_allclose(got[row], recurrence(layer, tokens)[:, channel], rtol=2e-5, atol=1e-5)
    if beta:
        flow = mamba.affine_axis_flow(systems, index)
        rate = flow.velocity(torch.asinh(torch.as_tensor(x[[1, 4]])), torch.tensor([1, 4])).numpy()
        np.testing.assert_allclose(rate, got[[1, 4]] / np.sqrt(1 + x[[1, 4]] ** 2), rtol=2e-5, atol=1e-6)
        assert (flow.log_limit, flow.relative, flow.extinct, flow.log_least) == (20.0, False, 1e-30, None)


@pytest.mark.parametrize("size", [1.0, 1e-20, 1e-120, 1e12])
def test_log_tokens_move_at_their_growth_rates_whatever_their_unit(size: float) -> None:
    layer = random_layer(4, 3, seed=5)
    systems, index = mamba.AxisSystems.of([layer], CPU), torch.tensor([2, 0, 3])
    rng = np.random.default_rng(6)
    x = size * rng.normal(size=(3, 3))
    if size > 1:
        x = np.abs(x) * np.sign(layer.s[index.numpy()])[:, None]
    sign, u = torch.as_tensor(np.sign(x)), torch.as_tensor(np.log(np.abs(x)))
    flow = mamba.axis_flow(systems, sign, index)
    rows = torch.tensor([2, 0])
    picked = index.numpy()[[2, 0]]
    params = FlowParameters(layer.mu_n[picked], layer.a[picked], layer.s[picked], layer.b[picked], 0.0)
    exact = growth_rate(
        x[[2, 0]] / size, FlowParameters(*(params.arrays()[k] for k in ("mu", "a")), params.s * size, params.b, 0.0)
    )
    got = flow.velocity(u[rows], rows).numpy() / size / size
    np.testing.assert_allclose(got, exact, rtol=2e-4, atol=2e-5 * np.abs(exact).max())
    # ln of the unit: x Delta^(1/2) of the token that adds most, squared, less 30
    adds = x[[2, 0]] ** 2 * np.logaddexp(0, layer.s[picked, None] * x[[2, 0]] + layer.b[picked, None])
    np.testing.assert_allclose(flow.log_least(u[rows], rows).numpy(), np.log(adds.max(axis=1)) - 30.0, rtol=1e-6)
    slow = layer.s[picked, None] * x[[2, 0]] < 0
    wanted = np.where(slow, np.log(np.abs(x[[2, 0]])) * 27 / 80, np.log(np.abs(x[[2, 0]]))).max(axis=1)
    np.testing.assert_allclose(flow.log_size(u[rows], rows).numpy(), wanted)
    assert (flow.log_limit, flow.relative, flow.extinct) == (27.0, True, -1000.0)


def test_a_tiny_step_beside_a_large_token_has_a_unit_in_reach() -> None:
    """A token e^60 times the one that adds most sets the unit, or its input would overflow."""
    layer = random_layer(1, 2, seed=5)
    s = float(layer.s[0])
    systems = mamba.AxisSystems.of([layer], CPU)
    u = torch.tensor([[np.log(300 / abs(s)), np.log(1e-3)]])
    flow = mamba.axis_flow(systems, torch.tensor([[-np.sign(s), np.sign(s)]]), torch.tensor([0]))
    adds = np.log(1e-6 * np.logaddexp(0, 1e-3 * abs(s) + layer.b[0]))
    wanted = max(0.5 * adds, float(u[0, 0]) - 60.0)
    np.testing.assert_allclose(flow.log_least(u, torch.tensor([0])).numpy(), [2 * wanted - 30.0], rtol=1e-6)


def kappas(mu: np.ndarray, a: np.ndarray, delta: float, tokens: int) -> list[float]:
    """kappa_l of theory 8 by its recursion, one channel."""
    share, found = np.zeros_like(mu), []
    for _ in range(tokens):
        share = share * np.exp(-a * delta)
        found.append(float(share.sum()))
        share = share + mu / mu.sum() * max(1 - found[-1], 0)
    return found


def test_constants_are_theory_8(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = random_layer(12, 3, seed=7)
    limit, clear = kernel.constants(layer, 4)
    for channel in range(12):
        mu, a = layer.mu_n[channel], layer.a[channel]
        delta = np.logaddexp(0, layer.b[channel])
        kappa = np.array(kappas(mu, a, delta, 4))
        wanted = (1 - kappa) / (2 * abs(mu.sum()) * delta)
        wanted = np.where((mu.sum() < 0) & (wanted > 0), wanted, np.nan)
        np.testing.assert_allclose(limit[channel], wanted, rtol=1e-10)
        settled = np.logical_and.accumulate(np.abs(kappa - 1) > 0.02)
        np.testing.assert_array_equal(clear[channel], settled)


def record(
    channels: list[int], end: list[list[float]], log_t: float, horizon: float, status: Any = Status.HORIZON, **more: Any
) -> Any:
    run = Run.empty(len(channels), 1, len(end[0]))
    run.status[:], run.end[:], run.end_log_time[:] = status, end, log_t
    for name, value in more.pop("run", {}).items():
        getattr(run, name)[:] = value
    return kernel.Record(np.array(channels), SimpleNamespace(targets=np.array([1.0, horizon]), **more), run)


def test_constants_are_compared_where_runs_arrived() -> None:
    layer = random_layer(12, 3, seed=7)
    limit, clear = kernel.constants(layer, audit.TOKENS)
    good = [c for c in range(12) if np.isfinite(limit[c, :2]).all() and clear[c, :2].all()][:2]
    none = next(c for c in range(12) if np.isnan(limit[c]).all())
    exact = 0.5 * (np.log(limit[good, :2]) - 600.0)
    near = exact + 0.5 * np.log([[1.003, 0.996], [1.02, 1.0]])
    records = [
        record(good, near.tolist(), 600.0, 600.0),
        record([none, good[0]], [[0.0, 0.0], [0.0, 0.0]], 600.0, 600.0, [Status.HORIZON, Status.BLOW_UP]),
        record(good, near.tolist(), 600.0, 599.0),
    ]
    found = kernel.compare_constants(layer, records)
    assert (found["compared"], found["within_1_percent"], found["critical_not_compared"]) == (4, 3, 0)
    sizes = np.array([0.003, 0.004, 0.02, 0.0])
    assert found["relative_error"] == pytest.approx({str(q): np.quantile(sizes, q) for q in (0.5, 0.99, 1.0)}, rel=1e-8)
    assert kernel.compare_constants(layer, [])["relative_error"] is None


def test_critical_constants_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = random_layer(2, 3, seed=7)
    limit, clear = np.array([[1.0, 2.0], [np.nan, 1.0]]), np.array([[True, False], [True, True]])
    monkeypatch.setattr(kernel, "constants", lambda layer, tokens: (limit, clear))
    at = 0.5 * (np.log([[1.0, 2.0], [1.0, 1.0]]) - 600.0)
    found = kernel.compare_constants(layer, [record([0, 1], at.tolist(), 600.0, 600.0)])
    assert (found["compared"], found["critical_not_compared"]) == (1, 1)


def test_blow_up_times_are_compared_where_token_one_leads() -> None:
    """T_1 at s = 0 is 1 / (2 mu x^2 Delta(0))."""
    layer = replace(random_layer(3, 2, seed=8), dt_out=np.zeros((3, 2)), S_C=np.ones((2, 3)), S_B=np.full((2, 3), 0.25))
    delta = np.logaddexp(0, layer.b)
    x = np.array([0.5, -2.0, 3.0, 0.7])
    channels = [0, 2, 1, 1]
    exact = np.log(1 / (2 * 0.5 * x**2 * delta[channels]))
    problem = {"arrays": {"sigma": np.sign(x)[:, None] * np.ones(2)}, "start": np.log(np.abs(x))[:, None] * np.ones(2)}
    off = np.array([1e-3, -2e-3, 5e-3, 7.0])
    run = {
        "log_remaining": exact + off - np.log(4), "end_log_time": exact + off + np.log(0.75),
        "end_velocity": np.array([[0.011, -1.0], [1.0, 0.0], [-1.0, 0.5], [0.009, 1.0]]),
    }  # fmt: skip
    found = kernel.compare_times(
        layer, [record(channels, [[0.0, 0.0]] * 4, 0.0, 600.0, Status.BLOW_UP, run=run, **problem)]
    )
    assert found["compared"] == 3
    sizes = np.array([1e-3, 2e-3, 5e-3])
    assert found["error_of_ln_T"] == pytest.approx({str(q): np.quantile(sizes, q) for q in (0.5, 0.99, 1.0)}, rel=1e-6)
    many = record([0] * 60, [[0.0, 0.0]] * 60, 0.0, 600.0, [Status.BLOW_UP] * 50 + [Status.HORIZON] * 10,
                  run={"end_velocity": np.ones((60, 2)), "log_remaining": 0.0},
                  arrays={"sigma": np.ones((60, 2))}, start=np.zeros((60, 2)))  # fmt: skip
    assert kernel.compare_times(layer, [many])["compared"] == 24
    assert kernel.compare_times(layer, [])["error_of_ln_T"] is None


def test_whole_layers_converge_diverge_rest_or_stay_open() -> None:
    run = Run.empty(6, 1, 2)
    run.status[:] = [Status.BLOW_UP, Status.OVERFLOW, Status.HORIZON, Status.HORIZON, Status.HORIZON, Status.STEP_LIMIT]
    run.end[:] = np.arcsinh([[0.0, 0.0], [9.0, 9.0], [0.009, -0.0099], [0.5, 0.011], [0.5, -2.0], [31.0, 0.001]])
    run.log_pace[:] = np.log([1.0, 1.0, 1.0, 0.9e-3, 1.0, 1.1e-3])
    assert layer_fates(run, np.full(6, 3.0)) == {
        "converged": 1, "diverged": 2, "settled_elsewhere": 1, "undecided": 2, "undecided_but_grown": 1,
    }  # fmt: skip
    run.settled[4] = True
    assert layer_fates(run, np.full(6, 3.2))["settled_elsewhere"] == 2
    assert layer_fates(run, np.full(6, 3.2))["undecided_but_grown"] == 0


def test_a_layer_of_zeros_stays_where_it_is_and_one_with_a_sign_goes_to_its_end() -> None:
    free = random_layer(3, 2, seed=9)
    layer = replace(free, S_C=np.zeros_like(free.S_C))
    start = np.random.default_rng(0).normal(size=(4, 2, 3))
    found = kernel.whole_layer(layer, "planted", start)
    assert found == {
        "states": "planted",
        "starts": 4,
        "tokens": 2,
        "converged": 0,
        "diverged": 0,
        "settled_elsewhere": 4,
        "undecided": 0,
        "undecided_but_grown": 0,
    }
    assert kernel.axis_error(random_layer(3, 2, seed=9), np.random.default_rng(0)) < 1e-5


# One flow of every kind with a known end, in both coordinates of the driver: u' = c, x' = x^3, v' = -v, v' = 1 - v.


def flow(velocity: Any, relative: bool, limit: float = 50.0, least: Any = None, extinct: float | None = None) -> Flow:
    small = (-1000.0 if relative else 1e-30) if extinct is None else extinct
    size = (lambda u, rows: u.amax(dim=1)) if relative else (lambda v, rows: v.abs().amax(dim=1) - np.log(2.0))
    return Flow(velocity, size, limit, relative, small, least)


def test_closed_forms_in_log_tokens() -> None:
    """u' = k e^(2u): e^(-2u) = e^(-2u0) - 2 k t."""
    k = torch.tensor([[-1.0], [-3.0], [0.5], [0.0]], dtype=torch.float64)
    start = torch.tensor([[0.0], [0.3], [-0.2], [0.1]], dtype=torch.float64)
    targets = torch.tensor([-3.0, -0.5, 1.0, 6.0, 40.0], dtype=torch.float64)
    run = integrate_batched(flow(lambda u, rows: k[rows] * torch.exp(2 * u), True), start, targets, 1e-8, 2000)
    t = np.exp(targets.numpy())
    np.testing.assert_array_equal(run.status, [Status.HORIZON, Status.HORIZON, Status.BLOW_UP, Status.HORIZON])
    for row in (0, 1, 3):
        exact = -0.5 * np.log(np.exp(-2 * start[row].item()) - 2 * k[row].item() * t)
        np.testing.assert_allclose(run.states[row, :, 0], exact, atol=2e-6)
        assert run.reached[row].all()
    T = np.exp(-2 * -0.2) / (2 * 0.5)
    np.testing.assert_array_equal(run.reached[2], t < T)
    np.testing.assert_allclose(np.logaddexp(run.end_log_time[2], run.log_remaining[2]), np.log(T), atol=1e-5)
    np.testing.assert_allclose(run.states[2, t < T, 0], -0.5 * np.log(np.exp(0.4) - t[t < T]), atol=2e-6)
    assert (run.end[2] >= 50.0).all()
    assert (run.log_remaining[[0, 1, 3]] == -np.inf).all()
    assert not run.settled.any(), "nothing holds the steps down"
    np.testing.assert_allclose(run.log_pace[:2], np.log(0.5), atol=1e-3)
    np.testing.assert_allclose(run.end_log_time[[0, 1, 3]], 40.0, atol=1e-6)
    np.testing.assert_allclose(np.abs(run.end_velocity[:3, 0]), 1.0)
    np.testing.assert_array_equal(run.evaluations, 6 * run.attempts + 1)
    assert (run.steps <= run.attempts).all()
    assert (run.attempts < 200).all()


def test_closed_forms_in_asinh_tokens() -> None:
    """v' = c - v tends to c; it rests there, and outputs behind are filled; extinct components hold nothing up."""
    c = torch.tensor([[1.0, -2.0], [0.0, 0.0], [0.5, 3.0]], dtype=torch.float64)
    start = torch.tensor([[0.0, 0.5], [1.0, -1e-40], [0.5, 3.0]], dtype=torch.float64)
    targets = torch.tensor([-2.0, 0.0, 1.0, 8.0], dtype=torch.float64)
    run = integrate_batched(flow(lambda v, rows: c[rows] - v, False), start, targets, 1e-7, 500)
    t = np.exp(targets.numpy())[:, None]
    for row in range(3):
        exact = c[row].numpy() + (start[row].numpy() - c[row].numpy()) * np.exp(-t)
        np.testing.assert_allclose(run.states[row], exact, atol=2e-5)
    assert (run.status == Status.HORIZON).all()
    assert run.reached.all()
    np.testing.assert_array_equal(run.settled, [True, True, False])


def test_runs_end_at_their_limits() -> None:
    start, targets = torch.zeros((2, 1), dtype=torch.float64), torch.tensor([3.0, 60.0], dtype=torch.float64)
    grows = integrate_batched(flow(lambda u, rows: torch.ones_like(u), True, limit=30.0), start, targets, 1e-6, 500)
    assert (grows.status == Status.OVERFLOW).all(), "u' = 1 takes infinite time"
    np.testing.assert_allclose(grows.end_log_time, np.log(grows.end[:, 0]), atol=1e-6)
    np.testing.assert_allclose(grows.states[:, 0, 0], np.exp(3.0), rtol=1e-5)
    np.testing.assert_array_equal(grows.reached, [[True, False]] * 2)
    few = integrate_batched(flow(lambda u, rows: torch.cos(u + 1), True), start, targets, 1e-8, 3)
    assert (few.status == Status.STEP_LIMIT).all()
    assert (few.attempts == 3).all()
    least = flow(
        lambda u, rows: -torch.exp(2 * u), True, least=lambda u, rows: torch.full((len(u),), -10.0, dtype=torch.float64)
    )
    low = integrate_batched(least, start, targets, 1e-6, 500)
    assert (low.status == Status.UNDERFLOW).all()
    np.testing.assert_allclose(low.end[:, 0], -11.86, atol=0.3)  # a step of 7 passed -5
    assert (low.end[:, 0] < -5.0).all(), "rates below e^-10 are not held"
    empty = integrate_batched(least, start[:0], targets, 1e-6, 500)
    assert empty.states.shape == (0, 2, 1)
