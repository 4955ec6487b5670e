"""The log of a run that was killed, before the run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from s6flow.errors import FormatError
from s6flow.files import write_atomic

__all__ = ["mend_log"]


def mend_log(folder: Path) -> None:
    """Leave in a run's log what a run that goes on may stand behind.

    A last line without its end is dropped: the run was killed while it wrote it. Without a state the run begins anew, and
    only what was found out before the training stays: in how many pieces a batch fits.

    Args:
        folder: of the run.
    Raises: FormatError: another line is none of ours.
    """
    path = folder / "log.jsonl"
    if not path.exists():
        return
    text = path.read_bytes()
    whole = text.split(b"\n")[:-1]
    lines = [_read(line, path, number) for number, line in enumerate(whole, 1)]
    anew = not (folder / "state.pt").exists()
    kept = b"".join(raw + b"\n" for raw, line in zip(whole, lines, strict=True) if not anew or "pieces" in line)
    if kept != text:
        write_atomic(path, kept)


def _read(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
        if isinstance(found["step"], int):
            return found
        said = f"step {found['step']!r}"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = type(error).__name__
    place = f"{path.parent.name}/{path.name}, line {number}"
    remedy = "Delete the folder of the run; it begins anew."
    raise FormatError("a log needs one object with its step a line", said, place, remedy)
