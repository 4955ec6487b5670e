"""Rest, ends, clocks and landings of the loops, from planted states: each quantity in its own column."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.flow import FlowParameters, LayerParameters, Status, integrate
from s6flow.numeric.flow.backends.numpy import driver, landing
from s6flow.numeric.flow.coordinates import COORDINATES, EXTINCT_ASINH, EXTINCT_LOG
from s6flow.numeric.flow.integrate import batched
from s6flow.numeric.flow.problem import Run
from s6flow.numeric.flow.step_control import DRIVER, load_rules
from s6flow.numeric.flow.tableau import PAIRS

RULES = load_rules("numpy", DRIVER, PAIRS["DOP853"])
ONE_STATE = FlowParameters(np.array([[-1.0]]), np.array([[1.0]]), np.array([0.5]), np.array([0.0]), 0.1)


@pytest.mark.parametrize("share", [0.03, 0.4, 0.9])
def test_the_guess_of_a_landing_is_where_a_cubic_has_its_target(share: float) -> None:
    """theta = 0.7 + 0.2 t + 0.05 t^3, with its rates at both ends of a step of 3."""
    step, aim = 3.0, 0.7 + 0.2 * 3 * share + 0.05 * (3 * share) ** 3
    end = 0.7 + 0.2 * step + 0.05 * step**3
    rows = (np.array([one]) for one in (0.7, 0.2, step, end, 0.2 + 0.15 * step**2, aim))
    np.testing.assert_allclose(landing.hermite_length(RULES, *rows), step * share, rtol=1e-6)


def test_a_landing_reads_theta_from_the_last_column() -> None:
    """Another column moves otherwise, so that a guess by it is far off, and more trials are needed."""
    calls = []

    class Clock:
        def part(self, rows: Any) -> Any:
            return self

        def slope(self, state: np.ndarray) -> np.ndarray:
            calls.append(len(state))
            s = state[:, 0] - 5.0
            return np.stack([np.ones_like(s), -7.0 * np.ones_like(s), 0.2 + 0.15 * s**2], axis=1)

    def at(s: float) -> np.ndarray:
        return np.array([[5.0 + s, 40.0 - 7.0 * s, 0.7 + 0.2 * s + 0.05 * s**3]])

    clock, pair = Clock(), PAIRS["DOP853"]
    ends = at(0.0), clock.slope(at(0.0)), np.array([3.0]), at(3.0), clock.slope(at(3.0))
    calls.clear()
    landed, _ = landing.land(RULES, pair, clock, *ends, at(1.2)[:, -1])
    np.testing.assert_allclose(landed, at(1.2), rtol=1e-12)
    assert len(calls) <= 2 * pair.evaluations


def pool(anchor: list[list[float]], resting: int) -> Any:
    live = SimpleNamespace(anchor=np.array(anchor), resting=np.full(len(anchor), resting))
    return SimpleNamespace(live=live, problem=SimpleNamespace(coordinates=COORDINATES["log"]), rules=RULES)


def test_what_lies_at_rest() -> None:
    """Two tokens of ln|x| and theta: still; the second moved; gone; the clock has not moved enough; a rejected step."""
    anchor = [[3.0, 3.0, 50.0], [3.0, 3.0, 50.0], [3.0, -1001.0, 50.0], [3.0, 3.0, 50.0], [3.0, 3.0, 50.0]]
    new = np.array(anchor)
    new[:, -1] += [0.2, 0.2, 0.2, 0.05, 0.2]
    new[1, 1] += 1.0
    new[2, 1] -= 40.0
    this = pool(anchor, 25)
    rested = driver.Pool.rest(this, np.array([True] * 4 + [False]), new, np.full(new.shape, 1e-4))
    assert rested.tolist() == [True, False, True, False, False]
    due = np.array([True, True, True, False, False])
    np.testing.assert_array_equal(this.live.anchor, np.where(due[:, None], new, anchor))


def test_a_few_steps_at_rest_are_too_few() -> None:
    this = pool([[3.0, 50.0]], 3)
    assert not driver.Pool.rest(this, np.array([True]), np.array([[3.0, 50.2]]), np.full((1, 2), 1e-4)).any()


def test_ends_are_told_in_shares_of_the_fastest_token() -> None:
    """The last token may lead; what does not move has shares of 0. theta = 1 and ln t_0 = 0.5 are ln t = 0.5 + ln(e - 1)."""
    run = Run.empty(2, 1, 3)
    this = SimpleNamespace(result=run, log_t0=np.array([0.5, 0.5]))
    state = np.array([[1.0, 2.0, 3.0, 1.0], [4.0, 5.0, 6.0, 1.0]])
    slope = np.array([[1.0, 2.0, -4.0, 0.3], [0.0, 0.0, 0.0, 0.3]])
    with np.errstate(divide="ignore"):
        driver.Pool.close(this, np.array([0, 1]), state, slope)
    np.testing.assert_array_equal(run.end, state[:, :-1])
    np.testing.assert_array_equal(run.end_velocity, [[0.25, 0.5, -1.0], [0.0, 0.0, 0.0]])
    log_t = 0.5 + np.log(np.expm1(1.0))
    np.testing.assert_allclose(run.end_log_time, log_t, rtol=1e-14)
    # d/d ln t of the fastest: dw/dtheta = 4/0.3, and dtheta/d ln t = t / (t + t_0)
    np.testing.assert_allclose(run.log_pace, [np.log(4 / 0.3) + log_t - 1.0 - 0.5, -np.inf], rtol=1e-14)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_what_never_moves_has_its_start_at_all_times(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    still = FlowParameters(np.zeros((2, 1)), np.ones((2, 1)), np.ones(2), np.zeros(2), 0.1)
    x0 = np.array([[1.5, -2.0], [0.5, 3.0]])
    result = integrate(x0, still, log_times=(-1.0, 3.0, 60.0), backend=backend)
    assert result.reached.all()
    np.testing.assert_allclose(result.log_abs.filled(np.nan), np.repeat(np.log(np.abs(x0))[:, None], 3, 1), atol=1e-14)
    assert (result.final_log_time == 60.0).all()
    assert (result.final_share == 0).all()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_evaluations_are_those_of_attempts_and_of_the_start(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    result = integrate(np.array([[2.0, -1.0]]), ONE_STATE, log_times=(20.0,), max_steps=3, backend=backend)
    assert result.status.tolist() == [Status.STEP_LIMIT]
    assert result.evaluations.tolist() == [3 * PAIRS["DOP853"].evaluations + 1]


def test_a_flow_in_another_unit_takes_the_same_steps() -> None:
    """c x with s/c and mu/c^2 is the same flow; beyond e^60 rates are scaled, which the clock's unit has to undo."""
    x0, mu, s = np.array([0.7, -0.5]), np.array([0.4, 0.8]), 1.0
    a, b = np.array([0.7, 2.0]), -0.3
    runs = []
    for log_c in (0.0, 80.0):
        c = np.exp(log_c)
        params = FlowParameters(mu / c**2, a, s / c, b, 0.0)
        runs.append(integrate(c * x0, params, log_times=(-3.0, -1.0), backend="numpy"))
    assert runs[0].steps == runs[1].steps
    assert runs[0].log_blow_up_time == pytest.approx(float(runs[1].log_blow_up_time), abs=1e-8)
    np.testing.assert_allclose(runs[1].log_abs.filled(0) - runs[0].log_abs.filled(0), 80.0, atol=1e-6)


