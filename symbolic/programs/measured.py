"""What measurements of checks evaluate, as `symbolic.measured` has it."""

from __future__ import annotations

from functools import cache

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.programs.serial import stored

__all__ = ["measured"]


@cache
def measured(name: str) -> Program:
    """As `symbolic.measured.measured`."""
    if (found := stored(f"measured/{name}")) is not None:
        return found
    from s6flow.symbolic import measured as table

    return table.measured(name)
