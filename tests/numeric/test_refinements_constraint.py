"""ScenarioConstraint: the scenario holds whatever the parameters, and wrapping a trained layer moves it least."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from representatives import sweep
from scipy.optimize import minimize

from s6flow.numeric.refinements import (
    S6Shape,
    ScenarioConstraint,
    channel_mu,
    split_rows,
)
from s6flow.numeric.refinements.cone import nearest_pair, squash_pair

SHAPE = S6Shape(dt_rank=2, d_state=4, channels=6)
SCENARIOS = ["positive", "negative", "mixed"]
OURS = ["channel", "entry", "matrix"]
EPS = {torch.float32: 2**-23, torch.bfloat16: 2**-7}


def weights(bound: float = 1e3):
    shape = (SHAPE.rows, SHAPE.channels)
    return hnp.arrays(np.float32, shape, elements=st.floats(-bound, bound, width=32, allow_subnormal=False))


def wanted(scenario: str, size: int) -> torch.Tensor:
    signs = {"positive": [1.0], "negative": [-1.0], "mixed": [1.0, -1.0]}[scenario]
    return torch.tensor([signs[i % len(signs)] for i in range(size)], dtype=torch.float64)


def raw_values(constraint: ScenarioConstraint, array: np.ndarray, dtype: torch.dtype) -> list[torch.Tensor]:
    raw = torch.tensor(array).to(dtype)
    if constraint.form != "matrix":
        return [raw]
    n = SHAPE.d_state
    return [raw[: SHAPE.dt_rank + n], raw[-n:, :n].clone(), raw[-n:, 2 : 2 + n].clone()]


def violation(weight: torch.Tensor, form: str, scenario: str) -> float:
    """How far the scenario is violated, relative to the size of the terms (0: it holds)."""
    _, s_b, s_c = split_rows(weight.double(), SHAPE)
    if form in ("channel", "entry"):
        signs = wanted(scenario, SHAPE.channels)
        each = signs * s_b * s_c
        size = (s_b.abs() * s_c.abs()).clamp_min(1e-300)
        worst = -(each.sum(0) / size.sum(0)).min() if form == "channel" else -(each / size).min()
        return max(0.0, float(worst))
    form_matrix = s_c.mT @ s_b
    values = torch.linalg.eigvalsh((form_matrix + form_matrix.mT) / 2)
    size = max(float(torch.linalg.matrix_norm(s_b, 2) * torch.linalg.matrix_norm(s_c, 2)), 1e-300)
    n = SHAPE.d_state
    allowed = {"positive": (n, 0), "negative": (0, n), "mixed": (n // 2, n // 2)}[scenario]
    top = torch.cat([values[: SHAPE.channels - allowed[0]].clamp_min(0), -values[allowed[1] :].clamp_max(0)])
    return float(top.max()) / size


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("form", ["channel", "entry", "matrix", "published"])
@settings(max_examples=25, deadline=None)
@given(array=weights())
def test_scenario_holds_for_any_parameters(form, scenario, dtype, array):
    constraint = ScenarioConstraint(SHAPE, scenario, form)
    weight = constraint(*raw_values(constraint, array, dtype))
    assert weight.shape == array.shape
    assert weight.dtype == dtype
    exact = form in ("channel", "entry")
    assert violation(weight, form, scenario) <= (0.0 if exact else 8 * EPS[dtype])


@pytest.mark.parametrize("form", ["channel", "entry"])
def test_nonzero_columns_have_strict_signs(form):
    torch.manual_seed(1)
    constraint = ScenarioConstraint(SHAPE, "mixed", form)
    weight = constraint(torch.randn(SHAPE.rows, SHAPE.channels, dtype=torch.float64) * 1e150)
    mu = channel_mu(weight, SHAPE)
    assert (mu.sum(0) * wanted("mixed", SHAPE.channels) > 0).all()
    if form == "entry":
        assert (mu * wanted("mixed", SHAPE.channels) > 0).all()


def test_unconstrained_random_weights_violate_every_scenario():
    torch.manual_seed(2)
    weight = torch.randn(SHAPE.rows, SHAPE.channels)
    assert all(violation(weight, form, scenario) > 0.01 for form in OURS for scenario in ("positive", "negative"))


@pytest.mark.parametrize("entrywise", [False, True])
@settings(max_examples=60, deadline=None)
@given(
    given_pair=hnp.arrays(np.float64, (2, 3, 2), elements=st.floats(-10, 10)),
    other=hnp.arrays(np.float64, (2, 3, 2), elements=st.floats(-10, 10)),
    margin=st.floats(0.01, 0.9),
)
def test_right_inverse_is_the_nearest_point(entrywise, given_pair, other, margin):
    b, c = torch.tensor(given_pair)
    near_b, near_c = nearest_pair(b, c, margin, entrywise)
    rival_b, rival_c = squash_pair(*torch.tensor(other), margin, entrywise)  # any feasible point

    def distance(x, y):
        gap = (x - b) ** 2 + (y - c) ** 2
        return gap if entrywise else gap.sum(0)

    assert (distance(near_b, near_c) <= distance(rival_b, rival_c) + 1e-9).all()
    again_b, again_c = nearest_pair(near_b, near_c, margin * (1 - 1e-9), entrywise)
    torch.testing.assert_close(torch.stack([again_b, again_c]), torch.stack([near_b, near_c]))


def projected(weight: np.ndarray, signs: np.ndarray, margin: float, entrywise: bool) -> float:
    """Distance of a weight's B and C rows to the feasible set, found by SLSQP from several starts, group by group.

    Knows nothing of cones: feasible is sign b.c >= margin (|b|^2 + |c|^2)/2, as the margin is defined.
    """
    rng, total = np.random.default_rng(0), 0.0
    n = SHAPE.d_state
    for channel, sign in enumerate(signs):
        column = weight[SHAPE.dt_rank :, channel]
        groups = [column[[k, n + k]] for k in range(n)] if entrywise else [column]
        for group in groups:
            half = len(group) // 2

            def room(z, half=half, sign=sign):
                return sign * z[:half] @ z[half:] - margin * (z @ z) / 2

            def far(z, group=group):
                return ((z - group) ** 2).sum()

            best = np.inf
            for _ in range(8):
                b = rng.standard_normal(half)
                start = np.concatenate([b, sign * b]) * np.exp(rng.uniform(-3, 1))  # feasible
                found = minimize(far, start, method="SLSQP", constraints={"type": "ineq", "fun": room}, tol=1e-12)
                if room(found.x) >= -1e-8:
                    best = min(best, found.fun)
            total += best
    return float(np.sqrt(total))


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("form", ["channel", "entry"])
@pytest.mark.parametrize("seed", sweep([0, 1], kept=[0]))
def test_right_inverse_is_a_numerical_projection(form, scenario, seed):
    weight = np.random.default_rng(seed).standard_normal((SHAPE.rows, SHAPE.channels))
    constraint = ScenarioConstraint(SHAPE, scenario, form).double()
    wrapped = constraint(constraint.right_inverse(torch.tensor(weight))).numpy()
    signs = wanted(scenario, SHAPE.channels).numpy()
    reached, least = np.linalg.norm(wrapped - weight), projected(weight, signs, constraint.margin, form == "entry")
    assert least > 0.5  # the weight is not feasible to begin with
    assert reached == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("form", OURS)
@settings(max_examples=15, deadline=None)
@given(array=weights(2.0))
def test_right_inverse_round_trip(form, scenario, array):
    constraint = ScenarioConstraint(SHAPE, scenario, form).double()
    target = torch.tensor(array).double() + torch.eye(SHAPE.rows, SHAPE.channels)

    def wrap(weight):
        raw = constraint.right_inverse(weight)
        return constraint(*(raw if isinstance(raw, tuple) else (raw,)))

    once = wrap(target)
    assert violation(once, form, scenario) <= 1e-9
    torch.testing.assert_close(once[: SHAPE.dt_rank], target[: SHAPE.dt_rank])
    if form != "matrix":  # there the smallest singular value of S_B sets the accuracy
        torch.testing.assert_close(wrap(once), once)


@pytest.mark.parametrize("form", OURS)
def test_feasible_weights_are_left_alone(form):
    torch.manual_seed(3)
    base = torch.randn(SHAPE.rows, SHAPE.channels, dtype=torch.float64)
    _, s_b, _ = split_rows(base, SHAPE)
    feasible = torch.cat([base[: SHAPE.dt_rank], s_b, 0.5 * s_b])
    constraint = ScenarioConstraint(SHAPE, "positive", form).double()
    raw = constraint.right_inverse(feasible)
    torch.testing.assert_close(constraint(*(raw if isinstance(raw, tuple) else (raw,))), feasible)


def test_matrix_right_inverse_is_nearest_in_the_form():
    torch.manual_seed(4)
    _, s_b, s_c = split_rows(torch.randn(SHAPE.rows, SHAPE.channels, dtype=torch.float64), SHAPE)
    constraint = ScenarioConstraint(SHAPE, "positive", "matrix", margin=1e-9).double()
    target = torch.cat([torch.zeros(SHAPE.dt_rank, SHAPE.channels, dtype=torch.float64), s_b, s_c])
    _, near_b, near_c = split_rows(constraint(*constraint.right_inverse(target)), SHAPE)
    form, best = s_c.mT @ s_b, near_c.mT @ near_b
    least = (best - form).norm()
    for trial in range(200):
        factor = torch.randn(SHAPE.d_state, SHAPE.d_state, dtype=torch.float64) * 0.5 ** (trial % 5)
        rival = (s_b.mT @ (factor @ factor.mT) @ s_b + best) / 2  # feasible: a mean of two feasible forms
        assert (rival - form).norm() >= least


@pytest.mark.parametrize("form", ["channel", "entry", "matrix", "published"])
@pytest.mark.parametrize("scenario", ["positive", "mixed"])
def test_gradients(form, scenario):
    torch.manual_seed(5)
    constraint = ScenarioConstraint(SHAPE, scenario, form).double()
    array = torch.randn(SHAPE.rows, SHAPE.channels).numpy()
    raw = [part.double().requires_grad_() for part in raw_values(constraint, array, torch.float64)]
    assert torch.autograd.gradcheck(constraint, raw)


@pytest.mark.parametrize("form", ["channel", "entry"])
def test_every_number_is_used(form):
    torch.manual_seed(6)
    constraint = ScenarioConstraint(SHAPE, "positive", form).double()
    raw = torch.randn(SHAPE.rows * SHAPE.channels, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda flat: constraint(flat.view(SHAPE.rows, -1)).flatten(), raw)
    assert torch.linalg.matrix_rank(jacobian) == raw.numel()
    wasteful = ScenarioConstraint(SHAPE, "positive", "published").double()
    jacobian = torch.autograd.functional.jacobian(lambda flat: wasteful(flat.view(SHAPE.rows, -1)).flatten(), raw)
    used = SHAPE.dt_rank * SHAPE.channels + sum(SHAPE.channels - 1 - n for n in range(SHAPE.d_state)) + SHAPE.d_state
    assert torch.linalg.matrix_rank(jacobian) == used


def test_zero_weights_give_finite_gradients():
    constraint = ScenarioConstraint(SHAPE, "positive", "channel")
    raw = torch.zeros(SHAPE.rows, SHAPE.channels, requires_grad=True)
    constraint(raw).sum().backward()
    assert torch.isfinite(raw.grad).all()
