"""Flows pinned: planted systems of every kind of coordinates and every backend of the CPU, and the answers of the oracles.

Beside the committed outcomes token 1 is held to a quadrature of mpmath, and the backends to each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import pinned
import pytest

from s6flow.numeric.flow import (
    AxisParameters,
    FlowParameters,
    LayerParameters,
    Status,
    classify,
    growth_rate,
    integrate,
)
from s6flow.numeric.flow.clock import log_norm, log_time
from s6flow.numeric.flow.coordinates import COORDINATES
from s6flow.numeric.flow.oracles import blow_up_quadrature, closed_form_s0, token_one
from s6flow.numeric.flow.sampling import sampled

#: mu_n, a_n, s, b, floor, tokens: convergent, slow, fast, of both signs of K, with a floor, zero tokens, s = 0, stiff.
SYSTEMS = [
    ([-0.5, -1.0], [0.7, 2.0], 1.0, 0.3, 0.0, [1.0, -0.5, 0.0]),
    ([0.4, 0.8], [0.7, 2.0], 1.0, 0.3, 0.0, [-1.0, -0.5, -0.2]),
    ([0.4, 0.8], [0.7, 2.0], 1.0, -0.3, 0.0, [0.7, -0.5, 0.2]),
    ([3.0, -2.0], [2.5, 0.3], 0.8, 0.1, 0.0, [0.9, 0.1, -0.3]),
    ([-2.0, 3.0], [2.5, 0.3], -0.8, 0.1, 0.0, [-0.9, 0.1, 0.3]),
    ([0.4, 0.8], [0.7, 2.0], 1.0, 0.3, 0.05, [-1.0, -0.5, -0.2]),
    ([0.4, -0.8], [0.7, 2.0], 0.0, 0.3, 0.0, [1.0, 0.0, -0.2]),
    ([1.4, -0.8], [0.7, 2.0], 0.0, 0.3, 0.0, [1.0, 0.4, 0.0]),
    ([0.0, 0.0], [0.7, 2.0], 1.0, 0.3, 0.0, [1.0, 0.4, 2.0]),
    ([4.0, -3.9], [6.0, 0.05], 2.0, -1.0, 0.0, [0.5, -4.0, 0.3]),
    ([-4.0, 3.9], [6.0, 0.05], 2.0, -1.0, 0.0, [0.5, -4.0, 0.3]),
    ([1e-3, 2e-3], [0.01, 0.02], 5.0, -6.0, 0.0, [0.01, -30.0, 1e-6]),
]  # fmt: skip
LOG_TIMES = (-4.0, -1.0, 0.0, 1.5, 5.0, 12.0, 59.0, 60.0)
FIELDS = ("status", "log_abs", "sign", "reached", "final_log_abs", "final_sign", "final_log_time", "final_pace", "final_share",
          "rates_known", "settled", "log_blow_up_time", "blow_up_token")  # fmt: skip


def parameters(rows: slice = slice(None)) -> tuple[np.ndarray, FlowParameters]:
    mu, a, s, b, floor, x0 = (np.array(part, dtype=float) for part in zip(*SYSTEMS[rows], strict=True))
    return x0, FlowParameters(mu, a, s, b, floor)


def axis() -> tuple[np.ndarray, AxisParameters]:
    rng = np.random.default_rng(2)
    S_B, S_C = rng.normal(size=(2, 8, 2))
    beta_B, beta_C = 0.3 * rng.normal(size=(2, 8, 2))
    letters = (
        np.exp(rng.normal(size=(8, 2))),
        rng.normal(size=8),
        rng.normal(size=8),
        np.array([0, 0, 0, 0, 0, 0, 0.1, 0.2]),
    )
    return rng.normal(size=(8, 2)), AxisParameters(S_B, S_C, beta_B, beta_C, *letters)


def layers() -> tuple[np.ndarray, LayerParameters]:
    rng = np.random.default_rng(3)
    sizes = {
        "S_B": (4, 2, 3),
        "S_C": (4, 2, 3),
        "S_dt_in": (4, 1, 3),
        "S_dt_out": (4, 3, 1),
        "b": (4, 3),
        "beta_B": (4, 2),
        "beta_C": (4, 2),
    }
    drawn = {name: rng.normal(size=size) for name, size in sizes.items()}
    return 0.1 * rng.normal(size=(4, 2, 3)), LayerParameters(
        **drawn, a=np.exp(rng.normal(size=(4, 3, 2))), floor=np.array([0, 0, 0.1, 0.2])
    )


KINDS = {"log": parameters, "asinh-axis": axis, "asinh-layer": layers}
#: kind of coordinates, backend, tolerance, furthest output.
RUNS = {
    "log numpy": ("log", "numpy", 1e-10, 5),
    "log numpy coarse": ("log", "numpy", 1e-5, 8),
    "log numba": ("log", "numba", 1e-10, 5),
    "axis numpy": ("asinh-axis", "numpy", 1e-9, 5),
    "layer numpy": ("asinh-layer", "numpy", 1e-4, 2),
}


@cache
def ran(key: str) -> Any:
    kind, backend, rtol, last = RUNS[key]  # stiff and slow systems run once
    x0, params = parameters(slice(0, 9)) if last == 5 and kind == "log" else KINDS[kind]()
    return integrate(x0, params, log_times=LOG_TIMES[:last], rtol=rtol, backend=backend, max_steps=400)


def run(key: str) -> dict[str, Any]:
    result = ran(key)
    found = {name: np.ma.filled(getattr(result, name), 0) for name in FIELDS}
    # how far the last step before a blow-up goes is decided by roundings, which processors make in their own ways
    whole = result.status == Status.HORIZON
    for name in ("final_log_abs", "final_log_time", "final_pace", "final_share"):
        found[name] = np.where(whole.reshape(-1, *[1] * (found[name].ndim - 1)), found[name], 0.0)
    return found


def steps(key: str) -> dict[str, Any]:
    return {name: getattr(ran(key), name) for name in ("steps", "evaluations")}


def oracle(key: str) -> Any:
    x, mu, s, b, floor = 0.3, 0.7, 1.2, -0.4, 0.0
    match key:
        case "duration":
            grid = np.array([[0.3, 0.7, 1.2, -0.4, 0.0], [-0.3, 0.7, 1.2, 0.4, 0.1], [2.0, 1e-3, 0.0, 3.0, 0.0], [1e-6, 5.0, 9.0, -5.0, 0.0],
                             [-0.3, 0.7, 1.2, 0.4, 0.0], [0.3, -0.7, 1.2, 0.4, 0.0], [0.0, 0.7, 1.2, 0.4, 0.1]])  # fmt: skip
            return blow_up_quadrature(*grid.T)
        case "token_one":
            return [token_one(t, x, sign * mu, s, b, floor) for t in (1e-6, 0.1, 2.0, 4.0) for sign in (1, -1)]
        case "closed":
            return [
                closed_form_s0([0.1, 0.5], x0, mu, 0.7, 0.9)
                for x0, mu in (([0.5, 1.0], 0.3), ([-0.5, 0.2], -2.0), ([0.5, 5.0], -2.0))
            ]
        case "sampled in part":
            result, spread = sampled(*parameters(slice(0, 3)), end=1.0, points=12)
            return {"log_times": result.log_times, "log_abs": result.log_abs.filled(0), "known": np.isfinite(spread)}
    raise KeyError(key)


ORACLES = ["duration", "token_one", "closed", "sampled in part"]


def fates(key: str) -> Any:
    """What becomes of every token and system at ln t = 60."""
    found = classify(ran(key))
    return {"tokens": found.tokens, "systems": found.systems}


#: Outcomes agree to this share of their size.
CLOSE = {"flow_runs": 1e-8, "flow_steps": 5e-3, "flow_oracles": 1e-10, "flow_fates": 1e-9}
PINNED = [
    ("flow_runs", list(RUNS), run, CLOSE["flow_runs"]),
    ("flow_steps", list(RUNS), steps, CLOSE["flow_steps"]),
    ("flow_oracles", ORACLES, oracle, CLOSE["flow_oracles"]),
    ("flow_fates", ["log numpy coarse"], fates, CLOSE["flow_fates"]),
]


@pytest.mark.parametrize("key", list(RUNS))
def test_runs_are_what_they_were(key: str) -> None:
    pinned.check("flow_runs", key, run(key), CLOSE["flow_runs"])


@pytest.mark.parametrize("key", list(RUNS))
def test_steps_are_as_many_as_they_were(key: str) -> None:
    """To half a per cent: one attempt more at another rounding is no news."""
    pinned.check("flow_steps", key, steps(key), CLOSE["flow_steps"])


@pytest.mark.parametrize("key", ORACLES)
def test_oracles_say_what_they_said(key: str) -> None:
    pinned.check("flow_oracles", key, oracle(key), CLOSE["flow_oracles"])


@pytest.mark.parametrize("key", ["log numpy coarse"])
def test_fates_are_what_they_were(key: str) -> None:
    pinned.check("flow_fates", key, fates(key), CLOSE["flow_fates"])


def test_backends_agree_on_the_planted_systems() -> None:
    one, two = ran("log numpy"), ran("log numba")
    np.testing.assert_array_equal(one.status, two.status)
    np.testing.assert_allclose(one.log_abs.filled(0), two.log_abs.filled(0), atol=1e-7)
    blown = one.status == Status.BLOW_UP
    np.testing.assert_allclose(one.log_blow_up_time[blown], two.log_blow_up_time[blown], atol=1e-7)


@pytest.mark.parametrize(
    ("x", "mu", "s", "b", "floor"), [(0.3, 0.7, 1.2, -0.4, 0.0), (-0.3, 0.7, 1.2, 0.4, 0.1), (2.0, 1e-3, 0.0, 3.0, 0.0)]
)
def test_the_blow_up_time_is_the_integral(x: float, mu: float, s: float, b: float, floor: float) -> None:
    """T_1 = int dx / (mu x^3 Delta(x)) from x on, here by mpmath in 1/x^2."""

    def density(y: Any) -> Any:  # y = 1/x^2 falls to 0
        token = mp.sign(x) / mp.sqrt(y)
        return 1 / (2 * mu * (mp.log1p(mp.exp(s * token + b)) + floor))

    with mp.workdps(20):
        ends = [mp.mpf(10) ** -k for k in (24, 12, 8, 6, 4, 3, 2, 1)] + [mp.mpf(1) / x**2]
        exact = mp.quad(density, sorted(end for end in ends if end <= mp.mpf(1) / x**2))
    np.testing.assert_allclose(blow_up_quadrature(x, mu, s, b, floor), float(exact), rtol=1e-10)


def test_the_norm_and_the_clock_are_their_formulas() -> None:
    v = np.array([[3.0, -4.0, 0.5], [0.0, 0.0, 0.0], [1e-200, -2e-200, 0.0], [1e200, 1e200, 1e200]])
    with np.errstate(divide="ignore"):
        exact = [
            float(mp.log(mp.fsum(mp.mpf(abs(e)) ** 8 for e in row)) / 8) if np.any(row) else -np.inf
            for row in v.tolist()
        ]
    np.testing.assert_allclose(log_norm(v), exact, rtol=1e-13)
    theta = np.array([1e-9, 0.3, 5.0, 29.99, 30.0, 30.01, 36.0, 700.0])
    with mp.workdps(40):
        exact = [float(mp.log(mp.expm1(mp.mpf(one))) - 2) for one in theta.tolist()]
    np.testing.assert_allclose(log_time(theta, np.full(8, -2.0)), exact, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("kind", list(KINDS))
def test_coordinates_give_back_what_they_took(kind: str) -> None:
    x0, _params = KINDS[kind]()
    coordinates = COORDINATES[kind]
    scaled = np.concatenate([x0, 1e-8 * x0, 1e5 * x0])
    state, extra = coordinates.encode(scaled)
    log_abs, sign = coordinates.decode(state, extra)
    flat = scaled.reshape(len(scaled), -1)
    np.testing.assert_allclose(sign * np.exp(log_abs), flat, rtol=1e-14)
    size = coordinates.log_size(state, extra)
    assert (np.abs(size - np.log(np.abs(flat).max(axis=1)))[np.abs(flat).max(axis=1) > 1] < np.log(2.0)).all()
    assert not coordinates.extinct(state, extra)[flat != 0].any()


@pytest.mark.parametrize("shift", [0.0, 59.0, 61.0, 80.0])
def test_rates_of_large_tokens_are_scaled_and_no_more(shift: float) -> None:
    """The velocity in log tokens times its scale is the growth rate; where that still fits float64 the two are compared."""
    x0, params = parameters()
    x = x0 * np.exp(shift)
    state, extra = COORDINATES["log"].encode(x)
    velocity, log_scale = COORDINATES["log"].velocity(state, params.arrays() | extra)
    exact = growth_rate(x, params) * (x != 0)
    np.testing.assert_allclose(
        velocity * np.exp(log_scale)[:, None], exact, rtol=1e-10, atol=1e-12 * np.abs(exact).max()
    )
    assert ((log_scale == 0) == (np.log(np.abs(x).max(axis=1)) <= 60)).all()
