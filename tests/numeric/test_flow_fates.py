"""How systems end: theory 8's witnesses, extreme horizons and sizes, equilibria, reported failures."""

from __future__ import annotations

import numpy as np
import pytest
from representatives import sweep

from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.flow import AxisParameters, FlowParameters, Status, classify, fastest_on_cpu, integrate
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.symbolic.ends import End, word

ONE = FlowParameters([1.0], [0.7], 1.3, 0.2)
E2 = FlowParameters([-2.8331, 1.7876, 0.7693, 0.5536], [0.1228, 2.8934, 0.5123, 0.3504], 1.1915, -1.265)
E2_START = (-1.146, -0.1971, -1.444, -2.7645)
#: Long runs that a fate is read from: by the compiled loop, and at night by the driver that it is compared with elsewhere.
LONG = sweep(dict.fromkeys((fastest_on_cpu(), "numpy")), kept=[fastest_on_cpu()], mark=pytest.mark.nightly)


def test_convergent_to_a_trillion() -> None:
    """t x_l^2 -> c_l (theory 5); the first correction is O(x ln t)."""
    result = integrate([1.0, -0.5, 0.2], FlowParameters([-1.0], [0.7], 1.3, 0.2), times=[1e12, 1e40])
    delta0 = np.logaddexp(0, 0.2)
    q = np.exp(-0.7 * delta0)
    constants = np.array([1, 1 - q, 1 - q]) / (2 * delta0)
    np.testing.assert_allclose(1e12 * np.asarray(result.x[0]) ** 2, constants, rtol=1e-4)
    np.testing.assert_allclose(1e40 * np.asarray(result.x[1]) ** 2, constants, rtol=1e-9)
    assert result.steps < 100
    assert classify(result).systems == End.CONVERGENT


@pytest.mark.parametrize("backend", LONG)
def test_slow_to_log_t_600(backend: str) -> None:
    """|s||x_1| = ln t + 3 ln ln t + ln(mu e^b / s^2) + o(1) (theory 6)."""
    result = integrate([-1.0, -0.5, -2.0], ONE, log_times=[300.0, 600.0], backend=backend)
    log_t = result.log_times
    ahead = 1.3 * np.abs(np.asarray(result.x[:, 0])) - log_t - 3 * np.log(log_t) - np.log(np.exp(0.2) / 1.3**2)
    assert abs(ahead[1]) < abs(ahead[0]) < 0.2
    assert classify(result).tokens.tolist() == [End.SLOW] * 3


def test_fast_reaches_1e100() -> None:
    result = integrate([-1.0, 0.5, -2.0, 0.3, 0.0], ONE)
    assert result.status == Status.BLOW_UP
    assert result.blow_up_token == 2
    assert result.final_log_abs[1] > np.log(1e100)
    fates = classify(result)
    assert fates.systems == End.FAST
    assert fates.tokens.tolist() == [End.UNDECIDED, End.FAST, End.FAST, End.FAST, End.STATIONARY]


def test_e1_mixed_signs_converge() -> None:
    params = FlowParameters([-2.0, 0.7, 0.5], [0.2, 1.0, 3.0], 0.8, 0.1)
    result = integrate([0.5, -1.0, 0.3, 2.0], params)
    assert classify(result).systems == End.CONVERGENT


def test_e1_frozen_start_needs_its_horizon() -> None:
    params = FlowParameters([-1.0], [0.7], 1.0, 0.2)
    short = integrate([-200.0, 1.0], params, log_horizon=150.0)
    assert short.final_log_abs[0] == pytest.approx(np.log(200.0), abs=1e-12)
    assert classify(short).systems == End.UNDECIDED
    assert classify(integrate([-200.0, 1.0], params)).systems == End.CONVERGENT


@pytest.mark.parametrize("backend", LONG)
def test_e2_escapes_at_388(backend: str) -> None:
    result = integrate(E2_START, E2, log_times=[380.0, 384.0, 388.0, 389.0, 600.0], backend=backend)
    token = np.asarray(result.log_abs[:, 3])
    assert token.min() == pytest.approx(-193.0645, abs=1e-3)
    assert token[2] < -190 < 0 < token[3], "token 4 escapes between ln t = 388 and 389"
    assert classify(result).systems == End.SLOW
    early = classify(integrate(E2_START, E2, log_horizon=300.0, backend=backend))
    assert early.tokens.tolist() == [End.SLOW, End.SLOW, End.SLOW, End.UNDECIDED]
    assert early.systems == End.UNDECIDED


