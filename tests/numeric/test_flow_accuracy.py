"""Accuracy of the integrator: closed forms, quadratures, an independent integrator, and the generated velocity."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp
from representatives import sweep
from scipy.integrate import solve_ivp

from s6flow.numeric.flow import (
    AxisParameters,
    FlowParameters,
    LayerParameters,
    Status,
    attention_matrix,
    blow_up_quadrature,
    closed_form_s0,
    fastest_on_cpu,
    growth_rate,
    integrate,
    scaled_variables,
    token_one,
)
from s6flow.numeric.flow.oracles import closed_form_s0_expression
from s6flow.symbolic import notation as nt
from s6flow.symbolic.charts import asinh_axis_program, asinh_layer_program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.layer import flow_cell

SOFTPLUS = np.logaddexp(0.0, 0.2)


def test_closed_form_solves_the_flow() -> None:
    """z_l = 1/x_l^2 obeys z_l' = -2 z_l F_l with the cell's gate and increment at s = 0: literal zero."""
    cell = flow_cell().at({nt.s: 0, nt.floor: 0})
    z = closed_form_s0_expression()
    mu, a, delta0 = sp.Symbol("mu", real=True), sp.Symbol("a", positive=True), sp.Symbol("delta0", positive=True)
    rate = sp.S.Zero
    for index, z_l in enumerate(z):
        square = sp.Symbol("square", positive=True)

        def put(part: sp.Expr, square: sp.Symbol = square) -> sp.Expr:
            part = part.subs({nt.mu[nt.n]: mu, nt.a[nt.n]: a, nt.softplus(nt.b): delta0})
            return part.subs(nt.x[nt.l] ** 2, square)

        rate = put(cell.gate) * rate + put(cell.increment).subs(square, 1 / z_l)
        residual = sp.simplify(sp.diff(z_l, nt.t) + 2 * z_l * rate)
        assert residual == 0, f"token {index + 1}: {residual}"
        start = sp.simplify(z_l.subs(nt.t, 0) - 1 / nt.x0[index + 1] ** 2)
        assert start == 0, f"token {index + 1} starts elsewhere: {start}"


@pytest.mark.parametrize("x0", [(0.8, -0.4), (1e-3, 2.0), (30.0, -30.0)])
def test_closed_form_convergent(x0: tuple[float, float]) -> None:
    times = np.array([1e-3, 1.0, 1e3, 1e12])
    result = integrate(x0, FlowParameters([-1.0], [0.6], 0.0, 0.2), times=times)
    assert result.status == Status.HORIZON
    np.testing.assert_allclose(result.x, closed_form_s0(times, x0, -1.0, 0.6, float(SOFTPLUS)), rtol=1e-8)


def test_closed_form_blow_up() -> None:
    exact = float(blow_up_quadrature(0.8, 1.0, 0.0, 0.2))
    assert exact == pytest.approx(1 / (2 * SOFTPLUS * 0.8**2), rel=1e-12)
    times = exact * np.array([0.1, 0.5, 0.8, 1.5])
    result = integrate((0.8, -0.1), FlowParameters([1.0], [0.6], 0.0, 0.2), times=times)
    assert result.blow_up_time == pytest.approx(exact, rel=1e-9)
    assert result.blow_up_token == 1
    np.testing.assert_array_equal(result.reached, [True, True, True, False])
    assert result.x.mask[3].all(), "there is no solution after the blow-up"
    np.testing.assert_allclose(result.x[:3], closed_form_s0(times[:3], (0.8, -0.1), 1.0, 0.6, SOFTPLUS), rtol=1e-8)


#: ln t, x0 and mu; the last time with one of the systems.
FIRST_TOKENS = [
    (log_t, *system) for log_t in (-12.0, 0.0, 7.0, 27.6, 600.0) for system in ((0.8, -1.0), (-0.8, 1.0), (-3.0, -2.0))
]


@pytest.mark.parametrize(
    ("log_t", "x0", "mu"),
    sweep(FIRST_TOKENS, [case for case in FIRST_TOKENS if case[0] < 600.0 or case[1] == 0.8], mark=pytest.mark.nightly),
)
def test_token_one_matches_quadrature(log_t: float, x0: float, mu: float) -> None:
    result = integrate([x0], FlowParameters([mu], [1.0], 1.0, 0.3), log_times=[log_t])
    assert float(result.log_abs[0, 0]) == pytest.approx(token_one(np.exp(log_t), x0, mu, 1.0, 0.3), abs=1e-9)


@pytest.mark.parametrize(
    ("x0", "mu", "s", "b"),
    [(0.5, 2.0, 1.3, 0.2), (1e-8, 1, 1, 0), (1e3, 1, 1, 0), (-0.5, 2, -1e-3, 0.2), (2, 1, 0, -5)],
)
def test_blow_up_time(x0: float, mu: float, s: float, b: float) -> None:
    exact = float(blow_up_quadrature(x0, mu, s, b))
    result = integrate([x0], FlowParameters([mu], [1.0], s, b))
    assert result.status == Status.BLOW_UP
    assert result.blow_up_time == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("x0", "s", "b"), [(1e-8, 1.0, 0.0), (0.3, 50.0, -40.0), (1e3, 1.0, 0.0), (0.7, 0.0, 0.2)])
def test_quadrature_matches_mpmath(x0: float, s: float, b: float) -> None:
    def integrand(w: mpmath.mpf) -> mpmath.mpf:
        return mpmath.exp(-2 * w) / mpmath.log1p(mpmath.exp(s * mpmath.exp(w) + b))

    with mpmath.workdps(30):
        start = mpmath.log(x0)
        exact = mpmath.quad(integrand, [start + k * mpmath.mpf("0.5") for k in range(81)])
    assert float(blow_up_quadrature(x0, 1.0, s, b)) == pytest.approx(float(exact), rel=1e-12)


def test_blow_up_quadrature_is_infinite_where_nothing_explodes() -> None:
    assert np.isinf(blow_up_quadrature([1.0, -1.0, 0.0], [-1.0, 1.0, 1.0], 1.0, 0.0)).all()


def _reference(velocity, start: np.ndarray, t: float) -> np.ndarray:
    run = solve_ivp(velocity, (0.0, t), start, method="DOP853", rtol=1e-13, atol=1e-14)
    assert run.success, run.message
    return run.y[:, -1]


def test_bilinear_flow_matches_plain_integration() -> None:
    """Against SciPy in plain x-coordinates, where those still work."""
    params = FlowParameters([0.7, -1.2], [0.3, 2.0], -0.6, 0.4, 0.05)
    x0 = np.array([0.9, -0.7, 0.4, 0.0, 1.1])
    expected = _reference(lambda t, x: x * growth_rate(x, params), x0, 2.0)
    result = integrate(x0, params, times=[2.0])
    np.testing.assert_allclose(result.x[0], expected, rtol=1e-9, atol=0)


def test_axis_flow_crosses_zero() -> None:
    params = AxisParameters([-1.0, 0.2], [1.0, 0.5], [0.9, 0.1], [-0.8, 0.4], [0.5, 2.0], 0.7, 0.1, 0.02)
    rate = generate(asinh_axis_program())
    x0 = np.array([0.9, 0.0, -0.05, 1.1])

    def velocity(_: float, x: np.ndarray) -> np.ndarray:
        return rate(np.arcsinh(x), *(params.arrays()[name] for name in rate.inputs[1:])) * np.hypot(1, x)

    result = integrate(x0, params, times=[0.5, 3.0])
    for index, t in enumerate((0.5, 3.0)):
        np.testing.assert_allclose(result.x[index], _reference(velocity, x0, t), rtol=1e-8, atol=1e-11)
    assert (np.sign(result.x[-1]) != np.sign(x0)).any(), "a sign changes here (theory 8b)"


def _layer(rng: np.random.Generator, scale: float = 1.0) -> LayerParameters:
    shapes = {"S_B": (3, 4), "S_C": (3, 4), "S_dt_in": (2, 4), "S_dt_out": (4, 2), "b": (4,)}
    arrays = {name: scale * rng.normal(size=shape) for name, shape in shapes.items()}
    return LayerParameters(**arrays, a=rng.uniform(0.1, 2, (4, 3)))


def test_layer_flow_matches_plain_integration() -> None:
    rng = np.random.default_rng(4)
    params, x0 = _layer(rng, 0.7), rng.normal(size=(2, 5, 4))
    rate = generate(asinh_layer_program())

    def velocity(_: float, x: np.ndarray) -> np.ndarray:
        v = np.arcsinh(x.reshape(5, 4))
        return (rate(v, *(params.arrays()[name] for name in rate.inputs[1:])) * np.cosh(v)).ravel()

    result = integrate(x0, params, times=[0.02])
    assert result.x.shape == (2, 1, 5, 4)
    for system in range(2):
        expected = _reference(velocity, x0[system].ravel(), 0.02).reshape(5, 4)
        np.testing.assert_allclose(result.x[system, 0], expected, rtol=1e-8, atol=1e-10)


def test_layer_on_a_channel_axis_is_the_one_dimensional_flow() -> None:
    """Theory 3, numerically: the axis stays invariant and carries mu_n = S_C[n,d] S_B[n,d], s = S_Delta[d,d]."""
    params, d = _layer(np.random.default_rng(5)), 2
    tokens = np.array([0.5, -0.8, 0.3])
    x0 = np.zeros((3, 4))
    x0[:, d] = tokens
    s = (params.S_dt_out @ params.S_dt_in)[d, d]
    axis = FlowParameters(params.S_B[:, d] * params.S_C[:, d], params.a[d], s, params.b[d])
    whole, line = integrate(x0, params, times=[0.1]), integrate(tokens, axis, times=[0.1])
    np.testing.assert_allclose(whole.x[0, :, d], line.x[0], rtol=1e-9)
    assert not np.delete(np.asarray(whole.x[0]), d, axis=1).any(), "the channel axis is invariant"


def test_attention_reproduces_the_velocity() -> None:
    params = FlowParameters([1.0, -0.4], [0.3, 2.0], 0.7, -0.2, 0.1)
    x = np.array([[0.3, -0.5, 1.0, 0.0, 2.0], [1e3, -2.0, 1e-9, 4.0, -30.0]])
    attention = attention_matrix(x, params)
    assert not np.triu(attention, 1).any()
    np.testing.assert_allclose((attention @ x[..., None])[..., 0], x * growth_rate(x, params), rtol=1e-12)
    result = integrate(x[0], params, times=[0.01])
    np.testing.assert_allclose(result.attention(0), attention_matrix(np.asarray(result.x[0]), params), rtol=1e-14)


def test_scaled_variables_give_the_same_flow() -> None:
    params, x0 = FlowParameters([-2.0, 0.5], [0.7, 1.1], -3.0, 0.4), np.array([0.4, -0.9])
    scaled_x0, scaled, rate = scaled_variables(x0, params)
    plain = integrate(x0, params, times=[5.0])
    other = integrate(scaled_x0, scaled, times=[5.0 * float(rate)])
    np.testing.assert_allclose(other.x, 3.0 * plain.x, rtol=1e-9)


def test_tight_tolerances_hold_through_stiff_stretches() -> None:
    """Carrying a stiff stretch is exact to 1e-8: what asks for more is followed explicitly, where its steps allow."""
    rng = np.random.default_rng(1)
    x0 = rng.normal(size=(512, 128))[41, :8]
    mu, a = rng.normal(size=(512, 16))[41], rng.uniform(0.1, 4, (512, 16))[41]
    params = FlowParameters(mu, a, rng.normal(size=512)[41], rng.normal(size=512)[41])
    carried, tight, tighter = (
        integrate(x0, params, log_times=[5.0, 8.0], rtol=rtol, max_steps=20_000, backend=fastest_on_cpu()).log_abs
        for rtol in (1e-11, 1e-12, 1e-14)
    )
    assert np.abs(tight - tighter).max() < 1e-12
    assert 1e-9 < np.abs(carried - tighter).max() < 1e-7
