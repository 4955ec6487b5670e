"""Starts in one sequence of the scan, layers in one launch, and the edges of float32, with a slow scan in its place."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pinned  # noqa: F401  (it makes the tests beside this one importable)
import pytest

from s6flow.numeric.flow.problem import Run, Status
from tests.numeric.test_gpu_simulate import random_layer, slow_scan

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

from s6flow.numeric.audit.simulation import kernel, mamba  # noqa: E402
from tests.numeric.test_gpu_scan import recurrence, scan  # noqa: E402, F401  (the slow scan stands in for the kernel here, too)

CPU = torch.device("cpu")


@pytest.mark.parametrize("floors", [(0.0, 0.0), (0.3, 0.3), (0.3, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize("starts", [1, 2, 3, 6])
def test_starts_in_one_sequence_know_nothing_of_each_other(starts: int, floors: tuple[float, float]) -> None:
    """Of two layers, with biases, so that a token of input 0 would not be nothing."""
    layers = [random_layer(3, 2, 0.5, floor, seed=seed) for seed, floor in enumerate(floors)]
    x = np.random.default_rng(starts).normal(size=(2 * starts, 4, 3))
    found = mamba.layer_velocity(mamba.LayerOnDevice.stacked(layers, CPU), torch.as_tensor(x)).numpy()
    exact = [recurrence(layers[place // starts], tokens) for place, tokens in enumerate(x)]
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-5)


def test_a_start_beyond_float32_is_nan_and_reaches_no_other() -> None:
    layer = random_layer(3, 2, 0.5, seed=2)
    x = np.random.default_rng(0).normal(size=(4, 3, 3))
    x[1] *= 1e19
    on_device = mamba.LayerOnDevice.of(layer, CPU)
    found = mamba.layer_velocity(on_device, torch.as_tensor(x)).numpy()
    assert np.isnan(found[1]).all()
    for place in (0, 2, 3):
        np.testing.assert_allclose(found[place], recurrence(layer, x[place]), rtol=2e-5, atol=2e-5)
    x[1] = np.nan
    found = mamba.layer_velocity(on_device, torch.as_tensor(x)).numpy()
    np.testing.assert_array_equal(np.isnan(found).all(axis=(1, 2)), [False, True, False, False])


@pytest.mark.parametrize(("share", "out"), [(0.99, False), (1.01, True)])
@pytest.mark.parametrize("floored", [True, False])
def test_states_beyond_1e36_are_left_out(floored: bool, share: float, out: bool) -> None:
    """Sums of u step B over the tokens, where a step is at most |z| + 1, or, with a floor, is what it is."""
    longest = 3.0 if floored else 3.0 + 2.0 + 1.0
    layers: Any = Made(floored=floored, b=torch.tensor([[[0.5, -2.0]]]))
    u, step, B = torch.zeros(1, 4, 2), torch.zeros(1, 4, 2), torch.zeros(1, 4, 3)
    u[0, 2, 1], step[0, 3, 0], B[0, 2, 2] = -share * 1e36 / (2 * longest * 1e6), -3.0, 1e6
    found = mamba.beyond_float32(layers, u, step, B, 2)
    assert found.shape == (1, 4, 1)
    assert found.flatten().tolist() == [False, False, out, out]


def test_a_state_of_1e36_itself_is_left_out() -> None:
    layers: Any = Made(floored=True, b=None)
    u, one = torch.full((1, 1, 1), 1e36), torch.ones(1, 1, 1)
    assert mamba.beyond_float32(layers, u, one, one, 1).tolist() == [[[True]]]


def test_between_two_starts_stands_a_token_of_nothing_but_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so stands a start that is left out, but with no step."""
    seen = list[Any]()

    def noted(u: Any, step: Any, A: Any, B: Any, C: Any, **more: Any) -> Any:
        seen.append((u, step, B, C))
        return slow_scan(u, step, A, B, C, **more)

    monkeypatch.setattr(mamba, "selective_scan", lambda: noted)
    x = np.random.default_rng(0).normal(size=(3, 4, 3))
    x[1] *= 1e19
    mamba.layer_velocity(mamba.LayerOnDevice.of(random_layer(3, 2, 0.5, 0.3), CPU), torch.as_tensor(x))
    u, step, B, C = seen[0]
    assert u.shape == step.shape == (1, 3, 15)
    gaps, out = [4, 9, 14], [5, 6, 7, 8]
    for part in (u, B, C):
        assert (part[..., gaps] == 0).all()
    assert (step[..., gaps] == np.float32(1e30)).all()
    for part in (u, step, B):
        assert (part[..., out] == 0).all()
        assert (part[..., [0, 1, 2, 3, 10, 11, 12, 13]] != 0).all()


