"""What tokens and systems count as, from planted ends of runs: which token may be believed, and what a system is then."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from s6flow.errors import FormatError
from s6flow.numeric.flow import FlowParameters, FlowResult, Status, classify, integrate
from s6flow.symbolic.ends import End

LATE = 10.0
ZERO, SLOW, OPEN = -0.5, 1 / LATE, 0.0  # paces of tokens that tend to 0, grow like ln t, do neither
C, S, U, REST, LIMIT = End.CONVERGENT, End.SLOW, End.UNDECIDED, End.STATIONARY, End.LIMIT


@cache
def run() -> FlowResult:
    return integrate([-1.0, -0.5, 0.7], FlowParameters([-1.0, 0.5], [0.2, 4.0], 1.0, 0.2), log_times=[9.0, LATE])


def fates(**change: Any) -> tuple[list[int], int]:
    planted = {name: np.asarray(value) for name, value in change.items() if name != "params"}
    base = {"final_log_time": np.asarray(LATE), "settled": np.asarray(False), "final_log_abs": np.full(3, -1.3)}
    params = {"params": change["params"]} if "params" in change else {}
    found = classify(replace(run(), **(base | planted | params)))
    return found.tokens.tolist(), int(found.systems)


@pytest.mark.parametrize(
    ("paces", "tokens", "system"),
    [
        ([ZERO, ZERO, ZERO], [C, C, C], C),
        ([SLOW, SLOW, SLOW], [S, S, S], S),
        ([ZERO, ZERO, SLOW], [C, C, S], U),
        # behind a slow token a decay is a transient, and behind an undecided one nothing is known
        ([ZERO, SLOW, ZERO], [C, S, U], U),
        ([SLOW, ZERO, SLOW], [S, U, U], U),
        ([SLOW, SLOW, ZERO], [S, S, U], U),
        ([OPEN, ZERO, ZERO], [U, U, U], U),
        ([ZERO, OPEN, SLOW], [C, U, U], U),
        ([ZERO, ZERO, OPEN], [C, C, U], U),
    ],
)
def test_a_token_is_believed_behind_decided_ones(paces: list[float], tokens: list[int], system: int) -> None:
    assert fates(final_pace=paces) == (tokens, system)


@pytest.mark.parametrize(
    ("x0", "paces", "tokens", "system"),
    [
        ([0.0, -0.5, 0.7], [OPEN, ZERO, ZERO], [REST, C, C], C),
        ([0.0, -0.5, 0.7], [SLOW, ZERO, ZERO], [REST, C, C], C),
        ([-1.0, 0.0, 0.7], [SLOW, ZERO, SLOW], [S, REST, S], S),
        ([-1.0, -0.5, 0.0], [ZERO, ZERO, SLOW], [C, C, REST], C),
        ([0.0, 0.0, 0.0], [OPEN, OPEN, OPEN], [REST, REST, REST], REST),
    ],
)
def test_zero_tokens_count_for_nothing(x0: list[float], paces: list[float], tokens: list[int], system: int) -> None:
    assert fates(x0=x0, final_pace=paces) == (tokens, system)


@pytest.mark.parametrize(
    ("sizes", "tokens", "system"),
    [
        ([-11.0, -11.0, -11.0], [C, C, C], C),
        ([-1.0, -1.0, -1.0], [LIMIT, LIMIT, LIMIT], End.ELSEWHERE),
        ([-11.0, -1.0, -1.0], [C, LIMIT, LIMIT], U),
        ([0.0, -0.5, 0.7], [REST, LIMIT, LIMIT], U),  # the first where it began
    ],
)
def test_what_a_run_at_rest_is(sizes: list[float], tokens: list[int], system: int) -> None:
    assert fates(settled=True, final_log_abs=sizes, final_pace=[OPEN] * 3) == (tokens, system)


@pytest.mark.parametrize(("mu", "end"), [([0.0, 0.0], REST), ([0.0, 1.0], U), ([1.0, 1.0], U)])
def test_a_token_where_it_began_rests_if_nothing_moves_it(mu: list[float], end: int) -> None:
    """Seen without rest, being unmoved says something only if every mu_n is 0."""
    sizes, params = np.log(np.abs(run().x0)), FlowParameters(mu, [0.2, 4.0], 1.0, 0.2)
    assert fates(params=params, final_log_abs=sizes, final_pace=[OPEN] * 3) == ([end] * 3, end)
    assert fates(params=params, final_log_abs=sizes + 0.1, final_pace=[OPEN] * 3) == ([U] * 3, U)


def test_a_run_that_failed_decides_nothing() -> None:
    assert fates(status=Status.STEP_LIMIT, final_pace=[ZERO] * 3) == ([U, U, U], U)
    assert fates(status=Status.HORIZON, final_pace=[ZERO] * 3) == ([C, C, C], C)


FAST = End.FAST


@pytest.mark.parametrize(
    ("first", "shares", "sizes", "tokens", "system"),
    [
        (1, [1.0, 0.5, 0.1], [9.0, 9.0, 9.0], [FAST, FAST, FAST], FAST),
        (2, [1.0, 1.0, 0.1], [9.0, 9.0, 9.0], [U, FAST, FAST], FAST),
        (3, [1.0, 0.0, 1.0], [9.0, 9.0, 9.0], [U, U, FAST], FAST),
        (1, [1.0, 0.0, 0.1], [9.0, 1.0, 9.0], [FAST, LIMIT, FAST], LIMIT),
        (1, [1.0, -1.0, 0.1], [9.0, -11.0, 9.0], [FAST, C, FAST], End.COEXISTENCE),
        (1, [1.0, -1.0, 0.0], [9.0, -11.0, 1.0], [FAST, C, LIMIT], End.COEXISTENCE),
        (1, [1.0, -1.0, 0.1], [9.0, -9.0, 9.0], [FAST, U, FAST], U),
        (2, [-1.0, 1.0, 0.1], [-11.0, 9.0, 9.0], [U, FAST, FAST], FAST),
    ],
)
def test_tokens_beside_a_blow_up(
    first: int, shares: list[float], sizes: list[float], tokens: list[int], system: int
) -> None:
    found = fates(status=Status.BLOW_UP, blow_up_token=first, final_share=shares, final_log_abs=sizes)
    assert found == (tokens, system)


def test_zero_tokens_beside_a_blow_up_count_for_nothing() -> None:
    found = fates(
        status=Status.BLOW_UP,
        blow_up_token=1,
        x0=[1.0, 0.0, 1.0],
        final_share=[1.0, 0.0, 0.5],
        final_log_abs=[9.0, 1.0, 9.0],
    )
    assert found == ([FAST, REST, FAST], FAST)


def test_a_batch_of_any_shape_is_judged_as_its_systems() -> None:
    one = integrate([-1.0, -0.5], FlowParameters([-1.0], [0.2], 1.0, 0.2), log_times=[LATE])
    many = integrate(
        np.broadcast_to([-1.0, -0.5], (2, 3, 2)), FlowParameters([-1.0], [0.2], 1.0, 0.2), log_times=[LATE]
    )
    assert classify(many).tokens.shape == (2, 3, 2)
    assert (classify(many).systems == classify(one).systems).all()


def test_only_flows_whose_signs_stay_have_fates() -> None:
    with pytest.raises(FormatError, match="bilinear"):
        classify(replace(run(), params=object()))
