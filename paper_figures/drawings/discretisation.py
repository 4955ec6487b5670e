"""From layers to the limit: the residual stack for h = 1, 1/2, ... against the flow, and where real depth sits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s6flow.numeric.flow import FlowParameters, growth_rate, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, decay_constants

SIZE = (3.3, 4.6)
PARAMETERS: dict[str, Any] = {
    "mu": [-0.15],
    "a": [0.6],
    "s": 0.8,
    "b": 0.0,
    "floor": 0.0,
    "x0": [1.3, -0.9, 0.6],
    "steps": [2.0**-k for k in range(8)],
    "shown": [0, 1],
    "shown_end": 8.0,
    "end": 16.0,
    "depths": [24, 64],
    "deepest": 4096,
}


#: How the stacks of (a) are drawn, coarsest first.
_FORMS: tuple[dict[str, Any], ...] = (
    {"marker": "o", "ms": 3.4, "mfc": "white", "mew": 0.7},
    {"marker": ".", "ms": 3.0},
)


def stacks(
    x0: NDArray[np.float64], params: FlowParameters, h: Sequence[float], layers: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Tokens after 0, 1, ... residual layers x + h S6(x) on a channel axis, of every stack: shape (layer, token).

    Args:
        h: the step of each stack. layers: how many it has; all are computed side by side, as long as each lasts.
    """
    order = np.argsort(layers)[::-1]
    steps, counts = np.asarray(h)[order, None], np.asarray(layers)[order]
    x = np.empty((counts[0] + 1, len(counts), len(x0)))
    x[0] = x0
    for done in range(counts[0]):
        last = int((counts > done).sum())
        now = x[done, :last]
        x[done + 1, :last] = now * (1 + steps[:last] * growth_rate(now, params))
    places = np.argsort(order)
    return [x[: count + 1, place] for count, place in zip(layers, places, strict=True)]


def data() -> Data:
    """Stacks and flow to a common depth-time, the largest error of each stack, and a stack of many layers."""
    p = PARAMETERS
    params = FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"])
    start = np.asarray(p["x0"])
    finest = min(p["steps"])
    count = round(p["end"] / finest)
    times = finest * np.arange(1, count + 1)
    coarse = np.arange(1, count + 1) % round(1 / finest / 16) == 0
    run = integrate(start, params, times=times[coarse], rtol=1e-12)
    t = np.concatenate([[0.0], times[coarse]])
    flow = np.concatenate([start[None], np.asarray(run.x)])
    errors: list[float] = []
    shown: dict[str, Any] = {}
    depths = [round(p["end"] / h) for h in p["steps"]]
    *short, deepest = stacks(start, params, [*p["steps"], 1.0], [*depths, p["deepest"]])
    for index, (h, x) in enumerate(zip(p["steps"], short, strict=True)):
        at = h * np.arange(len(x))
        common = np.isin(np.round(at / finest), np.round(t / finest))
        mine = np.isin(np.round(t / finest), np.round(at / finest))
        errors.append(np.abs(x[common] - flow[mine]).max())
        if index in p["shown"]:
            shown |= {f"stack_t_{index}": at, f"stack_x_{index}": x}
    depth = np.unique(np.round(np.geomspace(1, p["deepest"], 60)).astype(int))
    deep = deepest[depth]
    return as_data(
        t=t,
        flow=flow,
        h=np.asarray(p["steps"]),
        error=np.array(errors),
        depth=depth,
        progress=depth[:, None] * deep**2 / decay_constants(p["mu"], p["a"], p["b"], p["floor"], len(start)),
        **shown,
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) stacks and flow, (b) error against h, (c) t x^2 over its limit against the number of layers."""
    upper, lower = palette.parts(canvas, 1.35, 1)
    ax = upper.add_subplot()
    for order in range(data["flow"].shape[1]):
        ax.plot(data["t"], data["flow"][:, order], **palette.token_style(order), label=f"token {order + 1}")
    for index, form in zip(PARAMETERS["shown"], _FORMS, strict=True):
        at, x = data[f"stack_t_{index}"], data[f"stack_x_{index}"]
        for order in range(x.shape[1]):
            ax.plot(at, x[:, order], color=palette.TOKENS[order], lw=0.6, **form)
        palette.keys(ax, (f"stack, $h={_fraction(data['h'][index])}$", {"color": "black", "lw": 0.6} | form))
    ax.set_xlabel("depth-time $t=ih$")
    ax.set_ylabel("$x_l$")
    ax.set_xlim(-0.15, PARAMETERS["shown_end"])
    palette.below(upper, ax, 3)
    palette.panel(ax, "a", "the stack approaches the flow (thick)")
    left, right = palette.pair(lower)
    h, error = data["h"], data["error"]
    left.loglog(h, error, "o", color=palette.BLUE, base=2)
    left.loglog(h, error[-1] * h / h[-1], base=2, label="slope 1", **palette.LIMIT)
    left.set_xlabel("$h$")
    left.set_ylabel("largest error")
    left.legend(loc="upper left")
    palette.panel(left, "b", "error $O(h)$")
    for order in range(data["progress"].shape[1]):
        right.semilogx(data["depth"], data["progress"][:, order], **palette.token_style(order))
    right.axhline(1, **palette.LIMIT)
    right.axvspan(*PARAMETERS["depths"], color="#eeeeee", zorder=0)
    right.annotate(
        "{}–{}\nlayers".format(*PARAMETERS["depths"]),
        (np.sqrt(np.prod(PARAMETERS["depths"])), 0.03),
        ha="center",
        fontsize=6.3,
    )
    right.set_ylim(0, None)
    right.set_xlabel("layers ($h=1$)")
    right.set_ylabel(r"$t\,x_l^2\,/\,c_l$")
    palette.panel(right, "c", "where depth sits")


def _fraction(h: float) -> str:
    return "1" if h == 1 else f"1/{round(1 / h)}"


def caption(data: Data) -> str:
    """What is seen."""
    order = np.log2(data["error"][:-1] / data["error"][1:])
    inside = [int(np.argmin(np.abs(data["depth"] - depth))) for depth in PARAMETERS["depths"]]
    way = [f"{data['progress'][index].min():.0%} to {data['progress'][index].max():.0%}" for index in inside]
    return (
        f"(a) The residual stack $x+h\\,\\mathrm{{S6}}(x)$ against the flow for $\\mu<0$, its first "
        f"layers. (b) The largest error up "
        f"to "
        f"$t={PARAMETERS['end']:g}$; halving the smallest $h$ divides it by $2^{{{order[-1]:.3f}}}$. (c) $t "
        f"x_l^2/c_l$ of the stack "
        f"with $h=1$: after {PARAMETERS['depths'][0]} layers tokens are at {way[0]} of their limit, after "
        f"{PARAMETERS['depths'][1]} at {way[1]}. Theorems: {cited('layers-to-limit')}."
    ).replace("%", r" per cent")