def test_scaled_rates_of_cubic_growth_are_of_one_size() -> None:
    """Where s x grows the rate is like x^3: what is left of it is the same at any size beyond the range of float64."""
    u = np.array([[70.0], [150.0], [229.0]])
    state, extra = u, {"sigma": np.ones((3, 1))}
    arrays = FlowParameters(np.ones((3, 1)), np.ones((3, 1)), np.ones(3), np.zeros(3), 0.0).arrays()
    velocity, _ = COORDINATES["log"].velocity(state, arrays | extra)
    np.testing.assert_allclose(velocity, velocity[0, 0], rtol=1e-9)


def test_what_acts_on_nothing_is_extinct_below_its_bound_alone() -> None:
    u = np.array([[EXTINCT_LOG, np.nextafter(EXTINCT_LOG, -np.inf), 0.0]])
    assert COORDINATES["log"].extinct(u, {"sigma": np.array([[1.0, 1.0, 0.0]])}).tolist() == [[False, True, True]]
    v = np.array([[EXTINCT_ASINH, -EXTINCT_ASINH, EXTINCT_ASINH / 2, 0.0]])
    assert COORDINATES["asinh-layer"].extinct(v, {}).tolist() == [[False, False, True, True]]


# ---- what is read of a run


def planted(run: Run) -> Any:
    return integrate(np.ones((5, 2)), FlowParameters(*(np.ones((5, 1)) for _ in range(2)), *(np.zeros(5) for _ in range(3))),
                     log_times=(0.0,), backend=lambda _: run)  # fmt: skip


