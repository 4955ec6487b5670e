"""The `certified` column: verdicts on the dichotomy in ball arithmetic, where python-flint is installed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from s6flow.numeric.criteria.certify import certify_K
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.weights import S6Layer

__all__ = ["CERTIFIED", "certified_column"]

CERTIFIED = ("not asked", "holds", "fails", "inconclusive")


def certified_verdict(layer: S6Layer, channel: int) -> str:
    """Whether K >= 0 on every step in reach, from certified roots and signs of K."""
    s = float(layer.s[channel])
    certificate = certify_K(layer.mu_n[channel], layer.a[channel], s, float(layer.b[channel]), layer.floor)
    fails = certificate.dichotomy_can_fail(s)
    if fails:
        return "fails"
    # With s = 0 the certificate speaks of Delta(0) alone, tokens further on feel its multiples.
    return "holds" if fails is False and (s != 0 or certificate.descartes == 0) else "inconclusive"


def certified_column(layer: S6Layer, mu: Float64[np.ndarray, " channel"], certify: bool) -> Labels:
    """Certificates of the channels with mu > 0 of a layer without projection biases; "not asked" elsewhere.

    Raises: MissingDependencyError: if certificates are asked for and python-flint is not installed.
    """
    codes = np.zeros(layer.channels, dtype=np.uint8)
    for channel in np.flatnonzero(mu > 0) if certify and not layer.affine else ():
        codes[channel] = CERTIFIED.index(certified_verdict(layer, int(channel)))
    return Labels(codes, CERTIFIED)
