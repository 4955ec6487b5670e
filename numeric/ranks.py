"""One ensemble over the ranks of a torchrun, a GPU each: every rank integrates its share, and all have the whole result.

    torchrun --standalone --nproc-per-node 2 study.py      # where study.py calls integrate(x0, params, backend=on_ranks("triton"))

Systems go to ranks in turn, so that slow ones, which often stand side by side in a grid, are shared out as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.numeric.flow.backends import load_backend
from s6flow.numeric.flow.problem import Problem, Run

__all__ = ["on_ranks", "ranks", "share_of_rank"]

Solver = Callable[[Problem], Run]


def ranks() -> tuple[int, int]:
    """This process' rank and how many there are, as torchrun has set them; (0, 1) without it.

    Raises: FormatError: they are no such numbers.
    """
    found = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not all(word.isdecimal() for word in found) or not int(found[0]) < int(found[1]):
        raise FormatError(
            "RANK and WORLD_SIZE must be whole numbers, RANK the smaller", found, "", "Start by torchrun."
        )
    return int(found[0]), int(found[1])


def share_of_rank() -> slice:
    """The systems of this rank, for who keeps the results apart: x0[share_of_rank()] of any batch."""
    rank, size = ranks()
    return slice(rank, None, size)


def on_ranks(backend: str | Solver = "triton") -> Solver:
    """A backend that shares the systems out over the ranks; every rank must call it with the same batch.

    Args:
        backend: a key of `BACKENDS`, or a solver, for the share of one rank; on GPUs each rank has its own.
    Returns: for `integrate(backend=...)`. Progress is that of the rank's own share.
    """
    solver = backend if callable(backend) else load_backend(backend)

    def solve(problem: Problem) -> Run:
        rank, size = ranks()
        if size == 1:
            return solver(problem)
        _take_device(rank)
        run = solver(_some(problem, slice(rank, None, size)))
        whole = Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])
        for other, part in enumerate(_gathered(run, len(problem.start), size)):
            whole.put(slice(other, None, size), part)
        return whole

    return solve


def _some(problem: Problem, rows: slice) -> Problem:
    arrays = {k: v[rows] if k in problem.per_system else v for k, v in problem.arrays.items()}
    return replace(problem, start=problem.start[rows], arrays=arrays)


def _take_device(rank: int) -> None:
    """Kernels are launched on this rank's own GPU, where there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())


def _gathered(run: Run, systems: int, size: int) -> list[Run]:
    """The runs of all ranks, by rank; shares differ by one system at most, which is filled up on the way."""
    import torch
    import torch.distributed as dist

    group = _group()
    longest = -(-systems // size)
    found: list[dict[str, Any]] = [{} for _ in range(size)]
    for item in fields(run):
        own = getattr(run, item.name)
        sent = np.zeros((longest, *own.shape[1:]), own.dtype)
        sent[: len(own)] = own
        parts = [torch.from_numpy(np.empty_like(sent)) for _ in range(size)]
        dist.all_gather(parts, torch.from_numpy(sent), group=group)
        for rank, part in enumerate(parts):
            found[rank][item.name] = part.numpy()[: len(range(rank, systems, size))]
    return [Run(**rows) for rows in found]


_GROUPS: list[Any] = []


def _group() -> Any:
    """The ranks as they exchange arrays of the host; made once, beside what the program has set up itself."""
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group("gloo")
    if not _GROUPS:
        _GROUPS.append(dist.new_group(backend="gloo"))
    return _GROUPS[0]
