"""Overview: a health map of the zoo of checkpoints, and one flow with its three ends."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from s6flow.numeric.criteria.system import axis_verdict
from s6flow.numeric.flow import FlowParameters, Status, integrate
from s6flow.numeric.health import VERDICTS
from s6flow.numeric.zoo import ZOO
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited
from s6flow.symbolic.ends import COLOURS, ENDS

SIZE = (6.8, 3.1)
PARAMETERS: dict[str, Any] = {
    "mu": [-1.0, 1.0, 1.0],
    "x0": [[1.0, 0.7, -0.4], [-1.0, -0.7, -0.4], [1.0, 0.7, -0.4]],
    "a": 0.5,
    "s": 1.0,
    "b": 0.0,
    "log10_times": [-2.0, 4.0, 120],
    "log10_nearest": -9.0,
}
#: What a layer's cell shows: no verdict beyond notes, or the worst one.
_WELL = "no verdict beyond notes"
_SEVERE = {row.name: row for row in VERDICTS if row.severity != "note"}
_HUES = {
    _WELL: "#d9e8f2",
    "dead": palette.VERMILION,
    "untrained": palette.PURPLE,
    "lost-initialisation": palette.ORANGE,
    "collapsed-spectrum": palette.GREEN,
}
_ELSE = palette.GREY
#: Lines of the tokens, first to last.
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (1, 1)))


def data() -> Data:
    """The worst verdict of every layer of the zoo, and tokens of three flows over depth-time with their ends."""
    zoo = json.loads(ZOO.read_text(encoding="utf-8"))["checkpoints"]
    cells = [
        (row["name"], place, _worst(layer["verdicts"])) for row in zoo for place, layer in enumerate(row["layers"])
    ]
    p = PARAMETERS
    low, high, count = p["log10_times"]
    times, tokens, ends = [], [], []
    flows = FlowParameters(np.asarray(p["mu"])[:, None], [p["a"]], p["s"], p["b"])
    whole = integrate(np.asarray(p["x0"]), flows, horizon=10.0**high)
    for place, (mu, x0) in enumerate(zip(p["mu"], p["x0"], strict=True)):
        params = FlowParameters([mu], [p["a"]], p["s"], p["b"])
        ends.append(axis_verdict(params, np.asarray(x0))[0])
        moments = np.logspace(low, high, int(count))
        if whole.status[place] == Status.BLOW_UP:  # as many moments, closer and closer to the last one
            time = float(whole.blow_up_time[place])
            moments = time * (1 - np.logspace(np.log10(1 - 10.0**low / time), p["log10_nearest"], int(count)))
        run = integrate(x0, params, times=moments, horizon=2 * 10.0**high, rtol=1e-10)
        times.append(run.times)
        tokens.append(run.x)
    names, places, verdicts = zip(*cells, strict=True)
    return as_data(
        checkpoint=names,
        layer=places,
        verdict=verdicts,
        end=np.array(ends),
        t=np.stack(times),
        x=np.stack(tokens),
    )


def _worst(verdicts: list[str]) -> str:
    """The first in the table of verdicts, which has the worst first; `_WELL` if there are only notes."""
    return next((name for name in _SEVERE if name in verdicts), _WELL)


def draw(canvas: Canvas, data: Data) -> None:
    """(a) checkpoints by layers, (b) sizes of tokens over depth-time."""
    left, right = palette.sides(canvas, 1.45, 1)
    _health(left.add_subplot(), data)
    shown = [name for name in (*_HUES, *_SEVERE) if name in data["verdict"]]
    keys = [Patch(color=_HUES.get(name, _ELSE), label=_title(name)) for name in dict.fromkeys(shown)]
    left.legend(handles=keys, loc="outside lower center", ncols=2)
    ax = right.add_subplot()
    for times, sizes, end in zip(data["t"], np.abs(data["x"]), data["end"].tolist(), strict=True):
        for token, ls in enumerate(_DASHES):
            ax.loglog(times, sizes[:, token], color=COLOURS[end], ls=ls, lw=1.2 if token == 0 else 0.9)
        meaning = next(entry.token for entry in ENDS.values() if entry.word == end)
        palette.keys(ax, (textwrap.fill(f"{end}: {meaning}", 34), {"color": COLOURS[end]}))
    palette.keys(ax, *((f"token {token + 1}", {"color": "black", "ls": ls}) for token, ls in enumerate(_DASHES)))
    ax.set_ylim(3e-3, 1e3)
    ax.minorticks_off()
    ax.set_xlabel("depth-time $t$")
    ax.set_ylabel(r"size of a token, $|x_l|$")
    palette.panel(ax, "b", "what one channel does to its tokens")
    right.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _health(ax: Axes, data: Data) -> None:
    names = list(dict.fromkeys(data["checkpoint"].tolist()))
    for row, name in enumerate(names):
        verdicts = data["verdict"][data["checkpoint"] == name].tolist()
        edges = np.linspace(0, 1, len(verdicts) + 1)
        gap = 0.12 / max(len(verdicts), 12)
        colours = [_HUES.get(verdict, _ELSE) for verdict in verdicts]
        ax.barh(np.full(len(verdicts), row), np.diff(edges) - gap, 0.78, edges[:-1], color=colours)
        ax.text(1.01, row, f"{len(verdicts)}", fontsize=6.3, va="center")
    ax.set_yticks(range(len(names)), [short_name(name) for name in names], fontsize=6.3)
    ax.set_ylim(len(names) - 0.4, -1.3)
    ax.text(1.06, -1.0, "layers", fontsize=6.3, ha="right", va="center")
    ax.text(0.0, -1.0, "first layer to last", fontsize=6.3, va="center")
    ax.set_xlim(0, 1.06)
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    palette.panel(ax, "a", f"health of every layer of {len(names)} checkpoints")


def short_name(name: str) -> str:
    """Checkpoint without its owner and without what all such names say."""
    return name.split("/")[-1].removeprefix("checkpoints_").removesuffix("_best").replace("_", " ")


def _title(name: str) -> str:
    return _SEVERE[name].title if name in _SEVERE else name


def caption(data: Data) -> str:
    """What is seen."""
    counts = {name: int((data["verdict"] == name).sum()) for name in dict.fromkeys(data["verdict"].tolist())}
    told = ", ".join(f"{_title(name)} {number}" for name, number in counts.items())
    p = PARAMETERS
    return (
        f"(a) The worst verdict of health of each of the {len(data['verdict'])} layers of the checkpoints in `docs/zoo.md`, "
        f"from the first layer to the last: {told}. (b) Three tokens on one channel with decay rate {p['a']:g}: "
        f"$\\mu<0$, every token tends to 0 ({data['end'][0]}); $\\mu>0$ and all $s x_l(0)<0$, every token grows like "
        f"$\\ln t$ ({data['end'][1]}); $\\mu>0$ and some $s x_l(0)\\ge 0$, a token blows up at a finite time "
        f"({data['end'][2]}). Theorems: {cited('overview')}."
    )
