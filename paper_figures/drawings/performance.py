"""Performance: ratios to peers measured in the same run, and shares of hardware limits, from committed results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from s6flow.errors import FormatError
from s6flow.paper_figures import palette
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.figure import Canvas, Data, FigureUnavailable, as_data, result_files
from s6flow.paper_figures.freshness import awaiting

SIZE = (3.3, 5.4)
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
    "aside": ["commands"],  # how long a command takes against starting Python: no peer
    "containers": ["cases", "results", "rows", "right_hand_sides", "forms"],
    "sizes": ["tokens", "states"],
}


#: What results call a peer or a case, and what a reader does.
WORDS = {
    "layer": "the layer's whole matrix",
    "numba, log tokens": "ours, on ln|x|",
    "numpy linear": "NumPy, linear",
    "c": "C with -O3, linear",
    "attention matrix": "attention matrix",
    "numpy": "ours, on NumPy",
    "solve_ivp DOP853, scan": "SciPy DOP853, linear",
    "solve_ivp LSODA, scan": "SciPy LSODA, linear",
    "solve_ivp DOP853, attention sum": "SciPy DOP853, quadratic",
    "solve_ivp LSODA, attention sum": "SciPy LSODA, quadratic",
    "solve_ivp DOP853, a system at a time": "SciPy DOP853, one by one",
    "solve_ivp LSODA, a system at a time": "SciPy LSODA, one by one",
    "solve_ivp DOP853, all systems at once": "SciPy DOP853, all at once",
    "torchdiffeq compiled": "torchdiffeq, compiled",
    "compiled linear": "PyTorch, compiled, linear",
    "eager linear": "PyTorch, eager, linear",
    "L 128": "128 tokens",
    "L 1024": "1024 tokens",
    "L 8192": "8192 tokens",
    "L 65536": "65536 tokens",
}


#: What was timed, by the last word of a result's name, else by the first of a case; all else are right-hand sides.
TASKS = {"ensemble": "flows of ensembles", "ENSEMBLES": "flows of ensembles"}


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
    """(file, kind, case, peer, value) of all result files that measure peers.

    Raises: FigureUnavailable: no file, or none with a ratio. FormatError: a file is no JSON.
    """
    rows = []
    for path in paths:
        if path.stem in PARAMETERS["aside"]:
            continue
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
    """One row a peer under its task: (a) how many times longer peers take, (b) shares of limits."""
    kinds = [kind for kind in ("peer", "limit") if (data["kind"] == kind).any()]
    tables = {kind: by_task(data, kind) for kind in kinds}
    lines = [1 + sum(1 + len(rows) for rows in tables[kind].values()) for kind in kinds]
    axes = canvas.subplots(len(kinds), 1, squeeze=False, height_ratios=lines)[:, 0]
    for ax, kind, letter, count in zip(axes, kinds, "ab", lines, strict=False):
        if kind == "peer":
            ax.set_xscale("log")
            ax.axvline(1, color="black", lw=0.8)
            ax.set_xlabel("time of the other over ours")
            shown = data["value"][data["kind"] == kind]
            ax.set_xlim(min(0.7, 0.5 * shown.min()), 400 * shown.max())
        else:
            ax.set_xlim(0, 1.05)
            ax.axvline(1, color="black", lw=0.8)
            ax.set_xlabel("share of the hardware's limit")
        palette.panel(ax, letter, {"peer": "how many times faster", "limit": "share of the limit"}[kind])
        _rows(ax, tables[kind])
        ax.set_ylim(count - 1.4, -0.7)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)


def by_task(data: Data, kind: str) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Task -> peer -> values of one kind, peer or limit; lengths in the order of their numbers."""
    found: dict[str, dict[str, list[float]]] = {}
    for file, row, case, peer, value in zip(
        *(data[key] for key in ("file", "kind", "case", "peer", "value")), strict=True
    ):
        if row == kind:
            name = WORDS.get(str(peer or case), str(peer or case).replace("_", " "))
            found.setdefault(_task(str(file), str(case)), {}).setdefault(name, []).append(float(value))
    return {task: {name: np.array(rows[name]) for name in sorted(rows, key=_length)} for task, rows in found.items()}


def _task(file: str, case: str) -> str:
    """What was timed, and where: by the result's name and the case."""
    words = file.upper().split("_")
    if words[0] == "AUDIT":
        return f"audit of a layer, {words[-1]}"
    place = words[-1] if words[-1] in TASKS else case.partition(",")[0]
    what = "own equations" if "=" in case else TASKS.get(place, "right-hand sides")
    return f"{what}, {words[0]}"


def _length(name: str) -> int:
    """So that lengths stand in the order of their numbers, and names as they come."""
    number = name.split()[0]
    return int(number) if number.isdecimal() else 0


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


#: A ratio from which on the numbers beside its dot would lie on the line at 1.
_NEAR = 0.1


def _rows(ax: Axes, table: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    """A heading a task, a line a peer: its range, every case as a dot, and the numbers on the side that has room."""
    ratios = ax.get_xscale() == "log"
    ticks, place = [], 0
    for task, rows in table.items():
        ticks.append((place, task))
        place += 1
        for name, values in rows.items():
            colours = [palette.VERMILION if value < 1 and ratios else palette.BLUE for value in values]
            ax.hlines(place, values.min(), values.max(), color=palette.SKY, lw=2.4)
            ax.scatter(values, np.full(len(values), place), color=colours, s=7, zorder=3)
            ends = dict.fromkeys(_plain(float(value)) for value in (values.min(), values.max()))
            at, shift, side = (values.max(), 4, "left") if ratios else (values.min(), -4, "right")
            if ratios and _NEAR < at < 1:  # the line at 1 would go through the numbers
                at = 1.0
            ax.annotate(
                "–".join(ends), (at, place), (shift, 0), textcoords="offset points", va="center", ha=side, fontsize=6
            )
            ticks.append((place, name))
            place += 1
    ax.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=6)
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in table else "normal")


def caption(data: Data) -> str:
    """What is seen."""
    files = ", ".join(f"`{name}`" for name in dict.fromkeys(data["file"].tolist()))
    ratios = data["value"][data["kind"] == "peer"]
    told = f"{len(ratios)} ratios to peers from {ratios.min():.3g} to {ratios.max():.3g}" if len(ratios) else "no peers"
    return (
        f"From the committed results {files}: {told}, each measured beside ours in the same run; one dot a case, its range in "
        "numbers; left of the line the other would be faster. Linear: the right-hand side as a recursion over tokens; "
        "quadratic and attention matrix: as a sum over pairs of tokens. Ensembles on a GPU "
        "are of four fates, in the coordinate that is named, at no larger mean error, of the runs that brought every system to the "
        "end the one that favours us least; a solver without such a run is left out."
        + awaiting(FIGURES["performance"], set(data["file"].tolist()))
    )
