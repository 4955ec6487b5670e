"""What a check makes of the end of a run: what is held back, at rest, cancelled, due, or to be followed again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.numeric.checks import blowup, measurements, orbits, vectors
from s6flow.numeric.checks.examples import batch_of
from s6flow.numeric.checks.judge import observe_together
from s6flow.numeric.flow import Status
from s6flow.proofs.registry import REGISTRY, get
from s6flow.proofs.systems import layer

KEPT = json.loads(Path(__file__).with_name("kept_systems.json").read_text())
FREE = SimpleNamespace(options={})


# ---- held back


@pytest.mark.parametrize(
    ("s", "x0", "gains", "status", "held"),
    [
        (1.0, [1.0, 0.5], [0.7, -0.7], Status.HORIZON, True),
        (1.0, [0.0, 1.0, 0.5], [0.0, 0.7, -0.7], Status.HORIZON, True),  # the first that is not zero
        (0.0, [1.0, -0.5], [0.7, -0.7], Status.HORIZON, True),  # s x = 0 is no slow side
        (1.0, [1.0, -0.5], [0.7, -0.7], Status.HORIZON, False),  # one on the slow side
        (1.0, [4.0, 0.5], [-0.7, -0.7], Status.HORIZON, False),  # behind one that did not grow
        (1.0, [1.0, 0.5], [0.0, -0.7], Status.HORIZON, False),  # nor behind one that stayed
        (1.0, [1.0, 0.5], [0.7, 0.5], Status.HORIZON, False),  # what grew itself
        (1.0, [1.0, 0.5], [0.7, 0.0], Status.HORIZON, False),  # what stayed
        (1.0, [1.0, 0.0], [0.7, 0.0], Status.HORIZON, False),  # what is zero
        (1.0, [1.0, 0.5], [0.7, -0.7], Status.BLOW_UP, False),
    ],
)
def test_a_token_is_held_back_behind_the_first_that_grew(
    s: float, x0: list[float], gains: list[float], status: Status, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = np.array([x0, x0])
    with np.errstate(divide="ignore"):
        final = np.log(np.abs(start)) + gains
    run = SimpleNamespace(
        status=np.array([status, status]), final_log_abs=final, ended_well=np.array([True, False]),
        log_blow_up_time=np.full(2, 2.5), blow_up_time=np.full(2, math.exp(2.5)),
    )  # fmt: skip
    monkeypatch.setattr(blowup, "integrate", lambda x, **options: run)
    letters = {"mu": [1.0], "a": [1.0], "s": s, "b": 0.0, "floor": 0.0}
    data = {"x0": start, **{name: np.array([value, value]) for name, value in letters.items()}}
    log_T = blowup.blowup(FREE, data, "numpy")["log_T"][:, 0]  # type: ignore[arg-type]
    assert np.isnan(log_T[1]), "a run that went wrong tells nothing"
    assert np.isnan(log_T[0]) if held else log_T[0] == (2.5 if status == Status.BLOW_UP else 300.0)


# ---- cancelled, at rest, followed again


@pytest.mark.parametrize(("share", "kept"), [(1.01e-3, True), (0.99e-3, False)])
def test_a_thousandth_of_a_closed_form_must_be_left(share: float, kept: bool) -> None:
    theorem, place, x0 = get("closed-form-two-tokens"), 4, [2.0, 1.0]
    t, step = math.exp(measurements.LOG_TIMES[place]), math.log(2.0)
    mu = (1 - share) * x0[0] ** -2 / (2 * step * t)
    system = {"mu": [mu], "a": [1.0], "decay": 1.0, "s": 0.0, "b": 0.0, "floor": 0.0, "x0": x0}
    found = observe_together(theorem, [batch_of(theorem, system)], "numpy", "numpy")[0]
    assert found["zeta_t"][0, place] / found["zeta_0"][0, place] == pytest.approx(share, rel=1e-9)
    assert found["valid"][0, place] == kept


@pytest.mark.parametrize(("share", "rest"), [(0.99, True), (1.01, False)])
def test_token_one_rests_where_its_form_is_as_small_as_rounding(
    share: float, rest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M = diag(2, -2): x^T M x / |x|^2 is -2 sin(2 turn) at an angle of 45 degrees and `turn`."""
    theorem = get("orbit-trichotomy")
    count = len(theorem.options["log_times"])
    data = batch_of(theorem, layer([[2.0, 0.0], [0.0, -2.0]], [[1.0, 1.0]]))
    turn = 1e-10 * share / 2
    angle = np.full(count, math.pi / 4)
    angle[:2] += 0.1, turn
    x = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    x[1] = [1.0 - turn, 1.0 + turn]  # more digits than a cosine has
    run = SimpleNamespace(
        x=SimpleNamespace(data=x[None, :, None]), ended_well=np.array([True]), reached=np.ones((1, count), bool)
    )
    monkeypatch.setattr(vectors, "integrate", lambda *given, **options: run)
    found = vectors.vector(theorem, data, "numpy")
    assert found["form_t"][0, 1] == pytest.approx(-4 * turn, rel=1e-4)
    assert found["valid"][0, :3].tolist() == [True, True, not rest]


