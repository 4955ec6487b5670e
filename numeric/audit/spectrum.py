"""Signs of the eigenvalues of S_C^T S_B and of its symmetric part, without a channel x channel matrix (theory 11).

The nonzero eigenvalues of S_C^T S_B are those of the N x N matrix S_B S_C^T. The symmetric part is W^T J W with
W = [S_B; S_C] and J = [[0, I], [I, 0]] / 2, so its nonzero eigenvalues are those of R J R^T, of size 2N,
with W^T = Q R. If the 2N rows of W are independent, Sylvester's law gives it the signature of J: N positive and N
negative, whatever was learned. So an unconstrained layer with 2N <= D is never definite, and never even semidefinite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.threads import cross_product
from s6flow.numeric.thresholds import EIGENVALUE
from s6flow.numeric.weights import S6Layer

__all__ = ["INDEPENDENT", "Signature", "product_signature", "symmetric_signature"]

#: Least over largest eigenvalue of the products of rows, from where on their Cholesky factor stands for R: its relative error
#: is the inverse of it times that of R, so a thousand roundings; of dependent rows it would be the root of a rounding.
INDEPENDENT = 1e-3


@dataclass(frozen=True)
class Signature:
    """How many eigenvalues have positive, negative and zero real part, and the extreme real parts.

    Args:
        positive, negative, zero: counts, which add up to the number of channels.
        complex: eigenvalues that are not real.
        largest, smallest: real parts, over the nonzero eigenvalues and the zeros.
    """

    positive: int
    negative: int
    zero: int
    complex: int
    largest: float
    smallest: float


def _count(values: np.ndarray, scale: float, channels: int) -> Signature:
    """Signs beyond the rounding of a product of `channels` terms; channels - len(values) further zeros."""
    tolerance = EIGENVALUE * scale * np.finfo(np.float64).eps * channels
    real = np.real(values)
    positive = int(np.count_nonzero(real > tolerance))
    negative = int(np.count_nonzero(real < -tolerance))
    listed = np.append(real, 0.0) if channels > len(values) else real
    return Signature(
        positive,
        negative,
        channels - positive - negative,
        int(np.count_nonzero(np.abs(np.imag(values)) > tolerance)),
        float(listed.max()),
        float(listed.min()),
    )


def _scale(layer: S6Layer) -> float:
    """Product of the Frobenius norms of S_B and S_C; rows first, as one dot product of all starts threads."""
    rows = (np.linalg.norm(matrix, axis=1) for matrix in (layer.S_B, layer.S_C))
    return float(np.prod([np.linalg.norm(row) for row in rows]))


def product_signature(layer: S6Layer) -> Signature:
    """Eigenvalue signs of S_C^T S_B from the N x N matrix S_B S_C^T (or the D x D one when D < N)."""
    wide = layer.channels >= layer.states
    small = cross_product(layer.S_B, layer.S_C) if wide else layer.S_C.T @ layer.S_B
    return _count(np.linalg.eigvals(small), _scale(layer), layer.channels)


def symmetric_signature(layer: S6Layer) -> Signature:
    """Eigenvalue signs of the symmetric part of S_C^T S_B from a 2N x 2N matrix (or the D x D one when D < 2N)."""
    scale = _scale(layer)
    states, channels = layer.states, layer.channels
    if channels < 2 * states:
        product = layer.S_C.T @ layer.S_B
        return _count(np.linalg.eigvalsh((product + product.T) / 2), scale, channels)
    triangle = _factor(np.concatenate([layer.S_B, layer.S_C]))
    half = triangle[:, :states] @ triangle[:, states:].T
    return _count(np.linalg.eigvalsh((half + half.T) / 2), scale, channels)


def _factor(wide: Float64[np.ndarray, "column row"]) -> Float64[np.ndarray, "column column"]:
    """R of wide.T = Q R: from wide wide.T = R^T R where its rows are far from dependent, as that costs a fifth."""
    gram = cross_product(wide, wide)
    values = np.linalg.eigvalsh(gram)
    if values[0] > INDEPENDENT * values[-1]:
        return np.asarray(np.linalg.cholesky(gram).T)
    return triangular_factor(wide.T)


def triangular_factor(tall: Float64[np.ndarray, "row column"]) -> Float64[np.ndarray, "column column"]:
    """R of tall = Q R, by blocks of rows whose triangles are stacked and factored again.

    Blocks this small stay on one thread: for the whole matrix LAPACK starts all of them, at a hundred times the cost
    on busy cores.
    """
    columns = tall.shape[1]
    block = max(256, 4 * columns)
    while len(tall) > block:
        whole = len(tall) // block * block
        parts = np.asarray(np.linalg.qr(tall[:whole].reshape(-1, block, columns), mode="r")).reshape(-1, columns)
        tall = np.concatenate([parts, tall[whole:]])
    return np.asarray(np.linalg.qr(tall, mode="r"))
