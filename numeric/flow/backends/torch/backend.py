"""The PyTorch backend: equations of the user's own, whole batches at once, on the GPU where there is one.

An output is landed on to 1e-7 (1 + theta) in theta = ln(1 + t/t0); everything else is in float64 with the pair and the step control of the CPU.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from s6flow.errors import FormatError
from s6flow.numeric.flow.backends.halving import halving
from s6flow.numeric.flow.backends.torch.adaptive import Flow, integrate_batched
from s6flow.numeric.flow.equation import KIND, LARGEST_LOG_RATE
from s6flow.numeric.flow.problem import Problem, Run
from s6flow.numeric.flow.step_control import DRIVER
from s6flow.numeric.flow.tableau import PAIRS
from s6flow.symbolic.codegen.module import generate

__all__ = ["solve", "systems_flow"]


def solve(problem: Problem) -> Run:
    """Advance every system to the horizon, to its blow-up, or to a reported failure.

    Args:
        problem: the batch, of an equation; one that does not fit a GPU's memory is halved.
    Returns: the run of every system.
    Raises: FormatError: other coordinates. DeviceMemoryError: one system alone does not fit.
    Numerics: as numeric.flow.backends.torch.adaptive, with DOP853 and the 2-norm in the clock.
    """
    if not problem.coordinates.name.startswith(KIND):
        name = problem.coordinates.name
        raise FormatError("the torch backend integrates equations", name, "backend", "Use backend='numpy'.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def work(part: slice) -> Run:
        start = _sent(problem.start[part], device)
        targets = _sent(problem.targets, device)
        return integrate_batched(systems_flow(problem, part, device), start, targets, problem.rtol, problem.max_steps)

    run = Run.empty(len(problem.start), len(problem.targets), problem.start.shape[1])
    return halving(run, work, problem.progress) if len(problem.start) else run


def _sent(value: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(value, dtype=np.float64)).to(device)


def systems_flow(problem: Problem, part: slice, device: torch.device) -> Flow:
    """The velocity and the sizes of some of the systems."""
    rate = generate(problem.coordinates.program(), "torch", "fast")
    count, folds = part.stop - part.start, problem.coordinates.name == f"{KIND}-asinh"
    arrays = {}
    for name, value in problem.arrays.items():
        own = name in problem.per_system
        arrays[name] = _sent(value[part] if own else np.broadcast_to(value, (count, *value.shape)), device)

    def velocity(w: Tensor, index: Tensor) -> Tensor:
        values = {name: value[index] for name, value in arrays.items()} | {"w": w}
        if "time" in rate.inputs:
            values["time"] = values["unit"][:, 0] * torch.sinh(w[:, 0])
        return torch.broadcast_to(rate(*(values[name] for name in rate.inputs)), w.shape)

    def log_size(w: Tensor, index: Tensor) -> Tensor:
        size = ((w.abs() if folds else w) + arrays["log_unit"][index]).amax(dim=1) - math.log(2.0)
        fast = velocity(w, index).abs().amax(dim=1) >= math.exp(LARGEST_LOG_RATE)
        return size.masked_fill(fast, torch.inf)

    return Flow(velocity, log_size, problem.log_limit, True, -torch.inf, pair=PAIRS["DOP853"], control=DRIVER)
