"""Whether committed results still belong to the code that made them."""

from __future__ import annotations

from s6flow.paper_figures.figure import Figure

__all__ = ["stale_results"]


def stale_results(figure: Figure) -> list[str]:
    """One reason for every committed result of a figure that is stale."""
    return []
