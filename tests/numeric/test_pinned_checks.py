"""What checks draw and observe, pinned: systems of every theorem, and the observables of every measurement.

The drawn systems meet their assumptions by the generated predicates, and the margins of the theorems' claims on what is
observed are not negative: both are asserted beside the comparison with the committed outcomes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pinned
import pytest

from s6flow.numeric.checks.data import construct as construct_module
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.examples import corners
from s6flow.numeric.checks.judge import judge_data, observe
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY

Data = dict[str, Any]
#: Systems a theorem.
DRAWN, SEEN = 40, 5


def shape_of(key: str, number: int) -> Shape:
    """The first shapes of a theorem, or small ones of every axis."""
    shapes = REGISTRY[key].options.get("shapes")
    return Shape(*shapes[min(number, len(shapes) - 1)]) if shapes else (Shape(4, 3, 4, 2), Shape(3, 2, 2, 1))[number]


@cache
def drawn(key: str, number: int, count: int) -> Data:
    theorem, shape = REGISTRY[key], shape_of(key, number)
    points = np.random.default_rng(count).random((count, dimension(theorem, shape)))
    return construct(theorem, shape, corners(points, 5))


def drawn_twice(key: str) -> list[Data]:
    return [drawn(key, number, DRAWN) for number in (0, 1)]


@pytest.mark.parametrize("key", list(REGISTRY))
def test_the_systems_of_a_theorem_are_what_they_were(key: str) -> None:
    pinned.check("drawn", key, drawn_twice(key))


#: Theorems whose systems are chosen by digits of drawn numbers, some of which are round ones.
BY_DIGITS = ["follower-threshold", "coexistence", "carried-order", "carried-root-attracts", "axis-at-infinity", "slowest-channel", "sphere-sinks"]  # fmt: skip


@pytest.mark.parametrize("key", BY_DIGITS)
def test_another_rounding_of_what_is_drawn_moves_no_system(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another build of NumPy rounds exponentials: 200000.0 became 199999.99999999997, and its digits 1 instead of 0."""
    kept, exact, generator = pinned.summary(drawn_twice(key)), construct_module.UnitCube.log, np.random.default_rng(3)

    def rounded(self: Any, bounds: tuple[float, float], *shape: int) -> np.ndarray[Any, Any]:
        value = exact(self, bounds, *shape)
        return value * (1 + generator.integers(-1, 2, value.shape) * 1.2e-16)

    monkeypatch.setattr(construct_module.UnitCube, "log", rounded)
    pinned.compare(pinned.summary([drawn.__wrapped__(key, number, DRAWN) for number in (0, 1)]), kept, 1e-9, key)


#: Theorems whose observables are pinned: every measurement, those of which one run is dear once.
OBSERVED = [
    "euler-consistency", "closed-form-first-token", "closed-form-two-tokens", "sign-invariance", "affine-phase-line", "attention-decay",
    "state-convergence", "slow-attention", "blow-up-ratio", "fast-blow-up-time", "causality-times", "mixed-blow-up",
    "step-floor", "dichotomy", "carried-rate", "carried-roots", "skip-equilibria", "axis-at-infinity", "definite-converges",
    "definite-diverges", "orbit-trichotomy", "radial", "definite-all-tokens", "fisher", "replicator", "never-definite",
    "symmetric-signature", "rank-reduction", "orbit-sum", "slowest-channel", "direction-clock", "prenorm-axis", "prenorm-bound",
    "prenorm-eps", "sphere-converges", "sphere-cycle", "sphere-equilibria", "sphere-sinks", "gate-rounding", "own-term-on-data",
]  # fmt: skip
#: Ends of steps that pass a limit, which depend on the last digits of exponentials.
LOOSE = dict.fromkeys(("state-convergence", "axis-at-infinity"), 5e-3)
#: How far a step went that passed a size, which processors decide in their own ways: of these alone which are numbers is
#: pinned, and the signs; what is judged, their changes, to the last digits.
PASSED = {"blow-up-ratio": ("u_s", "u_t", "log_remaining")}
JUDGED = [*OBSERVED, *(key for key, theorem in REGISTRY.items() if theorem.measurement == "pointwise")]


@cache
def seen(key: str) -> Data:
    return dict(observe(checked(key), drawn(key, 0, SEEN)))


def pinned_part(key: str) -> Data:
    """What is seen, of `PASSED` the signs."""
    return {name: np.sign(values) if name in PASSED.get(key, ()) else values for name, values in seen(key).items()}


def margins(key: str) -> Data:
    """Rounding is judged to be small, not pinned: margins and the moments where they are smallest are coarse."""
    judged = judge_data(checked(key), drawn(key, 0, SEEN), observed=seen(key))
    assert judged.satisfied.all(), "the construction meets every assumption"
    assert not (judged.margins < 0).any(), "the claim holds"
    return {"margins": judged.margins}


def close(key: str) -> float:
    """To what share of their size the observables of a theorem agree."""
    return LOOSE.get(key, 1e-7)


#: The same of margins.
CLOSE = 0.02
PINNED = [
    ("drawn", list(REGISTRY), drawn_twice, 1e-9),
    ("observed", OBSERVED, pinned_part, close),
    ("margins", JUDGED, margins, CLOSE),
]


@pytest.mark.parametrize("key", OBSERVED)
def test_what_is_observed_is_what_it_was(key: str) -> None:
    pinned.check("observed", key, pinned_part(key), close(key))


@pytest.mark.parametrize("key", JUDGED)
def test_margins_are_what_they_were(key: str) -> None:
    pinned.check("margins", key, margins(key), CLOSE)
