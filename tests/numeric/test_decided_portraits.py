"""The phase portrait of K for a second token, and the words for channels, on sums whose roots are known.

mu K = q prod (q - q_k) in the gate q = e^(-step), so that a token rests where its step is -ln q_k.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.criteria.phase_line import describe
from s6flow.numeric.criteria.portrait import followers
from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.flow import FlowParameters
from s6flow.symbolic.ends import WORDS, End

FAR = 1e4


def product(*gates: float) -> tuple[np.ndarray, np.ndarray]:
    """mu_n and a_n of the sum with these roots."""
    return np.poly(gates)[::-1].copy(), np.arange(1.0, len(gates) + 2)


def token(step: float, s: float = 1.0, b: float = 0.0, floor: float = 0.0) -> float:
    """The token with this step."""
    return (math.log(math.expm1(step - floor)) - b) / s


def portrait(
    mu: Any, a: Any, second: float, first: float = FAR, s: float = 1.0, b: float = 0.0, floor: float = 0.0
) -> Any:
    found = followers(
        np.array([mu], dtype=float), np.array([a], dtype=float), np.array([s]), np.array([b]), floor, np.array([first]), np.array([second])
    )  # fmt: skip
    return bool(found.vanishes[0]), bool(found.held[0]), float(found.root[0])


@pytest.mark.parametrize("scale", [1.0, 7.0, 1e-3])
@pytest.mark.parametrize(("s", "b", "floor"), [(1.0, 0.0, 0.0), (2.5, -0.4, 0.1), (-0.7, 0.3, 0.0)])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999, 1.001, 1.2, 2.0])
def test_a_follower_tends_to_the_root_beyond_which_K_is_negative(
    share: float, s: float, b: float, floor: float, scale: float
) -> None:
    """mu K = q (3 q - 1) is positive up to the step ln 3; from either side of it, for any size of mu."""
    root = token(math.log(3.0), s, b, floor)
    found = portrait(scale * np.array([-1.0, 3.0]), [1.0, 2.0], share * root, math.copysign(FAR, s), s, b, floor)
    assert found[:2] == (False, True)
    assert found[2] == pytest.approx(root, rel=1e-9)


def test_a_root_on_the_side_where_steps_shrink() -> None:
    """K is negative on steps from -ln 0.8 to ln 2, and Delta(0) = 0.974 lies above: with |x| the step falls to ln 2 first."""
    mu, a = product(0.8, 0.5)
    root = token(math.log(2.0), b=0.5)
    assert root == pytest.approx(-0.5)
    for share in (0.8, 0.98, 1.02, 1.1):
        vanishes, held, found = portrait(mu, a, share * root, b=0.5)
        assert (vanishes, held) == (False, True)
        assert found == pytest.approx(root, rel=1e-9)
    assert not portrait(mu, a, 0.5, b=0.5)[1], "on the other side there is no root"


def test_a_hump_of_K_is_left_open_from_where_K_rises() -> None:
    """Roots at q = 0.8, 0.5, 0.2: K is positive from 0.5 to 0.2, and rises to its largest first; beyond that the last root is known."""
    mu, a = product(0.8, 0.5, 0.2)
    last = token(-math.log(0.2))
    held = [portrait(mu, a, token(-math.log(q)))[1:] for q in (0.47, 0.45, 0.25, 0.22)]
    assert [one for one, _ in held] == [False, False, True, True]
    assert [root for _, root in held[2:]] == pytest.approx([last, last], rel=1e-9)
    assert all(math.isnan(root) for _, root in held[:2])


@pytest.mark.parametrize(("octaves", "held"), [(15.9, True), (16.1, False), (-15.9, True), (-16.1, False)])
def test_barriers_are_looked_for_within_sixteen_octaves(octaves: float, held: bool) -> None:
    """Of the second token, outward and inward; beyond that nothing is said."""
    root = math.log(2.0) if octaves > 0 else 1e-4
    rate = 0.01  # so slow that K falls from either end to the other
    mu, a = [-1.0, (1 + math.exp(root)) ** rate], [rate, 2 * rate]
    second = root * 2.0**-octaves
    found = portrait(mu, a, second, first=1e30)
    assert found[1] is held
    if held:
        assert found[2] == pytest.approx(root, rel=1e-9)


def test_a_small_first_token_holds_nothing() -> None:
    assert portrait([-1.0, 3.0], [1.0, 2.0], 0.9 * math.log(2.0), first=1e-3)[1] is False
    assert portrait([-1.0, 3.0], [1.0, 2.0], 0.9 * math.log(2.0), first=FAR)[1] is True


@pytest.mark.parametrize(
    ("mu", "s", "first", "second", "vanishes"),
    [
        ([-1.0, 1.5], 0.0, FAR, 1.0, True),  # s = 0 and K(0) < 0: every step is Delta(0)
        ([-1.0, 1.5], 0.0, 1e-3, 1.0, False),  # not before a first token as small as that
        ([-1.0, 1.5], 1e-6, FAR, 1.0, True),
        ([-1.0, 1.5], 1e-6, -FAR, 1.0, False),  # token 1 runs inward
        ([-1.0, 1.0], 0.0, FAR, 1.0, False),  # mu = 0
        ([-1.5, 1.0], 0.0, FAR, 1.0, False),
        ([-1.0, 1.5], 0.0, 0.0, 1.0, False),
        ([-1.0, 1.5], 0.0, FAR, 0.0, False),
        ([1.5, -1.0], 0.0, FAR, 1.0, False),  # K(0) > 0
    ],
)  # fmt: skip
def test_a_follower_vanishes_where_what_it_reads_is_negative(
    mu: list[float], s: float, first: float, second: float, vanishes: bool
) -> None:
    got, held, root = portrait(mu, [0.5, 3.0], second, first, s)
    assert got is vanishes
    assert held is False
    assert math.isnan(root)


def test_portraits_of_a_batch_are_those_of_its_systems() -> None:
    mu, a = product(0.8, 0.5, 0.2)
    second = np.array([token(-math.log(q)) for q in (0.9, 0.7, 0.45, 0.22, 0.1)])
    count = len(second)
    found = followers(
        np.tile(mu, (count, 1)),
        np.tile(a, (count, 1)),
        np.ones(count),
        np.zeros(count),
        0.0,
        np.full(count, FAR),
        second,
    )
    for row in range(count):
        one = portrait(mu, a, second[row])
        assert (bool(found.vanishes[row]), bool(found.held[row])) == one[:2]
        np.testing.assert_array_equal(found.root[row], one[2])


# ---- the end of systems of several tokens


def verdict(mu: Any, a: Any, x0: list[float], s: float = 1.0, b: float = 0.0) -> str:
    return axis_verdict(FlowParameters(mu, a, s, b, 0.0), np.array(x0))[0]


def test_only_tokens_that_run_inward_reach_smaller_steps() -> None:
    """K < 0 on steps from 0.22 to 0.69 alone, below Delta(0) = 0.974: that is in reach of a later token with s x < 0."""
    mu, a = product(0.8, 0.5)
    outward = verdict(mu, a, [1.0, 1.0, 1.0], b=0.5)
    assert outward == WORDS[End.FAST]
    for later in ([-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]):
        assert verdict(mu, a, [1.0, *later], b=0.5) != outward
    assert verdict(mu, a, [-1.0, 1.0, 1.0], b=0.5) == verdict(mu, a, [-2.0, 3.0, 1.0], b=0.5)
    assert verdict(np.abs(mu), a, [1.0, -1.0, 1.0], b=0.5) == outward, "mu_n of one sign"


@pytest.mark.parametrize("x0", [[1.0], [-1.0], [1.0, 2.0], [-1.0, 2.0], [-1.0, 0.0, -2.0]])
def test_a_step_that_does_not_grow_is_slow_on_neither_side(x0: list[float]) -> None:
    """s x = 0 of every token: mu > 0 blows up, where with s x < 0 it would grow slowly."""
    mu, a = np.array([1.0, 0.5]), np.array([0.5, 2.0])
    assert verdict(mu, a, x0, s=0.0) == WORDS[End.FAST]
    assert verdict(mu, a, [-abs(x) for x in x0], s=0.7) == WORDS[End.SLOW]


def test_a_phase_line_reads_from_minus_to_plus_infinity() -> None:
    """p(x) = (x + 1)(x - 2): equilibria stand in ascending order around 0."""
    one = {"mu": 1.0, "nu": -1.0, "lambda": -2.0, "s": 1.0, "root_low": -1.0, "root_high": 2.0}
    text = describe({key: np.array([value]) for key, value in one.items()}, 0, 0.0)
    assert [word for word in text.split() if word.startswith("[")] == ["[-1]", "[0]", "[2]"]
    two = one | {"nu": 3.0, "lambda": 2.0, "root_low": -2.0, "root_high": -1.0}
    text = describe({key: np.array([value]) for key, value in two.items()}, 0, 0.0)
    assert [word for word in text.split() if word.startswith("[")] == ["[-2]", "[-1]", "[0]"]
