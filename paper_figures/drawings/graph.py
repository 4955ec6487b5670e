"""The theorems with their statuses, what each rests on in the derivation, and which theorems its proof uses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.proofs.registry import REGISTRY, group
from s6flow.proofs.status import status
from s6flow.symbolic.derivation import all_steps

SIZE = (3.3, 6.4)
PARAMETERS: dict[str, Any] = {"font_size": 5.6, "bend": 0.1}
#: Where the columns stand, in shares of the width.
_LEFT, _RIGHT, _ARC = 0.1, 0.36, 0.68


def data() -> Data:
    """Theorems with group and status, derivation steps, and the edges between them by position."""
    theorems = list(REGISTRY.values())
    place = {theorem.id: index for index, theorem in enumerate(theorems)}
    steps = [(number, step) for number, _, step in all_steps()]
    rests = [(i, place[key]) for i, (_, step) in enumerate(steps) for key in step.theorems if key in place]
    uses = [(place[theorem.id], place[key]) for theorem in theorems for key in theorem.uses]
    return as_data(
        theorem=[theorem.id for theorem in theorems],
        group=[group(theorem) for theorem in theorems],
        status=[status(theorem) for theorem in theorems],
        source=["paper" if theorem.source.startswith("paper") else "ours" for theorem in theorems],
        step=[number for number, _ in steps],
        step_title=[step.title for _, step in steps],
        rests_on=np.array(rests, dtype=int).reshape(-1, 2),
        uses=np.array(uses, dtype=int).reshape(-1, 2),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """Derivation steps on the left, theorems in the middle, arcs between theorems on the right."""
    canvas.set_layout_engine("none")
    ax = canvas.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    size = PARAMETERS["font_size"]
    groups = data["group"].tolist()
    gaps = np.cumsum([0.0] + [0.6 * (before != after) for before, after in pairwise(groups)])
    y = -(np.arange(len(groups)) + gaps)
    used = sorted(set(data["rests_on"][:, 0].tolist()))
    spread = np.linspace(y[0], y[-1], len(used)) if len(used) > 1 else np.array([y.mean()])
    at = dict(zip(used, spread, strict=True))
    for step, theorem in data["rests_on"].tolist():
        _curve(ax, (_LEFT, at[step]), (_RIGHT - 0.015, y[theorem]), palette.STATUSES[str(data["status"][theorem])])
    for step in used:
        ax.text(_LEFT - 0.01, at[step], data["step"][step], fontsize=size, ha="right", va="center")
    for first, second in data["uses"].tolist():
        _arc(ax, y[first], y[second], abs(first - second) / len(groups))
    for index, name in enumerate(data["theorem"].tolist()):
        weight = "bold" if data["source"][index] == "paper" else "normal"
        ax.plot([_RIGHT], [y[index]], "s", color=palette.STATUSES[str(data["status"][index])], ms=3.2)
        ax.text(_RIGHT + 0.02, y[index], name, fontsize=size, va="center", weight=weight)
    for name in dict.fromkeys(groups):
        rows = [index for index, entry in enumerate(groups) if entry == name]
        ax.text(
            0.985, float(np.mean(y[rows])), name, fontsize=size, ha="right", va="center", color="#777777", rotation=0
        )
    ax.text(_LEFT - 0.01, 1.4, "step", fontsize=size + 0.4, ha="right", weight="bold")
    ax.text(_RIGHT, 1.4, "theorem (bold: the paper's)", fontsize=size + 0.4, weight="bold")
    ax.set_ylim(y[-1] - 3.4, 2.6)
    keys = [
        Line2D([], [], marker="s", ls="none", ms=3.2, color=colour, label=name)
        for name, colour in palette.STATUSES.items()
        if name in data["status"]
    ]
    ax.legend(
        handles=keys, loc="lower center", ncols=len(keys), frameon=False, fontsize=size + 0.2, handletextpad=0.1,
        columnspacing=0.9,
    )  # fmt: skip


def _curve(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    middle = 0.5 * (start[0] + end[0])
    path = Path(
        [start, (middle, start[1]), (middle, end[1]), end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    )
    ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, lw=0.5, alpha=0.8))


def _arc(ax: Axes, first: float, second: float, distance: float) -> None:
    reach = _ARC + PARAMETERS["bend"] + 0.12 * distance
    points = [(_ARC, first), (reach, first), (reach, second), (_ARC, second)]
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    ax.add_patch(PathPatch(path, fill=False, edgecolor="#555555", lw=0.5))
    ax.plot([_ARC], [second], "<", color="#555555", ms=1.8)


def caption(data: Data) -> str:
    """What is seen."""
    counts = ", ".join(
        f"{int((data['status'] == name).sum())} {name}" for name in palette.STATUSES if name in data["status"]
    )
    rested = len(set(data["rests_on"][:, 1].tolist()))
    steps = len(set(data["rests_on"][:, 0].tolist()))
    return (
        f"{len(data['theorem'])} theorems: {counts}. Left: the {steps} steps of the derivation, whose residuals "
        f"reduce to literal zero, "
        f"that {rested} theorems rest on. Right: {len(data['uses'])} arcs from a theorem to those that its proof uses."
    )
