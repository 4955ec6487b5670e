"""Single steps of the integrator in PyTorch at the edges of its decisions, and the errors that it keeps in closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from s6flow.numeric.flow.problem import Run, Status

torch = pytest.importorskip("torch")

from s6flow.numeric.flow.backends.torch import adaptive  # noqa: E402
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched  # noqa: E402
from s6flow.numeric.flow.step_control import DRIVER, LANDED, RUNNING, TORCH_DRIVER  # noqa: E402

Tensor = torch.Tensor


def flow(velocity: object, **changes: object) -> Flow:
    known = {"log_limit": 100.0, "relative": True, "extinct": -1e300}
    return Flow(velocity, lambda w, _: w.amax(dim=1), **{**known, **changes})  # type: ignore[arg-type]


def resting(first_step: float = 1.0, **changes: object) -> Flow:
    """Nothing moves, so that theta grows by the step."""
    return flow(lambda w, _: 0 * w, control=replace(TORCH_DRIVER, first_step=first_step), **changes)


def run(one: Flow, start: list[list[float]], targets: list[float], rtol: float = 1e-8, most: int = 2000) -> Run:
    known = (torch.tensor(value, dtype=torch.float64) for value in (start, targets))
    return integrate_batched(one, *known, rtol, most)


def one_step(one: Flow, aims: list[float], start: float = 0.0) -> adaptive.LiveSystems:
    """A first attempt, with these targets in theta."""
    live = adaptive.LiveSystems.of(one, torch.full((1, 1), start).double(), torch.zeros(len(aims)).double())
    live.aims.copy_(torch.tensor([aims], dtype=torch.float64))
    adaptive.attempt_step(one, live, 1e-8, 100)
    return live


@pytest.mark.parametrize("step", [1.0, 0.01, 20.0])
def test_a_step_arrives_within_its_distance(step: float) -> None:
    """The distance in theta is relative to 1 + theta: on either side of the target, and a little further away."""
    slack = LANDED * (1 + step)
    for share, arrives, over in ((0.99, True, False), (-0.99, True, False), (1.01, False, True), (-1.01, False, False)):
        live = one_step(resting(step), [step - share * slack, 600.0])
        assert live.reached.tolist() == [[arrives, False]]
        assert live.pending.tolist() == [int(arrives)]
        assert live.landing.tolist() == [over]
        assert live.accepted.tolist() == [int(not over)]


def test_a_step_at_its_very_distance_has_arrived() -> None:
    theta = one_step(resting(0.75), [600.0]).theta.item()
    for side in (1.0, -1.0):
        aim = (theta - side * LANDED) / (1.0 + side * LANDED)
        near = aim + np.spacing(aim) * np.arange(-8, 9)
        exact = near[near + side * (LANDED * (1.0 + near)) == theta]
        assert one_step(resting(0.75), [exact[0], 600.0]).reached.tolist() == [[True, False]]


@pytest.mark.parametrize(("size", "status"), [(100.0, Status.OVERFLOW), (np.nextafter(100.0, 0.0), RUNNING)])
def test_the_limit_itself_counts_as_blown_up(size: float, status: int) -> None:
    one = replace(resting(), log_size=lambda w, _: torch.full((len(w),), size, dtype=torch.float64))
    assert one_step(one, [600.0]).status.tolist() == [status]


def test_the_least_rate_itself_is_held() -> None:
    """ln of the largest rate over the least one: equal is not below."""
    one = flow(lambda w, _: 1 + 0 * w)
    rate = one_step(one, [600.0])
    held = (rate.slope.abs().amax(dim=1).log() + rate.log_rate).item()
    for least, status in ((held, RUNNING), (float(np.nextafter(held, 9.0)), Status.UNDERFLOW)):
        planted = replace(one, log_least=lambda w, _, least=least: torch.full((len(w),), least, dtype=torch.float64))
        assert one_step(planted, [600.0]).status.tolist() == [status]


def test_a_size_that_is_just_not_extinct_still_moves() -> None:
    velocity = torch.tensor([[3.0, 4.0, 5.0]]).double()
    state = torch.tensor([[0.5, np.nextafter(0.5, 0.0), -0.5]]).double()
    for relative, moving in ((False, [3.0, 0.0, 5.0]), (True, [3.0, 0.0, 0.0])):
        one = flow(lambda w, _: w, relative=relative, extinct=0.5)
        assert adaptive.active_velocity(one, state, velocity).tolist() == [moving]


def test_a_step_too_far_is_made_again_at_once_with_the_length_that_the_clock_suggests() -> None:
    """Theta grows by the step: the second one is the way to the target, no shorter than a hundredth of the first; where
    the two are closer than a thousandth, by a thousandth shorter."""
    for aim, length in ((0.4, 0.4), (0.005, 0.01), (0.015, 0.015), (0.7, 0.7), (0.9995, 0.999)):
        live = one_step(resting(), [aim, 600.0])
        assert live.step.item() == pytest.approx(length, rel=1e-12)
        assert live.kept.item() == 1.0
        assert live.theta.item() == 0.0


def test_behind_a_target_the_step_is_the_one_that_was_kept() -> None:
    """The step of 1 goes too far, that of 0.4 arrives, and what follows is as long as the first; what is kept is the
    first of several trials."""
    one, start = resting(), torch.zeros(2, 1).double()
    live = adaptive.LiveSystems.of(one, start, torch.zeros(2).double())
    live.aims.copy_(torch.tensor([[0.4, 600.0], [0.004, 600.0]], dtype=torch.float64))
    adaptive.attempt_step(one, live, 1e-8, 100)
    adaptive.attempt_step(one, live, 1e-8, 100)
    assert live.reached.tolist() == [[True, False], [False, False]]
    assert live.step.tolist() == pytest.approx([1.0, 0.004])
    assert live.kept.tolist() == [1.0, 1.0]
    assert live.landing.tolist() == [False, True]
    adaptive.attempt_step(one, live, 1e-8, 100)
    assert live.step[1].item() == 1.0
    assert live.landing.tolist() == [False, False]
    assert live.theta.tolist() == pytest.approx([1.4, 0.004])


def test_a_step_is_not_lost_that_a_target_makes_short() -> None:
    """Steps below a tenth are lost here, unless it is a target that is so near."""
    for longest, aim, status in ((1.0, 0.05, RUNNING), (0.09, 600.0, Status.UNDERFLOW), (0.11, 600.0, RUNNING)):
        one = replace(resting(), control=replace(TORCH_DRIVER, first_step=1.0, shortest_step=0.1, longest_step=longest))
        assert one_step(one, [aim, 900.0]).status.tolist() == [status]


@pytest.mark.parametrize("landing", [True, False])
def test_a_rejected_step_seeks_a_target_if_it_did_before(landing: bool) -> None:
    one = flow(circle, control=replace(TORCH_DRIVER, first_step=10.0))
    live = adaptive.LiveSystems.of(one, torch.tensor([[1.0, 0.0, 5.0]]).double(), torch.tensor([600.0]).double())
    live.landing.fill_(landing)
    adaptive.attempt_step(one, live, 1e-8, 100)
    assert live.rejected.tolist() == [True]
    assert live.landing.tolist() == [landing]
    assert live.kept.tolist() == [10.0]


def test_what_has_ended_stays_as_it_was() -> None:
    """Beside a system that runs on, every value of one that has ended is held."""
    one = replace(resting(0.2), log_size=lambda w, index: torch.where(index == 0, 1e9, 0.0).double())
    live = adaptive.LiveSystems.of(one, torch.zeros(2, 1).double(), torch.zeros(1).double())
    live.aims.copy_(torch.tensor([[600.0], [0.3]], dtype=torch.float64))
    adaptive.attempt_step(one, live, 1e-8, 100)
    ended = {name: value[0].clone() for name, value in vars(live).items()}
    assert ended["status"] == Status.OVERFLOW
    for _ in range(6):
        adaptive.attempt_step(one, live, 1e-8, 100)
    assert live.status.tolist() == [Status.OVERFLOW, Status.HORIZON]
    for name, value in ended.items():
        assert torch.equal(getattr(live, name)[0], value), name


def circle(w: Tensor, _: Tensor) -> Tensor:
    """Two tokens go round, a third one stands still."""
    return torch.stack([-w[:, 1], w[:, 0], 0 * w[:, 0]], dim=1)


def test_the_largest_error_of_all_tokens_decides() -> None:
    """By t = 80 the clock hardly moves, and one token not at all: neither says how far the others may go."""
    found = run(flow(circle), [[1.0, 0.0, 5.0]], [np.log(80.0)], 1e-6)
    np.testing.assert_allclose(found.states[0, 0], [np.cos(80.0), np.sin(80.0), 5.0], atol=1e-3)


def test_the_clock_has_errors_too() -> None:
    """Of a token as low as -1e6 an error of 1e-5 is tolerated; of the clock 1e-8."""
    targets = np.linspace(-3.0, 9.0, 5)
    found = run(flow(lambda w, _: 1 + 0 * w), [[-1e6]], targets.tolist(), 1e-8)
    moved = np.log(found.states[0, :, 0] + 1e6)
    np.testing.assert_allclose(moved, targets, atol=3e-6)  # landings are exact to 1e-7 (1 + theta)


@pytest.mark.parametrize("end", [7.0, -7.0])
def test_rest_is_seen_wherever_it_is(end: float) -> None:
    """x' = 300 (end - x) rests at `end`, and long before e^50."""
    found = run(flow(lambda w, _: 300 * (end - w)), [[end - 0.2]], [50.0], 1e-5)
    assert found.settled.tolist() == [True]
    assert found.status.tolist() == [Status.HORIZON]
    np.testing.assert_allclose(found.end, [[end]], atol=1e-3)
    assert found.end_log_time.tolist() == pytest.approx([50.0])


