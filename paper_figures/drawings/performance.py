"""Performance: ratios to peers measured in the same run, and shares of hardware limits, from committed results."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from s6flow.errors import FormatError
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data, result_files

SIZE = (3.3, 5.6)
#: Keys of a result file whose number says how many times longer a peer takes, or which share of a limit is reached.
PARAMETERS: dict[str, Any] = {
    "ratios": ["ratios at no larger mean error", "ratios", "ratio", "speedup", "times_faster", "times_numba"],
    "limits": [
        "fraction_of_special_function_limit",
        "fraction_of_limit",
        "share_of_limit",
        "of_ceiling",
        "fraction_of_ceiling",
    ],
    "containers": ["cases", "results", "rows", "right_hand_sides", "forms"],
    "sizes": ["tokens", "states"],
}


def leaves(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str, float]]:
    """(kind, case, peer, value) of every ratio and every share of a limit, wherever it stands in a result.

    A ratio is a number, or a table of numbers by peer, in which ours is the entry 1.
    """
    if isinstance(content, list):
        content = {_row_name(row, place): row for place, row in enumerate(content)}
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        kind = _kind(key)
        if kind and _number(value):
            yield kind, ", ".join(path), _rest(key), float(value)
        elif kind and isinstance(value, dict):
            if _rest(key):
                continue  # the same ratios by another statistic
            for peer, ratio in value.items():
                if _number(ratio) and ratio != 1:
                    yield kind, ", ".join(path), str(peer), float(ratio)
        else:
            yield from leaves(value, path if key in PARAMETERS["containers"] else (*path, key))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(key: str) -> str | None:
    """What a key's number is, if it is a ratio or a share of a limit."""
    for kind, names in (("peer", PARAMETERS["ratios"]), ("limit", PARAMETERS["limits"])):
        if any(key == name or key.startswith((name + "_", name + " ")) or key.endswith("_" + name) for name in names):
            return kind
    return None


def _rest(key: str) -> str:
    for name in (*PARAMETERS["ratios"], *PARAMETERS["limits"]):
        key = key.removeprefix(name).removesuffix(name)
    return key.strip("_ ")


def _row_name(row: Any, place: int) -> str:
    """A row of a list by its name, or by the sizes that set it apart."""
    if not isinstance(row, dict):
        return str(place)
    sizes = [f"{key} {row[key]}" for key in PARAMETERS["sizes"] if key in row]
    return str(row.get("name") or ", ".join(sizes) or place)


def read_rows(paths: list[Path]) -> list[tuple[str, str, str, str, float]]:
    """(file, kind, case, peer, value) of all result files.

    Raises: FigureUnavailable: no file, or none with a ratio. FormatError: a file is no JSON.
    """
    rows = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise FormatError("a benchmark result must be readable JSON", str(error), path.name) from None
        rows += [(path.stem, *leaf) for leaf in leaves(content) if np.isfinite(leaf[3]) and leaf[3] > 0]
    if not rows:
        raise FigureUnavailable(
            "figure performance needs committed benchmark results with ratios", remedy="Run make bench."
        )
    return rows


def data() -> Data:
    """All ratios to peers and shares of limits, with the files that they stand in."""
    rows = read_rows(result_files(FIGURES["performance"]))
    columns = zip(*rows, strict=True)
    return as_data(**dict(zip(("file", "kind", "case", "peer", "value"), columns, strict=True)))


def draw(canvas: Canvas, data: Data) -> None:
    """One row a peer, one dot a case: (a) how many times longer peers take, (b) shares of limits."""
    names = np.array([_row(*row) for row in zip(data["file"], data["case"], data["peer"], strict=True)])
    kinds = [kind for kind in ("peer", "limit") if (data["kind"] == kind).any()]
    rows = {kind: list(dict.fromkeys(names[data["kind"] == kind].tolist())) for kind in kinds}
    axes = canvas.subplots(len(kinds), 1, squeeze=False, height_ratios=[1 + len(rows[kind]) for kind in kinds])
    for ax, kind, letter in zip(axes[:, 0], kinds, "ab", strict=False):
        for place, name in enumerate(rows[kind]):
            values = data["value"][(names == name) & (data["kind"] == kind)]
            colours = [palette.BLUE if value >= 1 or kind == "limit" else palette.VERMILION for value in values]
            ax.hlines(place, values.min(), values.max(), color=palette.GREY, lw=0.8)
            ax.scatter(values, np.full(len(values), place), color=colours, s=9, zorder=3)
        ax.set_yticks(range(len(rows[kind])), rows[kind], fontsize=6, linespacing=0.9)
        ax.set_ylim(len(rows[kind]) - 0.5, -0.5)
        if kind == "peer":
            ax.set_xscale("log")
            ax.axvline(1, color="black", lw=0.8)
            ax.set_xlabel("time of the other / ours")
            palette.panel(ax, letter, "peers, same run")
        else:
            ax.set_xlim(0, 1.0)
            ax.set_xlabel("share of the limit")
            palette.panel(ax, letter, "hardware limits")


def _row(file: str, case: str, peer: str) -> str:
    """A peer's row, in two lines if it is long; results without peers by name have one row a case."""
    return textwrap.fill(f"{file.split('_')[0]}: {peer or case}".replace("_", " "), 30)


def caption(data: Data) -> str:
    """What is seen."""
    files = ", ".join(f"`{name}`" for name in dict.fromkeys(data["file"].tolist()))
    ratios = data["value"][data["kind"] == "peer"]
    told = f"{len(ratios)} ratios to peers from {ratios.min():.3g} to {ratios.max():.3g}" if len(ratios) else "no peers"
    return (
        f"From the committed results {files}: {told}; one dot a case; left of the line the other is faster, "
        "and is shown as it is."
    )
