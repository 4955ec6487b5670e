"""Competition of channels: the replicator on the simplex of shares, sinks on the sphere, and a cycle without a limit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.special import log_softmax, softmax

from s6flow.numeric.flow import LayerParameters
from s6flow.numeric.flow.coordinates import COORDINATES
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cite
from s6flow.symbolic.ends import COLOURS

Array = NDArray[np.float64]
SIZE = (6.8, 2.15)
#: mu of each channel (a diagonal form), step biases, factors of the cyclic S_Delta and of its diagonal, starts (shares),
#: horizon; the cycle is one of `sphere-cycle`, with k = 0.08 and kappa = 0.008
PARAMETERS: dict[str, Any] = {
    "grows": {"mu": [1.0, 1.0, 1.0], "b": [-1.0, 0.2, 1.0], "cyclic": 0.0, "own": 0.0, "horizon": 12.0},
    "sinks": {"mu": [-0.8, 1.0, -0.5], "b": [-1.0, 0.2, 1.0], "cyclic": 0.0, "own": 0.0, "horizon": 60.0},
    "cycle": {"mu": [-1.0, -1.0, -1.0], "b": [0.0, 0.0, 0.0], "cyclic": 0.08, "own": -0.008},
    "start": [0.5, 0.3, 0.2],
    "rows": 7,
    "points": 150,
    "cycle_times": [[0.0, 1000.0, 900], [1000.0, 5900.0, 900]],
    "near": 1e-3,
}
#: Rock, paper, scissors: the step of each channel grows with one other channel and falls with the third.
CYCLIC = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
_SHADES = {"$x^\\top Mx>0$": "#fbe6d9", "$x^\\top Mx<0$": "#dfeaf4"}
#: End of a normalised token: on an axis, or on the cone.
_ENDS = {"to an axis": palette.BLACK, "to the cone": COLOURS["root"]}

_CHANNELS = (palette.BLUE, palette.VERMILION, palette.PURPLE)


def layer(case: dict[str, Any]) -> LayerParameters:
    """The layer of a case, S_C^T S_B = diag(mu); its decay rates token 1 does not see.

    Args:
        case: an entry of `PARAMETERS`.
    """
    same = np.eye(3)
    return LayerParameters(
        S_B=same,
        S_C=np.diag(case["mu"]),
        S_dt_in=case["cyclic"] * CYCLIC + case["own"] * same,
        S_dt_out=same,
        a=np.ones((3, 3)),
        b=case["b"],
    )


def rates(params: LayerParameters, x: Array) -> Array:
    """x_d'/x_d of token 1 under a layer, shape (point, channel)."""
    v = np.arcsinh(x)
    velocity, _ = COORDINATES["asinh-layer"].velocity(v, params.arrays())
    return np.asarray(velocity * np.cosh(v) / x)


def shares(case: dict[str, Any], starts: Array, times: Array) -> Array:
    """Shares over time of token 1 kept on the unit sphere, all entries positive; shape (start, time, channel).

    Args:
        case: an entry of `PARAMETERS`.
        starts: shares, shape (start, channel). times: ascending from 0.
    Numerics: ln p_d = 2 ln|x_d| obeys twice the layer's rates less their mean, so that a share of e^-300 keeps its
        digits; rounding cannot leave the sphere, since only ratios of shares count. With constant steps a free token's shares run along the same curves, on another clock.
    """

    params = layer(case)

    def rate(_: float, flat: Array) -> Array:
        logs = log_softmax(flat.reshape(starts.shape), axis=1)
        own = rates(params, np.exp(logs / 2))
        return np.asarray(2 * (own - (np.exp(logs) * own).sum(axis=1, keepdims=True))).ravel()

    run = solve_ivp(rate, (0.0, times[-1]), np.log(starts).ravel(), "LSODA", times, rtol=1e-7, atol=1e-7)
    return np.asarray(softmax(np.moveaxis(run.y.reshape(*starts.shape, len(times)), -1, 1), axis=2))


def lattice() -> Array:
    """Shares on a triangular lattice inside of the simplex."""
    rows = PARAMETERS["rows"]
    return np.array([(i, j, rows - i - j) for i in range(1, rows) for j in range(1, rows - i)]) / rows


def data() -> Data:
    """Shares of all starts over time in three systems, with the steps of the first two and the ends of the second."""
    p = PARAMETERS
    starts = lattice()
    found: dict[str, Any] = {"start": starts}
    for name in ("grows", "sinks"):
        times = np.linspace(0.0, p[name]["horizon"], p["points"])
        found[name] = shares(p[name], starts, times)
    end = found["sinks"][:, -1]
    found["sinks_end"] = np.where(
        end.max(axis=1) > 1 - p["near"], 0, np.where(np.abs(end @ p["sinks"]["mu"]) < p["near"], 1, -1)
    )
    times = np.unique(np.concatenate([np.linspace(low, high, int(count)) for low, high, count in p["cycle_times"]]))
    found["step"] = rates(layer(p["grows"]), np.full((1, 3), 1 / np.sqrt(3)))[
        0
    ]  # |x| = 1 and M = I: the rates are the steps
    return as_data(**found, t=times, cycle=shares(p["cycle"], np.array([p["start"]]), times)[0])


