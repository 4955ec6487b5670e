"""The paper's figures: each is data() and draw(), drawn by one command, with captions made from theorem values.

What it offers is imported when it is first asked for: the table of figures is also read by what draws none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s6flow.paper_figures.catalogue import FIGURES
    from s6flow.paper_figures.contents import index_page
    from s6flow.paper_figures.document_blocks import figure_blocks
    from s6flow.paper_figures.draw import Outcome, Report, draw_figures

__all__ = ["FIGURES", "Outcome", "Report", "draw_figures", "figure_blocks", "index_page"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from s6flow.paper_figures import catalogue, contents, document_blocks, draw

    homes = {"FIGURES": catalogue, "figure_blocks": document_blocks, "index_page": contents}
    return getattr(homes.get(name, draw), name)
