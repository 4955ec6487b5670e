"""A run's log: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["log_lines"]


def log_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, in order; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