def test_the_longest_steps_of_a_layer_are_within_their_bound() -> None:
    """ln(1 + e^z) <= |z| + 1 for every z, or a state could be larger than it is said to be."""
    z = np.linspace(-50.0, 50.0, 1001)
    assert (np.logaddexp(0.0, z) <= np.abs(z) + 1).all()


@pytest.mark.parametrize(
    ("rates", "forgets"),
    [([1.0], True), ([2.02e-28], True), ([2e-28], True), ([1.98e-28], False), ([1.0, 1e-29], False)],
)
def test_what_is_forgotten_between_two_starts(rates: list[float], forgets: bool) -> None:
    """Over a step of 1e30 a rate of 2e-28 and above leaves e^-200, which is 0 in float32."""
    layers = [replace(random_layer(2, 2), a=np.array([[1.0, 2.0], [3.0, rate]])) for rate in rates]
    assert mamba.LayerOnDevice.stacked(layers, CPU).forgets == forgets
    assert np.exp(np.float32(-mamba.FORGOTTEN)) == 0.0
    assert np.isfinite(np.float32(mamba.APART))


@pytest.mark.parametrize(
    ("starts", "tokens", "held"),
    [(2, 63, 2), (2, 64, 1), (3, 41, 3), (3, 42, 1), (16, 8, 8), (14, 8, 14), (15, 8, 5), (4, 31, 4), (5, 200, 1),
     (2, 200, 1), (1, 127, 1), (1, 128, 1)],
)  # fmt: skip
def test_as_many_starts_in_a_row_as_one_pass_holds(starts: int, tokens: int, held: int) -> None:
    """Each with its gap; a pass has 128 tokens, and all sequences are equally long."""
    assert mamba.starts_in_a_row(starts, tokens) == held


def test_rows_are_made_once_for_the_same_tensor() -> None:
    made: list[Any] = []
    held = mamba.remembered(lambda rows: made.append(rows) or len(made))
    one, other = torch.arange(3), torch.arange(3)
    assert [held(one), held(one), held(other), held(other), held(one)] == [1, 1, 2, 2, 3]
    assert [rows is one for rows in made] == [True, False, True]


@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_more_channels_than_the_grid_go_in_parts(monkeypatch: pytest.MonkeyPatch, rows: int, beta: float) -> None:
    systems = mamba.AxisSystems.of([random_layer(5, 2, beta)], CPU)
    x = torch.as_tensor(np.random.default_rng(rows).normal(size=(rows, 3)))
    whole = mamba.axis_velocity(systems, x, torch.arange(rows))
    monkeypatch.setattr(mamba, "GRID", 2)
    parts = mamba.axis_velocity(systems, x, torch.arange(rows))
    assert parts.shape == (rows, 3)
    np.testing.assert_allclose(parts, whole, rtol=1e-6)


def test_a_step_that_float32_does_not_hold_leaves_its_token_at_rest() -> None:
    """At b = -240 a step is e^-240, and nothing in float32: its token is given in a unit of e^-60, not of e^-120."""
    layer = replace(random_layer(1, 2, seed=5), b=np.full(1, -240.0))
    one = torch.ones(1, 2, dtype=torch.float64)
    flow = mamba.axis_flow(mamba.AxisSystems.of([layer], CPU), one, torch.tensor([0]))
    assert flow.velocity(0 * one, torch.tensor([0])).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(("name", "relative"), [("log", True), ("asinh", False)])
