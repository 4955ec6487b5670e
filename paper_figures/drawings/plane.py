"""Two dimensions: phase portraits for every signature of sym(S_C^T S_B), and the cone of equilibria."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from s6flow.numeric.flow import FlowResult, LayerParameters, Status, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited
from s6flow.symbolic.ends import COLOURS

SIZE = (3.3, 3.95)
_ANGLE = 0.5
Panel = tuple[str, tuple[float, float], float, float, tuple[float, float]]
#: title, eigenvalues of the symmetric S_C^T S_B along axes turned by an angle, slope and biases of the steps
PANELS: tuple[Panel, ...] = (
    ("eigenvalues $+,+$", (1.0, 0.4), _ANGLE, 0.7, (0.0, 0.0)),
    ("eigenvalues $+,-$", (1.0, -0.6), _ANGLE, 0.0, (0.0, 0.0)),
    ("eigenvalues $-,-$", (-1.0, -0.4), _ANGLE, 0.7, (0.0, 0.0)),
    ("$+,-$: cone of equilibria", (1.0, -0.6), 0.0, 0.0, (-1.5, 1.0)),
)
PARAMETERS: dict[str, Any] = {
    "panels": PANELS,
    "decay": 1.0,
    "starts": 28,
    "radii": [0.45, 1.5],
    "log10_clock": [-4.0, -1.2, 18],
    "middle_clock": 22,
    "log10_late": [-0.3, -7.0, 30],
    "points": 48,
    "path_horizon": 1e3,
    "horizon": 3e4,
    "window": 2.2,
}
#: Fate of a start: to zero, to a point of the cone, to infinity.
FATES = ("converge to 0", "stop on the cone", "diverge")


def layers() -> LayerParameters:
    """Every panel's layer on two channels with two states and S_C^T S_B = R diag(eigenvalues) R^T.

    The batch axes are (panel, 1): every panel meets every start.
    """
    angle, slope = (np.array([panel[place] for panel in PANELS])[:, None] for place in (2, 3))
    eigenvalues, bias = (np.array([panel[place] for panel in PANELS])[:, None] for place in (1, 4))
    turn = np.stack([np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)], -2)
    same = np.ones((len(PANELS), 1, 1, 1))
    return LayerParameters(
        S_B=turn,
        S_C=eigenvalues[..., None] * turn,
        S_dt_in=np.eye(2) * slope[..., None, None],
        S_dt_out=np.eye(2) * same,
        a=np.full((2, 2), PARAMETERS["decay"]) * same,
        b=bias,
    )


def starts() -> NDArray[np.float64]:
    """Points on two circles, shape (start, 1, channel): one token each."""
    turn = 2 * np.pi * (np.arange(PARAMETERS["starts"]) + 0.25) / PARAMETERS["starts"]
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    inner, outer = PARAMETERS["radii"]
    return np.concatenate([inner * circle[::2], outer * circle])[:, None, :]


def matrices(params: LayerParameters) -> NDArray[np.float64]:
    """S_C^T S_B of every layer of the batch."""
    return np.asarray(np.swapaxes(params.S_C, -1, -2) @ params.S_B)


def fates(run: FlowResult, params: LayerParameters) -> NDArray[np.int64]:
    """0: |x| is shrinking to zero at the end, 1: settled at a nonzero point, 2: blew up or still grows."""
    end = run.final_x[..., 0, :]
    size = np.linalg.norm(end, axis=-1)
    form = np.einsum("...i,...ij,...j->...", end, matrices(params), end) / np.maximum(size, 1e-300) ** 2
    fate = np.where(form > 0, 2, 0)
    fate[np.abs(form) < 1e-6] = 1
    fate[run.status == Status.BLOW_UP] = 2
    return fate


def outlines(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every path from its start on, while it stays near the window, at points of equal distance along a smooth curve.

    The curve goes through all outputs, by a cubic in their distance that does not overshoot: an output costs a landing.

    Args:
        paths: shape (panel, start, time, channel), NaN after a blow-up.
    """
    found = np.empty((*paths.shape[:2], PARAMETERS["points"], 2))
    for place in np.ndindex(*paths.shape[:2]):
        whole = np.concatenate([starts()[place[1]], paths[place]])
        whole = whole[np.isfinite(whole).all(axis=1)]
        outside = np.abs(whole).max(axis=1) > 1.5 * PARAMETERS["window"]
        whole = whole[: int(np.argmax(outside)) + 1 if outside.any() else None]
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(whole, axis=0), axis=1))])
        apart = np.concatenate([[True], np.diff(length) > 1e-12 * length[-1]])
        even = np.linspace(0, length[apart][-1], PARAMETERS["points"])
        found[place] = PchipInterpolator(length[apart], whole[apart])(even) if apart.sum() > 1 else whole[0]
    return found


