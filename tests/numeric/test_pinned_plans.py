"""Plans pinned: which systems a check takes, how it tallies them, and what a box is certified to.

Beside the committed outcomes shares add up, and tallies are counted by hand.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pinned
import pytest

from s6flow.numeric.checks import channels, check, examples
from s6flow.numeric.checks.boxes import certify_box
from s6flow.numeric.checks.check import CheckReport, Tally, Verdict
from s6flow.numeric.checks.data.construct import Shape
from s6flow.numeric.checks.engines import engine, tolerance
from s6flow.numeric.checks.judge import Judgement, judge_data
from s6flow.proofs.registry import REGISTRY, get
from tests.numeric.test_pinned_checks import drawn

THEOREMS = [
    "linear-recursion",
    "radial",
    "convergence-rate",
    "closed-form-two-tokens",
    "prenorm-bound",
    "fisher",
    "causality",
    "carried-roots",
]


def planned(key: str) -> Any:
    theorem = get(key)
    return {
        f"{name} {count}": np.array(
            [(s.token, s.state, s.channel, s.rank, n) for s, n in examples.plan(theorem, engine(name), count)]
        )
        for name in ("numpy", "flint")
        for count in (1, 3, 37, 200, 20_000)
    }


def batches(key: str) -> Any:
    theorem = get(key)
    found = {
        name: data for name, data in examples.examples_of(theorem, engine("numpy"), 25, 3) if name != examples.TRAINED
    }
    return {name: {letter: np.asarray(value) for letter, value in data.items()} for name, data in found.items()}


def tolerances(key: str) -> Any:
    theorem = REGISTRY[key]
    return [
        str(tolerance(theorem, engine(name), core))
        for name in ("numpy", "torch", "torch32", "flint")
        for core in (False, True)
    ]


def judged(key: str) -> Any:
    theorem = get(key)
    data = drawn(key, 0, 40)
    found = [judge_data(theorem, data, "numpy", factor) for factor in (1, 1.01)]
    return [
        {
            "satisfied": one.satisfied,
            "decided": one.decided,
            "signs": np.sign(np.nan_to_num(one.margins, posinf=2.0, nan=3.0)),
        }
        for one in found
    ]


POINTWISE = [
    key for key, theorem in REGISTRY.items() if theorem.measurement == "pointwise" and theorem.sharpness is not None
][:4]
#: Outcomes agree to this share of their size.
CLOSE = 1e-9
PINNED = [
    ("plans", THEOREMS, planned, CLOSE), ("batches", THEOREMS[:3], batches, CLOSE), ("tolerances", list(REGISTRY), tolerances, CLOSE), ("judged", POINTWISE, judged, CLOSE),
]  # fmt: skip
CASES = [(name, key, outcome) for name, keys, outcome, _ in PINNED for key in keys if name != "tolerances"]


@pytest.mark.parametrize(("name", "key", "outcome"), CASES, ids=[f"{name}-{key}" for name, key, _ in CASES])
def test_checks_take_the_systems_that_they_took(name: str, key: str, outcome: Any) -> None:
    pinned.check(name, key, outcome(key), CLOSE)


def test_tolerances_are_what_they_were() -> None:
    for key in REGISTRY:
        pinned.check("tolerances", key, tolerances(key))


@pytest.mark.parametrize("key", THEOREMS)
@pytest.mark.parametrize("count", [0, 1, 7, 40, 999])
def test_a_plan_adds_up(key: str, count: int) -> None:
    rows = list(examples.plan(get(key), engine("numpy"), count))
    assert sum(size for _, size in rows) == count
    assert all(size > 0 for _, size in rows)


def judgement(margins: list[float], satisfied: list[bool], moments: list[int]) -> Judgement:
    return Judgement(np.array(margins), np.array(satisfied), np.array(moments))


DATA = {"x0": np.arange(6.0)[:, None], "mu": np.arange(6.0), "N": 2.0}
MARGINS = judgement([0.5, np.nan, np.inf, -3.0, 0.25, 0.25], [True, True, True, False, True, True], [0, 1, 2, 3, 4, 5])


def test_a_tally_counts_and_keeps_the_worst() -> None:
    tally = Tally()
    tally.add("0", DATA, MARGINS)
    assert (tally.decided, tally.undecided, tally.idle, tally.real) == (3, 1, 1, 0)
    assert (tally.margin, tally.place) == (0.25, ("0", 4, 4))
    assert tally.where["mu"] == 4.0
    assert tally.where["moment"] == 4
    assert "N" not in tally.where
    tally.add("1", DATA, judgement([0.25] * 6, [True] * 6, [9] * 6))
    assert tally.place == ("0", 4, 4), "of equal margins the first one stays"
    tally.add(examples.TRAINED, DATA, judgement([1.0, 1.0, np.nan, 1.0, 0.125, 1.0], [True] * 6, [7] * 6))
    assert (tally.decided, tally.undecided, tally.idle, tally.real, tally.place) == (
        14,
        2,
        1,
        5,
        (examples.TRAINED, 4, 7),
    )
    assert tally.where["moment"] == 7
    tally.add("2", DATA, judgement([np.nan] * 6, [False] * 6, [7] * 6))
    assert (tally.decided, tally.undecided, tally.margin) == (14, 2, 0.125)


def test_tallies_of_runs_are_merged() -> None:
    tally = Tally()
    found = {
        "examples": 5,
        "undecided": 2,
        "idle": 1,
        "real": 3,
        "seconds": 1.5,
        "margin": 0.5,
        "where": {"mu": 1},
        "place": ["0", 3, 2],
    }
    tally.merge("first", found)
    tally.merge("second", found | {"where": {"mu": 2}})
    tally.merge("none", found | {"margin": None, "place": None})
    assert (tally.decided, tally.undecided, tally.idle, tally.real, tally.seconds) == (15, 6, 3, 9, 4.5)
    assert (tally.margin, tally.where, tally.place) == (0.5, {"mu": 1}, ("first/0", 3, 2))
    tally.merge("third", found | {"margin": 0.25})
    assert tally.place == ("third/0", 3, 2)


@pytest.mark.parametrize(
    ("decided", "undecided", "margin", "key", "verdict"),
    [
        (0, 0, math.nan, "radial", Verdict.VACUOUS),
        (0, 1, math.nan, "radial", Verdict.INCONCLUSIVE),
        (1, 0, -1e-300, "radial", Verdict.VIOLATED),
        (20, 0, 0.0, "radial", Verdict.HOLDS),
        (19, 0, 1.0, "radial", Verdict.INCONCLUSIVE),
        (90, 10, 1.0, "radial", Verdict.HOLDS),
        (89, 11, 1.0, "radial", Verdict.INCONCLUSIVE),
        (90, 10, 1.0, "dichotomy", Verdict.CONSISTENT),
    ],
)
def test_a_verdict_follows_from_the_counts(
    decided: int, undecided: int, margin: float, key: str, verdict: Verdict
) -> None:
    report = Tally(margin=margin, decided=decided, undecided=undecided).report(get(key), "numpy", None)
    assert report.verdict is verdict
    assert report.verdict.passes == (verdict in (Verdict.HOLDS, Verdict.CONSISTENT))


def test_a_report_prints_what_it_holds() -> None:
    one = CheckReport(
        "radial", "numpy", Verdict.HOLDS, 0.5, {"mu": np.arange(2)}, ("0", 1, 2), 20, 3, 4, 5, "numpy", 1.23456
    )
    assert (
        one.line()
        == "radial                     numpy    HOLDS        margin +5.000e-01  20 examples (5 real), 3 undecided, 4 idle, 1.2 s"
    )
    none = replace(one, margin=math.nan, idle=0, examples=1)
    assert (
        none.line()
        == "radial                     numpy    HOLDS        margin none  1 example (5 real), 3 undecided, 1.2 s"
    )
    found = one.as_json()
    assert (found["seconds"], found["where"], found["margin"], none.as_json()["margin"]) == (
        1.235,
        {"mu": [0, 1]},
        0.5,
        None,
    )


def test_defaults_are_a_hundred_systems_from_seed_zero() -> None:
    one, other = check("state-bound", real_weights=False), check("state-bound", "numpy", 100, 0, False)
    assert (one.margin, one.place, one.examples) == (other.margin, other.place, other.examples)
    assert asdict(check("state-bound", examples=1, real_weights=False))["examples"] >= 1
    assert check("state-bound", examples=0).verdict is Verdict.VACUOUS


def test_one_system_is_a_batch_of_one() -> None:
    found = examples.batch_of(get("radial"), {"S_B": np.ones((3, 5)), "x0": [1.0, 2.0], "s": 2.0})
    assert (found["N"], found["D"], found["L"]) == (3.0, 5.0, 2.0)
    assert found["S_B"].shape == (1, 3, 5)
    flat = examples.batch_of(get("radial"), {"a": [1.0, 2.0, 3.0, 4.0], "N": 9.0, "S_B": [1.0, 2.0]})
    assert flat["N"] == np.array([9.0])
    assert "D" not in flat
    assert examples.batch_of(get("radial"), {"a": [1.0, 2.0, 3.0, 4.0]})["N"] == 4.0


def test_corners_move_a_tenth_of_the_coordinates() -> None:
    points = np.full((200, 50), 0.5)
    found = examples.corners(points, 3)
    assert 0.04 < (found == 0).mean() < 0.06
    assert 0.04 < (found == 1).mean() < 0.06
    assert ((found == 0) | (found == 1) | (found == 0.5)).all()


def test_trained_channels_keep_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted channels stand for an installed package's."""
    rng = np.random.default_rng(0)
    count = 400
    planted = {
        "mu": rng.normal(size=(count, 3)), "a": np.exp(rng.normal(size=(count, 3))), "s": rng.normal(size=count), "b": rng.normal(size=count),
        "floor": np.zeros(count), **{name: rng.normal(size=(count, 3)) for name in ("S_B", "S_C", "beta_B", "beta_C")},
    }  # fmt: skip
    monkeypatch.setattr(channels, "package_channels", lambda: planted)
    found = channels.trained_channels(get("blow-up-profile"), 12)
    assert found is not None
    assert len(found["s"]) == 12
    assert all(any((row == one).all() for one in planted["mu"]) for row in found["mu"])
    assert (found["mu"].sum(axis=1) > 0).all()
    assert channels.trained_channels(get("radial"), 12) is None
    affine = channels.trained_channels(get("affine-phase-line"), 5)
    assert affine is not None
    assert len(affine["s"]) <= 5
    monkeypatch.setattr(channels, "package_channels", lambda: None)
    assert channels.trained_channels(get("blow-up-profile"), 12) is None


