"""Generated kernels on a CUDA device; skipped, and reported as not run, elsewhere.

One long file: what needs a GPU is collected by one marker and skipped for one reason.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="not run: no CUDA device")]


def systems(seed: int, batch: int, tokens: int, states: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (batch, tokens)) * 10 ** rng.uniform(-8, 3, (batch, tokens))
    x[:, ::7] *= rng.random((batch, -(-tokens // 7))) > 0.3
    return {
        "x": x,
        "mu": rng.choice([-1.0, 1.0], (batch, states)) * 10 ** rng.uniform(-6, 3, (batch, states)),
        "a": 10 ** rng.uniform(-2, 2, (batch, states)),
        "s": rng.standard_normal(batch),
        "b": rng.uniform(-4, 4, batch),
        "floor": np.zeros(batch),
    }


@pytest.mark.parametrize("pipeline", ["accurate", "fast"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float64", 1e-11)])
@pytest.mark.parametrize(("tokens", "states"), [(1, 1), (100, 16), (128, 1), (1024, 1), (3000, 1), (8192, 1)])
def test_rate_equals_the_cpu_reference(
    tokens: int, states: int, precision: str, tolerance: float, pipeline: str
) -> None:
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.module import generate

    drawn = {k: v.astype(precision) for k, v in systems(tokens, 40, tokens, states).items()}
    names = generate(growth_rate_program()).inputs
    got = generate(growth_rate_program(), "triton", pipeline)(*(drawn[k] for k in names))
    exact = generate(growth_rate_program())(*(drawn[k].astype(float) for k in names))
    scale = generate(growth_rate_program())(
        *(np.abs(drawn[k]).astype(float) if k == "mu" else drawn[k].astype(float) for k in names)
    )
    inside = scale > 1e-30
    assert inside.mean() > 0.5
    assert (np.abs(got - exact)[inside] <= tolerance * scale[inside]).all()


@pytest.mark.parametrize("sweep", [None, (2, 16, 4, 2), (1, 32, 4, 1), (1, 64, 4, 2), (1, 256, 4, 1)])
@pytest.mark.parametrize(("tokens", "steps"), [(1024, 40), (3001, 7)])
def test_long_systems_take_the_steps_of_runge_and_kutta(
    tokens: int, steps: int, sweep: tuple[int, int, int, int] | None
) -> None:
    from s6flow.numeric.flow.backends.triton.fixed import Sweep, fixed_steps
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.module import generate

    rng, h = np.random.default_rng(tokens), 0.01
    x = rng.standard_normal((5, tokens))
    given = {"mu": -rng.random((5, 1)), "a": rng.random((5, 1)) + 0.3, "s": rng.standard_normal(5)}
    given |= {"b": rng.standard_normal(5), "floor": np.zeros(5)}
    rate = generate(growth_rate_program())

    def velocity(y):
        return y * rate(y, *(given[name] for name in rate.inputs[1:]))

    wanted = x
    for _ in range(steps):
        k1 = velocity(wanted)
        k2 = velocity(wanted + h / 2 * k1)
        k3 = velocity(wanted + h / 2 * k2)
        wanted = wanted + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(wanted + h * k3))
    sent = {k: torch.as_tensor(v, dtype=torch.float64, device="cuda") for k, v in given.items()}
    start = torch.as_tensor(x, device="cuda")
    tile = sweep and Sweep(*sweep)
    got = fixed_steps(start, sent, h, steps, tile).cpu().numpy()
    assert np.abs(got - wanted).max() < 1e-11
    single = {k: v.float() for k, v in sent.items()}
    near = fixed_steps(start.float(), single, h, steps, tile).cpu().numpy()
    assert np.abs(near - wanted).max() < 1e-4


def test_fused_flow_has_the_fates_and_ends_of_the_cpu() -> None:
    from s6flow.numeric.flow import FlowParameters, integrate
    from s6flow.numeric.flow.backends import BACKENDS

    rng = np.random.default_rng(3)
    mu = rng.choice([-1.0, 1.0], (64, 1)) * rng.uniform(0.3, 2.0, (64, 1))
    params = FlowParameters(mu, rng.uniform(0.3, 3.0, (64, 1)), rng.standard_normal(64), rng.standard_normal(64))
    x0 = rng.standard_normal((64, 6))
    before = BACKENDS.get("triton")
    BACKENDS["triton"] = "s6flow.numeric.flow.backends.triton.backend:solve"
    try:
        cpu, gpu = (integrate(x0, params, times=[1e-2, 1.0], rtol=1e-9, backend=name) for name in ("numpy", "triton"))
    finally:
        BACKENDS["triton"] = before
    assert (cpu.status == gpu.status).all()
    assert (cpu.reached == gpu.reached).all()
    assert np.ma.abs(cpu.log_abs - gpu.log_abs).max() < 1e-6
    blown = cpu.status == 1
    assert blown.any()
    assert np.abs(cpu.log_blow_up_time[blown] - gpu.log_blow_up_time[blown]).max() < 1e-7


def test_float32_is_near_the_cpu_where_a_rounding_of_the_inputs_shows() -> None:
    from s6flow.numeric.flow import FlowParameters, integrate
    from s6flow.numeric.flow.backends.triton.backend import complete, on_device

    rng, gap = np.random.default_rng(4), 10.0 ** np.linspace(-6, -1, 200)
    rates = np.stack([np.ones(200), gap - 1], axis=1)  # they cancel to the gap
    params = FlowParameters(rates, np.ones((200, 2)), rng.uniform(0.5, 2, 200), rng.standard_normal(200))
    x0 = rng.standard_normal((200, 3))
    single, again = [], {}

    def solve(drawn):
        once = on_device(drawn, "float32")
        single.append(once.states[:, :2].copy())
        run, count = complete(drawn, once, "float32")
        again.update(count)
        return run

    got = integrate(x0, params, times=[1.0, 300.0], rtol=1e-7, backend=solve)
    exact = integrate(x0, params, times=[1.0, 300.0], rtol=1e-12)
    assert (got.status == exact.status).all()
    # a run that is jolted once is a sample: now and then a system answers the other roundings alike, and stays in float32
    off = np.ma.abs(got.log_abs - exact.log_abs).max(axis=(1, 2))
    assert (off > 1e-5).mean() <= 0.01
    assert off.max() < 1e-4
    assert (np.ma.abs(single[0] - exact.log_abs).max(axis=(1, 2)) > 1e-5).mean() > 0.1
    assert 0 < again["float64"] < len(gap)  # a rounding moves ln|x| by eps / gap, which the largest gaps do not show


def test_errors_of_short_exponentials_hardly_show_from_their_limit_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems that diverge slowly: at the limit the mean error of ln|x| is that of exact exponentials, a sixth of it is not."""
    from s6flow.numeric.flow.backends.triton import fused

    drawn = systems(11, 4096, 128, 1)
    rng = np.random.default_rng(12)
    x = -np.abs(rng.standard_normal((4096, 128))) * np.sign(drawn["s"])[:, None]  # steps shrink as tokens grow
    parts = {"mu": 10 ** rng.uniform(-1, 0.3, (4096, 1)), "a": 10 ** rng.uniform(-0.5, 0.5, (4096, 1))}
    parts |= {"s": drawn["s"], "b": rng.standard_normal(4096) - 1.0, "floor": np.zeros(4096)}

    def ends(dtype: torch.dtype, rtol: float) -> tuple[torch.Tensor, torch.Tensor]:
        sent = {k: torch.as_tensor(v).float().to("cuda", dtype) for k, v in {**parts, "sigma": x}.items()}
        aims = torch.tensor([np.log(100.0)], dtype=dtype, device="cuda")
        run = fused.flow_tensors(None, sent, aims, rtol=rtol, moving=True, whole=False, max_steps=20_000)
        return run.end.double(), run.counts[:, 0] == 0

    exact, known = ends(torch.float64, 1e-10)
    known &= exact.amax(1) < 30
    assert known.float().mean() > 0.5

    def mean_error(rtol: float, limit: float) -> float:
        monkeypatch.setattr(fused, "SHORT_RTOL", limit)
        end, arrived = ends(torch.float32, rtol)
        return float((end - exact)[known & arrived].abs().mean())

    limit = fused.SHORT_RTOL
    assert mean_error(limit, limit) < 1.2 * mean_error(limit, 1.0)
    assert mean_error(limit / 6, 0.0) > 1.4 * mean_error(limit / 6, 1.0)


