"""What letters cost: formulas are set and fonts found once for all formats and figures of a process, fonts are embedded as
glyphs alone, and panels are placed without a drawing for it.

Pictures are as they would be without: a formula's boxes and a font's outlines are the same ones.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontManager
from matplotlib.mathtext import MathTextParser

__all__ = ["glyphs_alone", "labels_stay", "letters_kept", "placed"]

#: Rules of substitution and placing, which a PDF has no use for: fontTools would follow them to further glyphs.
_RULES = ("GSUB", "GPOS", "GDEF")
#: Kind of output, text, resolution, font -> the formula as it was set. Its values are read, never changed.
_SET: dict[tuple[Any, ...], Any] = {}
#: File of a font -> the font without what no PDF needs, and the names of its glyphs.
_GLYPHS: dict[str, tuple[bytes, list[str]]] = {}


@contextmanager
def letters_kept() -> Iterator[None]:
    """Formulas that were set and fonts that were found are not asked for again; inside of it the settings stay."""
    with _formulas_kept(), _fonts_found():
        yield


@contextmanager
def _fonts_found() -> Iterator[None]:
    """Matplotlib reads eleven settings before it looks up which file a font is, for every text and letter of a formula."""
    manager: Any = FontManager
    find, found = manager.findfont, {}

    def once(self: Any, prop: Any, *given: Any, **options: Any) -> Any:
        if given or options or isinstance(prop, str):
            return find(self, prop, *given, **options)
        key = hash(prop)  # what Matplotlib tells properties of fonts apart by, as they can be changed
        if key not in found:
            found[key] = find(self, prop)
        return found[key]

    manager.findfont = once
    try:
        yield
    finally:
        manager.findfont = find


@contextmanager
def _formulas_kept() -> Iterator[None]:
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
    """Fonts are embedded without their rules, names of glyphs and all but one table of characters: to read these takes half
    of the time of a PDF. Each is read once; what fontTools has to say of its dates is not for who draws.
    """
    load, log = subset.load_font, logging.getLogger("fontTools")
    level = log.level

    def glyphs(file: Any, options: Any, **more: Any) -> Any:
        name = f"{file} {options.font_number}"
        if name not in _GLYPHS:
            _GLYPHS[name] = _bare(load(file, options, **more))
        content, order = _GLYPHS[name]
        font = load(io.BytesIO(content), options, **more)
        font.setGlyphOrder(list(order))
        return font

    log.setLevel(logging.ERROR)
    subset.load_font = glyphs
    try:
        yield
    finally:
        subset.load_font = load
        log.setLevel(level)


def _bare(font: Any) -> tuple[bytes, list[str]]:
    """A font as a file without what no PDF needs, and the names of its glyphs, which are in no table of it any more."""
    order = font.getGlyphOrder()
    for rule in _RULES:
        if rule in font:
            del font[rule]
    if "post" in font:
        font["post"].formatType = 3.0  # a table without names
    characters = font["cmap"]
    widest = [table for table in characters.tables if table.isUnicode()]
    widest.sort(key=lambda table: len(table.cmap), reverse=True)
    characters.tables = widest[:1] or characters.tables
    content = io.BytesIO()
    font.save(content, reorderTables=None)
    return content.getvalue(), list(order)


def placed(canvas: Canvas) -> None:
    """Panels have their places, as the engine finds them; to save a file with an engine is to draw it twice."""
    engine = canvas.get_layout_engine()
    for ax in canvas.axes:
        ax.apply_aspect()
    if engine is not None and canvas.axes:
        engine.execute(canvas)


def labels_stay(canvas: Canvas) -> None:
    """Titles of axes keep the places that a drawn canvas gave them, in every format: none looks for its ticks again."""
    for ax in canvas.axes:
        for axis in (ax.xaxis, ax.yaxis):
            label = axis.label
            place = label.get_transform().transform(label.get_position())
            axis.set_label_coords(*ax.transAxes.inverted().transform(place))
