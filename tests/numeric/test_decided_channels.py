"""Verdicts on channels whose sums are known: which steps their tokens reach, what counts as decided, and what inputs meet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.verdict import SIGNS, channel_verdicts, least_sign, sign_pattern
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import WORDS, End

FAST = WORDS[End.FAST]


def product(*gates: float) -> list[float]:
    """mu_n, for a_n = 1, 2, ..., of q prod (q - q_k) in the gate q."""
    return [float(value) for value in np.poly(gates)[::-1]]


def layer(mu: Any, a: Any, s: float = 1.0, b: float = 0.0, floor: float = 0.0) -> S6Layer:
    """One channel of these shares of mu."""
    states = len(mu)
    return S6Layer(
        "one", np.array([a], dtype=float), np.array(mu, dtype=float)[:, None], np.ones((states, 1)), np.zeros(states), np.zeros(states),
        np.ones((1, 1)), np.full((1, 1), s), np.full(1, b), floor,
    )  # fmt: skip


def judged(*given: Any, **options: Any) -> dict[str, Any]:
    one = layer(*given, **options)
    found = channel_verdicts(one, channel_numbers(one))
    return {name: column.word(0) if hasattr(column, "word") else column[0] for name, column in found.items()}


@pytest.mark.parametrize("s", [1.0, -1.0, 0.4])
def test_tokens_that_run_outward_reach_no_step_below_that_of_zero(s: float) -> None:
    """K < 0 on steps from 0.22 to 0.69, below Delta(0) = 0.974: tokens with s x > 0 all blow up, others are left open."""
    found = judged(product(0.8, 0.5), [1.0, 2.0, 3.0], s=s, b=0.5)
    outward, inward = ("positive", "negative") if s > 0 else ("negative", "positive")
    assert found[f"scenario_{outward}"] == FAST
    assert found[f"scenario_{inward}"] != FAST
    assert found["scenario_mixed"] != FAST
    assert (found["dichotomy_can_fail"], found["K_sign_changes"]) == (1, 2)
    step = math.log1p(math.exp(s * found["K_negative_token"] + 0.5))
    assert 0.22 < step < 0.70
    flat = judged(product(0.8, 0.5), [1.0, 2.0, 3.0], s=0.0, b=0.5)
    assert {flat[f"scenario_{name}"] for name in SIGNS} == {FAST}, "every step is a multiple of Delta(0)"


def test_how_many_tokens_run_outward() -> None:
    s = np.array([2.0, -3.0, 0.0])
    assert sign_pattern("positive", s).tolist() == [2, 0, 2]
    assert sign_pattern("negative", s).tolist() == [0, 2, 2]
    assert sign_pattern("mixed", s).tolist() == [1, 1, 2]
    assert np.sign(least_sign(np.array([0, 1, -1], dtype=np.int8))).tolist() == [1, -1, 0]


def test_rates_that_are_one_to_rounding_are_definite_whatever_the_signs() -> None:
    """mu_n = (-1, 3) at rates 1 and 1 + 5e-7: K is mu at every step that a float32 A_log can tell."""
    one = judged([-1.0, 3.0], [1.0, 1.0 + 5e-7])
    assert (one["dichotomy_can_fail"], one["K_sign_changes"], one["dichotomy_evidence"]) == (0, 0, "one sign")
    two = judged([-1.0, 3.0], [1.0, 1.0 + 5e-6])
    assert (two["dichotomy_can_fail"], two["K_sign_changes"], two["dichotomy_evidence"]) == (1, 1, "slowest state")
    signs = judged([1.0, 3.0], [1.0, 2.0])
    assert (signs["dichotomy_can_fail"], signs["K_sign_changes"], signs["dichotomy_evidence"]) == (0, 0, "one sign")


@pytest.mark.parametrize(("mu", "open_"), [([1.0, -1.0], True), ([-1.0, 1.0], True), ([0.0, 0.0], False)])
def test_a_sum_of_zero_is_undecided_unless_nothing_moves(mu: list[float], open_: bool) -> None:
    """Whatever K does on tokens as they come, a K over mu = 0 has no sign."""
    found = judged(mu, [2.0, 1.0])
    code = -1 if open_ else 0
    assert [found["dichotomy_can_fail"], *(found[f"K_negative_{k}"] for k in (1, 8, 128))] == [code] * 4
    assert found["dichotomy_evidence"] == ("undecided" if open_ else "mu <= 0")


@pytest.mark.parametrize(
    ("gates", "b", "within"),
    [
        ((math.exp(-0.5), math.exp(-0.6)), 0.0, [1, 1, 1]),
        ((math.exp(-0.3), math.exp(-0.4)), 0.0, [0, 0, 0]),  # below every step of a token from -0.278 on
        ((math.exp(-1.0), math.exp(-9.0)), 0.0, [1, 1, 1]),
        ((math.exp(-20.0), math.exp(-24.0)), 0.0, [0, 1, 1]),  # above 10.00005, the step of token 10, in reach of two
        ((math.exp(-90.0), math.exp(-94.0)), 0.0, [0, 0, 1]),
    ],
)  # fmt: skip
def test_K_on_tokens_as_they_leave_silu(gates: tuple[float, float], b: float, within: list[int]) -> None:
    """Tokens from -0.2785 to 10 with s = 1: steps from 0.563 to 10.00005, sums of up to 8 and 128 of them."""
    found = judged(product(*gates), [1.0, 2.0, 3.0], b=b)
    assert found["dichotomy_can_fail"] == 1
    assert [found[f"K_negative_{k}"] for k in (1, 8, 128)] == within


# ---- one system of many that cannot begin, or does not


def test_one_start_beyond_the_limit_is_told_among_others() -> None:
    params = FlowParameters([[-1.0]] * 3, [[1.0]] * 3, [1.0] * 3, [0.0] * 3, [0.1] * 3)
    with pytest.raises(AssumptionError, match="x_limit") as found:
        integrate([[1.0], [3e6], [2.0]], params, x_limit=2e6)
    assert f"ln|x0| = {math.log(3e6):.6g}" in str(found.value)
    assert "Raise x_limit" in str(found.value)
    with pytest.raises(AssumptionError, match="x_limit"):
        integrate([[1.0]], params, x_limit=9e5)
    assert integrate([[1.0]], FlowParameters([-1.0], [1.0], 1.0), x_limit=1e6, log_times=[0.0]).status == Status.HORIZON


def test_outputs_that_end_at_the_horizon_are_not_doubled() -> None:
    params = FlowParameters([-1.0], [1.0], 1.0, 0.0, 0.1)
    for times, horizon in (([0.0, 1.0, 2.0], None), ([0.0, 1.0, 2.0], 2.0), ([0.0, 1.0], 2.0), ([2.0, 2.5], 7.0)):
        options = {} if horizon is None else {"log_horizon": horizon}
        run = integrate([1.0], params, log_times=times, backend="numpy", **options)
        np.testing.assert_array_equal(run.log_times, times)
        assert run.final_log_time == (max(times) if horizon is None else horizon)
        assert run.reached.all()


def test_what_is_shared_by_all_systems_is_not_copied_for_each() -> None:
    """Letters with an axis a system are its own; others are common, and give the same answers."""
    x0 = np.array([[1.0, -0.5], [0.3, 2.0]])
    shared = integrate(x0, FlowParameters([-1.0, -0.2], [1.0, 2.0], 0.5, 0.1, 0.1), log_times=[1.0], backend="numpy")
    own = integrate(x0, FlowParameters([[-1.0, -0.2]] * 2, [[1.0, 2.0]] * 2, [0.5] * 2, [0.1] * 2, [0.1] * 2), log_times=[1.0], backend="numpy")  # fmt: skip
    np.testing.assert_array_equal(shared.log_abs.data, own.log_abs.data)
    np.testing.assert_array_equal(shared.steps, own.steps)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_start_whose_rates_leave_float64_is_where_it_began(backend: str) -> None:
    """Beside one that runs: its end is its beginning, at t = 0, without a pace; mu x^2 Delta is no float64 there."""
    if backend == "numba":
        pytest.importorskip("numba")
    params = FlowParameters([[-1.0, -1.0], [-1e308, -1e308]], [[1.0, 1.0]] * 2, [0.0, 1.0], [0.0, 0.0], [0.1, 0.1])
    run = integrate([[1.0], [1e80]], params, log_times=[1.0], backend=backend)
    assert run.status.tolist() == [Status.HORIZON, Status.UNDERFLOW]
    assert (run.steps[1], run.final_log_time[1]) == (0, -np.inf)
    np.testing.assert_array_equal(run.rates_known, [True, False])
    assert np.isnan(run.final_pace[1]).all()
    assert np.isnan(run.final_share[1]).all()
    assert run.final_log_abs[1, 0] == pytest.approx(math.log(1e80))
    assert run.final_log_time[0] == 1.0
    np.testing.assert_array_equal(run.reached, [[True], [False]])
    np.testing.assert_array_equal(run.log_abs.mask[:, :, 0], ~run.reached)
    assert run.log_abs.data[1, 0, 0] == run.sign.data[1, 0, 0] == 0.0
