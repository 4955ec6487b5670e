"""The rules that predict how a flow ends, as expressions, and their programs.

A rule is a condition in letters that are numbers of one channel or one start; the first row that holds decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp

from s6flow.symbolic import notation as nt
from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.ends import NO_THEOREM, End

__all__ = ["PHASE_RULES", "SYSTEM_RULES", "TABLES", "Rule", "rule_program"]

# Letters of the rules: numbers of one channel with the tokens that it is given, each 0 or more unless said otherwise.
mu = sp.Symbol("mu_sum", real=True)  # mu, exactly 0 where it is 0 within rounding
states = sp.Symbol("states", real=True)  # how many mu_n are not zero
definite = sp.Symbol("definite", real=True)  # 1 if mu_n have one sign or the states one decay rate
tokens = sp.Symbol("tokens", real=True)  # how many tokens are not zero
outward = sp.Symbol("outward", real=True)  # how many of them have s x_l(0) >= 0
gaps = sp.Symbol("gaps", real=True)  # how many zero tokens stand between nonzero ones
least_carried = sp.Symbol("least_carried", real=True)  # least sign of K at the steps in reach; 0 where undecided
# Of two tokens, s x_1(0) >= 0, by the phase portrait of K (numeric.criteria.portrait):
vanishes = sp.Symbol("vanishes", real=True)  # 1 if token 2 is held, as `coexistence` has it
held = sp.Symbol("held", real=True)  # 1 if it lies between p and u of `carried-root-attracts`, one root between
# Of token 1 alone on its phase line x' = x Delta(x) p(x):
start = sp.Symbol("x_1", real=True)
p, nu = sp.symbols("p nu", real=True)  # p(x_1), and the coefficient of x in p
doubtful = sp.Symbol("doubtful", real=True)  # 1 if p(x_1) is 0 within rounding
ahead = sp.Symbol("ahead", real=True)  # 1 if a nonzero root of p lies where token 1 is going

_kind = sp.Eq(definite, 1)
_gapless = sp.Eq(gaps, 0)
_growing = sp.Gt(mu, 0)
_slow = sp.And(_growing, sp.Eq(outward, 0), sp.Eq(nt.floor, 0))


@dataclass(frozen=True)
class Rule:
    """A row of the criteria.

    Args:
        end: what follows.
        condition: in the letters above.
        theorem: id of the theorem that says so, `NO_THEOREM` if there is none.
        words: the condition in words, `$...$` for mathematics.
    """

    end: End
    condition: sp.Basic
    theorem: str
    words: str


SYSTEM_RULES: tuple[Rule, ...] = (
    Rule(End.STATIONARY, sp.Eq(tokens, 0), "sign-invariance", "no nonzero token"),
    Rule(End.STATIONARY, sp.Eq(states, 0), "stationary", r"all $\mu_n = 0$"),
    Rule(End.NOT_DECIDED, sp.Eq(mu, 0), NO_THEOREM, r"$\mu = 0$, single $\mu_n$ not"),
    Rule(
        End.CONVERGENT, sp.And(sp.Lt(mu, 0), _kind), "convergence-rate",
        r"$\mu < 0$, $\mu_n$ of one sign or one decay rate",
    ),
    Rule(End.CONVERGENT, sp.And(sp.Lt(mu, 0), _gapless), "state-convergence", r"$\mu < 0$, no zero token between"),
    Rule(End.NOT_DECIDED, sp.Lt(mu, 0), NO_THEOREM, r"$\mu < 0$, $\mu_n$ of both signs, zero tokens between"),
    Rule(
        End.SLOW, sp.And(_slow, _kind), "slow-log-rate",
        r"$\mu > 0$, all $s x_l(0) < 0$, no floor, $\mu_n$ of one sign or one decay rate",
    ),
    Rule(
        End.SLOW, sp.And(_slow, _gapless), "state-slow-divergence",
        r"$\mu > 0$, all $s x_l(0) < 0$, no floor, no zero token between",
    ),
    Rule(End.NOT_DECIDED, _slow, NO_THEOREM, r"the same with $\mu_n$ of both signs and zero tokens between"),
    Rule(
        End.FAST, sp.And(sp.Not(_kind), sp.Gt(least_carried, 0)), "carried-order",
        r"$\mu > 0$, a token with $s x_l(0) \ge 0$ or a floor, $K > 0$ at every step in reach",
    ),
    Rule(
        End.COEXISTENCE, sp.And(sp.Not(_kind), sp.Eq(vanishes, 1)), "coexistence",
        r"two tokens, $s x_1(0) \ge 0$, the second one held",
    ),
    Rule(
        End.LIMIT, sp.And(sp.Not(_kind), sp.Eq(held, 1)), "carried-root-attracts",
        r"two tokens, $s x_1(0) \ge 0$, $K(p) \ge 0$ and $K(u) + h(u)/h(x_1(0)) \le 0$ around $x_2(0)$, one root between",
    ),
    Rule(End.NOT_DECIDED, sp.Not(_kind), NO_THEOREM, r"$K$ of both signs in reach, or undecided"),
    Rule(End.FAST, sp.Gt(nt.floor, 0), "step-floor", r"$\mu > 0$ and a floor"),
    Rule(End.FAST, sp.Lt(outward, tokens), "dichotomy", r"$\mu > 0$, some nonzero tokens with $s x_l(0) \ge 0$"),
    Rule(End.FAST, sp.true, "fast-blow-up-time", r"$\mu > 0$, all nonzero tokens with $s x_l(0) \ge 0$"),
)  # fmt: skip

_AFFINE = "affine-phase-line"
PHASE_RULES: tuple[Rule, ...] = (
    Rule(End.CONVERGENT, sp.Eq(start, 0), _AFFINE, "a zero token stays zero"),
    Rule(End.NOT_DECIDED, sp.Eq(doubtful, 1), NO_THEOREM, "within rounding of an equilibrium"),
    Rule(End.ROOT, sp.Eq(ahead, 1), _AFFINE, "a root of $p$ lies ahead"),
    Rule(End.CONVERGENT, sp.Lt(p, 0), _AFFINE, "$p < 0$ from the token to 0"),
    Rule(End.SLOW, sp.And(sp.Lt(nt.s * start, 0), sp.Eq(nt.floor, 0)), _AFFINE, "$p > 0$ ahead, $s x < 0$, no floor"),
    Rule(
        End.EXPONENTIAL, sp.And(sp.Eq(mu, 0), sp.Eq(nu, 0), sp.Le(nt.s * start, 0)), _AFFINE,
        "$p > 0$ constant, steps that tend to a constant",
    ),
    Rule(End.FAST, sp.true, _AFFINE, "$p > 0$ ahead, steps that do not die out"),
)  # fmt: skip

TABLES = {"system_rules": SYSTEM_RULES, "phase_rules": PHASE_RULES}


@cache
def rule_program(name: str) -> Program:
    """The program of a table, `system_rules` or `phase_rules`: letters -> the row that decides, counted from 0."""
    rows = TABLES[name]
    *decided, last = rows
    assert last.condition == sp.true, "the last row takes what is left"
    cases = [(index, row.condition) for index, row in enumerate(decided)]
    choice = sp.Piecewise(*cases, (len(decided), True), evaluate=False)
    return lower_program(name, {name: choice}, "dichotomy", "row of the table that decides, counted from 0")
