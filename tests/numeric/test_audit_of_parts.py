"""Audits of checkpoints of five tiny layers: which are judged, withheld, skipped and read, and what they are told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from s6flow.errors import FormatError, SourceError
from s6flow.numeric.audit import audit, audit_layer, report

SHAPES = {"A_log": (4, 3), "x_proj.weight": (8, 4), "dt_proj.weight": (4, 2), "dt_proj.bias": (4,), "D": (4,)}
NAMES = [f"m.{place}" for place in range(5)]


def saved(folder: Path, change: Callable[[str, np.ndarray], Any] = lambda name, value: value) -> str:
    rng = np.random.default_rng(2)
    drawn = {
        f"{name}.{key}": rng.normal(size=shape).astype(np.float32) for name in NAMES for key, shape in SHAPES.items()
    }
    changed = {name: change(name, value) for name, value in drawn.items()}
    save_file({name: np.ascontiguousarray(value) for name, value in changed.items()}, folder / "x.safetensors")
    return str(folder / "x.safetensors")


def named(parts: Any) -> list[str]:
    return [one.name for one in parts]


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [(None, [0, 1, 2, 3, 4]), (["1", "m.3"], [1, 3]), (["m.*"], [0, 1, 2, 3, 4]), (["4", "0"], [0, 4])],
)
def test_what_is_asked_for_is_judged_and_the_rest_skipped(tmp_path: Path, layers: Any, chosen: list[int]) -> None:
    """In depth order; every layer is told of once, behind it how many there are."""
    seen = list[Any]()
    found = audit(saved(tmp_path), layers=layers, shuffles=2, progress=lambda *told: seen.append(told))
    wanted = [NAMES[place] for place in chosen]
    assert named(found.layers) == named(found.health.layers) == wanted
    assert found.skipped == tuple(name for name in NAMES if name not in wanted)
    assert found.withheld == ()
    assert seen == [(place, len(wanted), name) for place, name in enumerate(wanted, 1)]


def test_tensors_are_read_once_for_health_and_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to be read again are layers of another name than their health has: here none."""
    left, judged = list[list[str]](), list[str]()
    read, judge = report.read_layers, report.audit_layer
    monkeypatch.setattr(
        report, "read_layers", lambda checkpoint, names: left.append(list(names)) or read(checkpoint, names)
    )
    monkeypatch.setattr(
        report, "audit_layer", lambda layer, **options: judged.append(layer.name) or judge(layer, **options)
    )
    audit(saved(tmp_path), layers=["0", "2", "3"], shuffles=2)
    assert left == [[]]
    assert sorted(judged) == ["m.0", "m.2", "m.3"]


@pytest.mark.parametrize("tensor", ["D", "A_log", "dt_proj.bias"])
def test_a_damaged_layer_is_withheld_by_its_values(tmp_path: Path, tensor: str) -> None:
    seen = list[Any]()
    path = saved(tmp_path, lambda name, value: value * np.nan if name == f"m.2.{tensor}" else value)
    found = audit(path, shuffles=2, progress=lambda *told: seen.append(told[:2]))
    assert named(found.layers) == ["m.0", "m.1", "m.3", "m.4"]
    assert named(found.health.layers) == NAMES
    assert [(one.name, one.kind) for one in found.withheld] == [("m.2", "values")]
    assert found.withheld[0].reason.startswith(f"weights must be finite; got m.2.{tensor}[")
    assert "nan" in found.withheld[0].reason
    assert {done for done, _ in seen} == {1, 2, 3, 4}
    assert seen[-1] == (4, 4)
    without = audit(path, shuffles=2, layers=["0", "1"])
    assert (named(without.layers), without.withheld) == (["m.0", "m.1"], ())


def test_a_shape_that_does_not_fit_is_the_reason_beside_damage(tmp_path: Path) -> None:
    """One layer has a wrong shape, another a NaN, and each its own reason."""

    def change(name: str, value: np.ndarray) -> Any:
        if name == "m.1.x_proj.weight":
            return value[:-1]
        return value * np.inf if name == "m.3.D" else value

    found = audit(saved(tmp_path, change), shuffles=2)
    assert named(found.layers) == ["m.0", "m.2", "m.4"]
    withheld = {one.name: one for one in found.withheld}
    assert {name: one.kind for name, one in withheld.items()} == {"m.1": "shape", "m.3": "values"}
    assert "has shape (4, 2)" in withheld["m.1"].reason
    assert "m.3.D" in withheld["m.3"].reason