def test_only_systems_in_which_a_zero_token_moved_are_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    theorem = get("sign-invariance")
    kept = next(one["system"] for one in KEPT if one["theorem"] == "sign-invariance" and "grew" in one["why"])
    rows = [batch_of(theorem, {**kept, "x0": x0}) for x0 in ([0.3, 0.0, -0.2, 0.0, 0.1], kept["x0"])]
    both = {
        key: np.concatenate([row[key] for row in rows]) if np.ndim(rows[0][key]) else rows[0][key] for key in rows[0]
    }
    ran: list[int] = []
    integrate = measurements.integrate

    def counted(x0: Any, *given: Any, **options: Any) -> Any:
        ran.append(len(x0))
        return integrate(x0, *given, **options)

    monkeypatch.setattr(measurements, "integrate", counted)
    observe_together(theorem, [both], "numpy", "numpy")
    assert ran == [2, 1]


# ---- due


def due(form: Any, start: list[float], steps: list[float], zero: float) -> float:
    return float(
        orbits.log_due(REGISTRY["orbit-sum"], np.array([form]), np.array([start]), np.array([steps]), np.array([zero]))[
            0
        ]
    )


@pytest.mark.parametrize(("decades", "found"), [(29.5, False), (30.5, True)])
def test_thirty_decades_are_waited_for(decades: float, found: bool) -> None:
    """g = (e^s - r e^(2 s))^2 stands still where e^s = 1/r: in time, or behind the end."""
    r = 10.0**-decades
    assert (due([[1.0, -r], [-r, r * r]], [1.0, 1.0], [1.0, 2.0], math.inf) < math.inf) == found


def test_a_hundredth_is_waited_for() -> None:
    """One channel: 1/x^2 grows at the rate 2 Delta |M|, from 4 by 100^2 - 1 times as much; 101 would take a fiftieth longer."""
    exact = math.log((100.0**2 - 1) * 4 / (2 * 0.7 * 0.3))
    assert exact <= due([[-0.3]], [0.5], [0.7], -math.inf) < exact + 0.01


def test_the_form_lies_above_its_ends_less_an_eighth_of_what_it_bends() -> None:
    """The least constant that keeps (1 - r e^s)^2 + c e^(2 s) above zero for the bound, beside the form's own numbers."""
    r, steps = math.exp(-2.0), np.array([1.0, 1.7])

    def form(c: float) -> Any:
        return np.array([[1.0, -r], [-r, r * r + c]])

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        found = due(form(middle), [1.0, 1.0], steps.tolist(), math.inf) < math.inf
        low, high = (low, middle) if found else (middle, high)
    nodes = np.linspace(0.0, 30 * math.log(10), 1025)
    x = np.exp(steps * nodes[:, None])
    value = np.einsum("sd,de,se->s", x, form(high), x)
    h = 1e-4
    sizes = [
        np.einsum("sd,de,se->s", y, np.abs(form(high)), y) for y in (x * np.exp(-h * steps), x, x * np.exp(h * steps))
    ]
    bend = (sizes[0] - 2 * sizes[1] + sizes[2]) / h**2
    width = nodes[1]
    least = (np.minimum(value[1:], value[:-1]) / (width**2 * np.maximum(bend[1:], bend[:-1]))).min()
    assert least == pytest.approx(1 / 8, rel=1e-3)


@pytest.mark.parametrize(("late", "near", "told"), [(17.9, True, True), (18.1, True, False), (18.1, False, True)])
def test_a_near_rest_that_comes_too_late_is_undecided(
    late: float, near: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """orbit-sum looks at ln t = 18 and speaks of where token 1 is within |s| <= 3 of its start."""
    theorem = get("orbit-sum")
    second = math.exp(-1.5 if near else -4.0)
    data = batch_of(theorem, layer([[1.0, 0.0], [0.0, -1.0]], [[1.0, second]], S_dt_in=[[0.0, 0.0]], b=[0.0, 1.0]))
    monkeypatch.setattr(orbits, "log_due", lambda *given: np.array([late]))
    found = orbits.orbit(theorem, data, "numpy")
    step = np.logaddexp(0.0, [0.0, 1.0])
    zero = -math.log(second) / (step[1] - step[0])
    assert (zero <= theorem.options["near"]) == near
    value = found["first_zero"][0, 0]
    assert value == pytest.approx(zero, rel=1e-9) if told else np.isnan(value)
