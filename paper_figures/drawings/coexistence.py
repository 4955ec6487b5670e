"""Coexistence: where K is negative, and the flow in which one token blows up while the next dies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.criteria.portrait import followers
from s6flow.numeric.experiments import shipped_checkpoint
from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.numeric.weights import open_checkpoint
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.levels import at_levels
from s6flow.paper_figures.theory import cited, evaluate, formula

SIZE = (3.3, 4.8)
PARAMETERS: dict[str, Any] = {
    "mu": [-1.0, 1.5],
    "a": [0.2, 4.0],
    "s": 1.0,
    "b": 1.0,
    "floor": 0.0,
    "x0": [1.0, 0.5],
    "log10_levels": [6, 100, 12],
    "clock": np.unique(np.concatenate([np.geomspace(0.02, 0.2, 24), (1 - np.geomspace(1, 1e-7, 240))[1:]])),
    "scaled_tokens": [-8.0, 8.0, 121],
    "checkpoint": "unconstrained",
}
#: Curves of real channels.
MOST = 4
_LETTERS = ("mu", "a", "s", "b", "floor")


def real_channels() -> tuple[list[str], dict[str, Any]]:
    """Names and parameters of channels of a shipped checkpoint for which `coexistence` decides the tokens x0.

    Of every layer the one with the largest mu, so that the curves come from different layers, at most `MOST` of them,
    evenly spread; x0 on the side where the step grows. One whose token x_2 leaves the range of double precision before x_1
    has grown is left out.
    """
    found = []
    x0 = PARAMETERS["x0"]
    for layer in open_checkpoint(str(shipped_checkpoint(PARAMETERS["checkpoint"]))).layers():
        side = np.where(layer.s < 0, -1.0, 1.0)
        decided = followers(layer.mu_n, layer.a, layer.s, layer.b, layer.floor, x0[0] * side, x0[1] * side).vanishes
        channel = int(np.argmax(np.where(decided, layer.mu_n.sum(axis=1), -np.inf)))
        if decided[channel]:
            found.append((layer, channel))
    letters = {
        "mu": np.stack([layer.mu_n[channel] for layer, channel in found]),
        "a": np.stack([layer.a[channel] for layer, channel in found]),
        "s": np.array([layer.s[channel] for layer, channel in found]),
        "b": np.array([layer.b[channel] for layer, channel in found]),
        "floor": np.array([layer.floor for layer, _ in found]),
    }
    side = np.where(letters["s"] < 0, -1.0, 1.0)[:, None]
    run = integrate(np.asarray(x0) * side, FlowParameters(**letters), x_limit=10.0 ** PARAMETERS["log10_levels"][0])
    seen = np.flatnonzero(np.isfinite(run.blow_up_time))
    seen = seen[:: max(1, -(-len(seen) // MOST))]
    names = [f"{found[place][0].name} {found[place][1]}" for place in seen]
    return names, {name: values[seen] for name, values in letters.items()}


def growth(letters: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Blow-up times, and ln|x_1|, ln|x_2| on the way to them and beyond, shape (moment, token, system).

    Multiplying mu_n by the blow-up time divides all times by it, so that one list of times serves all systems.
    """
    x0 = np.asarray(PARAMETERS["x0"]) * np.where(letters["s"] < 0, -1.0, 1.0)[:, None]
    ends, late = at_levels(x0, letters, PARAMETERS["log10_levels"])
    time = np.asarray(ends.blow_up_time)[-1]
    scaled = FlowParameters(**(letters | {"mu": letters["mu"] * time[:, None]}))
    run = integrate(x0, scaled, times=PARAMETERS["clock"], rtol=1e-12)
    early = np.moveaxis(np.asarray(run.log_abs), np.shape(run.log_abs).index(len(PARAMETERS["clock"])), 0)
    return time, np.moveaxis(np.concatenate([np.log(np.abs(x0))[None], early, late]), -1, 1)


def data() -> Data:
    """K of the witness (system 0) and of real channels over s x, their tokens, and how the growth of two compares."""
    p = PARAMETERS
    leftmost, rightmost, points = p["scaled_tokens"]
    scaled = np.linspace(leftmost, rightmost, int(points))
    names, real = real_channels()
    columns = ("mu", "a", "b", "floor")
    k0 = [evaluate("carried_zero", **{key: letters[key] for key in columns}) for letters in (p, real)]
    curves = [evaluate("carried", y=scaled / p["s"], **{key: p[key] for key in _LETTERS})]
    for row, slope in enumerate(real["s"]):
        curves.append(evaluate("carried", y=scaled / slope, **{key: real[key][row] for key in _LETTERS}))
    witness_time, witness = growth({key: np.asarray([p[key]]) for key in _LETTERS})
    real_time, others = growth(real)
    tracks = np.concatenate([witness, others], axis=2)
    further = np.diff(tracks[:, 0], axis=0).min(axis=1) > 0  # a run may pass two levels in one step
    tracks = tracks[np.concatenate([[True], further])]
    return as_data(
        scaled=scaled,
        carried=np.stack(curves),
        k0=np.concatenate([k0[0][None], k0[1]]),
        name=np.array(["witness", *names]),
        blow_up_time=np.concatenate([witness_time, real_time]),
        clock=np.concatenate([[0.0], p["clock"]]),
        witness=np.exp(witness[: len(p["clock"]) + 1, :, 0]),
        level=tracks[:, 0],
        size=tracks[:, 1],
    )


