"""Training results of the two refinements, with intervals over seeds; absent until their data are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.digest import result_files
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data
from s6flow.symbolic.errors import FormatError

SIZE = (3.3, 5.4)
PARAMETERS: dict[str, Any] = {
    "metrics": {"lm": ["test.bits_per_byte", "bits per byte"], "reorder": ["test.accuracy", "accuracy"]},
    "fewest_seeds": 3,
}
_VERDICTS = {"reproduced": palette.GREEN, "not reproduced": palette.VERMILION, "undecided": palette.GREY}


def read_results(paths: list[Path]) -> list[dict[str, Any]]:
    """Results of finished grids, language modelling first.

    Raises: FigureUnavailable: there is none. FormatError: a file is not one.
    """
    found = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
            if content["experiment"] in PARAMETERS["metrics"]:
                _ = (content["conditions"], content["claims"], content["config"]["name"])
                found.append(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FormatError("a result must be readable JSON of an experiment", repr(error), path.name) from None
    if not found:
        raise FigureUnavailable("figure training needs results of an experiment", remedy="Run s6flow experiment.")
    return sorted(found, key=lambda content: (content["experiment"] != "lm", content["config"]["name"]))


def data() -> Data:
    """Per experiment: mean, interval and values over seeds of every condition; and all claims with verdicts."""
    results = read_results(result_files(FIGURES["training"]))
    arrays: dict[str, Any] = {"experiment": [content["config"]["name"] for content in results]}
    claims = []
    for content in results:
        name, metric = content["config"]["name"], PARAMETERS["metrics"][content["experiment"]][0]
        rows = {
            key: entry["metrics"][metric] for key, entry in content["conditions"].items() if metric in entry["metrics"]
        }
        longest = max(len(row["values"]) for row in rows.values())
        arrays |= {
            f"{name}_condition": list(rows),
            f"{name}_mean": [row["mean"] for row in rows.values()],
            f"{name}_interval": [row["interval"] for row in rows.values()],
            f"{name}_values": [row["values"] + [np.nan] * (longest - len(row["values"])) for row in rows.values()],
            f"{name}_missing": len(content["missing"]),
            f"{name}_kind": content["experiment"],
        }
        claims += [(name, claim["id"], claim["source"], claim["verdict"]) for claim in content["claims"]]
    columns = ("claim_experiment", "claim", "claim_source", "claim_verdict")
    return as_data(**arrays, **dict(zip(columns, zip(*claims, strict=True), strict=True)))


def draw(canvas: Canvas, data: Data) -> None:
    """One panel an experiment: every seed as a dot, mean and 95 % interval over seeds."""
    names = data["experiment"].tolist()
    axes = canvas.subplots(
        len(names), 1, height_ratios=[len(data[f"{name}_condition"]) for name in names], squeeze=False
    )
    for ax, name, letter in zip(axes[:, 0], names, "abcdefgh", strict=False):
        _panel(ax, data, name, letter)


def _panel(ax: Axes, data: Data, name: str, letter: str) -> None:
    conditions, mean = data[f"{name}_condition"].tolist(), data[f"{name}_mean"]
    rows = np.arange(len(conditions))
    low, high = data[f"{name}_interval"].T
    values = data[f"{name}_values"]
    few = np.isfinite(values).sum(axis=1) < PARAMETERS["fewest_seeds"]
    for row in rows:
        colour = palette.GREY if few[row] else palette.BLUE
        ax.plot([low[row], high[row]], [row, row], color=colour, lw=2.2, alpha=0.5, solid_capstyle="butt")
        ax.plot(values[row], np.full(values.shape[1], row), "o", color=colour, ms=2, mfc="white", mew=0.6)
        ax.plot([mean[row]], [row], "|", color=colour, ms=8, mew=1.5)
    ax.axvline(mean[0], color=palette.GREY, lw=0.7, ls=(0, (4, 2)), zorder=0)
    counts = np.isfinite(values).sum(axis=1)
    ax.set_yticks(rows, [f"{text} ({count})" for text, count in zip(conditions, counts, strict=True)], fontsize=6)
    ax.invert_yaxis()
    label = PARAMETERS["metrics"][str(data[f"{name}_kind"])][1]
    better = "less" if str(data[f"{name}_kind"]) == "lm" else "more"
    ax.set_xlabel(f"test {label} ({better} is better)")
    missing = int(data[f"{name}_missing"])
    palette.panel(ax, letter, name.replace("_", " ") + (f"; {missing} runs missing" if missing else ""))


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
    return (
        "Dots are seeds (their number in brackets), bars means with 95 per cent intervals over seeds, dashed lines "
        "the first condition; grey rows "
        f"have fewer than {PARAMETERS['fewest_seeds']} seeds and decide nothing. The paper's claims at this scale: "
        f"{'; '.join(parts)}. No theorem is "
        "shown: these are measurements."
    )
