"""The conditions of the experiments: what each changes in an otherwise equal model, or in how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from s6flow.numeric.refinements import TokenReorder, constrain, published_reorder, reorder

__all__ = ["CONDITIONS", "apply_condition", "training_of"]

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
    "random-fixed": lambda channels: TokenReorder(channels, "random-fixed", "hard"),
}

# language modelling, continued: settings of the training
_TRAINING: dict[str, dict[str, Any]] = {"capped": {"cap": 0.5}}

# decay that kills: settings of the training; `spared` is how the other experiments train
STRENGTHS = {"adam": (0.01, 0.03, 0.1), "adamw": (1.0, 10.0, 100.0)}
_DECAYS: dict[str, dict[str, Any]] = {
    "spared": {},
    **{
        f"{optimiser}-{decayed}-{strength:g}": {"optimiser": optimiser, "decayed": decayed, "weight_decay": strength}
        for optimiser, strengths in STRENGTHS.items()
        for strength in strengths
        for decayed in ("everything", "guarded-apart", "matrices")
    },
}

CONDITIONS: dict[str, tuple[str, ...]] = {
    "lm": (*_SCENARIOS, *_TRAINING),
    "reorder": tuple(_ORDERS),
    "decay": tuple(_DECAYS),
}


def training_of(kind: str, condition: str) -> dict[str, Any]:
    """The settings of the training that a condition changes."""
    return {"lm": _TRAINING, "decay": _DECAYS}.get(kind, {}).get(condition, {})


def apply_condition(model: nn.Module, kind: str, condition: str) -> None:
    """Change a freshly initialised model into the condition's, in place."""
    if kind == "lm" and condition in _SCENARIOS:
        constrain(model, **_SCENARIOS[condition])
    elif kind == "reorder" and (make := _ORDERS[condition]) is not None:
        reorder(model, make)
