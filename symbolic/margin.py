"""From a conclusion to its signed margin: at least zero where it holds, generated like every other formula."""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy.logic.boolalg import Boolean

from s6flow.errors import TheoremError
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.observables import sharp
from s6flow.symbolic.programs.checked import IDLE
from s6flow.symbolic.theorem import Theorem

__all__ = ["IDLE", "margin", "margin_program"]

tolerance = sp.Symbol("tolerance", nonnegative=True)
_FLOOR = sp.Rational(1, 10**30)  # keeps 0 <= 0 from being 0/0, in single precision too


def margin(claim: Boolean, scale: sp.Expr | None = None, relative: bool = True) -> sp.Expr:
    """The signed margin of a claim, relative to the size of its sides.

    lhs <= rhs gives (rhs - lhs) / (|lhs| + |rhs|) + tolerance, an equation gives tolerance - |lhs - rhs| / scale;
    And is the minimum, Or the maximum; A => B is the margin of B where A holds and 2 elsewhere.

    Args:
        relative: whether to divide by the size of the sides; a sign on a box of parameters is sharper without.
    Raises: TheoremError: if a part is no relation.
    """
    if isinstance(claim, sp.Eq | sp.Le | sp.Lt | sp.Ge | sp.Gt):
        size = sp.Max(sp.Abs(claim.lhs) + sp.Abs(claim.rhs), _FLOOR, evaluate=False) if relative else sp.Integer(1)
        if isinstance(claim, sp.Eq):
            own = size if scale is None else sp.Max(scale, _FLOOR, evaluate=False)
            return tolerance - sp.Abs(claim.lhs - claim.rhs) / own
        return (claim.gts - claim.lts) / size + tolerance
    if isinstance(claim, sp.And):
        return sp.Min(*(margin(part, scale, relative) for part in _ordered(claim)), evaluate=False)
    if isinstance(claim, sp.Implies):
        return sp.Piecewise(
            (margin(claim.args[1], scale, relative), claim.args[0]), (sp.Integer(IDLE), True), evaluate=False
        )
    if isinstance(claim, sp.Or):
        return sp.Max(*(margin(part, scale, relative) for part in _ordered(claim)), evaluate=False)
    raise TheoremError(
        "a conclusion must be built of relations, and, or, implies", type(claim).__name__, str(claim)[:80]
    )


def _ordered(claim: Boolean) -> list[Boolean]:
    return sorted(claim.args, key=sp.default_sort_key)


@cache
def margin_program(
    theorem: Theorem, core: bool = False, factor: sp.Rational | int = 1, relative: bool = True
) -> Program:
    """The program of a theorem's margin.

    Args:
        core: of its pointwise core instead of its checked claim.
        relative: as in `margin`.
        factor: value of the sharp constant's factor; anything but 1 is a negative control.
    """
    claim = theorem.core if core else theorem.claim
    if claim is None:
        raise TheoremError("the theorem has no pointwise core", None, theorem.id)
    scale = None if theorem.scale is None else theorem.scale
    expression = margin(claim, None if core and theorem.measurement != "pointwise" else scale, relative).subs(
        sharp, factor
    )
    name = "margin_" + theorem.id.replace("-", "_")
    return lower_program(
        name, {name: expression}, theorem.id, f"Signed margin of {theorem.id}: at least 0 where it holds"
    )