@pytest.mark.parametrize(
    ("relative", "speed", "extinct", "rests"),
    [
        (True, -1.0, -20.0, True),
        (True, 1.0, -20.0, False),
        (True, -1.0, -60.0, False),
        (True, 0.0, -60.0, True),
        (False, 1.0, 60.0, True),
        (False, -1.0, 60.0, False),
        (False, 1.0, 20.0, False),
        (False, 0.0, 20.0, True),
    ],
)
def test_a_token_that_acts_on_nothing_may_shrink(relative: bool, speed: float, extinct: float, rests: bool) -> None:
    """Beside one at rest it is gone, if it shrinks; if it grows it is not. One that acts on something keeps all awake.

    It is at -50: the size of log tokens is the state itself, and else its absolute value.
    """
    one = flow(
        lambda w, _: torch.stack([0 * w[:, 0], speed + 0 * w[:, 1]], dim=1),
        relative=relative, extinct=extinct, control=replace(TORCH_DRIVER, first_step=0.2, resting_steps=1),
    )  # fmt: skip
    live = adaptive.LiveSystems.of(one, torch.tensor([[2.0, -50.0]]).double(), torch.tensor([600.0]).double())
    adaptive.attempt_step(one, live, 1e-8, 100)
    assert live.settled.tolist() == [rests]


