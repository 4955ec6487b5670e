"""Verdicts on channels with planted facts, and the question of K against brute force.

One long file: the planted channels at the top serve all of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s6flow.numeric.audit import audit_layer
from s6flow.numeric.criteria.carried import NEGATIVE, NONNEGATIVE, UNDECIDED, carried_signs
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.numbers import KAPPA_TOKENS, evaluate, first_inherited, inherited_limit
from s6flow.numeric.criteria.phase_line import describe, fate_of
from s6flow.numeric.criteria.reach import DISTANCES, negative_within
from s6flow.numeric.criteria.verdict import channel_verdicts
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import word


def planted(*channels: dict[str, Any], floor: float = 0.0, beta_B: Any = None, beta_C: Any = None) -> S6Layer:
    """A layer whose channels have the given mu_n, a, s and b: S_C is one, S_B is mu_n, S_Delta is diagonal."""
    mu = np.array([row["mu"] for row in channels], dtype=float)
    count, states = mu.shape
    s = np.array([row.get("s", 1.0) for row in channels], dtype=float)
    return S6Layer(
        name="planted",
        a=np.array([row.get("a", np.ones(states)) for row in channels], dtype=float),
        S_B=np.ascontiguousarray(mu.T),
        S_C=np.ones((states, count)),
        beta_B=np.zeros(states) if beta_B is None else np.array(beta_B, dtype=float),
        beta_C=np.zeros(states) if beta_C is None else np.array(beta_C, dtype=float),
        dt_in=np.eye(count),
        dt_out=np.diag(s),
        b=np.array([row.get("b", 0.0) for row in channels], dtype=float),
        floor=floor,
    )


WITNESS = {"mu": [-1.0, 1.5], "a": [0.2, 4.0], "s": 1.0, "b": 1.0}


def verdict(layer: S6Layer, channel: int) -> list[str]:
    """Scenario and theorem for positive, negative and mixed tokens."""
    columns = audit_layer(layer, shuffles=2).columns
    out = []
    for name in ("positive", "negative", "mixed"):
        for key in ("scenario", "theorem"):
            column = columns[f"{key}_{name}"]
            assert isinstance(column, Labels)
            out.append(column.word(channel))
    return out


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ({"mu": [-1.0, -2.0], "a": [1.0, 2.0]}, ["convergent", "convergence-rate"] * 3),
        ({"mu": [-3.0, 2.0], "a": [1.0, 1.0]}, ["convergent", "convergence-rate"] * 3),  # one decay rate
        ({"mu": [-3.0, 2.0], "a": [1.0, 2.0]}, ["convergent", "state-convergence"] * 3),
        ({"mu": [0.0, 0.0]}, ["stationary", "stationary"] * 3),
        ({"mu": [1.0, -1.0], "a": [1.0, 2.0]}, ["not decided", "none"] * 3),
        (
            {"mu": [1.0, 2.0], "s": 0.5, "a": [1.0, 2.0]},
            ["fast", "fast-blow-up-time", "slow", "slow-log-rate", "fast", "dichotomy"],
        ),
        (
            {"mu": [1.0, 2.0], "s": -0.5, "a": [1.0, 2.0]},
            ["slow", "slow-log-rate", "fast", "fast-blow-up-time", "fast", "dichotomy"],
        ),
        ({"mu": [1.0, 2.0], "s": 0.0}, ["fast", "fast-blow-up-time"] * 3),
        # K(0) < 0: theory 8, E3; whether a later token dies out depends on where it starts
        (WITNESS, ["not decided", "none", "slow", "state-slow-divergence", "not decided", "none"]),
        # the slowest state is positive and outweighs: K >= 0
        (
            {"mu": [2.0, -1.0], "a": [1.0, 3.0]},
            ["fast", "carried-order", "slow", "state-slow-divergence", "fast", "carried-order"],
        ),
        # K dips below zero only below Delta(0) = softplus(3): of consequence for tokens of both signs alone
        (
            {"mu": [1.0, -6.0, 5.2], "a": [0.1, 2.0, 4.0], "b": 3.0},
            ["fast", "carried-order", "slow", "state-slow-divergence", "not decided", "none"],
        ),
    ],
)
def test_scenarios_of_planted_channels(channel: dict[str, Any], expected: list[str]) -> None:
    assert verdict(planted(channel), 0) == expected


def test_a_floor_removes_the_slow_regime() -> None:
    growing = {"mu": [1.0, 2.0], "a": [1.0, 2.0], "s": 1.0}
    assert verdict(planted(growing, floor=0.1), 0) == ["fast", "step-floor"] * 3
    assert verdict(planted({**growing, "mu": [-1.0, -2.0]}, floor=0.1), 0) == ["convergent", "convergence-rate"] * 3


def test_witness_of_coexistence() -> None:
    columns = audit_layer(planted(WITNESS), shuffles=2).columns
    assert columns["K0"][0] == pytest.approx(-1.52232, abs=1e-5)
    assert columns["dichotomy_can_fail"][0] == 1
    assert columns["K_negative_token"][0] == 0.0
    assert columns["K_sign_changes"][0] == 1
    assert columns["paper_setting"][0] == 0


def test_a_large_token_can_break_the_dichotomy() -> None:
    """K(0) > 0, but the slowest state is negative: K < 0 beyond some token, which is named."""
    channel = {"mu": [-0.2, 2.0], "a": [0.1, 1.0], "s": -2.0, "b": -1.0}
    columns = audit_layer(planted(channel), shuffles=2).columns
    assert columns["K0"][0] > 0
    assert columns["dichotomy_can_fail"][0] == 1
    token = float(columns["K_negative_token"][0])
    assert token < 0  # s x > 0
    letters = {key: np.array(channel[key]) for key in ("mu", "a", "s", "b")}
    assert evaluate("carried", y=np.array(token), floor=np.array(0.0), **letters) < 0


def test_rounding_is_not_a_sign() -> None:
    assert 0.1 + 0.2 - 0.3 != 0.0
    columns = audit_layer(planted({"mu": [0.1, 0.2, -0.3], "a": [1.0, 2.0, 3.0]}), shuffles=2).columns
    assert columns["mu"][0] == 0.0
    assert np.isnan(columns["K0"][0])
    assert columns["dichotomy_can_fail"][0] == UNDECIDED


def brute_force(mu: np.ndarray, a: np.ndarray, delta0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether K < 0 below and from Delta(0) on, by six thousand steps; the slowest rate is divided out."""
    below, above = np.zeros(len(mu), dtype=bool), np.zeros(len(mu), dtype=bool)
    slowest = a.min(axis=1, keepdims=True)
    for step in np.geomspace(1e-6, 1e6, 6001):
        terms = mu * np.exp(-(a - slowest) * step)
        negative = terms.sum(axis=1) < -1e-12 * np.abs(terms).sum(axis=1)
        below |= negative & (step < delta0)
        above |= negative & (step >= delta0)
    return below, above


