"""Public Hypothesis strategies: data that satisfy a theorem's assumptions, built from the unit cube without rejection.

    from hypothesis import given
    from s6flow.numeric.checks.data.strategies import systems

    @given(systems("convergence-rate"))
    def test_mine(batch): ...

Hypothesis is imported when a strategy is made; it belongs to the `test` extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.errors import MissingDependencyError
from s6flow.numeric.checks.data.construct import Shape, construct, dimension
from s6flow.numeric.checks.shared import Checkable
from s6flow.proofs.checked import checked

__all__ = ["shapes", "systems", "unit_cubes"]


def _hypothesis() -> Any:
    try:
        import hypothesis.strategies as strategies
    except ImportError:
        raise MissingDependencyError(
            "strategies need Hypothesis", "no hypothesis", "", "Run pip install 's6flow[test]'."
        ) from None
    return strategies


def shapes(theorem: Checkable | str, largest: Shape | None = None) -> Any:
    """Lengths of axes that suit a theorem: its own list, else up to 64 tokens and 16 states."""
    st = _hypothesis()
    value = checked(theorem) if isinstance(theorem, str) else theorem
    own = value.options.get("shapes")
    if own is not None:
        return st.sampled_from([Shape(*row) for row in own])
    top = largest or (Shape(6, 4, 8, 3) if "S_dt_in" in value.variables else Shape(64, 16))
    return st.builds(
        Shape,
        token=st.integers(1, top.token),
        state=st.integers(1, top.state),
        channel=st.integers(2, max(2, top.channel)),
        rank=st.integers(1, top.rank),
    )


def unit_cubes(count: int, size: int) -> Any:
    """Points of the unit cube, shape (count, size): mostly dense randomness from one seed, a few drawn entries.

    The drawn entries shrink and sit at the ends of ranges, where inequalities tend to be tight; the seed fills the rest
    at once, which keeps an example with a thousand numbers fast.
    """
    st = _hypothesis()
    entry = st.tuples(
        st.integers(0, max(count * size - 1, 0)), st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1.0, width=32)
    )

    def build(seed: int, entries: list[tuple[int, float]]) -> Any:
        points = np.random.default_rng(seed).random((count, size))
        for index, value in entries:
            points.reshape(-1)[index] = value
        return points

    return st.builds(build, st.integers(0, 2**32 - 1), st.lists(entry, max_size=12))


def systems(theorem: Checkable | str, count: int = 1, largest: Shape | None = None) -> Any:
    """Batches of `count` systems that satisfy every assumption of a theorem: letter -> array, batch axis first.

    Raises: TheoremError: unknown id. MissingDependencyError: Hypothesis is not installed.
    """
    value = checked(theorem) if isinstance(theorem, str) else theorem
    return shapes(value, largest).flatmap(
        lambda shape: unit_cubes(count, dimension(value, shape)).map(lambda points: construct(value, shape, points))
    )
