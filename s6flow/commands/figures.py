"""s6flow figures: see paper_figures.command."""

from s6flow.paper_figures.command import figures

__all__ = ["figures"]