def test_a_checkpoint_without_any_whole_layer_still_has_its_health(tmp_path: Path) -> None:
    found = audit(saved(tmp_path, lambda name, value: value * np.nan), shuffles=2)
    assert found.layers == ()
    assert named(found.health.layers) == named(found.withheld) == NAMES
    assert {one.kind for one in found.withheld} == {"values"}


def test_states_of_a_layer_that_is_not_there_are_told_three_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "simulator", lambda device, states: None)
    with pytest.raises(FormatError, match=r"m\.0, m\.1, m\.2, \.\.\.") as raised:
        audit(saved(tmp_path), states={"m.9": np.ones((3, 4)), "m.1": np.ones((3, 4))})
    assert "m.9" in str(raised.value)
    assert "m.3" not in str(raised.value)


def test_a_simulation_is_told_of_layer_by_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the verdicts before it; every layer gets its own."""

    def flown(judged: Any, seed: int, device: str, states: Any) -> Any:
        for layer, _ in judged:
            yield f"of {layer.name} with seed {seed}"

    monkeypatch.setattr(report, "simulations", flown)
    seen = list[Any]()
    found = audit(saved(tmp_path), layers=["1", "3"], simulate=True, seed=7, shuffles=2, progress=lambda *told: seen.append(told))  # fmt: skip
    assert seen == [(1, 2, "m.1"), (2, 2, "m.3")]
    assert [one.simulation for one in found.layers] == ["of m.1 with seed 7", "of m.3 with seed 7"]


@pytest.mark.parametrize(("certify", "workers"), [(True, 1), (False, 5)])
def test_balls_are_computed_by_one_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certify: bool, workers: int
) -> None:
    """The precision of their arithmetic is one for the whole process."""
    seen, given = list[int](), report.in_order

    def in_order(items: Any, work: Any, count: int) -> Any:
        seen.append(count)
        return given(items, work, 1)

    monkeypatch.setattr(report, "in_order", in_order)
    monkeypatch.setattr(report, "some_workers", lambda most: 5)
    if certify:
        pytest.importorskip("flint")
    audit(saved(tmp_path), layers=["0"], certify=certify, shuffles=2)
    assert set(seen) == {workers}


def test_a_layer_and_a_checkpoint_are_judged_by_the_same_defaults() -> None:
    """What both take means the same, and is the same where it is not given."""
    one, many = (inspect.signature(function).parameters for function in (audit_layer, audit))
    shared = sorted(set(one) & set(many))
    assert shared == ["certify", "device", "seed", "shuffles", "simulate", "states"]
    assert {name: one[name].default for name in shared} == {name: many[name].default for name in shared}


def test_a_checkpoint_is_judged_as_its_layers_are(tmp_path: Path) -> None:
    """Verdicts and controls of a layer do not depend on the others, nor on whether all or one are asked for."""
    path = saved(tmp_path)
    whole, alone = audit(path, shuffles=3, seed=4), audit(path, shuffles=3, seed=4, layers=["2"])
    np.testing.assert_array_equal(whole.layers[2].control.fractions, alone.layers[0].control.fractions)
    np.testing.assert_array_equal(whole.layers[2].numbers("mu"), alone.layers[0].numbers("mu"))


@pytest.fixture
def unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of layers that health knows nothing of."""
    monkeypatch.setattr(report, "makers", lambda store, config: iter(()))


@pytest.mark.usefixtures("unnoticed")
def test_layers_without_a_health_are_judged_all_the_same(tmp_path: Path) -> None:
    found = audit(saved(tmp_path), shuffles=2)
    assert named(found.layers) == NAMES
    assert found.health.layers == ()
    assert found.withheld == ()


@pytest.mark.usefixtures("unnoticed")
def test_damage_that_health_has_not_seen_is_told_by_the_reader(tmp_path: Path) -> None:
    found = audit(saved(tmp_path, lambda name, value: value * np.nan if name == "m.2.A_log" else value), shuffles=2)
    assert named(found.layers) == ["m.0", "m.1", "m.3", "m.4"]
    assert [(one.name, one.kind) for one in found.withheld] == [("m.2", "values")]
    assert "m.2.A_log" in found.withheld[0].reason


@pytest.mark.usefixtures("unnoticed")
def test_a_checkpoint_without_anything_to_say_is_refused_with_three_reasons(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda name, value: value[:-1] if name.endswith("x_proj.weight") else value)
    with pytest.raises(SourceError, match="must hold a layer that the theory fits") as raised:
        audit(path, shuffles=2)
    told = [name for name in NAMES if f"{name}: {name}.dt_proj.weight has shape" in str(raised.value)]
    assert told == NAMES[:3]