def test_margin_is_reduced_on_the_device() -> None:
    from s6flow.symbolic.charts import growth_rate_program
    from s6flow.symbolic.codegen.device_margin import generate_margin
    from s6flow.symbolic.codegen.module import generate

    drawn = systems(5, 3000, 50, 2)
    names = generate(growth_rate_program()).inputs
    exact = generate(growth_rate_program())(*(drawn[k] for k in names))
    value, place = generate_margin(growth_rate_program())(*(drawn[k] for k in names))
    assert place == exact.argmin()
    assert abs(value / exact.min() - 1) < 1e-12


def test_mamba_kernel_is_the_right_hand_side() -> None:
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit.simulation.mamba import AxisSystems, LayerOnDevice, axis_velocity, layer_velocity
    from s6flow.numeric.audit.simulation.reference import s6_reference
    from s6flow.numeric.weights import S6Layer

    rng = np.random.default_rng(1)
    draw = rng.standard_normal
    layer = S6Layer(
        "drawn", np.tile(np.arange(1.0, 5.0), (32, 1)), draw((4, 32)), draw((4, 32)), draw(4), draw(4), draw((3, 32)) / 6,
        draw((32, 3)), draw(32) - 2.0,
    )  # fmt: skip
    tokens = draw((9, 32))
    exact = s6_reference(layer, tokens)
    sent = LayerOnDevice.of(layer, torch.device("cuda"))
    got = layer_velocity(sent, torch.as_tensor(tokens, device="cuda")[None])[0].cpu().numpy()
    assert np.abs(got - exact).max() <= 1e-5 * np.abs(exact).max()
    on_axis = np.zeros((9, 32))
    on_axis[:, 7] = tokens[:, 7]
    exact = s6_reference(layer, on_axis)
    assert np.delete(exact, 7, axis=1).any() is np.False_
    axis = axis_velocity(
        AxisSystems.of([layer], torch.device("cuda")),
        torch.as_tensor(on_axis[None, :, 7], device="cuda"),
        torch.tensor([7], device="cuda"),
    )
    assert np.abs(axis[0].cpu().numpy() - exact[:, 7]).max() <= 1e-5 * np.abs(exact).max()


