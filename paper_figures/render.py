"""One figure as files: PDF, SVG, PNG and CSV with parameters, digest and versions inside, equal in every run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from s6flow.paper_figures.figure import Canvas, Data, Drawing
from s6flow.paper_figures.lettering import glyphs_alone, labels_stay, letters_kept, placed
from s6flow.paper_figures.ticks import ticks_kept

__all__ = ["FORMATS", "STYLE", "read_csv", "render", "write_csv"]

STYLE = Path(__file__).parent / "style.mplstyle"
#: Pages embed the PNG; beyond this size [byte] it is reduced.
LARGEST_PNG = 240_000
FORMATS = ("pdf", "svg", "png", "csv")


def render(drawing: Drawing, data: Data, title: str, about: Mapping[str, Any]) -> dict[str, bytes]:
    """Format -> content.

    Args:
        about: what is embedded: parameters, digest, versions; anything that JSON can hold.
    Numerics: matplotlib starts from its defaults and the style file, so that a user's settings change nothing; no
        date is written.
    """
    description = json.dumps(about, sort_keys=True)
    with matplotlib.style.context(STYLE, after_reset=True), mpl.rc_context({"backend": "agg"}), letters_kept():
        canvas = Canvas(figsize=drawing.SIZE)
        FigureCanvasAgg(canvas)
        drawing.draw(canvas, data)
        metadata: dict[str, dict[str, Any]] = {
            "png": {"Title": title, "Description": description, "Software": "s6flow"},
            "pdf": {
                "Title": title,
                "Subject": description,
                "Creator": "s6flow",
                "Producer": "matplotlib",
                "CreationDate": None,
            },
            "svg": {"Title": title, "Description": description, "Creator": "s6flow", "Date": None},
        }
        with ticks_kept():
            placed(canvas)  # once, and equally for all formats
            with mpl.rc_context({"figure.constrained_layout.use": False}), glyphs_alone():
                # not "none": beside an engine, one that does nothing too, all is drawn twice
                canvas.set_layout_engine(None)
                files = {"png": _picture(canvas, metadata["png"])}
                labels_stay(canvas)
                files |= {form: _saved(canvas, form, metadata[form]) for form in ("pdf", "svg")}
    return {**files, "csv": write_csv(data, description).encode()}


def _saved(canvas: Canvas, form: str, metadata: Mapping[str, Any]) -> bytes:
    """A file of a format; one of text is written as text, which is not encoded word by word."""
    if form == "svg":
        text = io.StringIO()
        canvas.savefig(text, format=form, metadata=metadata)
        return text.getvalue().encode()
    content = io.BytesIO()
    canvas.savefig(content, format=form, metadata=metadata)
    return content.getvalue()


def _picture(canvas: Canvas, metadata: Mapping[str, str]) -> bytes:
    """The canvas as PNG; one too large to embed with 256 colours: text and lines look the same at a third of the size."""
    agg: Any = canvas.canvas
    agg.draw()
    pixels = np.ascontiguousarray(np.asarray(agg.buffer_rgba())[..., :3])
    texts = PngInfo()
    for key, value in metadata.items():
        texts.add_text(key, value)

    def encoded(picture: Image.Image) -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, "png", pnginfo=texts, dpi=(canvas.dpi, canvas.dpi))
        return buffer.getvalue()

    whole = encoded(Image.fromarray(pixels))
    return whole if len(whole) <= LARGEST_PNG else encoded(_reduced(pixels))


def _reduced(pixels: NDArray[np.uint8]) -> Image.Image:
    """A picture with its 256 best colours, shape (height, width, 3); white, which most of it is, is one of them."""
    inked = (pixels != 255).any(axis=-1)
    ink = np.ascontiguousarray(pixels[inked])
    places = np.zeros(inked.shape, dtype=np.uint8)
    colours = [255, 255, 255]
    if len(ink):
        strip = Image.fromarray(ink[None]).quantize(255, dither=Image.Dither.NONE)
        places[inked] = 1 + np.asarray(strip)[0]
        colours += strip.getpalette() or []
    picture = Image.fromarray(places)
    picture.putpalette(colours)
    return picture


def write_csv(data: Data, description: str = "") -> str:
    """Arrays in long form: name, indices from 0 separated by a blank, value; exact for float64."""
    out = io.StringIO()
    out.write(f"# {description}\n" if description else "")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("array", "index", "value"))
    for name, values in data.items():
        plain = np.asarray(values).tolist()
        for index in np.ndindex(np.shape(values)):
            item = plain
            for position in index:
                item = item[position]
            writer.writerow((name, " ".join(map(str, index)), item))
    return out.getvalue()


def read_csv(text: str) -> Data:
    """The arrays that `write_csv` wrote; text where not every value is a number."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    entries: dict[str, dict[tuple[int, ...], str]] = {}
    for row in csv.DictReader(lines):
        entries.setdefault(row["array"], {})[tuple(map(int, row["index"].split()))] = row["value"]
    data: Data = {}
    for name, cells in entries.items():
        shape = tuple(1 + max(axis) for axis in zip(*cells, strict=True))
        flat = list(cells.values())
        try:
            array: Any = np.array([float(value) for value in flat])
        except ValueError:
            array = np.array([{"True": "1", "False": "0"}.get(v, v) for v in flat])
            array = array.astype(float) if set(array) <= {"0", "1"} else array
        data[name] = array.reshape(shape)
    return data
