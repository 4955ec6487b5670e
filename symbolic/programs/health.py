"""Numbers and rules of health, as `symbolic.state` and `symbolic.health_rules` have them."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.programs.serial import stored, table

__all__ = ["health_rule", "health_rule_text", "state_quantity"]


@cache
def state_quantity(name: str) -> Program:
    """As `state.quantity`.

    Raises: TheoremError: if there is no such quantity.
    """
    if (found := stored(f"state/{name}")) is not None:
        return found
    from s6flow.symbolic import state

    return state.quantity(name)


@cache
def health_rule(name: str) -> Program:
    """As `health_rules.health_rule`."""
    if (found := stored(f"health_rules/{name}")) is not None:
        return found
    from s6flow.symbolic import health_rules

    return health_rules.health_rule(name)


@cache
def health_rule_text(name: str) -> str:
    """As `health_rules.health_rule_text`."""
    if (found := table("health_rules")) is not None:
        texts = {key: str(text) for key, text in found}
        if name in texts:
            return texts[name]
    from s6flow.symbolic import health_rules

    return health_rules.health_rule_text(name)
