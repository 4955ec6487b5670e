"""The conditions of the two experiments: what each changes in an otherwise equal model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from s6flow.numeric.refinements import TokenReorder, constrain, published_reorder, reorder

__all__ = ["CONDITIONS", "apply_condition"]

# language modelling: arguments of `constrain`
_SCENARIOS: dict[str, dict[str, Any]] = {
    "unconstrained": {"scenario": "unconstrained"},
    "published-positive": {"scenario": "positive", "form": "published"},
    "published-negative": {"scenario": "negative", "form": "published"},
    "published-mixed": {"scenario": "mixed", "form": "published"},
    # the confound: as published only the mixed form has no offset
    "published-mixed-offset": {"scenario": "mixed", "form": "published", "offset": 0.7},
    "published-positive-no-offset": {"scenario": "positive", "form": "published", "offset": 0.0},
    **{
        f"{form}-{scenario}": {"scenario": scenario, "form": form}
        for form in ("channel", "entry", "matrix")
        for scenario in ("positive", "negative", "mixed")
    },
}

# reordering: makers of a `TokenReorder`, each one step away from a neighbour
_ORDERS: dict[str, Callable[[int], TokenReorder] | None] = {
    "none": None,
    "published": published_reorder,
    "bias-once": lambda channels: TokenReorder(channels, "linear", "soft", unsort=False),
    "unsorted": lambda channels: TokenReorder(channels, "linear", "soft"),
    "hard": lambda channels: TokenReorder(channels, "linear", "straight-through"),
    "growth": lambda channels: TokenReorder(channels, "growth", "hard"),
    "axis-growth": lambda channels: TokenReorder(channels, "axis-growth", "hard"),
    "random": lambda channels: TokenReorder(channels, "random", "hard"),
}

CONDITIONS: dict[str, tuple[str, ...]] = {"lm": tuple(_SCENARIOS), "reorder": tuple(_ORDERS)}


def apply_condition(model: nn.Module, kind: str, condition: str) -> None:
    """Change a freshly initialised model into the condition's, in place."""
    if kind == "lm":
        constrain(model, **_SCENARIOS[condition])
        return
    make = _ORDERS[condition]
    if make is not None:
        reorder(model, make)
