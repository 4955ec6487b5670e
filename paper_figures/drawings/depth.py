"""Trained networks by depth: growth of |x|, turn and |update|/|x| beside what the theorems say, from committed traces."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from s6flow.numeric.networks import read
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data
from s6flow.paper_figures.freshness import awaiting
from s6flow.paper_figures.theory import cite, present

Array = NDArray[np.float64]
SIZE = (6.8, 2.75)
#: What is shown of each layer, of the table `numeric.trace.NUMBERS`.
SHOWN = ("rms", "rms_after", "ratio", "turn", "update_max", "update_bound")
PARAMETERS: dict[str, Any] = {"shown": list(SHOWN)}
#: What is marked, as theorems.
_LAWS = ("prenorm-bound", "prenorm-axis", "direction-clock")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))


def style(place: int) -> dict[str, Any]:
    """Of the network at a place: colour, and another dash once the colours are used up."""
    return {**palette.token_style(place), "ls": _DASHES[place // len(palette.TOKENS) % len(_DASHES)]}


def data() -> Data:
    """Numbers by network and layer (NaN beyond a network's depth), fits over depth, and bounds of the stream.

    Raises: FigureUnavailable: no trace is there.
    """
    traces = {name: row for name, row in read().items() if any(layer["numbers"]["rms"] for layer in row["layers"])}
    if not traces:
        raise FigureUnavailable(
            "figure depth needs traces of networks", remedy="Run python -m s6flow.numeric.networks."
        )
    deepest = max(len(row["layers"]) for row in traces.values())
    found: dict[str, Any] = {name: np.full((len(traces), deepest), np.nan) for name in SHOWN}
    for place, row in enumerate(traces.values()):
        for depth, layer in enumerate(row["layers"]):
            for name in SHOWN:
                value = layer["numbers"][name]
                found[name][place, depth] = np.nan if value is None else value
    for name in ("growth", "turning"):
        fits = [row[name] for row in traces.values()]
        found[name] = [
            [np.nan if fit[end] is None else fit[end] for end in ("exponent", "low", "high")] for fit in fits
        ]
        found[f"{name}_verdict"] = [fit["verdict"] for fit in fits]
    return as_data(
        network=list(traces),
        layers=[len(row["layers"]) for row in traces.values()],
        tokens=[row["batch"] * row["length"] for row in traces.values()],
        flow=[row["continuous_below"] for row in traces.values()],
        text=[row["provenance"]["text"]["name"] for row in traces.values()],
        bound=np.stack([reach(*rows) for rows in zip(found["rms"], found["update_bound"], strict=True)]),
        seen=np.stack([reach(*rows) for rows in zip(found["rms"], found["update_max"], strict=True)]),
        **found,
    )


def reach(rms: Array, update: Array) -> Array:
    """The largest rms behind each layer: that in front of the first one, and the largest entries that layers add."""
    return np.asarray(rms[0] + np.cumsum(update))


def draw(canvas: Canvas, data: Data) -> None:
    """(a) rms of the stream behind each layer, (b) turn, (c) |update|/|x|."""
    left, middle, right = canvas.subplots(1, 3)
    for place, name in enumerate(data["network"].tolist()):
        depth = np.arange(1, data["rms"].shape[1] + 1)
        look = {**style(place), "marker": "o", "ms": 2.2, "lw": 0.9}
        left.loglog(depth, data["rms_after"][place], **look, label=_labelled(name, data, place))
        middle.loglog(depth, data["turn"][place], **look)
        right.loglog(depth, data["ratio"][place], **look)
    depth = np.array([1.0, data["rms"].shape[1]])
    _guide(left, depth, np.nanmedian(data["rms_after"][:, 0]), 1)
    _guide(middle, depth, np.nanmax(data["turn"][:, 0]), -1)
    right.axhline(data["flow"].max(), **palette.MARK)
    palette.keys(left, ("linear growth, 1/depth", palette.LIMIT))
    palette.keys(left, ("a flow describes depth below it", palette.MARK))
    titles = ("growth of the stream", "turn of a layer", "size of a layer's step")
    labels = (r"rms of $x$ behind the layer", "angle [radian]", r"$|\mathrm{update}|\,/\,|x|$")
    low, high = right.get_ylim()
    right.set_ylim(min(low, 0.8 * float(data["flow"].max())), high)
    for ax, letter, title, label in zip((left, middle, right), "abc", titles, labels, strict=True):
        _depths(ax, data["rms"].shape[1])
        ax.set_ylabel(label)
        palette.panel(ax, letter, title)
    canvas.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _labelled(name: str, data: Data, place: int) -> str:
    """A network with its depth and the exponent of its growth."""
    exponent, low, high = data["growth"][place]
    layers = int(data["layers"][place])
    fit = "too few layers to fit" if np.isnan(exponent) else f"exponent {exponent:.2f} [{low:.2f}, {high:.2f}]"
    return f"{name}: {layers} layers, {fit}"


def _guide(ax: Axes, depth: Array, start: float, power: int) -> None:
    """The law with exponent 1 or -1, beside the data."""
    ax.plot(depth, start * depth**power, **palette.LIMIT, zorder=1)


def _depths(ax: Axes, deepest: int) -> None:
    ticks = [tick for tick in (1, 2, 4, 8, 16, 32, 64, 128) if tick <= deepest]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    low, high = ax.get_ylim()
    if high < 30 * low:  # one power of ten is no scale
        marks = [
            mark
            for power in range(-6, 7)
            for mark in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
            if low <= mark <= high
        ]
        ax.set_yticks(marks, [f"{mark:g}" for mark in marks])
    ax.minorticks_off()
    ax.set_xlim(0.9, 1.1 * deepest)
    ax.set_xlabel("layer")


def caption(data: Data) -> str:
    """What is seen."""
    fits = [
        f"{name} {what} {value[0]:.2f} [{value[1]:.2f}, {value[2]:.2f}], {verdict}"
        for what, key in (("growth", "growth"), ("turn", "turning"))
        for name, value, verdict in zip(
            data["network"].tolist(), data[key], data[f"{key}_verdict"].tolist(), strict=True
        )
        if np.isfinite(value[0])
    ]
    last = [int(count) - 1 for count in data["layers"]]
    shares = [
        row[place] / limit[place] for row, limit, place in zip(data["rms_after"], data["seen"], last, strict=True)
    ]
    weights = [limit[place] for limit, place in zip(data["bound"], last, strict=True)]
    small = int((data["ratio"] <= data["flow"][:, None]).sum())
    total = int(np.isfinite(data["ratio"]).sum())
    return (
        f"Medians over the tokens of `{'`, `'.join(dict.fromkeys(data['text'].tolist()))}` in {len(data['network'])} trained networks "
        f"with a norm before each block (committed traces). Dotted: linear growth, which a token on a channel axis has behind such a norm "
        f"in a flow, and turns like 1/depth, which follow from it; marks to compare with, no bounds. (a) rms of the residual stream behind each layer. "
        f"{'Exponents over depth with 95 per cent intervals: ' + '; '.join(fits) if fits else 'No network has layers enough for an exponent'}. "
        f"At the last layer it is {_span(shares)} of the rms in front of the first one and the largest entries that layers add, which bound it; from "
        f"weights alone that bound is {_span(weights)}. (b) Angle by which a layer turns a token. (c) "
        f"The continuous limit describes {small} of {total} layers ($|\\mathrm{{update}}|/|x|\\le{data['flow'].max():g}$, grey). "
        f"Theorems: {cite(*dict.fromkeys((*FIGURES['depth'].theorems, *present(*_LAWS))))}."
        + awaiting(FIGURES["depth"])
    )


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.2g}", f"{max(values):.2g}"
    return low if low == high else f"{low} to {high}"
