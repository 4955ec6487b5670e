"""Oracles, coordinates and results of the flow at the edges of what they answer: refusals, equal numbers, one system of many."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError, FormatError, MissingDependencyError, S6FlowError
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.flow import FlowParameters, LayerParameters, Status, integrate, pairs
from s6flow.numeric.flow.backends import BACKENDS, load_backend
from s6flow.numeric.flow.oracles import blow_up_quadrature, closed_form_s0, token_one
from s6flow.numeric.flow.pointwise import scaled_variables
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.flow.step_control import GUESSES, RUNNING, STIFF
from s6flow.numeric.weights import S6Layer


def test_a_token_that_runs_into_vanishing_steps_takes_for_ever_at_any_slope() -> None:
    """s x < 0 without a floor: x passes from where steps are ln 2 to where they are e^(-|s x|), at 1/|s|."""
    for s in (-1.0, -1e-3, -1e-8, -1e-12):
        assert blow_up_quadrature(1.0, 1.0, s, 0.0) == np.inf
        assert blow_up_quadrature(1.0, 1.0, s, 0.0, 0.2) < np.inf
        assert blow_up_quadrature(-1.0, 1.0, s, 0.0) < np.inf


def test_every_argument_of_a_quadrature_is_broadcast() -> None:
    """s = 0: 1 / (2 mu x^2 (ln 2 + floor))."""
    x0, floor = np.array([[0.5], [-2.0], [3.0]]), np.array([0.0, 0.7])
    np.testing.assert_allclose(blow_up_quadrature(x0, 1.5, 0.0, 0.0, floor), 1 / (3.0 * x0**2 * (np.log(2) + floor)), rtol=1e-12)  # fmt: skip
    np.testing.assert_array_equal(blow_up_quadrature(1.0, [0.0, -1.0], 1.0, 0.0), [np.inf, np.inf])
    assert blow_up_quadrature([0.0, 1.0], 1.0, 1.0, 0.0)[0] == np.inf


@pytest.mark.parametrize("what", ["states", "ends"])
def test_a_backend_that_reports_nan_is_refused(what: str) -> None:
    """NaN beside numbers, where the system is said to have arrived; of one that failed nothing is asked."""

    def broken(problem: Problem) -> Run:
        run = load_backend("numpy")(problem)
        {"states": run.states, "ends": run.end}[what][1, ..., 0] = np.nan
        return run

    flow = FlowParameters(mu=[[-1.0]] * 3, a=[[1.0]] * 3, s=[1.0] * 3, b=[0.0] * 3)
    with pytest.raises(S6FlowError, match=f"report {what} that are numbers; got NaN in 1 of 3"):
        integrate(np.ones((3, 2)), flow, times=[1.0], backend=broken)

    def failed(problem: Problem) -> Run:
        run = broken(problem)
        run.status[1], run.reached[1] = Status.STEP_LIMIT, False
        return run

    assert integrate(np.ones((3, 2)), flow, times=[1.0], backend=failed).status[1] == Status.STEP_LIMIT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: None, "a Run; got NoneType"),
        (lambda run: run.states, "a Run; got ndarray"),
        (lambda run: replace(run, end=run.end[:, :1]), r"end of shape \(3, 2\); got shape \(3, 1\)"),
        (lambda run: replace(run, status=run.status[None]), r"status of shape \(3,\); got shape \(1, 3\)"),
        (lambda run: replace(run, status=run.status + 99), "a status of `Status`"),
        (lambda run: replace(run, status=np.full(3, np.nan)), "a status of `Status`"),
        (lambda run: replace(run, steps=run.steps - 10**6), "steps that are counts"),
        (
            lambda run: replace(run, end_log_time=np.full(3, np.nan)),
            "times of ends that are numbers; got NaN in 3 of 3",
        ),
        (
            lambda run: replace(run, status=np.full(3, Status.BLOW_UP), log_remaining=np.array([0.0, np.nan, 0.0])),
            "times to blow-ups that are numbers; got NaN in 1 of 3",
        ),
    ],
)
def test_what_is_no_run_of_the_problem_is_refused(change: Callable[[Run], Any], said: str) -> None:
    flow = FlowParameters(mu=[[-1.0]] * 3, a=[[1.0]] * 3, s=[1.0] * 3, b=[0.0] * 3)
    with pytest.raises(S6FlowError, match=said):
        integrate(np.ones((3, 2)), flow, times=[1.0], backend=lambda problem: change(load_backend("numpy")(problem)))


@pytest.mark.parametrize(
    "row", ["s6flow.numeric.flow.nowhere:solve", "s6flow.nowhere.driver:solve", "s6flow.numeric.flow.clock:solved", "s6flow.numeric.flow.clock"]
)  # fmt: skip
def test_a_misspelled_row_of_the_backends_is_no_missing_library(monkeypatch: pytest.MonkeyPatch, row: str) -> None:
    monkeypatch.setitem(BACKENDS, "mine", row)
    with pytest.raises(FormatError, match="a backend's row must name a module and its function"):
        load_backend("mine")


def test_a_backend_without_its_library_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "needs_more.py").write_text("import a_library_that_is_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BACKENDS, "mine", "needs_more:solve")
    with pytest.raises(MissingDependencyError, match="a_library_that_is_nowhere"):
        load_backend("mine")


@pytest.mark.parametrize("times", [[1.0], [0.5, 1.0], [0.5, 1.5], [2.0, 0.1]])
def test_a_closed_form_refuses_times_up_to_which_one_token_is_gone(times: list[float]) -> None:
    """1/x_1^2 = 1 - 2 mu Delta t is 0 at t = 1, exactly."""
    with pytest.raises(AssumptionError, match="before the blow-up"):
        closed_form_s0(times, [1.0, 0.5], 0.5, 1.0, 1.0)


def test_a_closed_form_solves_its_flow() -> None:
    """Differences in t against the right-hand sides mu Delta x_1^3 and mu Delta x_2 (x_2^2 + q x_1^2)."""
    mu, a, delta = 0.3, 0.7, 1.1
    t = np.linspace(0.2, 0.8, 5)
    h = 1e-5
    x = closed_form_s0(t, [1.0, -0.8], mu, a, delta)
    slope = (closed_form_s0(t + h, [1.0, -0.8], mu, a, delta) - closed_form_s0(t - h, [1.0, -0.8], mu, a, delta)) / (2 * h)  # fmt: skip
    q = math.exp(-a * delta)
    first = mu * delta * x[:, 0] ** 3
    second = mu * delta * x[:, 1] * (x[:, 1] ** 2 + q * x[:, 0] ** 2)
    np.testing.assert_allclose(slope, np.stack([first, second], axis=1), rtol=1e-8)


@pytest.mark.parametrize("mu", [0.4, -0.4])
@pytest.mark.parametrize("log_share", [-30.0, -12.0, -3.0, -0.05])
def test_token_one_at_every_share_of_its_time(mu: float, log_share: float) -> None:
    """s = 0: x^-2 = x_0^-2 - 2 mu Delta t, the change of ln|x| to twelve digits of itself or of the spacing of float64."""
    delta = math.log(2.0)
    t = math.exp(log_share) / (2 * 0.4 * delta * 9.0)
    moved = token_one(t, 3.0, mu, 0.0, 0.0) - math.log(3.0)
    exact = -0.5 * math.log1p(-math.copysign(math.exp(log_share), mu))
    assert moved == pytest.approx(exact, rel=1e-12, abs=4 * np.spacing(math.log(3.0)))


def test_scaling_refuses_one_system_of_many() -> None:
    good = {"mu": [[1.0, 1.0], [2.0, 1.0]], "a": [[1.0, 2.0]] * 2, "s": [1.0, -2.0], "b": [0.0, 0.0], "floor": [0.0, 0.0]}  # fmt: skip
    assert scaled_variables([[1.0], [2.0]], FlowParameters(**good))[2].shape == (2,)
    for change in ({"s": [1.0, 0.0]}, {"mu": [[1.0, 1.0], [2.0, -2.0]]}):
        with pytest.raises(AssumptionError, match="s != 0 and mu != 0"):
            scaled_variables([[1.0], [2.0]], FlowParameters(**{**good, **change}))


def layer_parameters(**changes: Any) -> LayerParameters:
    """Two channels, one state: M = S_C^T S_B = diag-like, constant steps ln 2."""
    letters: dict[str, Any] = {
        "S_B": [[1.0, 0.0]], "S_C": [[1.0, 0.0]], "S_dt_in": [[0.0, 0.0]], "S_dt_out": [[0.0], [0.0]], "a": [[1.0], [1.0]], "b": [0.0, 0.0], "floor": 0.0,
    }  # fmt: skip
    return LayerParameters(**{**letters, **changes})


@pytest.mark.parametrize("shape", [(3, 2), (4, 3, 2)])
def test_biases_that_are_not_given_are_zero_for_every_state(shape: tuple[int, ...]) -> None:
    S_B = np.ones(shape)
    params = layer_parameters(S_B=S_B, S_C=S_B, a=np.ones((2, 3)))
    for bias in (params.beta_B, params.beta_C):
        np.testing.assert_array_equal(bias, np.zeros(3))


def test_the_token_that_blows_up_is_the_one_with_a_channel_that_does() -> None:
    """x_1' = x_1^3 ln 2 in the first channel alone; token 1 is zero, or starts so far behind that it is overtaken by nothing."""
    run = integrate([[0.0, 0.0], [1.0, 0.5]], layer_parameters())
    assert run.status == Status.BLOW_UP
    assert run.blow_up_token == 2
    run = integrate([[1.0, 0.5], [0.0, 0.0]], layer_parameters())
    assert (run.status, run.blow_up_token) == (Status.BLOW_UP, 1)


