"""What an audit measures of a layer: eigenvalue signs, the shuffled control, the reference, and what is simulated."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.audit import audit, audit_layer, spectrum
from s6flow.numeric.audit.control import permutation_control
from s6flow.numeric.audit.simulation import integrator, reference
from s6flow.numeric.audit.spectrum import product_signature, symmetric_signature
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import End, word


def layer_of(S_B: np.ndarray, S_C: np.ndarray, s: Any = 0.5) -> S6Layer:
    """A layer with these projections; its step has slope s on every channel."""
    states, channels = S_B.shape
    none, one = np.zeros(states), np.eye(channels)
    return S6Layer(
        "measured",
        np.ones((channels, states)),
        S_B,
        S_C,
        none,
        none,
        one,
        np.diag(np.full(channels, s)),
        np.zeros(channels),
    )


def random(channels: int, states: int, seed: int = 0) -> S6Layer:
    rng = np.random.default_rng(seed)
    return layer_of(rng.normal(size=(states, channels)), rng.normal(size=(states, channels)))


# ---- eigenvalue signs


def test_a_layer_of_one_channel_has_one_eigenvalue() -> None:
    """|S_B|^2 for S_C = S_B: no zero is added to what one channel has."""
    S_B = np.array([[1.0], [2.0], [2.0]])
    for signature in (product_signature, symmetric_signature):
        for sign in (1.0, -1.0):
            found = signature(layer_of(S_B, sign * S_B))
            assert (found.largest, found.smallest) == pytest.approx((9 * sign, 9 * sign), rel=1e-12)
            assert (found.positive, found.negative, found.zero) == (int(sign > 0), int(sign < 0), 0)


def test_more_channels_than_states_add_zeros() -> None:
    """S_C = -S_B has eigenvalues <= 0, of which N are not 0: the largest is 0, and none is complex."""
    S_B = np.random.default_rng(3).normal(size=(2, 9))
    exact = np.linalg.eigvalsh(-S_B @ S_B.T)
    for signature in (product_signature, symmetric_signature):
        found = signature(layer_of(S_B, -S_B))
        assert (found.positive, found.negative, found.zero, found.complex) == (0, 2, 7, 0)
        assert found.largest == pytest.approx(0.0, abs=1e-12)
        assert found.smallest == pytest.approx(exact.min(), rel=1e-10)


def test_without_a_projection_every_eigenvalue_is_a_real_zero() -> None:
    for channels, states in ((7, 2), (2, 7)):
        layer = layer_of(np.zeros((states, channels)), random(channels, states).S_C)
        for signature in (product_signature, symmetric_signature):
            found = signature(layer)
            assert (found.zero, found.complex, found.largest, found.smallest) == (channels, 0, 0.0, 0.0)


def test_a_rotation_has_complex_eigenvalues() -> None:
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    found = product_signature(layer_of(np.eye(2), turn))
    assert (found.positive, found.negative, found.complex) == (0, 0, 2)


@pytest.mark.parametrize(
    ("channels", "states"), [(40, 6), (13, 6), (12, 6), (11, 6), (7, 6), (6, 6), (5, 6), (2, 6), (2, 1), (3, 1), (1, 1)]
)
def test_matrices_are_no_larger_than_states_ask_for(
    monkeypatch: pytest.MonkeyPatch, channels: int, states: int
) -> None:
    """Never channels x channels where N or 2N is less."""
    sizes: dict[str, int] = {}

    def note(name: str) -> None:
        exact = getattr(np.linalg, name)

        def noted(matrix: np.ndarray) -> Any:
            sizes[name] = len(matrix)
            return exact(matrix)

        monkeypatch.setattr(np.linalg, name, noted)

    note("eigvals")
    note("eigvalsh")
    layer = random(channels, states, seed=channels)
    product_signature(layer), symmetric_signature(layer)
    assert sizes == {"eigvals": min(channels, states), "eigvalsh": min(channels, 2 * states)}


@pytest.mark.parametrize(("rows", "columns"), [(700, 300), (520, 2), (513, 2), (512, 2), (257, 2), (256, 2), (300, 70)])
def test_a_triangle_has_the_products_of_its_columns(rows: int, columns: int) -> None:
    """R^T R = A^T A, whatever the blocks."""
    tall = np.random.default_rng(rows).normal(size=(rows, columns))
    triangle = spectrum.triangular_factor(tall)
    assert len(triangle) <= columns
    np.testing.assert_allclose(triangle.T @ triangle, tall.T @ tall, rtol=1e-9, atol=1e-9 * rows)


# ---- the control


@pytest.mark.parametrize(("channels", "shuffles"), [(255, 4), (256, 5), (257, 7), (2000, 9), (3, 2)])
def test_a_shuffle_counts_what_its_sample_shows(channels: int, shuffles: int) -> None:
    control = permutation_control(random(channels, 16, seed=1), shuffles)
    assert control.fractions.shape == (shuffles,)
    assert control.sample.shape == (channels,)
    assert control.fractions[0] == np.mean(control.sample < 0)
    np.testing.assert_allclose(control.fractions * channels, np.round(control.fractions * channels), atol=1e-9)


def test_pairs_of_a_shuffle_are_pairs_of_columns() -> None:
    """Weights that are powers of 2 tell which columns were paired: each of either kind once."""
    S_B, S_C = 2.0 ** np.arange(4)[None], -(16.0 ** np.arange(4))[None]
    control = permutation_control(layer_of(S_B, S_C), 40)
    pairs = sorted(np.log2(-control.sample))
    assert sum(pairs) == pytest.approx(sum(range(4)) + 4 * sum(range(4)))
    assert {round(pair) % 4 for pair in pairs} == {0, 1, 2, 3}
    assert (control.fraction, control.mean, control.sd, control.p) == (1.0, 1.0, 0.0, 1.0)


def test_shuffles_have_the_same_default_everywhere() -> None:
    from s6flow.commands.audit import audit as command

    layer = random(6, 3)
    own, whole = permutation_control(layer), audit_layer(layer).control
    np.testing.assert_array_equal(own.fractions, whole.fractions)
    options = {option.name: option.default for option in command.params}
    defaults = inspect.signature(audit).parameters
    assert own.shuffles == options["shuffles"] == defaults["shuffles"].default
    assert options["seed"] == defaults["seed"].default
    np.testing.assert_array_equal(
        own.fractions, permutation_control(layer, options["shuffles"], options["seed"]).fractions
    )


# ---- the reference


@pytest.mark.parametrize("scale", [0.5, 1.0, 40.0])
def test_the_error_of_a_flow_is_relative_to_its_largest_velocity(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    """The first channel's flow is off by 1 % of its largest velocity, the second's by 2 %."""
    exact = {0: np.array([3.0, 1.0]) * scale, 1: np.array([2.0, -4.0]) * scale}
    off = {0: np.array([0.03, 0.0]) * scale, 1: np.array([0.0, -0.08]) * scale}
    seen: list[int] = []

    def recurrence(layer: S6Layer, tokens: np.ndarray) -> np.ndarray:
        (channel,) = np.flatnonzero(tokens.any(axis=0))
        seen.append(int(channel))
        return np.where(tokens != 0, exact[int(channel)][:, None], 0.0)

    def program(v: np.ndarray) -> np.ndarray:
        return (exact[seen[-1]] + off[seen[-1]]) / np.cosh(v)

    program.inputs = ("v",)  # type: ignore[attr-defined]
    monkeypatch.setattr(reference, "s6_reference", recurrence)
    monkeypatch.setattr(reference, "generate", lambda _: program)
    for seed in range(4):  # in both orders
        found = reference.reference_error(random(2, 1), np.random.default_rng(seed), lambda: np.array([0.3, -0.7]))
        assert found == (pytest.approx(0.02, rel=1e-12), 2)
    assert seen[0] != seen[2] or seen[0] != seen[4] or seen[0] != seen[6]


def test_a_layer_that_does_not_move_has_no_error() -> None:
    still = layer_of(np.ones((2, 3)), np.zeros((2, 3)))
    with np.errstate(all="raise"):
        found = reference.reference_error(still, np.random.default_rng(0), lambda: np.array([1.0, -2.0]))
    assert found == (0.0, 3)
    moving = reference.reference_error(random(20, 3), np.random.default_rng(0), lambda: np.array([1.0, -2.0, 0.5]))
    assert moving[1] == 8
    assert 0 < moving[0] < 1e-12


# ---- what is simulated


def test_starts_one_after_another_know_their_channel() -> None:
    starts = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    flat, channels = integrator.flat_starts(starts)
    assert flat.shape == (6, 4)
    assert channels.tolist() == [0, 1, 2, 0, 1, 2]
    assert all((row == starts[place // 3, place % 3]).all() for place, row in enumerate(flat))


def known(layer: S6Layer, monkeypatch: pytest.MonkeyPatch, vanishes: Any, held: Any) -> tuple[Any, dict[str, Any]]:
    """The pairs of a layer, where of each pair it is planted whether the follower vanishes or is held."""
    seen: dict[str, Any] = {}

    def followers(mu_n: Any, a: Any, s: Any, b: Any, floor: float, first: np.ndarray, second: np.ndarray) -> Any:
        seen.update(first=first, second=second, s=s)
        return SimpleNamespace(vanishes=vanishes(first), held=held(first), root=np.arange(len(first)) * 1.0)

    monkeypatch.setattr(integrator, "followers", followers)
    monkeypatch.setattr(
        integrator, "fates_in_parts", lambda engine, layer, starts, *_: np.array(["seen"] * len(starts))
    )
    rng = np.random.default_rng(0)
    return integrator.pair_outcome(layer, np.arange(layer.channels), rng, integrator.CPU), seen


def test_pairs_are_judged_where_the_follower_s_end_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_of(np.ones((1, 3)), np.ones((1, 3)))

    def place(first: np.ndarray) -> np.ndarray:
        return np.arange(len(first)) % 3

    (starts, channels, predicted, seen), asked = known(
        layer, monkeypatch, lambda f: place(f) == 0, lambda f: place(f) == 2
    )
    assert channels.tolist() == [0, 2] * 4
    assert predicted.tolist() == [word(End.COEXISTENCE), word(End.LIMIT)] * 4
    assert len(seen) == len(starts) == 8
    np.testing.assert_array_equal(starts[:, 0], asked["first"][place(asked["first"]) != 1])


def test_first_tokens_of_pairs_are_far_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around 1000, within e^1.5 on either side, where Delta grows; the second around 1, on either side of 0."""
    layer = layer_of(np.ones((1, 150)), np.ones((1, 150)), np.repeat([1.0, -1.0, 0.0], 50))
    _, asked = known(layer, monkeypatch, lambda f: f > 0, lambda f: f < 0)
    first, second, s = asked["first"], asked["second"], asked["s"]
    np.testing.assert_array_equal(first > 0, s >= 0)
    np.testing.assert_array_equal(second > 0, np.arange(600) < 300)
    for sizes in (np.abs(first[s == 0]) / 1e3, np.abs(first[s > 0]) / 1e3, np.abs(first[s < 0]) / 1e3, np.abs(second)):
        assert np.log(sizes).min() == pytest.approx(-1.5, abs=0.1)
        assert np.log(sizes).max() == pytest.approx(1.5, abs=0.1)


