"""The criteria: which scenario the parameters and the initial tokens choose (theory 7), as one expression.

`scenario_program()` evaluates it for the first l tokens of every l at once, because tokens 1..l form a closed system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.criteria import mu_total

__all__ = ["CRITERIA", "Criterion", "Scenario", "scenario_expression", "scenario_program"]


class Scenario(IntEnum):
    """How a flow ends; UNDETERMINED where the criteria are silent (sum of mu_n zero, single mu_n not)."""

    UNDETERMINED = -1
    STATIONARY = 0
    CONVERGENT = 1
    SLOW = 2
    FAST = 3


k, l, n = nt.k, nt.l, nt.n


def _count(indicator: sp.Expr) -> sp.Expr:
    return sp.Sum(indicator, (k, 1, l))


# Indicators by signs: a sum of piecewise terms inside a condition would be turned inside out by SymPy.
present = sp.Abs(sp.sign(nt.x[k]))
nonzero = _count(present)
outward = _count(present * sp.Max(0, 1 + sp.sign(nt.s) * sp.sign(nt.x[k])))
magnitude = sp.Sum(sp.Abs(nt.mu[n]), (n, 1, nt.N))


@dataclass(frozen=True)
class Criterion:
    """A row of the criteria.

    Args:
        scenario: what follows.
        condition: on parameters and initial tokens.
        words: the condition in words, `$...$` for mathematics.
        theorem: id of the theorem that says it for mu_n of one sign.
        theorem_states: id of the theorem for mu_n of both signs.
    """

    scenario: Scenario
    condition: sp.Basic
    words: str
    theorem: str
    theorem_states: str


#: First row whose condition holds decides.
CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        Scenario.STATIONARY,
        sp.Or(sp.Eq(magnitude, 0), sp.Eq(nonzero, 0)),
        r"all $\mu_n = 0$, or no nonzero token",
        "dichotomy",
        "dichotomy",
    ),
    Criterion(Scenario.CONVERGENT, sp.Lt(mu_total, 0), r"$\mu < 0$", "convergence-rate", "state-convergence"),
    Criterion(
        Scenario.FAST,
        sp.And(sp.Gt(mu_total, 0), sp.Gt(outward, 0)),
        r"$\mu > 0$ and some nonzero token with $s x_l(0) \ge 0$",
        "fast-bound",
        "coexistence",
    ),
    Criterion(
        Scenario.SLOW,
        sp.Gt(mu_total, 0),
        r"$\mu > 0$ and $s x_l(0) < 0$ for every nonzero token",
        "slow-log-rate",
        "state-slow-divergence",
    ),
)


def scenario_expression() -> sp.Expr:
    """The `Scenario` code of tokens 1..l."""
    rows = [(int(row.scenario), row.condition) for row in CRITERIA]
    return sp.Piecewise(*rows, (int(Scenario.UNDETERMINED), True), evaluate=False)


@cache
def scenario_program() -> Program:
    """Inputs x (initial tokens), mu, s; output the code of every prefix, on the token axis."""
    return lower_program(
        "scenario", {"scenario": scenario_expression()}, "dichotomy", "Scenario code of tokens 1..l", ("x", "mu", "s")
    )