def test_e3_token_two_tends_to_zero() -> None:
    result = integrate([1.0, 0.5], FlowParameters([-1.0, 1.5], [0.2, 4.0], 1.0, 1.0))
    assert result.blow_up_time == pytest.approx(0.372229, abs=1e-6)
    assert result.final_share[1] / result.final_share[0] == pytest.approx(-1.52232, abs=5e-6)
    assert classify(result).tokens.tolist() == [End.FAST, End.CONVERGENT]


def test_stationary() -> None:
    still = integrate([-200.0, 1.0], FlowParameters([0.0], [0.7], 1.0, 0.2), log_horizon=100.0)
    assert classify(still).systems == End.STATIONARY
    nothing = integrate([0.0, 0.0], ONE)
    assert nothing.status == Status.HORIZON
    assert (nothing.final_x == 0).all()
    assert classify(nothing).systems == End.STATIONARY


def test_affine_flow_settles_on_the_root() -> None:
    """Token 1: x' = x Delta p(x), p = mu x^2 + nu x + lambda (theory 8b); the end is a root of p."""
    params = AxisParameters([-1.0, 0.2], [1.0, 0.5], [0.3, 0.1], [0.2, 0.4], [0.5, 2.0], 0.7, 0.1)
    mu, lam = -1.0 + 0.1, 0.3 * 0.2 + 0.1 * 0.4
    nu = 0.3 * 1.0 + 0.1 * 0.5 + 0.2 * -1.0 + 0.4 * 0.2
    roots = np.roots([mu, nu, lam])
    result = integrate([[0.5, 1.0], [-0.5, 1.0]], params)
    assert result.settled.all()
    assert (result.status == Status.HORIZON).all()
    np.testing.assert_allclose(np.sort(result.final_x[:, 0]), np.sort(roots), rtol=1e-8)


def test_exponential_growth_is_no_blow_up() -> None:
    """mu = nu = 0 < lambda with s x <= 0 grows like e^t: the limit is passed, but at no finite time to infinity."""
    params = AxisParameters([0.0], [0.0], [0.5], [0.8], [1.0], -1.0, 0.1, 0.05)
    result = integrate([0.3], params)
    assert result.status == Status.OVERFLOW
    assert np.isinf(result.blow_up_time)


def test_step_limit_is_reported() -> None:
    result = integrate([-1.0, -0.5], ONE, max_steps=5, log_times=[-8.0, 500.0])
    assert result.status == Status.STEP_LIMIT
    assert result.reached.tolist() == [True, False]
    assert np.isfinite(result.final_log_abs).all()
    assert classify(result).systems == End.UNDECIDED


@pytest.mark.filterwarnings("error")
def test_a_backend_that_has_not_begun_decides_nothing() -> None:
    def solve(problem: Problem) -> Run:
        return Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])

    result = integrate([-1.0, -0.5], ONE, backend=solve)
    assert result.final_log_time == -np.inf
    assert classify(result).systems == End.UNDECIDED


