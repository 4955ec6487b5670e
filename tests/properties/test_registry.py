"""Every theorem on every backend that can judge it: no plumbing for a new theorem.

Profiles: ci (default, at least 100 systems a theorem, 50 where they are integrated by NumPy, derandomised) and nightly
(S6FLOW_PROFILE=nightly, at least 20,000).
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st

from s6flow.numeric.checks import ENGINES, applicable, check, judge_data
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.data.strategies import systems, unit_cubes
from s6flow.numeric.checks.judge import measures, observe
from s6flow.numeric.checks.shared import Checkable
from s6flow.numeric.flow import fastest_on_cpu
from s6flow.proofs.checked import checked
from s6flow.proofs.registry import REGISTRY

NIGHTLY = os.environ.get("S6FLOW_PROFILE") == "nightly"
TOTAL = 20_000 if NIGHTLY else 100
#: Systems in one Hypothesis example: an integration costs the same for one system as for twenty.
BATCH = {True: 500, False: 25}[NIGHTLY]
#: The same where NumPy integrates vector tokens, which costs a hundred times as much as the compiled loop: one batch of
#: the theorem's largest shape, and at night as many systems as of any other.
VECTOR_BATCH, VECTORS = {True: (500, TOTAL), False: (50, 50)}[NIGHTLY]
CASES = [(key, name) for key in REGISTRY for name in ENGINES if applicable(REGISTRY[key], name)]
LARGEST = {"flint": Shape(6, 4, 6, 2)}
assert len(CASES) >= 4 * len(REGISTRY) - len(REGISTRY), "every theorem meets every array backend"


#: Systems are observed once for all backends that judge them: an integration is dear, a margin is not.
_SEEN: dict[str, dict[str, object]] = {}


def seen(theorem: Checkable, data: dict[str, object], backend: str) -> dict[str, object]:
    digest = hashlib.sha256(f"{theorem.id} {measures(theorem, backend)}".encode())
    for name, value in sorted(data.items()):
        digest.update(name.encode() + np.asarray(value, dtype=float).tobytes())
    key = digest.hexdigest()
    if key not in _SEEN:
        _SEEN[key] = observe(theorem, data, backend, fastest_on_cpu())
    return _SEEN[key]


def largest_first(theorem: Checkable, count: int) -> st.SearchStrategy[dict[str, object]]:
    """Systems of the theorem's own shapes; what Hypothesis draws first is of the largest one, not of the smallest."""
    shapes = sorted((Shape(*row) for row in theorem.options["shapes"]), key=dataclasses.astuple, reverse=True)
    return st.sampled_from(shapes).flatmap(
        lambda shape: unit_cubes(count, dimension(theorem, shape)).map(lambda points: construct(theorem, shape, points))
    )


@pytest.mark.parametrize(("key", "backend"), CASES)
def test_theorem_holds(key: str, backend: str) -> None:
    theorem = checked(key)  # as commands read it, lowered once; tests/proofs/test_checked.py compares it with SymPy
    measured = theorem.measurement != "pointwise"
    vectors = measured and "shapes" in theorem.options
    batch, total = (VECTOR_BATCH, VECTORS) if vectors else (BATCH, TOTAL)
    examples = math.ceil(total / batch) if measured else max(10, total // 10)
    count = batch if measured else math.ceil(total / examples)
    largest = LARGEST.get(backend, Shape(16, 8, 8, 3) if measured and not NIGHTLY else None)
    drawn = largest_first(theorem, count) if vectors and not NIGHTLY else systems(theorem, count, largest)
    decided = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=not NIGHTLY,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.target] if measured else list(Phase),
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn)
    def run(data: dict[str, object]) -> None:
        nonlocal decided
        judged = judge_data(theorem, data, backend, observed=seen(theorem, data, backend))
        assert judged.satisfied.all(), "the construction meets every assumption"
        if judged.decided.any():
            decided += int(judged.decided.sum())
            margin = float(judged.margins[judged.decided].min())
            target(-margin, label="towards violation")
            assert margin >= 0, f"{key} violated on {backend}: margin {margin}"

    run()
    assert decided >= 0.1 * total, f"{key} was decided on {decided} systems only"


@pytest.mark.weights
def test_trained_channels_are_among_the_examples() -> None:
    pytest.importorskip("typeseg")
    report = check("linear-recursion", "numpy", 40)
    assert report.verdict.passes
    assert report.real >= 4


#: Letters that an assumption leaves one value.
FIXED = {
    "no-floor": ("floor",),
    "no-read-bias": ("beta_C",),
    "no-projection-bias": ("beta_B", "beta_C"),
    "constant-steps": ("S_dt_in",),
    "form-hyperbolic": ("S_B", "S_C", "S_dt_in"),
    "states-zero": ("mu",),
    "s-zero": ("s",),
}


@pytest.mark.parametrize("key", list(REGISTRY))
def test_construction_spans_its_cube(key: str) -> None:
    """The builder takes as many coordinates as were counted, and every letter moves with them but those it may not."""
    theorem = REGISTRY[key]
    shape = Shape(*theorem.options["shapes"][0]) if "shapes" in theorem.options else Shape(3, 2, 6, 2)
    size = dimension(theorem, shape)
    points = np.random.default_rng(1).random((400, size))
    data = construct(theorem, shape, points)
    still = {name for name in theorem.variables if (np.asarray(data[name]) == np.asarray(data[name])[:1]).all()}
    fixed = {name for entry in theorem.assumptions for name in FIXED.get(entry, ())} | (
        {"m"} if shape.token == 1 else set()
    )
    assert still == fixed & set(theorem.variables)
    with pytest.raises(ValueError, match="reshape"):
        construct(theorem, shape, points[:, :-1])


#: Limits whose constant and range are known: a tenth of a per cent or so at explicit times, and one per cent is caught.
WITH_A_CONSTANT = {
    "attention-decay",
    "convergence-constants",
    "slow-first-token",
    "blow-up-profile",
    "slowest-channel",
    "axis-at-infinity",
}


def test_a_limit_seen_by_a_slope_or_a_fate_is_consistent_at_most() -> None:
    limits = {
        key for key, theorem in REGISTRY.items() if theorem.conclusion.has(sp.Limit) or theorem.measurement == "fate"
    }
    bare = {key for key, theorem in REGISTRY.items() if theorem.options.get("bare_limit")}
    assert limits - bare == WITH_A_CONSTANT
    assert all(REGISTRY[key].sharpness is not None for key in WITH_A_CONSTANT)
