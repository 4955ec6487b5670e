"""Performance: ratios to peers measured in the same run, and shares of hardware limits, from committed results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.digest import result_files
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data
from s6flow.symbolic.errors import FormatError

SIZE = (3.3, 4.4)
#: Keys of a result file whose number says how many times longer a peer takes, or which share of a limit is reached.
PARAMETERS: dict[str, Any] = {
    "ratios": ["ratio", "speedup", "times_faster", "peer_over_ours"],
    "limits": ["fraction_of_limit", "share_of_limit", "of_ceiling", "fraction_of_ceiling"],
    "most_rows": 24,
}


def leaves(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, float]]:
    """(kind, label, value) of every ratio and every share of a limit, wherever it stands in a result."""
    if isinstance(content, list):
        content = {
            str(row.get("name", place)) if isinstance(row, dict) else str(place): row
            for place, row in enumerate(content)
        }
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        for kind, names in (("peer", PARAMETERS["ratios"]), ("limit", PARAMETERS["limits"])):
            for name in names:
                if number and (key == name or key.startswith((name + "_", name + " ")) or key.endswith("_" + name)):
                    rest = key.removeprefix(name).removesuffix(name).strip("_ ")
                    yield kind, ", ".join(part for part in (*path, rest) if part), float(value)
                    break
        yield from leaves(value, (*path, key) if key not in ("cases", "results", "rows") else path)


def read_rows(paths: list[Path]) -> list[tuple[str, str, str, float]]:
    """(file, kind, label, value) of all result files.

    Raises: FigureUnavailable: no file, or none with a ratio. FormatError: a file is no JSON.
    """
    rows = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise FormatError("a benchmark result must be readable JSON", str(error), path.name) from None
        rows += [(path.stem, *leaf) for leaf in leaves(content) if np.isfinite(leaf[2]) and leaf[2] > 0]
    if not rows:
        raise FigureUnavailable(
            "figure performance needs committed benchmark results with ratios", remedy="Run make bench."
        )
    return rows


def data() -> Data:
    """All ratios to peers and shares of limits, with the files that they stand in."""
    rows = read_rows(result_files(FIGURES["performance"]))
    columns = zip(*rows, strict=True)
    return as_data(**dict(zip(("file", "kind", "label", "value"), columns, strict=True)))


def draw(canvas: Canvas, data: Data) -> None:
    """(a) how many times longer peers take, (b) shares of limits."""
    kinds = [kind for kind in ("peer", "limit") if (data["kind"] == kind).any()]
    shown = {kind: np.flatnonzero(data["kind"] == kind)[: PARAMETERS["most_rows"]] for kind in kinds}
    axes = canvas.subplots(len(kinds), 1, squeeze=False, height_ratios=[2 + len(shown[kind]) for kind in kinds])
    for ax, kind, letter in zip(axes[:, 0], kinds, "ab", strict=False):
        rows = shown[kind]
        values = data["value"][rows]
        base = 1.0 if kind == "peer" else 0.0
        colours = [palette.BLUE if value >= 1 or kind == "limit" else palette.VERMILION for value in values]
        ax.barh(np.arange(len(rows)), values - base, left=base, color=colours, height=0.65)
        labels = [
            f"{data['file'][row]}: {data['label'][row]}" if data["label"][row] else str(data["file"][row])
            for row in rows
        ]
        ax.set_yticks(np.arange(len(rows)), [label.replace("_", " ")[:44] for label in labels], fontsize=5.5)
        ax.invert_yaxis()
        if kind == "peer":
            ax.set_xscale("log")
            ax.axvline(1, color="black", lw=0.7)
            ax.set_xlabel("time of the peer / ours (right of 1: we are faster)", fontsize=6.3)
            palette.panel(ax, letter, "against peers, same run")
        else:
            ax.set_xlim(0, max(1.0, float(values.max())))
            ax.set_xlabel("share of the limit")
            palette.panel(ax, letter, "against hardware limits")


def caption(data: Data) -> str:
    """What is seen."""
    files = ", ".join(f"`{name}`" for name in dict.fromkeys(data["file"].tolist()))
    ratios = data["value"][data["kind"] == "peer"]
    told = f"{len(ratios)} ratios to peers from {ratios.min():.3g} to {ratios.max():.3g}" if len(ratios) else "no peers"
    return f"From the committed results {files}: {told}; slower cases are shown as they are, in the other colour."
