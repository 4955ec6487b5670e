"""What pictures of results share: axes to draw on, and bars. Colours are those of `symbolic.ends` and of the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes", "stacked_bars"]


def axes(ax: Axes | None, width: float = 5.2, height: float = 3.4) -> Axes:
    """The given axes, or those of a new pyplot figure, which notebooks show by themselves.

    Args:
        width, height: of the new figure [inch].
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def stacked_bars(
    ax: Axes, names: Sequence[str], counts: Mapping[str, Sequence[float]], colours: Mapping[str, str]
) -> None:
    """Horizontal bars, the first name on top, one part a key of `counts`; parts that are 0 everywhere are left out.

    Args:
        counts: part -> its length in every bar.
        colours: of the parts.
    """
    start = [0.0] * len(names)
    for part, lengths in counts.items():
        if any(lengths):
            ax.barh(range(len(names)), lengths, left=start, color=colours[part], label=part, height=0.85)
        start = [before + length for before, length in zip(start, lengths, strict=True)]
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