def test_the_codes_of_a_run_are_all_different() -> None:
    assert len({RUNNING, STIFF, *(int(code) for code in Status)}) == len(Status) + 2
    assert float(np.finfo(np.float32).epsneg) == 2.0**-GUESSES, "a cubic is bisected to the precision of float32"


def test_coefficients_of_the_pairs_are_scipys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "PAIRS_FILE", tmp_path / "pairs.json")
    assert pairs.main() == 0
    written = json.loads((tmp_path / "pairs.json").read_text())
    monkeypatch.undo()
    assert written == pairs.read()


# ---- numbers of a channel


def one_channel(beta: tuple[float, float] = (0.0, 0.0), a: Any = (1.0,), mu: Any = (1.0,)) -> S6Layer:
    states = len(a)
    return S6Layer(
        "one", np.array([a], dtype=float), np.array(mu, dtype=float)[:, None], np.ones((states, 1)), np.full(states, beta[0]), np.full(states, beta[1]),
        np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("beta", "roots"),
    [
        ((1.0, 1.0), [-1.0]),  # (x + 1)^2: a double root is one equilibrium
        ((0.5, 2e-20), [-0.5, -2e-20]),  # (x + 1/2)(x + 2e-20), where one root is far below the other's rounding
        ((-0.5, 2e-20), [-2e-20, 0.5]),
        ((3.0, -2.0), [-3.0, 2.0]),
        ((1.5, -1.5), [-1.5, 1.5]),  # without a linear term
    ],
)
def test_equilibria_of_the_phase_line_are_the_roots_of_both_factors(
    beta: tuple[float, float], roots: list[float]
) -> None:
    """p(x) = (x + beta_B)(x + beta_C)."""
    found = channel_numbers(one_channel(beta))
    got = [found["root_low"][0], found["root_high"][0]]
    np.testing.assert_allclose(got, [*roots, *[np.nan] * (2 - len(roots))], rtol=1e-14)