def draw(canvas: Canvas, data: Data) -> None:
    """(a) constant steps, free token, (b) a form of both signs on the sphere, (c, d) a cyclic S_Delta on the sphere."""
    axes = canvas.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
    for ax in axes[:3]:
        _simplex(ax)
    _mean_step(axes[0], data["step"])
    for path in data["grows"]:
        _path(axes[0], path, "black")
    _signs(axes[1], np.asarray(PARAMETERS["sinks"]["mu"]))
    for path, end in zip(data["sinks"], data["sinks_end"], strict=True):
        _path(axes[1], path, list(_ENDS.values())[int(end)])
    lead = data["cycle"].argmax(axis=1)
    changes = [0, *(np.flatnonzero(np.diff(lead)) + 1), len(lead) - 1]
    for first, last in pairwise(changes):
        axes[2].plot(*_flat(data["cycle"][first : last + 1]), color=_CHANNELS[lead[first]], lw=0.6)
    axes[2].plot(*_flat(data["cycle"][:1]), ".", color="black", ms=3)
    for channel in range(3):
        axes[3].plot(
            data["t"], data["cycle"][:, channel], color=_CHANNELS[channel], lw=0.9, label=f"channel {channel + 1}"
        )
    axes[3].set_xlabel("depth-time $t$")
    axes[3].set_ylabel("share $p_d$")
    titles = ("the largest step wins", "ends on the sphere", "no end on the sphere", "it visits the axes in turn")
    for ax, letter, title in zip(axes, "abcd", titles, strict=True):
        palette.panel(ax, letter, title)
    handles = [Patch(color=colour, label=label) for label, colour in _SHADES.items()]
    handles += [axes[1].plot([], [], color=colour, label=label)[0] for label, colour in _ENDS.items()]
    canvas.legend(handles=[*handles, *axes[3].get_lines()[:3]], loc="outside lower center", ncols=7)


def _flat(p: Array) -> tuple[Array, Array]:
    """Shares as points of the triangle with corners channel 1 (left), 2 (right), 3 (top)."""
    return p[..., 1] + p[..., 2] / 2, np.sqrt(3) / 2 * p[..., 2]


def _simplex(ax: Axes) -> None:
    corners = np.eye(3)
    ax.plot(*_flat(corners[[0, 1, 2, 0]]), color="black", lw=0.7)
    for channel, (x, y, side) in enumerate(zip(*_flat(corners), ("left", "right", "left"), strict=True)):
        above = channel == 2
        shift = 0.06 if above else 0.0
        ax.text(x + shift, y - (0.0 if above else 0.03), f"{channel + 1}", ha=side, va="top", fontsize=6.5)
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.13, 0.9)
    ax.set_aspect("equal")
    ax.set_anchor("N")
    ax.set_axis_off()


def _fine() -> tuple[Array, Array, Array]:
    fine = np.array([(i, j, 60 - i - j) for i in range(61) for j in range(61 - i)]) / 60
    return (*_flat(fine), fine)


def _mean_step(ax: Axes, steps: Array) -> None:
    x, y, fine = _fine()
    ax.tricontourf(x, y, fine @ steps, levels=12, cmap="cividis", alpha=0.45)


def _signs(ax: Axes, mu: Array) -> None:
    x, y, fine = _fine()
    ax.tricontourf(x, y, fine @ mu, levels=[-1e9, 0.0, 1e9], colors=list(_SHADES.values())[::-1])
    ax.tricontour(x, y, fine @ mu, levels=[0.0], colors="black", linewidths=0.8)


def _path(ax: Axes, path: Array, colour: str) -> None:
    x, y = _flat(path)
    ax.plot(x, y, color=colour, lw=0.6)
    ax.plot(x[:1], y[:1], ".", color="black", ms=1.6)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    if length[-1] < 0.06:
        return
    at = 0.5 * length[-1]
    tail, head = ((np.interp(s, length, x), np.interp(s, length, y)) for s in (at, at + 0.01))
    style = {"arrowstyle": "-|>", "color": colour, "lw": 0.4, "mutation_scale": 5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", head, tail, arrowprops=style)


def switches(cycle: Array) -> int:
    """How often another channel takes the lead."""
    return int(np.count_nonzero(np.diff(cycle.argmax(axis=1))))


def caption(data: Data) -> str:
    """What is seen."""
    steps = ", ".join(f"{value:.2g}" for value in data["step"])
    ends = ", ".join(f"{int((data['sinks_end'] == place).sum())} {name}" for place, name in enumerate(_ENDS))
    p = PARAMETERS["cycle"]
    mu = ", ".join(f"{value:g}" for value in PARAMETERS["sinks"]["mu"])
    return (
        f"Shares $p_d=x_d^2/|x|^2$ of token 1 on three channels; corners are channels, dots starts. (a) Constant steps {steps} and "
        f"$x^\\top Mx>0$: shares follow the replicator whose fitness is the step, and their mean step (shade) grows "
        f"to its largest, at channel 3; where $x^\\top Mx<0$ the same curves are run backwards. (b) The token kept on a sphere, "
        f"$M$ diagonal with {mu}: of {len(data['start'])} starts {ends} (black line), on which it rests. (c) $M=-I$ and steps that "
        f"follow each other in a circle ($S_\\Delta$ cyclic, $k={p['cyclic']:g}$, $\\kappa={-p['own']:g}$): the token comes to rest nowhere, and nears the circle of the three "
        f"axes, here in the colour of the largest share; (d) its shares over depth-time, {switches(data['cycle'])} changes of the lead up to $t={data['t'][-1]:g}$, ever longer apart. "
        f"Theorems: {cite(*FIGURES['competition'].theorems)}."
    )
