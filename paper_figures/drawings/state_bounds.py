"""States of trained networks over their bounds, layer by layer, from committed traces."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from s6flow.numeric.networks import read, read_from
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.drawings.depth import style
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data
from s6flow.paper_figures.freshness import awaiting
from s6flow.paper_figures.theory import cited

SIZE = (6.8, 4.3)
#: Numbers of a layer, of the table `numeric.trace.NUMBERS`, and checks of it by name: largest measured over the bound.
SHOWN = ("full_q05", "full_median", "full_q95", "full_max")
CHECKS = ("u", "step", "h", "y", "update")
SEEN = ("step, for inputs as seen", "h, for inputs as seen", "y, for inputs as seen")
PARAMETERS: dict[str, Any] = {"numbers": list(SHOWN), "checks": [*CHECKS, *SEEN]}
#: Of networks, another once the colours are used up.
_MARKERS = ("o", "s", "^")
#: Layers that would have room between two networks.
_APART = 4
_LETTERS = {"u": "$u$", "step": r"$\Delta$", "h": "$h$", "y": "$y$", "update": "update"}


def data() -> Data:
    """Shares of bounds by network and layer, NaN where a layer's scan was not traced or not judged.

    Raises: FigureUnavailable: no trace of a scan is there.
    """
    traces = {name: row for name, row in read().items() if any(layer["numbers"]["full_max"] for layer in row["layers"])}
    if not traces:
        raise FigureUnavailable(
            "figure states needs traces of networks", remedy="Run python -m s6flow.numeric.networks."
        )
    deepest = max(len(row["layers"]) for row in traces.values())
    shape = (len(traces), deepest)
    numbers = {name: np.full(shape, np.nan) for name in SHOWN}
    shares = {name: np.full(shape, np.nan) for name in (*CHECKS, *SEEN)}
    for place, row in enumerate(traces.values()):
        for depth, layer in enumerate(row["layers"]):
            told = {check["name"]: check["share"] for check in layer["checks"] if check["verdict"] != "NOT JUDGED"}
            for found, values in ((numbers, layer["numbers"]), (shares, told)):
                for name, array in found.items():
                    array[place, depth] = np.nan if values.get(name) is None else values[name]
    return as_data(
        network=list(traces),
        layers=[len(row["layers"]) for row in traces.values()],
        text=[read_from(row["provenance"]) for row in traces.values()],
        tokens=[row["batch"] * row["length"] for row in traces.values()],
        **numbers,
        share=np.stack([shares[name] for name in CHECKS]),
        share_seen=np.stack([shares[name] for name in SEEN]),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) states over the bound of the inputs and steps that they saw, (b) all numbers over bounds from weights."""
    upper, lower = canvas.subplots(2, 1, height_ratios=(1.3, 1))
    _states(upper, data)
    _shares(lower, data)
    canvas.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=4)


def places(layers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Where each network's layers stand on one line, one network behind the other with room between them."""
    ends = np.cumsum(layers + _APART)
    return [np.arange(end - count, end) for end, count in zip(ends - _APART, layers, strict=True)]


def _states(ax: Axes, data: Data) -> None:
    """The networks one beside the other, their layers from left to right: median, the middle 90 per cent, and the largest."""
    bands = places(data["layers"])
    for place, (name, x) in enumerate(zip(data["network"].tolist(), bands, strict=True)):
        colour = style(place)["color"]
        low, median, high, largest = (data[number][place, : len(x)] for number in SHOWN)
        ax.vlines(x, low, high, color=colour, lw=1.3, alpha=0.45)
        ax.plot(x, median, ls="", marker="_", color=colour, ms=3.2)
        ax.plot(x, largest, ls="", marker=_marker(place), color=colour, ms=2.6, mfc="white", mew=0.7, label=name)
    ax.axhline(1.0, color="black", **palette.BOUND)
    palette.keys(ax, ("bound", {"color": "black", **palette.BOUND}))
    palette.keys(
        ax,
        ("largest", {"ls": "", "marker": "o", "mfc": "white", "mec": "black"}),
        ("median", {"ls": "", "marker": "_", "color": "black"}),
    )
    palette.keys(ax, ("middle 90 per cent", {"color": "black", "lw": 1.3, "alpha": 0.45}))
    ax.set_ylim(0, 1.08)
    ax.set_xlim(-_APART, bands[-1][-1] + _APART)
    ends = [(x[last], last % len(x) + 1) for x in bands for last in (0, -1)]
    ax.set_xticks([at for at, _ in ends], [str(layer) for _, layer in ends])
    ax.grid(axis="x", visible=False)
    ax.set_xlabel("first and last layer of each network")
    ax.set_ylabel("largest $|h|$ of a state over its bound")
    palette.panel(ax, "a", "states over the bound of what they saw")


def _marker(place: int) -> str:
    return _MARKERS[place // len(palette.TOKENS) % len(_MARKERS)]


def _shares(ax: Axes, data: Data) -> None:
    """One column a number: layers of all networks, over bounds from weights and over those for inputs as seen."""
    rng = np.linspace(-0.28, 0.28, data["full_max"].shape[1])
    seen = {name.partition(",")[0]: values for name, values in zip(SEEN, data["share_seen"], strict=True)}
    for column, (name, values) in enumerate(zip(CHECKS, data["share"], strict=True)):
        for place, row in enumerate(values):
            ax.semilogy(column + rng, row, ls="", marker=_marker(place), ms=2.2, color=style(place)["color"])
            if name in seen:
                ax.plot(
                    column + rng, seen[name][place], ls="", marker="+", ms=3.2, mew=0.7, color=style(place)["color"]
                )
    ax.axhline(1.0, color="black", **palette.BOUND)
    ax.set_xticks(range(len(CHECKS)), [_LETTERS[name] for name in CHECKS])
    ax.set_ylim(None, 3)
    ax.minorticks_off()
    ax.grid(axis="x", visible=False)
    ax.plot([], [], ls="", marker="o", color="black", ms=2.2, label="bound from weights")
    ax.plot([], [], ls="", marker="+", color="black", ms=3.2, label="for inputs as seen")
    ax.legend(loc="lower left")
    ax.set_ylabel("largest measured over its bound")
    palette.panel(ax, "b", "every layer over its bounds")


def caption(data: Data) -> str:
    """What is seen."""
    medians = data["full_median"][np.isfinite(data["full_median"])]
    tokens = ", ".join(f"{count:,}" for count in sorted(set(data["tokens"].tolist())))
    return (
        f"{len(data['network'])} trained networks on {tokens} tokens of `{'`, `'.join(dict.fromkeys(data['text'].tolist()))}` (committed traces). "
        f"(a) The largest size of each state (a channel's, for one decay rate) over the bound of theorem `state-bound` for the "
        f"inputs and steps that it saw; states are rounded up to 1/512. No state exceeds it: the largest share is {np.nanmax(data['full_max']):.4f}, "
        f"medians of layers are {medians.min():.2f} to {medians.max():.2f}. Equality needs constant inputs and steps. (b) Each layer's "
        f"largest input $u$, step $\\Delta$, state $h$, output $y$ and update over its bound from weights alone (dots), and for inputs "
        f"as large as those seen (crosses): largest {np.nanmax(data['share']):.2g} and {np.nanmax(data['share_seen']):.2g}. "
        f"Theorems: {cited('states')}." + awaiting(FIGURES["states"])
    )