@pytest.mark.parametrize("shape", [Shape(1, 1), Shape(5, 4, 6, 3)])
def test_shapes_have_the_axes_they_name(shape: Shape) -> None:
    from s6flow.numeric.checks.data.construct import construct, dimension

    theorem = get("radial")
    data = construct(theorem, shape, np.random.default_rng(0).random((2, dimension(theorem, shape))))
    assert data["x"].shape == (2, shape.token, shape.channel)
    assert data["S_B"].shape == (2, shape.state, shape.channel)
    assert data["S_dt_in"].shape == (2, shape.rank, shape.channel)
    assert (data["N"], data["D"], data["L"]) == (shape.state, shape.channel, shape.token)


def test_a_box_is_split_until_it_is_certified() -> None:
    """state-bound's margin on a box of numbers is positive far inside, and a box that holds a violation is left open."""
    theorem = next(one for one in REGISTRY.values() if one.id == "gate-rounding" or one.measurement == "pointwise")
    assert theorem.measurement == "pointwise" or theorem.core is not None
    with pytest.raises(Exception, match="every letter needs a range"):
        certify_box(theorem, {})


def test_what_is_kept_is_written_anew_only_where_a_test_would_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinned, "EXPECTED", tmp_path)
    first, rounded, other = ({"same": 1.0, "moved": value} for value in (2.0, 2.0 * (1 + 1e-12), 2.1))
    written = []
    for outcomes in (first, rounded, other, {**other, "new": 3.0}):
        pinned.write("made", list(outcomes), outcomes.__getitem__, CLOSE)
        written.append(json.loads((tmp_path / "made.json").read_text()))
    assert written[0] == written[1]
    assert written[1]["same"] == written[2]["same"]
    assert written[1]["moved"] != written[2]["moved"] == written[3]["moved"]
    assert list(written[3]) == ["same", "moved", "new"]
