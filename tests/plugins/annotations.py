"""How annotations are checked while tests run: beartype under jaxtyping's import hook.

Modules that annotate arrays are always checked: there are few of them, and their annotations say most. Over the whole package
checks cost as much as the tests.

An int may stand for a float and a float for a complex number, as type checkers have it. What a compiler of kernels reads
stays as it is written.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beartype import BeartypeConf, beartype

__all__ = ["check", "hooked", "shaped"]

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))

#: Numba and Triton compile the functions of these packages from their source.
KERNELS = ("s6flow.symbolic.codegen.numba", "s6flow.symbolic.codegen.triton")


def hooked(package: str = "s6flow") -> list[str]:
    """The largest packages and modules that hold none of `KERNELS`."""
    found = []
    for module in pkgutil.iter_modules(find_spec(package).submodule_search_locations):  # type: ignore[union-attr]
        name = f"{package}.{module.name}"
        if name in KERNELS:
            continue
        if any(kernel.startswith(f"{name}.") for kernel in KERNELS):
            found += hooked(name)
        else:
            found.append(name)
    return found


def shaped(package: str = "s6flow") -> list[str]:
    """The modules that annotate arrays."""
    (root,) = find_spec(package).submodule_search_locations  # type: ignore[union-attr]
    folders = [Path(root), *(path for path in Path(root).iterdir() if path.is_symlink() and path.is_dir())]
    files = [
        path for folder in folders for path in folder.rglob("*.py") if "jaxtyping" in path.read_text(encoding="utf-8")
    ]
    return sorted(".".join((package, *path.relative_to(root).with_suffix("").parts)) for path in files)


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Beartype's check of every annotation but those that name what only a type checker imports."""
    unknown = _not_imported(function.__module__)
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if isinstance(annotation, str) and unknown & {
            n.id for n in ast.walk(ast.parse(annotation)) if isinstance(n, ast.Name)
        }:
            function.__annotations__[name] = Any
    checked: Callable[..., Any] = _check(function)
    return checked


@cache
def _not_imported(module: str) -> frozenset[str]:
    """Names that a module imports under `if TYPE_CHECKING` alone."""
    guarded = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module])))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [row for node in guarded for row in node.body if isinstance(row, ast.Import | ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for row in imports for alias in row.names)
