"""The verdicts of the experiments, from the committed results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markup import plain, table

__all__ = ["page"]

FOLDER = Path(__file__).resolve().parents[2] / "numeric" / "experiments" / "results"
TITLES = {"lm": "Language modelling", "reorder_digits": "Reordering: digits", "reorder_listops": "Reordering: ListOps"}


def _interval(claim: dict[str, Any]) -> str:
    bounds = claim.get("interval")
    return "unknown" if bounds is None else " to ".join("open" if end is None else f"{end:.4g}" for end in bounds)


def _row(claim: dict[str, Any]) -> tuple[str, ...]:
    against = claim["second"] or f"bound {claim['bound']:g}"
    mean = claim.get("mean_difference")
    return (
        plain(claim["text"]),
        claim["source"],
        f"**{claim['verdict']}**" + (f": {claim['why']}" if "why" in claim else ""),
        f"{claim['first']} against {against}, `{claim['metric']}`",
        "unknown" if mean is None else f"{mean:.4g}",
        _interval(claim),
        str(claim.get("seeds", 0)),
    )


def page() -> str:
    """Rule, claims and where they were measured, experiment by experiment."""
    lines = ["# Experiments", "", "Whose claim: *paper*, or *control*, a question of ours about a cause.", ""]
    for name, title in TITLES.items():
        found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        made = found["provenance"][0]
        head = ("claim", "whose", "verdict", "compared", "mean difference", "95 % interval", "seeds")
        lines += [
            f"## {title}",
            "",
            f"Measured on {', '.join(found['dates'])}, {made['device']}, by `{found['command']}`. "
            f"Curves flat at the end: {'all' if found['flat']['met'] else 'not all'}.",
            "",
            f"Rule: {plain(found['rule'])}",
            *table(head, map(_row, found["claims"])),
        ]
    return "\n".join(lines) + "\n"
