"""Coexistence: where K is negative, and the flow in which one token blows up while the next dies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.numeric.weights import open_checkpoint
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, evaluate, formula

SIZE = (3.3, 4.2)
PARAMETERS: dict[str, Any] = {
    "mu": [-1.0, 1.5],
    "a": [0.2, 4.0],
    "s": 1.0,
    "b": 1.0,
    "floor": 0.0,
    "x0": [1.0, 0.5],
    "log10_levels": [6.0, 100.0, 14],
    "early_times": [0.02, 0.999999, 30],
    "scaled_tokens": [-8.0, 8.0, 121],
    "checkpoint": "typeseg",
    "channels": 4,
}


def real_channels() -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:
    """Names, K(0), depth and parameters of the channels of a checkpoint whose mu > 0 and K(0) is the smallest.

    One channel a layer, so that the curves come from different layers.
    """
    found = []
    for layer in open_checkpoint(PARAMETERS["checkpoint"]).layers():
        delta0 = evaluate("delta0", b=layer.b, floor=layer.floor)
        k0 = evaluate("carried_zero", mu=layer.mu_n, a=layer.a, b=layer.b, floor=layer.floor)
        k0 = np.where((layer.mu_n.sum(axis=1) > 0) & (delta0 > 0), k0, np.inf)
        channel = int(np.argmin(k0))
        found.append((float(k0[channel]), layer, channel))
    found.sort(key=lambda entry: entry[0])
    chosen = found[: PARAMETERS["channels"]]
    letters = {
        "mu": np.stack([layer.mu_n[channel] for _, layer, channel in chosen]),
        "a": np.stack([layer.a[channel] for _, layer, channel in chosen]),
        "s": np.array([layer.s[channel] for _, layer, channel in chosen]),
        "b": np.array([layer.b[channel] for _, layer, channel in chosen]),
        "floor": np.array([layer.floor for _, layer, channel in chosen]),
    }
    names = [f"{layer.name} {channel}" for _, layer, channel in chosen]
    return names, np.array([k0 for k0, _, _ in chosen]), letters["s"], letters


def data() -> Data:
    """K of the witness and of real channels over s x, and the witness's flow up to |x_1| = 1e100."""
    p = PARAMETERS
    witness = {key: p[key] for key in ("mu", "a", "s", "b", "floor")}
    leftmost, rightmost, points = p["scaled_tokens"]
    scaled = np.linspace(leftmost, rightmost, int(points))
    names, k0, slopes, real = real_channels()
    params = FlowParameters(**witness)
    first, last, count = p["log10_levels"]
    ends = [integrate(p["x0"], params, x_limit=10.0**level) for level in np.linspace(first, last, int(count))]
    time = float(ends[-1].blow_up_time)
    low, high, early = p["early_times"]
    run = integrate(p["x0"], params, times=time * (1 - np.geomspace(1 - low, 1 - high, int(early))), rtol=1e-12)
    log_abs = np.unique(np.concatenate([np.asarray(run.log_abs), [end.final_log_abs for end in ends]]), axis=0)
    return as_data(
        scaled=scaled,
        witness=evaluate("carried", y=scaled / p["s"], **witness),
        real=evaluate("carried", y=scaled / slopes[:, None], **{k: v[:, None] for k, v in real.items()}),
        real_k0=k0,
        real_name=np.array(names),
        log_abs=log_abs,
        k0=evaluate("carried_zero", **{k: witness[k] for k in ("mu", "a", "b", "floor")}),
        blow_up_time=np.asarray(time),
        slope=np.diff(log_abs[:, 1]) / np.diff(log_abs[:, 0]),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) K over s x, (b) ln|x_2| against ln|x_1|, (c) their relative growth."""
    upper, lower = palette.parts(canvas, 1.15, 1)
    ax = upper.add_subplot()
    scaled = data["scaled"]
    ax.axhline(0, color="black", lw=0.6)
    ax.axvline(0, color="black", lw=0.6)
    ax.plot(scaled, data["witness"], color=palette.VERMILION, lw=1.8, label="witness")
    colours = (palette.BLUE, palette.GREEN, palette.PURPLE, palette.SKY)
    for curve, name, colour in zip(data["real"], data["real_name"], colours, strict=False):
        ax.plot(scaled, curve, color=colour, label=_short(str(name)))
    lowest = 1.08 * min(data["witness"].min(), data["real"].min())
    ax.axhspan(lowest, 0, color="#f3f3f3", zorder=0)
    ax.set_ylim(lowest, 1.15)
    ax.set_xlim(scaled[0], scaled[-1])
    ax.set_xlabel("$s\\,x$ of the token behind")
    ax.set_ylabel("$K(x)$")
    ax.legend(loc="upper right")
    palette.panel(ax, "a", f"below 0 the next token shrinks (thin: {PARAMETERS['checkpoint']})")
    left, right = palette.pair(lower)
    u, v = data["log_abs"].T
    left.plot(u, v, color=palette.VERMILION)
    left.plot(u, v[-1] + data["k0"] * (u - u[-1]), color="black", ls=(0, (1, 2)), lw=0.9)
    left.set_xlabel(r"$\ln|x_1|$")
    left.set_ylabel(r"$\ln|x_2|$")
    left.annotate("slope $K(0)$", (0.93, 0.85), xycoords="axes fraction", ha="right", fontsize=6.3)
    palette.panel(left, "b", "one up, one down")
    middle = 0.5 * (u[1:] + u[:-1])
    right.semilogx(middle, data["slope"], "o", color=palette.VERMILION, ms=2.2)
    right.axhline(float(data["k0"]), color="black", ls=(0, (1, 2)), lw=0.9)
    right.set_xlabel(r"$\ln|x_1|$")
    right.set_ylabel(r"$d\ln|x_2|/d\ln|x_1|$")
    palette.panel(right, "c", "rate")


def _short(name: str) -> str:
    digits = [part for part in name.replace("_", " ").replace(".", " ").split() if part.isdigit()]
    return f"layer {digits[-2]}, channel {digits[-1]}" if len(digits) > 1 else name


def caption(data: Data) -> str:
    """What is seen."""
    names = ", ".join(f"`{name}`: {value:.4g}" for name, value in zip(data["real_name"], data["real_k0"], strict=True))
    return (
        f"Decay rates that differ and $\\mu_n$ of both signs. (a) $K(x)={formula('carried')}$ for the witness "
        f"(thick) and "
        f"channels of `{PARAMETERS['checkpoint']}` with $\\mu>0$, one a layer, smallest $K(0)$ first ({names}; "
        f"biases of B "
        f"and C left out). (b) The witness blows up at $T={float(data['blow_up_time']):.6g}$ while its second token "
        f"dies. (c) "
        f"Their relative rate tends to $K(0)={float(data['k0']):.5f}$; at the end {float(data['slope'][-1]):.5f}. "
        f"Theorems: {cited('coexistence')}."
    )
