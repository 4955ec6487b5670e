"""Formal statements: quantifiers, implications and limits around SymPy relations.

A theorem's formal statement is built from the same expressions as its numeric check; the Coq printer turns it into
text. Tokens are functions of an index and a time, x(l, t); indices are natural numbers counted from 0 in Coq.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import sympy as sp

__all__ = [
    "All",
    "And",
    "Any",
    "Formula",
    "If",
    "Iff",
    "Lambda",
    "Limit",
    "Predicate",
    "Relation",
    "Var",
    "both",
    "given",
]


@dataclass(frozen=True)
class Var:
    """A bound variable: `type` is a Coq type (nat, R, Rbar, nat -> R, nat -> R -> R)."""

    name: str
    type: str = "R"


@dataclass(frozen=True)
class Relation:
    """A SymPy equation or inequality over reals, or over naturals (`nat`), or extended reals (`Rbar`)."""

    relation: sp.Basic
    domain: str = "R"


@dataclass(frozen=True)
class Lambda:
    """fun variables => body, as an argument of a predicate or a limit."""

    variables: tuple[str, ...]
    body: sp.Expr | str


Argument = sp.Expr | Lambda | str


@dataclass(frozen=True)
class Predicate:
    """A named predicate of Definitions.v or of the library applied to arguments; strings are taken verbatim."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Limit:
    """`body` as a function of `variable` tends to `value` at `point` (p_infty, or at_left T)."""

    variable: str
    body: sp.Expr
    value: sp.Expr
    point: str = "p_infty"


@dataclass(frozen=True)
class All:
    """For all variables, body."""

    variables: tuple[Var, ...]
    body: Formula


@dataclass(frozen=True)
class Any:
    """There are variables with body."""

    variables: tuple[Var, ...]
    body: Formula


@dataclass(frozen=True)
class If:
    """premise -> conclusion."""

    premise: Formula
    conclusion: Formula


@dataclass(frozen=True)
class Iff:
    """left <-> right."""

    left: Formula
    right: Formula


@dataclass(frozen=True)
class And:
    """All parts."""

    parts: tuple[Formula, ...]


Formula = Relation | Predicate | Limit | All | Any | If | Iff | And


def given(*formulas: Formula) -> Formula:
    """The last formula, under the others as premises in order."""
    *premises, conclusion = formulas
    return reduce(lambda body, premise: If(premise, body), reversed(premises), conclusion)


def both(*parts: Formula) -> Formula:
    """Conjunction."""
    return And(parts)
