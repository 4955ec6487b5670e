"""Token 1 on its orbit: certified zeros against a grid, and what docs/theory conjectures of later tokens and two scans."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from s6flow.errors import AssumptionError
from s6flow.numeric.criteria.exponential_sums import certify_orbit
from s6flow.numeric.flow import LayerParameters, integrate

pytest.importorskip("flint")


def softplus(z: object) -> np.ndarray:
    return np.logaddexp(0.0, np.asarray(z, dtype=float))


def test_certified_zeros_are_those_of_a_grid() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(40):
        D = int(rng.integers(1, 5))
        M, x, b = rng.normal(size=(D, D)), rng.normal(size=D), rng.uniform(-1, 1, D)
        certificate = certify_orbit(M, x, b)
        assert certificate.complete
        assert certificate.changes is not None
        assert len(certificate.zeros) <= certificate.changes
        s = np.linspace(-30.0, 30.0, 240_001)
        curve = x[:, None] * np.exp(softplus(b)[:, None] * s)
        g = np.einsum("ds,de,es->s", curve, M, curve)
        seen = s[:-1][np.sign(g[:-1]) != np.sign(g[1:])]
        inside = [low for low, _ in certificate.zeros if abs(low) < 30]
        assert len(seen) <= len(inside)  # two zeros between two points of the grid are not seen
        assert all(min(abs(low - value) for low in inside) < 1e-3 for value in seen)
        found += len(seen)
    assert found > 20


def test_the_end_is_the_first_zero_ahead() -> None:
    b = np.log(np.expm1([0.5, 1.0]))
    forwards = certify_orbit(np.diag([1.0, -1.0]), [1.0, 0.5], b)  # e^s - e^(2s)/4 vanishes at ln 4
    assert forwards.end == pytest.approx(np.log(4.0))
    backwards = certify_orbit(np.diag([1.0, -1.0]), [1.0, 4.0], b)
    assert backwards.end == pytest.approx(-np.log(16.0))
    assert certify_orbit(np.eye(2), [1.0, 1.0], b).end == np.inf
    assert certify_orbit(-np.eye(2), [1.0, 1.0], b).end == -np.inf
    assert certify_orbit(np.zeros((2, 2)), [1.0, 1.0], b).end == 0.0
    two = certify_orbit([[4.0, -3.0], [0.0, 0.5]], [1.0, 1.0], b).zeros  # (u - 2)(u - 4)/2 with u = e^(s/2)
    assert [low for low, _ in two] == pytest.approx([np.log(4.0), np.log(16.0)])
    assert certify_orbit(np.diag([1.0, -1.0]), [1.0, 1.0], b).end == 0.0


def test_equal_biases_are_one_step() -> None:
    certificate = certify_orbit([[1.0, 0.0], [0.0, -1.0]], [1.0, 2.0], [0.3, 0.3])
    assert (certificate.complete, certificate.zeros, certificate.changes, certificate.end) == (True, (), 0, -np.inf)
    with pytest.raises(AssumptionError, match="finite"):
        certify_orbit(np.eye(2), [1.0, np.nan], [0.0, 0.0])


def test_token_2_ends_where_the_conjecture_says() -> None:
    """Conjecture 14.6 for two channels: on that of token 1, or off it."""
    rng, systems, D = np.random.default_rng(0), 24, 2
    identity = np.repeat(np.eye(D)[None], systems, 0)
    m, a = rng.uniform(0.5, 1.5, (systems, D)), rng.uniform(0.3, 3.0, systems)
    b, x = rng.uniform(-1, 1, (systems, D)), rng.uniform(0.3, 1.5, (systems, 2, D))
    none = np.zeros((systems, D))
    params = LayerParameters(
        S_B=identity, S_C=-m[:, :, None] * identity, S_dt_in=none[:, None], S_dt_out=none[:, :, None],
        a=np.broadcast_to(a[:, None, None], (systems, D, D)), b=b, beta_B=none, beta_C=none, floor=np.zeros(systems),
    )  # fmt: skip
    rows, steps = np.arange(systems), softplus(b)
    c = steps.argmin(axis=1)
    lead = np.log((1 - np.exp(-a * steps[rows, c])) * steps[rows, 1 - c] / steps[rows, c])
    predicted = np.where(lead > 0, c, 1 - c)
    final = integrate(x, params, log_times=np.array([200.0]), rtol=1e-7, max_steps=2000).x.data[:, 0]
    assert (np.abs(final[:, 0]).argmax(axis=1) == c).all()
    clear = np.abs(lead) > 0.1
    assert (np.abs(final[:, 1]).argmax(axis=1) == predicted)[clear].all()
    assert set(predicted[clear] == c[clear]) == {True, False}, "both ends are among the systems"


@pytest.mark.parametrize("seed", range(4))
def test_two_scans_have_the_constants_of_both_directions(seed: int) -> None:
    """Proposition 14.7, and Conjecture 14.8 for the seeds with s != 0."""
    rng = np.random.default_rng(seed)
    L, a, mu, b, s = (
        int(rng.integers(2, 7)),
        rng.uniform(0.3, 2),
        -rng.uniform(0.5, 2),
        rng.uniform(-1, 1),
        seed % 2 * 0.7,
    )
    start = rng.uniform(0.3, 2.0, L) * rng.choice([-1.0, 1.0], L)

    def velocity(tau: float, u: np.ndarray) -> np.ndarray:
        step = softplus(s * np.sign(start) * np.exp(u) + b)
        written = mu * np.exp(2 * u) * step
        rate = np.zeros(L)
        for order in (range(L), reversed(range(L))):
            carried = 0.0
            for l in order:
                carried = carried * np.exp(-a * step[l]) + written[l]
                rate[l] += carried
        return np.asarray(np.exp(tau) * rate)

    run = solve_ivp(velocity, (-6.0, 40.0), np.log(np.abs(start)), method="BDF", rtol=1e-9, atol=1e-10)
    q = np.exp(-a * softplus(b))
    kernel = q ** np.abs(np.subtract.outer(np.arange(L), np.arange(L)))
    constants = np.linalg.solve(np.eye(L) + kernel, np.ones(L)) / (2 * abs(mu) * softplus(b))
    assert (constants > 0).all()
    assert np.exp(40 + 2 * run.y[:, -1]) == pytest.approx(constants, rel=2e-3)