@pytest.mark.parametrize("states", [2, 3, 6, 16])
def test_signs_of_K_against_brute_force(states: int) -> None:
    rng = np.random.default_rng(states)
    a = np.exp(rng.normal(size=(600, states)))
    mu = rng.normal(size=(600, states))
    mu *= np.sign(mu.sum(axis=1))[:, None]
    delta0 = np.logaddexp(0, 2 * rng.normal(size=600))
    found = carried_signs(mu, a, delta0, np.ones(600), 0.0)
    below, above = brute_force(mu, a, delta0)
    assert 50 < above.sum() < 550
    np.testing.assert_array_equal(found.above == NEGATIVE, above)
    np.testing.assert_array_equal(found.above == NONNEGATIVE, ~above)
    assert not (below & (found.below == NONNEGATIVE)).any()
    assert not (~below & (found.below == NEGATIVE)).any()
    # what is left open below Delta(0) matters nowhere: K is negative above already
    assert (found.above[found.below == UNDECIDED] == NEGATIVE).all()
    np.testing.assert_array_equal(found.anywhere == NEGATIVE, below | above)
    assert np.isfinite(found.step[below | above]).all()
    at_step = mu * np.exp(-(a - a.min(axis=1, keepdims=True)) * found.step[:, None])
    assert (at_step.sum(axis=1)[below | above] < 0).all()


def test_equal_rates_are_merged() -> None:
    """(-1 at rate 1) and (+2 at rate 1) is one state of +1, whichever comes first; -1 + 1 is none at all."""
    mu = np.array([[-1.0, 2.0, -0.5], [2.0, -1.0, -0.5], [-1.0, 1.0, 0.7]])
    a = np.array([[1.0, 1.0, 3.0], [1.0, 1.0, 3.0], [1.0, 1.0, 3.0]])
    found = carried_signs(mu, a, np.ones(3), np.ones(3), 0.0)
    assert found.bound.tolist() == [1, 1, 0]
    assert found.anywhere.tolist() == [NONNEGATIVE] * 3