def flow_batch(seed: int, batch: int, tokens: int) -> tuple[np.ndarray, object]:
    from s6flow.numeric.flow import FlowParameters

    rng = np.random.default_rng(seed)
    mu = -rng.uniform(0.3, 2.0, (batch, 1))
    params = FlowParameters(
        mu, rng.uniform(0.3, 3.0, (batch, 1)), rng.standard_normal(batch), rng.standard_normal(batch)
    )
    return rng.standard_normal((batch, tokens)), params


@pytest.mark.parametrize("tokens", [1, 3, 33, 100, 700])
def test_lengths_that_are_no_power_of_two(tokens: int) -> None:
    from s6flow.numeric.flow import integrate

    x0, params = flow_batch(tokens, 6, tokens)
    cpu, gpu = (integrate(x0, params, times=[0.5], rtol=1e-9, backend=name) for name in ("numpy", "triton"))
    assert (gpu.status == cpu.status).all()
    assert np.ma.abs(cpu.log_abs - gpu.log_abs).max() < 1e-7


def test_zero_systems_and_zero_tokens() -> None:
    from s6flow.numeric.flow import Status, integrate

    _, params = flow_batch(0, 1, 4)
    assert integrate(np.zeros((0, 4)), params, backend="triton").status.shape == (0,)
    still = integrate(np.zeros((2, 4)), params, times=[1.0], backend="triton")
    assert (still.status == Status.HORIZON).all()
    assert (still.log_abs == -np.inf).all()


def test_a_system_that_leaves_no_range_reaches_the_horizon() -> None:
    from s6flow.numeric.flow import Status, integrate

    x0, params = flow_batch(2, 8, 5)
    run = integrate(x0, params, log_horizon=600.0, backend="triton")
    assert (run.status == Status.HORIZON).all()
    assert np.isfinite(run.final_log_abs).all()


def test_out_of_memory_halves_the_batch(capsys: pytest.CaptureFixture[str]) -> None:
    from s6flow.numeric.flow import integrate

    x0, params = flow_batch(3, 150_000, 32)
    whole = integrate(x0, params, times=[0.1], rtol=1e-6, backend="triton")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 60e6) / total)
    try:
        halved = integrate(x0, params, times=[0.1], rtol=1e-6, backend="triton")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of device memory, going on with batches of" in capsys.readouterr().err
    assert np.array_equal(whole.log_abs, halved.log_abs)


