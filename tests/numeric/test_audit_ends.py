"""Ends of runs with several tokens and roots, pairs that are told apart, and what a kernel's run adds, on planted cases."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_runs import made_result

from s6flow.errors import FormatError
from s6flow.numeric.audit.simulation import integrator, observed
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.flow import Status
from s6flow.numeric.flow.problem import Run
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import WORDS, End, word

torch = pytest.importorskip("torch")


def drawn(channels: int = 6, beta: float = 0.0, floor: float = 0.0) -> S6Layer:
    rng = np.random.default_rng(8)
    return S6Layer(
        "drawn", np.exp(rng.normal(size=(channels, 2))), rng.normal(size=(2, channels)), rng.normal(size=(2, channels)),
        beta * np.ones(2), beta * np.ones(2), rng.normal(size=(2, channels)), rng.normal(size=(channels, 2)),
        rng.normal(size=channels), floor,
    )  # fmt: skip


# ---- runs on an axis


def ended(slopes: list[float], final: list[float], x0: list[float], **changes: Any) -> Any:
    """One run of several tokens whose last two outputs show these paces, the first one another; `final` is ln x."""
    size = np.array(final)
    return made_result(np.exp(size), [size + 7.0, size - slopes], x0=np.array([x0]), **changes)


FALL, STAY = -0.5, 0.0
SLOW = 1 / 20  # of ln t = 20: |x| ~ ln t
SEVERAL: list[tuple[Any, list[float] | None, End]] = [
    (ended([FALL, FALL], [-3.0, -2.0], [1.0, 1.0]), [5.0, 6.0], End.CONVERGENT),
    (ended([FALL, STAY], [-3.0, -2.0], [1.0, 1.0]), [5.0, 6.0], End.UNDECIDED),  # one of two falls
    (ended([FALL], [-3.0], [1.0]), [0.01, 5.0], End.UNDECIDED),  # one of two roots lies ahead
    (ended([FALL], [-3.0], [1.0]), [float(np.exp(-3.0)), 5.0], End.CONVERGENT),  # where it is nothing lies ahead
    (ended([FALL], [-3.0], [1.0]), [0.0, np.nan], End.CONVERGENT),  # 0 is where it goes
    (ended([SLOW, SLOW], [1.0, 1.5], [1.0, 1.0]), [1.0, 0.5], End.SLOW),
    *(
        (ended([SLOW / 2 + 1e-4], [0.0], [0.1]), [root], End.UNDECIDED if root == 2.0 else End.SLOW)
        for root in (2.0, 1.0, 0.5, -2.0, np.nan)
    ),
    (ended([0.026], [1.0], [1.0]), [1.0, 0.5], End.SLOW),  # ln t times it is 0.52, and 1.98
    (ended([0.099], [1.0], [1.0]), [1.0, 0.5], End.SLOW),
    (ended([SLOW, STAY], [1.0, 1.5], [1.0, 1.0]), [1.0, 0.5], End.UNDECIDED),
    (ended([SLOW, SLOW], [1.0, 1.5], [1.0, 5.0]), [1.0, 0.5], End.UNDECIDED),  # one is smaller than it began
    (ended([SLOW], [1.0], [float(np.exp(1.0))]), [1.0, 0.5], End.UNDECIDED),  # has not grown
    (ended([SLOW], [1.0], [1.0]), [0.5, 9.0], End.UNDECIDED),
    (ended([SLOW], [-0.7], [0.1]), [0.6, 0.1], End.UNDECIDED),  # ahead although the product with it is below 1
    (ended([SLOW], [-0.7], [0.1]), [-0.6, 0.1], End.SLOW),
    (ended([STAY, STAY], [-12.0, -11.0], [1.0, 1.0], settled=np.array([True])), [7.0, 6.0], End.CONVERGENT),
    (ended([STAY], [-12.0], [1.0]), [7.0, 6.0], End.UNDECIDED),  # small, and not at rest
    (ended([STAY, STAY], [-12.0, -1.0], [1.0, 1.0], settled=np.array([True])), [7.0, 6.0], End.ELSEWHERE),
    (ended([STAY], [-12.0], [1.0], settled=np.array([True]), status=np.array([Status.STEP_LIMIT], dtype=np.int64)), [7.0], End.UNDECIDED),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(SEVERAL)))
def test_all_tokens_and_any_root_decide(place: int) -> None:
    result, roots, end = SEVERAL[place]
    assert observed.axis_fates(result, None if roots is None else np.array(roots)[:, None]).tolist() == [WORDS[end]]


# ---- pairs


def test_pairs_are_started_and_predicted_by_what_K_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three channels K makes the follower vanish, holds it, or says nothing; both tokens have sizes of their own."""
    layer = drawn(12)
    growing = np.flatnonzero(layer.mu_n.sum(axis=1) > 0)[:3]
    assert len(growing) == 3
    seen: dict[str, Any] = {}

    def known(mu_n: Any, a: Any, s: Any, b: Any, floor: float, first: np.ndarray, second: np.ndarray) -> Any:
        on = np.array([int(np.flatnonzero(layer.s == slope)[0]) for slope in s])
        seen.update(first=first, second=second, on=on, s=s)
        return SimpleNamespace(
            vanishes=on == growing[0], held=on == growing[1], root=np.where(on == growing[1], 0.5, np.nan)
        )

    def parts(engine: Any, layer: S6Layer, starts: np.ndarray, channels: np.ndarray, *_: Any) -> np.ndarray:
        seen.update(starts=starts)
        return np.full(len(starts), word(End.UNDECIDED))

    monkeypatch.setattr(integrator, "followers", known)
    monkeypatch.setattr(integrator, "fates_in_parts", parts)
    starts, channels, predicted, _ = integrator.pair_outcome(layer, growing, np.random.default_rng(0), integrator.CPU)
    assert set(channels.tolist()) == set(growing[:2].tolist())
    wanted = np.where(channels == growing[0], word(End.COEXISTENCE), word(End.LIMIT))
    np.testing.assert_array_equal(predicted, wanted)
    np.testing.assert_array_equal(starts, seen["starts"])
    assert starts.shape == (2 * 2 * integrator.STARTS, 2)
    sizes = np.log(np.abs(np.stack([seen["first"] / integrator.AHEAD, seen["second"]], axis=1)))
    assert (np.abs(sizes) <= integrator.SPREAD).all()
    assert (np.abs(sizes[:, 0] - sizes[:, 1]) > 1e-3).all()
    assert (np.sign(seen["first"]) == np.where(seen["s"] < 0, -1, 1)).all()
    for channel in growing:
        assert (
            sorted(np.sign(seen["second"][seen["on"] == channel])) == [-1] * integrator.STARTS + [1] * integrator.STARTS
        )


