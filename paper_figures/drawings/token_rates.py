"""Unequal rates: who takes the attention near a blow-up, how token sizes spread, and what the order does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow import FlowParameters, attention_matrix, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited

SIZE = (3.3, 4.9)
PARAMETERS: dict[str, Any] = {
    "mu": [0.5],
    "a": [0.4],
    "s": 1.0,
    "b": 0.0,
    "floor": 0.0,
    "x0": [-0.4, 0.3, -0.8, 0.9, 0.2, -0.6, 0.5, 0.1, -0.3, 0.7],
    "remaining": [1.0, 0.3, 0.03, 1e-3, 1e-6],
    "sequences": 400,
    "tokens": 8,
    "seed": 7,
    "log_horizon": 20.0,
    "quotients": [0.5, 2.5],
}


def _params() -> FlowParameters:
    p = PARAMETERS
    return FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"])


def received(x: NDArray[np.float64], params: FlowParameters) -> NDArray[np.float64]:
    """Share of all |P_lj| that each source j receives, shape (*batch, source)."""
    size = np.abs(attention_matrix(x, params)).sum(axis=-2)
    return np.asarray(size / size.sum(axis=-1, keepdims=True))


def data() -> Data:
    """Sizes and received attention of one sequence, and blow-up times of many sequences in three orders."""
    p, params = PARAMETERS, _params()
    start = np.asarray(p["x0"])
    whole = integrate(start, params)
    time = float(whole.blow_up_time)
    remaining = np.asarray(p["remaining"])
    run = integrate(start, params, times=time * (1 - remaining[1:]), horizon=2 * time, rtol=1e-12)
    x = np.concatenate([start[None], np.asarray(run.x)])
    rng = np.random.default_rng(p["seed"])
    tokens = rng.normal(size=(p["sequences"], p["tokens"]))
    score = p["s"] * tokens
    ascending = np.take_along_axis(tokens, np.argsort(score, axis=1), 1)
    orders = np.stack([tokens, ascending, ascending[:, ::-1]])
    ends = integrate(orders, params, log_horizon=p["log_horizon"], rtol=1e-8)
    return as_data(
        remaining=remaining,
        x=x,
        received=received(x, params),
        blow_up_time=np.asarray(time),
        blow_up_token=np.asarray(whole.blow_up_token),
        order_time=ends.blow_up_time,
        order_token=ends.blow_up_token,
        slow_sequences=np.isinf(ends.blow_up_time).sum(axis=1),
    )


def quotients(given: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """T in another order over T as given, of the sequences that blow up in both."""
    both = np.isfinite(given) & np.isfinite(other)
    return np.asarray(other[both] / given[both])


_HUES = (palette.GREY, palette.BLUE, palette.ORANGE)
_ORDERS = ("as given", "ascending $s\\,x$", "descending $s\\,x$")


def draw(canvas: Canvas, data: Data) -> None:
    """(a) sizes over the tokens, (b) attention received, (c) blow-up times and (d) the first token by order."""
    upper, lower = palette.parts(canvas, 1.9, 1)
    top, middle = palette.stacked(upper, 1, 1)
    token = np.arange(1, data["x"].shape[1] + 1)
    shades = [palette.shade(k / (len(data["remaining"]) - 1)) for k in range(len(data["remaining"]))]
    for left, size, share, colour in zip(data["remaining"], np.abs(data["x"]), data["received"], shades, strict=True):
        label = "start" if left == 1 else rf"$1-t/T={palette.power(left)}$"
        top.semilogy(token, size, "o", color=colour, ms=3, label=label)
        middle.plot(token, share, "o", color=colour, ms=3)
    for ax, rows in ((top, np.abs(data["x"])), (middle, data["received"])):
        ax.vlines(token, rows.min(axis=0), rows.max(axis=0), color=palette.GREY, lw=0.8, zorder=1)
        ax.grid(axis="x", visible=False)
    palette.below(upper, top, 3)
    top.set_ylabel(r"$|x_l|$")
    palette.panel(top, "a", f"token {int(data['blow_up_token'])} blows up, later ones follow")
    middle.set_xticks(token)
    middle.set_xlabel("token")
    middle.set_ylabel("attention received")
    palette.panel(middle, "b", "and takes all the attention")
    ax, bars = palette.pair(lower, 1.35, 1)
    for times, name, hue in zip(data["order_time"], _ORDERS, _HUES, strict=True):
        quotient = np.sort(quotients(data["order_time"][0], times))
        ax.step(quotient, np.arange(1, len(quotient) + 1) / len(quotient), where="post", color=hue, label=name)
    ax.set_xlim(*PARAMETERS["quotients"])
    ax.set_xlabel("$T$ over $T$ as given")
    ax.set_ylabel("share of sequences")
    palette.below(lower, ax, 3)
    palette.panel(ax, "c", "when: changes little")
    positions = np.arange(1, data["order_token"].max() + 1)
    for index, (tokens, hue) in enumerate(zip(data["order_token"], _HUES, strict=True)):
        heights = [(tokens == position).mean() for position in positions]
        bars.bar(positions + 0.27 * (index - 1), heights, width=0.25, color=hue)
    bars.set_xticks(positions)
    bars.set_xlabel("first token to blow up")
    palette.panel(bars, "d", "who: changes")


def caption(data: Data) -> str:
    """What is seen."""
    medians = [float(np.median(times)) for times in data["order_time"]]
    shares = np.concatenate([quotients(data["order_time"][0], times) for times in data["order_time"][1:]])
    low, high = PARAMETERS["quotients"]
    hidden, number = int(((shares < low) | (shares > high)).sum()), len(shares)
    return (
        f"$\\mu>0$, tokens of both signs: token {int(data['blow_up_token'])} blows up at "
        f"$T={float(data['blow_up_time']):.6g}$. (a) Later "
        f"tokens follow, each at its own rate; earlier ones stay bounded. (b) Share of $\\sum|P_{{lj}}|$ that goes "
        f"to source $j$: at the end "
        f"{float(data['received'][-1].max()):.1%} to token {int(np.argmax(data['received'][-1])) + 1}. (c) "
        f"{data['order_time'].shape[1]} random "
        f"sequences in three orders: median $T$ is {medians[0]:.3g} as given, {medians[1]:.3g} ascending in $s x$, "
        f"{medians[2]:.3g} "
        f"descending; as quotients, {hidden} of {number} outside of the picture. (d) Position of the first token to blow up. "
        f"Theorems: {cited('token-rates')}."
    ).replace("%", " per cent")
