"""The report of mutation tests: counts by module, the kill rate with its interval, and every survivor with why.

`report.json` is the document, `report.md` its print. Why a survivor lives stands in `reasons.json`, by module and change;
a reason that begins with "equivalent" says that no test can tell the mutant from the code.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from scipy.stats import beta

from s6flow.provenance import meaning_digest
from tests.mutation import ROOT

__all__ = ["REPORT", "document", "interval", "markdown", "name_of"]

REPORT = Path(__file__).with_name("report.json")
REASONS = Path(__file__).with_name("reasons.json")
STATES = ("killed", "timeout", "survived", "unreached", "equivalent")
Row = dict[str, Any]


def name_of(row: Row) -> str:
    """How a mutant is named, wherever its line is."""
    return f"{row['before']} -> {row['after']}"


@cache
def _lines(module: str) -> list[str]:
    return [line.strip() for line in (ROOT / module).read_text().splitlines()]


def reason_of(row: Row, reasons: dict[str, dict[str, str]]) -> str:
    """Why a survivor lives; empty where nobody has said it.

    Keys are names with their line, as "0 -> 1 in return 0, size", which speak of no other; names; patterns behind them.
    """
    table = {**reasons.get("*", {}), **reasons.get(row["module"], {})}
    name = name_of(row)
    if any(key.startswith(f"{name} in ") for key in table):
        line = _lines(row["module"])[row["line"] - 1]
        if why := table.get(f"{name} in {line}"):
            return why
    return table.get(name) or next((why for key, why in table.items() if fnmatchcase(name, key)), "")


def interval(killed: int, tried: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper's and Pearson's for a share of a random sample."""
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, killed, tried - killed + 1)) if killed else 0.0
    high = float(beta.ppf(1 - tail, killed + 1, tried - killed)) if killed < tried else 1.0
    return low, high


def document(rows: list[Row], sizes: dict[str, int], facts: dict[str, Any]) -> dict[str, Any]:
    """The report.

    Args:
        rows: one outcome a mutant that was tried.
        sizes: module -> how many mutants it has.
        facts: date, commit, versions, seed.
    """
    reasons = json.loads(REASONS.read_text()) if REASONS.exists() else {}
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    listed = []
    for row in rows:
        state = row["state"]
        if state in ("survived", "unreached"):
            why = reason_of(row, reasons)
            state = "equivalent" if why.startswith("equivalent") else state
            if not why and row.get("left"):
                why = f"open: {row['left']:,} tests that reach it were not run"
            listed.append(
                {key: row[key] for key in ("module", "line", "kind", "before", "after")} | {"state": state, "why": why}
            )
        modules[row["module"]][state] += 1
    table = {
        name: {
            "digest": meaning_digest(ROOT / "s6flow" / name),
            "mutants": size,
            **{state: modules[name][state] for state in STATES},
        }
        for name, size in sizes.items()
    }
    total = {key: sum(row[key] for row in table.values()) for key in ("mutants", *STATES)}
    tried, killed = sum(total[state] for state in STATES), total["killed"] + total["timeout"]
    judged = tried - total["equivalent"]
    rates = {
        "tried": tried,
        "killed_of_all": killed / tried,
        "killed_of_all_interval": interval(killed, tried),
        "killed_of_judged": killed / judged,
        "killed_of_judged_interval": interval(killed, judged),
    }
    listed.sort(key=lambda row: (row["module"], row["line"], row["before"], row["after"]))
    return {**facts, "total": total, "rates": rates, "modules": table, "survivors": listed}


def markdown(report: dict[str, Any]) -> str:
    """The report for a reader."""
    rates, total = report["rates"], report["total"]
    whole = rates["tried"] == total["mutants"]
    span = "All" if whole else f"{rates['tried']:,} of the"
    lines = [
        "# Mutation tests",
        "",
        "Printed by `make mutation` from `report.json`: do not edit.",
        "",
        f"{span} {total['mutants']:,} mutants of the code that decides were tried (as they stand on {report['date']} in commit {report['commit'][:12]}; "
        f"seed {report['seed']}, in a drawn order that gives every file its share). {percent(rates, 'killed_of_all', whole)} were killed; without those that no test can tell "
        f"from the code, {percent(rates, 'killed_of_judged', whole)}{_by_folder(report['modules'])}."
        + (
            ""
            if whole
            else " In brackets Clopper's and Pearson's interval, 95 %, as of a simple random sample. "
            "It is too high by what was cut off unfinished, since survivors take longest, and by tests that were written for survivors of this very sample; "
            "files with few mutants have none in a small one."
        ),
        "",
        *report["notes"],
        "",
        "| file | mutants | killed | timeout | survived | not reached | equivalent |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in report["modules"].items():
        if row["mutants"]:
            lines.append(
                "| " + " | ".join([f"`{name}`", str(row["mutants"]), *(str(row[state]) for state in STATES)]) + " |"
            )
    lines.append("| all | " + " | ".join([str(total["mutants"]), *(str(total[state]) for state in STATES)]) + " |")
    lines += ["", "## Survivors", ""]
    module = ""
    for row in report["survivors"]:
        if row["module"] != module:
            lines += ["", f"`{row['module']}`", ""] if module else [f"`{row['module']}`", ""]
            module = row["module"]
        why = row["why"] or "no reason found: a test is missing"
        lines.append(f"- line {row['line']}: `{row['before']}` as `{row['after']}`: {why}.")
    return "\n".join(lines) + "\n"


def _by_folder(modules: dict[str, dict[str, Any]]) -> str:
    """Of every folder, what was killed of those that a test can tell from the code."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, row in modules.items():
        found["/".join(name.split("/")[:2])].update({state: row[state] for state in STATES})
    told = []
    for folder, counts in found.items():
        judged = counts.total() - counts["equivalent"]
        if judged:
            told.append(f"`{folder}` {100 * (counts['killed'] + counts['timeout']) / judged:.1f} %")
    return f" ({', '.join(told)})" if len(told) > 1 else ""


def percent(rates: dict[str, Any], key: str, whole: bool = False) -> str:
    """A rate, with its interval where it is one of a sample."""
    if whole:
        return f"{100 * rates[key]:.1f} %"
    low, high = rates[f"{key}_interval"]
    return f"{100 * rates[key]:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
