"""Places of panels: the solver of the layout gives them with last digits that differ from run to run, and files are equal."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

from s6flow.paper_figures import render
from s6flow.paper_figures.figure import Canvas, Data


class Parts:
    """Two parts of a canvas, one of them with a part of its own, a bar of colours and a legend outside."""

    SIZE = (3.3, 3.0)
    PARAMETERS: ClassVar[dict[str, Any]] = {}

    def data(self) -> Data:
        return {"x": np.linspace(1, 5, 30)}

    def draw(self, canvas: Canvas, data: Data) -> None:
        x = data["x"]
        upper, lower = canvas.subfigures(2, 1, height_ratios=[2, 1])
        left, right = upper.subfigures(1, 2)
        left.subplots().plot(x, x / 7, label="$x/7$")
        left.legend(loc="outside lower center")
        ax = right.subplots()
        right.colorbar(ax.pcolormesh(x, x, np.outer(x, x)), ax=ax)
        for ax in lower.subplots(1, 2, sharey=True):
            ax.loglog(x, x**9)
            ax.set_xlabel("$x$")

    def caption(self, data: Data) -> str:
        return ""


def _parts(canvas: Any) -> list[Any]:
    return [found for part in canvas.subfigs for found in (part, *_parts(part))]


@pytest.mark.parametrize("toward", [0.0, 1.0])
def test_last_digits_of_the_layout_are_in_no_file(toward: float, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()
    before = render.render(parts, parts.data(), "parts", {})
    plain, moved = ConstrainedLayoutEngine.execute, []

    def execute(self: ConstrainedLayoutEngine, canvas: Canvas) -> None:
        plain(self, canvas)
        for part in _parts(canvas):
            part.bbox_relative.set_points(np.nextafter(part.bbox_relative.get_points(), toward))
            moved.append(part)
        for ax in canvas.axes:
            ax.set_position(Bbox(np.nextafter(ax.get_position(original=True).get_points(), toward)))
            moved.append(ax)

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", execute)
    again = render.render(parts, parts.data(), "parts", {})
    assert len(moved) == 9
    assert [form for form in before if again[form] != before[form]] == []
