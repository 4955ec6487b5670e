"""The simulation that a GPU runs, with a slow scan in the place of mamba-ssm's kernel: same interface, same precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from representatives import sweep

from s6flow.errors import DeviceMemoryError, FormatError, MissingDependencyError
from s6flow.numeric.audit import audit_layer
from s6flow.numeric.audit.simulation import integrator as audit
from s6flow.numeric.audit.simulation.devices import simulator
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import End, word

torch = pytest.importorskip("torch")


def slow_scan(u: Any, delta: Any, A: Any, B: Any, C: Any, delta_bias: Any = None, delta_softplus: bool = False) -> Any:
    """selective_scan_fn in float32, token by token; B and C have a group axis where each channel has its own."""
    if delta_bias is not None:
        delta = delta + delta_bias[..., None]
    if delta_softplus:
        delta = torch.nn.functional.softplus(delta)
    if B.dim() == 3:
        B, C = B[:, None], C[:, None]
    B, C = (part.repeat_interleave(u.shape[1] // part.shape[1], 1) for part in (B, C))
    gate, increment = torch.exp(delta[..., None] * A[:, None]), (delta * u)[..., None] * B.transpose(-1, -2)
    states = [increment[:, :, 0]]
    for token in range(1, u.shape[2]):
        states.append(gate[:, :, token] * states[-1] + increment[:, :, token])
    return (torch.stack(states, 2) * C.transpose(-1, -2)).sum(-1)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """simulation.kernel on the CPU, with `slow_scan`."""
    pytest.importorskip("triton")
    from s6flow.numeric.audit.simulation import kernel as simulate
    from s6flow.numeric.audit.simulation import mamba

    for module in (mamba, simulate):
        monkeypatch.setattr(module, "selective_scan", lambda: slow_scan)
        monkeypatch.setattr(module, "require_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(simulate, "driver", lambda: "a slow scan")
    monkeypatch.setattr(simulate, "LAYER_STEPS", 40)  # of a whole layer's ends only the sum is looked at
    return simulate


def random_layer(channels: int = 10, states: int = 3, beta: float = 0.0, floor: float = 0.0, seed: int = 4) -> S6Layer:
    rng = np.random.default_rng(seed)
    return S6Layer(
        f"random-{seed}", np.exp(rng.normal(size=(channels, states))), rng.normal(size=(states, channels)),
        rng.normal(size=(states, channels)), beta * rng.normal(size=states), beta * rng.normal(size=states),
        rng.normal(size=(2, channels)) / 4, rng.normal(size=(channels, 2)), rng.normal(size=channels), floor,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("beta", "floor"), sweep([(0.0, 0.0), (0.4, 0.01)], kept=[(0.0, 0.0)], mark=pytest.mark.nightly)
)
def test_predictions_come_true_on_the_kernel(kernel: Any, beta: float, floor: float) -> None:
    layer = random_layer(beta=beta, floor=floor)
    columns = audit_layer(layer, shuffles=2).columns
    simulation = kernel.simulate_layer(layer, columns, 0, np.random.default_rng(0).normal(size=(30, 10)))
    assert simulation.disagreements == ()
    decided = sum(count for key, count in simulation.confusion.items() if agrees(*key))
    predicted = sum(count for (p, _), count in simulation.confusion.items() if p != word(End.NOT_DECIDED))
    assert decided >= 0.8 * predicted > 0
    assert simulation.engine == "a slow scan"
    found = simulation.kernel
    assert found["axis_error"] < 1e-5
    assert [row["states"] for row in found["whole_layer"]] == ["random", "real"]
    for row in found["whole_layer"]:
        assert sum(row[k] for k in ("converged", "diverged", "settled_elsewhere", "undecided")) == row["starts"]
    if not beta:
        assert found["constants"]["compared"] > 10
        assert found["constants"]["relative_error"]["1.0"] < 1e-2
        assert found["blow_up_times"]["compared"] > 3
        assert found["blow_up_times"]["error_of_ln_T"]["1.0"] < 1e-3


def test_token_states_fit_the_layer(kernel: Any) -> None:
    layer = random_layer()
    with pytest.raises(FormatError, match="11 channels, the layer 10 at random-4"):
        kernel.simulate_layer(layer, audit_layer(layer, shuffles=2).columns, 0, np.ones((30, 11)))


@pytest.mark.nightly
def test_same_fates_as_the_cpu(kernel: Any) -> None:
    layer = random_layer(seed=7)
    columns = audit_layer(layer, shuffles=2).columns
    gpu, cpu = kernel.simulate_layer(layer, columns, 3), audit.simulate_layer(layer, columns, 3)
    decided = {key: n for key, n in gpu.confusion.items() if key[1] != "undecided"}
    for key, count in decided.items():
        assert count <= cpu.confusion.get(key, 0) + sum(n for (p, o), n in cpu.confusion.items() if o == "undecided")


@pytest.mark.filterwarnings("ignore:invalid value encountered in scalar subtract")  # quantiles of infinite errors
def test_a_wrong_kernel_is_found_out(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sign of A B C's product turned, every fate is another."""
    from s6flow.numeric.audit.simulation import mamba

    monkeypatch.setattr(mamba, "selective_scan", lambda: lambda *args, **kwargs: -slow_scan(*args, **kwargs))
    monkeypatch.setattr(kernel, "MAX_STEPS", 120)  # what is not decided by then is no disagreement
    layer = random_layer()
    simulation = kernel.simulate_layer(layer, audit_layer(layer, shuffles=2).columns, 0)
    assert len(simulation.disagreements) > 10
    assert simulation.kernel["axis_error"] > 1.0


