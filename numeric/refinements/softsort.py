"""Sorting tokens by a score, hard or by SoftSort, and undoing it.

SoftSort (Prillo and Eisenschlos 2020), ascending: row i of the relaxed permutation matrix is
softmax_j(-|s_(i) - s_j|^p / tau), s_(i) being the i-th smallest score. As tau -> 0 it tends to the
permutation matrix of the sort when scores are distinct; tied tokens are averaged, while the hard form keeps
their order. Tokens that a mask marks as padding go last, in their old order, and mix with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from s6flow.errors import FormatError

__all__ = ["Reordering", "hard_order", "reordering", "soft_permutation"]


def hard_order(
    scores: Float[Tensor, "batch token"], mask: Bool[Tensor, "batch token"] | None = None
) -> Int[Tensor, "batch token"]:
    """Stable ascending order of the scores; masked-out tokens last. O(token log token)."""
    keys = scores if mask is None else scores.masked_fill(~mask, torch.inf)
    return torch.argsort(keys, dim=-1, stable=True)


def soft_permutation(
    scores: Float[Tensor, "batch token"],
    tau: float = 1.0,
    p: float = 1.0,
    mask: Bool[Tensor, "batch token"] | None = None,
) -> Float[Tensor, "batch token token"]:
    """SoftSort's row-stochastic matrix; row i holds the weights of the tokens that make up place i.

    Args:
        scores: importance [1], any values.
        tau: temperature > 0.
        p: exponent > 0 of the distance.
        mask: True for real tokens.
    Raises: FormatError: tau or p not positive.
    """
    if tau <= 0 or p <= 0:
        raise FormatError("SoftSort needs tau > 0 and p > 0", f"tau = {tau}, p = {p}", "soft_permutation")
    scores = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    order = hard_order(scores, mask)
    ranked = scores.gather(-1, order)
    gap = (ranked.unsqueeze(-1) - scores.unsqueeze(-2)).abs()
    if p != 1.0:
        gap = torch.where(gap > 0, gap, torch.ones_like(gap)) ** p * (gap > 0)  # 0^p has no gradient for p < 1
    logits = -gap / tau
    if mask is None:
        return torch.softmax(logits, dim=-1)
    soft = torch.softmax(logits.masked_fill(~mask.unsqueeze(-2), torch.finfo(logits.dtype).min), dim=-1)
    places = torch.arange(scores.shape[-1], device=scores.device)
    fixed = (order.unsqueeze(-1) == places).to(soft.dtype)
    return torch.where(mask.gather(-1, order).unsqueeze(-1), soft, fixed)


@dataclass(frozen=True)
class Reordering:
    """A sort that was decided on, to be applied to any token-wise tensor of the same batch.

    Args:
        order: the hard order, shape (batch, token).
        matrix: SoftSort's matrix, or None for the hard sort.
        exact: with a matrix: keep the hard values and take the matrix for gradients only (straight through).
    """

    order: Int[Tensor, "batch token"]
    matrix: Float[Tensor, "batch token token"] | None = None
    exact: bool = False

    def _mix(self, matrix: Tensor, values: Tensor) -> Tensor:
        return (matrix.to(values.dtype) @ values).to(values.dtype)

    def _apply(self, index: Tensor, matrix: Tensor | None, values: Tensor) -> Tensor:
        if matrix is not None and not self.exact:
            return self._mix(matrix, values)
        hard = values.gather(1, index.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
        if matrix is None:
            return hard
        soft = self._mix(matrix, values.detach())
        return hard + (
            soft - soft.detach()
        )  # the bracket is exactly zero: values of the hard sort, scores' gradient of the soft one

    def sort(self, values: Float[Tensor, "batch token channel"]) -> Float[Tensor, "batch token channel"]:
        """Tokens by ascending score."""
        return self._apply(self.order, self.matrix, values)

    def unsort(self, values: Float[Tensor, "batch token channel"]) -> Float[Tensor, "batch token channel"]:
        """Back to the places the tokens came from.

        Exact for the hard sort. For SoftSort the transpose with its rows rescaled to sum 1: each token
        collects the places it was spread over; it tends to the exact inverse as tau -> 0 (a SoftSort matrix
        has no stable inverse).
        """
        matrix = self.matrix
        if matrix is not None:
            back = matrix.mT
            matrix = back / back.sum(-1, keepdim=True).clamp_min(torch.finfo(back.dtype).tiny)
        return self._apply(torch.argsort(self.order, dim=-1), matrix, values)


def reordering(
    scores: Float[Tensor, "batch token"],
    mode: str = "hard",
    tau: float = 1.0,
    p: float = 1.0,
    mask: Bool[Tensor, "batch token"] | None = None,
) -> Reordering:
    """Decide on a sort.

    Args:
        scores: importance [1]; ascending.
        mode: `hard` (O(token) memory, no gradient to the scores), `soft` (SoftSort), `straight-through` (hard
            values, soft gradient).
        tau, p: SoftSort's temperature and exponent.
        mask: True for real tokens.
    """
    order = hard_order(scores.detach(), mask)
    if mode == "hard":
        return Reordering(order)
    return Reordering(order, soft_permutation(scores, tau, p, mask), exact=mode == "straight-through")
