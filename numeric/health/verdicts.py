"""The verdicts of health: rule, threshold with its reason, remedy and severity, declared in one table.

A rule is a relation between numbers of `NUMBERS` and is generated like every other formula; where a number is unknown
the verdict is not given, which the layer says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from s6flow.numeric.health.numbers import NUMBERS, UNIT_ROUNDOFF
from s6flow.symbolic.assumptions import letters_of
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.notation import softplus

__all__ = ["FATAL", "SEVERITIES", "VERDICTS", "Verdict", "given"]

#: Worst first.
SEVERITIES = ("critical", "warning", "note")
_n: dict[str, Any] = {row.name: sp.Symbol(row.name, real=True) for row in NUMBERS}


@dataclass(frozen=True)
class Verdict:
    """One verdict.

    Args:
        name: a stable slug.
        title: for a reader, in a few words.
        rule: when it is given, in the letters of `NUMBERS`.
        shown: the numbers that it rests on.
        reason: why the threshold stands where it does.
        remedy: what a user can do.
        severity: one of `SEVERITIES`.
    """

    name: str
    title: str
    rule: sp.Basic
    shown: tuple[str, ...]
    reason: str
    remedy: str
    severity: str

    @property
    def needs(self) -> frozenset[str]:
        """The numbers of the rule."""
        return letters_of(self.rule)

    @property
    def rule_text(self) -> str:
        """The rule as text, with decimals of two digits."""
        return str(sp.sstr(self.rule.xreplace({n: sp.Float(n, 2) for n in self.rule.atoms(sp.Float)})))

    def holds(self, numbers: Mapping[str, float | None]) -> bool | None:
        """Whether it is given; None where a number of its rule is unknown."""
        values = {key: numbers.get(key) for key in self.needs}
        if any(value is None for value in values.values()):
            return None
        function = _rule(self.name)
        return bool(np.asarray(function(*(np.float64(values[key]) for key in function.inputs))))


def _share(number: str, threshold: sp.Rational) -> sp.Basic:
    return sp.Ge(_n[number], threshold)


_PERCENT = sp.Rational(1, 100)
VERDICTS: tuple[Verdict, ...] = (
    Verdict("not-finite", "not finite", sp.Gt(_n["damaged"], 0), ("damaged",),
            "one NaN or infinity reaches every later token", "go back to the last checkpoint without it; lower the learning rate, clip gradients, look at margin_fp16 and margin_bf16 of the layers before", "critical"),
    Verdict("dead", "dead", sp.Lt(_n["response"], sp.Float(UNIT_ROUNDOFF)), ("response",),
            "below half of the spacing of float32 numbers at 1 nothing that the layer adds survives rounding", "take A_log, D, biases and norms out of weight decay (check_optimizer), restart the layer, or leave it out: the network does not use it", "critical"),
    Verdict("dead-channels", "dead channels", sp.And(_share("dead_channels", 5 * _PERCENT), sp.Ge(_n["response"], sp.Float(UNIT_ROUNDOFF))), ("dead_channels",),
            "one channel in twenty: no initialisation makes any", "take A_log, D and biases out of weight decay; prune those channels, or draw them anew", "warning"),
    Verdict("untrained", "untrained", sp.Ge(_n["at_start"], 1), ("at_start",),
            "every one of A_log, D and the step bias is where initialisation puts it, to rounding", "see that gradients reach the layer and that the optimiser holds its parameters", "warning"),
    Verdict("lost-initialisation", "lost initialisation", sp.And(sp.Ge(_n["step_low"], softplus(-sp.Integer(1))), sp.Le(_n["step_high"], softplus(sp.Integer(1)))), ("step_low", "step_high"),
            "all steps lie around softplus(0) = 0.69, between softplus(-1) and softplus(1), where a linear map's own biases put them; mamba draws steps from 0.001 to 0.1", "set dt_proj's bias again after any init_weights of the model (mark it _no_reinit), and train anew: the layer forgets in a few tokens", "warning"),
    Verdict("collapsed-spectrum", "collapsed spectrum", sp.Lt(_n["spread"], sp.Rational(1, 4)), ("spread",),
            "a quarter of the log-spread of 1..N: a_max/a_min below N^(1/4) where initialisation gives N", "initialise A_log = log(1..N); keep A_log out of weight decay", "warning"),
    Verdict("accumulator", "accumulator", _share("accumulating", _PERCENT), ("accumulating", "half_life_max"),
            "a state with a Delta L < 1/100 keeps 99 % of everything; initialisation makes none at a context of 2,048", "bound A from below (raise A_log), or cap the memory", "warning"),
    Verdict("memoryless", "memoryless", sp.Lt(_n["half_life_max"], 1), ("half_life_max",),
            "no state keeps one half of a token until the next", "lower the steps (dt bias), initialise them as mamba does", "warning"),
    Verdict("rank-loss", "rank loss", sp.Or(sp.Lt(_n["rank_B"], sp.Rational(1, 4)), sp.Lt(_n["rank_C"], sp.Rational(1, 4))), ("rank_B", "rank_C"),
            "a quarter of the states would do; an untrained layer is at four fifths and more, ordinary trained ones above a third", "use fewer states, or less weight decay on x_proj", "warning"),
    Verdict("rounds-fp32", "gates round to one in float32", _share("rounds_fp32", _PERCENT), ("rounds_fp32",),
            "one per cent of states; initialisation makes none", "raise A_log or the step bias there: those states only add up", "warning"),
    Verdict("overflow-fp32", "overflow not excluded in float32", sp.Lt(_n["margin_fp32"], 0), ("margin_fp32",),
            "the bound of some number exceeds the largest float32 number, and nearly bfloat16's", "put a norm before the block or on B, C and the step; look for outlier weights", "warning"),
    Verdict("subnormal", "subnormal weights", sp.And(_share("subnormal", _PERCENT), sp.Ge(_n["response"], sp.Float(UNIT_ROUNDOFF))), ("subnormal",),
            "one per cent of weights; what decays for long without a gradient ends there", "take them out of weight decay", "warning"),
    Verdict("overflow-fp16", "overflow not excluded in float16", sp.Lt(_n["margin_fp16"], 0), ("margin_fp16", "h_max", "y_max"),
            "the bound of some number exceeds 65,504; a bound, so real inputs may stay far below", "keep the scan in float32 or bfloat16, or trace real inputs", "note"),
    Verdict("rounds-bf16", "gates round to one in bfloat16", _share("rounds_bf16", 5 * _PERCENT), ("rounds_bf16",),
            "five per cent of states, where initialisation makes one; the scan's kernels keep gates in float32, a cache or a port may not", "keep A, the step and the state in float32", "note"),
    Verdict("rounds-fp16", "gates round to one in float16", _share("rounds_fp16", 5 * _PERCENT), ("rounds_fp16",),
            "five per cent of states; initialisation makes none", "keep A, the step and the state in float32", "note"),
    Verdict("unsaturated", "memory beyond the context", _share("unsaturated", _PERCENT), ("unsaturated", "half_life_max"),
            "one per cent of states: at a longer sequence they hold more than they ever held at this length", "train at a longer context, or cap the memory there", "note"),
)  # fmt: skip
#: After one of these the other numbers of a layer say nothing.
FATAL = ("not-finite", "dead")
_BY_NAME = {row.name: row for row in VERDICTS}


@cache
def _rule(name: str) -> Any:
    label = "health_" + name.replace("-", "_")
    return generate(lower_program(label, {label: _BY_NAME[name].rule}, "theory-20", _BY_NAME[name].title))


def given(numbers: Mapping[str, float | None]) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """The verdicts on a layer's numbers, worst first, and those that could not be decided."""
    found = {row.name: row.holds(numbers) for row in VERDICTS}
    fatal = [row for row in VERDICTS if row.name in FATAL and found[row.name]]
    held = fatal or [row for row in VERDICTS if found[row.name]]
    ordered = sorted(held, key=lambda row: SEVERITIES.index(row.severity))
    return tuple(ordered), () if fatal else tuple(row for row in VERDICTS if found[row.name] is None)
