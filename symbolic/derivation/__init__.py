"""The derivation: from the S6 recurrence to the criteria, each step with its justification and its residual.

What it offers is imported when it is first asked for: documents are also written of what needs no algebra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s6flow.symbolic.derivation.chapters import SECTIONS, TITLE, all_steps, derivation_blocks

__all__ = ["SECTIONS", "TITLE", "all_steps", "derivation_blocks"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from s6flow.symbolic.derivation import chapters

    return getattr(chapters, name)
