"""Real weights: scenario of every channel, signs of mu_n, the permutation control, and constants that come true."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from numpy.typing import NDArray

from s6flow.numeric.audit import audit
from s6flow.numeric.flow import AxisParameters, FlowParameters, integrate
from s6flow.numeric.weights import S6Layer, open_checkpoint
from s6flow.paper_figures import palette
from s6flow.paper_figures.figure import Canvas, Data, as_data
from s6flow.paper_figures.theory import cited, decay_constants, formula
from s6flow.symbolic.ends import COLOURS, SCENARIOS, WORDS, word

SIZE = (3.3, 6.4)
PARAMETERS: dict[str, Any] = {
    "checkpoint": "typeseg",
    "shuffles": 200,
    "seed": 0,
    "channels": 12,
    "tokens": [1.0, -0.6, 0.8],
    "log_horizon": 500.0,
    "axis_log_horizon": 12.0,
    "root_channels": 24,
}


def data() -> Data:
    """Columns of the audit, its control, and constants and equilibria predicted and measured."""
    p = PARAMETERS
    report = audit(p["checkpoint"], seed=p["seed"], shuffles=p["shuffles"])
    layers = list(open_checkpoint(p["checkpoint"]).layers())
    rng = np.random.default_rng(p["seed"])
    predicted, measured = _constants(layers, rng)
    roots, reached = _roots(report.layers, layers)
    return as_data(
        mu=np.stack([layer.numbers("mu") for layer in report.layers]),
        scenario_positive=np.stack([layer.words("scenario_positive").codes for layer in report.layers]),
        scenario_negative=np.stack([layer.words("scenario_negative").codes for layer in report.layers]),
        positive_share=np.stack([layer.signs_by_rate for layer in report.layers]),
        fraction=np.array([layer.control.fraction for layer in report.layers]),
        control=np.stack([layer.control.fractions for layer in report.layers]),
        p_value=np.array([layer.control.p for layer in report.layers]),
        predicted=predicted,
        measured=measured,
        root_predicted=roots,
        root_measured=reached,
    )


def _constants(layers: list[S6Layer], rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """lim t x_l^2 and t x_l^2 at a late time, for random channels with mu < 0, biases of B and C left out."""
    parts: dict[str, list[Any]] = {key: [] for key in ("mu", "a", "s", "b", "floor")}
    for layer in layers:
        falling = np.flatnonzero(layer.mu_n.sum(axis=1) < 0)
        rows = np.sort(rng.permutation(falling)[: PARAMETERS["channels"]])
        for key, value in (("mu", layer.mu_n), ("a", layer.a), ("s", layer.s), ("b", layer.b)):
            parts[key].append(value[rows])
        parts["floor"].append(np.full(len(rows), layer.floor))
    letters = {key: np.concatenate(value) for key, value in parts.items()}
    start, horizon = np.asarray(PARAMETERS["tokens"]), PARAMETERS["log_horizon"]
    run = integrate(start, FlowParameters(**letters), log_horizon=horizon, rtol=1e-8)
    measured = np.exp(np.minimum(run.final_log_time[:, None] + 2 * run.final_log_abs, 300.0))
    constants = decay_constants(letters["mu"], letters["a"], letters["b"], letters["floor"], len(start))
    return constants, measured


def _roots(judged: Any, layers: list[S6Layer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equilibria of token 1 that the phase line calls attracting, and where token 1 went, with all biases."""
    names = ("S_B", "S_C", "beta_B", "beta_C", "a", "s", "b", "floor")
    parts: dict[str, list[Any]] = {key: [] for key in (*names, "root", "start")}
    for verdict, layer in zip(judged, layers, strict=True):
        roots = np.stack([verdict.numbers("root_low"), verdict.numbers("root_high")], axis=1)
        for sign, name in ((1.0, "positive"), (-1.0, "negative")):
            rows = np.flatnonzero(verdict.words(f"scenario_{name}").where("root"))[: PARAMETERS["root_channels"]]
            values = (
                layer.S_B.T,
                layer.S_C.T,
                *(np.broadcast_to(beta, layer.a.shape) for beta in (layer.beta_B, layer.beta_C)),
            )
            for key, value in zip(names, (*values, layer.a, layer.s, layer.b), strict=False):
                parts[key].append(value[rows])
            parts["floor"].append(np.full(len(rows), layer.floor))
            parts["root"].append(np.where(roots[rows] * sign > 0, roots[rows], np.nan))
            parts["start"].append(np.full((len(rows), 1), sign))
    whole = {key: np.concatenate(value) for key, value in parts.items()}
    if not len(whole["root"]):
        return np.empty(0), np.empty(0)
    horizon = PARAMETERS["axis_log_horizon"]
    run = integrate(whole["start"], AxisParameters(*(whole[key] for key in names)), log_horizon=horizon, rtol=1e-9)
    end = run.final_x[:, 0]
    nearest = np.nanargmin(np.abs(whole["root"] - end[:, None]), axis=1)
    return whole["root"][np.arange(len(end)), nearest], end


