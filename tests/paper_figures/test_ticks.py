"""Ticks that are found once: fewer look-ups, and the very same files."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from matplotlib.axis import Axis

from s6flow.paper_figures import render
from s6flow.paper_figures.figure import Canvas, Data


class Panels:
    """Shared and logarithmic axes, minor ticks, a power of ten beside an axis, and a bar of colours."""

    SIZE = (3.3, 3.0)

    def __init__(self) -> None:
        self.PARAMETERS: dict[str, Any] = {}

    def data(self) -> Data:
        return {"x": np.linspace(1, 5, 30)}

    def draw(self, canvas: Canvas, data: Data) -> None:
        x = data["x"]
        (first, second), (third, fourth) = canvas.subplots(2, 2, sharex="col")
        first.plot(x, 1e7 + x)
        second.loglog(x, x**9)
        image = third.pcolormesh(x, x, np.outer(x, x))
        canvas.colorbar(image, ax=third, label="a bar")
        fourth.plot(x, x / 7, label="$x/7$")
        fourth.legend()
        for ax in (first, third):
            ax.set_ylabel("height")
        for ax in (third, fourth):
            ax.set_xlabel("$x$")
        canvas.align_labels()

    def caption(self, data: Data) -> str:
        return ""


def test_files_are_as_without_and_ticks_are_looked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Axis._update_ticks  # type: ignore[attr-defined]
    counts: list[int] = []

    def counted(self: Any) -> Any:
        counts[-1] += 1
        return plain(self)

    monkeypatch.setattr(Axis, "_update_ticks", counted)
    panels, files = Panels(), []
    for keeper in (render.ticks_kept, nullcontext):
        monkeypatch.setattr(render, "ticks_kept", keeper)
        counts.append(0)
        files.append(render.render(panels, panels.data(), "panels", {}))
        assert Axis._update_ticks is counted  # type: ignore[attr-defined]
    assert files[0] == files[1]
    assert counts[0] < counts[1] / 3
