"""Constants and defaults of the code that decides, pinned: thresholds, sizes, brackets, and what a caller does not say.

Most of them are choices, of which a neighbour would serve as well, and no statement about a system holds them fast. A
change is noticed here, and is meant or not. In the report on mutants these tests come last, and their kills apart.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pinned
import pytest

from tests.mutation import ROOT, module_name
from tests.mutation.__main__ import files

#: Digits that are held: libraries round logarithms in their own ways.
DIGITS = 12


def plain(value: Any) -> Any:
    """Numbers as text, arrays as they are, within mappings, sequences and dataclasses; None for anything else."""
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "iufb" else None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return format(float(value), f".{DIGITS}g")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        parts = {str(key): plain(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None} or None
    if isinstance(value, list | tuple):
        parts = [plain(part) for part in value]
        return [part for part in parts if part is not None] or None
    return None


def choices(file: str) -> dict[str, Any]:
    """Constants of a module and of its classes, and defaults of its functions, methods and fields, by name."""
    module = importlib.import_module(module_name(file))
    return {name: found for name, value in _named(module, file) if (found := plain(value)) is not None}


def _named(module: Any, file: str) -> Iterator[tuple[str, Any]]:
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for name in (part.id for part in ast.walk(node) if _stored(part)):
                yield name, getattr(module, name, None)
        elif isinstance(node, ast.FunctionDef):
            yield from _defaults(node.name, getattr(module, node.name, None))
        elif isinstance(node, ast.ClassDef) and (one := getattr(module, node.name, None)) is not None:
            for name, value in list(vars(one).items()):
                if not name.startswith("__"):
                    yield f"{node.name}.{name}", value
                if callable(value) and not (name == "__init__" and dataclasses.is_dataclass(one)):
                    yield from _defaults(f"{node.name}.{name}", value)


def _stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _defaults(name: str, function: Any) -> Iterator[tuple[str, Any]]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    for key, one in signature.parameters.items():
        if one.default is not inspect.Parameter.empty:
            yield f"{name}({key})", one.default


PINNED = [("choices", files(), choices)]


@pytest.mark.parametrize("file", files())
def test_choices_are_what_they_were(file: str) -> None:
    for need in ("torch", "numba", "flint"):
        if need in (ROOT / file).read_text():
            pytest.importorskip(need)
    pinned.check("choices", file, choices(file))


def test_constants_and_defaults_are_found() -> None:
    """Of the rules of steps: a constant, a field's default, the value of a dataclass within a mapping, and no texts."""
    found = choices("numeric/flow/step_control.py")
    assert found["FIRST_LOG_STEPS"]["RK45"] == format(
        importlib.import_module("s6flow.numeric.flow.step_control").FIRST_LOG_STEPS["RK45"], "g"
    )
    assert found["Control.close"] == found["DRIVER"]["close"] != found["PRECISIONS"]["float64"]["close"]
    assert choices("numeric/checks/boxes.py")["certify_box(slack)"] == "1e-09"
