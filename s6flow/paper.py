"""The whole story as document blocks: derivation, theorems with their statuses, figures."""

from __future__ import annotations

from pathlib import Path

from s6flow.symbolic.derivation import derivation_blocks
from s6flow.symbolic.derivation.document import Block

__all__ = ["paper_blocks"]


def paper_blocks(theorems: bool = True, figures: Path | None = None) -> list[Block]:
    """Blocks of the derivation page.

    Args:
        theorems: add the theorem library.
        figures: folder to draw the figures in; none without.
    """
    blocks = derivation_blocks()
    if theorems:
        from s6flow.proofs.index import library_blocks

        blocks += library_blocks()
    if figures is not None:
        from s6flow.paper_figures import figure_blocks

        blocks += figure_blocks(figures)
    return blocks
