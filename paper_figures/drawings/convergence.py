"""Convergence: trajectories with the explicit bound and the exact constants, and the attention that fades."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, decay_constants, evaluate, formula

SIZE = (3.3, 4.3)
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
    """(a) |x| with bound and asymptote, (b) t x^2 over its limit, (c) attention."""
    upper, lower = palette.parts(canvas, 2.5, 0.95)
    top, middle = palette.stacked(upper, 1.5, 1.0)
    t = data["t"]
    for order, index in enumerate(PARAMETERS["shown"]):
        style = palette.token_style(order)
        top.loglog(t, np.abs(data["x"][:, index]), **style, label=f"token {index + 1}")
        top.loglog(t, data["bound"][:, index], **style, ls=(0, (4, 2)), lw=0.8)
        late = t > 30
        top.loglog(t[late], np.sqrt(data["constant"][index] / t[late]), color="black", lw=0.8, ls=(0, (1, 2.5)))
        middle.semilogx(t, t * data["x"][:, index] ** 2 / data["constant"][index], **style)
    top.plot([], [], color=palette.GREY, ls=(0, (4, 2)), lw=0.8, label="bound")
    top.plot([], [], color="black", ls=(0, (1, 2.5)), lw=0.8, label=r"$\sqrt{c_l/t}$")
    top.legend(ncol=2, loc="lower left")
    top.set_ylabel(r"$|x_l(t)|$")
    palette.panel(top, "a", "below the explicit bound, on the exact asymptote")
    middle.axhline(1, color=palette.GREY, lw=0.7, ls=(0, (4, 2)))
    middle.set_ylim(0, None)
    middle.set_ylabel(r"$t\,x_l^2\,/\,c_l$")
    middle.set_xlabel("depth-time $t$")
    palette.panel(middle, "b", "the constant is sharp")
    labels = [f"$t={palette.power(t)}$" for t in data["attention_t"]]
    palette.attention_row(lower, "c", "hidden attention", data["attention"], labels)


def caption(data: Data) -> str:
    """What is seen."""
    worst = float(np.max(np.abs(data["x"]) / data["bound"]))
    last = float(np.max(np.abs(data["t"][-1] * data["x"][-1] ** 2 / data["constant"] - 1)))
    return (
        f"$\\mu<0$: all {data['x'].shape[1]} tokens converge. (a) $|x_l|$ (solid) stays below the bound "
        f"${formula('convergence_bound')}$ (dashed; largest quotient on these data {worst:.6f}) and meets "
        f"$\\sqrt{{c_l/t}}$ (dotted). (b) $t x_l^2/c_l$; at the last time it is within {last:.1e} of 1. "
        f"(c) Hidden attention fades at the same pace. Theorems: {cited('convergence')}."
    )
