"""The constants of the step control and of the tableaux, by what they do: planted cases on both sides, orders, exact counts."""

from __future__ import annotations

import json
from dataclasses import fields
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from s6flow.errors import AssumptionError
from s6flow.numeric.flow import FlowParameters, LayerParameters, Status, classify, integrate, pairs
from s6flow.numeric.flow.backends.numpy import landing
from s6flow.numeric.flow.coordinates import COORDINATES
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.flow.step_control import DRIVER, PRECISIONS, TORCH_DRIVER, Control, load_rules
from s6flow.numeric.flow.tableau import CLASSICAL, PAIRS, Tableau, combine, stages
from s6flow.symbolic.ends import End


def rules(control: Control = DRIVER) -> ModuleType:
    return load_rules("numpy", control, PAIRS["DOP853"])


CONTROLS = {"driver": DRIVER, "torch": TORCH_DRIVER, **PRECISIONS}


@pytest.mark.parametrize(
    ("name", "shortest", "moves"),
    [("driver", 1e-13, 100.0), ("torch", 1e-9, 10.0), ("float32", 1e-6, 100.0), ("float64", 1e-13, 100.0)],
)
def test_thresholds_of_every_arithmetic(name: str, shortest: float, moves: float) -> None:
    one, scale, close = rules(CONTROLS[name]), np.array([0.999, 1.001]), 1e-8
    no = np.zeros(2, dtype=bool)
    np.testing.assert_array_equal(one.is_lost(no, shortest * scale, np.zeros(2)), [True, False])
    np.testing.assert_array_equal(one.is_still(moves * 1e-7 * scale, np.full(2, 1e-7)), [True, False])
    np.testing.assert_array_equal(one.is_close(close * scale), [True, False])
    np.testing.assert_array_equal(one.is_close(-close * scale), [True, False])
    np.testing.assert_array_equal(one.is_due(~no, 3.0 + 0.1 * scale, np.full(2, 3.0)), [False, True])
    low = -80.0 if name == "float32" else -690.0
    np.testing.assert_array_equal(one.is_lost(~no, np.ones(2), low * scale), [False, True])


@pytest.mark.parametrize("name", CONTROLS)
def test_rounding_units_and_ranges_are_those_of_the_arithmetic(name: str) -> None:
    control, kind = CONTROLS[name], np.finfo(np.float32 if name == "float32" else np.float64)
    assert control.eps == pytest.approx(float(kind.eps), rel=0.04)
    one = rules(control)
    aim, unit = 2.0, float(kind.eps)
    np.testing.assert_array_equal(
        one.is_exact(np.array([7.5, 8.5, -7.5, -8.5]) * unit, aim), [True, False, True, False]
    )
    assert TORCH_DRIVER.least_error == pytest.approx(1e-12)  # its velocities may be of float32: what is less is noise
    for value in (control.tiny, 1 / control.huge, *([] if name == "torch" else [control.least_error])):
        assert float(kind.tiny) < value < float(kind.tiny) ** 0.75  # no denormal number, and nothing that counts
    assert np.exp(control.log_tiny) > float(kind.tiny)
    # the cube of the largest token, times the square of the horizon's room, stays in range
    assert np.exp(control.log_limit) < float(kind.max) ** 0.6


def test_steps_grow_and_shrink_between_their_bounds() -> None:
    one, yes = rules(), np.array([True])

    def factor(error: float, good: bool = True, rejected: bool = False, finite: bool = True) -> float:
        return float(one.step_factor(np.array([error]), yes & finite, yes & good, yes & rejected)[0])

    assert factor(0.0) == factor(1e-300) == factor(1e-12) == 10.0
    assert factor(1.0) == pytest.approx(0.9)
    assert factor(0.5) == pytest.approx(0.9 * 2 ** (1 / 8))
    assert factor(2.0, good=False) == pytest.approx(0.9 * 2 ** (-1 / 8))
    assert factor(1e-12, rejected=True) == 1.0
    assert factor(1e30, good=False) == 0.2
    assert factor(np.nan, good=False, finite=False) == 0.2
    assert float(one.grown(4.0, 7.0)) == 28.0
    assert float(one.grown(4.0, 8.0)) == 30.0


def order_conditions(tableau: Tableau, order: int) -> list[float]:
    """Butcher's conditions up to order 4: what a weight in the text may not change."""
    size = len(tableau.a) + 1
    a, b = np.zeros((size, size)), np.zeros(size)
    for row, entries in enumerate(tableau.a, 1):
        for stage, weight in entries:
            a[row, stage] = weight
    for stage, weight in tableau.b:
        b[stage] = weight
    c, ones = a.sum(axis=1), np.ones(size)
    found = [b @ ones - 1, b @ c - 1 / 2, b @ c**2 - 1 / 3, b @ a @ c - 1 / 6]
    found += [b @ c**3 - 1 / 4, b @ (c * (a @ c)) - 1 / 8, b @ a @ c**2 - 1 / 12, b @ a @ a @ c - 1 / 24]
    return [abs(each) for each in found[: (1, 2, 4, 8)[order - 1]]]


