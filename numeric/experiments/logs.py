"""A run's log: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError

__all__ = ["log_lines"]


def log_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, in order; none where there is no file.

    A last line without its end is left out: the run was killed while it wrote it, and goes on from a state before.
    Raises: FormatError: another line is none of ours.
    """
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [_read(line, path, number) for number, line in enumerate(whole, 1)]


def _read(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
        if isinstance(found["step"], int):
            return found
        said = f"step {found['step']!r}"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = f"{type(error).__name__}"
    place = f"{path.parent.name}/{path.name}, line {number}"
    remedy = "Delete the folder of the run; it begins anew."
    raise FormatError("a log needs one object with its step a line", said, place, remedy)
