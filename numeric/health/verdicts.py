"""The verdicts of health: reason of the threshold, remedy and severity, declared in one table.

The rule of each, a relation between numbers of `NUMBERS`, is the entry of its name in `symbolic.health_rules`, and is
generated like every other formula; where a number is unknown the verdict is not given, which the layer says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from s6flow.symbolic.codegen.module import generate
from s6flow.symbolic.programs.health import health_rule, health_rule_text

__all__ = ["FATAL", "SEVERITIES", "VERDICTS", "Verdict", "given"]

#: Worst first.
SEVERITIES = ("critical", "warning", "note")


@dataclass(frozen=True)
class Verdict:
    """One verdict.

    Args:
        name: a stable slug.
        title: for a reader, in a few words.
        shown: the numbers that it rests on.
        reason: why the threshold stands where it does.
        remedy: what a user can do.
        severity: one of `SEVERITIES`.
    """

    name: str
    title: str
    shown: tuple[str, ...]
    reason: str
    remedy: str
    severity: str

    @property
    def needs(self) -> frozenset[str]:
        """The numbers of the rule."""
        return frozenset(inp.name for inp in health_rule(self.name).inputs)

    @property
    def rule_text(self) -> str:
        """The rule as text, with decimals of two digits."""
        return health_rule_text(self.name)

    def holds(self, numbers: Mapping[str, float | None]) -> bool | None:
        """Whether it is given; None where a number of its rule is unknown."""
        values = {key: numbers.get(key) for key in self.needs}
        if any(value is None for value in values.values()):
            return None
        function = generate(health_rule(self.name))
        return bool(np.asarray(function(*(np.float64(values[key]) for key in function.inputs))))


VERDICTS: tuple[Verdict, ...] = (
    Verdict("not-finite", "not finite", ("damaged",),
            "one NaN or infinity reaches every later token", "go back to the last checkpoint without it; lower the learning rate, clip gradients, look at margin_fp16 and margin_bf16 of the layers before", "critical"),
    Verdict("dead", "dead", ("response",),
            "below half of the spacing of float32 numbers at 1 nothing that the layer adds survives rounding", "take A_log, D, biases and norms out of weight decay (check_optimizer), restart the layer, or leave it out: the network does not use it", "critical"),
    Verdict("dead-channels", "dead channels", ("dead_channels",),
            "one channel in twenty: no initialisation makes any", "take A_log, D and biases out of weight decay; prune those channels, or draw them anew", "warning"),
    Verdict("untrained", "untrained", ("at_start",),
            "every one of A_log, D and the step bias is where initialisation puts it, to rounding", "see that gradients reach the layer and that the optimiser holds its parameters", "warning"),
    Verdict("lost-initialisation", "lost initialisation", ("step_low", "step_high"),
            "all steps lie around softplus(0) = 0.69, between softplus(-1) and softplus(1), where a linear map's own biases put them; mamba draws steps from 0.001 to 0.1", "set dt_proj's bias again after any init_weights of the model (mark it _no_reinit), and train anew: the layer forgets in a few tokens", "warning"),
    Verdict("collapsed-spectrum", "collapsed spectrum", ("spread",),
            "a quarter of the log-spread of 1..N: a_max/a_min below N^(1/4) where initialisation gives N", "initialise A_log = log(1..N); keep A_log out of weight decay", "warning"),
    Verdict("accumulator", "accumulator", ("accumulating", "half_life_max"),
            "a state with a Delta L < 1/100 keeps 99 % of everything; initialisation makes none at a context of 2,048", "bound A from below (raise A_log), or cap the memory", "warning"),
    Verdict("memoryless", "memoryless", ("half_life_max",),
            "no state keeps one half of a token until the next", "lower the steps (dt bias), initialise them as mamba does", "warning"),
    Verdict("rank-loss", "rank loss", ("rank_B", "rank_C"),
            "a quarter of the states would do; an untrained layer is at four fifths and more, ordinary trained ones above a third", "use fewer states, or less weight decay on x_proj", "warning"),
    Verdict("rounds-fp32", "gates round to one in float32", ("rounds_fp32",),
            "one per cent of states; initialisation makes none", "raise A_log or the step bias there: those states only add up", "warning"),
    Verdict("overflow-fp32", "overflow not excluded in float32", ("margin_fp32",),
            "the bound of some number exceeds the largest float32 number, and nearly bfloat16's", "put a norm before the block or on B, C and the step; look for outlier weights", "warning"),
    Verdict("subnormal", "subnormal weights", ("subnormal",),
            "one per cent of weights; what decays for long without a gradient ends there", "take them out of weight decay", "warning"),
    Verdict("overflow-fp16", "overflow not excluded in float16", ("margin_fp16", "h_max", "y_max"),
            "the bound of some number exceeds 65,504; a bound, so real inputs may stay far below", "keep the scan in float32 or bfloat16, or trace real inputs", "note"),
    Verdict("rounds-bf16", "gates round to one in bfloat16", ("rounds_bf16",),
            "five per cent of states, where initialisation makes one; the scan's kernels keep gates in float32, a cache or a port may not", "keep A, the step and the state in float32", "note"),
    Verdict("rounds-fp16", "gates round to one in float16", ("rounds_fp16",),
            "five per cent of states; initialisation makes none", "keep A, the step and the state in float32", "note"),
    Verdict("unsaturated", "memory beyond the context", ("unsaturated", "half_life_max"),
            "one per cent of states: at a longer sequence they hold more than they ever held at this length", "train at a longer context, or cap the memory there", "note"),
)  # fmt: skip
#: After one of these the other numbers of a layer say nothing.
FATAL = ("not-finite", "dead")


def given(numbers: Mapping[str, float | None]) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """The verdicts on a layer's numbers, worst first, and those that could not be decided."""
    found = {row.name: row.holds(numbers) for row in VERDICTS}
    fatal = [row for row in VERDICTS if row.name in FATAL and found[row.name]]
    held = fatal or [row for row in VERDICTS if found[row.name]]
    ordered = sorted(held, key=lambda row: SEVERITIES.index(row.severity))
    return tuple(ordered), () if fatal else tuple(row for row in VERDICTS if found[row.name] is None)
