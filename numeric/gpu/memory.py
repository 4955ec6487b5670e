"""Batches that fit the device's memory."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from s6flow.numeric.flow.problem import Run

__all__ = ["halving"]


def halving(run: Run, work: Callable[[slice], Run], progress: Callable[[int], None] | None = None) -> Run:
    """Fill a run batch by batch, the first of them whole; one that does not fit the device's memory is halved, aloud.

    Args:
        run: of all systems; changed in place and returned.
        work: systems -> their run.
        progress: called with the number of finished systems.
    Raises: torch.cuda.OutOfMemoryError: one system alone does not fit.
    """
    systems = len(run.status)
    size, first = systems, 0
    while first < systems:
        part = slice(first, min(first + size, systems))
        try:
            run.put(part, work(part))
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
            size = -(-size // 2)
            torch.cuda.empty_cache()
            print(f"s6flow: out of device memory, going on with batches of {size} systems", file=sys.stderr)
            continue
        first = part.stop
        if progress:
            progress(first)
    return run
