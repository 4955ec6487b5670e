"""What a reader of a figure must be able to read: every text lies on the canvas, and legends are complete."""

from __future__ import annotations

import functools

import matplotlib as mpl
import matplotlib.style
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from s6flow.paper_figures import layout
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.drawings import performance
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable
from s6flow.paper_figures.palette import STATUSES
from s6flow.paper_figures.render import STYLE
from s6flow.proofs.registry import REGISTRY
from s6flow.proofs.status import status

#: A table, a graph, sketches and curves whose data are committed or quickly read; the others are drawn at night.
QUICK = (
    "training",
    "table-of-rates",
    "theorem-graph",
    "overview",
    "depth",
    "states",
    "memory",
)
SLOW = tuple(name for name in FIGURES if name not in QUICK)


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


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_every_text_can_be_read(name: str) -> None:
    canvas, _ = drawn(name)
    assert len(layout.texts(canvas)) > 5
    assert layout.defects(canvas) == []


def planted(*places: tuple[float, float, str], size: float = 7.0) -> Canvas:
    canvas = Canvas(figsize=(3.0, 2.0), dpi=300)
    FigureCanvasAgg(canvas)
    ax = canvas.add_axes((0.2, 0.2, 0.7, 0.7))
    ax.set_xticks([])
    ax.set_yticks([])
    for x, y, text in places:
        ax.text(x, y, text, fontsize=size)
    canvas.draw_without_rendering()
    return canvas


def test_an_overlap_is_found() -> None:
    (found,) = layout.defects(planted((0.1, 0.5, "one label"), (0.25, 0.52, "another")))
    assert found == "overlap: 'one label' and 'another'"
    assert layout.defects(planted((0.1, 0.5, "one label"), (0.1, 0.7, "another"))) == []


def test_a_text_that_is_cut_is_found() -> None:
    (found,) = layout.defects(planted((0.9, 0.5, "a label at the edge")))
    assert found == "leaves the canvas: 'a label at the edge'"


def test_letters_that_are_too_small_are_found() -> None:
    (found,) = layout.defects(planted((0.1, 0.5, "label"), size=layout.SMALLEST - 0.1))
    assert found.startswith("too small: 'label'")
    assert layout.defects(planted((0.1, 0.5, "label"), size=layout.SMALLEST)) == []


def test_a_tick_outside_of_its_axis_does_not_count() -> None:
    canvas = Canvas(figsize=(3.0, 2.0), dpi=300)
    FigureCanvasAgg(canvas)
    ax = canvas.add_axes((0.2, 0.2, 0.7, 0.7))
    ax.set_xticks([0.0, 5.0], ["seen", "unseen"])
    ax.set_xlim(-1, 1)
    canvas.draw_without_rendering()
    shown = [text.get_text() for text, _ in layout.texts(canvas)]
    assert "seen" in shown
    assert "unseen" not in shown


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
    shown = [" ".join(text.get_text().split()) for text, _ in layout.texts(canvas)]
    assert not any("…" in label for label in shown)
    for peer in set(data["peer"][data["kind"] == "peer"].tolist()) - {""}:
        assert performance.WORDS.get(str(peer), str(peer)) in shown, peer
