"""Token 1 in several dimensions: one orbit, and the three ends of the tokens that start on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from s6flow.numeric.flow import LayerParameters, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, evaluate
from s6flow.symbolic.ends import COLOURS

SIZE = (6.8, 2.55)
PARAMETERS: dict[str, Any] = {
    "form": [[-0.6, 0.1, 0.0, -0.1], [0.0, 0.8, -0.1, 0.1], [0.1, 0.1, -1.0, 0.0], [-0.1, 0.0, 0.1, 0.7]],
    "S_Delta": [[0.1, -0.1, 0.0, 0.1], [0.0, 0.1, -0.1, 0.1], [-0.1, 0.1, 0.1, 0.0], [0.1, 0.0, -0.1, 0.1]],
    "b": [-3.0, -0.8, 0.6, 2.2],
    "on_orbit": [0.3, 0.6, 0.6, 0.25],
    "starts": [0.25, 0.55, 1.15, 2.4],
    "sizes": [0.1, 30.0],
    "log10_clock": [-8.0, -0.4, 46],
    "log10_late": [-0.3, -5.0, 30],
    "horizon": 1e6,
    "still": 1e-4,
}
#: The three ends: to zero, to a point of the cone, without bound.
FATES = ("dies", "stops on the cone", "grows without bound")
_COLOURS = (COLOURS["convergent"], COLOURS["root"], COLOURS["fast"])
_SHADES = {"$x^\\top Mx>0$: to the right": "#fbe6d9", "$x^\\top Mx<0$: to the left": "#dfeaf4"}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1)), (0, (2, 1)), (0, (1, 1)))


def layers(forms: NDArray[np.float64]) -> LayerParameters:
    """Layers with S_C^T S_B = `forms`, full S_Delta and equal decay rates, which token 1 does not see.

    Args:
        forms: shape (system, channel, channel).
    """
    same = np.broadcast_to(np.eye(forms.shape[-1]), forms.shape)
    return LayerParameters(
        S_B=same,
        S_C=np.swapaxes(forms, 1, 2),
        S_dt_in=PARAMETERS["S_Delta"],
        S_dt_out=np.eye(forms.shape[-1]),
        a=np.ones(forms.shape[1:]),
        b=PARAMETERS["b"],
    )


def paths(x0: NDArray[np.float64], forms: NDArray[np.float64], horizon: float) -> tuple[NDArray[np.float64], ...]:
    """Token 1 of every system to its blow-up, or to the horizon.

    Multiplying a form by a number divides all times by it; so each system runs on its own clock, on which it ends at 1,
    and one list of times serves all.

    Args:
        x0: shape (system, channel). forms: shape (system, channel, channel).
    Returns: times (system, time), positions (system, time, channel), and blow-up times (system), inf where there is none.
    """
    low, high, early = PARAMETERS["log10_clock"]
    near, far, late = PARAMETERS["log10_late"]
    clock = np.concatenate([np.logspace(low, high, int(early)), 1 - np.logspace(near, far, int(late))])
    times = integrate(x0[:, None], layers(forms), horizon=horizon, x_limit=1e6, rtol=1e-8).blow_up_time
    unit = np.where(np.isfinite(times), times, horizon)
    run = integrate(x0[:, None], layers(forms * unit[:, None, None]), times=clock, rtol=1e-8)
    return unit[:, None] * clock, np.asarray(run.x)[:, :, 0], np.asarray(times)


def orbit() -> NDArray[np.float64]:
    """Points of the orbit through `on_orbit`, in the order of their sizes, shape (point, channel).

    An orbit belongs to the steps alone: with the identity for a form the token runs along all that lies before it, with
    its negative along all that lies behind.
    """
    start = np.asarray(PARAMETERS["on_orbit"])
    same = np.eye(len(start))
    _, (forwards, backwards), _ = paths(np.stack([start, start]), np.stack([same, -same]), PARAMETERS["horizon"])
    whole = np.concatenate([backwards[::-1], start[None], forwards])
    size = np.linalg.norm(whole, axis=1)
    least, most = PARAMETERS["sizes"]
    return np.asarray(whole[(size > least) & (size < most)])


def form_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """x^T M x / |x|^2 of points, shape (..., channel)."""
    return np.asarray(np.einsum("...d,de,...e->...", x, PARAMETERS["form"], x) / (x**2).sum(axis=-1))


def data() -> Data:
    """The orbit with the form on it; tokens that start on it over depth-time, their fates and where the form vanishes."""
    p = PARAMETERS
    whole = orbit()
    size, form = np.linalg.norm(whole, axis=1), form_of(whole)
    places = [int(np.abs(np.log(size / start)).argmin()) for start in p["starts"]]
    x0 = whole[places]
    times, x, blow_up_time = paths(x0, np.stack([np.asarray(p["form"])] * len(x0)), p["horizon"])
    bounded = np.isinf(blow_up_time)
    still = np.abs(form_of(x[:, -1])) < p["still"]
    change = np.flatnonzero(np.diff(np.sign(form)))
    ln = np.log(size)
    zeros = np.exp(ln[change] - form[change] * (ln[change + 1] - ln[change]) / (form[change + 1] - form[change]))
    slow = int(np.argmin(p["b"]))
    constant = evaluate(
        "decay_constant", mu=[p["form"][slow][slow]], a=[1.0], b=p["b"][slow], floor=0.0, phi=np.zeros(1)
    )  # of channel `slow`, alone
    return as_data(
        size=size,
        form=form,
        zero=zeros,
        start=x0,
        fate=np.where(~bounded, 2, np.where(still, 1, 0)),
        t=times,
        x=x,
        blow_up_time=blow_up_time,
        stop=np.where(still, zeros[np.abs(np.log(zeros / np.linalg.norm(x[:, -1:], axis=2))).argmin(axis=1)], np.nan),
        constant=constant,
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) the form on the orbit, (b) sizes of the tokens over depth-time, (c) their entries."""
    left, middle, right = canvas.subplots(1, 3, width_ratios=(1.15, 1, 1))
    _orbit(left, data)
    _sizes(middle, data)
    _entries(right, data)
    lines = [left.plot([], [], color=colour, label=name)[0] for name, colour in zip(FATES, _COLOURS, strict=True)]
    lines += middle.plot([], [], **palette.LIMIT, label="exact limit")
    lines += [
        right.plot([], [], color="black", ls=ls, label=f"channel {place}")[0] for place, ls in enumerate(_DASHES, 1)
    ]
    shades = [Patch(color=colour, label=label) for label, colour in _SHADES.items()]
    canvas.legend(handles=[*shades, *lines], loc="outside lower center", ncols=5)


