"""What stands for infinity where a run is compared: a time of no blow-up, a zero that is never met."""

from __future__ import annotations

__all__ = ["NEVER"]

#: Beyond every time, logarithm of a time and place on an orbit that a run reaches, and inside single precision.
NEVER = 10**30
