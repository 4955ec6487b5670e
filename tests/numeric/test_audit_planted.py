"""What the audit's simulation compares, on planted runs: constants, blow-up times, starts, ends and states that were met."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.audit.simulation import integrator
from s6flow.numeric.audit.simulation.observed import layer_fates
from s6flow.numeric.flow.problem import Run, Status
from s6flow.numeric.thresholds import GROWN, MOVE, SMALL
from s6flow.numeric.weights import S6Layer

torch = pytest.importorskip("torch")


@pytest.fixture
def kernel() -> Any:
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import kernel

    return kernel


def layer_of(mu_n: Any, a: Any, s: Any, b: Any, floor: float = 0.0) -> S6Layer:
    """A layer whose channel axes carry these numbers; its inputs of the step do not mix channels."""
    mu_n, a, s, b = (np.asarray(value, dtype=float) for value in (mu_n, a, s, b))
    channels, states = mu_n.shape
    none = np.zeros(states)
    return S6Layer(
        "planted", a, mu_n.T, np.ones((states, channels)), none, none, np.eye(channels), np.diag(s), b, floor
    )


def limits(mu: np.ndarray, a: np.ndarray, step: float, tokens: int) -> tuple[list[float], list[float]]:
    """c_l = lim t x_l^2 and the share kappa_l that is inherited, token by token (theory 8, E1).

    t h_l -> H_l = e^{-a step} H_{l-1} + mu step c_l, and a token that decays like t^{-1/2} has sum H_l = -1/2.
    """
    H, found, shares = np.zeros_like(mu), [], []
    for _ in range(tokens):
        carried = np.exp(-a * step) * H
        shares.append(float(-2 * carried.sum()))
        c = float((-0.5 - carried.sum()) / (mu.sum() * step))
        found.append(c if c > 0 else np.nan)
        H = carried + mu * step * max(c, 0.0)
    return found, shares


def test_constants_follow_their_recursion(kernel: Any) -> None:
    rng = np.random.default_rng(5)
    a, b, floor = np.exp(rng.normal(size=(12, 3))), rng.normal(size=12), 0.03
    mu = rng.normal(size=(12, 3)) - 0.7
    mu[10], mu[11] = [1.0, 0.5, -1.5], [0.5, 0.5, 1.0]  # of sum 0, and above it
    mu[9], a[9], b[9] = [-1.0, 0.0, 0.0], [-np.log(0.985) / 0.5] * 3, np.log(np.expm1(0.5 - floor))  # kappa_2 = 0.985
    mu[8], a[8], b[8] = [-1.0, 0.0, 0.0], [-np.log(0.975) / 0.5] * 3, np.log(np.expm1(0.5 - floor))  # and 0.975
    layer = layer_of(mu, a, np.ones(12), b, floor)
    found, clear = kernel.constants(layer, 5)
    assert found.shape == clear.shape == (12, 5)
    seen = 0
    for channel in range(12):
        if mu[channel].sum() >= 0:
            assert np.isnan(found[channel]).all()
            continue
        step = float(np.log1p(np.exp(b[channel]))) + floor
        exact, shares = limits(mu[channel], a[channel], step, 5)
        np.testing.assert_allclose(found[channel], exact, rtol=1e-9)
        settled = np.logical_and.accumulate(np.abs(np.array(shares) - 1) > 0.02)
        np.testing.assert_array_equal(clear[channel], settled)
        seen += int(np.isfinite(exact).sum())
    assert seen > 20
    assert list(clear[[8, 9], 1]) == [True, False]


def record(kernel: Any, run: Run, channels: list[int], start: np.ndarray, last: float = 600.0) -> Any:
    problem = SimpleNamespace(
        targets=np.array([last - 1, last]), arrays={"sigma": np.sign(start)}, start=np.log(np.abs(start))
    )
    return kernel.Record(np.array(channels), problem, run)


def test_constants_are_compared_where_runs_got_there(kernel: Any) -> None:
    layer = layer_of([[-1.0], [-2.0], [1.0]], [[1.0], [0.5], [1.0]], np.ones(3), [0.2, -0.3, 0.1])
    limit, clear = kernel.constants(layer, integrator.TOKENS)
    assert clear.all()
    channels = [0, 0, 1, 1, 2, 0]
    run = Run.empty(6, 1, integrator.TOKENS)
    run.status[:] = [Status.HORIZON, Status.HORIZON, Status.HORIZON, Status.STEP_LIMIT, Status.HORIZON, Status.HORIZON]
    run.end_log_time[:] = 600.0
    off = np.array([0.0, 0.009, 0.011, 5.0, 5.0, -0.2])
    run.end = 0.5 * (np.log(limit[channels] * (1 + off[:, None])) - 600.0)
    start = np.ones((6, integrator.TOKENS))
    found = kernel.compare_constants(layer, [record(kernel, run, channels, start)])
    each = integrator.TOKENS
    assert (found["compared"], found["within_1_percent"], found["critical_not_compared"]) == (4 * each, 2 * each, 0)
    assert found["relative_error"]["1.0"] == pytest.approx(0.2, rel=1e-9)
    assert found["relative_error"]["0.5"] == pytest.approx(0.01, rel=1e-9)
    early = record(kernel, run, channels, start, 599.0)
    nothing = kernel.compare_constants(layer, [early])
    assert (nothing["compared"], nothing["relative_error"], nothing["critical_not_compared"]) == (0, None, 0)


def test_critical_constants_are_counted_apart(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = np.array([[True, True, False, False]])
    monkeypatch.setattr(kernel, "constants", lambda layer, tokens: (np.array([[1.0, 2.0, 3.0, np.nan]]), settled))
    run = Run.empty(2, 1, 4)
    run.status[:], run.end_log_time[:] = Status.HORIZON, 600.0
    run.end[:] = 0.5 * (np.log([[1.0, 2.0, 3.0, 1.0]]) - 600.0)
    found = kernel.compare_constants(None, [record(kernel, run, [0, 0], np.ones((2, 4)))])
    assert (found["compared"], found["within_1_percent"], found["critical_not_compared"]) == (4, 4, 2)


@pytest.mark.parametrize("count", [5, 24, 47, 48, 100])
def test_blow_up_times_are_compared_of_some_systems(kernel: Any, count: int) -> None:
    """At s = 0: T_1 = 1 / (2 mu Delta x^2); only where the first token has a hundredth of the fastest rate."""
    mu, b = np.array([0.5, 2.0]), np.array([0.1, -0.4])
    layer = layer_of(mu[:, None], np.ones((2, 1)), np.zeros(2), b)
    channels = [place % 2 for place in range(count + 3)]
    start = np.array([[(-1) ** place * (0.5 + 0.01 * place), 1.0] for place in range(count + 3)])
    exact = -np.log(2 * mu[channels] * np.log1p(np.exp(b[channels])) * start[:, 0] ** 2)
    run = Run.empty(count + 3, 1, 2)
    run.status[:] = Status.BLOW_UP
    error = 1e-3 * np.arange(count + 3)
    run.end_log_time[:] = exact + error - np.log(2.0)  # half of the time has passed, the other half is left
    run.log_remaining[:] = exact + error - np.log(2.0)
    run.end_velocity[:] = [0.011, -1.0]
    run.end_velocity[count] = [-0.009, 1.0]
    run.status[count + 1 :] = Status.HORIZON
    found = kernel.compare_times(layer, [record(kernel, run, channels, start)])
    chosen = list(range(0, count, max(1, count // 24)))[:24]
    assert found["compared"] == len(chosen)
    np.testing.assert_allclose(found["error_of_ln_T"]["1.0"], error[chosen].max(), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(found["error_of_ln_T"]["0.5"], np.median(error[chosen]), rtol=1e-6, atol=1e-10)


def test_whole_layers_start_at_their_largest_token(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def integrated(flow: Any, start: Any, horizon: Any, rtol: float, most: int) -> Run:
        seen.update(start=start.numpy(), horizon=horizon.tolist(), rtol=rtol)
        return Run.empty(len(start), 1, start.shape[1])

    def fates(run: Run, start: np.ndarray) -> dict[str, int]:
        seen["largest"] = start
        return {"converged": len(run.status)}

    monkeypatch.setattr(kernel, "require_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(kernel, "integrate_batched", integrated)
    monkeypatch.setattr(kernel, "layer_fates", fates)
    x0 = np.random.default_rng(0).normal(size=(3, 4, 2))
    x0[1, 2, 1] = -9.0
    found = kernel.whole_layer(layer_of(np.ones((2, 1)), np.ones((2, 1)), np.ones(2), np.zeros(2)), "random", x0)
    assert found == {"states": "random", "starts": 3, "tokens": 4, "converged": 3}
    np.testing.assert_array_equal(seen["largest"], [max(abs(x0[place].ravel())) for place in range(3)])
    np.testing.assert_allclose(np.sinh(seen["start"]), x0.reshape(3, 8), rtol=1e-12)
    assert (seen["horizon"], seen["rtol"]) == ([20.0], 1e-3)


def test_a_kernel_s_unit_is_that_of_the_largest_summand() -> None:
    """ln of max(x Delta^(1/2)), but no less than `LOG_SPAN` below the largest token: twice it, and a constant, are lost."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    layer = layer_of([[1.0], [0.5]], [[1.0], [2.0]], [1.0, -4.0], [0.3, -2.0], 0.0)
    systems = mamba.AxisSystems.of([layer], torch.device("cpu"))
    u = torch.tensor([[0.5, -3.0, 1.0], [5.0, 5.5, 5.2], [-1.0, 0.3, 0.1]], dtype=torch.float64)
    sign, index = torch.tensor([[1.0, -1.0, 1.0], [1.0, 1.0, 1.0], [-1.0, 1.0, -1.0]]).double(), torch.tensor([0, 1, 1])
    flow = mamba.axis_flow(systems, sign, index)
    x = sign.numpy() * np.exp(u.numpy())
    step = np.logaddexp(0.0, layer.s[index, None] * x + layer.b[index, None])
    unit = np.maximum((0.5 * np.log(x**2 * step)).max(axis=1), u.numpy().max(axis=1) - mamba.LOG_SPAN)
    found = flow.log_least(u, torch.arange(3))  # type: ignore[misc]
    np.testing.assert_allclose(found, 2 * unit + mamba.LOG_LEAST, rtol=1e-5)
    assert unit[1] == 5.5 - mamba.LOG_SPAN  # steps of e^-600 do not set it