def test_several_warps_step_like_one() -> None:
    from s6flow.numeric.flow.backends.triton.fixed import fixed_steps
    from s6flow.numeric.flow.backends.triton.fused import Tile

    drawn = systems(8, 5, 250, 1)
    sent = {k: torch.as_tensor(v * (1e-2 if k == "mu" else 1.0), device="cuda") for k, v in drawn.items()}
    x = sent.pop("x").clamp(-2, 2)
    ends = [fixed_steps(x, sent, 0.01, 3, Tile(1, lanes, 256 // lanes)) for lanes in (16, 64, 256)]
    for end in ends[1:]:
        assert float((end - ends[0]).abs().max()) < 1e-12


def test_recorded_attempts_are_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows driven by mamba-ssm's kernel end in the same bits, replayed as a graph or launched one by one."""
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit.simulation import mamba
    from s6flow.numeric.flow import FlowParameters, integrate
    from s6flow.numeric.flow.backends.torch import adaptive as batched
    from s6flow.numeric.weights import S6Layer

    draw = np.random.default_rng(6).standard_normal
    layer = S6Layer(
        "drawn", np.exp(draw((40, 4))), draw((4, 40)), draw((4, 40)), np.zeros(4), np.zeros(4), draw((3, 40)),
        draw((40, 3)), draw(40) - 1.0, 1e-3,
    )  # fmt: skip
    params = FlowParameters(layer.mu_n, layer.a, layer.s, layer.b, layer.floor)
    backend, x0 = mamba.axis_solver(layer, np.arange(40)), draw((40, 5))

    def run() -> object:
        return integrate(x0, params, log_times=[1.0, 20.0], rtol=1e-5, max_steps=400, backend=backend)

    recorded = run()
    monkeypatch.setattr(batched, "repeated", lambda work, device: work)
    launched = run()
    assert len(set(recorded.status.tolist())) > 1
    for name in ("status", "reached", "steps", "final_log_abs", "final_log_time"):
        assert np.array_equal(getattr(recorded, name), getattr(launched, name), equal_nan=True), name


def test_starts_in_a_row_are_apart_on_the_kernel() -> None:
    """Several starts of several layers as sequences with a gap: each moves as alone, also beside one that overflows."""
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit.simulation.mamba import LayerOnDevice, layer_velocity
    from s6flow.numeric.weights import S6Layer

    draw, device = np.random.default_rng(7).standard_normal, torch.device("cuda")
    layers = [
        S6Layer(
            f"drawn {place}", np.tile(np.arange(1.0, 17.0), (96, 1)), draw((16, 96)) / 10, draw((16, 96)) / 10,
            np.zeros(16), np.zeros(16), draw((6, 96)) / 10, draw((96, 6)), draw(96) - 4.0,
        )
        for place in range(3)
    ]  # fmt: skip
    x = torch.as_tensor(draw((3, 16, 8, 96)), device=device)
    sent = LayerOnDevice.stacked(layers, device)
    together = layer_velocity(sent, x.flatten(0, 1)).reshape(x.shape)
    for place, layer in enumerate(layers):
        one = LayerOnDevice.of(layer, device)
        for start in range(16):
            alone = layer_velocity(one, x[place, start : start + 1])[0]
            torch.testing.assert_close(together[place, start], alone, rtol=1e-4, atol=1e-5 * float(alone.abs().max()))
    spoiled = x.clone()
    spoiled[1, 3, 2, 5] = torch.inf
    got = layer_velocity(sent, spoiled.flatten(0, 1)).reshape(x.shape)
    assert got[1, 3].isnan().all()
    got[1, 3] = together[1, 3]
    torch.testing.assert_close(got, together, rtol=0, atol=0)


def test_layers_side_by_side_end_as_alone() -> None:
    """Replayed attempts on several layers at once, systems that finish and all: the same words as layer by layer."""
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit import audit, audit_layer
    from s6flow.numeric.audit.simulation.kernel import on_cuda
    from s6flow.numeric.experiments import shipped_checkpoint
    from s6flow.numeric.weights import open_checkpoint

    source = str(shipped_checkpoint("mixed"))
    together = audit(source, simulate=True, device="cuda", layers=["0", "1"])
    alone = on_cuda(None)
    for judged, layer in zip(together.layers, open_checkpoint(source).layers(), strict=False):
        assert judged.simulation is not None
        one = alone(layer, audit_layer(layer).columns, 0)
        assert judged.simulation.disagreements == one.disagreements == ()
        words = {*judged.simulation.confusion, *one.confusion}
        apart = sum(abs(judged.simulation.confusion.get(key, 0) - one.confusion.get(key, 0)) for key in words)
        assert apart <= 2e-3 * one.starts, "what a rounding decides, at most"


def test_the_audit_runs_on_the_kernel() -> None:
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit import audit
    from s6flow.numeric.audit.simulation.observed import agrees
    from s6flow.numeric.experiments import shipped_checkpoint

    report = audit(str(shipped_checkpoint("positive")), simulate=True, device="cuda", layers=["0"])
    simulation = report.layers[0].simulation
    assert simulation is not None
    assert simulation.kernel is not None
    assert "mamba-ssm" in simulation.engine
    right = sum(count for key, count in simulation.confusion.items() if agrees(*key))
    assert right > 0.5 * simulation.starts
    assert len(simulation.disagreements) == 0
