"""The rules that decide: how a flow ends (`symbolic.end_rules`), and what a step control does (`symbolic.step_control`)."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.ends import NO_THEOREM
from s6flow.symbolic.programs.serial import stored, table

__all__ = ["NORM", "cited", "deciding", "rule_program", "step_rules"]

#: The rule whose expression depends on the Runge-Kutta pair.
NORM = "error_norm"


@cache
def rule_program(name: str) -> Program:
    """As `end_rules.rule_program`."""
    if (found := stored(f"end_rules/{name}")) is not None:
        return found
    from s6flow.symbolic import end_rules

    return end_rules.rule_program(name)


@cache
def deciding(name: str) -> tuple[tuple[int, str], ...]:
    """Code of the end and id of the theorem of each row of a table, `system_rules` or `phase_rules`."""
    if (found := table(f"end_rules/{name}")) is not None:
        return tuple((int(end), str(theorem)) for end, theorem in found)
    from s6flow.symbolic.end_rules import TABLES

    return tuple((int(row.end), row.theorem) for row in TABLES[name])


@cache
def cited() -> tuple[str, ...]:
    """Every theorem id that a rule cites, `NO_THEOREM` last."""
    every = (theorem for name in ("system_rules", "phase_rules") for _, theorem in deciding(name))
    return (*dict.fromkeys(theorem for theorem in every if theorem != NO_THEOREM), NO_THEOREM)


@cache
def step_rules(norm: str) -> dict[str, tuple[Program, tuple[str, ...]]]:
    """The rules of step control by name, in order, each with the names of its arguments; its other inputs are constants.

    Args:
        norm: a key of `step_control.NORMS`, the rule `error_norm`.
    """
    if (found := table(f"step_control/{norm}")) is not None:
        named = {name: (stored(key), tuple(arguments)) for name, key, arguments in found}
        return {name: (program, arguments) for name, (program, arguments) in named.items() if program is not None}
    from s6flow.symbolic.step_control import NORMS, RULES, norm_rule

    rules = {**RULES, NORM: norm_rule(NORMS[norm])}
    return {name: (rule.program(name), tuple(rule.arguments.split())) for name, rule in rules.items()}