@pytest.mark.parametrize(("tableau", "order", "power"), [(CLASSICAL, 4, 4), (PAIRS["RK23"], 3, 3), (PAIRS["RK45"], 4, 5), (PAIRS["DOP853"], 4, 8)], ids=lambda one: getattr(one, "name", str(one)))  # fmt: skip
def test_orders_of_the_methods(tableau: Tableau, order: int, power: int) -> None:
    assert max(order_conditions(tableau, order)) < 1e-14
    assert tableau.evaluations == tableau.last == len(tableau.a) + 1
    if tableau is CLASSICAL:
        assert tableau.nodes == (0.5, 0.5, 1.0)
    errors = []
    for steps in (4, 8):  # y' = -y + sin 3t, from 1 to t = 2; halving a step divides the error by 2^power
        y, h, t = np.array([1.0, 0.0]), 2.0 / steps, 2.0

        def velocity(state: np.ndarray) -> np.ndarray:
            return np.array([-state[0] + np.sin(3 * state[1]), 1.0])

        for _ in range(steps):
            y, slopes = stages(tableau, velocity, y, velocity(y), h)
            assert len(slopes) == tableau.evaluations
        exact = (np.sin(3 * t) - 3 * np.cos(3 * t)) / 10 + 1.3 * np.exp(-t)
        errors.append(abs(y[0] - exact))
    assert 0.6 * 2.0**power < errors[0] / errors[1] < 3.0 * 2.0**power


def test_rows_are_combined_in_their_order() -> None:
    slopes = [np.array([1e16]), np.array([1.0]), np.array([-1e16])]
    assert combine(((0, 1.0), (1, 1.0), (2, 1.0)), slopes) == 0.0
    assert combine(((0, 1.0), (2, 1.0), (1, 3.0)), slopes) == 3.0


def test_the_file_of_pairs_is_written_as_it_lies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[Any, str] = {}
    monkeypatch.setattr(pairs, "write_atomic", seen.__setitem__)
    assert pairs.main() == 0
    assert list(seen) == [pairs.PAIRS_FILE]
    assert seen[pairs.PAIRS_FILE] == pairs.PAIRS_FILE.read_text()
    json.loads(seen[pairs.PAIRS_FILE])


def clocked() -> Any:
    """Known components and theta: y = (s, s^3), theta = s + s^2 / 4 of the work time s, which is the third component."""

    class Clock:
        calls = 0

        def part(self, index: np.ndarray) -> Clock:
            return self

        def slope(self, state: np.ndarray) -> np.ndarray:
            Clock.calls += 1
            s = state[:, 0]
            return np.stack([np.ones_like(s), 3 * s**2, 1 + s / 2], axis=1)

    Clock.calls = 0
    return Clock()


