"""What a reader of a figure must be able to read: every text lies on the canvas, and legends are complete."""

from __future__ import annotations

import functools
from typing import Any

import matplotlib as mpl
import matplotlib.style
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable
from s6flow.paper_figures.palette import STATUSES
from s6flow.paper_figures.render import STYLE
from s6flow.proofs.registry import REGISTRY
from s6flow.proofs.status import status

#: Points that a letter may stand out of the canvas.
SLACK = 0.0
#: Figures whose data are committed or quickly read; the layout of the others does not depend on new results.
QUICK = ("training", "performance", "table-of-rates", "theorem-graph")


@functools.cache
def drawn(name: str) -> tuple[Canvas, Data]:
    figure = FIGURES[name]
    try:
        drawing = figure.drawing()
        data = drawing.data()
    except FigureUnavailable as missing:
        pytest.skip(str(missing))
    with matplotlib.style.context(STYLE, after_reset=True), mpl.rc_context({"backend": "agg"}):
        canvas = Canvas(figsize=drawing.SIZE)
        FigureCanvasAgg(canvas)
        drawing.draw(canvas, data)
        canvas.draw_without_rendering()
    return canvas, data


def texts(canvas: Canvas) -> list[tuple[Text, Any]]:
    """Visible texts with their extents [pixel]; tick labels outside their axis are not drawn and do not count."""
    found = []
    for text in canvas.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text().strip():
            found.append((text, text.get_window_extent()))
    return found


@pytest.mark.parametrize("name", QUICK)
def test_no_text_leaves_the_canvas(name: str) -> None:
    canvas, _ = drawn(name)
    width, height = canvas.get_size_inches() * canvas.dpi
    slack = SLACK * canvas.dpi / 72
    outside = [
        text.get_text()
        for text, box in texts(canvas)
        if box.x0 < -slack or box.y0 < -slack or box.x1 > width + slack or box.y1 > height + slack
    ]
    assert outside == []


def test_legend_of_the_graph_names_every_status() -> None:
    canvas, data = drawn("theorem-graph")
    legend = canvas.axes[0].get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == [name for name in STATUSES if name in data["status"]]
    assert set(shown) == {status(theorem) for theorem in REGISTRY.values()}
    assert len(shown) > 1


def test_no_label_is_cut() -> None:
    canvas, data = drawn("performance")
    shown = [" ".join(text.get_text().split()) for text, _ in texts(canvas)]
    assert not any("…" in label for label in shown)
    for peer in set(data["peer"][data["kind"] == "peer"].tolist()) - {""}:
        assert any(label.endswith(": " + str(peer).replace("_", " ")) for label in shown), peer
