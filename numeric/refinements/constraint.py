"""`ScenarioConstraint`: a parametrisation of `x_proj.weight` that fixes a layer's dynamical scenario.

| form | holds for any parameter values | right inverse | free numbers |
|---|---|---|---|
| `channel` (default) | scenario's sign of mu_d of every channel | nearest weights | all 2 N D |
| `entry` | scenario's sign of every mu_n of every channel | nearest weights | all 2 N D |
| `matrix` | sign of x^T S_C^T S_B x (hence of every mu_d) | nearest S_C^T S_B, S_B kept | N D + 2 N^2 |
| `published` | the same, and S_C^T S_B symmetric | none | about N D |

Scenarios: `positive` (convergence excluded), `negative` (convergence only), `mixed` (every other channel
negative; for the matrix and published forms every other eigenvalue), `unconstrained`. `cone` and `matrix` derive the
forms.

What a sign of mu_d decides on its channel's axis: mu_d < 0 is convergent whatever the signs of mu_n; mu_d > 0 excludes
that, but where the mu_n have both signs a token can still die out while another blows up (theorem `coexistence`; `s6flow
audit` counts such channels). `entry` and `published` exclude that too, since there every mu_n of a channel has one sign,
save for published mixed.

Signs are weak at the measure-zero weights 0 (a zero column has mu = 0). `channel` and `entry` keep them in
bfloat16 and float16 too, by the relative margin `floor`; `matrix` and `published` keep them to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.refinements.cone import nearest_pair, squash_pair, unsquash_pair
from s6flow.numeric.refinements.layers import S6Shape, normed, s6_layers, s6_shape, split_rows
from s6flow.numeric.refinements.matrix import gain_parts, psd_gain, published_rows, signature

__all__ = ["Form", "Scenario", "ScenarioConstraint", "bake", "constrain", "constrained_layers"]

Scenario = Literal["unconstrained", "positive", "negative", "mixed"]
Form = Literal["channel", "entry", "matrix", "published"]
# (floor, margin): guaranteed for any values, and reached by the right inverse; channel's floor is four
# bfloat16 roundings
_MARGINS = {
    "channel": (2**-5, 2**-3),
    "entry": (2**-10, 2**-4),
    "matrix": (0.0, 2**-10),
    "published": (0.0, 0.0),
}


class ScenarioConstraint(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """Parametrisation of one layer's x_proj.weight; register with `constrain` or
    `torch.nn.utils.parametrize`.

    Args:
        shape: the layer's sizes.
        scenario: positive, negative or mixed.
        form: which notion of the scenario; see the module's table.
        floor: relative margin held by any parameter values, in [0, 1); forms channel and entry.
        margin: relative margin of the right inverse, in (floor, 1).
        offset: published form only; added to softplus. Default as published: 0.7, and 0 for mixed.
    Raises: FormatError: for an unknown scenario or form, or margins out of order; AssumptionError: published
        with channels < d_state.
    """

    def __init__(
        self,
        shape: S6Shape,
        scenario: Scenario = "positive",
        form: Form = "channel",
        *,
        floor: float | None = None,
        margin: float | None = None,
        offset: float | None = None,
    ) -> None:
        super().__init__()
        if scenario not in get_args(Scenario)[1:]:
            raise FormatError("a constraint's scenario is positive, negative or mixed", repr(scenario), "scenario")
        if form not in get_args(Form):
            raise FormatError(f"a constraint's form is one of {', '.join(get_args(Form))}", repr(form), "form")
        if offset is not None and form != "published":
            raise FormatError("an offset belongs to the published form", f"form {form!r}", "offset", "Leave it out.")
        if form == "published" and shape.channels < shape.d_state:
            raise AssumptionError(
                "the published form needs at least as many channels as states",
                str(shape),
                "x_proj.weight",
                "Use form='channel'.",
            )
        default_floor, default_margin = _MARGINS[form]
        self.floor = default_floor if floor is None else float(floor)
        self.margin = default_margin if margin is None else float(margin)
        if form != "published" and not 0.0 <= self.floor < self.margin < 1.0:
            raise FormatError("margins need 0 <= floor < margin < 1", f"{self.floor}, {self.margin}", "floor, margin")
        self.offset = (0.0 if scenario == "mixed" else 0.7) if offset is None else float(offset)
        self.shape, self.scenario, self.form = shape, scenario, form
        size = shape.channels if form in ("channel", "entry") else shape.d_state
        self.register_buffer("signs", signature(scenario, size))

    def forward(self, raw: Tensor, *gain: Tensor) -> Float[Tensor, "row channel"]:
        """The constrained weight.

        Args:
            raw: any values [1]; all rows of x_proj.weight, or its Delta and B rows in the matrix form.
            gain: L and T of the matrix form.
        Numerics: at least float32 inside, then rounded to the parameter's dtype.
        """
        with torch.autocast(raw.device.type, enabled=False):  # G S_B in bfloat16 would lose the form
            wide = raw if raw.dtype == torch.float64 else raw.float()
            signs = self.signs.to(wide.dtype)
            if self.form == "matrix":
                s_b = wide[self.shape.dt_rank :]
                s_c = psd_gain(gain[0].to(wide.dtype), gain[1].to(wide.dtype), signs) @ s_b
            else:
                _, b, c = split_rows(wide, self.shape)
                if self.form == "published":
                    s_b, s_c = published_rows(b, c, signs, self.offset)
                else:
                    s_b, s_c = squash_pair(b, signs * c, self.floor, self.form == "entry")
                    s_c = signs * s_c
        return torch.cat([raw[: self.shape.dt_rank], s_b.to(raw.dtype), s_c.to(raw.dtype)])

    def right_inverse(self, weight: Float[Tensor, "row channel"]) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Raw values whose weight is the nearest feasible one to `weight`; see `cone` and `matrix` for
        nearest in what sense.

        The published form has no right inverse: the given weight is taken as the raw value.
        """
        if weight.shape != (self.shape.rows, self.shape.channels):
            raise FormatError(
                f"x_proj.weight must be {(self.shape.rows, self.shape.channels)}",
                str(tuple(weight.shape)),
                "right_inverse",
            )
        if self.form == "published":
            return weight
        dt, b, c = split_rows(weight.detach(), self.shape)
        s_b, s_c, signs = b.double(), c.double(), self.signs.double()
        if self.form == "matrix":
            factor, skew = gain_parts(s_b, s_c, signs, self.margin)
            return torch.cat([dt, b]), factor.to(weight.dtype), skew.to(weight.dtype)
        entrywise = self.form == "entry"
        s_b, s_c = nearest_pair(s_b, signs * s_c, self.margin, entrywise)
        s_b, s_c = unsquash_pair(s_b, s_c, self.floor, entrywise)
        return torch.cat([dt, s_b.to(weight.dtype), (signs * s_c).to(weight.dtype)])

    def extra_repr(self) -> str:
        """Shown when the model is printed."""
        return f"{self.scenario}, form={self.form}, floor={self.floor:g}, margin={self.margin:g}"


