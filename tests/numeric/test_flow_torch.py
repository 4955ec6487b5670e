"""The integrator in PyTorch on planted velocities: rest, rates lost to float64, step limits, landings and batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from s6flow.numeric.flow.problem import Run, Status
from s6flow.numeric.flow.tableau import PAIRS

torch = pytest.importorskip("torch")

from s6flow.numeric.flow.backends.torch import adaptive  # noqa: E402
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched  # noqa: E402
from s6flow.numeric.flow.step_control import DRIVER, LANDED  # noqa: E402

Tensor = torch.Tensor


def size(w: Tensor, index: Tensor) -> Tensor:
    return w.amax(dim=1)


def flow(velocity: object, **changes: object) -> Flow:
    known = {"log_limit": 100.0, "relative": True, "extinct": -1e300, "pair": PAIRS["DOP853"], "control": DRIVER}
    return Flow(velocity, size, **{**known, **changes})  # type: ignore[arg-type]


def run(one: Flow, start: list[list[float]], targets: list[float], rtol: float = 1e-8, most: int = 2000) -> Run:
    known = (torch.tensor(value, dtype=torch.float64) for value in (start, targets))
    return integrate_batched(one, *known, rtol, most)


def test_a_system_rests_when_every_token_does() -> None:
    """The first is at its equilibrium early, and holds the steps down; the second still moves by 1 - e^{-5t}."""
    rate = torch.tensor([500.0, 5.0]).double()
    one = flow(lambda w, _: rate * (1.0 - w), control=replace(DRIVER, resting_steps=2))
    found = run(one, [[0.999, 0.0]], [-1.0, 20.0])
    assert (found.status[0], bool(found.settled[0])) == (Status.HORIZON, True)
    np.testing.assert_allclose(found.states[0, 0], [1.0, 1 - np.exp(-5 * np.exp(-1))], atol=1e-6)
    np.testing.assert_allclose(found.end, [[1.0, 1.0]], atol=1e-4)
    np.testing.assert_array_equal(found.states[0, 1], found.end[0])


def test_a_run_cut_short_has_not_settled() -> None:
    one = flow(lambda w, _: torch.cos(3 * w) + 2)
    found = run(one, [[0.0], [1.0]], [5.0], most=7)
    assert (found.status == Status.STEP_LIMIT).all()
    assert not found.settled.any()
    assert not found.reached.any()
    assert (found.attempts == 7).all()
    assert (found.evaluations == 7 * 12 + 1).all()
    assert (found.end_log_time < 5.0).all()


def test_arriving_is_no_rest() -> None:
    found = run(flow(lambda w, _: 1.0 + 0 * w), [[0.0]], [0.0, 1.0])
    assert (found.status[0], bool(found.settled[0])) == (Status.HORIZON, False)
    np.testing.assert_allclose(found.states[0, :, 0], np.exp([0.0, 1.0]), rtol=1e-6)


@pytest.mark.parametrize("rates", [[1.0, 0.0], [0.0, -1.0], [1.0, 1e-300]])
@pytest.mark.parametrize(("least", "status"), [(-0.7, Status.HORIZON), (0.7, Status.UNDERFLOW)])
def test_rates_are_lost_when_the_largest_is(rates: list[float], least: float, status: Status) -> None:
    rate = torch.tensor([rates], dtype=torch.float64)
    one = flow(
        lambda w, _: rate.expand(len(w), -1) + 0 * w, log_least=lambda w, _: torch.full((len(w),), least).double()
    )
    assert run(one, [[0.0, 0.0]] * 2, [1.0]).status.tolist() == [status] * 2


def test_outputs_are_landed_on_to_their_tolerance() -> None:
    """At a rate of one a token is the time: it says where its output was."""
    targets = [-3.0, -1.0, 0.5, 2.0, 6.0]
    found = run(flow(lambda w, _: 1.0 + 0 * w, log_limit=1e9), [[0.0]], targets)
    log_t0 = -np.log(2.0)  # t0 = 1 / (1 + the largest rate)
    aims = np.logaddexp(0.0, np.array(targets) - log_t0)
    thetas = np.log1p(found.states[0, :, 0] / np.exp(log_t0))
    assert found.reached.all()
    assert (np.abs(thetas - aims) <= 1.001 * LANDED * (1 + aims)).all()
    assert pytest.approx(1e-7) == LANDED


def test_tolerated_errors_of_both_kinds() -> None:
    old = torch.tensor([[0.5, -3.0], [0.01, 1e-4]], dtype=torch.float64)
    new = torch.tensor([[0.7, 0.1], [-0.02, 1e-5]], dtype=torch.float64)
    sizes = np.array([[0.7, 1.0], [0.02, 1e-4]])
    own = flow(lambda w, _: w, relative=False, extinct=1e-100)
    expected = 1e-5 * sizes + 1e-7 * sizes.max(axis=1, keepdims=True)
    np.testing.assert_allclose(adaptive.local_tolerance(own, 1e-5, old, new), expected, rtol=1e-14)
    nothing = adaptive.local_tolerance(own, 1e-5, 0 * old, 0 * new)
    np.testing.assert_allclose(nothing, np.full((2, 2), 1e-105), rtol=1e-12)
    far = torch.tensor([[2000.0, 1.0]], dtype=torch.float64)
    np.testing.assert_allclose(adaptive.local_tolerance(flow(lambda w, _: w), 1e-5, far, far / 2), [[2e-5, 1e-5]])


@pytest.mark.parametrize("extinct", [-1e300, -5.0])
@pytest.mark.parametrize("relative", [True, False])
def test_time_does_not_wait_for_what_is_extinct(relative: bool, extinct: float) -> None:
    state, velocity = torch.tensor([[-6.0, 2.0]]).double(), torch.tensor([[7.0, 3.0]]).double()
    one = flow(lambda w, _: w, relative=relative, extinct=extinct if relative else -extinct)
    moving = adaptive.active_velocity(one, state, velocity)
    gone = [state[0, place] < extinct if relative else abs(state[0, place]) < -extinct for place in range(2)]
    np.testing.assert_array_equal(moving[0], np.where(gone, 0.0, [7.0, 3.0]))


def test_finished_systems_leave_when_a_quarter_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems end one after the other: the batch is made smaller each time that less than a quarter of it runs."""
    seen: list[int] = []
    given = adaptive.repeated
    monkeypatch.setattr(
        adaptive, "repeated", lambda work, device: seen.append(len(work.args[1].index)) or given(work, device)
    )
    one = flow(lambda w, _: 1.0 + 0 * w, control=replace(DRIVER, longest_step=0.5))
    found = run(one, [[99.9 - place] for place in range(16)], [9.0])
    assert seen == [16, 3]  # four are a quarter, three are fewer
    assert (found.status == Status.OVERFLOW).all()
    assert (np.diff(found.attempts) > 0).all()
    assert (found.end >= 100).all()


def test_log_times_of_all_sizes() -> None:
    theta = torch.tensor([1e-12, 0.5, 29.9, 30.1, 200.0], dtype=torch.float64)
    found = adaptive.log_time_of(theta, torch.full((5,), -2.0).double())
    expected = [np.log(np.expm1(value)) - 2.0 for value in theta.tolist()[:-1]] + [198.0]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
