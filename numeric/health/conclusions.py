"""What a user may conclude from a number of health: what it went with in the networks that were trained and compared.

The sentences are made of the committed correlations, so that they are those of the newest ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from s6flow.provenance import package_root

__all__ = ["ACROSS", "IN_TRACES", "ON_AXES", "UNKNOWN", "concluded", "conclusion"]

ACROSS = package_root() / "numeric" / "experiments" / "results" / "across.json"
#: Numbers of the audit that belong to channels' axes -> how tables call them.
ON_AXES = {"mu_negative": "mu<0", "control_z": "control_z"}
#: The same of numbers that a trace measures, as the trained networks were measured.
IN_TRACES = {"cb_positive": "C.B > 0, share of tokens", "update_over_stream": "|update|/|x|"}
UNKNOWN = "Whether it goes with anything that a user sees was not measured."


@cache
def _committed(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_bytes())[
        "correlations"
    ]  # it ships: damage must not read as silence
    return found


def conclusion(name: str) -> str:
    """One sentence on a number of the audit, from the committed correlations.

    Args:
        name: as in JSON.
    """
    return concluded(name, _committed(ACROSS))


def concluded(name: str, correlations: Mapping[str, Any]) -> str:
    """The same from any correlations.

    Args:
        correlations: `looks` and `rows`, as numeric.experiments.predicts makes them.
    """
    rows = [row for row in correlations["rows"] if row["predictor"] == f"diagnosis.{name}"]
    if not rows:
        return UNKNOWN
    counts = [int(row["runs"]) for row in rows]
    runs = str(max(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    seen = [_told(row) for row in rows if row["verdict"] == "predicts"]
    none = [row["goal"] for row in rows if row["verdict"] != "predicts"]
    over = f"Over {runs} trained language models"
    if not seen:
        return f"{over} no relation was seen with {_listed(none, 'or')}: nothing on these can be concluded from it."
    rest = f"; with {_listed(none, 'or')} no relation was seen" if none else ""
    looks = correlations["looks"]
    return (
        f"{over} a larger value went with {_listed(seen, 'and')}{rest}. They differ by condition as well as by seed, and intervals "
        f"are of {looks} looks together: no prediction for one model."
    )


def _told(row: Mapping[str, Any]) -> str:
    side = "larger" if row["correlation"] > 0 else "smaller"
    low, high = row["interval"]
    return f"a {side} {row['goal']} (rank correlation {row['correlation']:.2f}, {low:.2f} to {high:.2f})"


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
