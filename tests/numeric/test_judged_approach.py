"""Words for ends beside a blow-up, and what is read of the way there, from runs that are made up."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import blowup
from s6flow.numeric.checks.blowup import APPROACH, NEVER
from s6flow.numeric.flow import FlowParameters, Status
from s6flow.numeric.flow.fates import from_blow_up_token, gates_shut, system_fates
from s6flow.symbolic.ends import End

F, C, S, L, U, R = End.FAST, End.CONVERGENT, End.SLOW, End.LIMIT, End.UNDECIDED, End.STATIONARY


@pytest.mark.parametrize(
    ("status", "blow_up", "tokens", "zero", "wanted"),
    [
        (Status.HORIZON, 0, [C, C, C], "", End.CONVERGENT),
        (Status.HORIZON, 0, [C, U, C], "1", End.CONVERGENT),  # a zero token is no part of it
        (Status.HORIZON, 0, [C, S, C], "1", End.CONVERGENT),
        (Status.HORIZON, 0, [R, C, S], "0", End.UNDECIDED),  # one zero token among others is no rest
        (Status.HORIZON, 0, [U, U, U], "012", End.STATIONARY),
        (Status.HORIZON, 0, [L, L, L], "", End.ELSEWHERE),
        (Status.HORIZON, 0, [S, S, S], "", End.SLOW),
        (Status.BLOW_UP, 2, [C, F, F], "", End.FAST),  # what comes before the token that blows up does not count
        (Status.BLOW_UP, 2, [L, F, F], "", End.FAST),
        (Status.BLOW_UP, 1, [F, F, C], "", End.COEXISTENCE),
        (Status.BLOW_UP, 1, [F, L, F], "", End.LIMIT),
        (Status.BLOW_UP, 1, [F, L, C], "", End.COEXISTENCE),
        (Status.BLOW_UP, 1, [F, F, C], "2", End.FAST),  # a zero token rests beside any other
        (Status.BLOW_UP, 1, [F, U, F], "", End.UNDECIDED),
    ],
)  # fmt: skip
def test_the_word_for_a_system(status: Status, blow_up: int, tokens: list[End], zero: str, wanted: End) -> None:
    zeros = np.array([[str(place) in zero for place in range(3)]])
    result: Any = SimpleNamespace(
        status=np.array([status]), blow_up_token=np.array([blow_up]), x0=np.where(zeros, 0.0, 1.0)
    )
    found = system_fates(np.array([tokens], dtype=np.int64), zeros, result)
    assert found.tolist() == [int(wanted)]
    if blow_up:
        np.testing.assert_array_equal(from_blow_up_token(result), [[place + 1 >= blow_up for place in range(3)]])


def test_gates_are_shut_by_the_slowest_state_that_is_read() -> None:
    """exp(-3 softplus(x + 2)) against 1e-7, whose logarithm is -16.1: a state of mu_n = 0 is slower, one of rate 5 faster."""
    params = FlowParameters([[1.0, 0.0, 2.0]], [[3.0, 0.1, 5.0]], [1.0], [2.0], [0.0])
    x = np.array([[3.0, 3.3, 3.5, 4.0, -4.0]])
    found = gates_shut(SimpleNamespace(params=params, final_x=x))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, 3 * np.logaddexp(0.0, x + 2) > 7 * math.log(10))
    assert found.any()
    assert not found.all()


# ---- the way to a blow-up


@pytest.mark.parametrize(
    ("shares", "same", "leads"),
    [([1.0 - 5e-10, 1.0], True, True), ([1.0 - 5e-9, 1.0], True, False), ([1.0, 0.3], True, True), ([1.0, 0.3], False, False)],
)  # fmt: skip
def test_a_leader_is_the_fastest_up_to_rounding(shares: list[float], same: bool, leads: bool) -> None:
    result: Any = SimpleNamespace(final_share=np.array([shares]), blow_up_token=np.array([1]))
    assert blowup.leads(result, np.array([1 if same else 2])).tolist() == [leads]


def approach(ways: list[list[float]], leads: list[list[float]], x0: list[float], blown: bool = True) -> dict[str, Any]:
    """What is observed of runs that end with these ln|x|, at the three sizes, and these shares of the fastest rate."""
    asked: list[Any] = []

    def run(start: Any, x_limit: float | None = None) -> Any:
        if x_limit is None:
            return SimpleNamespace(status=np.array([Status.BLOW_UP]), log_blow_up_time=np.array([-7.0]))
        place = APPROACH.index(x_limit)
        asked.append((start.tolist(), x_limit))
        return SimpleNamespace(
            final_log_abs=np.array([ways[place]]), final_share=np.array([leads[place]]), final_x=np.exp(np.array([ways[place]])),
            blow_up_token=np.array([1]),
        )  # fmt: skip

    whole = SimpleNamespace(
        status=np.array([Status.BLOW_UP if blown else Status.HORIZON]), blow_up_token=np.array([1]), blow_up_time=np.array([2.0]),
        ended_well=np.array([True]),
    )  # fmt: skip
    one = np.ones(1)
    data = {
        "x0": np.array([x0]),
        "mu": np.ones((1, 1)),
        "a": 0.5 * np.ones((1, 1)),
        "s": 0 * one,
        "b": 0 * one,
        "floor": 0 * one,
    }
    found = blowup.approach(data, whole, run)  # type: ignore[arg-type]
    assert [limit for _, limit in asked] == list(APPROACH)
    return dict(found)


DECADES = math.log(10) * np.array([30.0, 55.0, 80.0])
LEADS = [[1.0, 0.5, 0.2]] * 3


@pytest.mark.parametrize(("move", "known"), [(5e-7, False), (2e-6, True), (0.3, True), (-2e-6, True), (-5e-7, False)])
def test_slopes_are_changes_over_those_of_the_token_before(move: float, known: bool) -> None:
    """d ln|x_2| over d ln|x_1|; with s = 0 the gate integral grows by q^-1 ln: 2^0.5 of the way, known where token 2 moves."""
    ways = [[far, 1.0 + place * move, 2.0] for place, far in enumerate(DECADES)]
    found = approach(ways, LEADS, [1.0, 2.0, 0.0])
    way = 25 * math.log(10)
    np.testing.assert_allclose(found["slope_of"][0, :, 1], move / way, rtol=1e-6)
    np.testing.assert_array_equal(found["slope_of"][0, :, 0], 0.0)
    assert np.isfinite(found["gate_slope"][0, :, 1]).all() == known
    if known:
        np.testing.assert_allclose(found["gate_slope"][0, :, 1], move / way * math.sqrt(2.0), rtol=1e-6)
    np.testing.assert_array_equal(found["gate_slope"][0, :, 0], 0.0)
    np.testing.assert_array_equal(found["valid"], [[True, True]])
    np.testing.assert_array_equal(found["log_remaining"], [[-7.0, -7.0]])
    np.testing.assert_array_equal(found["T"], [[2.0, 2.0]])
    np.testing.assert_array_equal(found["blow_token"], [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("first", "second", "valid", "settled"),
    [(1.0, 1.0, [True, True], True), (0.5, 1.0, [False, True], True), (1.0, 0.5, [True, False], True), (0.5, 0.5, [False, True], False)],
)  # fmt: skip
def test_a_way_counts_from_where_the_leader_is_the_fastest(
    first: float, second: float, valid: list[bool], settled: bool
) -> None:
    """Where nobody leads yet the last way is left undecided, and not taken for one that holds."""
    leads = [[share, 0.9, 0.0] for share in (first, second, 1.0)]
    ways = [[far, 1.0 + place, 2.0] for place, far in enumerate(DECADES)]
    found = approach(ways, leads, [1.0, 2.0, 0.0])
    assert found["valid"].tolist() == [valid]
    assert np.isfinite(found["u_t"][0, :, :2]).all() == settled
    held = approach(ways, leads, [1.0, 2.0, 0.0], blown=False)
    assert held["valid"].tolist() == [[False, False]]
    assert np.isfinite(held["u_t"][0, :, :2]).all()
    np.testing.assert_array_equal(held["T"], [[NEVER, NEVER]])


def test_what_starts_beyond_the_sizes_is_not_settled_within_them() -> None:
    ways = [[far, 1.0 + place, 2.0] for place, far in enumerate(DECADES)]
    found = approach(ways, LEADS, [2e30, 2.0, 0.0])
    assert np.isnan(found["u_t"]).all()
    assert found["valid"].tolist() == [[True, True]]