def test_pairs_start_where_the_first_token_blows_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, np.ndarray] = {}

    def known(mu_n: Any, a: Any, s: Any, b: Any, floor: float, first: np.ndarray, second: np.ndarray) -> Any:
        no = np.zeros(len(first), dtype=bool)
        seen.update(mu=mu_n, s=s, first=first, second=second)
        return SimpleNamespace(vanishes=no, held=no, root=np.full(len(first), np.nan))

    monkeypatch.setattr(integrator, "followers", known)
    mu = np.array([[1.0, 0.5], [1.0, -1.0], [-2.0, 1.0], [2.0, -1.0], [1.0, 1.0]])
    layer = layer_of(mu, np.ones((5, 2)), [1.0, 1.0, 1.0, -1.0, 0.0], np.zeros(5))
    starts, channels, predicted, found = integrator.pair_outcome(
        layer, np.arange(4), np.random.default_rng(0), integrator.CPU
    )
    assert len(starts) == len(channels) == len(predicted) == len(found) == 0
    np.testing.assert_array_equal(seen["mu"], mu[[0, 3] * 4])  # mu > 0 alone, twice two starts
    np.testing.assert_array_equal(np.sign(seen["first"]), [1, -1] * 4)  # on the side where Delta grows
    np.testing.assert_array_equal(np.sign(seen["second"]), [1] * 4 + [-1] * 4)
    for values, unit in ((seen["first"], 1e3), (seen["second"], 1.0)):
        assert (np.abs(np.log(np.abs(values) / unit)) <= 1.5).all()