def _constraint_of(projection: nn.Module) -> ScenarioConstraint | None:
    if not parametrize.is_parametrized(projection, "weight"):
        return None
    return next((p for p in projection.parametrizations.weight if isinstance(p, ScenarioConstraint)), None)


def constrained_layers(model: nn.Module) -> dict[str, ScenarioConstraint]:
    """The constraint of every constrained S6 layer, by the mixer's dotted name."""
    found = {name: _constraint_of(mixer.x_proj) for name, mixer in s6_layers(model).items()}
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
) -> list[str]:
    """Constrain every S6 layer of a model in place.

    Args:
        model: any module that holds S6 mixers, or one mixer.
        scenario: `unconstrained` checks the model and changes nothing.
        form: channel, entry, matrix or published.
        where: predicate on the mixer's dotted name; all by default.
        floor, margin, offset: see `ScenarioConstraint`.
    Returns: the names of the layers constrained.
    Raises: AssumptionError: no S6 layer, one that normalises B and C, or one that is parametrised already (nothing is
        changed then);
        FormatError: shapes that do not fit.
    """
    layers = {name: mixer for name, mixer in s6_layers(model).items() if where is None or where(name)}
    if not layers:
        raise AssumptionError("where=... must leave at least one S6 layer", "none", type(model).__name__, "Widen it.")
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
        made = ScenarioConstraint(s6_shape(mixer, name), scenario, form, floor=floor, margin=margin, offset=offset)
        constraints[name] = made.to(mixer.x_proj.weight.device)
    for name, constraint in constraints.items():
        parametrize.register_parametrization(layers[name].x_proj, "weight", constraint)
    return list(layers)


def bake(model: nn.Module) -> list[str]:
    """Write the constrained weights back as plain `x_proj.weight` parameters, so that state_dict keys are the
    original ones.

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
        parametrize.remove_parametrizations(mixers[name].x_proj, "weight", leave_parametrized=True)
    return names
