"""Putting scenario constraints on the layers of a model, and taking them off."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError
from s6flow.numeric.refinements.constraint import Form, Scenario, ScenarioConstraint
from s6flow.numeric.refinements.layers import normed, s6_layers, s6_shape, selected
from s6flow.numeric.refinements.saving import attach, constraint_of, release, write_raw

__all__ = ["bake", "constrain", "constrained_layers"]


def constrained_layers(model: nn.Module) -> dict[str, ScenarioConstraint]:
    """The constraint of every constrained S6 layer, by the mixer's dotted name."""
    found = {name: constraint_of(mixer.x_proj) for name, mixer in s6_layers(model).items()}
    return {name: constraint for name, constraint in found.items() if constraint is not None}


def constrain(
    model: nn.Module,
    scenario: Scenario = "positive",
    form: Form = "channel",
    *,
    where: Callable[[str], bool] | None = None,
    floor: float | None = None,
    margin: float | None = None,
    offset: float | None = None,
    resume: bool = False,
) -> list[str]:
    """Constrain every S6 layer of a model in place.

    `state_dict` and `save_pretrained` keep their keys and hold the effective weights, so that a plain model that loads
    them computes the same function; `load_state_dict` takes them back. See `raw_keys` for resuming training exactly.

    Args:
        model: any module that holds S6 mixers, or one mixer.
        scenario: unconstrained (nothing is done), positive, negative or mixed.
        form: channel, entry, matrix or published.
        where: predicate on the mixer's dotted name; all by default.
        floor, margin, offset: see `ScenarioConstraint`.
        resume: the weights were saved by a model under this constraint: keep them to rounding, also where they hold
            `floor` but not `margin`. By default such a channel moves to the nearest weights that hold `margin`.
    Returns: the names of the layers constrained.
    Raises: AssumptionError: no S6 layer, one that normalises B and C, or one that is parametrised already (nothing is
        changed then);
        FormatError: shapes that do not fit.
    """
    layers = selected(model, where)
    if scenario == "unconstrained":
        return []
    constraints = {}
    for name, mixer in layers.items():
        if normed(mixer):
            raise AssumptionError(
                "a constraint on mu needs B and C to be linear maps of x",
                "B and C normalised after x_proj",
                name,
                "Such layers (Falcon-Mamba, Jamba) have no mu; exclude them with where=....",
            )
        if parametrize.is_parametrized(mixer.x_proj, "weight"):
            raise AssumptionError(
                "x_proj.weight can be constrained once",
                "a parametrised weight",
                name,
                "Call bake(model) first, or exclude it.",
            )
        constraints[name] = ScenarioConstraint(
            s6_shape(mixer, name), scenario, form, floor=floor, margin=margin, offset=offset
        )
    for name, constraint in constraints.items():
        projection = layers[name].x_proj
        raw = constraint.recover(projection.weight) if resume else None
        parametrize.register_parametrization(projection, "weight", constraint)
        attach(projection)
        if raw is not None:
            write_raw(projection, raw)
    return list(layers)


def bake(model: nn.Module) -> list[str]:
    """Write the constrained weights back as plain `x_proj.weight` parameters: the same function without the constraint.

    Returns: the names of the layers baked; empty when none was constrained.
    Raises: AssumptionError: another parametrisation shares the weight (it would be removed too).
    """
    names = list(constrained_layers(model))
    mixers = s6_layers(model)
    for name in names:
        if len(mixers[name].x_proj.parametrizations.weight) > 1:
            raise AssumptionError(
                "bake needs x_proj.weight to carry one parametrisation",
                "several",
                name,
                "Remove the others first.",
            )
    for name in names:
        release(mixers[name].x_proj)
    return names
