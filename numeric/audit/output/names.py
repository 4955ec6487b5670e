"""Names of layers, short enough for a terminal."""

from __future__ import annotations

import re

__all__ = ["short_names"]


def short_names(names: list[str]) -> tuple[str, list[str]]:
    """What differs between the names, and the pattern in which it stands for *."""
    if len(names) == 1:
        return names[0], re.findall(r"\d+", names[0])[-1:] or ["*"]
    first = re.sub(r"\d+$", "", _common_start(names))
    rest = [name[len(first) :] for name in names]
    last = re.sub(r"^\d+", "", _common_start([name[::-1] for name in rest])[::-1])
    return f"{first}*{last}", [name[: len(name) - len(last)] or "*" for name in rest]


def _common_start(names: list[str]) -> str:
    same = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    return names[0][: [*same, False].index(False)]
