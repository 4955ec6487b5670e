"""The printed statements on normalised tokens say of data what the numerics compute."""

from __future__ import annotations

import numpy as np
import pytest

from s6flow.numeric.checks.check import batch_of
from s6flow.numeric.checks.measurements import MEASUREMENTS
from s6flow.numeric.flow import FlowParameters, growth_rate
from s6flow.proofs.formal import formula, proposition
from s6flow.proofs.formal.reader import evaluate, holds
from s6flow.proofs.registry import get
from s6flow.symbolic.assumptions import assumption


@pytest.mark.parametrize("t", [0.01, 0.05, 0.5])
def test_before_collapse_is_the_law_above_zero(t: float) -> None:
    """Planted: mu < 0, and the law of token 1 is above zero at 0.05, and below it at 0.5."""
    mu, a, x0, radius = np.array([-1.0, -0.5]), np.array([0.5, 2.0]), np.array([1.0, -1.0]), 2.0
    params = FlowParameters(mu, a, 0.3, 0.1, 0.0)
    growth = growth_rate(radius * np.sign(x0), params)
    text = proposition(assumption("before-collapse").relation, "before-collapse", x0="y0 l", axis_state="state l n")
    for l in range(2):
        names = {
            "t": t,
            "radius": radius,
            "N": 1,
            "L": 2,
            "l": l,
            "y0": lambda k: x0[k],
            "state": lambda k, n: growth[k],
        }
        assert bool(holds(text, names)) is bool(abs(x0[l]) + radius * growth[l] * t > 0)


def test_the_clock_is_the_integral_of_the_velocity_over_the_norm() -> None:
    """U/(r + m t) by the midpoint rule."""
    names = {"turn_max": 0.7, "slope": 0.4, "start": 1.3, "earlier": 0.5, "later": 6.0}
    middle = 0.5 + 5.5 * (np.arange(100_000) + 0.5) / 100_000
    assert evaluate(formula("clock"), names) == pytest.approx(5.5 * np.mean(0.7 / (1.3 + 0.4 * middle)), rel=1e-8)


def test_a_planted_spiral_attains_the_clock() -> None:
    """|x| = r + m t, turning at U/(r + m t): the bound is the angle; 1 % less is exceeded."""
    r, m, U, times = 1.0, 0.5, 0.3, np.array([0.0, 3.0])
    angle = U / m * np.log((r + m * times) / r)
    bound = evaluate(formula("clock"), {"turn_max": U, "slope": m, "start": r, "earlier": 0.0, "later": 3.0})
    assert bound == pytest.approx(angle[1], rel=1e-12)
    assert angle[1] > 0.99 * bound


@pytest.mark.parametrize(("turn", "pull", "meets"), [(0.3, 0.15, True), (0.3, 0.01, False), (0.15, 0.3, False), (0.3, -0.15, False)])  # fmt: skip
def test_cycle_rates(turn: float, pull: float, meets: bool) -> None:
    text = proposition(assumption("cycle-rates").relation, "cycle-rates")
    assert holds(text, {"turn": turn, "pull": pull}) is meets


def test_the_product_falls_and_the_token_swings_where_the_theorem_says_so() -> None:
    theorem = get("sphere-cycle")
    data = {"turn": 0.3, "pull": 0.15, "floor": 0.0, "x": [[0.5, 0.8, 0.3]], "S_dt_in": [[1.0, 0.0, 0.0]]}
    seen = MEASUREMENTS["sphere_cycle"](theorem, batch_of(theorem, data))
    assert (seen["product_t"] <= seen["product_s"]).all()
    assert (seen["swing_t"] > 0.9).all(), "it leaves one axis for another in the last five sixths of the run"
