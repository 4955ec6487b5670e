"""The record beside the files of a figure: caption, digest and what was written; read as what it is, a file of anyone's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

__all__ = ["read_record"]

#: A figure's file is its name and such an ending, so that no record leads out of its folder.
_FORM = re.compile(r"[a-z]+(\.[a-z]+)?")


def read_record(name: str, out: Path) -> dict[str, Any] | None:
    """The record of a figure in a folder: caption, digest, files; None if there is no readable one."""
    try:
        record = json.loads((out / f"{name}.json").read_bytes())
        return record if _is_record(record) else None
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _is_record(record: dict[str, Any]) -> bool:
    """Whether it is of our making in form: it names what is read, copied, linked to and taken away."""
    texts = ("digest", "caption", "title")
    if not {*texts, "files"} <= record.keys() or not all(isinstance(record[key], str) for key in texts):
        return False
    return all(_FORM.fullmatch(form) and isinstance(digest, str) for form, digest in record["files"].items())
