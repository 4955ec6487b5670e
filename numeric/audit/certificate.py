"""The `certified` column: verdicts on the dichotomy in interval arithmetic, where the library for it is there."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from s6flow.numeric.audit.labels import Labels
from s6flow.numeric.weights import S6Layer
from s6flow.symbolic.errors import MissingDependencyError

__all__ = ["CERTIFIED", "CERTIFIER", "certified_column"]

#: "module:function"; called as certify_K(mu=..., a=..., s=..., b=..., floor=...) for one channel with mu > 0, it
#: returns "holds" (K >= 0 on every step in reach), "fails" (K < 0 somewhere) or "inconclusive".
CERTIFIER = "s6flow.numeric.checks:certify_K"
CERTIFIED = ("not asked", "holds", "fails", "inconclusive")


def _certifier() -> Callable[..., str]:
    module, name = CERTIFIER.split(":")
    try:
        function: Callable[..., str] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(
            "--certify needs interval arithmetic", error, "", "Run pip install 's6flow[rigorous]'."
        ) from None
    return function


def certified_column(layer: S6Layer, columns: dict[str, np.ndarray | Labels], certify: bool) -> Labels:
    """Certificates of the channels with mu > 0 of a layer without projection biases; "not asked" elsewhere.

    Raises: MissingDependencyError: if certificates are asked for and cannot be had.
    """
    codes = np.zeros(layer.channels, dtype=np.uint8)
    if certify:
        certifier = _certifier()
        mu = columns["mu"]
        assert isinstance(mu, np.ndarray), "mu holds numbers"
        for channel in np.flatnonzero(mu > 0) if not layer.affine else ():
            verdict = certifier(
                mu=layer.mu_n[channel],
                a=layer.a[channel],
                s=float(layer.s[channel]),
                b=float(layer.b[channel]),
                floor=layer.floor,
            )
            codes[channel] = CERTIFIED.index(str(verdict))
    return Labels(codes, CERTIFIED)
