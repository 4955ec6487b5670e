"""The theorems with their statuses, the steps of the derivation that they rest on, and those that proofs use."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.proofs import index

SIZE = (6.8, 6.6)
PARAMETERS: dict[str, Any] = {"font_size": 6.2, "reach": [0.025, 0.17]}
#: Where the columns stand, in shares of the width: end of the steps, theorems, theorems on their own.
_STEP, _MIDDLE, _OWN = 0.3, 0.42, 0.82


def data() -> Data:
    """Theorems with group and status, derivation steps, and the edges between them by position."""
    theorems = [index.content(key) for key in index.ids()]
    place = {theorem["id"]: position for position, theorem in enumerate(theorems)}
    steps = index.steps()
    rests = [(i, place[key]) for i, step in enumerate(steps) for key in step["theorems"] if key in place]
    uses = [(place[theorem["id"]], place[key]) for theorem in theorems for key in theorem["uses"]]
    return as_data(
        theorem=[theorem["id"] for theorem in theorems],
        group=[theorem["file"].split("/")[2] for theorem in theorems],
        status=[theorem["status"] for theorem in theorems],
        source=["paper" if theorem["source"].startswith("paper") else "ours" for theorem in theorems],
        step=[step["number"] for step in steps],
        step_title=[step["title"] for step in steps],
        rests_on=np.array(rests, dtype=int).reshape(-1, 2),
        uses=np.array(uses, dtype=int).reshape(-1, 2),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """Every step on the left, theorems that are linked in the middle, arcs between them, and those on their own."""
    canvas.set_layout_engine("none")
    ax = canvas.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    linked = _linked(data)
    middle = _column(ax, data, sorted(linked), _MIDDLE)
    low = min(y for _, y in middle.values())
    _column(ax, data, [place for place in range(len(data["theorem"])) if place not in linked], _OWN)
    size = PARAMETERS["font_size"]
    at = np.linspace(-1.0, low, len(data["step"]))
    used = set(data["rests_on"][:, 0].tolist())
    for place, (number, title) in enumerate(zip(data["step"], data["step_title"], strict=True)):
        colour = "black" if place in used else "#777777"
        ax.text(_STEP - 0.03, at[place], _words(str(title)), fontsize=size, ha="right", va="center", color=colour)
        ax.text(_STEP, at[place], number, fontsize=size, ha="right", va="center", color=colour)
    for step, theorem in data["rests_on"].tolist():
        hue = palette.STATUSES[str(data["status"][theorem])]
        _curve(ax, (_STEP + 0.006, at[step]), (_MIDDLE - 0.008, middle[theorem][1]), hue)
    margin = max(end for end, _ in middle.values())
    for place in set(data["uses"].ravel().tolist()):
        end, y = middle[place]
        ax.plot([end, margin], [y, y], color="#999999", lw=0.4, ls=(0, (1, 2)))
    for first, second in data["uses"].tolist():
        _arc(ax, margin, middle[first][1], middle[second][1], abs(low))
    heads = (
        (_STEP, "right", "step of the derivation"),
        (_MIDDLE, "left", "theorem (bold: the paper's)"),
        (_OWN, "left", "on its own"),
    )
    for x, side, head in heads:
        ax.text(x, 0.7, head, fontsize=size + 0.5, ha=side, va="center", weight="bold")
    ax.set_ylim(low - 2.6, 1.8)
    keys = [
        Line2D([], [], marker="s", ls="none", ms=3.2, color=colour, label=name)
        for name, colour in palette.STATUSES.items()
        if name in data["status"]
    ]
    ax.legend(handles=keys, loc="lower center", ncols=len(keys), fontsize=size + 0.3, handletextpad=0.1)


def _words(title: str) -> str:
    """A step's title in lines, its letters typeset."""
    for plain, typeset in ((">=", "≥"), ("s x_l(0)", "$s x_l(0)$"), ("|mu|", r"$|\mu|$"), ("|s|", "$|s|$")):
        title = title.replace(plain, typeset)
    return title if "$" in title else textwrap.fill(title, 38, break_on_hyphens=False)


def _linked(data: Data) -> set[int]:
    """Theorems that rest on a step, use another theorem or are used by one."""
    return set(data["rests_on"][:, 1].tolist()) | set(data["uses"].ravel().tolist())


def _column(ax: Axes, data: Data, places: list[int], left: float) -> dict[int, tuple[float, float]]:
    """Theorems under each other by group, from the top: place in the registry -> where its name ends, and its height."""
    size, y, ends = PARAMETERS["font_size"], 0.0, {}
    renderer = ax.figure.canvas.get_renderer()  # type: ignore[attr-defined]  # Agg has one
    for before, place in zip([None, *places], places, strict=False):
        if before is None or data["group"][before] != data["group"][place]:
            y -= 1.0 if before is None else 1.25
            ax.text(left + 0.012, y, data["group"][place], fontsize=size, va="center", style="italic", color="#666666")
        y -= 1.0
        ax.plot([left], [y], "s", color=palette.STATUSES[str(data["status"][place])], ms=3.2)
        weight = "bold" if data["source"][place] == "paper" else "normal"
        name = ax.text(left + 0.012, y, data["theorem"][place], fontsize=size, va="center", weight=weight)
        ends[place] = (float(name.get_window_extent(renderer).x1 / ax.figure.bbox.width) + 0.006, y)
    return ends


def _curve(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    middle = 0.5 * (start[0] + end[0])
    _path(ax, [start, (middle, start[1]), (middle, end[1]), end], colour)


def _arc(ax: Axes, x: float, first: float, second: float, height: float) -> None:
    """From a theorem's line to the line of one that its proof uses; far ones reach further."""
    near, far = PARAMETERS["reach"]
    reach = x + near + far * abs(first - second) / height
    _path(ax, [(x, first), (reach, first), (reach, second), (x, second)], "#555555")
    ax.plot([x], [second], "<", color="#555555", ms=2.2)


def _path(ax: Axes, points: list[tuple[float, float]], colour: str) -> None:
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, lw=0.5, alpha=0.8))


def caption(data: Data) -> str:
    """What is seen."""
    counts = ", ".join(
        f"{int((data['status'] == name).sum())} {name}" for name in palette.STATUSES if name in data["status"]
    )
    rested = len(set(data["rests_on"][:, 1].tolist()))
    return (
        f"{len(data['theorem'])} theorems: {counts}. Left: the {len(data['step'])} steps of the derivation, whose "
        f"residuals reduce to literal zero, and the {rested} theorems that rest on them (no theorem rests on a grey "
        f"step). Arcs: from a theorem to those that its proof uses, {len(data['uses'])} in all. Right: the "
        f"{len(data['theorem']) - len(_linked(data))} theorems that rest on no step, use no other theorem and are used "
        f"by none."
    )
