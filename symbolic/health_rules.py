"""When a verdict of health is given: one relation a verdict, between numbers of a layer (theory 20).

The letters are names of `numeric.health.numbers.NUMBERS`; why each threshold stands where it does, and what to do, is
said beside the verdict of that name in `numeric.health.verdicts`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy as sp

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.formats import UNIT_ROUNDOFF
from s6flow.symbolic.notation import softplus

__all__ = ["RULES", "health_rule", "health_rule_text"]


def _number(name: str) -> Any:
    return sp.Symbol(name, real=True)


def _share(name: str, threshold: sp.Rational) -> sp.Basic:
    return sp.Ge(_number(name), threshold)


_PERCENT = sp.Rational(1, 100)
RULES: dict[str, sp.Basic] = {
    "not-finite": sp.Gt(_number("damaged"), 0),
    "dead": sp.Lt(_number("response"), sp.Float(UNIT_ROUNDOFF)),
    "dead-channels": sp.And(_share("dead_channels", 5 * _PERCENT), sp.Ge(_number("response"), sp.Float(UNIT_ROUNDOFF))),
    "untrained": sp.Ge(_number("at_start"), 1),
    "lost-initialisation": sp.And(
        sp.Ge(_number("step_low"), softplus(-sp.Integer(1))), sp.Le(_number("step_high"), softplus(sp.Integer(1)))
    ),
    "collapsed-spectrum": sp.Lt(_number("spread"), sp.Rational(1, 4)),
    "accumulator": _share("accumulating", _PERCENT),
    "memoryless": sp.Lt(_number("half_life_max"), 1),
    "rank-loss": sp.Or(sp.Lt(_number("rank_B"), sp.Rational(1, 4)), sp.Lt(_number("rank_C"), sp.Rational(1, 4))),
    "rounds-fp32": _share("rounds_fp32", _PERCENT),
    "overflow-fp32": sp.Lt(_number("margin_fp32"), 0),
    "subnormal": sp.And(_share("subnormal", _PERCENT), sp.Ge(_number("response"), sp.Float(UNIT_ROUNDOFF))),
    "overflow-fp16": sp.Lt(_number("margin_fp16"), 0),
    "rounds-bf16": _share("rounds_bf16", 5 * _PERCENT),
    "rounds-fp16": _share("rounds_fp16", 5 * _PERCENT),
    "unsaturated": _share("unsaturated", _PERCENT),
}


@cache
def health_rule(name: str) -> Program:
    """The program of a verdict's rule."""
    label = "health_" + name.replace("-", "_")
    return lower_program(label, {label: RULES[name]}, "theory-20", f"Whether the verdict {name} is given")


def health_rule_text(name: str) -> str:
    """The rule as text, with decimals of two digits."""
    rule = RULES[name]
    return str(sp.sstr(rule.xreplace({n: sp.Float(n, 2) for n in rule.atoms(sp.Float)})))
