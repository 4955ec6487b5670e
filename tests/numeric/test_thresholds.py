"""Every threshold that turns a run or a number into a word, with a planted case on either side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from s6flow.numeric import thresholds as th
from s6flow.numeric.audit import audit_layer
from s6flow.numeric.audit.simulation.observed import axis_fates, layer_fates, pair_fates
from s6flow.numeric.audit.spectrum import Signature, product_signature, symmetric_signature
from s6flow.numeric.checks import measurements
from s6flow.numeric.criteria.carried import NEGATIVE, NONNEGATIVE, UNDECIDED, carried_signs
from s6flow.numeric.criteria.numbers import channel_numbers
from s6flow.numeric.criteria.phase_line import fate_of
from s6flow.numeric.flow import FlowParameters, FlowResult, Status, blow_up_quadrature, classify, integrate
from s6flow.numeric.flow.problem import Run
from s6flow.numeric.weights import S6Layer
from s6flow.proofs.registry import get
from s6flow.symbolic.ends import End, word

LATE, EARLY = 8.1, 7.9
EPS = float(np.finfo(float).eps)


def test_the_table_is_the_constants() -> None:
    assert {name: row.value for name, row in th.THRESHOLDS.items()} == {
        name: getattr(th, name) for name in th.__all__ if name.isupper() and name != "THRESHOLDS"
    }
    assert all(len(row.reason) > 20 for row in th.THRESHOLDS.values())


def planted(mu: list[float], a: list[float], s: float = 1.0, b: float = 0.0, channels: int = 1) -> S6Layer:
    """A layer whose channels all have these mu_n, a, s and b."""
    states = len(mu)
    return S6Layer(
        name="planted", a=np.tile(a, (channels, 1)), S_B=np.tile(np.array(mu)[:, None], channels),
        S_C=np.ones((states, channels)), beta_B=np.zeros(states), beta_C=np.zeros(states), dt_in=np.eye(channels),
        dt_out=s * np.eye(channels), b=np.full(channels, b),
    )  # fmt: skip


@cache
def run(kind: str) -> FlowResult:
    """Two tokens at a horizon, or beside a blow-up of the first."""
    start, b = ([-1.0, -0.5], 0.2) if kind == "horizon" else ([1.0, 0.5], 1.0)
    return integrate(start, FlowParameters([-1.0, 1.5], [0.2, 4.0], 1.0, b), log_times=[9.0, 10.0], rtol=1e-6)


def at_horizon(pace: float, log_t: float, **change: Any) -> int:
    result = replace(
        run("horizon"), final_pace=np.full(2, pace), final_log_time=np.asarray(log_t), settled=np.asarray(False),
    )  # fmt: skip
    assert result.status == Status.HORIZON
    return int(classify(replace(result, **change)).systems)


@pytest.mark.parametrize(
    ("pace", "log_t", "end"),
    [
        (-0.41, LATE, End.CONVERGENT),
        (-0.39, LATE, End.UNDECIDED),
        (-0.41, EARLY, End.UNDECIDED),
        (0.51 / LATE, LATE, End.SLOW),
        (0.49 / LATE, LATE, End.UNDECIDED),
        (1.99 / LATE, LATE, End.SLOW),
        (2.01 / LATE, LATE, End.UNDECIDED),
        (1.0 / EARLY, EARLY, End.UNDECIDED),
        # the values themselves, as their reasons have it: largest, least, from there on
        (-0.4, 8.0, End.CONVERGENT),
        (0.0625, 8.0, End.SLOW),
        (0.25, 8.0, End.SLOW),
    ],
)
def test_paces_at_a_horizon(pace: float, log_t: float, end: End) -> None:
    assert at_horizon(pace, log_t) == end


@pytest.mark.parametrize(("size", "end"), [(-10.1, End.CONVERGENT), (-10.0, End.ELSEWHERE), (-9.9, End.ELSEWHERE)])
def test_a_token_at_rest_is_gone_or_elsewhere(size: float, end: End) -> None:
    assert at_horizon(0.0, LATE, settled=np.asarray(True), final_log_abs=np.full(2, size)) == end


@pytest.mark.parametrize(
    ("share", "size", "blur", "end"),
    [
        (1.1e-7, 1.0, 0.0, End.FAST),
        (0.9e-7, 1.0, 0.0, End.LIMIT),
        (-0.9e-7, 1.0, 0.0, End.LIMIT),
        (-1.1e-7, -10.1, 0.0, End.COEXISTENCE),
        (-1.1e-7, -9.9, 0.0, End.UNDECIDED),
        (1e-7, 1.0, 0.0, End.LIMIT),
        (-1e-7, -10.1, 0.0, End.LIMIT),
        (-1.1e-7, -10.0, 0.0, End.UNDECIDED),
        # what a rounding error of the share hides is not decided
        (1.1e-7, 1.0, 0.2e-7, End.UNDECIDED),
        (1.3e-7, 1.0, 0.2e-7, End.FAST),
        (0.9e-7, 1.0, 0.2e-7, End.UNDECIDED),
        (-1.1e-7, -10.1, 0.2e-7, End.UNDECIDED),
    ],
)
def test_followers_beside_a_blow_up(share: float, size: float, blur: float, end: End) -> None:
    result = run("blow-up")
    assert (result.status, result.blow_up_token) == (Status.BLOW_UP, 1)
    changed = replace(
        result, final_share=np.array([1.0, share]), final_log_abs=np.array([result.final_log_abs[0], size])
    )
    assert classify(changed, blur).systems == end


@pytest.mark.parametrize(
    ("x", "share", "end"),
    [
        (2.0 * 1.0009, 1e-3, "finite limit"),
        (2.0 * 1.0011, 1e-3, "fast"),  # past the root, and growing
        (2.0 * 0.9989, 1e-3, "undecided"),  # on its way there
        (0.1, 0.0, "elsewhere"),
        (np.exp(-10.1), -1.0, "coexistence"),
    ],
)
def test_followers_near_a_root(x: float, share: float, end: str) -> None:
    result = run("blow-up")
    one = {
        name: np.asarray(getattr(result, name))[None]
        for name in ("status", "blow_up_token", "final_share", "final_log_abs", "final_sign", "x0")
    }
    one |= {"final_share": np.array([[1.0, share]]), "final_log_abs": np.array([[230.0, np.log(x)]])}
    one |= {name: np.asarray(getattr(result, name))[None] for name in ("final_pace", "final_log_time", "settled")}
    assert pair_fates(replace(result, **one), np.array([2.0]), np.zeros((1, 1))).tolist() == [end]


@pytest.mark.parametrize(
    ("kind", "moved", "s", "end"),
    [
        ("horizon", 0.9e-12, 1.0, End.STATIONARY),
        ("horizon", -0.049 * 300, 1.0, np.nan),
        ("horizon", -0.051 * 300, 1.0, End.CONVERGENT),
        ("horizon", 1.1e-12, 59 / np.exp(1.1e-12), np.nan),
        ("horizon", 1.1e-12, 61 / np.exp(1.1e-12), End.SLOW),
        ("horizon", 1e-12, 1.0, End.STATIONARY),
        ("horizon", -0.05 * 300, 1.0, np.nan),
        ("blow-up", -10.0, 1.0, np.nan),
        ("blow-up", -9.9, 1.0, np.nan),
        ("blow-up", -10.1, 1.0, End.CONVERGENT),
        ("blow-up", 0.1, 1.0, End.FAST),
    ],
)
def test_fates_of_theorems(monkeypatch: pytest.MonkeyPatch, kind: str, moved: float, s: float, end: float) -> None:
    """One token from 1 at ln t = 300, or beside a blow-up: `moved` is its ln|x|."""
    result = replace(
        run(kind),
        status=np.array([run(kind).status]),
        final_log_abs=np.array([[moved]]),
        final_log_time=np.array([300.0]),
    )
    monkeypatch.setattr(measurements, "integrate", lambda *_, **__: result)
    data = {"x0": np.ones((1, 1)), "mu": np.ones((1, 1)), "a": np.ones((1, 1))}
    data |= {"s": np.array([s]), "b": np.zeros(1), "floor": np.zeros(1)}
    found = measurements.MEASUREMENTS["fate"](get("dichotomy"), data)
    np.testing.assert_array_equal(found["fate"], [[[float(end)]]])


def on_axis(slope: float, log_t: float, size: float = 1.0, root: float = np.nan, settled: bool = False) -> str:
    """One token at a horizon in asinh coordinates, which started at 1."""
    late = np.ma.MaskedArray([[[size - slope], [size]]], mask=False)
    result = replace(
        run("horizon"), status=np.array([Status.HORIZON]), settled=np.array([settled]), reached=np.ones((1, 2), dtype=bool),
        log_abs=late, final_log_abs=np.array([[size]]), final_sign=np.ones((1, 1)), final_log_time=np.array([log_t]),
        x0=np.ones((1, 1)),
    )  # fmt: skip
    return str(axis_fates(result, np.array([[root], [np.nan]]))[0])


@pytest.mark.parametrize(
    ("case", "end"),
    [
        ((-0.41, LATE, -1.0), "convergent"),
        ((-0.39, LATE, -1.0), "undecided"),
        ((-0.41, EARLY, -1.0), "undecided"),
        ((0.51 / LATE, LATE), "slow"),
        ((0.49 / LATE, LATE), "undecided"),
        ((1.99 / LATE, LATE), "slow"),
        ((2.01 / LATE, LATE), "undecided"),
        ((1.0 / EARLY, EARLY), "undecided"),
        ((-0.4, 8.0, -1.0), "convergent"),
        ((0.0625, 8.0), "slow"),
        ((0.25, 8.0), "slow"),
        ((0.0, LATE, -10.0, np.nan, True), "elsewhere"),
        ((0.0, LATE, -10.1, np.nan, True), "convergent"),
        ((0.0, LATE, -9.9, np.nan, True), "elsewhere"),
        ((0.0, LATE, float(np.log(2.0018)), 2.0, True), "root"),
        ((0.0, LATE, float(np.log(2.0022)), 2.0, True), "elsewhere"),
    ],
)
def test_runs_of_affine_channels(case: tuple[Any, ...], end: str) -> None:
    assert on_axis(*case) == end


@pytest.mark.parametrize(
    ("x", "pace", "name"),
    [
        (0.009, 1.0, "converged"),
        (0.011, 1.0, "undecided"),
        (1.0, 0.9e-3, "settled_elsewhere"),
        (1.0, 1.1e-3, "undecided"),
        (9.9, 1.0, "undecided"),
        (10.1, 1.0, "undecided_but_grown"),
    ],
)
def test_runs_of_whole_layers(x: float, pace: float, name: str) -> None:
    flow = Run.empty(1, 1, 2)
    flow.status[:], flow.end[:], flow.log_pace[:] = Status.HORIZON, np.arcsinh(x), np.log(pace)
    counts = layer_fates(flow, np.ones(1))
    grown = name == "undecided_but_grown"
    assert {key for key, count in counts.items() if count} == ({"undecided", name} if grown else {name})


@pytest.mark.parametrize(("spread", "one"), [(0.9e-6, 1), (1.1e-6, 0), (0.05, 0)])
def test_decay_rates_that_count_as_one(spread: float, one: int) -> None:
    numbers = channel_numbers(planted([-1.0, 1.5], [2.0 * (1 - spread), 2.0]))
    assert numbers["one_rate"].tolist() == [one]


@pytest.mark.parametrize(("units", "zero"), [(2, True), (4, False)])
def test_mu_that_counts_as_zero(units: int, zero: bool) -> None:
    """|mu| <= 3 eps sum |mu_n| for two states: 2^-52 and its multiples are exact beside 1."""
    numbers = channel_numbers(planted([1.0 + 2 * units * EPS, -1.0], [1.0, 2.0]))
    assert (numbers["mu"][0] == 0) == zero
    assert np.isnan(numbers["K0"][0]) == zero


@pytest.mark.parametrize(("units", "negative"), [(4, False), (14, False), (18, True), (40, True)])
def test_K_that_counts_as_negative(units: int, negative: bool) -> None:
    """mu K(0) = -units eps / 2 for weights whose gates at Delta(0) = ln 2 are 1/2 and 1/4: sizes add to 1, so the margin is 8 eps."""
    weights, rates = np.array([[-1.0 - units * EPS, 2.0]]), np.array([[1.0, 2.0]])
    found = carried_signs(weights, rates, np.array([np.log(2.0)]), np.zeros(1), 0.0)
    # with s = 0 K acts at multiples of Delta(0), where the slowest state, which is negative, decides in any case
    assert found.above.tolist() == [NEGATIVE]
    assert (found.evidence.word(0) == "K(0)") == negative


@pytest.mark.parametrize(("relative", "end"), [(0.4e-12, "not decided"), (3e-12, "fast"), (-3e-12, "convergent")])
def test_starts_within_rounding_of_an_equilibrium(relative: float, end: str) -> None:
    """p = x^2 - 1 near its root 1: p is 2 (x - 1) and the size of its terms 2."""
    one = {key: np.array([value]) for key, value in {"mu": 1.0, "nu": 0.0, "lambda": -1.0, "s": 1.0}.items()}
    one |= {"root_low": np.array([-1.0]), "root_high": np.array([1.0])}
    assert word(fate_of(np.array([1.0 + relative]), one, 0.0)[0]) == end


def diagonal(small: float, channels: int) -> S6Layer:
    """S_C^T S_B = diag(1, small, 0, ...): the product of the norms is sqrt(2)."""
    S_B, S_C = np.zeros((2, channels)), np.zeros((2, channels))
    S_B[0, 0], S_B[1, 1], S_C[0, 0], S_C[1, 1] = 1.0, small, 1.0, 1.0
    return replace(planted([1.0, 1.0], [1.0, 1.0], channels=channels), S_B=S_B, S_C=S_C)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("units", "seen"), [(0.6, False), (0.9, False), (1.2, True), (2.5, True)])
@pytest.mark.parametrize(("signature", "channels"), [(product_signature, 16), (symmetric_signature, 3)])
def test_eigenvalues_that_count_as_zero(
    signature: Callable[[S6Layer], Signature], channels: int, units: float, seen: bool, sign: int
) -> None:
    """The tolerance is (channels) eps times the product of the norms: a diagonal has its eigenvalues exactly."""
    found = signature(diagonal(sign * units * channels * EPS * np.sqrt(2), channels))
    expected = (1 + (seen and sign > 0), int(seen and sign < 0), channels - 1 - seen)
    assert (found.positive, found.negative, found.zero) == expected


@pytest.mark.parametrize(
    ("shift", "sign", "end", "theorem"),
    [
        (0.0, UNDECIDED, "not decided", "none"),
        (1e-3, NONNEGATIVE, "fast", "carried-order"),
        (-1e-3, NEGATIVE, "not decided", "none"),
    ],
)
def test_an_undecided_K_predicts_nothing(shift: float, sign: int, end: str, theorem: str) -> None:
    """mu K = z (z - 1/2)^2 with z = exp(-Delta) touches zero at Delta = ln 2, beyond Delta(0) = 0.31."""
    layer = planted([0.25 + shift, -1.0, 1.0], [1.0, 2.0, 3.0], b=-1.0)
    columns = audit_layer(layer, shuffles=2).columns
    assert columns["dichotomy_can_fail"].tolist() == [sign]  # type: ignore[union-attr]
    for name in ("positive", "mixed"):
        assert columns[f"scenario_{name}"].word(0) == end  # type: ignore[union-attr]
        assert columns[f"theorem_{name}"].word(0) == theorem  # type: ignore[union-attr]


@pytest.mark.parametrize("start", [5e5, 9e5])
def test_time_left_at_the_limit(start: float) -> None:
    """Started just below the limit, most of T is left where the run ends: 1/(p F), with p = 3; p/F would be nine times it."""
    result = integrate([start], FlowParameters([1.0], [0.7], 1.0, 0.0), x_limit=1e6, rtol=1e-6)
    exact = blow_up_quadrature(start, 1.0, 1.0, 0.0, 0.0)
    assert np.exp(result.final_log_time) < 0.95 * exact
    assert result.blow_up_time == pytest.approx(exact, rel=1e-4, abs=0)  # times of 1e-18
