"""Gates exp(-a Delta) that round to one, by format: counted as a device rounds them, and as `gate-rounding` says from the steps."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s6flow.numeric.health.numbers import FORMATS
from s6flow.symbolic import state as st
from s6flow.symbolic.codegen.module import generate

__all__ = ["ABOVE", "ROUNDED", "count_from", "least_ones", "quantity", "rounding_sums"]

#: The formats of `health.FORMATS`, in that order.
ROUNDED = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
#: a Delta beyond this many times 2^-(p+1) does not round to one: the 1.01 (1 + 2^-(p+1)) of `gate-rounding`, rounded up.
ABOVE = 1.02


def quantity(name: str, **values: Any) -> np.ndarray:
    """A number of `symbolic.state`, in float64."""
    function = generate(st.quantity(name))
    with np.errstate(all="ignore"):
        return np.asarray(function(*(values[key] for key in function.inputs)), dtype=np.float64)


@cache
def least_ones(device: str) -> tuple[float, ...]:
    """The least float64 that a device rounds to one, by format: rounding keeps the order, so from there on all gates do."""
    found = []
    for dtype in ROUNDED.values():
        low, high = 0.5, 1.0
        while (middle := (low + high) / 2) not in (low, high):
            one = torch.tensor(middle, dtype=torch.float64, device=device).to(dtype) == 1
            low, high = (low, middle) if one else (middle, high)
        found.append(high)
    return tuple(found)


def count_from(gates: Tensor, least: float) -> Tensor | int:
    """Gates that are no less; on a processor NumPy counts them five times as fast."""
    return (gates >= least).sum() if gates.is_cuda else int(np.count_nonzero(gates.numpy() >= least))


def rounding_sums(step: Tensor, a: Tensor) -> dict[str, Tensor | float]:
    """How many gates `gate-rounding` says round to one, at least and at most, by format."""
    channels, rates = a.shape
    thresholds = [float(quantity("rounding_threshold", bits=float(FORMATS[key].bits))) for key in ROUNDED]
    ordered, gates = step.reshape(-1, channels).T, float(step.numel() * rates)
    if not step.is_cuda:  # sorted are only channels with a gate near one; choosing them would make a GPU wait
        near = ordered.amin(1) <= ABOVE * max(thresholds) / a.amin(1)
        ordered, a = ordered[near], a[near]
    ordered = ordered.contiguous().sort(dim=-1).values
    counts = []
    for factor in (1.0, ABOVE):
        ends = torch.cat([factor * value / a for value in thresholds], dim=-1)
        below = torch.searchsorted(ordered, ends, right=True).reshape(len(a), len(thresholds), rates)
        counts.append(below.sum((0, 2)))
    return {"rounded_low": counts[0], "rounded_high": counts[1], "gates": gates}
