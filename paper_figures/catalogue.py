"""The table of figures, in the order of the paper."""

from __future__ import annotations

import difflib

from s6flow.paper_figures.figure import Figure
from s6flow.symbolic.errors import FormatError

__all__ = ["FIGURES", "chosen"]

_ROWS = (
    Figure("convergence", "Convergence: every token goes to zero like 1/sqrt(t)", "convergence", ("convergence-rate",)),
)

#: name -> figure.
FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ROWS}


def chosen(names: tuple[str, ...] | None) -> list[Figure]:
    """The figures of these names in the table's order; all of them for None.

    Raises: FormatError: listing the figures, if one is unknown.
    """
    unknown = [name for name in names or () if name not in FIGURES]
    if unknown:
        near = difflib.get_close_matches(unknown[0], FIGURES, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise FormatError("a figure must be in the table", unknown[0], remedy=f"{hint}Figures: {', '.join(FIGURES)}.")
    return [figure for figure in FIGURES.values() if not names or figure.name in names]
