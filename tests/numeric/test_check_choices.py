"""Constructions of checks at the sizes where they choose otherwise: brackets, shares of rounding, coins, forms of one row."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import channels, examples, normalised
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.checks.check import check, check_together
from s6flow.numeric.checks.data.adjust import ADJUST, ROUND, digit_share, indefinite_form
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.engines import ENGINES
from s6flow.numeric.checks.judge import judge_data
from s6flow.numeric.checks.measurements import Measurement
from s6flow.numeric.checks.shared import count_of
from s6flow.proofs.registry import REGISTRY

Data = dict[str, Any]
#: First digits behind 1e-6 of a rate: an even and an odd one toss the two sides of a coin.
EVEN, ODD = 1.0, 1.000001


def batch(**letters: Any) -> Data:
    """One system as a batch."""
    return {name: np.array([value], dtype=float) for name, value in letters.items()}


def test_digits_end_just_below_a_whole_number() -> None:
    edge = 1 - ROUND
    values = np.array([5e-7, edge * (1 - 1e-9) / 1e6, edge * (1 + 1e-9) / 1e6, 1e-6, 7.25e-6, -7.25e-6])
    np.testing.assert_allclose(digit_share(values), [0.5, edge, 0.0, 0.0, 0.25, 0.25], rtol=1e-8)


def test_a_sum_of_zero_counts_as_a_positive_one() -> None:
    data = batch(mu=[1.0, -1.0])
    ADJUST["mu-nonzero"](data)
    assert data["mu"].sum() > 0


def test_without_a_slope_no_later_token_is_on_the_slow_side() -> None:
    data = batch(x0=[1.0, 2.0, -3.0], s=0.0)
    ADJUST["later-tokens-slow"](data)
    np.testing.assert_array_equal(data["x0"], [[1.0, 0.0, 0.0]])


def test_entries_off_the_axes_are_one_where_they_were_zero() -> None:
    data = {"x": np.array([[[0.0, -2.0], [0.0, 3.0]]])}
    ADJUST["off-axes"](data)
    np.testing.assert_array_equal(data["x"], [[[1.0, -2.0], [1.0, 3.0]]])


@pytest.mark.parametrize(("first", "log_second"), [(1e30, 12.0), (1e-20, -28.0)])
def test_a_held_token_is_looked_for_between_two_sizes(first: float, log_second: float) -> None:
    """With s = 0 the largest that is held is a share of token 1; digits of a whole number take nothing off but 1e-9."""
    data = batch(mu=[-2.0, 1.0 + 1.5], a=[0.5, 3.0], s=0.0, b=0.0, floor=0.0, x0=[first, -1.0])
    ADJUST["second-token-held"](data)
    assert math.log(-data["x0"][0, 1]) == pytest.approx(log_second - 1e-9, abs=2e-10)
    assert data["x0"][0, 0] == first


@pytest.mark.parametrize(("gap", "kept"), [(3e-12, True), (1e-12, False)])
def test_shares_that_differ_by_rounding_count_as_equal(gap: float, kept: bool) -> None:
    """mu_n are the differences of sizes; 2e-12 is rounding beside the largest of them, 2."""
    data = batch(mu=[1.0, 1.0 + gap, 2.0], a=[ODD, 2.0, 3.0], b=0.0, floor=0.0, s=1.0, x0=[1.0])
    ADJUST["carried-nonnegative"](data)
    np.testing.assert_allclose(data["mu"][0], [1.0, gap if kept else 0.0, 1.0], rtol=1e-3)


@pytest.mark.parametrize(("share", "picked"), [(0.88, True), (0.92, False)])
def test_sums_from_a_later_step_need_a_tenth_of_the_largest_weight(share: float, picked: bool) -> None:
    """Weights 1 and -w, of which the second counts w e^(gap Delta(0)) = share at the later step: the rest is above 0.1 or below."""
    gap = 0.75
    w = share * math.exp(-gap * math.log(2.0))
    data = batch(mu=[1.0, 1.0 - w], a=[EVEN, EVEN + gap], b=0.0, floor=0.0, s=-1.0, x0=[1.0, -2.0])
    ADJUST["carried-nonnegative"](data)
    np.testing.assert_allclose(data["mu"][0], [1.0, -share if picked else -w], rtol=1e-12)
    np.testing.assert_array_equal(data["x0"][0], [-1.0, -2.0] if picked else [1.0, -2.0])


@pytest.mark.parametrize(("states", "signs"), [(1, [1.0]), (2, [1.0, -1.0]), (3, [1.0, -1.0, 0.0])])
def test_an_indefinite_form_has_two_squares(states: int, signs: list[float]) -> None:
    S_B = np.random.default_rng(2).normal(size=(2, states, 3))
    data = {"S_B": S_B, "S_C": np.ones_like(S_B)}
    indefinite_form(data)
    np.testing.assert_array_equal(data["S_C"], S_B * np.array(signs)[:, None])


@pytest.mark.parametrize(("apart", "raised"), [(0.95, True), (1.005, True), (1.02, False), (1.9, False)])
def test_a_start_near_the_centre_of_the_octant_is_moved_off_it(apart: float, raised: bool) -> None:
    """Near is below 1.01 times what a run can be held to leave; the first entry is then by three times as much the larger one."""
    off = normalised.OFF_CENTRE
    turned = np.ones(3) + apart * off * math.sqrt(3) * np.array([1.0, -1.0, 0.0]) / math.sqrt(2)
    data = {"x": np.stack([turned, [5.0, 6.0, 7.0]])[None] * 2.0}
    assert normalised.uneven(data["x"][:, 0])[0] == pytest.approx(apart * off, rel=1e-4)
    before = data["x"].copy()
    ADJUST["off-centre"](data)
    np.testing.assert_array_equal(data["x"][0, 1], before[0, 1])
    np.testing.assert_array_equal(data["x"][0, 0, 1:], before[0, 0, 1:])
    wanted = before[0, 0, 1:].mean() * (1 + 3 * off) if raised else before[0, 0, 0]
    assert data["x"][0, 0, 0] == pytest.approx(wanted, rel=1e-12)


# ---- which systems a check takes


@pytest.mark.parametrize(("count", "asked"), [(0, None), (1, 4), (80, 4), (99, 4), (100, 5), (119, 5), (120, 6), (400, 20)])  # fmt: skip
def test_a_twentieth_are_channels_of_trained_weights(
    count: int, asked: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(examples, "trained_channels", lambda theorem, number: counts.append(number))
    theorem, target = REGISTRY["linear-recursion"], ENGINES["numpy"]
    names = [name for name, _ in examples.examples_of(theorem, target, count, 0)]
    assert counts == ([] if asked is None else [asked])
    assert (examples.WITNESS in names) == (asked is not None)
    counts.clear()
    list(examples.examples_of(theorem, target, count, 0, real_weights=False))
    assert counts == []


def test_a_check_by_its_defaults_is_that_of_a_hundred_systems_with_real_weights() -> None:
    key = "linear-recursion"
    one = check(key).as_json()
    for options in ((100, 0, True), ()):
        (same,) = check_together(key, ("numpy",), *options)
        assert {**one, "seconds": 0} == {**same.as_json(), "seconds": 0}
    assert one["examples"] + one["undecided"] + one["idle"] > 100, (
        "with its witness, and with channels where there are any"
    )


def test_the_seconds_of_reports_are_those_of_the_check() -> None:
    began = time.perf_counter()
    reports = check_together("mixed-blow-up", ("numpy",), 3, real_weights=False)
    spent = time.perf_counter() - began
    assert all(report.seconds > 0 for report in reports)
    assert sum(report.seconds for report in reports) <= spent


def test_a_report_names_what_integrated_where_the_claim_itself_was_judged() -> None:
    """Balls judge the core of a claim about trajectories, and integrate nothing."""
    pytest.importorskip("flint")
    for backend, integrator in (("numpy", "numpy"), ("flint", None)):
        (report,) = check_together("convergence-monotone", (backend,), 2, real_weights=False, integrator="numpy")
        assert report.integrator == integrator


@pytest.mark.parametrize(
    ("coordinates", "wanted", "used"),
    [("log", "numba", "numba"), ("log", "numpy", "numpy"), ("asinh", "numba", "numpy"), (None, "numba", None)],
)
def test_compiled_loops_integrate_log_tokens_only(coordinates: str | None, wanted: str, used: str | None) -> None:
    """A measurement that integrates nothing is told what was asked for."""
    seen: list[str] = []
    one = Measurement(lambda theorem, data, integrator: seen.append(integrator) or {}, coordinates)
    assert one.integrator(wanted) == used
    one(REGISTRY["dichotomy"], {}, wanted)
    assert seen == [used or wanted]


@pytest.mark.parametrize("tolerance", [None, 0.5])
def test_a_claim_about_letters_is_allowed_its_own_tolerance(tolerance: float | None) -> None:
    theorem = REGISTRY["linear-recursion"]
    shape = Shape(3, 2, 2, 1)
    data = construct(theorem, shape, np.random.default_rng(0).random((4, dimension(theorem, shape))))
    exact, found = (judge_data(replace(theorem, tolerance=one), data).margins.min() for one in (0.0, tolerance))
    assert (found > exact + 0.1) == (tolerance is not None)


def test_numbers_alone_are_one_system() -> None:
    assert count_of({"s": 1.0, "N": 3}) == 1
    assert count_of({"s": 1.0, "mu": np.ones((4, 2))}) == 4


def test_trained_channels_keep_their_weights_and_turn_their_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens as built for a slope of any sign, times the sign of the channel's own: s x is on the side that is asked for."""
    rng = np.random.default_rng(3)
    count = 300
    planted = {
        "mu": -np.abs(rng.normal(size=(count, 4))), "a": np.exp(rng.normal(size=(count, 4))), "s": rng.normal(size=count),
        "b": rng.normal(size=count), "floor": np.zeros(count),
    }  # fmt: skip
    monkeypatch.setattr(channels, "package_channels", lambda: planted)
    theorem = REGISTRY["convergence-monotone"]
    found = channels.trained_channels(theorem, 5)
    assert found is not None
    assert len(found["s"]) == 5
    lengths = {tokens[0] for tokens in theorem.options.get("shapes", ((4,),))}
    assert found["x0"].shape[1] == min(lengths)
    for s, mu in zip(found["s"], found["mu"], strict=True):
        (row,) = np.flatnonzero(planted["s"] == s)
        np.testing.assert_array_equal(planted["mu"][row], mu)


def test_five_parts_that_are_left_open_are_named() -> None:
    """|x| grows, so that no part of the box meets `convergence-monotone`."""
    letters = {"mu": [1.0, 1.0], "a": [1.0, 2.0], "s": 1.0, "b": 0.0, "floor": 0.0, "x0": [(1.0, 2.0), 1.0]}
    found = certify_box("convergence-monotone", letters, max_boxes=9)
    assert len(found.undecided) == 5
    assert found.boxes == 9
