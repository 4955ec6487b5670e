"""Instances with a few attributes, and how a terminal shows what is made of them."""

from __future__ import annotations

from typing import Any

from rich.console import Console

__all__ = ["made", "printed"]


def made(kind: type, **values: Any) -> Any:
    """An instance of a class, of which only these attributes are set."""
    held = {name: staticmethod(value) if callable(value) else value for name, value in values.items()}
    return object.__new__(type(kind.__name__, (kind,), held))


def printed(parts: Any, width: int = 80) -> str:
    with open("/dev/null", "w") as nowhere:
        console = Console(width=width, record=True, file=nowhere, color_system=None)
        for part in parts:
            console.print(part, crop=False)
    return console.export_text()