def rates(data: Data) -> NDArray[np.float64]:
    """d ln|x_2| / d ln|x_1| between one moment and the next, shape (moment, system)."""
    return np.asarray(np.diff(data["size"], axis=0) / np.diff(data["level"], axis=0))


_HUES = (palette.VERMILION, palette.BLUE, palette.GREEN, palette.PURPLE, palette.SKY)


def draw(canvas: Canvas, data: Data) -> None:
    """(a) K over s x, (b) both tokens of the witness over time, (c) their relative growth."""
    upper, lower = palette.parts(canvas, 1.35, 1)
    ax = upper.add_subplot()
    scaled = data["scaled"]
    ax.axhline(0, color="black", lw=0.6)
    ax.axvline(0, color="black", lw=0.6)
    for place, (curve, name) in enumerate(zip(data["carried"], data["name"], strict=True)):
        ax.plot(scaled, curve, color=_HUES[place], lw=1.8 if place == 0 else 1.0, label=_short(str(name)))
    lowest = 1.08 * float(data["carried"].min())
    ax.axhspan(lowest, 0, color="#f3f3f3", zorder=0)
    ax.set_ylim(lowest, 1.15)
    ax.set_xlim(scaled[0], scaled[-1])
    ax.set_xlabel("$s\\,x$ of the next token")
    ax.set_ylabel("$K(x)$")
    palette.below(upper, ax, 2)
    palette.panel(ax, "a", "grey: $K<0$ pulls the next token down")
    left, right = palette.pair(lower)
    time = float(data["blow_up_time"][0])
    for token in range(2):
        size = data["witness"][:, token]
        left.semilogy(time * data["clock"], size, color=palette.VERMILION, ls=("-", (0, (5, 1)))[token])
        left.annotate(f"$|x_{token + 1}|$", (0.1 * time, size[0] * (2.0, 0.2)[token]), fontsize=6.5)
    left.axvline(time, **palette.LIMIT)
    left.annotate("$T$ ", (time, 0.002), ha="right", fontsize=6.5)
    left.set_ylim(1e-4, 1e3)
    left.set_xlabel("depth-time $t$")
    left.set_ylabel("witness")
    palette.panel(left, "b", "one up, one down")
    middle = 0.5 * (data["level"][1:] + data["level"][:-1])
    for level, rate, limit, hue in zip(middle.T, rates(data).T, data["k0"], _HUES, strict=True):
        right.semilogx(level, rate / limit, color=hue, lw=1.0)
    right.axhline(1, **palette.LIMIT)
    right.set_xlabel(r"$\ln|x_1|$")
    right.set_ylabel(r"$(d\ln|x_2|/d\ln|x_1|)\,/\,K(0)$")
    palette.panel(right, "c", "the rate is $K(0)$")


def _short(name: str) -> str:
    digits = [part for part in name.replace("_", " ").replace(".", " ").split() if part.isdigit()]
    return f"layer {digits[-2]}, channel {digits[-1]}" if len(digits) > 1 else name


def caption(data: Data) -> str:
    """What is seen."""
    names = ", ".join(f"`{name}`: {value:.4g}" for name, value in zip(data["name"][1:], data["k0"][1:], strict=True))
    last = float(np.abs(rates(data)[-1] / data["k0"] - 1).max())
    return (
        f"Decay rates that differ and $\\mu_n$ of both signs. (a) $K(x)={formula('carried')}$ for the witness (thick) "
        f"and for channels of the shipped checkpoint `{PARAMETERS['checkpoint']}`, one a layer, whose fate for two "
        f"tokens of sizes {PARAMETERS['x0'][0]:g} and {PARAMETERS['x0'][1]:g} the theorem decides, with the largest $\\mu$ "
        f"(name: $K(0)$; {names}). (b) The witness: token 1 (solid) blows up at $T={data['blow_up_time'][0]:.6g}$ while token 2 "
        f"(dashed) tends to 0. (c) Their relative rate over $K(0)$, of the witness ($K(0)={data['k0'][0]:.5f}$) and "
        f"of the channels; at $|x_1|=10^{{{PARAMETERS['log10_levels'][1]:g}}}$ it is within {last:.1e} of 1. "
        f"Theorems: {cited('coexistence')}."
    )
