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

What a sign of mu_d decides on its channel's axis: mu_d < 0 is convergent whatever the signs of mu_n, where no token is
zero; mu_d > 0 excludes that, but where the mu_n have both signs a token can still die out while another blows up (theorem `coexistence`; `s6flow
audit` counts such channels). `entry` and `published` exclude that too, since there every mu_n of a channel has one sign,
save for published mixed.

Signs are weak at the measure-zero weights 0 (a zero column has mu = 0). `channel` and `entry` keep them in
bfloat16 and float16 too, by the relative margin `floor`; `matrix` and `published` keep them to rounding.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from s6flow.errors import AssumptionError, FormatError
from s6flow.numeric.refinements.cone import REACH, nearest_pair, recover_pair, squash_pair, unsquash_pair
from s6flow.numeric.refinements.layers import S6Shape, split_rows
from s6flow.numeric.refinements.matrix import gain_parts, psd_gain, published_raw, published_rows, signature
from s6flow.numeric.refinements.origin import check_record, record

__all__ = ["Form", "Scenario", "ScenarioConstraint"]

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


class ScenarioConstraint(nn.Module):
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

    def signs(self, like: Tensor) -> Float[Tensor, " size"]:
        """The sign that every channel (forms channel and entry) or state has, of the type and on the device of `like`."""
        size = self.shape.channels if self.form in ("channel", "entry") else self.shape.d_state
        return signature(self.scenario, size, like)

    def forward(self, raw: Tensor, *gain: Tensor) -> Float[Tensor, "row channel"]:
        """The constrained weight.

        Args:
            raw: any values [1]; all rows of x_proj.weight, or its Delta and B rows in the matrix form.
            gain: L and T of the matrix form.
        Numerics: at least float32 inside, then rounded to the parameter's dtype.
        """
        device = raw.device.type if raw.device.type != "meta" else "cpu"
        with torch.autocast(device, enabled=False):  # G S_B in bfloat16 would lose the form
            wide = raw if raw.dtype == torch.float64 else raw.float()
            signs = self.signs(wide)
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
        s_b, s_c = b.double(), c.double()
        signs = self.signs(s_b)
        if self.form == "matrix":
            factor, skew = gain_parts(s_b, s_c, signs, self.margin)
            return torch.cat([dt, b]), factor.to(weight.dtype), skew.to(weight.dtype)
        entrywise = self.form == "entry"
        s_b, s_c = nearest_pair(s_b, signs * s_c, self.margin, entrywise)
        s_b, s_c = unsquash_pair(s_b, s_c, self.floor, entrywise)
        return torch.cat([dt, s_b.to(weight.dtype), (signs * s_c).to(weight.dtype)])

    @torch.no_grad()
    def recover(self, weight: Float[Tensor, "row channel"]) -> tuple[Tensor, ...]:
        """Raw values of a weight that was saved under this constraint: they give it back to rounding.

        What the constraint does not reach (by more than `cone.REACH`: a channel, an entry, or the whole weight in the
        matrix and published forms) gets the raw values of `right_inverse`.
        """
        inverse = self.right_inverse(weight)
        other = inverse if isinstance(inverse, tuple) else (inverse,)
        dt, b, c = split_rows(weight.detach(), self.shape)
        s_b, s_c = b.double(), c.double()
        signs, room = self.signs(s_b), float(torch.finfo(weight.dtype).eps)
        if self.form in ("channel", "entry"):
            s_b, s_c = recover_pair(s_b, signs * s_c, self.floor, self.margin, self.form == "entry", room)
            return (torch.cat([dt, s_b.to(weight.dtype), (signs * s_c).to(weight.dtype)]),)
        if self.form == "published":
            raw = published_raw(s_b, s_c, signs, self.offset, room)
            found: tuple[Tensor, ...] = (torch.cat([dt, *(part.to(weight.dtype) for part in raw)]),)
        else:
            factor, skew = gain_parts(s_b, s_c, signs, room)
            found = torch.cat([dt, b]), factor.to(weight.dtype), skew.to(weight.dtype)
        gap = (self(*found).double() - weight.double()).norm()
        return found if gap <= REACH * weight.double().norm() else other

    def get_extra_state(self) -> Tensor:
        """What raw parameters mean, for the state dicts that hold them; see `raw_keys`."""
        return record(scenario=self.scenario, form=self.form, floor=self.floor, offset=self.offset)

    def set_extra_state(self, state: Any) -> None:
        """Refuse raw parameters of another constraint.

        Raises: FormatError: the record differs.
        """
        check_record(state, self.get_extra_state(), "a constraint's raw parameters", "Constrain the model as then.")

    def extra_repr(self) -> str:
        """Shown when the model is printed."""
        return f"{self.scenario}, form={self.form}, floor={self.floor:g}, margin={self.margin:g}"
