"""Decisions pinned: every constant of a module, every default of a function or class, against a committed table.

A limit, a tolerance or a default is decided once, with its reason beside it; that it is what was decided no run can tell
where any value near it serves as well. This table tells, and says no more; the report of mutation tests counts apart
what only this file kills. `python tests/plugins/pinned.py decisions` writes it anew.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pinned
import pytest

from tests.mutation import module_name
from tests.mutation.__main__ import files

#: What counts as a number; texts decide nothing here.
_PLAIN = (bool, int, float, complex)


def told(value: Any) -> Any:
    """A value of plain parts as JSON; None where it is something else."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, np.ndarray):
        return [repr(one) for one in value.ravel().tolist()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return told({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        found = {str(key): told(part) for key, part in value.items()}
        return {key: part for key, part in found.items() if part is not None} or None
    if isinstance(value, tuple | list):
        parts = [told(part) for part in value]
        return parts if any(part is not None for part in parts) else None
    return None


def defaults(function: Any) -> Any:
    """The defaults of a function's arguments."""
    found = inspect.unwrap(function)
    return [told(getattr(found, "__defaults__", None)), told(getattr(found, "__kwdefaults__", None))]


def rows(module: Any) -> Iterator[tuple[str, Any]]:
    """What a module decides: name -> value."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", module.__name__) == module.__name__
        if name.startswith("__") or not own:
            continue
        if inspect.isclass(value) and issubclass(value, enum.Enum):
            yield name, {one.name: told(one.value) for one in value}
        elif inspect.isclass(value):
            for part, inner in vars(value).items():
                if isinstance(inner, classmethod | staticmethod | property):
                    inner = inner.__func__ if not isinstance(inner, property) else inner.fget
                if callable(inner):
                    yield f"{name}.{part}", defaults(inner)
                elif not part.startswith("__"):
                    yield f"{name}.{part}", told(inner)
        elif callable(inspect.unwrap(value)) and not isinstance(value, type):
            yield name, defaults(value)
        elif not inspect.ismodule(value):
            yield name, told(value)


def decisions(file: str) -> dict[str, Any]:
    found = dict(rows(importlib.import_module(module_name(file))))
    return {name: value for name, value in sorted(found.items()) if holds(value)}


def holds(value: Any) -> bool:
    """Whether there is a number in it."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, str) or any(map(holds, parts))


@cache
def able(file: str) -> bool:
    try:
        return bool(decisions(file))
    except ImportError:
        return False


FILES = [file for file in files() if able(file)]
PINNED = [("decisions", FILES, decisions)]


@pytest.mark.parametrize("file", FILES)
def test_what_was_decided_stands(file: str) -> None:
    pinned.check("decisions", file, decisions(file))
