"""What a GPU's simulation asks of its kernel and makes of the answers, with planted parts in their place."""

from __future__ import annotations

import sys
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from s6flow.errors import FormatError
from s6flow.numeric.audit.simulation import integrator
from s6flow.numeric.flow.problem import Problem, Run, Status
from s6flow.numeric.weights import S6Layer

torch = pytest.importorskip("torch")


@pytest.fixture
def kernel() -> Any:
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import kernel

    return kernel


def made(kind: type, **values: Any) -> Any:
    """An instance of a class, of which only these attributes are set."""
    held = {name: staticmethod(value) if callable(value) else value for name, value in values.items()}
    return object.__new__(type(kind.__name__, (kind,), held))


def layer_of(channels: int = 3, beta: float = 0.0, s: Any = 1.0, b: Any = 0.2, mu: float = 0.7) -> S6Layer:
    one = np.ones((1, channels))
    return S6Layer(
        "driven",
        one.T,
        mu * one,
        one,
        np.full(1, beta),
        np.zeros(1),
        np.eye(channels),
        np.diag(np.broadcast_to(s, channels)),
        np.full(channels, b),
    )


@pytest.fixture
def asked(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `simulate_layer` asked for, with nothing integrated."""
    seen: dict[str, Any] = {"whole": []}

    def simulated(layer: S6Layer, columns: Any, seed: int, engine: Any) -> Any:
        seen["engine"] = engine
        return integrator.Simulation({}, (), 0, 600.0, 0.0, 1)

    def whole(layer: S6Layer, kind: str, x0: np.ndarray, ask: Any) -> dict[str, Any]:
        seen["whole"].append((kind, x0))
        return {"states": kind}

    monkeypatch.setattr(kernel.audit, "simulate_layer", simulated)
    monkeypatch.setattr(kernel, "driver", lambda: "planted")
    monkeypatch.setattr(kernel, "axis_error", lambda *_: 0.0)
    monkeypatch.setattr(kernel, "whole_layer", whole)
    return seen


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 12, 20])
def test_real_states_are_windows_of_consecutive_tokens(kernel: Any, asked: dict[str, Any], rows: int) -> None:
    """Each as long as a random start, or as long as what there is; all places are drawn, the last one, too."""
    states = np.arange(rows * 3.0).reshape(rows, 3)
    firsts: set[int] = set()
    for seed in range(12):
        asked["whole"].clear()
        found = kernel.simulate_layer(layer_of(), {}, seed, states)
        (random, drawn), (real, windows) = asked["whole"]
        assert [row["states"] for row in found.kernel["whole_layer"]] == [random, real] == ["random", "real"]
        assert drawn.shape == (16, 8, 3)
        assert windows.shape == (16, min(8, rows), 3)
        for window in windows:
            first = int(window[0, 0]) // 3
            np.testing.assert_array_equal(window, states[first : first + 8])
            firsts.add(first)
    assert firsts == set(range(max(rows - 8, 0) + 1))


def test_without_states_only_random_ones_are_flown(kernel: Any, asked: dict[str, Any]) -> None:
    found = kernel.simulate_layer(layer_of(), {}, 0)
    assert [kind for kind, _ in asked["whole"]] == ["random"]
    assert asked["engine"].name == "planted"
    assert asked["engine"].together == 2**16 - 1  # of CUDA's grid in its second direction, in which channels lie
    assert found.kernel["constants"] == {
        "compared": 0,
        "within_1_percent": 0,
        "relative_error": None,
        "critical_not_compared": 0,
    }
    assert found.kernel["blow_up_times"] == {"compared": 0, "error_of_ln_T": None}
    affine = kernel.simulate_layer(layer_of(beta=0.5), {}, 0)
    assert affine.kernel["constants"] is affine.kernel["blow_up_times"] is None


@pytest.mark.parametrize(("shape", "fits"), [((9, 3), True), ((9, 2), False), ((3, 4), False)])
def test_states_have_the_channels_of_their_layer(
    kernel: Any, asked: dict[str, Any], shape: tuple[int, int], fits: bool
) -> None:
    if fits:
        kernel.simulate_layer(layer_of(), {}, 0, np.ones(shape))
        return
    with pytest.raises(FormatError, match=f"got {shape[1]} channels, the layer 3 at driven"):
        kernel.simulate_layer(layer_of(), {}, 0, np.ones(shape))


def test_states_go_to_the_layer_of_their_name(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "selective_scan", lambda: None)
    monkeypatch.setattr(kernel, "simulate_layer", lambda layer, columns, seed, states: (layer.name, seed, states))
    states = np.ones((2, 3))
    assert kernel.on_cuda({"driven": states})(layer_of(), {}, 5) == ("driven", 5, states)
    assert (
        kernel.on_cuda({"other": states})(layer_of(), {}, 5)
        == kernel.on_cuda(None)(layer_of(), {}, 5)
        == ("driven", 5, None)
    )


@pytest.mark.parametrize(("device", "where"), [("cpu", "CPU"), ("cuda", "a card")])
def test_a_report_names_what_drives(kernel: Any, monkeypatch: pytest.MonkeyPatch, device: str, where: str) -> None:
    monkeypatch.setitem(sys.modules, "mamba_ssm", Made(__version__="9.8"))
    monkeypatch.setattr(kernel, "require_device", lambda: Made(type=device))
    monkeypatch.setattr(kernel.torch.cuda, "get_device_name", lambda _: "a card")
    said = (
        f"mamba-ssm 9.8 selective_scan_fn on {where}, float32 (slow growth that leaves its range is read at ln t = 40)"
    )
    assert kernel.driver() == said


def record(kernel: Any, run: Run, start: np.ndarray) -> Any:
    problem = made(
        Problem, targets=np.array([599.0, 600.0]), arrays={"sigma": np.sign(start)}, start=np.log(np.abs(start))
    )
    return kernel.Record(np.zeros(len(start), dtype=int), problem, run)


@pytest.mark.parametrize("s", [1.0, -1.0])
def test_a_blow_up_time_is_that_of_the_first_token(kernel: Any, s: float) -> None:
    """x' = mu Delta(x) x^3, so T is the integral of 1 / (mu Delta x^3) from the first token on its own side."""
    layer = layer_of(1, s=s)
    start = np.array([[1.5 * s, -0.4 * s], [0.8 * s, -2.0 * s]])

    def inverse(r: float, side: float) -> float:
        return 1 / (0.7 * float(np.logaddexp(0.0, abs(s) * side * r + 0.2)) * r**3)

    exact = np.array([quad(inverse, abs(x), np.inf, args=(np.sign(x) * np.sign(s),))[0] for x in start[:, 0]])
    run = Run.empty(2, 1, 2)
    run.status[:], run.end_velocity[:] = Status.BLOW_UP, [1.0, 0.1]
    run.end_log_time[:], run.log_remaining[:] = np.log(0.75 * exact), np.log(0.25 * exact)
    found = kernel.compare_times(layer, [record(kernel, run, start)])
    assert found["compared"] == 2
    assert found["error_of_ln_T"]["1.0"] < 1e-6


@pytest.mark.parametrize(
    ("lead", "counts"),
    [([0.01, 1.0], 1), ([0.0099, 1.0], 0), ([0.05, 10.0], 0), ([0.11, 10.0], 1), ([0.0011, 0.1], 1), ([-0.5, -1.0], 1)],
)
def test_the_first_token_leads_with_a_hundredth_of_the_rate(kernel: Any, lead: list[float], counts: int) -> None:
    run = Run.empty(1, 1, 2)
    run.status[:], run.end_velocity[:] = Status.BLOW_UP, lead
    run.end_log_time[:], run.log_remaining[:] = 0.0, 0.0
    assert kernel.compare_times(layer_of(1), [record(kernel, run, np.ones((1, 2)))])["compared"] == counts


@pytest.mark.parametrize(
    ("carried", "clear"), [(0.9801, False), (0.9799, True), (1.0201, True), (1.0199, False), (1.0, False)]
)
def test_a_share_near_one_has_not_settled(
    kernel: Any, monkeypatch: pytest.MonkeyPatch, carried: float, clear: bool
) -> None:
    """By the time t the corrections are t^-|1 - kappa|: at ln t = 600 those of 0.02 are e^-12."""
    values = {"decay_constant": 1.0, "share_after": 0.0, "inherited": carried}

    def program(name: str) -> Any:
        def made(*_: Any) -> np.ndarray:
            return np.full(1, values[name]) if name != "share_after" else np.zeros((1, 1))

        made.inputs = ()  # type: ignore[attr-defined]
        return made

    monkeypatch.setattr(kernel, "quantity", lambda name: name)
    monkeypatch.setattr(kernel, "generate", program)
    limit, settled = kernel.constants(layer_of(1, mu=-0.7), 2)
    assert limit.tolist() == [[1.0, 1.0]]
    assert settled.tolist() == [[clear, clear]]


@pytest.mark.parametrize("floored", [True, False])
def test_steps_of_a_floored_kernel_are_those_of_the_scan(monkeypatch: pytest.MonkeyPatch, floored: bool) -> None:
    """ln(1 + e^z) + floor to float32's rounding, for large z, too, where a softplus that is cut off is z itself."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    steps: list[Any] = []

    def scan(u: Any, step: Any, *_: Any, delta_bias: Any, delta_softplus: bool) -> Any:
        steps.append((step, delta_bias, delta_softplus))
        return u

    monkeypatch.setattr(mamba, "selective_scan", lambda: scan)
    layer = S6Layer(
        "x",
        np.ones((1, 1)),
        np.ones((1, 1)),
        np.ones((1, 1)),
        np.zeros(1),
        np.zeros(1),
        np.ones((1, 1)),
        np.ones((1, 1)),
        np.full(1, 0.5),
        0.25 * floored,
    )
    x = torch.tensor([[-30.0, -3.0, 0.0, 9.7, 12.0, 14.0, 19.0, 30.0]], dtype=torch.float64)
    mamba.axis_velocity(mamba.AxisSystems.of([layer], torch.device("cpu")), x, torch.tensor([0]))
    mamba.layer_velocity(mamba.LayerOnDevice.of(layer, torch.device("cpu")), x[..., None])
    want = np.logaddexp(0.0, x.numpy().ravel() + 0.5) + 0.25 if floored else x.numpy().ravel()
    for step, bias, softplus in steps:
        np.testing.assert_allclose(step.numpy().ravel(), want, rtol=2e-7)
        assert (bias is None, softplus) == (floored, not floored)


def test_where_the_step_dies_out_a_token_may_grow_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only s x < 0 makes the step die out: with s = 0 it stays what it is."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import mamba

    layer = layer_of(3, s=np.array([2.0, -3.0, 0.0]))
    systems = mamba.AxisSystems.of([layer], torch.device("cpu"))
    index, sign = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([[1.0], [-1.0]] * 3, dtype=torch.float64)
    flow = mamba.axis_flow(systems, sign, index)
    found = flow.log_size(torch.full((6, 1), 8.0, dtype=torch.float64), torch.arange(6))
    further = 8.0 * 27 / 80
    np.testing.assert_allclose(found, [8.0, further, further, 8.0, 8.0, 8.0], rtol=1e-12)