def data() -> Data:
    """Trajectories and fates of all starts, panel by panel, and the matrices.

    Multiplying S_C by a number divides all times by it; so each start runs on its own clock, on which its blow-up
    (or, without one, its horizon) comes at time 1, and one list of times serves all.
    """
    early, late = (
        np.logspace(low, high, int(count))
        for low, high, count in (PARAMETERS[key] for key in ("log10_clock", "log10_late"))
    )
    clock = np.concatenate([early, np.logspace(np.log10(early[-1]), -0.5, PARAMETERS["middle_clock"])[1:], 1 - late])
    params = layers()
    run = integrate(starts(), params, horizon=PARAMETERS["horizon"], x_limit=1e6, rtol=1e-9)
    unit = np.where(run.status == Status.BLOW_UP, run.blow_up_time, PARAMETERS["path_horizon"])
    paths = integrate(starts(), replace(params, S_C=params.S_C * unit[..., None, None]), times=clock, rtol=1e-7)
    return as_data(
        x=outlines(np.ma.filled(paths.x[..., 0, :], np.nan)),
        fate=fates(run, params),
        end=run.final_x[..., 0, :],
        matrix=matrices(params)[:, 0],
        start=starts()[:, 0],
    )


_COLOURS = (COLOURS["convergent"], COLOURS["root"], COLOURS["fast"])
_SHADES = {"$x^\\top Mx>0$": "#fbe6d9", "$x^\\top Mx<0$": "#dfeaf4"}


def draw(canvas: Canvas, data: Data) -> None:
    """Four portraits; the shade is the sign of x^T M x, the black lines are its zeros."""
    axes = canvas.subplots(2, 2, sharex=True, sharey=True).ravel()
    for index, (ax, panel, letter) in enumerate(zip(axes, PANELS, "abcd", strict=True)):
        _portrait(ax, data["start"], data["x"][index], data["end"][index], data["fate"][index], data["matrix"][index])
        palette.panel(ax, letter, panel[0])
    for index, (name, colour) in enumerate(zip(FATES, _COLOURS, strict=True)):
        if (data["fate"] == index).any():
            axes[0].plot([], [], color=colour, label=name)
    axes[0].plot([], [], color="black", label=r"$x^\top M x=0$")
    for ax in axes[2:]:
        ax.set_xlabel("channel 1")
    for ax in axes[::2]:
        ax.set_ylabel("channel 2")
    handles, _ = axes[0].get_legend_handles_labels()
    shades = [Patch(color=colour, label=label) for label, colour in _SHADES.items()]
    canvas.legend(handles=[*handles, *shades], loc="outside lower center", ncols=3)


def _portrait(
    ax: Axes,
    start: NDArray[np.float64],
    paths: NDArray[np.float64],
    ends: NDArray[np.float64],
    fate: NDArray[np.int64],
    matrix: NDArray[np.float64],
) -> None:
    window = PARAMETERS["window"]
    grid = np.linspace(-window, window, 161)
    first, second = np.meshgrid(grid, grid)
    form = matrix[0, 0] * first**2 + 2 * matrix[0, 1] * first * second + matrix[1, 1] * second**2
    ax.contourf(grid, grid, form, levels=[-1e9, 0, 1e9], colors=list(_SHADES.values())[::-1])
    if form.min() < 0 < form.max():
        ax.contour(grid, grid, form, levels=[0], colors="black", linewidths=0.8)
    for path, end, kind in zip(paths, ends, fate, strict=True):
        ax.plot(path[:, 0], path[:, 1], color=_COLOURS[int(kind)], lw=0.6)
        _arrow(ax, path, _COLOURS[int(kind)])
        if kind == 1:
            ax.plot(*end, "o", color=_COLOURS[1], ms=1.6)
    ax.plot(start[:, 0], start[:, 1], ".", color="black", ms=1.4)
    ax.set_xlim(-window, window)
    ax.set_ylim(-window, window)
    ax.set_aspect("equal")
    ax.grid(False)
    ax.set_xticks([-2, 0, 2])
    ax.set_yticks([-2, 0, 2])


def _arrow(ax: Axes, path: NDArray[np.float64], colour: str) -> None:
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    middle = min(0.3, 0.5 * float(length[-1]))
    if middle < 0.05:
        return
    tail, head = (np.array([np.interp(at, length, path[:, axis]) for axis in (0, 1)]) for at in (middle, middle + 0.02))
    ax.annotate(
        "",
        (head[0], head[1]),
        (tail[0], tail[1]),
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 0.4, "mutation_scale": 5, "shrinkA": 0, "shrinkB": 0},
    )


def caption(data: Data) -> str:
    """What is seen."""
    total = data["fate"].shape[1]
    counts = [[int((row == index).sum()) for index in range(3)] for row in data["fate"]]
    told = "; ".join(
        f"({letter}) {panel[0]}: "
        + ", ".join(f"{number} of {total} {name}" for number, name in zip(row, FATES, strict=True) if number)
        for letter, panel, row in zip("abcd", PANELS, counts, strict=True)
    )
    outside = int((np.abs(data["end"][-1]).max(axis=1) > PARAMETERS["window"]).sum())
    return (
        f"Token 1 on two channels, $M=S_C^\\top S_B$, after the paper's Figure 6: black dots are starts, green dots where a token "
        f"comes to rest; shade: sign of $x^\\top M x$. "
        f"{told}; {outside} of the last stop outside the window. "
        f"With equal steps the motion is radial and the sign of $x^\\top M x$ at the start decides; with unequal "
        f"steps an open set of "
        f"starts ends on the cone $x^\\top M x=0$, whose points are all equilibria. "
        f"Theorems: {cited('two-dimensions')}."
    )
