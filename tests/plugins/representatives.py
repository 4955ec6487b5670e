"""Cases of a sweep that stay in `make test`; all of them run in `make nightly`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ["sweep"]


def sweep(cases: Iterable[Any], kept: Collection[Any], ids: Any = str) -> list[Any]:
    """Parameters of `pytest.mark.parametrize`: those that are not kept are marked slow.

    Args:
        cases: values, or tuples of values.
        kept: at least one of them.
        ids: case -> its name in the test's id.
    Raises: ValueError: if a kept one is no case, so that a renamed case cannot leave `make test` unseen.
    """
    every = list(cases)
    unknown = [case for case in kept if case not in every]
    if unknown or not kept:
        raise ValueError(f"kept cases must be cases: {unknown}")
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if case in kept else pytest.mark.slow,
            id=ids(case),
        )
        for case in every
    ]
