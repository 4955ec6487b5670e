"""What a reader could not read in a drawn figure: texts that leave the canvas, lie on each other, or are too small."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from s6flow.paper_figures.figure import Canvas

__all__ = ["SMALLEST", "defects", "texts"]

#: Smallest letters of a printed figure [pt]; formulas of a table may be smaller, their signs are larger than letters.
SMALLEST = 6.0
#: How far two texts' boxes may reach into each other [pt]: a box ends a little outside of its ink.
_TOUCH = 1.0


def texts(canvas: Canvas) -> list[tuple[Text, Bbox]]:
    """Texts that are seen, with their extents [pixel]; labels of ticks outside of their axis are not drawn.

    Args:
        canvas: drawn once, so that all texts have their places.
    """
    unseen = {id(text) for axis in canvas.findobj(Axis) for text in _outside(axis)}
    found = []
    for text in canvas.findobj(Text):
        assert isinstance(text, Text), "findobj finds what it is asked for"
        if text.get_visible() and text.get_text().strip() and id(text) not in unseen:
            found.append((text, text.get_window_extent()))
    return found


def _outside(axis: Axis) -> Iterator[Text]:
    """Labels of ticks that lie outside of what the axis shows, or of an axis that is off."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        if not (low - slack <= tick.get_loc() <= high + slack) or not axis.axes.axison:
            yield from (tick.label1, tick.label2)


def defects(canvas: Canvas) -> list[str]:
    """One line for every text that leaves the canvas, covers another one, or is smaller than `SMALLEST`."""
    width, height = canvas.get_size_inches() * canvas.dpi
    seen = texts(canvas)
    found = [
        f"leaves the canvas: {text.get_text()!r}"
        for text, box in seen
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
    touch = _TOUCH * canvas.dpi / 72
    for (first, one), (second, other) in combinations(seen, 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        if wide > touch and high > touch:
            found.append(f"overlap: {first.get_text()!r} and {second.get_text()!r}")
    small = [
        text for text, _ in seen if float(text.get_fontsize()) < SMALLEST - 1e-9 and "\\frac" not in text.get_text()
    ]
    return found + [f"too small: {text.get_text()!r}, {text.get_fontsize():.1f} pt" for text in small]
