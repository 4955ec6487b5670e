"""Table 1: scenarios, conditions and rates, read off the theorems; as a picture, as LaTeX and as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.rates import rates
from s6flow.symbolic.derivation.document import RENDERERS, Table
from s6flow.symbolic.derivation.prose import typeset

SIZE = (3.3, 6.3)
PARAMETERS: dict[str, Any] = {"scenarios": ["convergence", "slow divergence", "fast divergence"], "font_size": 7.0}
#: Height of a line of heads in rows, and where rows begin and end, in shares of the width.
_HEAD = 0.7
_LEFT, _RIGHT = 0.02, 0.98
_HEADER = ("scenario", "condition", "rate", "by", "theorem", "status")


def data() -> Data:
    """One row a rate, as text, in the order of the scenarios."""
    order: list[str] = PARAMETERS["scenarios"]
    rows = sorted(
        rates(),
        key=lambda row: (
            order.index(row["scenario"]) if row["scenario"] in order else len(order),
            row["whose"] == "ours",
        ),
    )
    return as_data(
        scenario=[row["scenario"] for row in rows],
        condition=[typeset(row["condition"]) for row in rows],
        rate=[row["rate"] for row in rows],
        by=[row["whose"] for row in rows],
        theorem=[row["theorem"] for row in rows],
        status=[row["status"] for row in rows],
    )


def table(data: Data) -> Table:
    """The same rows as a table of a document."""
    columns = [data[name].tolist() for name in _HEADER]
    rows = zip(*columns, strict=True)
    return Table(
        _HEADER,
        tuple(
            (scenario, condition, f"${rate}$", by, f"`{key}`", mark)
            for scenario, condition, rate, by, key, mark in rows
        ),
    )


def extra_files(data: Data) -> dict[str, str]:
    """The table as LaTeX and as Markdown."""
    return {suffix: RENDERERS[form][1](table(data)) + "\n" for suffix, form in (("tex", "latex"), ("md", "markdown"))}


def draw(canvas: Canvas, data: Data) -> None:
    """Rows under each other: condition and theorem on the left, rate on the right; colour: status."""
    canvas.set_layout_engine("none")
    ax = canvas.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    scenarios = list(dict.fromkeys(data["scenario"].tolist()))
    height = 1.0 / (len(data["rate"]) + _HEAD * (len(scenarios) + 1) + 1.1)
    size = PARAMETERS["font_size"]
    y = 1.0 - 0.1 * height
    _rule(ax, y, 0.8)
    y -= 0.5 * _HEAD * height
    ax.text(_LEFT, y, "condition; theorem, whose", fontsize=size - 0.5, style="italic", va="center")
    ax.text(
        _RIGHT, y, r"size of $|x_l|$, or blow-up time", fontsize=size - 0.5, style="italic", va="center", ha="right"
    )
    y -= 0.5 * _HEAD * height
    for scenario in scenarios:
        _rule(ax, y, 0.8)
        ax.text(_LEFT, y - 0.5 * _HEAD * height, scenario, fontsize=size, weight="bold", va="center")
        y -= _HEAD * height
        for row in np.flatnonzero(data["scenario"] == scenario):
            _rule(ax, y, 0.4, "#dddddd")
            _row(ax, data, int(row), y, height)
            y -= height
    _rule(ax, y, 0.8)
    for place, name in enumerate(name for name in palette.STATUSES if name in data["status"]):
        left = 0.03 + 0.26 * place
        ax.plot([left], [y - 0.55 * height], "s", color=palette.STATUSES[name], ms=3)
        ax.text(left + 0.018, y - 0.55 * height, name, fontsize=size - 0.7, va="center")


def _rule(ax: Axes, y: float, width: float, colour: str = "black") -> None:
    ax.plot([_LEFT, _RIGHT], [y, y], color=colour, lw=width, solid_capstyle="butt")


def _row(ax: Axes, data: Data, row: int, y: float, height: float) -> None:
    size, middle = PARAMETERS["font_size"], y - 0.5 * height
    left = _LEFT + 0.025
    ax.plot([_LEFT + 0.007], [middle], "s", color=palette.STATUSES[str(data["status"][row])], ms=3)
    whose = "paper" if data["by"][row] == "paper" else "ours"
    ax.text(left, middle + 0.21 * height, data["condition"][row], fontsize=size - 0.6, va="center")
    name = f"{data['theorem'][row]}, {whose}"
    ax.text(left, middle - 0.23 * height, name, fontsize=size - 1.0, va="center", color="#555555")
    _fitted(ax, _RIGHT, middle, f"${data['rate'][row]}$", 0.5, 0.78 * height, size + 0.7)


def _fitted(ax: Axes, x: float, y: float, text: str, width: float, height: float, size: float) -> Text:
    """Right-aligned text that is made smaller until it fits."""
    shown = ax.text(x, y, text, ha="right", va="center", fontsize=size)
    figure = ax.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # Agg has one
    box = shown.get_window_extent(renderer)
    wide, high = box.width / figure.bbox.width, box.height / figure.bbox.height
    shown.set_fontsize(size * min(1.0, width / wide, height / high))
    return shown


def caption(data: Data) -> str:
    """What is seen."""
    statuses = dict(zip(data["theorem"].tolist(), data["status"].tolist(), strict=True))
    papers = int((data["by"] == "paper").sum())
    counted = Counter(statuses.values())
    counts = ", ".join(f"{counted[name]} {name}" for name in palette.STATUSES if name in counted)
    return (
        f"{len(data['rate'])} rates from {len(statuses)} theorems ({counts}); {papers} are the paper's, the others ours. "
        r"$\mu=\sum_n\mu_n$, $\Delta(x)$ is the step at a token, $\delta_0=\Delta(0)$, $\varepsilon$ a floor of the "
        r"step, "
        r"$m_l$ the distance to the last nonzero token before $l$, $T$ the blow-up time."
    )