def draw(canvas: Canvas, data: Data) -> None:
    """(a) scenario map, (b) signs of mu_n, (c) control, (d) constants, (e) equilibria."""
    maps, middle, lower = palette.parts(canvas, 1.75, 1.25, 1.1)
    upper, under = maps.subplots(2, 1, sharex=True)
    _map(upper, data["mu"], data["scenario_positive"], "$x>0$")
    _map(under, data["mu"], data["scenario_negative"], "$x<0$")
    palette.panel(upper, "a", "predicted end of every channel; bar: $\\mu=0$")
    under.set_xlabel("channel, in ascending order of $\\mu$")
    present = np.unique(np.concatenate([data["scenario_positive"], data["scenario_negative"]]))
    for code in present:
        name = word(int(code))
        meaning = textwrap.fill(f"{name}: {SCENARIOS[name]}", 64)
        under.plot([], [], "s", color=COLOURS[name], ms=4, label=meaning)
    maps.legend(loc="outside lower left", handletextpad=0.2)
    left, right = palette.pair(middle)
    layers = np.arange(len(data["fraction"]))
    for layer, share in zip(layers, data["positive_share"], strict=True):
        hue = palette.shade(layer / max(layers[-1], 1))
        left.plot(np.arange(1, len(share) + 1), share, color=hue, lw=0.9, label=f"layer {layer}")
    left.axhline(0.5, **palette.MARK)
    left.set_ylim(0.2, 0.8)
    left.set_xlabel("state, slowest first")
    left.set_ylabel(r"share of $\mu_n>0$")
    palette.panel(left, "b", r"signs of $\mu_n$")
    low, high = np.quantile(data["control"], [0.025, 0.975], axis=1)
    right.vlines(layers, low, high, color=palette.GREY, lw=3, alpha=0.6, label="shuffled, 95 %")
    right.plot(layers, data["fraction"], "D", color=palette.VERMILION, ms=3, label="real")
    right.set_xlabel("layer")
    right.set_xticks(layers)
    right.set_ylabel(r"share of $\mu<0$")
    rows = zip(left.get_legend_handles_labels(), right.get_legend_handles_labels(), strict=True)
    middle.legend(*([*ours, *others] for ours, others in rows), loc="outside lower center", ncols=4)
    palette.panel(right, "c", "control")
    left, right = palette.pair(lower)
    positive = data["predicted"] > 0
    for token in range(data["predicted"].shape[1]):
        keep = positive[:, token]
        left.loglog(
            data["predicted"][keep, token],
            data["measured"][keep, token],
            ".",
            **palette.token_style(token),
            ms=6 - 1.7 * token,  # dots lie on one line: those of a later token inside of those before
            label=f"token {token + 1}",
        )
    _diagonal(left)
    left.set_xlabel("predicted $\\lim t x_l^2$")
    left.set_ylabel("measured $t x_l^2$")
    left.legend(loc="upper left", handletextpad=0)
    palette.panel(left, "d", "constants")
    for sign, name, colour in ((1, "$x>0$", palette.GREEN), (-1, "$x<0$", palette.PURPLE)):
        side = data["root_predicted"] * sign > 0
        right.loglog(
            sign * data["root_predicted"][side], sign * data["root_measured"][side], ".", color=colour, ms=3, label=name
        )
    right.legend(loc="upper left", handletextpad=0)
    _diagonal(right)
    right.set_xlabel("|root of $p$|")
    right.set_ylabel("where $|x_1|$ went")
    palette.panel(right, "e", "equilibria")


def _map(ax: Axes, mu: NDArray[np.float64], codes: NDArray[np.float64], side: str) -> None:
    order = np.argsort(mu, axis=1)
    colours = ListedColormap([COLOURS[name] for name in WORDS])
    norm = BoundaryNorm(np.arange(len(WORDS) + 1) - 0.5, len(WORDS))
    ax.imshow(np.take_along_axis(codes, order, 1), aspect="auto", interpolation="nearest", cmap=colours, norm=norm)
    for layer, row in enumerate(mu):
        zero = float((row < 0).sum()) - 0.5
        ax.plot([zero, zero], [layer - 0.5, layer + 0.5], color="black", lw=1.2)
    ax.grid(False)
    ax.set_yticks(range(len(mu)))
    ax.set_ylabel(f"layer ({side})")


def _diagonal(ax: Axes) -> None:
    low, high = ax.get_xlim()
    ax.plot([low, high], [low, high], color="black", lw=0.7, zorder=0)
    ax.set_xlim(low, high)


def caption(data: Data) -> str:
    """What is seen."""
    keep = data["predicted"] > 0
    off = np.abs(data["measured"][keep] / data["predicted"][keep] - 1)
    root = np.abs(data["root_measured"] / data["root_predicted"] - 1)
    inside = int((data["p_value"] > 0.05).sum())
    told = f"{len(root)} equilibria reached to {root.max():.1e} at worst" if len(root) else "no equilibria predicted"
    return (
        f"The {data['mu'].shape[0]} layers of `{PARAMETERS['checkpoint']}`, {data['mu'].size} channels. (a) Predicted end "
        f"of token 1 by its phase line, biases included, for $x>0$ and $x<0$; what the words mean stands under the maps."
        f" (b) Share of channels with $\\mu_n>0$, from the slowest to the fastest state, "
        f"one line a "
        f"layer (dark: deep, dashed line: one half). (c) Share of $\\mu<0$ beside {data['control'].shape[1]} shuffles of channels; {inside} "
        f"of {data['mu'].shape[0]} "
        f"layers are within what shuffling gives. (d) ${formula('decay_constant')}$ against $t x_l^2$ at $\\ln "
        f"t={PARAMETERS['log_horizon']:g}$ "
        f"(biases of B and C left out): median deviation {np.median(off):.1e}, largest {off.max():.1e}; "
        f"{int((~keep).sum())} "
        f"tokens decay faster and are not shown. (e) Token 1 with all biases: {told}. Theorems: "
        f"{cited('real-weights')}."
    )
