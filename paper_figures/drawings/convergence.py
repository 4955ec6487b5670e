"""Convergence: trajectories with their asymptotes, the explicit bound, the exact constants, and the attention that fades."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, decay_constants, evaluate, formula

SIZE = (3.3, 4.8)
PARAMETERS: dict[str, Any] = {
    "mu": [-0.7, -0.3],
    "a": [0.6, 0.6],
    "s": 0.8,
    "b": 0.0,
    "floor": 0.0,
    "x0": [2.0, -1.2, 0.5, -0.25, 1.6, 0.8, -2.4, 1.0],
    "log10_times": [-1.5, 6.0, 46],
    "attention_times": [0.1, 10.0, 1000.0],
    "shown": [0, 1, 3, 7],
}


def data() -> Data:
    """Trajectories, the generated bound, the constants of t x^2, and attention at three times."""
    p = PARAMETERS
    params = FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"])
    low, high, count = p["log10_times"]
    times = np.union1d(np.logspace(low, high, int(count)), p["attention_times"])
    run = integrate(p["x0"], params, times=times)
    start = np.asarray(p["x0"])
    letters = {"mu": p["mu"], "b": p["b"], "floor": p["floor"]}
    bound = evaluate("convergence_bound", y0=start[None, :], t=run.times[:, None], s=p["s"], **letters)
    place = np.searchsorted(times, p["attention_times"])
    return as_data(
        t=run.times,
        x=run.x,
        bound=bound,
        constant=decay_constants(p["mu"], p["a"], p["b"], p["floor"], len(start)),
        attention_t=run.times[place],
        attention=np.stack([run.attention(int(index)) for index in place]),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) |x| with asymptotes, (b) |x| over the bound, (c) t x^2 over its limit, (d) attention."""
    upper, middle, lower = palette.parts(canvas, 1.75, 1.25, 1.0)
    top = upper.add_subplot()
    left, right = palette.pair(middle)
    t = data["t"]
    shown = PARAMETERS["shown"]
    for order, index in enumerate(shown):
        style = palette.token_style(order)
        size = np.abs(data["x"][:, index])
        top.loglog(t, size, **style, label=f"token {index + 1}")
        left.semilogx(t, size / data["bound"][:, index], **style)
        right.semilogx(t, t * data["x"][:, index] ** 2 / data["constant"][index], **style)
    for constant in np.unique(data["constant"][shown].round(12)):
        top.loglog(t, np.sqrt(constant / t), **palette.LIMIT, zorder=0)
    palette.keys(top, (r"$\sqrt{c_l/t}$", palette.LIMIT))
    palette.below(upper, top, 5)
    top.set_xlabel("depth-time $t$")
    top.set_ylabel(r"$|x_l(t)|$")
    top.set_ylim(2e-4, 6)
    palette.panel(top, "a", "every token tends to 0 on its exact asymptote")
    left.axhline(1, color=palette.BLACK, **palette.BOUND)
    right.axhline(1, **palette.LIMIT)
    for ax, letter, name in ((left, "b", r"$|x_l|\,/\,$bound"), (right, "c", r"$t\,x_l^2\,/\,c_l$")):
        ax.set_ylim(0, 1.15)
        ax.set_xlabel("depth-time $t$")
        palette.panel(ax, letter, name)
    labels = [f"$t={palette.power(t)}$" for t in data["attention_t"]]
    palette.attention_row(lower, "d", "hidden attention", data["attention"], labels)


def caption(data: Data) -> str:
    """What is seen."""
    worst = float(np.max(np.abs(data["x"]) / data["bound"]))
    last = float(np.max(np.abs(data["t"][-1] * data["x"][-1] ** 2 / data["constant"] - 1)))
    return (
        f"$\\mu<0$: all {data['x'].shape[1]} tokens converge. (a) $|x_l|$ meets "
        f"$\\sqrt{{c_l/t}}$ (dotted; two constants, of token 1 and of the others). (b) $|x_l|$ over the bound "
        f"${formula('convergence_bound')}$, which is never passed (dashed line; largest quotient {worst:.6f}). "
        f"(c) $t x_l^2/c_l$ tends to 1; at the last time it is within {last:.1e}. "
        f"(d) Hidden attention: the size $|P_{{lj}}|$ of what token $l$ takes from token $j$ fades like $1/t$. Theorems: {cited('convergence')}."
    )
