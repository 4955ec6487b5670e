r"""The default form: every channel's mu has the wished sign, for any parameter values, and no row is wasted.

Let b = S_B[:, d] and c = S_C[:, d] be one channel's columns (form `channel`), or one pair of entries (form
`entry`), and u = (c + b)/sqrt 2, v = (c - b)/sqrt 2. Then b.c = (|u|^2 - |v|^2)/2 and |b|^2 + |c|^2 = |u|^2 +
|v|^2, so that

    b.c >= rho (|b|^2 + |c|^2)/2     <=>     |v| <= kappa |u|,   kappa = sqrt((1 - rho)/(1 + rho)):

a cone. The margin rho is relative on purpose: rounding every entry by a factor 1 + O(eps) moves b.c by at
most (2 eps + eps^2)(|b|^2 + |c|^2)/2, so any rho > 2 eps + eps^2 keeps the *computed* sign of mu. bfloat16
has eps = 2^-8.

*Squash (forward).* u is free and v |-> v kappa |u| / sqrt(|v|^2 + kappa^2 |u|^2), whose length is below kappa
|u| for every v: the cone of the margin `floor` holds for any parameter values. The map is homogeneous of
degree one, smooth away from u = 0, and a bijection from {u != 0} onto the open cone: all 2 N D numbers stay
free and no gradient direction dies. (A projection used as the forward map would lose the direction normal to
the boundary, and a layer that once left the feasible set could not come back in.)

*Nearest (right inverse).* The Euclidean projection of (b, c) onto the closed cone of the margin `margin` >
`floor`. Only r = |u| and s = |v| matter (moving u or v off its own ray only adds distance), and in the (r, s)
quarter plane the set is a wedge: a point with s > kappa r goes to the foot on the ray (1, kappa), t = (r +
kappa s)/(1 + kappa^2), giving |u| = t, |v| = kappa t. If u = 0 every direction of u is equally near; v's is
taken. Then the squash is inverted exactly, s' = s / sqrt(1 - (s/(kappa_floor r))^2), finite since `margin` >
`floor`. So squash(right inverse (W)) is W when W already holds the margin, and the nearest such weights else;
channels (entries) do not interact, so nearest per channel is nearest for the whole weight in the Frobenius
norm.

*Recovery.* Weights that a constrained layer saved need not hold `margin`: training moves them down to `floor`. A
group that lies in the cone of `floor`, up to `REACH`, is inverted as it is, so that it comes back to rounding; the
others are projected as above.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["REACH", "cone_slope", "nearest_pair", "recover_pair", "squash_pair", "unsquash_pair"]

#: How far outside of what a constraint reaches a weight may lie, relative to its size, to count as saved under it: twice
#: bfloat16's largest rounding error, the coarsest format that a constrained weight is saved in.
REACH = 2.0**-7

Pair = tuple[Float[Tensor, "state channel"], Float[Tensor, "state channel"]]


def cone_slope(margin: float) -> float:
    """kappa, the slope of the cone |v| <= kappa |u| that belongs to a relative margin rho in [0, 1)."""
    return math.sqrt((1.0 - margin) / (1.0 + margin))


def _rotate(b: Tensor, c: Tensor) -> Pair:
    return (c + b) / math.sqrt(2.0), (c - b) / math.sqrt(2.0)


def _unrotate(u: Tensor, v: Tensor) -> Pair:
    return (u - v) / math.sqrt(2.0), (u + v) / math.sqrt(2.0)


def _scale(b: Tensor, c: Tensor, entrywise: bool) -> Tensor:
    """A positive factor per group against overflow; constant for autograd, by homogeneity."""
    size = torch.maximum(b.detach().abs(), c.detach().abs())
    size = size if entrywise else size.amax(0, keepdim=True)
    return torch.where(size > 0, size, torch.ones_like(size))


def _square(x: Tensor, entrywise: bool) -> Tensor:
    return x * x if entrywise else (x * x).sum(0, keepdim=True)


def squash_pair(b: Tensor, c: Tensor, floor: float, entrywise: bool) -> Pair:
    """Map any (b, c) into the open cone of the relative margin `floor`; see the module's text.

    Args:
        b, c: raw columns [1], any values, shape (state, channel).
        floor: relative margin rho in [0, 1).
        entrywise: group by entry (every mu_n) or by channel (mu).
    """
    kappa = cone_slope(floor)
    scale = _scale(b, c, entrywise)
    u, v = _rotate(b / scale, c / scale)
    r2, s2 = _square(u, entrywise), _square(v, entrywise)
    total = s2 + kappa**2 * r2
    live = (r2 > 0) & (total > 0)
    # the double where keeps sqrt's infinite slope at 0 out of the gradient
    ratio = torch.where(live, r2, torch.ones_like(r2)) / torch.where(live, total, torch.ones_like(total))
    factor = torch.where(live, kappa * torch.sqrt(ratio), torch.zeros_like(ratio))
    low, high = _unrotate(u, v * factor)
    return low * scale, high * scale


def nearest_pair(b: Tensor, c: Tensor, margin: float, entrywise: bool) -> Pair:
    """Euclidean projection of (b, c) onto the closed cone of the margin `margin`; see the module's text."""
    kappa = cone_slope(margin)
    scale = _scale(b, c, entrywise)
    u, v = _rotate(b / scale, c / scale)
    r, s = _square(u, entrywise).sqrt(), _square(v, entrywise).sqrt()
    foot = (r + kappa * s) / (1.0 + kappa**2)
    direction_v = v / torch.where(s > 0, s, torch.ones_like(s))
    direction_u = torch.where(r > 0, u / torch.where(r > 0, r, torch.ones_like(r)), direction_v)
    low, high = _unrotate(direction_u * foot, direction_v * kappa * foot)
    inside = s <= kappa * r
    return torch.where(inside, b, low * scale), torch.where(inside, c, high * scale)


def recover_pair(b: Tensor, c: Tensor, floor: float, margin: float, entrywise: bool, room: float) -> Pair:
    """Raw columns of saved ones: exact where they lie in the cone of `floor`, of the nearest in that of `margin` elsewhere.

    Args:
        b, c: saved columns [1], shape (state, channel).
        floor, margin: relative margins, floor < margin.
        entrywise: as in `squash_pair`.
        room: least 1 - (|v|/(kappa |u|))^2 that counts, the spacing of the raw format at 1: on the cone's boundary
            itself the inverse is infinite.
    """
    kappa = cone_slope(floor)
    scale = _scale(b, c, entrywise)
    u, v = _rotate(b / scale, c / scale)
    r2, s2 = _square(u, entrywise), _square(v, entrywise)
    reached = s2.sqrt() <= kappa * r2.sqrt() + REACH * (r2 + s2).sqrt()
    near_b, near_c = nearest_pair(b, c, margin, entrywise)
    return unsquash_pair(torch.where(reached, b, near_b), torch.where(reached, c, near_c), floor, entrywise, room)


def unsquash_pair(b: Tensor, c: Tensor, floor: float, entrywise: bool, room: float = 0.0) -> Pair:
    """The raw columns that `squash_pair` sends to (b, c), which must lie inside the open cone of `floor`; see
    `recover_pair` for `room`.
    """
    kappa = cone_slope(floor)
    scale = _scale(b, c, entrywise)
    u, v = _rotate(b / scale, c / scale)
    r2, s2 = _square(u, entrywise), _square(v, entrywise)
    share = s2 / (kappa**2 * torch.where(r2 > 0, r2, torch.ones_like(r2)))
    low, high = _unrotate(u, v / torch.sqrt((1.0 - share).clamp_min(room)))
    return low * scale, high * scale
