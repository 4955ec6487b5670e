"""What letters cost: formulas are set once for all formats and figures of a process, fonts are embedded as glyphs alone.

Pictures are as they would be without: a formula's boxes and a font's outlines are the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset
from matplotlib.figure import Figure as Canvas
from matplotlib.mathtext import MathTextParser

__all__ = ["formulas_kept", "glyphs_alone", "labels_stay"]

#: Rules of substitution and placing, which a PDF has no use for: fontTools would follow them to further glyphs.
_RULES = ("GSUB", "GPOS", "GDEF")
#: Kind of output, text, resolution, font -> the formula as it was set. Its values are read, never changed.
_SET: dict[tuple[Any, ...], Any] = {}


@contextmanager
def formulas_kept() -> Iterator[None]:
    """Matplotlib keeps 50 formulas, apart for PDF and SVG; a figure has a hundred, most of them numbers at axes."""
    parser: Any = MathTextParser
    kept = getattr(parser, "_parse_cached", None)
    plain = getattr(kept, "__wrapped__", None)
    if plain is None:  # another Matplotlib keeps them in its own way
        yield
        return

    def once(self: Any, *key: Any) -> Any:
        whole = (self._output_type, *key)
        if whole not in _SET:
            _SET[whole] = plain(self, *key)
        return _SET[whole]

    parser._parse_cached = once
    try:
        yield
    finally:
        parser._parse_cached = kept


@contextmanager
def glyphs_alone() -> Iterator[None]:
    """Fonts are embedded without their rules: to read these takes a third of the time of a PDF."""
    load = subset.load_font

    def glyphs(*given: Any, **options: Any) -> Any:
        font = load(*given, **options)
        for rule in _RULES:
            if rule in font:
                del font[rule]
        return font

    subset.load_font = glyphs
    try:
        yield
    finally:
        subset.load_font = load


def labels_stay(canvas: Canvas) -> None:
    """Titles of axes keep the places that a drawn canvas gave them, in every format: none looks for its ticks again."""
    for ax in canvas.axes:
        for axis in (ax.xaxis, ax.yaxis):
            label = axis.label
            place = label.get_transform().transform(label.get_position())
            axis.set_label_coords(*ax.transAxes.inverted().transform(place))