def test_stiff_stretch_is_carried() -> None:
    """Sixteen states of both signs and mu slightly negative: tokens balance while token 1 decays like t^(-1/2).

    Explicit steps alone would number in the millions. Outputs inside the stretch agree with a tighter run.
    """
    rng = np.random.default_rng(1)
    x0 = rng.normal(size=(512, 128))[41, :16]
    mu, a = rng.normal(size=(512, 16))[41], rng.uniform(0.1, 4, (512, 16))[41]
    s, b = rng.normal(size=512)[41], rng.normal(size=512)[41]
    params = FlowParameters(mu, a, s, b)
    result = integrate(x0, params, log_times=[5.0, 9.5, 27.6])
    assert result.status == Status.HORIZON
    assert result.steps < 4000
    assert classify(result).systems == End.CONVERGENT
    compiled = fastest_on_cpu()  # thousands of steps
    first = integrate(x0[:8], params, log_times=[5.0, 9.5, 27.6], rtol=1e-12, max_steps=20_000, backend=compiled)
    np.testing.assert_allclose(result.log_abs[:, :8], first.log_abs, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_random_systems_end_without_nan(seed: int) -> None:
    """Any size, sign and slope: an end that is named, finite numbers, all mu_n of one sign as predicted."""
    rng = np.random.default_rng(seed)
    batch = 40
    sign = rng.choice([-1.0, 1.0], size=(batch, 1))
    mu = sign * np.exp(rng.normal(scale=2, size=(batch, 3)))
    s = rng.normal(size=batch) * np.exp(rng.normal(scale=3, size=batch))
    x0 = rng.normal(size=(batch, 5)) * np.exp(rng.normal(scale=4, size=(batch, 5)))
    params = FlowParameters(mu, np.exp(rng.normal(size=(batch, 3))), s, rng.normal(scale=3, size=batch))
    result = integrate(x0, params, log_times=[0.0, 30.0])
    assert np.isfinite(result.final_log_abs).all()
    assert np.isfinite(result.log_abs.compressed()).all()
    assert np.isin(result.status, [Status.HORIZON, Status.BLOW_UP]).all()
    explodes = (sign[:, 0] > 0) & ((s[:, None] * x0) > 0).any(axis=1)
    assert not (result.status == Status.BLOW_UP)[~explodes].any()
    # the first token's own rate is at least mu x^2 Delta(x_0) from its start on, so that T_1 <= 1 / (2 mu x_0^2 Delta(x_0))
    first = x0[:, 0]
    latest = 0.5 / (np.abs(mu.sum(axis=1)) * first**2 * np.logaddexp(0, s * first + params.b))
    must = (sign[:, 0] > 0) & (s * first > 0) & (latest < np.exp(30.0))
    assert must.sum() > 3
    assert (result.status == Status.BLOW_UP)[must].all()


def anywhere(rng: np.random.Generator, *shape: int, high: float = 308.0) -> np.ndarray:
    """Numbers of every size that float64 has, of both signs."""
    sizes = np.maximum(10.0 ** rng.uniform(-323.5, high, shape), 5e-324)
    return np.asarray(sizes * rng.choice([-1.0, 1.0], shape))


#: Attempts that a system may take; those that take more say so and have their numbers, too.
ATTEMPTS = [("numpy", 500), ("numba", 500), ("numpy", 5_000), ("numba", 5_000)]


@pytest.mark.parametrize(("backend", "attempts"), sweep(ATTEMPTS, kept=ATTEMPTS[:2], mark=pytest.mark.nightly))
def test_no_number_is_missing_unsaid_over_the_whole_of_float64(backend: str, attempts: int) -> None:
    """What is NaN is said to be: pace and share where `rates_known` is false, and nothing else."""
    if backend == "numba":
        pytest.importorskip("numba")
    rng, batch = np.random.default_rng(0), 60
    params = FlowParameters(
        anywhere(rng, batch, 2), np.abs(anywhere(rng, batch, 2)), anywhere(rng, batch), anywhere(rng, batch)
    )
    start = anywhere(rng, batch, 3, high=99.0)
    result = integrate(start, params, log_times=[0.0, 30.0], max_steps=attempts, backend=backend)
    unknown = ~result.rates_known
    assert 5 < unknown.sum() < batch - 5
    assert not result.ended_well[unknown].any()
    assert (np.isnan(result.final_share) == unknown[:, None]).all()
    assert (np.isnan(result.final_pace) == unknown[:, None]).all()
    assert np.isneginf(result.final_log_time[unknown & (result.steps == 0)]).all()
    for value in (result.final_log_time, result.final_log_abs, result.final_sign, result.log_blow_up_time):
        assert not np.isnan(value).any()
    assert not np.isnan(result.log_abs.compressed()).any()


def test_backends_agree_at_the_smallest_number() -> None:
    pytest.importorskip("numba")
    for mu in (5e-324, -5e-324):
        runs = [integrate([1.0, 0.5], FlowParameters([mu], [1.0], 1.0), backend=name) for name in ("numpy", "numba")]
        assert runs[0].status == runs[1].status


@pytest.mark.parametrize("backend", LONG)
@pytest.mark.parametrize("bias", sweep((1e38, 1e39, 1e100, 1e300, -1e3, -1e39), kept=[1e39, -1e39]))
def test_steps_of_any_size_contradict_no_prediction(bias: float, backend: str) -> None:
    for mu in ([-1.0, 1.5], [1.0], [-1.0], [1.5, -1.0]):
        for start in ([1.0, 0.5], [-1.0, 0.5], [0.1, -0.2, 0.3]):
            params = FlowParameters(mu, [0.2, 4.0][: len(mu)], 1.0, bias)
            seen = word(int(classify(integrate(start, params, backend=backend)).systems))
            assert agrees(axis_verdict(params, np.array(start))[0], seen) is not False