def test_a_system_at_rest_is_there_at_all_later_times_alone() -> None:
    """It saw its first target on its way, rests, and keeps its state at the others."""
    found = run(flow(lambda w, _: 40 * (1 - w)), [[0.0]], [-4.0, 30.0, 40.0], 1e-6)
    assert found.settled.tolist() == [True]
    assert found.reached.all()
    assert found.states[0, 0, 0] == pytest.approx(-np.expm1(-40 * np.exp(-4.0)), abs=1e-5)
    assert found.states[0, 1, 0] == found.states[0, 2, 0] == found.end[0, 0]
    assert found.end[0, 0] == pytest.approx(1.0, abs=1e-4)
    assert found.end_log_time.tolist() == [40.0]


def test_a_blow_up_does_not_settle_nor_does_an_arrival() -> None:
    """x' = -1 in extinct tokens: rest and horizon, or rest and blow-up, at one step; what comes first counts."""
    known = replace(TORCH_DRIVER, first_step=0.2, resting_steps=1)
    one = flow(lambda w, _: 0 * w, control=known)
    arrived = one_step(one, [0.2])
    assert (arrived.status.item(), arrived.settled.item()) == (Status.HORIZON, False)
    rested = one_step(one, [600.0])
    assert (rested.status.item(), rested.settled.item()) == (Status.HORIZON, True)
    exploded = one_step(replace(one, log_size=lambda w, _: torch.full((len(w),), 101.0).double()), [600.0])
    assert (exploded.status.item(), exploded.settled.item()) == (Status.OVERFLOW, False)


def test_speeds_at_the_end_are_those_of_the_fastest_token() -> None:
    """Velocities in the largest one as their unit, and ln of its way in the time that has passed, t |v|."""
    rate = torch.tensor([0.5, -2.0, 0.0]).double()
    found = run(flow(lambda w, _: rate + 0 * w), [[0.0, 0.0, 0.0]], [1.0, 3.0])
    np.testing.assert_allclose(found.end_velocity, [[0.25, -1.0, 0.0]], rtol=1e-12)
    assert found.log_pace[0] == pytest.approx(3.0 + np.log(2.0), abs=1e-5)
    still = run(resting(), [[0.0]], [3.0])
    assert still.end_velocity.tolist() == [[0.0]]
    assert still.log_pace.tolist() == [-np.inf]


def test_a_fifth_that_runs_on_is_alone_and_a_quarter_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for systems, batches in ((5, [5, 1]), (4, [4])):
        seen: list[int] = []
        given = adaptive.repeated
        monkeypatch.setattr(
            adaptive,
            "repeated",
            lambda work, device, seen=seen, given=given: seen.append(len(work.args[1].index)) or given(work, device),
        )
        one = flow(lambda w, _: 1.0 + 0 * w, control=replace(DRIVER, longest_step=0.5))
        found = run(one, [[99.9]] * (systems - 1) + [[90.0]], [9.0])
        assert seen == batches
        assert (found.status == Status.OVERFLOW).all()
        monkeypatch.undo()


def test_log_times_change_their_formula_where_both_are_right() -> None:
    """ln(e^theta - 1) is theta to a rounding from 37 on, and at 29.5 1.5e-13 less."""
    theta = torch.tensor([29.5, 30.0, 30.5], dtype=torch.float64)
    found = adaptive.log_time_of(theta, torch.zeros(3).double())
    exact = theta + torch.log1p(-torch.exp(-theta))
    assert abs(found[0] - exact[0]) < 1e-14
    assert (found - exact).abs().max() < 1e-13