def test_tokens_of_the_reference_have_the_sizes_of_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[np.ndarray] = []

    def error(layer: S6Layer, rng: Any, draw: Any) -> tuple[float, int]:
        drawn.extend(draw() for _ in range(400))
        return 0.0, 1

    monkeypatch.setattr(integrator, "reference_error", error)
    monkeypatch.setattr(integrator, "bilinear_outcomes", lambda *_: [])
    found = integrator.simulate_layer(layer_of([[1.0]], [[1.0]], [1.0], [0.0]), {}, 0)
    assert (found.starts, found.confusion, found.log_horizon) == (0, {}, 600.0)
    tokens = np.array(drawn)
    assert tokens.shape == (400, 4)
    for part in (tokens[tokens > 0], -tokens[tokens < 0]):
        assert len(part) > 600
        assert np.log(part.max()) == pytest.approx(1.5, abs=0.02)
        assert np.log(part.min()) == pytest.approx(-1.5, abs=0.02)


def test_ends_of_layers_are_counted_once() -> None:
    size = np.array([0.5 * SMALL, 0.5 * SMALL, 3.0, 3.0, 3.0, 3.0, 0.5 * SMALL, 3.0])
    run = Run.empty(8, 1, 2)
    run.end[:, 1] = -np.arcsinh(size)
    run.status[:] = [0, 0, 0, 0, 0, Status.BLOW_UP, Status.OVERFLOW, 0]
    run.settled[:] = [True, False, True, False, False, True, True, False]
    run.log_pace[:] = np.log(MOVE) + np.array([-1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0])
    start = np.array([9.0, 9.0, 9.0, 9.0, 3.1 / GROWN, 9.0, 9.0, 2.9 / GROWN])
    counts = {"converged": 2, "diverged": 2, "settled_elsewhere": 2, "undecided": 2, "undecided_but_grown": 1}
    assert layer_fates(run, start) == counts


