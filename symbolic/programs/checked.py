"""What a check needs of a theorem: its data, and the programs of its margins in place of its relations.

The value holds no SymPy, so that a check can begin without it; `proofs.checked` makes it of a theorem and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s6flow.symbolic.codegen.ir import Program
from s6flow.symbolic.programs.serial import as_data, from_data

__all__ = ["IDLE", "Checked"]

#: The margin of a claim whose condition is not met; no decided margin reaches it.
IDLE = 2


@dataclass(frozen=True, eq=False)
class Checked:
    """A theorem as it is checked; the fields are those of `Theorem`, but for the margins.

    Args:
        margin: of the checked claim, as `margin_program` lowers it.
        core: of the pointwise core, None where there is none.
    """

    id: str
    variables: tuple[str, ...]
    assumptions: tuple[str, ...]
    measurement: str
    options: Mapping[str, Any]
    ranges: Mapping[str, tuple[float, float]]
    tolerance: float | None
    witness: Mapping[str, Any] | None
    margin: Program
    core: Program | None

    def as_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            "variables": list(self.variables),
            "assumptions": list(self.assumptions),
            "measurement": self.measurement,
            "options": dict(self.options),
            "ranges": {key: list(bounds) for key, bounds in self.ranges.items()},
            "tolerance": self.tolerance,
            "witness": None if self.witness is None else dict(self.witness),
            "margin": as_data(self.margin),
            "core": None if self.core is None else as_data(self.core),
        }

    @staticmethod
    def from_data(key: str, found: Mapping[str, Any]) -> Checked:
        """The value again.

        Raises: CodegenError: an operation that the IR does not have.
        """
        low_high = {name: (bounds[0], bounds[1]) for name, bounds in found["ranges"].items()}
        return Checked(
            key,
            tuple(found["variables"]),
            tuple(found["assumptions"]),
            found["measurement"],
            found["options"],
            low_high,
            found["tolerance"],
            found["witness"],
            from_data(found["margin"]),
            None if found["core"] is None else from_data(found["core"]),
        )
