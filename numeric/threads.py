"""Work on layers side by side: NumPy lets go of the interpreter while it works, and BLAS starts no threads of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from jaxtyping import Float64

__all__ = ["cross_product", "in_order", "some_workers"]

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def some_workers(most: int) -> int:
    """As many as there are cores, but no more than `most`, which is how many layers are in memory at a time."""
    return min(most, os.cpu_count() or 1)


def in_order(given: Iterable[_Given], work: Callable[[_Given], _Found], workers: int) -> Iterator[_Found]:
    """What `work` makes of each, in the order given; of the first alone, as it makes the functions that others share.

    One worker is this thread, where an interruption is heard at once.
    """
    todo = iter(given)
    if workers == 1:
        yield from map(work, todo)
        return
    for first in todo:
        yield work(first)
        break
    pool, waiting = ThreadPoolExecutor(workers), deque[Future[_Found]]()
    try:
        for one in todo:
            waiting.append(pool.submit(work, one))
            if len(waiting) > 2 * workers:  # more than there are workers, so that none waits for its next
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


#: Multiplications of one product that OpenBLAS leaves to the thread that asks for it.
_ALONE = 1 << 18


def cross_product(
    left: Float64[np.ndarray, "row term"], right: Float64[np.ndarray, "column term"]
) -> Float64[np.ndarray, "row column"]:
    """left @ right.T for few rows of many terms, as a sum of products that are small enough for one thread.

    The threads that BLAS starts for the whole wait for each other in a loop: on busy cores an audit took 2.5 times the
    processor time.
    """
    block = max(1, _ALONE // (len(left) * len(right)))
    total = np.zeros((len(left), len(right)))
    for start in range(0, left.shape[1], block):
        part = slice(start, start + block)
        total += left[:, part] @ right[:, part].T
    return total
