"""Channels of trained weights as examples: read as they are, their tokens turned to the side of their own slope."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import SourceError
from s6flow.numeric import weights
from s6flow.numeric.checks import channels
from s6flow.numeric.weights import S6Layer
from s6flow.proofs.registry import REGISTRY

RNG = np.random.default_rng(6)


def layer(name: str, floor: float, count: int = 3, states: int = 2) -> S6Layer:
    return S6Layer(
        name, np.exp(RNG.normal(size=(count, states))), RNG.normal(size=(states, count)), RNG.normal(size=(states, count)), np.array([2.0, -4.0]),
        np.array([0.5, 8.0]), RNG.normal(size=(1, count)), RNG.normal(size=(count, 1)), RNG.normal(size=count), floor,
    )  # fmt: skip


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_letters_of_every_channel_of_every_layer(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [layer(name, 0.1 * place) for place, name in enumerate(names)]
    monkeypatch.setattr(weights, "open_checkpoint", lambda source: SimpleNamespace(layers=lambda: iter(layers)))
    found = channels.package_channels.__wrapped__()
    assert found is not None
    for place, one in enumerate(layers):
        mine = slice(3 * place, 3 * place + 3)
        for key in ("a", "s", "b"):
            np.testing.assert_array_equal(found[key][mine], getattr(one, key))
        np.testing.assert_array_equal(found["mu"][mine], one.mu_n)
        np.testing.assert_array_equal(found["S_B"][mine], one.S_B.T)
        np.testing.assert_array_equal(found["S_C"][mine], one.S_C.T)
        np.testing.assert_array_equal(found["beta_B"][mine], [[2.0, -4.0]] * 3)
        np.testing.assert_array_equal(found["beta_C"][mine], [[0.5, 8.0]] * 3)
        np.testing.assert_array_equal(found["floor"][mine], [one.floor] * 3)
    assert len(found["s"]) == 3 * len(names)


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(source: str) -> Any:
        raise SourceError("a source must be an installed package", source, "", "Install it.")

    monkeypatch.setattr(weights, "open_checkpoint", gone)
    assert channels.package_channels.__wrapped__() is None


def test_tokens_turn_with_the_channel_s_slope_and_that_they_were_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built for s = -1, 1 and 0, of which 0 counts as positive; the shortest of the theorem's shapes is taken."""
    built_s = np.array([-0.5, 0.25, 0.0, -3.0, 2.0, 0.0])
    own_s = np.array([0.75, 0.1, 4.0, -0.2, -7.0, -1.0])
    planted = {"mu": -np.ones((6, 2)), "a": np.ones((6, 2)), "s": own_s, "b": np.zeros(6), "floor": np.zeros(6)}
    shapes: list[Any] = []

    def construct(theorem: Any, shape: Any, points: Any) -> dict[str, Any]:
        shapes.append(shape)
        count = len(points)
        return {"s": built_s[:count], "x0": np.tile([1.0, -2.0], (count, 1)), "N": 2.0, "L": 2.0, "D": 1.0}

    monkeypatch.setattr(channels, "package_channels", lambda: planted)
    monkeypatch.setattr(channels, "construct", construct)
    monkeypatch.setattr(channels, "satisfied", lambda theorem, data: np.ones(len(data["s"]), dtype=bool))
    theorem = REGISTRY["convergence-monotone"]
    found = channels.trained_channels(theorem, 6)
    assert found is not None
    sides = np.sign(found["s"]) * np.array([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    np.testing.assert_array_equal(found["x0"], sides[:, None] * np.array([1.0, -2.0]))
    assert sorted(found["s"]) == sorted(own_s)
    assert shapes[0].state == 2
    monkeypatch.setattr(channels, "satisfied", lambda theorem, data: np.arange(len(data["s"])) % 2 == 0)
    some = channels.trained_channels(theorem, 2)
    assert some is not None
    np.testing.assert_array_equal(some["s"], found["s"][[0, 2]])
    monkeypatch.setattr(channels, "satisfied", lambda theorem, data: np.zeros(len(data["s"]), dtype=bool))
    assert channels.trained_channels(theorem, 2) is None
    spoken = SimpleNamespace(
        variables=("mu", "a", "s", "b", "floor", "x0"), options={"shapes": ((7, 2), (3, 1), (5, 2))}
    )
    monkeypatch.setattr(channels, "dimension", lambda theorem, shape: 1)
    channels.trained_channels(spoken, 1)  # type: ignore[arg-type]
    assert shapes[-1].token == 3
