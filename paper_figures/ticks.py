"""What ticks cost: they are found, and their labels measured, once for a place of their panel.

Matplotlib looks for them and measures them again for every label, every pass of the layout and every format: a fifth of
the time of a figure. Pictures are as they would be without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg

__all__ = ["ticks_kept"]

_PATCHED = ("_update_ticks", "_get_ticklabel_bboxes")


@contextmanager
def ticks_kept() -> Iterator[None]:
    """Ticks that were found are not looked for again; inside of it nothing is added to a canvas, and no limit is set.

    Another Matplotlib, which has no such functions, does as it always does.
    """
    axis: Any = Axis
    if not all(hasattr(axis, name) for name in _PATCHED):
        yield
        return
    find, measure = (getattr(axis, name) for name in _PATCHED)
    found: dict[Any, tuple[Any, Any]] = {}
    measured: dict[Any, tuple[Any, Any]] = {}

    def ticks(self: Any) -> Any:
        # how many there are follows from the view and the share of the canvas; not from the resolution
        state = (*self.get_view_interval(), *self.axes.get_position().bounds)
        if found.get(self, (None,))[0] != state:
            found[self] = (state, find(self))
        return list(found[self][1])

    def boxes(self: Any, shown: Any, renderer: Any) -> Any:
        if not isinstance(renderer, RendererAgg):
            # panels have their places and titles of axes theirs: only a power of ten beside an axis looks for labels
            placed = not self._autolabelpos and not self.major.formatter.get_offset()
            return ([], []) if placed else measure(self, shown, renderer)
        state = (*self.get_view_interval(), *self.axes.bbox.bounds, [id(tick) for tick in shown])
        if measured.get(self, (None,))[0] != state:
            measured[self] = (state, measure(self, shown, renderer))
        first, second = measured[self][1]
        return list(first), list(second)

    axis._update_ticks, axis._get_ticklabel_bboxes = ticks, boxes
    try:
        yield
    finally:
        axis._update_ticks, axis._get_ticklabel_bboxes = find, measure
