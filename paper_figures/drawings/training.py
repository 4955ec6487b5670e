"""Training results of the two refinements, with intervals over seeds; absent until their data are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from s6flow.errors import FormatError
from s6flow.numeric.experiments.stats import student_interval
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data, result_files
from s6flow.paper_figures.freshness import awaiting

SIZE = (6.8, 8.0)
#: Per experiment: name of the panel's arrays, metric, words of the title, label; the first decides the claims.
PANELS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "lm": (
        ("score", "test.bits_per_byte", "score", "test bits per byte (less is better)"),
        ("growth", "after.depth_full", "growth in depth", "ln of norm, last layer over embedding"),
    ),
    "reorder": (("score", "test.accuracy", "score", "test accuracy (more is better)"),),
}
PARAMETERS: dict[str, Any] = {"panels": {key: [list(row) for row in rows] for key, rows in PANELS.items()}}
FEWEST_SEEDS = 3
#: Rows for which a panel's edges have room, too.
_AROUND = 2
#: Words of the titles; a grid that is not here has its name.
TITLES = {
    "depth_12": "12 layers",
    "depth_24": "24 layers",
    "recall": "recall of pairs",
    "fashion": "Fashion-MNIST",
    "fashion_turns": "Fashion, four directions",
}


def read_results(paths: list[Path]) -> list[dict[str, Any]]:
    """Results of finished grids, language modelling first.

    Raises: FigureUnavailable: there is none. FormatError: a file is not one.
    """
    found = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
            if content["experiment"] in PANELS:
                _ = (content["conditions"], content["claims"], content["config"]["name"], content["flat"])
                found.append(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FormatError("a result must be readable JSON of an experiment", repr(error), path.name) from None
    if not found:
        raise FigureUnavailable("figure training needs results of an experiment", remedy="Run s6flow experiment.")
    return sorted(found, key=lambda content: (content["experiment"] != "lm", content["config"]["name"]))


def data() -> Data:
    """Mean, interval and values over seeds of every condition, panel by panel; all claims with their verdicts."""
    arrays: dict[str, Any] = {"panel": [], "panel_title": [], "panel_label": []}
    claims, flat = [], []
    for content in read_results(result_files(FIGURES["training"])):
        name = content["config"]["name"]
        task = TITLES.get(name, name)
        for suffix, metric, what, label in PANELS[content["experiment"]]:
            panel = f"{name}_{suffix}"
            entries = {key: part["metrics"].get(metric) for key, part in content["conditions"].items()}
            rows = {key: entry for key, entry in entries.items() if entry is not None}
            longest = max(len(row["values"]) for row in rows.values())
            arrays["panel"].append(panel)
            arrays["panel_title"].append(f"{task}: {what}")
            arrays["panel_label"].append(label)
            arrays |= {
                f"{panel}_condition": list(rows),
                f"{panel}_mean": [row["mean"] for row in rows.values()],
                f"{panel}_interval": [_interval(row["values"]) for row in rows.values()],
                f"{panel}_values": [row["values"] + [np.nan] * (longest - len(row["values"])) for row in rows.values()],
            }
        claims += [(name, claim["id"], claim["source"], claim["verdict"]) for claim in content["claims"]]
        changes = [change for part in content["conditions"].values() for change in part["valid_last_change"]]
        flat.append((name, len(changes), len(changes) - len(content["flat"]["not_flat"]), len(content["missing"])))
    columns = ("claim_experiment", "claim", "claim_source", "claim_verdict")
    counts = ("experiment", "runs", "flat_runs", "missing_runs")
    tables = dict(zip(columns, zip(*claims, strict=True), strict=True))
    tables |= dict(zip(counts, zip(*flat, strict=True), strict=True))
    return as_data(**arrays, **tables)


def _interval(values: list[float]) -> tuple[float, float]:
    """The interval that decides the claims, of these values."""
    found = student_interval(np.asarray(values, dtype=float))
    return found.low, found.high


def draw(canvas: Canvas, data: Data) -> None:
    """Every seed as a dot, mean and 95 % interval over seeds; two panels a row."""
    panels = data["panel"].tolist()
    rows = [len(data[f"{panel}_condition"]) for panel in panels]
    heights = [max(pair) + _AROUND for pair in (rows[at : at + 2] for at in range(0, len(rows), 2))]
    axes = canvas.subplots(len(heights), 2, squeeze=False, height_ratios=heights).ravel()
    for index, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        _panel(ax, data, panel)
        ax.set_xlabel(str(data["panel_label"][index]))
        palette.panel(ax, "abcdefgh"[index], str(data["panel_title"][index]))
    for ax in axes[len(panels) :]:
        ax.remove()


def _panel(ax: Axes, data: Data, panel: str) -> None:
    conditions, mean = data[f"{panel}_condition"].tolist(), data[f"{panel}_mean"]
    rows = np.arange(len(conditions))
    low, high = data[f"{panel}_interval"].T
    values = data[f"{panel}_values"]
    counts = np.isfinite(values).sum(axis=1)
    for row in rows:  # an interval of one seed has no ends
        colour = palette.GREY if counts[row] < FEWEST_SEEDS else palette.BLUE
        ax.plot([low[row], high[row]], [row, row], color=colour, lw=2.2, alpha=0.5, solid_capstyle="butt")
        ax.plot(values[row], np.full(values.shape[1], row), "o", color=colour, ms=2, mfc="white", mew=0.6)
        ax.plot([mean[row]], [row], "|", color=colour, ms=7, mew=1.5)
    ax.axvline(mean[0], **palette.MARK, zorder=0)
    ax.set_yticks(rows, [f"{text} ({count})" for text, count in zip(conditions, counts, strict=True)], fontsize=6)
    ax.invert_yaxis()


def caption(data: Data) -> str:
    """What is seen."""
    parts = []
    for name in data["experiment"].tolist():
        mine = (data["claim_experiment"] == name) & (data["claim_source"] == "paper")
        if mine.any():
            told = ", ".join(
                f"`{key}` {verdict}"
                for key, verdict in zip(data["claim"][mine], data["claim_verdict"][mine], strict=True)
            )
            parts.append(f"{name.replace('_', ' ')}: {told}")
    flat = ", ".join(
        f"{few} of {whole} runs of {str(name).replace('_', ' ')}"
        for name, whole, few in zip(data["experiment"], data["runs"], data["flat_runs"], strict=True)
    )
    absent = ", ".join(
        f"{count} of {str(name).replace('_', ' ')}"
        for name, count in zip(data["experiment"], data["missing_runs"], strict=True)
        if count
    )
    return (
        "Dots are seeds (their number in brackets), ticks means, bars 95 per cent intervals over seeds (Student's "
        "t, as in the verdicts), dashed lines the mean of the first condition; grey rows "
        f"have fewer than {FEWEST_SEEDS} seeds and decide nothing. Curves flat at the end, by the criterion of the "
        f"results: {flat}. The paper's claims at this scale: "
        f"{'; '.join(parts)}. {f'Runs that are missing: {absent}. ' if absent else ''}No theorem is "
        "shown: these are measurements." + awaiting(FIGURES["training"])
    )