def test_without_cuda_one_line_names_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    pytest.importorskip("triton")
    with pytest.raises(MissingDependencyError, match=r"no CUDA.*--device cpu"):
        simulator("cuda")


@pytest.mark.nightly
def test_slow_growth_is_read_before_its_steps_underflow(kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near ln t = 80 softplus(s x + b) leaves float32: a token that stops there is no equilibrium."""
    from s6flow.numeric.audit.simulation import mamba
    from s6flow.numeric.flow import FlowParameters, Status, classify, integrate

    rng = np.random.default_rng(2)
    layer = random_layer(channels=30, seed=5)
    slow = np.flatnonzero((layer.mu_n.sum(axis=1) > 0) & (layer.s < 0))
    assert slow.size >= 3
    x0 = np.exp(rng.uniform(-1.5, 1.5, (slow.size, 4)))
    params = FlowParameters(layer.mu_n[slow], layer.a[slow], layer.s[slow], layer.b[slow], layer.floor)
    backend = mamba.axis_solver(layer, slow)
    far = integrate(x0, params, log_times=[599.0, 600.0], rtol=1e-4, max_steps=500, backend=backend)
    assert (far.status == Status.UNDERFLOW).all()
    assert (far.final_log_time > kernel.LOG_RANGE + 20).all()
    near = integrate(x0, params, log_horizon=kernel.LOG_RANGE, rtol=1e-4, max_steps=500, backend=backend)
    assert (classify(near).systems == End.SLOW).all()
    monkeypatch.setattr(kernel, "RTOL", 1e-4)
    columns = audit_layer(layer, shuffles=2).columns
    confusion = kernel.simulate_layer(layer, columns, 1).confusion
    assert confusion["slow", "slow"] == sum(n for (p, _), n in confusion.items() if p == "slow")


def test_batches_that_do_not_fit_are_halved(kernel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from s6flow.numeric.flow.backends.halving import halving
    from s6flow.numeric.flow.problem import Run

    sizes, seen = [], []

    def work(part: slice, room: int = 4) -> Run:
        sizes.append(part.stop - part.start)
        if sizes[-1] > room:
            raise torch.cuda.OutOfMemoryError("no room")
        found = Run.empty(sizes[-1], 1, 2)
        found.end[:, 0] = np.arange(part.start, part.stop)
        return found

    run = halving(Run.empty(11, 1, 2), work, seen.append)
    assert sizes == [11, 6, 3, 3, 3, 2]
    assert seen == [3, 6, 9, 11]
    assert (run.end[:, 0] == np.arange(11)).all()
    assert capsys.readouterr().err.splitlines() == [
        f"s6flow: out of device memory, going on with batches of {size} systems" for size in (6, 3)
    ]
    assert len(halving(Run.empty(0, 1, 2), work).status) == 0
    with pytest.raises(DeviceMemoryError):
        halving(Run.empty(1, 1, 2), lambda part: work(part, room=0))


def test_finished_systems_keep_their_ends(kernel: Any) -> None:
    """A batch thinned out late gives every system the run that it has alone."""
    from s6flow.numeric.audit.simulation import mamba
    from s6flow.numeric.flow import FlowParameters
    from s6flow.numeric.flow.integrate import integrate

    rng = np.random.default_rng(8)
    layer = random_layer(channels=12, seed=8)
    channels = np.arange(12)
    x0 = rng.choice([-1.0, 1.0], (12, 3)) * np.exp(rng.uniform(-1.5, 1.5, (12, 3)))

    def run(rows: np.ndarray) -> Any:
        params = FlowParameters(layer.mu_n[rows], layer.a[rows], layer.s[rows], layer.b[rows], layer.floor)
        backend = mamba.axis_solver(layer, rows)
        return integrate(x0[rows], params, log_times=[1.0, 30.0], rtol=1e-5, max_steps=500, backend=backend)

    together = run(channels)
    assert len(set(together.status.tolist())) > 1
    alike = together.status[:, None] == together.status
    for row in np.unique(alike.argmax(axis=1)):  # the first of every end
        alone = run(channels[row : row + 1])
        assert alone.status[0] == together.status[row]
        assert (alone.reached[0] == together.reached[row]).all()
        assert np.ma.allclose(alone.log_abs[0], together.log_abs[row], atol=1e-3, rtol=0)
