"""Cases of a sweep that stay in `make test`; all of them run in `make nightly`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ["sweep"]


def _name(case: Any) -> str:
    return "-".join(map(str, case)) if isinstance(case, tuple) else str(case)


def sweep(
    cases: Iterable[Any], kept: Collection[Any], ids: Any = _name, mark: pytest.MarkDecorator = pytest.mark.slow
) -> list[Any]:
    """Parameters of `pytest.mark.parametrize`: those that are not kept are marked.

    Args:
        cases: values, or tuples of values.
        kept: at least one of them.
        ids: case -> its name in the test's id.
        mark: `pytest.mark.nightly` where the cases that are not kept still judge mutants.
    Raises: ValueError: if a kept one is no case, so that a renamed case cannot leave `make test` unseen.
    """
    every = list(cases)
    unknown = [case for case in kept if case not in every]
    if unknown or not kept:
        raise ValueError(f"kept cases must be cases: {unknown}")
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if case in kept else mark,
            id=ids(case),
        )
        for case in every
    ]
