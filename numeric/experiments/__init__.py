"""Honest experiments on the two refinements: language modelling and classification, with confounds
controlled.

Names load what they need when first used: the shipped checkpoints beside this file need no PyTorch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(("prepare", "run_experiment", "run_lm", "run_reorder"), "launch"),
    **dict.fromkeys(("Config", "config_names", "load_config"), "config"),
    **dict.fromkeys(("shipped_checkpoint", "shipped_names"), "checkpoints"),
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
