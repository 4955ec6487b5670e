"""How many threads of PyTorch a run has: as many beside other workers as alone, when it is resumed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_of_each", "threads_set"]


def threads_of_each(places: int) -> int:
    """Threads of each of so many workers, however many have work left: sums of floats hang on it."""
    return torch.get_num_threads() if places == 1 else max(1, (os.cpu_count() or 1) // places)


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """So many threads of PyTorch in this process for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