def test_with_s_zero_only_multiples_of_the_step_are_in_reach() -> None:
    """K < 0 between 0.03 and 0.8 only: five steps of 0.01 reach it, steps of 1 pass over it."""
    mu, a = np.array([[1.0, -6.0, 5.2]] * 2), np.array([[0.1, 2.0, 4.0]] * 2)
    found = carried_signs(mu, a, np.array([0.01, 1.0]), np.zeros(2), 0.0)
    assert found.anywhere.tolist() == [NEGATIVE, NONNEGATIVE]
    assert 0.03 <= found.step[0] < 0.8


def test_fixed_point_of_kappa() -> None:
    """Where the recursion settles, it settles at the fixed point that was solved for."""
    rng = np.random.default_rng(3)
    mu, a, b = rng.normal(size=(300, 5)), np.exp(rng.normal(size=(300, 5))), rng.normal(size=300)
    mu *= -np.sign(mu.sum(axis=1))[:, None]
    floor = np.zeros(300)
    limit, room = inherited_limit()(mu, a, b, floor)
    phi = mu / mu.sum(axis=1, keepdims=True)
    last = np.zeros(300)
    with np.errstate(all="ignore"):
        for _ in range(600):
            kappa, last = evaluate("inherited", phi=phi, a=a, b=b, floor=floor), last
            moved, last = np.abs(kappa - last), kappa
            phi = evaluate("share_after", phi=phi, mu=mu, a=a, b=b, floor=floor)
    settled = (moved < 1e-10) & (room > 0)
    assert settled.sum() > 100
    np.testing.assert_allclose(last[settled], limit[settled], rtol=1e-5, atol=1e-7)


def test_first_kappas_are_those_of_one_token_after_the_other() -> None:
    """The program of all of them gives what `share_after` and `inherited` give in turn, to the last bit or nearly so."""
    rng = np.random.default_rng(5)
    given = {"mu": rng.normal(size=(400, 16)), "a": np.exp(rng.normal(size=(400, 16)))}
    given |= {"b": rng.normal(size=400), "floor": rng.uniform(0, 0.1, 400)}
    phi = given["mu"] / given["mu"].sum(axis=1, keepdims=True)
    values = given | {"phi": phi}
    found = first_inherited()(*(values[key] for key in first_inherited().inputs))
    assert len(found) == KAPPA_TOKENS - 2
    for kappa in found:
        phi = evaluate("share_after", phi=phi, **given)
        size = np.abs(phi).sum(axis=1)
        one = evaluate("inherited", phi=phi, **{key: given[key] for key in ("a", "b", "floor")})
        assert (np.abs(kappa - one) <= 1e-12 * size).all()


def test_kappa_of_equal_rates() -> None:
    """One decay rate a: kappa_l = q for every l, with q = exp(-a softplus(b))."""
    columns = audit_layer(planted({"mu": [-1.0, -2.0], "a": [0.7, 0.7], "b": 0.3}), shuffles=2).columns
    q = np.exp(-0.7 * np.logaddexp(0, 0.3))
    for name in ("K0", "kappa_2", "kappa_max", "kappa_limit"):
        assert columns[name][0] == pytest.approx(q, rel=1e-12)


