"""Memory spectra of real checkpoints beside untrained layers of the same shapes: quantiles of half-lives, from the zoo."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from s6flow.numeric.health.numbers import QUANTILES
from s6flow.numeric.zoo import ZOO
from s6flow.paper_figures import palette
from s6flow.paper_figures.drawings.overview import short_name
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited

SIZE = (6.8, 3.6)
#: Shown of each layer: the quantiles of half-lives over channels and states between which a line is drawn, and the middle.
LOW, MIDDLE, HIGH = "q05", "median", "q95"
PARAMETERS: dict[str, Any] = {"quantiles": list(QUANTILES), "shown": [LOW, MIDDLE, HIGH]}
_DEAD = palette.GREY


def data() -> Data:
    """Quantiles of half-lives [tokens] of every layer of the zoo and of an untrained one of its shape, and which are dead."""
    zoo = json.loads(ZOO.read_text(encoding="utf-8"))
    rows = [(row["name"], place, layer) for row in zoo["checkpoints"] for place, layer in enumerate(row["layers"])]
    keys = [f"half_life_{name}" for name in QUANTILES]

    def known(values: dict[str, Any]) -> list[float]:
        return [np.nan if values[key] is None else values[key] for key in keys]

    return as_data(
        checkpoint=[name for name, _, _ in rows],
        layer=[place for _, place, _ in rows],
        dead=["dead" in layer["verdicts"] for _, _, layer in rows],
        states=[layer["channels"] * layer["states"] for _, _, layer in rows],
        life=[known(layer["numbers"]) for _, _, layer in rows],
        untrained=[known(layer["untrained"]) for _, _, layer in rows],
        context=zoo["context"],
    )


def draw(canvas: Canvas, data: Data) -> None:
    """One row a checkpoint, its layers from top to bottom; grey behind them what untrained layers have."""
    ax = canvas.subplots()
    names = list(dict.fromkeys(data["checkpoint"].tolist()))
    for row, name in enumerate(names):
        _checkpoint(ax, row, data, data["checkpoint"] == name)
    ax.axvline(float(data["context"]), **palette.MARK)
    ax.set_xscale("log")
    ax.set_yticks(range(len(names)), [short_name(name) for name in names], fontsize=6.3)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.minorticks_off()
    ax.set_xlabel("half-life at the bias' step [tokens]")
    palette.keys(
        ax,
        ("a layer: middle 90 per cent of its states", {"color": palette.BLUE, "lw": 1.0}),
        ("its median", {"ls": "", "marker": "o", "color": palette.BLUE, "ms": 2.4}),
        ("its longest", {"ls": "", "marker": "|", "color": palette.BLUE, "ms": 4}),
        ("a dead layer", {"color": _DEAD, "lw": 1.0}),
        (f"context, {int(data['context']):,} tokens", palette.MARK),
    )
    handles, _ = ax.get_legend_handles_labels()
    untrained = [
        Patch(color="#f2dcc8", label="untrained layers of that shape: the same"),
        ax.plot([], [], color=palette.ORANGE, lw=1.0, label="their median")[0],
    ]
    canvas.legend(handles=[*handles, *untrained], loc="outside lower center", ncols=4)


def _checkpoint(ax: Axes, row: int, data: Data, mine: Any) -> None:
    place = {name: number for number, name in enumerate(QUANTILES)}
    life, fresh, dead = data["life"][mine], data["untrained"][mine], data["dead"][mine].astype(bool)
    low, middle, high = (np.nanmedian(fresh[:, place[name]]) for name in (LOW, MIDDLE, HIGH))
    ax.fill_betweenx([row - 0.4, row + 0.4], low, high, color="#f2dcc8", lw=0)
    ax.plot([middle, middle], [row - 0.4, row + 0.4], color=palette.ORANGE, lw=1.0, zorder=3)
    heights = row + np.linspace(-0.33, 0.33, len(life)) if len(life) > 1 else np.array([float(row)])
    width = max(min(1.0, 4 / len(life)), 0.15)  # so that lines of a row stay apart, and medians on them are seen
    alpha = 1.0 if len(life) <= 24 else 0.45  # many thin lines hide what is behind them
    for height, values, gone in zip(heights, life, dead, strict=True):
        colour = _DEAD if gone else palette.BLUE
        ax.plot(values[[place[LOW], place[HIGH]]], [height, height], color=colour, lw=width, alpha=alpha)
        ax.plot(values[place[MIDDLE]], height, "o", color=colour, ms=2.4 * width**0.5)
        ax.plot(values[place["max"]], height, "|", color=colour, ms=4 * width**0.5)


def caption(data: Data) -> str:
    """What is seen."""
    place = list(QUANTILES).index(MIDDLE)
    living = ~data["dead"].astype(bool)
    ratio = data["life"][:, place] / data["untrained"][:, place]
    longest = data["life"][living, -1]
    beyond = int((longest > data["context"]).sum())
    return (
        f"Half-lives $\\ln 2/(a\\Delta)$ of the states of {len(data['checkpoint'])} layers ({int(data['states'].sum()):,} states) of the checkpoints "
        f"in `docs/zoo.md`, $\\Delta$ the step of the bias; each line is a layer, first layer on top. Shaded: layers of the same shapes, drawn as "
        f"mamba initialises them and measured by the same code (quantiles of their median layer). Medians of living layers are "
        f"{ratio[living].min():.2g} to {ratio[living].max():.2g} times those of untrained ones; {beyond} of {int(living.sum())} living layers have a state beyond the context "
        f"of {int(data['context']):,} tokens. Theorems: {cited('memory')}."
    )