def test_signs_that_may_change_ask_for_asinh_tokens(monkeypatch: pytest.MonkeyPatch, name: str, relative: bool) -> None:
    """The flow of a question is that of its coordinates, on the channels of its systems."""
    layer, seen = random_layer(4, 2, 0.0 if relative else 0.5, seed=3), list[Any]()

    def planted(flow: Any, start: Any, targets: Any, rtol: float, most: int) -> Run:
        seen.append((flow, start, rtol, most))
        return Run.empty(len(start), len(targets), start.shape[1])

    monkeypatch.setattr(mamba, "integrate_batched", planted)
    x = np.array([[0.5, 1.5], [2.0, 0.3], [0.7, 0.9]])
    problem: Any = Made(
        coordinates=Made(name=name), targets=np.array([1.0]), start=np.log(x) if relative else np.arcsinh(x),
        arrays={"sigma": np.ones((3, 2))} if relative else {}, rtol=1e-3, max_steps=7, progress=None,
    )  # fmt: skip
    channels = np.array([3, 0, 2])
    mamba.axis_solver(layer, channels)(problem)
    flow, start, rtol, most = seen[0]
    assert (flow.relative, rtol, most, start.shape) == (relative, 1e-3, 7, (3, 2))
    rate = flow.velocity(start, torch.arange(3)).numpy()
    for row, channel in enumerate(channels):
        tokens = np.zeros((2, 4))
        tokens[:, channel] = x[row]
        change = recurrence(layer, tokens)[:, channel]
        np.testing.assert_allclose(rate[row], change / (x[row] if relative else np.hypot(1, x[row])), rtol=2e-4)


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [1, 3], [2]])
def test_what_has_left_changes_no_velocity(rows: list[int]) -> None:
    """Two starts of each of two layers: rows that stay move as all of them, by their own layer."""
    layers = [random_layer(3, 2, 0.5, seed=seed) for seed in (1, 2)]
    x = np.random.default_rng(9).normal(size=(4, 2, 3))
    v = torch.asinh(torch.as_tensor(x)).reshape(4, -1)
    exact = np.array([recurrence(layers[place // 2], tokens) for place, tokens in enumerate(x)]) / np.hypot(1, x)
    flow = mamba.layer_flow(mamba.LayerOnDevice.stacked(layers, CPU), (2, 3), torch.arange(4), 4)
    found = flow.velocity(v[rows], torch.tensor(rows))
    np.testing.assert_allclose(found.reshape(-1, 2, 3), exact[rows], rtol=2e-5, atol=2e-5)
    later = mamba.layer_flow(mamba.LayerOnDevice.stacked(layers, CPU), (2, 3), torch.arange(4)[2:], 4)
    found = later.velocity(v[2:], torch.arange(2))
    np.testing.assert_allclose(found.reshape(-1, 2, 3), exact[2:], rtol=2e-5, atol=2e-5)


def test_a_single_layer_needs_no_places() -> None:
    layer, x = random_layer(3, 2, 0.5, seed=1), np.random.default_rng(8).normal(size=(3, 2, 3))
    v = torch.asinh(torch.as_tensor(x)).reshape(3, -1)
    flow = mamba.layer_flow(mamba.LayerOnDevice.of(layer, CPU), (2, 3))
    for rows in ([0, 1, 2], [0, 2]):
        exact = np.array([recurrence(layer, x[row]) for row in rows]) / np.hypot(1, x[rows])
        found = flow.velocity(v[rows], torch.tensor(rows)).reshape(-1, 2, 3)
        np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-5)


def axes(layer: Any, channels: list[int], tokens: int = 2, log: bool = True) -> Any:
    problem: Any = Made(
        coordinates=Made(name="log" if log else "asinh"), targets=np.array([600.0]), rtol=1e-5, max_steps=9,
        start=np.zeros((len(channels), tokens)), arrays={"sigma": np.ones((len(channels), tokens))},
    )  # fmt: skip
    return kernel.AxesQuestion(layer, np.array(channels), problem)


def test_layers_with_a_step_s_floor_and_without_do_not_run_at_once() -> None:
    """Any two floors do; and so with whole layers."""
    free, low, one = (random_layer(3, 2, 0.0, floor) for floor in (0.0, 0.3, 1.0))
    assert axes(low, [0]).kind == axes(one, [1, 2]).kind != axes(free, [0]).kind
    assert axes(low, [0]).kind != axes(low, [0], 3).kind
    assert axes(low, [0]).kind != axes(low, [0], 2, log=False).kind
    free, low, one = (kernel.LayerQuestion(layer, np.zeros((4, 2, 3))) for layer in (free, low, one))
    assert low.kind == one.kind != free.kind


def test_systems_of_more_tokens_come_first_and_whole_layers_last() -> None:
    layer = random_layer(3, 2)
    ordered = [
        axes(layer, [0], 8),
        axes(layer, [0, 1], 3),
        axes(layer, [0], 2),
        kernel.LayerQuestion(layer, np.ones((1, 2, 3))),
    ]
    ranks = [question.rank for question in ordered]
    assert ranks == sorted(set(ranks))


def test_channels_are_counted_one_layer_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [random_layer(channels, 2, seed=channels) for channels in (3, 5, 2)]
    asked = [([2, 0], 0), ([4], 1), ([1, 1, 0], 2), ([0, 3], 1)]
    seen = list[Any]()

    def planted(known: Any, channels: np.ndarray, problem: Any) -> Run:
        systems = mamba.AxisSystems.of(known, CPU)
        seen.extend((known[systems.layer[place]].name, int(systems.channel[place])) for place in channels)
        run = Run.empty(len(channels), 1, 2)
        run.attempts[:] = np.arange(len(channels))
        return run

    monkeypatch.setattr(kernel, "axis_run", planted)
    monkeypatch.setattr(kernel, "replace", lambda problem, **changes: Made(**vars(problem) | changes))
    found = kernel.answer([axes(layers[place], channels) for channels, place in asked])
    assert seen == [(layers[place].name, channel) for channels, place in asked for channel in channels]
    assert [run.attempts.tolist() for run in found] == [[0, 1], [2], [3, 4, 5], [6, 7]]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_an_error_of_the_kernel_is_relative(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    layer = random_layer(3, 2, seed=9)
    layer = replace(layer, S_C=scale * layer.S_C)

    def off(_: Any, sent: Any) -> Any:
        return torch.as_tensor(1.01 * recurrence(layer, sent[0].numpy()))[None]

    monkeypatch.setattr(kernel, "layer_velocity", off)
    assert kernel.axis_error(layer, np.random.default_rng(0)) == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize(("constant", "there"), [(0.0, False), (-1.0, False), (1e-9, True)])
def test_a_limit_of_zero_is_none(monkeypatch: pytest.MonkeyPatch, constant: float, there: bool) -> None:
    """t x^2 -> 0 says that the token decays faster than all constants: it has none to be compared with."""
    values = {"decay_constant": np.full(2, constant), "share_after": np.zeros((2, 3)), "inherited": np.zeros(2)}

    def program(name: str) -> Any:
        def made() -> np.ndarray:
            return values[name]

        made.inputs = ()  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(kernel, "quantity", lambda name: name)
    monkeypatch.setattr(kernel, "generate", program)
    layer = replace(random_layer(2, 3), S_C=-np.ones((3, 2)), S_B=np.ones((3, 2)))
    assert np.isfinite(kernel.constants(layer, 2)[0]).all() == there


@pytest.mark.parametrize(("layers", "groups"), [(63, [63]), (64, [64]), (65, [64, 1]), (129, [64, 64, 1])])
def test_so_many_layers_wait_at_once(layers: int, groups: list[int]) -> None:
    judged: Any = [(Made(channels=1), {}) for _ in range(layers)]
    assert [len(group) for group in kernel.layer_groups(judged)] == groups


def test_a_run_of_many_layers_is_cut_into_theirs() -> None:
    run = Run.empty(5, 1, 2)
    run.status[:] = [Status.HORIZON, Status.BLOW_UP, Status.OVERFLOW, Status.UNDERFLOW, Status.STEP_LIMIT]
    parts = kernel.split_run(run, [2, 0, 3])
    assert [part.status.tolist() for part in parts] == [run.status[:2].tolist(), [], run.status[2:].tolist()]
