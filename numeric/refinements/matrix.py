r"""The matrix forms: S_C^T S_B semidefinite as a quadratic form, ours and the published triangular one.

*What semidefinite costs.* Let M = S_C^T S_B (channel x channel, rank <= N) with x^T M x >= 0 for all x, and
S_B of full row rank. If S_B x = 0 then x^T M x = 0, so x minimises the form and (M + M^T) x = 0, that is
S_B^T (S_C x) = 0, hence S_C x = 0. So ker S_B lies in ker S_C and S_C = G S_B with an N x N matrix G: the C
rows *must* be combinations of the B rows. Of the 2 N D numbers N (D - N) are lost whatever the
parametrisation, and the property sits on a knife's edge: almost every perturbation of S_C (a rounding, say)
makes the form slightly indefinite. The channelwise form of `cone` loses nothing and survives rounding; use
this one only when the quadratic form of all channels at once is what is wanted.

*Ours.* S_C = G S_B, G = L J L^T + (T - T^T), L and T any N x N matrices, J = diag(+-1). Then M = S_B^T G^T
S_B and x^T M x = (L^T S_B x)^T J (L^T S_B x): positive semidefinite for J = I, negative for J = -I, and for
the mixed J (half the signs flipped) with as many positive as negative eigenvalues of sym(M) when L and S_B
have full rank (Sylvester). The nonzero eigenvalues of M are those of S_B S_B^T G^T: for J = I in the closed
right half plane. In particular sign mu_d holds for every channel, as mu_d = e_d^T M e_d.

*Nearest (right inverse).* S_B is kept. Among all S_C = G S_B with the wished signature, the one whose M is
nearest in the Frobenius norm to the
given M: with K = S_B S_B^T, |M|_F = |K^(1/2) G K^(1/2)|_F, symmetric and skew parts are orthogonal, and the
nearest symmetric matrix with prescribed signs of its ordered eigenvalues clips them (Hoffman and Wielandt).
Rows of S_C outside the row space of S_B contribute a constant.

*Published.* P = unit upper triangular N x D from the B rows, S_C = P, S_B = diag(softplus(.) + offset) P, the
diagonal from the first N diagonal entries of the C rows. Negative: S_B = -diag(..) P; mixed: alternate signs
in the diagonal. M = P^T diag(..) P is symmetric. The lower triangle of the B rows
and nearly all C rows have no effect, and no right inverse exists: a pretrained weight becomes the raw value,
not the result. A weight that has this form already (`published_raw`) gives back the numbers that had an effect.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["gain_parts", "psd_gain", "published_raw", "published_rows", "signature"]


def signature(scenario: str, size: int, like: Tensor) -> Float[Tensor, " size"]:
    """+1, -1 or alternating signs, of the type and on the device of `like`: alternating, so that the mixed case is blind
    to the order of channels and of a_n."""
    if scenario == "mixed":
        return 1.0 - 2.0 * (torch.arange(size, device=like.device) % 2).to(like.dtype)
    return torch.full((size,), -1.0 if scenario == "negative" else 1.0, dtype=like.dtype, device=like.device)


def psd_gain(
    factor: Float[Tensor, "state state"], skew: Float[Tensor, "state state"], signs: Float[Tensor, " state"]
) -> Float[Tensor, "state state"]:
    """G = L J L^T + (T - T^T), with x^T G x = (L^T x)^T J (L^T x)."""
    return (factor * signs) @ factor.mT + (skew - skew.mT)


def gain_parts(
    s_b: Float[Tensor, "state channel"], s_c: Float[Tensor, "state channel"], signs: Tensor, margin: float
) -> tuple[Float[Tensor, "state state"], Float[Tensor, "state state"]]:
    """L and T of the G whose M = S_B^T G^T S_B is nearest to S_C^T S_B in the Frobenius norm, S_B kept.

    Args:
        s_b, s_c: the given rows [1], float64.
        signs: J, shape (state,).
        margin: eigenvalues are clipped at margin times the largest |eigenvalue|, away from 0.
    Numerics: K = S_B S_B^T by eigh; directions below 1e-12 of the largest are treated as that small, not as
        zero.
    """
    energy, basis = torch.linalg.eigh(s_b @ s_b.mT)
    top = torch.where(energy.max() > 0, energy.max(), torch.ones_like(energy[0]))
    root = energy.clamp_min(1e-12 * top).sqrt()
    half, inverse = (basis * root) @ basis.mT, (basis / root) @ basis.mT
    target = half @ (s_c @ s_b.mT) @ inverse  # K^(1/2) G0 K^(1/2) for the least-squares G0 = S_C S_B^T K^(-1)
    values, vectors = torch.linalg.eigh((target + target.mT) / 2)
    least = margin * values.abs().max()
    least = torch.where(least > 0, least, margin * top)
    order = torch.argsort(values, descending=True)
    slots = torch.argsort(signs, descending=True, stable=True)  # largest eigenvalues to the + places of J
    placed = torch.empty_like(order)
    placed[slots] = order
    values, vectors = values[placed], vectors[:, placed]
    size = torch.maximum(values * signs, least)
    factor = inverse @ (vectors * size.sqrt())
    skew = inverse @ ((target - target.mT) / 4) @ inverse
    return factor, skew


def published_rows(
    b_rows: Float[Tensor, "state channel"],
    c_rows: Float[Tensor, "state channel"],
    signs: Tensor,
    offset: float,
) -> tuple[Float[Tensor, "state channel"], Float[Tensor, "state channel"]]:
    """(S_B, S_C) of the published form from the raw B and C rows."""
    states, channels = b_rows.shape
    unit = torch.eye(states, channels, dtype=b_rows.dtype, device=b_rows.device)
    triangular = torch.triu(b_rows, diagonal=1) + unit
    scale = signs * (softplus(torch.diagonal(c_rows)) + offset)
    return scale[:, None] * triangular, triangular


def published_raw(
    s_b: Float[Tensor, "state channel"],
    s_c: Float[Tensor, "state channel"],
    signs: Tensor,
    offset: float,
    room: float,
) -> tuple[Float[Tensor, "state channel"], Float[Tensor, "state channel"]]:
    """Raw B and C rows of the published form that give (S_B, S_C), where they have that form.

    Args:
        s_b, s_c: saved rows [1], float64.
        signs, offset: as in `published_rows`.
        room: the least diagonal that counts, relative to the offset: what rounding has left of a softplus near 0.
    Returns: the numbers that have an effect; the others are 0.
    """
    scale = (signs * torch.diagonal(s_b) - offset).clamp_min(max(room * offset, torch.finfo(s_b.dtype).tiny))
    raw = scale + torch.log(-torch.expm1(-scale))  # softplus(raw) = scale
    c_rows = torch.zeros_like(s_c)
    torch.diagonal(c_rows).copy_(raw)
    return torch.triu(s_c, diagonal=1), c_rows