class TestPhaseLine:
    """beta_B = (1, 0) and beta_C = (0, 1) make nu = S_C[0] + S_B[1] and lambda = 0; equal ones make lambda = 1."""

    def numbers(self, layer: S6Layer) -> dict[str, np.ndarray]:
        columns = audit_layer(layer, shuffles=2).columns
        return {key: value for key, value in columns.items() if isinstance(value, np.ndarray)}

    def test_coefficients(self) -> None:
        layer = planted({"mu": [2.0, 3.0]}, beta_B=[1.0, 0.5], beta_C=[0.0, 4.0])
        numbers = self.numbers(layer)
        # S_B = (2, 3), S_C = (1, 1): nu = 1*1 + 1*0.5 + 2*0 + 3*4, lambda = 0.5*4
        assert (numbers["mu"][0], numbers["nu"][0], numbers["lambda"][0]) == (5.0, 13.5, 2.0)
        assert sorted([numbers["root_low"][0], numbers["root_high"][0]]) == pytest.approx(
            sorted(np.roots([5, 13.5, 2]))
        )

    @pytest.mark.parametrize("floor", [0.0, 0.01])
    def test_mu_alone_gives_the_wrong_verdict(self, floor: float) -> None:
        """mu < 0, yet no token converges to 0: lambda > 0 pushes small ones out to the root."""
        layer = planted({"mu": [-1.0]}, beta_B=[1.0], beta_C=[2.0], floor=floor)
        assert verdict(layer, 0) == ["root", "affine-phase-line"] * 2 + ["not decided", "none"]
        assert audit_layer(layer, shuffles=2).columns["dichotomy_can_fail"][0] == UNDECIDED

    @pytest.mark.parametrize(
        ("mu", "s", "floor", "x0", "fate"),
        [
            (1.0, 1.0, 0.0, 2.0, "fast"),
            (1.0, -1.0, 0.0, 2.0, "slow"),
            (1.0, -1.0, 0.1, 2.0, "fast"),
            (1.0, 1.0, 0.0, 0.5, "convergent"),
            (1.0, 1.0, 0.0, 1.0, "not decided"),
            (1.0, 1.0, 0.0, 0.0, "convergent"),
            (1.0, 1.0, 0.0, -0.5, "convergent"),
            (1.0, 1.0, 0.0, -1.5, "slow"),
        ],
    )
    def test_fates_of_x_squared_minus_one(self, mu: float, s: float, floor: float, x0: float, fate: str) -> None:
        """p = x^2 - 1 has roots -1 and 1, both repelling, and 0 attracts."""
        one = {key: np.array([value]) for key, value in {"mu": mu, "nu": 0.0, "lambda": -1.0, "s": s}.items()}
        one |= {"root_low": np.array([-1.0]), "root_high": np.array([1.0])}
        assert word(fate_of(np.array([x0]), one, floor)[0]) == fate

    def test_a_constant_p_grows_exponentially(self) -> None:
        one = {key: np.array([value]) for key, value in {"mu": 0.0, "nu": 0.0, "lambda": 1.0, "s": 1.0}.items()}
        one |= {"root_low": np.array([np.nan]), "root_high": np.array([np.nan])}
        fates = [word(fate_of(np.array([x]), one, floor)[0]) for x, floor in ((-1.0, 0.1), (1.0, 0.1), (-1.0, 0.0))]
        assert fates == ["exponential", "fast", "slow"]

    def test_in_words(self) -> None:
        layer = planted({"mu": [1.0], "s": 1.0}, beta_B=[-2.0], beta_C=[0.5])
        numbers = self.numbers(layer)  # p = x^2 + (0.5 - 2) x - 1 = (x - 2)(x + 1/2)
        assert describe(numbers, 0, 0.0) == "slow [-0.5] convergent [0] convergent [2] fast"
        assert verdict(layer, 0)[:3:2] == ["by size", "by size"]

    def test_every_fate_follows_the_sign_of_p(self) -> None:
        """Against steps along the line itself: between start and fate p does not change sign."""
        rng = np.random.default_rng(0)
        layer = planted(
            *({"mu": rng.normal(size=2), "s": rng.normal()} for _ in range(60)), beta_B=[1, -1], beta_C=[0.4, 1]
        )
        numbers = self.numbers(layer)
        x0 = rng.normal(size=(20, 60)) * 3
        fates = fate_of(x0, numbers, layer.floor)
        ladder = np.geomspace(1e-9, 1e9, 4001)
        for start, channel in np.ndindex(20, 60):
            x = x0[start, channel]
            p = np.polyval([numbers[key][channel] for key in ("mu", "nu", "lambda")], np.sign(x) * ladder)
            out = np.polyval([numbers[key][channel] for key in ("mu", "nu", "lambda")], x) > 0
            ahead = p[ladder > abs(x)] if out else p[ladder < abs(x)]
            stopped = (ahead < 0).any() if out else (ahead > 0).any()
            expected = {"root"} if stopped else ({"fast", "slow"} if out else {"convergent"})
            assert word(fates[start, channel]) in expected


