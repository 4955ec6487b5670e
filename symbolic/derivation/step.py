"""One step of a derivation: a statement, why it holds, and a residual that must reduce to literal zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import sympy as sp

from s6flow.errors import TheoremError
from s6flow.symbolic import notation as nt

__all__ = ["Section", "Step", "drop_empty_sums", "peel_last", "reduce_to_zero"]


@dataclass(frozen=True)
class Step:
    """A numbered step.

    Args:
        id: permanent slug.
        title: a few words.
        statement: equations that the step establishes, in reading order.
        because: the justification, one or two sentences; $...$ holds mathematics.
        residuals: expressions that are zero exactly when the step holds; checked by `verify`.
        theorems: ids of the registry's theorems that rest on this step.
    """

    id: str
    title: str
    statement: tuple[sp.Basic, ...]
    because: str
    residuals: tuple[sp.Expr, ...]
    theorems: tuple[str, ...] = field(default=())

    def verify(self) -> tuple[sp.Expr, ...]:
        """The residuals after reduction: a tuple of literal zeros.

        Raises: TheoremError: naming the step whose residual does not reduce (unknown is not success).
        """
        reduced = tuple(reduce_to_zero(residual) for residual in self.residuals)
        for before, after in zip(self.residuals, reduced, strict=True):
            if after != 0:
                raise TheoremError(
                    f"step {self.id} needs a residual that reduces to 0", sp.sstr(after)[:200], sp.sstr(before)[:200]
                )
        return reduced


@dataclass(frozen=True)
class Section:
    """A chapter of the derivation: its steps are made by `build`, so that importing costs nothing.

    Args:
        title: of the chapter.
        build: makes the steps.
        opening: what leads to the first step; $...$ holds mathematics.
    """

    title: str
    build: Callable[[], tuple[Step, ...]]
    opening: str = ""


def peel_last(expression: sp.Expr, upper: sp.Expr) -> sp.Expr:
    """Split every sum that ends at `upper` into the sum to `upper - 1` and its last term."""

    def split(total: sp.Sum) -> sp.Expr:
        index, low, high = total.limits[0]
        return sp.Sum(total.function, (index, low, high - 1)) + total.function.subs(index, high)

    return expression.replace(
        lambda e: isinstance(e, sp.Sum) and e.limits[0][2] == upper and e.limits[0][1] != upper + 1,
        split,
    )


def drop_empty_sums(expression: sp.Expr) -> sp.Expr:
    """A sum from m + 1 to m has no terms."""
    return expression.replace(
        lambda e: isinstance(e, sp.Sum) and sp.expand(e.limits[0][1] - e.limits[0][2] - 1) == 0,
        lambda e: sp.Integer(0),
    )


@cache
def reduce_to_zero(residual: sp.Expr) -> sp.Expr:
    """Reduce by the cheapest rule that suffices; anything but literal 0 is returned as it is."""
    residual = sp.sympify(residual)
    rules: tuple[Callable[[sp.Expr], sp.Expr], ...] = (
        lambda e: e,
        sp.expand,
        _termwise,
        lambda e: sp.powsimp(sp.expand(e)),
        lambda e: sp.expand(sp.powsimp(sp.expand(e), force=False)),
        lambda e: sp.simplify(e.rewrite(sp.log) if e.has(nt.softplus) else e),
    )
    for rule in rules:
        if _attempt(rule, residual) == 0:
            return sp.Integer(0)
    return residual


def _attempt(rule: Callable[[sp.Expr], sp.Expr], residual: sp.Expr) -> sp.Expr | None:
    try:
        return rule(residual)
    except (StopIteration, NotImplementedError, ValueError, AttributeError):
        return None  # SymPy's simplify gave up inside: unknown, which is not success


def _termwise(expression: sp.Expr) -> sp.Expr:
    """Sums whose summand reduces to zero are zero."""
    return sp.expand(
        expression.replace(
            lambda e: isinstance(e, sp.Sum) and sp.simplify(sp.powsimp(sp.expand(e.function))) == 0,
            lambda e: sp.Integer(0),
        )
    )
