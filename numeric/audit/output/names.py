"""Names of layers, short enough for a terminal."""

from __future__ import annotations

import re

__all__ = ["short_names"]


def short_names(names: list[str]) -> tuple[str, list[str]]:
    """What differs between the names, and the pattern in which it stands for *.

    Names of the same parts keep the parts that vary, joined by dots; others what lies between their common ends.
    """
    if len(names) == 1:
        return names[0], re.findall(r"\d+", names[0])[-1:] or ["*"]
    rows = [re.split(r"([./ \[\]])", name) for name in names]
    if len({len(row) for row in rows}) > 1:
        return _between(names)
    pattern, kept = "", []
    for column in zip(*rows, strict=True):
        if len(set(column)) == 1:
            pattern += column[0]
            continue
        own, short = _between(list(column))
        pattern += own
        kept.append(short)
    return pattern, [".".join(parts) for parts in zip(*kept, strict=True)] if kept else ["*"] * len(names)


def _between(names: list[str]) -> tuple[str, list[str]]:
    """The same for parts: what lies between their common start and end."""
    first = re.sub(r"\d+$", "", _common_start(names))
    rest = [name[len(first) :] for name in names]
    last = re.sub(r"^\d+", "", _common_start([name[::-1] for name in rest])[::-1])
    return f"{first}*{last}", [name[: len(name) - len(last)] or "*" for name in rest]


def _common_start(names: list[str]) -> str:
    same = [len(set(letters)) == 1 for letters in zip(*names, strict=False)]
    return names[0][: [*same, False].index(False)]
