"""Batches that fit the device's memory."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from s6flow.errors import DeviceMemoryError
from s6flow.numeric.flow.problem import Run

__all__ = ["halving"]


def halving(run: Run, work: Callable[[slice], Run], progress: Callable[[int], None] | None = None) -> Run:
    """Fill a run batch by batch, the first of them whole; one that does not fit the device's memory is halved, aloud.

    Args:
        run: of all systems, nothing known; filled and returned, unless one batch holds all: then that one's run is.
        work: systems -> their run.
        progress: called with the number of finished systems.
    Raises: DeviceMemoryError: one system alone does not fit.
    """
    systems = len(run.status)
    size, first = systems, 0
    while first < systems:
        part = slice(first, min(first + size, systems))
        try:
            found = work(part)
            fits = True
        except torch.cuda.OutOfMemoryError:
            fits = False
        if fits:
            if size == systems:
                run = found
            else:
                run.put(part, found)
            first = part.stop
            if progress:
                progress(first)
            continue
        torch.cuda.empty_cache()  # not while the error is handled: it holds what the failed batch allocated
        if size == 1:
            remedy = "Use fewer tokens, a larger GPU, or --device cpu."
            raise DeviceMemoryError("a system must fit the GPU's memory", "too little memory", "", remedy)
        size = -(-size // 2)
        print(f"s6flow: out of device memory, going on with batches of {size} systems", file=sys.stderr)
    return run