def test_verdicts_do_not_change_their_input() -> None:
    layer = planted(WITNESS, {"mu": [1.0, -3.0], "a": [1.0, 2.0]})
    numbers = {key: value.copy() for key, value in TestPhaseLine().numbers(layer).items()}
    before = {key: value.copy() for key, value in numbers.items()}
    channel_verdicts(layer, numbers)
    for key, value in before.items():
        np.testing.assert_array_equal(numbers[key], value)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (WITNESS, (1, 1, 1)),
        # K < 0 from a sum of 1.52 on: neighbours reach ln(1 + e^(10 s)), which is just below and just above
        ({"mu": [-0.2, 2.0], "a": [0.0001, 1.5], "s": 0.12}, (0, 1, 1)),
        ({"mu": [-0.2, 2.0], "a": [0.0001, 1.5], "s": 0.14}, (1, 1, 1)),
        # the same from below: with s < 0 the largest step is that of the least token, SiLU's minimum
        ({"mu": [-0.2, 2.0], "a": [0.0001, 1.5], "s": -0.1, "b": 1.22}, (0, 1, 1)),
        ({"mu": [-0.2, 2.0], "a": [0.0001, 1.5], "s": -0.6, "b": 1.22}, (1, 1, 1)),
        # nothing up to 8 steps, something up to 128; and nothing there, though far tokens reach it
        ({"mu": [-0.2, 2.0], "a": [0.0001, 0.03], "s": 0.1}, (0, 0, 1)),
        ({"mu": [-0.2, 2.0], "a": [0.0001, 0.006], "s": 0.1}, (0, 0, 0)),
        # flat steps: sums are multiples of ln 2, and K < 0 between two of them only
        ({"mu": [1.0, -6.0, 5.66], "a": [0.1, 2.0, 2.6], "s": 0.0}, (0, 0, 0)),
    ],
)
def test_where_k_is_negative_on_tokens_that_silu_leaves(channel: dict[str, Any], expected: tuple[int, ...]) -> None:
    columns = audit_layer(planted(channel), shuffles=2).columns
    assert tuple(int(columns[f"K_negative_{distance}"][0]) for distance in DISTANCES) == expected


def test_k_on_tokens_of_a_range_is_that_of_a_dense_scan() -> None:
    rng = np.random.default_rng(4)
    count, states = 400, 5
    mu, a = rng.normal(size=(count, states)), np.exp(rng.uniform(-4, 1.5, size=(count, states)))
    mu *= np.sign(mu.sum(axis=1))[:, None]
    low = np.exp(rng.uniform(-4, 0, size=count))
    high = low * np.exp(rng.uniform(0, 2, size=count))
    found = negative_within(mu, a, low, high)
    for index, distance in enumerate(DISTANCES):
        seen = np.zeros(count, dtype=bool)
        for tokens in range(1, distance + 1):
            for step in np.linspace(tokens * low, tokens * high, 400 if tokens < 9 else 60):
                terms = mu * np.exp(-a * step[:, None])
                seen |= terms.sum(axis=1) < -1e-12 * np.abs(terms).sum(axis=1)
        np.testing.assert_array_equal(found[index][found[index] != UNDECIDED] == 1, seen[found[index] != UNDECIDED])
        assert (found[index] == UNDECIDED).sum() < 5
        assert 20 < seen.sum() < count - 20


def between(first: float, second: float) -> tuple[np.ndarray, np.ndarray]:
    """mu_n and a with K < 0 at the steps between two roots and nowhere else: (e^-D - e^-p)(e^-D - e^-q) e^(-D / 10)."""
    p, q = np.exp(-first), np.exp(-second)
    return np.array([[1.0, -(p + q), p * q]]), np.array([[2.1, 1.1, 0.1]])


@pytest.mark.parametrize(
    ("roots", "low", "high", "expected"),
    [
        ((1.3, 1.7), 1.0, 1.5, (1, 1, 1)),
        # no sum of whole steps comes between the roots: 1, 2, ..., and [0.9, 1.2], [1.8, 2.4], ...
        ((1.3, 1.7), 1.0, 1.0, (0, 0, 0)),
        ((1.3, 1.7), 0.9, 1.2, (0, 0, 0)),
        ((1.3, 1.7), 0.65, 0.8, (0, 1, 1)),
        # a dip between any two nodes is found; one that only touches zero is left undecided
        ((2.0, 2.001), 0.5, 3.0, (1, 1, 1)),
        ((2.0, 2.0), 0.5, 3.0, (UNDECIDED,) * 3),
        ((30.0, 30.01), 0.5, 3.0, (0, 0, 1)),
        ((1.3, 1.7), 0.0, 1.5, (1, 1, 1)),  # a step that underflowed
    ],
)
def test_sums_of_steps_reach_between_two_roots_or_do_not(
    roots: tuple[float, float], low: float, high: float, expected: tuple[int, ...]
) -> None:
    found = negative_within(*between(*roots), np.array([low]), np.array([high]))
    assert tuple(found[:, 0].tolist()) == expected