@pytest.mark.parametrize("share", [1e-3, 0.2, 0.5, 0.77, 0.999])
def test_a_landing_begins_where_the_cubic_says(share: float) -> None:
    """theta is a quadratic of the work time, which the cubic is exactly: one trial, and Newton's move behind it."""
    clock, length = clocked(), 2.0 * share
    start, end = np.array([[0.0, 0.0, 0.0]]), np.array([[2.0, 8.0, 3.0]])
    aim = np.array([length + length**2 / 4])
    landed, slope = landing.land(
        rules(), PAIRS["DOP853"], clock, start, clock.slope(start), np.array([2.0]), end, clock.slope(end), aim
    )
    trials = (clock.calls - 2) / PAIRS["DOP853"].evaluations
    np.testing.assert_allclose(landed[0], [length, length**3, aim[0]], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(slope[0], [1.0, 3 * length**2, 1 + length / 2], rtol=1e-6, atol=1e-6)
    assert landed[0, -1] == aim[0]
    assert trials <= 2


def planted(run: Run) -> Any:
    """A backend that has planted ends."""
    return lambda problem: run


def ended(systems: int, components: int, **changes: Any) -> Run:
    run = Run.empty(systems, 1, components)
    run.end_log_time[:] = 0.0
    for name, value in changes.items():
        getattr(run, name)[:] = value
    return run


def test_nothing_is_known_of_an_empty_run() -> None:
    run = Run.empty(2, 3, 4)
    shapes = {"status": (2,), "states": (2, 3, 4), "reached": (2, 3), "end": (2, 4), "end_velocity": (2, 4)}
    for item in fields(Run):
        value = getattr(run, item.name)
        assert value.shape == shapes.get(item.name, (2,)), item.name
        expected = {"status": Status.STEP_LIMIT}.get(item.name, -np.inf if "log" in item.name else 0)
        assert (value == expected).all(), item.name


@pytest.mark.parametrize(
    ("speeds", "token"),
    [
        ([[0.0, 0.0], [1e-9, 1.0], [1.0, 0.0]], 2),
        ([[0.0, 0.0], [0.0, 0.999e-6], [0.0, -1.0]], 3),
        ([[0.0, 0.0], [0.0, 1.001e-6], [0.0, -1.0]], 2),
        ([[-1e-3, 0.0], [0.0, 1.0], [0.0, 0.0]], 1),
    ],
)
def test_the_blow_up_token_is_the_first_that_leads(speeds: list[list[float]], token: int) -> None:
    """Of a layer: any channel of a token counts, at a millionth of the fastest rate."""
    rng = np.random.default_rng(0)
    drawn = {name: rng.normal(size=size) for name, size in {"S_B": (2, 2), "S_C": (2, 2), "S_dt_in": (1, 2), "S_dt_out": (2, 1), "b": 2, "beta_B": 2, "beta_C": 2}.items()}  # fmt: skip
    layer = LayerParameters(**drawn, a=np.ones((2, 2)), floor=0.0)
    run = ended(1, 6, status=Status.BLOW_UP, end_velocity=np.reshape(speeds, (1, 6)), log_remaining=-1.0)
    found = integrate(0.1 * np.ones((3, 2)), layer, log_horizon=1.0, backend=planted(run))
    assert found.blow_up_token == token
    assert found.blow_up_time == pytest.approx(1 + np.exp(-1.0))


def test_what_a_start_beyond_the_limit_is_told() -> None:
    params = FlowParameters([-1.0], [1.0], 1.0, 0.0)
    for limit, start, remedy in (
        (1e10, 1e11, "Raise x_limit"),
        (0.99e100, 1e101, "Raise x_limit"),
        (1e100, 1e101, "in a larger unit"),
        (None, 1e101, "in a larger unit"),
    ):
        with pytest.raises(AssumptionError, match=remedy):
            integrate([start], params, x_limit=limit)


def test_attention_is_nothing_where_the_run_had_ended() -> None:
    found = integrate([0.8, 0.3], FlowParameters([1.0], [1.0], 1.0, 0.0), times=[0.1, 1e3])
    assert list(found.reached) == [True, False]
    first, last = found.attention(0), found.attention(1)
    assert not first.mask.any()
    assert (first.data.diagonal() > 0).all()
    assert last.mask.all()
    assert (last.data == 0).all()


def test_a_blow_up_is_classified_without_a_blur() -> None:
    found = integrate([0.8, 0.3], FlowParameters([1.0], [1.0], 1.0, 0.0))
    assert classify(found).systems == End.FAST
    assert classify(found, blur=1.0).systems == End.UNDECIDED


def test_starts_and_sizes_of_the_coordinates() -> None:
    log, asinh = COORDINATES["log"], COORDINATES["asinh-axis"]
    state, arrays = log.encode(np.array([[0.0, -2.0, 0.5]]))
    np.testing.assert_array_equal(state, [[0.0, np.log(2.0), np.log(0.5)]])
    np.testing.assert_array_equal(arrays["sigma"], [[0.0, -1.0, 1.0]])
    tokens = np.array([[0.0, 0.0], [0.25, -0.5], [30.0, -40.0]])
    np.testing.assert_allclose(asinh.log_size(tokens, {}), np.array([0.0, 0.5, 40.0]) - np.log(2.0))


def test_reports_of_the_compiled_loop_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty reports, of 64 systems at least; without anyone to report to, one piece."""
    from s6flow.numeric.flow.backends.numba import backend

    runtime = pytest.importorskip("s6flow.symbolic.codegen.numba.runtime")
    pieces: list[tuple[int, int]] = []
    monkeypatch.setattr(backend, "compiled_loop", lambda _: (lambda first, last, *_: pieces.append((first, last)), []))
    monkeypatch.setattr(runtime, "over_systems", lambda work, count, each: work(0, count))
    monkeypatch.setattr(backend, "fill_run", lambda *_: None)
    for systems, size in ((1, 64), (64, 64), (65, 64), (200, 64), (3200, 64), (3201, 65), (10_000, 200)):
        for progress in (None, []):
            pieces.clear()
            problem = Problem(
                SimpleNamespace(name="log"), np.zeros((systems, 1)), {}, frozenset(), np.zeros(1), 1e-8, 1e-10, 9.0, 10,  # type: ignore[arg-type]
                None if progress is None else progress.append,
            )  # fmt: skip
            backend.solve(problem)
            ends = (
                [min(size * (place + 1), systems) for place in range(-(-systems // size))]
                if progress is not None
                else [systems]
            )
            assert [last for _, last in pieces] == ends
            assert [first for first, _ in pieces] == [0, *ends[:-1]]
            assert progress is None or progress == ends