def _orbit(ax: Axes, data: Data) -> None:
    height = 1.15 * float(np.abs(data["form"]).max())
    for sign, colour in zip((1, -1), _SHADES.values(), strict=True):
        ax.axhspan(*sorted((0.0, sign * height)), color=colour, lw=0)
    ax.semilogx(data["size"], data["form"], color=palette.GREY, lw=0.9)
    ax.axhline(0.0, color="black", lw=0.7)
    for place, (start, fate) in enumerate(zip(data["start"], data["fate"], strict=True)):
        path = np.concatenate([start[None], data["x"][place]])
        sizes = np.linalg.norm(path, axis=1)
        shown = (sizes >= data["size"][0]) & (sizes <= data["size"][-1])
        ax.plot(sizes[shown], form_of(path[shown]), color=_COLOURS[int(fate)], lw=1.6)
        ax.plot(sizes[0], form_of(start), "o", color=_COLOURS[int(fate)], ms=3.2)
    ax.plot(data["zero"], np.zeros_like(data["zero"]), "o", mfc="white", mec="black", ms=3.2)
    ax.set_ylim(-height, height)
    ax.set_xlim(data["size"][0], data["size"][-1])
    ax.grid(False)
    ax.minorticks_off()
    ax.set_xlabel("size of the token, $|X|$")
    ax.set_ylabel(r"$X^\top M X\,/\,|X|^2$")
    palette.panel(ax, "a", "one orbit, four tokens")


def _sizes(ax: Axes, data: Data) -> None:
    for place, fate in enumerate(data["fate"]):
        ax.loglog(data["t"][place], np.linalg.norm(data["x"][place], axis=1), color=_COLOURS[int(fate)])
    late = data["t"][0] > 1e2
    ax.plot(data["t"][0][late], np.sqrt(float(data["constant"]) / data["t"][0][late]), **palette.LIMIT)
    for size in np.unique(data["stop"][data["fate"] == 1]):
        ax.axhline(size, **palette.LIMIT)
    for time in data["blow_up_time"][data["fate"] == 2]:
        ax.axvline(time, **palette.LIMIT)
    ax.set_ylim(1e-2, data["size"][-1])
    ax.set_xlim(1e-2, data["t"][0][-1])
    ax.minorticks_off()
    ax.set_xlabel("depth-time $t$")
    ax.set_ylabel("size of the token, $|x_1|$")
    palette.panel(ax, "b", "their sizes")


def _entries(ax: Axes, data: Data) -> None:
    for place, fate in enumerate(data["fate"]):
        relative = data["x"][place] / data["start"][place]
        for channel, ls in enumerate(_DASHES):
            ax.loglog(data["t"][place], relative[:, channel], color=_COLOURS[int(fate)], ls=ls, lw=0.9)
    ax.set_ylim(1e-2, 30)
    ax.set_xlim(1e-2, data["t"][0][-1])
    ax.minorticks_off()
    ax.set_xlabel("depth-time $t$")
    ax.set_ylabel(r"entry over its start, $x_{1,d}\,/\,x_{1,d}(0)$")
    palette.panel(ax, "c", "every entry moves one way")


def caption(data: Data) -> str:
    """What is seen."""
    told = ", ".join(
        f"{np.linalg.norm(start):.2g} {FATES[int(fate)]}"
        for start, fate in zip(data["start"], data["fate"], strict=True)
    )
    zeros = ", ".join(f"{zero:.3g}" for zero in data["zero"])
    return (
        f"Token 1 on {data['x'].shape[-1]} channels, steps with a full $S_\\Delta$, $M=S_C^\\top S_B$. (a) The form on one orbit of "
        f"the field $\\Delta_d(x)\\,x_d$, which belongs to the steps alone; a token runs to the right where the form is positive "
        f"and to the left where it is negative, and never past a zero (white, sizes {zeros}). Full dots are starts; those of "
        f"size {told}. (b) Their sizes; dotted: the zero at which two of them stop, the blow-up time "
        f"{float(data['blow_up_time'].min()):.3g}, and $\\sqrt{{c/t}}$, $c={float(data['constant']):.3g}$, of the channel of "
        f"the smallest step alone, to which the dying token tends. (c) Each entry over its start. Theorems: {cited('orbits')}."
    )
