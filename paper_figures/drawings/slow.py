"""Slow divergence: tokens grow like ln t, between the kernel-checked lower bound and the paper's (ln t)^l."""

from __future__ import annotations

from typing import Any

import numpy as np

from s6flow.numeric.flow import FlowParameters, integrate
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, evaluate, formula, rate

SIZE = (3.3, 5.2)
PARAMETERS: dict[str, Any] = {
    "mu": [1.0],
    "a": [0.5],
    "s": 1.0,
    "b": 0.0,
    "floor": 0.0,
    "x0": [-1.0, -0.5, -1.6, -0.8, -0.3, -1.2],
    "log_times": [0.3, 500.0, 96],
    "log_horizon": 600.0,
    "rtol": 1e-8,
    "attention_log_times": [-3.0, 1.0, 3.0],
    "shown": [0, 1, 2, 4],
    "powers": [2, 3],
}


def data() -> Data:
    """Trajectories to ln t = 500, the expansion of token 1, the lower bound, the ratios and attention."""
    p = PARAMETERS
    params = FlowParameters(p["mu"], p["a"], p["s"], p["b"], p["floor"])
    low, high, count = p["log_times"]
    log_times = np.union1d(np.geomspace(low, high, int(count)), p["attention_log_times"])
    run = integrate(p["x0"], params, log_times=log_times, log_horizon=p["log_horizon"], rtol=p["rtol"])
    place = np.searchsorted(log_times, p["attention_log_times"])
    start = np.asarray(p["x0"])
    letters = {"mu": p["mu"], "s": p["s"], "b": p["b"]}
    with np.errstate(invalid="ignore", divide="ignore"):
        expansion = evaluate("slow_expansion", log_t=log_times, **letters) / abs(p["s"])
    return as_data(
        log_t=log_times,
        x=run.x,
        expansion=np.where(log_times > 1, expansion, np.nan),
        lower_bound=evaluate("slow_lower_bound", y0=start[None, :], t=run.times[:, None], **letters),
        paper_rate=np.stack([rate("slow-polylog-rate", "paper", log_times, token) for token in p["powers"]]),
        ratio=run.x / run.x[:, :1],
        final_ratio=np.exp(run.final_log_abs - run.final_log_abs[0]),
        attention_log_t=log_times[place],
        attention=np.stack([run.attention(int(index)) for index in place]),
    )


def draw(canvas: Canvas, data: Data) -> None:
    """(a) |x| against ln t with bounds, (b) ratios settling, (c) attention."""
    upper, lower = palette.parts(canvas, 2.6, 1.0)
    top, middle = palette.stacked(upper, 1.6, 1.0)
    shown = data["log_t"] > 0
    log_t = data["log_t"][shown]
    for order, index in enumerate(PARAMETERS["shown"]):
        style = palette.token_style(order)
        top.loglog(log_t, np.abs(data["x"][shown, index]), **style, label=f"token {index + 1}")
        top.loglog(log_t, data["lower_bound"][shown, index], **style | palette.BOUND)
        middle.semilogx(log_t, data["ratio"][shown, index], **style)
        middle.axhline(data["final_ratio"][index], **palette.LIMIT | style)
    top.loglog(log_t, data["expansion"][shown], **palette.LIMIT)
    palette.keys(
        top,
        ("expansion of token 1", palette.LIMIT),
        ("lower bound", palette.BOUND | {"color": palette.GREY}),
        ("the paper's rate", {"color": palette.GREY, "lw": 0.8}),
    )
    for power, values in zip(PARAMETERS["powers"], data["paper_rate"], strict=True):
        line = values[shown]
        top.loglog(log_t[log_t > 1.5], line[log_t > 1.5], color=palette.GREY, lw=0.8)
        end = int(np.searchsorted(line, 4e3))
        top.annotate(rf"$(\ln t)^{power}$", (log_t[end], line[end]), (4, -7), textcoords="offset points", fontsize=6.3)
    top.set_ylim(0.2, 2e4)
    palette.below(upper, top, 3)
    top.set_ylabel(r"$|x_l|$")
    palette.panel(top, "a", r"every token is of the order of $\ln t$")
    middle.set_ylabel(r"$x_l/x_1$")
    middle.set_ylim(0, None)
    middle.set_xlabel(r"$\ln t$")
    palette.panel(middle, "b", "the ratios to token 1 settle on limits above 1")
    labels = [rf"$\ln t={value:g}$" for value in data["attention_log_t"]]
    palette.attention_row(lower, "c", "hidden attention", data["attention"], labels, relative=True)


def caption(data: Data) -> str:
    """What is seen."""
    off = abs(abs(float(data["x"][-1, 0])) - float(data["expansion"][-1]))
    settle = float(np.max(np.abs(data["ratio"][-1] / data["final_ratio"] - 1)))
    return (
        f"$\\mu>0$ and $s x_l(0)<0$ for every token, to $\\ln t={data['log_t'][-1]:g}$. (a) Token 1 follows "
        f"$|s||x_1|={formula('slow_expansion')}+o(1)$ (dotted; {off:.2g} off at the end), every token stays above "
        f"${formula('slow_lower_bound')}$ (dashed) and far below the paper's rate $(\\ln t)^l$ (grey, $l=2,3$). "
        f"(b) $x_l/x_1$ settles (dotted: at $\\ln t={PARAMETERS['log_horizon']:g}$; within {settle:.1e} at the end). "
        f"(c) Hidden attention, over its largest entry. Theorems: {cited('slow-divergence')}."
    )
