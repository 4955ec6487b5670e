"""What the theory says of a trained network's weights: the audit of a run's checkpoint, as shares of its channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from s6flow.numeric.audit import audit

__all__ = ["audit_weights"]

Holds = Callable[[np.ndarray], np.ndarray]
# share of channels -> column of the audit and what of it is counted; an unknown flag is -1
_SHARES: dict[str, tuple[str, Holds]] = {
    "mu_negative": ("mu", lambda mu: mu < 0),
    "paper_setting": ("paper_setting", lambda flag: flag == 1),
    "one_sign": ("one_sign", lambda flag: flag == 1),
    "coexistence": ("dichotomy_can_fail", lambda flag: flag == 1),
    "coexistence_unknown": ("dichotomy_can_fail", lambda flag: flag == -1),
}


def audit_weights(path: Path) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Shares of channels [1] in the mean over layers, and by layer.

    Returns: for `mu_negative` (convergent), `paper_setting` and `one_sign` (where the paper's dichotomy applies),
        `coexistence` (mu > 0 and K < 0 at a step in reach: a token can die out while another blows up) and
        `coexistence_unknown` (undecided).
    """
    layers = [
        {share: float(np.mean(holds(np.asarray(layer.columns[column])))) for share, (column, holds) in _SHARES.items()}
        for layer in audit(str(path)).layers
    ]
    return {share: float(np.mean([layer[share] for layer in layers])) for share in _SHARES}, layers
