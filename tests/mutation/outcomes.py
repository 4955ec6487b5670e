"""The outcomes of mutants in a committed file, so that another machine goes on where this one was.

A line of JSON for every present mutant that was tried: `module`, `key`, `state`, `by` and where it failed (`why`), of
survivors what they were given (`budget`) and how many tests did not fit into it (`left`). The first line has the judges.
The same outcomes make the same bytes.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

__all__ = ["OUTCOMES", "packed", "unpacked"]

OUTCOMES = Path(__file__).with_name("outcomes.jsonl.xz")
KEPT = ("module", "key", "state", "by", "why", "budget", "left")
#: Characters of where a test failed: its last line says the file, the line and the error.
LONGEST = 100
Row = dict[str, Any]


def packed(rows: list[Row], judges: Row) -> bytes:
    """The file of these outcomes, in the order of files and keys.

    Args:
        rows: the last outcome of each mutant.
        judges: how many tests there were, and which files had none.
    """
    kept = [_short(row) for row in sorted(rows, key=lambda row: (row["module"], row["key"]))]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in [judges, *kept])
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def unpacked(path: Path) -> tuple[list[Row], Row]:
    """The outcomes of a file, and the judges; none where there is no file."""
    if not path.exists():
        return [], {}
    judges, *rows = [json.loads(line) for line in lzma.decompress(path.read_bytes()).decode().splitlines()]
    return rows, judges


def _short(row: Row) -> Row:
    short = {name: row[name] for name in KEPT if row.get(name) not in (None, "")}
    if "why" in short:
        short["why"] = short["why"].rstrip().rpartition("\n")[2][-LONGEST:]
    return short
