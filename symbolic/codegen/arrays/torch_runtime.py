"""What generated PyTorch code calls; differentiable, on any device, float32 and float64."""

from __future__ import annotations

import math

import torch

from s6flow.symbolic.codegen.arrays.numpy import sum_error

__all__ = ["math", "maximum", "minimum", "product_error", "scan", "shift", "sum_error", "where"]


def scan(gate: torch.Tensor | float, increment: torch.Tensor | float, axis: int) -> torch.Tensor:
    """f_l = gate_l f_{l-1} + increment_l along `axis`; out of place, so that autograd can go through it."""
    gates, increments = torch.broadcast_tensors(*_pair(gate, increment))
    return _scan(gates.movedim(axis, 0), increments.movedim(axis, 0)).movedim(0, axis)


def _scan(gate: torch.Tensor, increment: torch.Tensor) -> torch.Tensor:
    length = increment.shape[0]
    if length < 2:
        return increment
    even = slice(0, length - 1, 2)
    odd = _scan(gate[1::2] * gate[even], gate[1::2] * increment[even] + increment[1::2])
    rest = gate[2::2] * odd[: (length - 1) // 2] + increment[2::2]
    firsts = torch.cat([increment[:1], rest])
    paired = torch.stack([firsts[: odd.shape[0]], odd], dim=1).flatten(0, 1)
    return paired if length % 2 == 0 else torch.cat([paired, firsts[-1:]])


def shift(x: torch.Tensor, axis: int) -> torch.Tensor:
    """The value at the previous position along `axis`; 0 at the first."""
    moved = x.movedim(axis, 0)
    return torch.cat([torch.zeros_like(moved[:1]), moved[:-1]]).movedim(0, axis)


def _pair(x: torch.Tensor | float, y: torch.Tensor | float) -> tuple[torch.Tensor, torch.Tensor]:
    like = x if isinstance(x, torch.Tensor) else y
    assert isinstance(like, torch.Tensor), "one of two arguments is an array"
    # a number is written on the device itself: nothing is sent there, so CUDA graphs can record it
    found = (v.to(like) if isinstance(v, torch.Tensor) else like.new_full((), v) for v in (x, y))
    return next(found), next(found)


def maximum(x: torch.Tensor | float, y: torch.Tensor | float) -> torch.Tensor:
    """Larger of two, either of which may be a number."""
    return torch.maximum(*_pair(x, y))


def minimum(x: torch.Tensor | float, y: torch.Tensor | float) -> torch.Tensor:
    """Smaller of two, either of which may be a number."""
    return torch.minimum(*_pair(x, y))


def where(condition: torch.Tensor | bool, x: torch.Tensor | float, y: torch.Tensor | float) -> torch.Tensor:
    """Choice by condition; the arguments may be numbers."""
    if not isinstance(x, torch.Tensor) and not isinstance(y, torch.Tensor):
        x = torch.full_like(torch.as_tensor(condition), x, dtype=torch.float64)
    x, y = _pair(x, y)
    return torch.where(torch.as_tensor(condition, device=x.device), x, y)


def product_error(x: torch.Tensor | float, y: torch.Tensor | float) -> torch.Tensor:
    """x y - fl(x y): through float64 for float32, by Dekker's splitting for float64; one of the two may be a number."""
    x, y = _pair(x, y)
    product = x * y
    if product.dtype == torch.float32:
        return (x.double() * y.double() - product.double()).float()
    xh, yh = _high(x), _high(y)
    xl, yl = x - xh, y - yh
    return ((xh * yh - product) + xh * yl + xl * yh) + xl * yl


def _high(x: torch.Tensor) -> torch.Tensor:
    scaled = 134217729.0 * x
    return scaled - (scaled - x)
