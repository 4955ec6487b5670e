"""Criteria and what belongs to them, as `symbolic.criteria`, `symbolic.carried_sums` and `symbolic.assumptions` have them."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.programs.serial import stored

__all__ = ["exponential_sum_program", "inherited_limit_program", "predicate", "quantity"]


@cache
def quantity(name: str) -> Program:
    """As `criteria.quantity`.

    Raises: TheoremError: if there is no such quantity.
    """
    if (found := stored(f"criteria/{name}")) is not None:
        return found
    from s6flow.symbolic import criteria

    return criteria.quantity(name)


@cache
def exponential_sum_program() -> Program:
    """As `carried_sums.exponential_sum_program`."""
    if (found := stored("carried_sums/exponential_sum_program")) is not None:
        return found
    from s6flow.symbolic import carried_sums

    return carried_sums.exponential_sum_program()


@cache
def inherited_limit_program() -> Program:
    """As `carried_sums.inherited_limit_program`."""
    if (found := stored("carried_sums/inherited_limit_program")) is not None:
        return found
    from s6flow.symbolic import carried_sums

    return carried_sums.inherited_limit_program()


@cache
def predicate(key: str) -> Program:
    """As `assumptions.predicate`."""
    if (found := stored(f"assumptions/{key}")) is not None:
        return found
    from s6flow.symbolic import assumptions

    return assumptions.predicate(key)
