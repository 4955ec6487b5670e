"""Measurements of the hidden state: gates and updates in rounded numbers, and the own term's moments on data."""

from __future__ import annotations

import numpy as np

from s6flow.numeric.checks.shared import Array, Checkable, Data, Observed

__all__ = ["own_term", "rounded", "rounding"]


def rounded(value: Array, bits: Array) -> Array:
    """The nearest numbers with `bits` bits, ties to even; exponents of any size, so that nothing is subnormal."""
    mantissa, exponent = np.frexp(value)  # 1/2 <= |mantissa| < 1
    scale = np.exp2(bits)
    return np.asarray(np.ldexp(np.rint(mantissa * scale) / scale, exponent))


def rounding(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """What rounding to `bits` leaves of a gate and of an update."""
    bits = np.asarray(data["bits"])
    gate = np.exp(-np.asarray(data["decay"]) * np.asarray(data["width"]))
    held = rounded(np.asarray(data["h_state"]), bits)
    moved = rounded(held + np.asarray(data["update"]), bits)
    return {
        "bits_lost": ((1 - rounded(gate, bits)) * np.exp2(bits))[:, None],
        "h_rounded": held[:, None],
        "bits_moved": (np.abs(moved - held) / np.abs(held) * np.exp2(bits))[:, None],
    }


def own_term(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """tr(M Sigma) and m^T M m of the tokens up to each, with M formed on purpose: a check compares with it."""
    x = np.asarray(data["x"])
    M = np.einsum("bnd,bne->bde", np.asarray(data["S_C"]), np.asarray(data["S_B"]))
    trace, mean = np.empty(x.shape[:2]), np.empty(x.shape[:2])
    for count in range(1, x.shape[1] + 1):
        seen = x[:, :count]
        m = seen.mean(axis=1)
        apart = seen - m[:, None]
        covariance = np.einsum("bld,ble->bde", apart, apart) / count
        trace[:, count - 1] = np.einsum("bde,bed->b", M, covariance)
        mean[:, count - 1] = np.einsum("bd,bde,be->b", m, M, m)
    return {"trace_term": trace[:, None], "mean_term": mean[:, None]}
