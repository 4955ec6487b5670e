"""The page of a fleet's audit: which checkpoints are ill, how they compare, and how the snapshots of a run move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from s6flow.errors import FormatError, MissingDependencyError
from s6flow.files import write_atomic
from s6flow.numeric.fleet.audits import CHECKPOINTS, LAYERS, STATUSES
from s6flow.numeric.fleet.store import Store, read_run, read_tables
from s6flow.text import counted, shown

__all__ = ["FleetReport", "Run", "fleet_report", "write_page"]

#: Rows that the page shows of a table; the rest stays in the dataset, and the page says so.
MOST = 200
_GRADES = ("critical", "warning", "healthy")
_QUANTILES = (0.05, 0.5, 0.95)
#: Size of a small chart.
_WIDTH, _HEIGHT, _EDGE = 120, 24, 2


@dataclass(frozen=True)
class Run:
    """Snapshots of one run in the order of their steps.

    Args:
        name: the path with * for the step.
        steps: of the snapshots.
        severities: of the snapshots.
        numbers: median over layers, number -> one value a snapshot.
    """

    name: str
    steps: list[int]
    severities: list[str]
    numbers: dict[str, list[float | None]]

    @property
    def moved(self) -> dict[str, tuple[float | None, float | None]]:
        """First and last value of every number."""
        return {name: (values[0], values[-1]) for name, values in self.numbers.items()}

    def line(self, name: str) -> str:
        """Points of a small chart of a number over steps, for an SVG polyline; none where fewer than two are known."""
        known = [(step, value) for step, value in zip(self.steps, self.numbers[name], strict=True) if value is not None]
        if len(known) < 2:
            return ""
        steps, values = [step for step, _ in known], [value for _, value in known]
        across, up = (steps[-1] - steps[0]) or 1, (max(values) - min(values)) or 1.0
        return " ".join(
            f"{_EDGE + (_WIDTH - 2 * _EDGE) * (step - steps[0]) / across:.1f},"
            f"{_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (value - min(values)) / up:.1f}"
            for step, value in known
        )


@dataclass(frozen=True)
class FleetReport:
    """What a fleet's audit says.

    Args:
        options: of the run.
        statuses: status -> checkpoints.
        older: checkpoints whose files were replaced by later ones of the same name; they are left out of the rest.
        severities: severity -> checkpoints that were audited.
        ranked: checkpoints that were audited, worst first: by severity, then by how many layers it has, by steps and names.
        verdicts: verdict -> (layers, checkpoints) that have it.
        compared: family -> number -> 5 % quantile, median and 95 % quantile over checkpoints, of medians over layers.
        families: family -> checkpoints.
        runs: with two snapshots or more.
        refused: checkpoints that were not audited.
    """

    options: dict[str, Any]
    statuses: dict[str, int]
    older: int
    severities: dict[str, int]
    ranked: list[dict[str, Any]]
    verdicts: dict[str, tuple[int, int]]
    compared: dict[str, dict[str, tuple[float | None, ...]]]
    families: dict[str, int]
    runs: list[Run]
    refused: list[dict[str, Any]]

    def lines(self) -> list[str]:
        """The whole in a few lines for a terminal."""
        said = ", ".join(f"{count:,} {status}" for status, count in self.statuses.items() if count)
        graded = ", ".join(f"{count:,} {grade}" for grade, count in self.severities.items() if count)
        lines = [f"{counted(sum(self.statuses.values()), 'checkpoint')}: {said}.", f"Health of those audited: {graded or 'none'}."]  # fmt: skip
        lines += [f"  {shown(row['source'])}: {row['line']}" for row in self.ranked[:5] if row["severity"] != "healthy"]
        if self.runs:
            lines.append(f"{counted(len(self.runs), 'run')} with a trend.")
        lines += [f"  not audited: {shown(row['source'])}: {row['reason']}" for row in self.refused[:3]]
        return lines


def fleet_report(folder: Path) -> FleetReport:
    """Read a fleet's audit.

    Raises: FormatError: the folder holds no such run, or a damaged part. MissingDependencyError: without pandas or pyarrow.
    """
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        remedy = "Run pip install 's6flow[cluster]'."
        raise MissingDependencyError(
            "a fleet's report needs pandas and pyarrow", f"no {error.name}", "", remedy
        ) from None
    from s6flow.numeric.health import VERDICTS
    from s6flow.numeric.health.moved import TREND

    run = read_run(folder)
    if run["kind"] != "audit":
        raise FormatError("this page is of a fleet's audit", f"fleet {run['kind']}", str(folder))
    store = Store(folder, run["tables"])
    checkpoints = read_tables(store.parts(CHECKPOINTS))
    if checkpoints is None:
        raise FormatError("a fleet's report needs a finished part", "none", str(folder), "Run s6flow fleet audit.")
    every = checkpoints.to_pandas().sort_values(["source", "modified"], kind="stable")
    latest = every.drop_duplicates("source", keep="last")
    layers = read_tables(store.parts(LAYERS)).select(["identity", "verdicts", *TREND]).to_pandas()
    layers = layers[layers["identity"].isin(latest["identity"])]
    medians = layers.drop(columns="verdicts").groupby("identity").median()
    audited = latest[latest["status"] == "audited"].join(medians, on="identity")
    return FleetReport(
        options=run["options"],
        statuses={status: int((latest["status"] == status).sum()) for status in STATUSES},
        older=len(every) - len(latest),
        severities={grade: int((audited["severity"] == grade).sum()) for grade in _GRADES},
        ranked=_ranked(audited),
        verdicts=_verdicts(layers, [row.name for row in VERDICTS]),
        compared=_compared(audited, TREND),
        families={str(key): int(count) for key, count in audited["family"].value_counts().items()},
        runs=_runs(audited, TREND),
        refused=_rows(latest[latest["status"] != "audited"]),
    )


def _rows(frame: Any) -> list[dict[str, Any]]:
    """Rows with None where there is no value."""
    return [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if value is None or value != value or (isinstance(value, float) and math.isinf(value)) else value


def _ranked(audited: Any) -> list[dict[str, Any]]:
    order = audited.assign(grade=audited["severity"].map(_GRADES.index).astype(int))
    keys = ["grade", "critical", "warning", "run", "step", "source"]
    return _rows(order.sort_values(keys, ascending=[True, False, False, True, True, True], kind="stable"))


def _verdicts(layers: Any, names: list[str]) -> dict[str, tuple[int, int]]:
    each = layers[["identity", "verdicts"]].explode("verdicts").dropna()
    found = {}
    for name in names:
        mine = each[each["verdicts"] == name]["identity"]
        if len(mine):
            found[name] = (len(mine), int(mine.nunique()))
    return found


def _compared(audited: Any, numbers: tuple[str, ...]) -> dict[str, dict[str, tuple[float | None, ...]]]:
    return {
        str(family): {
            name: tuple(_plain(value) for value in group[name].quantile(list(_QUANTILES))) for name in numbers
        }
        for family, group in audited.groupby("family")
    }


def _runs(audited: Any, numbers: tuple[str, ...]) -> list[Run]:
    """Runs with at least two steps; of several snapshots of one step the latest."""
    found = []
    for name, group in audited.dropna(subset=["run", "step"]).groupby("run"):
        ordered = group.sort_values(["step", "modified"]).drop_duplicates("step", keep="last")
        if len(ordered) < 2:
            continue
        values = {key: [_plain(value) for value in ordered[key]] for key in numbers}
        found.append(Run(str(name), [int(step) for step in ordered["step"]], list(ordered["severity"]), values))
    return found


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:.3g}"
    environment.filters["shown"] = shown
    return environment.get_template("page.html.j2")


def write_page(report: FleetReport, path: Path) -> Path:
    """Write the page: self-contained, without scripts.

    Raises: FormatError: if the path cannot be written.
    """
    from s6flow.numeric.health import NUMBERS, VERDICTS
    from s6flow.numeric.health.moved import TREND

    meanings = {row.name: row for row in NUMBERS}
    text = _template().render(
        report=report,
        total=sum(report.statuses.values()),
        statuses=STATUSES,
        most=MOST,
        trend=TREND,
        meanings=meanings,
        titles={row.name: row for row in VERDICTS},
        width=_WIDTH,
        height=_HEIGHT,
    )
    return write_atomic(path, text)