@pytest.mark.parametrize(("spread", "one_rate"), [(1 - 5e-7, 1), (1 + 5e-7, 0), (0.0, 1), (2.0, 0)])
def test_rates_are_one_up_to_a_millionth_of_the_largest(spread: float, one_rate: int) -> None:
    found = channel_numbers(one_channel(a=(1.0, 1.0 - 1e-6 * spread), mu=(1.0, 1.0)))
    assert found["one_rate"][0] == one_rate


def test_a_sum_that_is_rounding_has_no_shares() -> None:
    """mu = 0 beside its terms: no sign, no K(0), no kappa."""
    found = channel_numbers(one_channel(a=(1.0, 2.0), mu=(1.0, -1.0)))
    assert found["mu"][0] == 0.0
    assert all(np.isnan(found[name][0]) for name in ("K0", "kappa_2", "kappa_max", "kappa_limit"))


# ---- results and letters by their places


def test_attention_is_asked_for_by_the_place_of_an_output() -> None:
    run = integrate([1.0, -0.5], FlowParameters([-1.0], [1.0], 1.0, 0.0, 0.1), log_times=[-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(run.attention(-3).data, run.attention(0).data)
    np.testing.assert_array_equal(run.attention(-1).data, run.attention(2).data)
    for place in (3, -4):
        with pytest.raises(FormatError, match=r"time_index must lie in 0\.\.2"):
            run.attention(place)


@pytest.mark.parametrize(
    ("change", "where"),
    [({"mu": [[1.0, 1.0], [np.nan, 1.0]]}, "mu[1, 0]"), ({"s": [1.0, np.inf]}, "s[1]"), ({"floor": np.nan}, "floor.")],
)  # fmt: skip
def test_a_letter_that_is_no_number_is_named_with_its_place(change: dict[str, Any], where: str) -> None:
    letters: dict[str, Any] = {
        "mu": [[1.0, 1.0]] * 2,
        "a": [[1.0, 2.0]] * 2,
        "s": [1.0, 1.0],
        "b": [0.0, 0.0],
        "floor": 0.0,
    }
    with pytest.raises(AssumptionError) as found:
        FlowParameters(**{**letters, **change})
    assert f"at {where}" in str(found.value)


def test_ends_are_numbered_from_zero_on() -> None:
    """Kernels and compiled loops know them by these numbers."""
    assert sorted(int(code) for code in Status) == list(range(len(Status)))
