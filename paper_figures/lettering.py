"""What letters cost: formulas are set and fonts found once for all formats and figures of a process, fonts are embedded as
glyphs alone, and panels are placed without a drawing for it.

Pictures are as they would be without: a formula's boxes and a font's outlines are the same ones.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fontTools import subset
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import FigureBase
from matplotlib.font_manager import FontManager
from matplotlib.mathtext import MathTextParser
from matplotlib.transforms import Bbox

__all__ = ["glyphs_alone", "labels_stay", "letters_kept", "placed"]

#: Rules of substitution and placing, which a PDF has no use for: fontTools would follow them to further glyphs.
_RULES = ("GSUB", "GPOS", "GDEF", "kern")
#: Size [pt] and resolution [dpi] at which formulas are read: Matplotlib's own for outlines of letters.
_EM, _DPI = 100.0, 72.0
#: Decimals of a panel's place as a share of the canvas: a millionth of a pixel.
_DECIMALS = 9
#: Text, font and resolution -> the formula as it was set. Its values are read, never changed.
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
    plain = {name: getattr(manager, name) for name in ("findfont", "_find_fonts_by_props") if hasattr(manager, name)}
    for name, find in plain.items():
        setattr(manager, name, _once(find))
    try:
        yield
    finally:
        for name, find in plain.items():
            setattr(manager, name, find)


def _once(find: Callable[..., Any]) -> Callable[..., Any]:
    """A look-up of fonts that remembers what it found for the properties alone."""
    found: dict[int, Any] = {}

    def once(self: Any, prop: Any, *given: Any, **options: Any) -> Any:
        if given or options or isinstance(prop, str):
            return find(self, prop, *given, **options)
        key = hash(prop)  # what Matplotlib tells properties of fonts apart by, as they can be changed
        if key not in found:
            found[key] = find(self, prop)
        return found[key]

    return once


@contextmanager
def _formulas_kept() -> Iterator[None]:
    """A formula is read once, at one size, and scaled to the sizes and resolutions of all formats; to read it takes as long
    as to draw it a hundred times. Matplotlib keeps 50 of them, apart by size and resolution; a figure has a hundred.
    """
    parser: Any = MathTextParser
    kept = getattr(parser, "_parse_cached", None)
    plain = getattr(kept, "__wrapped__", None)
    if plain is None:  # another Matplotlib keeps them in its own way
        yield
        return

    def once(self: Any, text: str, dpi: float, prop: Any, *flags: Any) -> Any:
        if prop is None:
            return plain(self, text, dpi, prop, *flags)
        if self._output_type != "vector":
            return _kept((self._output_type, text, dpi, prop, *flags), lambda: plain(self, text, dpi, prop, *flags))
        whole = prop.copy()
        whole.set_size(_EM)
        box = _kept((text, whole, *flags), lambda: plain(self, text, _DPI, whole, *flags))
        size = prop.get_size_in_points()
        return _kept((text, prop, dpi, *flags), lambda: _scaled(box, size / _EM, dpi / _DPI))

    parser._parse_cached = once
    try:
        yield
    finally:
        parser._parse_cached = kept


def _kept(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    if key not in _SET:
        _SET[key] = make()
    return _SET[key]


def _scaled(box: Any, size: float, resolution: float) -> Any:
    """A formula with its letters at `size` of theirs, and lengths in pixels of a resolution.

    Where these are not points but pixels, a line is as many whole ones thick, wherever it comes to lie.
    """
    by = size * resolution
    thick: Callable[[float], float] = math.ceil if resolution != 1.0 else float
    return box._replace(
        width=box.width * by,
        height=box.height * by,
        depth=box.depth * by,
        glyphs=[(font, points * size, *which, x * by, y * by) for font, points, *which, x, y in box.glyphs],
        rects=[(x * by, y * by, wide * by, thick(high * by)) for x, y, wide, high in box.rects],
    )


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
    """Panels have their places, as the engine finds them; to save a file with an engine is to draw it twice.

    Numerics: the engine's solver adds up its terms in the order of their addresses in memory, so that the last digits of a place
        differ from one run to the next, and with them the names of clips in an SVG; a place is rounded to what all runs agree on.
    """
    engine = canvas.get_layout_engine()
    for ax in canvas.axes:
        ax.apply_aspect()
    if engine is not None and canvas.axes:
        engine.execute(canvas)
        _rounded(canvas)
        for ax in canvas.axes:
            ax.set_position(Bbox(ax.get_position(original=True).get_points().round(_DECIMALS)))


def _rounded(canvas: FigureBase) -> None:
    """Places of a canvas' parts, and of theirs."""
    for part in canvas.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(_DECIMALS))
        _rounded(part)


def labels_stay(canvas: Canvas) -> None:
    """Titles of axes keep the places that a drawn canvas gave them, in every format: none looks for its ticks again."""
    for ax in canvas.axes:
        for axis in (ax.xaxis, ax.yaxis):
            label = axis.label
            place = label.get_transform().transform(label.get_position())
            axis.set_label_coords(*ax.transAxes.inverted().transform(place))
