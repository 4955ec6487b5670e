"""Generated kernels on a CUDA device; skipped, and reported as not run, elsewhere."""

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


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float64", 1e-11)])
@pytest.mark.parametrize(("tokens", "states"), [(1, 1), (100, 16), (3000, 1)])
def test_rate_equals_the_cpu_reference(tokens: int, states: int, precision: str, tolerance: float) -> None:
    from s6flow.symbolic.codegen.module import generate
    from s6flow.symbolic.coordinates import growth_rate_program

    drawn = {k: v.astype(precision) for k, v in systems(tokens, 40, tokens, states).items()}
    names = generate(growth_rate_program()).inputs
    got = generate(growth_rate_program(), "triton")(*(drawn[k] for k in names))
    exact = generate(growth_rate_program())(*(drawn[k].astype(float) for k in names))
    scale = generate(growth_rate_program())(
        *(np.abs(drawn[k]).astype(float) if k == "mu" else drawn[k].astype(float) for k in names)
    )
    inside = scale > 1e-30
    assert inside.mean() > 0.5
    assert (np.abs(got - exact)[inside] <= tolerance * scale[inside]).all()


def test_fused_flow_has_the_fates_and_ends_of_the_cpu() -> None:
    from s6flow.numeric.flow import FlowParameters, integrate, problem

    rng = np.random.default_rng(3)
    mu = rng.choice([-1.0, 1.0], (64, 1)) * rng.uniform(0.3, 2.0, (64, 1))
    params = FlowParameters(mu, rng.uniform(0.3, 3.0, (64, 1)), rng.standard_normal(64), rng.standard_normal(64))
    x0 = rng.standard_normal((64, 6))
    before = problem.BACKENDS.get("triton")
    problem.BACKENDS["triton"] = "s6flow.numeric.gpu.flow:solve"
    try:
        cpu, gpu = (integrate(x0, params, times=[1e-2, 1.0], rtol=1e-9, backend=name) for name in ("numpy", "triton"))
    finally:
        problem.BACKENDS["triton"] = before
    assert (cpu.status == gpu.status).all()
    assert (cpu.reached == gpu.reached).all()
    assert np.ma.abs(cpu.log_abs - gpu.log_abs).max() < 1e-6
    blown = cpu.status == 1
    assert blown.any()
    assert np.abs(cpu.log_blow_up_time - gpu.log_blow_up_time)[blown].max() < 1e-7


def test_margin_is_reduced_on_the_device() -> None:
    from s6flow.symbolic.codegen.module import generate
    from s6flow.symbolic.codegen.triton_margin import generate_margin
    from s6flow.symbolic.coordinates import growth_rate_program

    drawn = systems(5, 3000, 50, 2)
    names = generate(growth_rate_program()).inputs
    exact = generate(growth_rate_program())(*(drawn[k] for k in names))
    value, place = generate_margin(growth_rate_program())(*(drawn[k] for k in names))
    assert place == exact.argmin()
    assert abs(value / exact.min() - 1) < 1e-12


def test_mamba_kernel_is_the_right_hand_side() -> None:
    pytest.importorskip("mamba_ssm")
    from s6flow.numeric.audit.simulate import s6_reference
    from s6flow.numeric.gpu.mamba import AxisSystems, axis_velocity, layer_velocity
    from s6flow.numeric.weights import S6Layer

    rng = np.random.default_rng(1)
    draw = rng.standard_normal
    layer = S6Layer(
        "drawn", np.tile(np.arange(1.0, 5.0), (32, 1)), draw((4, 32)), draw((4, 32)), draw(4), draw(4), draw((3, 32)) / 6,
        draw((32, 3)), draw(32) - 2.0,
    )  # fmt: skip
    tokens = draw((9, 32))
    exact = s6_reference(layer, tokens)
    got = layer_velocity(layer, torch.as_tensor(tokens, device="cuda")[None])[0].cpu().numpy()
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