def test_rates_are_known_where_all_of_them_and_the_time_are() -> None:
    """Never moved; failed later; no step and a time; one step and no time; a rate of one token that is no number."""
    run = Run.empty(5, 1, 2)
    run.end_log_time[:] = [np.nan, np.nan, 1.0, np.nan, 2.0]
    run.steps[:] = [0, 3, 0, 1, 4]
    run.end_velocity[:] = [[0.5, 1.0]] * 4 + [[np.nan, 1.0]]
    run.log_pace[:] = np.log(3.0)
    result = planted(run)
    np.testing.assert_array_equal(result.final_log_time, [-np.inf, np.nan, 1.0, np.nan, 2.0])
    assert result.rates_known.tolist() == [True, False, True, False, False]
    for rates, factor in ((result.final_share, 1.0), (result.final_pace, 3.0)):
        np.testing.assert_allclose(rates[[0, 2]], factor * np.array([[0.5, 1.0]] * 2), rtol=1e-14)
        assert np.isnan(rates[[1, 3, 4]]).all()


def test_below_a_mask_stands_nothing() -> None:
    result = planted(Run.empty(5, 1, 2))
    assert result.log_abs.mask.all()
    assert result.sign.mask.all()
    assert not result.log_abs.data.any()
    assert not result.sign.data.any()


def layer(*batch: int) -> LayerParameters:
    rng = np.random.default_rng(2)
    sizes = {
        "S_B": (2, 3),
        "S_C": (2, 3),
        "S_dt_in": (1, 3),
        "S_dt_out": (3, 1),
        "b": (3,),
        "beta_B": (2,),
        "beta_C": (2,),
    }
    return LayerParameters(
        **{name: rng.normal(size=(*batch, *size)) for name, size in sizes.items()}, a=np.ones((3, 2)), floor=0.1
    )


def test_one_layer_is_not_repeated_for_its_systems() -> None:
    """Letters without batch axes stay as they are in the layer's coordinates, and have a row a system beside tokens of one channel."""
    start = np.ones((4, 5, 3))
    *_, arrays, own = batched(start, layer(), COORDINATES["asinh-layer"])
    assert not own
    assert arrays["S_B"].shape == (2, 3)
    *_, arrays, own = batched(start, layer(4), COORDINATES["asinh-layer"])
    assert own == {"S_B", "S_C", "S_dt_in", "S_dt_out", "b", "beta_B", "beta_C"}
    assert arrays["a"].shape == (3, 2)
    one = FlowParameters(np.ones(2), np.ones(2), 1.0, 0.0, 0.0)
    *_, arrays, own = batched(np.ones((4, 5)), one, COORDINATES["log"])
    assert own == set(arrays)
    assert {len(value) for value in arrays.values()} == {4}


@pytest.mark.parametrize(("beyond", "taken"), [(5e-10, True), (5e-9, False)])
def test_a_limit_is_the_largest_to_a_billionth(beyond: float, taken: bool) -> None:
    """In ln|x|, as roundings of a limit that was written as a number are; below it the remedy is a larger limit."""
    largest = COORDINATES["asinh-layer"].log_limit
    small = 1e-3 * np.ones((1, 1, 3))
    if taken:
        integrate(small, layer(), log_times=(-9.0,), x_limit=np.exp(largest + beyond), backend="numpy")
    else:
        with pytest.raises(AssumptionError, match="x_limit must lie in"):
            integrate(small, layer(), log_times=(-9.0,), x_limit=np.exp(largest + beyond), backend="numpy")
    remedy = "larger unit" if taken else "Raise x_limit"
    with pytest.raises(AssumptionError, match=remedy):
        integrate(np.full((1, 1, 3), np.exp(largest)), layer(), log_times=(-9.0,), x_limit=np.exp(largest - beyond))


def test_attention_is_asked_for_by_any_index_of_its_outputs() -> None:
    result = integrate(np.array([0.5, 1.0]), FlowParameters(*np.ones((2, 1)), 1.0, 0.0, 0.0), log_times=(-5.0, -4.0))
    first, last = result.attention(0), result.attention(1)
    np.testing.assert_array_equal(result.attention(-2), first)
    np.testing.assert_array_equal(result.attention(-1), last)
    for index in (-3, 2):
        with pytest.raises(FormatError, match="time_index"):
            result.attention(index)
