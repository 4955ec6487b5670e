"""What rules and numbers of health share about floating-point formats."""

from __future__ import annotations

__all__ = ["UNIT_ROUNDOFF"]

#: Half of the spacing of float32 numbers at 1: what is added below it to a residual stream of size 1 is lost.
UNIT_ROUNDOFF = 2.0**-24