def test_pairs_are_tried_on_channels_that_theory_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    names, asked = (word(End.FAST), word(End.NOT_DECIDED)), list[Any]()
    codes = {"positive": [0, 1, 0, 0, 0], "negative": [0, 0, 0, 1, 0], "mixed": [0, 1, 0, 0, 1]}
    columns: Any = {f"scenario_{sign}": Labels(np.array(of, dtype=np.uint8), names) for sign, of in codes.items()}
    monkeypatch.setattr(
        integrator, "fates_in_parts", lambda e, l, starts, *_: np.full(len(starts), word(End.UNDECIDED))
    )
    monkeypatch.setattr(
        integrator,
        "pair_outcome",
        lambda layer, channels, rng, engine: asked.append(channels.tolist()) or (np.empty(0),) * 4,
    )
    integrator.bilinear_outcomes(drawn(5), columns, np.random.default_rng(0), integrator.CPU)
    assert asked == [[1, 3, 4]]


# ---- a kernel's run


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import kernel, mamba

    for module in (mamba, kernel):
        monkeypatch.setattr(module, "require_device", lambda: torch.device("cpu"))
        monkeypatch.setattr(module, "selective_scan", lambda: None)
    return kernel


@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize("rows", [None, 3, 8, 9, 12])
def test_whole_layers_start_in_windows_of_the_states(
    kernel: Any, rows: int | None, beta: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many consecutive tokens as there are, up to `TOKENS`, from every place where they fit; no constants with biases."""
    layer, engines, starts = drawn(3, beta), [], []
    empty = integrator.Simulation({}, (), 0, 1.0, 0.0, 0)
    monkeypatch.setattr(kernel.audit, "simulate_layer", lambda *given: engines.append(given[3]) or empty)
    monkeypatch.setattr(kernel, "driver", lambda: "none")
    monkeypatch.setattr(kernel, "axis_error", lambda *_: 0.25)
    monkeypatch.setattr(kernel, "compare_constants", lambda *_: {"compared": 1})
    monkeypatch.setattr(kernel, "compare_times", lambda *_: {"compared": 2})
    monkeypatch.setattr(kernel, "whole_layer", lambda layer, kind, x0, ask: starts.append(x0) or kind)
    states = None if rows is None else np.arange(rows)[:, None] * np.ones(3)
    found = kernel.simulate_layer(layer, {}, 0, states).kernel
    assert found["constants"] == (None if beta else {"compared": 1})
    assert found["blow_up_times"] == (None if beta else {"compared": 2})
    assert found["whole_layer"] == ["random"] + ["real"] * (rows is not None)
    assert engines[0].together == 2**16 - 1  # the most blocks of CUDA's grid beyond its first axis
    assert starts[0].shape == (kernel.STARTS, kernel.TOKENS, 3)
    if rows is not None:
        length = min(rows, kernel.TOKENS)
        assert starts[1].shape == (kernel.STARTS, length, 3)
        np.testing.assert_array_equal(
            starts[1] - starts[1][:, :1], np.broadcast_to(np.arange(length)[:, None], starts[1].shape)
        )
        assert set(starts[1][:, 0, 0]) == set(range(rows - length + 1))
        with pytest.raises(FormatError, match="3 channels, the layer 4"):
            kernel.simulate_layer(drawn(4), {}, 0, states)


def test_a_layer_gets_the_states_of_its_name(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        kernel, "simulate_layer", lambda layer, columns, seed, states: (layer.name, columns, seed, states)
    )
    layer, states = drawn(), np.zeros((2, 6))
    assert kernel.on_cuda(None)(layer, {}, 3) == ("drawn", {}, 3, None)
    assert kernel.on_cuda({"other": states})(layer, {}, 3)[3] is None
    assert kernel.on_cuda({"drawn": states})(layer, {}, 3)[3] is states


def test_the_driver_is_named_with_its_device(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mamba_ssm", SimpleNamespace(__version__="9.8"))
    assert kernel.driver().startswith("mamba-ssm 9.8 selective_scan_fn on CPU, float32")


@pytest.mark.parametrize(
    ("lead", "fastest", "compared"), [(1.0, 100.0, 1), (0.99, 100.0, 0), (0.5, 100.0, 0), (1.0, 1.0, 1)]
)
def test_token_one_is_timed_from_a_hundredth_of_the_fastest(
    kernel: Any, lead: float, fastest: float, compared: int
) -> None:
    """s = 0 and x_1 < 0 < x_2: T = 1 / (2 mu Delta x_1^2)."""
    layer = S6Layer(
        "one", np.ones((1, 1)), np.full((1, 1), 2.0), np.ones((1, 1)), np.zeros(1), np.zeros(1), np.zeros((1, 1)), np.zeros((1, 1)),
        np.array([0.3]),
    )  # fmt: skip
    start = np.array([[-0.7, 3.0]])
    run = Run.empty(1, 1, 2)
    run.status[:], run.end_velocity[:] = Status.BLOW_UP, [[-lead, fastest]]
    run.end_log_time[:] = -np.log(2 * 2.0 * np.logaddexp(0, 0.3) * 0.7**2)
    problem = SimpleNamespace(arrays={"sigma": np.sign(start)}, start=np.log(np.abs(start)))
    found = kernel.compare_times(layer, [kernel.Record(np.array([0]), problem, run)])
    assert found["compared"] == compared
    if compared:
        assert found["error_of_ln_T"]["1.0"] < 1e-6


@pytest.mark.parametrize("z", [10.5, 14.0, 19.0, 25.0])
def test_steps_with_a_floor_are_softplus_in_float32(z: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """At z = 10.5 softplus(z) is z (1 + 2.6e-6): forty roundings from z."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    steps: list[Any] = []
    monkeypatch.setattr(
        mamba, "selective_scan", lambda: lambda u, step, *_, **__: steps.append(step) or torch.zeros_like(u)
    )
    layer = S6Layer(
        "one", np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.zeros(1), np.ones((1, 1)), np.ones((1, 1)),
        np.array([z - 1.0]), 0.25,
    )  # fmt: skip
    device, one = torch.device("cpu"), torch.ones(1, 1)
    mamba.axis_velocity(mamba.AxisSystems.of([layer], device), one.double(), torch.tensor([0]))
    mamba.layer_velocity(mamba.LayerOnDevice.of(layer, device), one[None])
    for step in steps:
        np.testing.assert_allclose(step.double().ravel().item(), np.logaddexp(0.0, z) + 0.25, rtol=2e-7)
    assert len(steps) == 2


def test_a_token_where_the_step_is_constant_has_blown_up_at_the_nearer_limit() -> None:
    """Only where the step dies out with the token (s x < 0) may it pass on to the farther one."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    layer = drawn(3)
    systems = mamba.AxisSystems.of([layer], torch.device("cpu"))
    object.__setattr__(systems, "s", torch.tensor([0.0, 2.0, -2.0]))
    flow = mamba.axis_flow(systems, torch.ones(3, 1).double(), torch.arange(3))
    limits = mamba.LOG_LIMIT * torch.ones(3, 1).double()
    found = flow.log_size(limits, torch.arange(3)) / flow.log_limit
    np.testing.assert_allclose(found, [1.0, 1.0, mamba.LOG_LIMIT / mamba.LOG_LIMIT_SLOW])
