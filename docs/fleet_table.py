"""The measured throughput of fleets, and what 10^5 checkpoints would cost, as the tables of docs/fleet.md.

python docs/fleet_table.py --write
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, RESULT = HERE / "fleet.md", HERE.parent / "benchmarks" / "results" / "fleet.json"
BEGIN, END = "<!-- throughput: written by docs/fleet_table.py -->", "<!-- end of throughput -->"
#: What is planned for: name -> core-seconds a checkpoint and its bytes, as the table above the plan measured them.
PLANNED = {
    "2 layers, width 32": (0.039, 69e3),
    "4 layers, width 256": (0.113, 7.0e6),
    "24 layers, width 768 (130 M)": (1.86, 362e6),
    "64 layers, width 2560 (2.8 B), extrapolated by channels": (16.5, 11e9),
}
CHECKPOINTS, CORES, PRICE = 10**5, 64, 1e-5


def rows(found: dict[str, Any]) -> list[str]:
    """The measured rows, and the plan at what the largest number of workers loses beside one, however long an audit takes."""
    lines = [
        f"Measured with `benchmarks/fleet.py`: {found['device']}{_physical(found)}, {found['date']}, checkpoints of {found['checkpoint']['bytes']:,} bytes, "
        f"{found['checkpoint']['each']} a worker, from local disk.",
        "",
        "| workers | checkpoints | seconds | per second | efficiency | workers' time in audits | memory of the command, first and last |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["rows"]:
        first, last = (row["command_bytes"][name] / 1e6 for name in ("first", "last"))
        lines.append(
            f"| {row['workers']} | {row['checkpoints']:,} | {row['seconds']:.1f} | {row['per_second']:.1f} | "
            f"{100 * row['efficiency']:.0f} % | {100 * row['busy']:.0f} % | {first:.0f} and {last:.0f} MB |"
        )
    last_row = max(found["rows"], key=lambda row: row["workers"])
    alone = min(found["rows"], key=lambda row: row["workers"])
    share = last_row["busy"] / alone["busy"]
    lines += [
        "",
        f"Each of {last_row['workers']} workers spent {100 * share:.0f} % as much of its time in audits as one alone. "
        f"At that, and the seconds of the table above, 10^5 checkpoints on {CORES} cores would take:",
        "",
        "| 10^5 checkpoints of | core-hours | on 64 cores | money for cores |",
        "| --- | --- | --- | --- |",
    ]
    for name, (seconds, _) in PLANNED.items():
        total = CHECKPOINTS * seconds / share
        lines.append(f"| {name} | {total / 3600:.3g} | {_time(total / CORES)} | {total * PRICE:.2g} |")
    return lines


def _physical(found: dict[str, Any]) -> str:
    """On how many cores it ran, where the result says so."""
    return f" ({found['physical_cores']} physical ones used)" if "physical_cores" in found else ""


def _time(seconds: float) -> str:
    return f"{seconds / 60:.2g} min" if seconds < 3600 else f"{seconds / 3600:.2g} h"


def page(text: str) -> str:
    """The page with its tables as the committed result says; unchanged where there is no result yet."""
    if not RESULT.exists():
        return text
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + "\n".join([BEGIN, *rows(json.loads(RESULT.read_text())), END]) + after


if __name__ == "__main__":
    old = PAGE.read_text()
    new = page(old)
    if "--write" in sys.argv:
        PAGE.write_text(new)
    raise SystemExit(0 if new == old or "--write" in sys.argv else 1)
