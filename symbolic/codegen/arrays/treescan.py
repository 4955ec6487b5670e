"""The associative scan shared by array backends: pairs are combined, half the length is scanned, the rest filled in.

O(L) work in 2 log2(L) vector operations, and rounding errors grow with log2(L) rather than with L.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["tree_scan"]


def tree_scan(gate: Any, increment: Any, empty_like: Callable[[Any], Any]) -> Any:
    """f_l = gate_l f_{l-1} + increment_l along the first axis, f_{-1} = 0.

    Args:
        gate, increment: arrays of equal shape, (token, ...).
        empty_like: the library's constructor of an uninitialised array.
    Returns: f, shape (token, ...).
    """
    length = increment.shape[0]
    if length < 2:
        return increment
    odd = tree_scan(
        gate[1::2] * gate[: length - 1 : 2],
        gate[1::2] * increment[: length - 1 : 2] + increment[1::2],
        empty_like,
    )
    out = empty_like(increment)
    out[1::2] = odd
    out[:1] = increment[:1]
    out[2::2] = gate[2::2] * odd[: (length - 1) // 2] + increment[2::2]
    return out