def test_pairs_are_made_where_the_theory_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = replace(random(30, 3, seed=2), a=np.random.default_rng(3).uniform(0.1, 3.0, (30, 3)))
    columns = audit_layer(layer, shuffles=2).columns
    silent = word(End.NOT_DECIDED)
    words = np.array([columns[f"scenario_{name}"].words() for name in ("positive", "negative", "mixed")])  # type: ignore[union-attr]
    asked: list[np.ndarray] = []
    monkeypatch.setattr(
        integrator, "fates_in_parts", lambda engine, layer, starts, *_: np.array(["seen"] * len(starts))
    )
    monkeypatch.setattr(
        integrator, "pair_outcome", lambda layer, channels, *_: asked.append(channels) or (np.empty(0),) * 4
    )
    ((starts, channels, predicted, seen), _) = integrator.bilinear_outcomes(
        layer, columns, np.random.default_rng(0), integrator.CPU
    )
    np.testing.assert_array_equal(asked[0], np.flatnonzero((words == silent).any(axis=0)))
    assert 0 < len(asked[0]) < 30
    assert len(starts) == len(channels) == len(predicted) == len(seen) == 3 * 2 * 30
    for sign, name in ((1, 0), (-1, 1)):
        rows = (np.sign(starts) == sign).all(axis=1)
        np.testing.assert_array_equal(predicted[rows], words[name][channels[rows]])
