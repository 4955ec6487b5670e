"""Simulated fates: the flow is the S6 recurrence, predictions come true, and wrong ones are found out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from representatives import sweep

from s6flow.numeric.audit import audit_layer
from s6flow.numeric.audit.simulation import integrator as simulate
from s6flow.numeric.audit.simulation.integrator import simulate_layer
from s6flow.numeric.audit.simulation.observed import agrees
from s6flow.numeric.audit.simulation.reference import s6_reference
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.flow import FlowParameters, growth_rate, integrate
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.ends import OBSERVED, SCENARIOS


def random_layer(channels: int = 12, states: int = 3, seed: int = 0, beta: float = 0.0, floor: float = 0.0) -> S6Layer:
    rng = np.random.default_rng(seed)
    return S6Layer(
        name=f"random-{seed}",
        a=np.exp(rng.normal(size=(channels, states))),
        S_B=rng.normal(size=(states, channels)),
        S_C=rng.normal(size=(states, channels)),
        beta_B=beta * rng.normal(size=states),
        beta_C=beta * rng.normal(size=states),
        dt_in=rng.normal(size=(2, channels)),
        dt_out=rng.normal(size=(channels, 2)),
        b=rng.normal(size=channels),
        floor=floor,
    )


def recurrence(layer: S6Layer, tokens: list[list[float]]) -> list[list[float]]:
    """The S6 layer by scalar loops over token, channel and state; no array operation but look-ups."""
    channels, states, rank = layer.channels, layer.states, layer.rank
    h = [[0.0] * states for _ in range(channels)]
    out = []
    for x in tokens:
        low = [sum(layer.dt_in[r, e] * x[e] for e in range(channels)) for r in range(rank)]
        B = [sum(layer.S_B[n, e] * x[e] for e in range(channels)) + layer.beta_B[n] for n in range(states)]
        C = [sum(layer.S_C[n, e] * x[e] for e in range(channels)) + layer.beta_C[n] for n in range(states)]
        y = []
        for d in range(channels):
            z = sum(layer.dt_out[d, r] * low[r] for r in range(rank)) + layer.b[d]
            step = math.log1p(math.exp(z)) + layer.floor
            h[d] = [math.exp(-layer.a[d, n] * step) * h[d][n] + step * B[n] * x[d] for n in range(states)]
            y.append(sum(C[n] * h[d][n] for n in range(states)))
        out.append(y)
    return out


@pytest.mark.parametrize(("beta", "floor"), [(0.0, 0.0), (0.7, 0.05)])
def test_reference_is_the_recurrence(beta: float, floor: float) -> None:
    layer = random_layer(5, beta=beta, floor=floor)
    tokens = np.random.default_rng(1).normal(size=(6, 5))
    np.testing.assert_allclose(s6_reference(layer, tokens), recurrence(layer, tokens.tolist()), rtol=1e-12, atol=1e-14)


def test_axis_is_invariant_and_carries_the_flow() -> None:
    layer = random_layer(5, floor=0.02)
    x = np.array([0.7, -1.3, 2.1, -0.4])
    for channel in range(5):
        tokens = np.zeros((4, 5))
        tokens[:, channel] = x
        y = np.array(recurrence(layer, tokens.tolist()))
        assert not np.delete(y, channel, axis=1).any()
        args = (layer.mu_n[channel], layer.a[channel], layer.s[channel], layer.b[channel], layer.floor)
        np.testing.assert_allclose(x * growth_rate(x, FlowParameters(*args)), y[:, channel], rtol=1e-12)


def test_integrated_flow_is_the_residual_stack() -> None:
    """x + h S6(x), many times, against the integrated flow of the channel: the difference is of first order in h."""
    layer, channel = random_layer(4, seed=3), 1
    params = FlowParameters(layer.mu_n[channel], layer.a[channel], layer.s[channel], layer.b[channel], 0.0)
    start = np.array([0.3, -0.5, 0.2])
    errors = []
    for steps in (50, 100):
        tokens = np.zeros((3, 4))
        tokens[:, channel] = start
        for _ in range(steps):
            tokens = tokens + s6_reference(layer, tokens) / steps
        errors.append(np.abs(tokens[:, channel] - integrate(start, params, times=[1.0]).x[0]).max())
    assert errors[0] < 0.02
    assert 1.7 < errors[0] / errors[1] < 2.3


@pytest.mark.parametrize(
    ("beta", "floor"),
    sweep([(0.0, 0.0), (0.4, 0.0), (0.4, 0.01)], kept=[(0.0, 0.0), (0.4, 0.01)], mark=pytest.mark.nightly),
)
def test_predictions_come_true(beta: float, floor: float) -> None:
    simulation = audit_layer(random_layer(beta=beta, floor=floor), simulate=True, shuffles=2).simulation
    assert simulation is not None
    assert simulation.disagreements == ()
    assert simulation.reference_error < 1e-12
    right = sum(count for key, count in simulation.confusion.items() if agrees(*key))
    predicted = sum(count for (p, _), count in simulation.confusion.items() if p != "not decided")
    assert right >= 0.9 * predicted > 0
    assert len({p for p, _ in simulation.confusion} - {"not decided"}) >= 3


def relabel(column: Any, change: dict[str, str]) -> Labels:
    assert isinstance(column, Labels)
    names = column.names
    table = np.array([names.index(change.get(name, name)) for name in names], dtype=np.uint8)
    return Labels(table[column.codes], names)


CHANGES = [
    {"convergent": "slow", "slow": "convergent"},
    {"fast": "slow"},
    {"slow": "fast"},
    {"not decided": "fast"},
    {"convergent": "stationary"},
]


@pytest.mark.parametrize(
    "change", sweep(CHANGES, kept=[CHANGES[0], CHANGES[3]], ids="-".join, mark=pytest.mark.nightly)
)
def test_wrong_predictions_are_listed(change: dict[str, str]) -> None:
    layer = random_layer()
    columns = dict(audit_layer(layer, shuffles=2).columns)
    for name in ("positive", "negative", "mixed"):
        columns[f"scenario_{name}"] = relabel(columns[f"scenario_{name}"], change)
    simulation = simulate_layer(layer, columns, 0)
    assert simulation.disagreements
    wrong = sum(count for key, count in simulation.confusion.items() if agrees(*key) is False)
    assert len(simulation.disagreements) == wrong
    row = simulation.disagreements[0]
    assert len(row.start) == simulate.TOKENS
    assert row.predicted != row.observed


def test_a_wrong_phase_line_is_found_out() -> None:
    """With lambda taken for zero, roots move or vanish, and rests lie elsewhere."""
    layer = random_layer(beta=0.6, floor=0.01, seed=5)
    columns = dict(audit_layer(layer, shuffles=2).columns)
    assert simulate_layer(layer, columns, 0).disagreements == ()
    bare = audit_layer(replace(layer, beta_B=np.zeros(3), beta_C=np.zeros(3)), shuffles=2).columns
    for key in ("nu", "lambda", "root_low", "root_high"):
        columns[key] = bare[key]
    assert len(simulate_layer(layer, columns, 0).disagreements) > 3


def test_a_short_horizon_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """theory 8, E2: what looks settled early may not be; undecided is no agreement."""
    monkeypatch.setattr(simulate, "LOG_HORIZON", -3.0)
    simulation = audit_layer(random_layer(), simulate=True, shuffles=2).simulation
    assert simulation is not None
    assert simulation.disagreements == ()
    undecided = {p: n for (p, o), n in simulation.confusion.items() if o == "undecided"}
    assert undecided["convergent"] > 0
    assert undecided["slow"] > 0
    assert not any(agrees(p, o) for p, o in simulation.confusion if p in ("convergent", "slow"))


def test_agreement() -> None:
    assert agrees("fast", "fast") is True
    assert agrees("coexistence", "coexistence") is True
    assert agrees("coexistence", "fast") is False
    assert agrees("coexistence", "finite limit") is False
    assert agrees("fast", "finite limit") is False
    assert agrees("fast", "coexistence") is False
    assert agrees("convergent", "slow") is False
    assert agrees("convergent", "undecided") is None
    assert agrees("not decided", "fast") is None
    assert set(OBSERVED) >= set(SCENARIOS) - {"by size", "not decided"}


def test_starts_depend_on_the_seed_and_the_name_alone() -> None:
    layer = random_layer(4)
    columns = audit_layer(layer, shuffles=2).columns
    wrong = {
        f"scenario_{n}": relabel(columns[f"scenario_{n}"], {"slow": "fast"}) for n in ("positive", "negative", "mixed")
    }

    def starts(layer: S6Layer, seed: int) -> list[tuple[float, ...]]:
        return [row.start for row in simulate_layer(layer, columns | wrong, seed).disagreements]

    first = starts(layer, 1)
    assert first == starts(layer, 1) != starts(layer, 2)
    assert first != starts(replace(layer, name="other"), 1)
