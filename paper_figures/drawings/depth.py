"""Trained networks by depth: growth of |x|, turn and |update|/|x| beside what the theorems say, from committed traces."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from s6flow.numeric.networks import read, read_from
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data
from s6flow.paper_figures.freshness import awaiting
from s6flow.paper_figures.theory import cite
from s6flow.symbolic import normalised as nm
from s6flow.symbolic.codegen.lower import lower_program
from s6flow.symbolic.codegen.module import generate

Array = NDArray[np.float64]
SIZE = (6.8, 2.75)
#: What is shown of each layer, of the table `numeric.trace.NUMBERS`.
SHOWN = ("rms", "rms_after", "ratio", "turn", "sideways", "update_max", "update_bound")
#: How many networks are shown, the deepest ones, and of how many of them the clock is drawn.
PARAMETERS: dict[str, Any] = {"shown": list(SHOWN), "networks": 4, "clocks": 2}
_CLOCK: Any = (0, (4, 1.5, 1, 1.5))
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))


def style(place: int) -> dict[str, Any]:
    """Of the network at a place: colour, and another dash once the colours are used up."""
    return {**palette.token_style(place), "ls": _DASHES[place // len(palette.TOKENS) % len(_DASHES)]}


def data() -> Data:
    """Numbers of the deepest networks by layer (NaN beyond a network's depth), fits over depth, bounds of the stream, and
    the clock of the directions.

    Raises: FigureUnavailable: no trace is there.
    """
    known = {name: row for name, row in read().items() if any(layer["numbers"]["rms"] for layer in row["layers"])}
    traces = deepest(known)
    if not traces:
        raise FigureUnavailable(
            "figure depth needs traces of networks", remedy="Run python -m s6flow.numeric.networks."
        )
    most = max(len(row["layers"]) for row in traces.values())
    found: dict[str, Any] = {name: np.full((len(traces), most), np.nan) for name in SHOWN}
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
    found["clock"] = np.full((len(traces), most), np.nan)
    for place in range(min(PARAMETERS["clocks"], len(traces))):
        found["clock"][place] = clock(*(found[name][place] for name in ("rms", "rms_after", "sideways")))
    return as_data(
        network=list(traces),
        known=len(known),
        layers=[len(row["layers"]) for row in traces.values()],
        tokens=[row["batch"] * row["length"] for row in traces.values()],
        flow=[row["continuous_below"] for row in traces.values()],
        text=[read_from(row["provenance"]) for row in traces.values()],
        bound=np.stack([reach(*rows) for rows in zip(found["rms"], found["update_bound"], strict=True)]),
        seen=np.stack([reach(*rows) for rows in zip(found["rms"], found["update_max"], strict=True)]),
        **found,
    )


def deepest(traces: dict[str, Any]) -> dict[str, Any]:
    """Those that are shown, the deepest first; networks of one depth stay in their order."""
    ordered = sorted(traces.items(), key=lambda item: -len(item[1]["layers"]))
    return dict(ordered[: PARAMETERS["networks"]])


@cache
def _clock() -> Any:
    return generate(lower_program("clock", {"turn": nm.clock()}, "direction-clock", "by how much a direction can turn"))


def clock(rms: Array, rms_after: Array, sideways: Array) -> Array:
    """What `direction-clock` allows each layer to turn, with medians in place of a token's numbers and a layer as its time.

    Args:
        rms, rms_after: of the stream in front of each layer and behind it.
        sideways: of the update's part orthogonal to the stream; its largest value is the clock's U. NaN beyond the depth.
    Returns: angle by layer [radian]; NaN where no line r + m t with r, m > 0 lies below the stream.
    """
    layers = int(np.isfinite(rms_after).sum())
    line = support(np.concatenate([rms[:1], rms_after[:layers]]))
    if line is None:
        return np.full(len(rms), np.nan)
    start, slope = line
    time = np.arange(len(rms), dtype=float)
    values: dict[str, Any] = {
        "turn_max": np.nanmax(sideways),
        "start": start,
        "slope": slope,
        "earlier": time,
        "later": time + 1,
    }
    function = _clock()
    turn = np.asarray(function(*(np.broadcast_to(values[name], time.shape) for name in function.inputs)))
    return np.where(time < layers, turn, np.nan)


def support(size: Array) -> tuple[float, float] | None:
    """Of the lines r + m t below the sizes at t = 0, 1, ... with r, m > 0, which touch two of them, that of the least clock
    from the first to the last; None where there is none.
    """
    hull: list[int] = []
    for at in range(len(size)):  # the lower convex hull, from the left
        while len(hull) > 1 and (size[hull[-1]] - size[hull[-2]]) * (at - hull[-1]) >= (size[at] - size[hull[-1]]) * (
            hull[-1] - hull[-2]
        ):
            hull.pop()
        hull.append(at)
    slopes = [(float(size[b] - size[a]) / (b - a), a) for a, b in pairwise(hull)]
    lines = [(float(size[a]) - slope * a, slope) for slope, a in slopes if slope > 0]
    lines = [(start, slope) for start, slope in lines if start > 0]
    return min(lines, key=lambda row: np.log1p(row[1] * (len(size) - 1) / row[0]) / row[1], default=None)


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
        if np.isfinite(data["clock"][place]).any():
            middle.loglog(depth, data["clock"][place], color=look["color"], lw=0.9, ls=_CLOCK)
        right.loglog(depth, data["ratio"][place], **look)
    depth = np.array([1.0, data["rms"].shape[1]])
    _guide(left, depth, np.nanmedian(data["rms_after"][:, 0]), 1)
    _guide(middle, depth, np.nanmax(data["turn"][:, 0]), -1)
    right.axhline(data["flow"].max(), **palette.MARK)
    palette.keys(left, ("linear growth, 1/depth", palette.LIMIT))
    palette.keys(left, ("a flow describes depth below it", palette.MARK))
    if np.isfinite(data["clock"]).any():
        palette.keys(left, ("direction-clock, from medians", {"color": "black", "lw": 0.9, "ls": _CLOCK}))
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
        f"Medians over the tokens of `{'`, `'.join(dict.fromkeys(data['text'].tolist()))}` in {_shown(data)} "
        f"with a norm before each block (committed traces). Dotted: linear growth, which a token on a channel axis has behind such a norm "
        f"in a flow, and turns like 1/depth, which follow from it; marks to compare with, no bounds. (a) rms of the residual stream behind each layer. "
        f"{'Exponents over depth with 95 per cent intervals: ' + '; '.join(fits) if fits else 'No network has layers enough for an exponent'}. "
        f"At the last layer it is {_span(shares)} of the rms in front of the first one and the largest entries that layers add, which bound it; from "
        f"weights alone that bound is {_span(weights)}. (b) Angle by which a layer turns a token{_clocks(data)}. (c) "
        f"The continuous limit describes {small} of {total} layers ($|\\mathrm{{update}}|/|x|\\le{data['flow'].max():g}$, grey). "
        f"Theorems: {cite(*FIGURES['depth'].theorems)}." + awaiting(FIGURES["depth"])
    )


def _shown(data: Data) -> str:
    """How many networks, of how many."""
    count, known = len(data["network"]), int(data["known"])
    return f"{count} trained networks" if count == known else f"the {count} deepest of {known} trained networks"


def _clocks(data: Data) -> str:
    """How the turns of the deepest networks stand to the clock."""
    told = []
    for name, turn, limit in zip(data["network"].tolist(), data["turn"], data["clock"], strict=True):
        drawn = np.isfinite(turn) & np.isfinite(limit)
        if drawn.any():
            shares = (turn / limit)[drawn]
            told.append(
                f"{name} {int((shares <= 1).sum())} of {int(drawn.sum())} layers below it, at {_span(shares.tolist())} of it"
            )
    if not told:
        return ""
    return (
        "; dash-dotted: what `direction-clock` allows from a layer to the next of a flow, with the largest median of the update across the "
        "stream for $U$ and a line below the medians of its rms for $r+mt$, so that it is no bound of these medians, which are "
        f"no one token's ({'; '.join(told)})"
    )


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.2g}", f"{max(values):.2g}"
    return low if low == high else f"{low} to {high}"
