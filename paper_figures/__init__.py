"""The paper's figures: each is data() and draw(), drawn by one command, with captions made from theorem values."""

from s6flow.paper_figures.blocks import figure_blocks
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.draw import Outcome, Report, draw_figures
from s6flow.paper_figures.index import index_page

__all__ = ["FIGURES", "Outcome", "Report", "draw_figures", "figure_blocks", "index_page"]