def test_states_are_what_enters_the_scan() -> None:
    from s6flow.numeric.audit.simulation.states import token_states

    class Mixer(torch.nn.Module):
        def __init__(self, named: bool) -> None:
            super().__init__()
            self.conv1d = torch.nn.Conv1d(2, 2, 3, padding=2)
            if named:
                self.x_proj = torch.nn.Linear(2, 1)
            self.other = torch.nn.Linear(2, 2)

        def forward(self, tokens: Any) -> Any:
            u = torch.nn.functional.one_hot(tokens, 2).double().float()
            left = torch.nn.functional.silu(self.conv1d(u.mT)[..., : tokens.shape[1]]).mT
            return self.x_proj(2 * left) if hasattr(self, "x_proj") else self.other(left)

    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"a": Mixer(True), "b": Mixer(False)})
    tokens = torch.tensor([[0, 1, 1, 0, 1]])
    model.forward = lambda given: [part(given) for part in model.values()]
    found = token_states(model, tokens)
    assert set(found) == {"a", "b"}
    for name, factor in (("a", 2.0), ("b", 1.0)):
        u = np.eye(2)[tokens[0].numpy()]
        weight, bias = (value.detach().numpy() for value in (model[name].conv1d.weight, model[name].conv1d.bias))
        padded = np.concatenate([np.zeros((2, 2)), u])
        left = np.array([[(weight[d] * padded[l : l + 3].T).sum() + bias[d] for d in range(2)] for l in range(5)])
        np.testing.assert_allclose(found[name], factor * left / (1 + np.exp(-left)), rtol=1e-5)
    with pytest.raises(AssumptionError, match="x_proj or conv1d"):
        token_states(torch.nn.Identity(), tokens)
