"""The source of this package as data: which modules a module imports, and what a module says.

Imports are read off the syntax trees, nothing is imported here, so that no list of dependencies can go stale and asking
costs little.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["meaning_digest", "package_root", "source_files"]

_PACKAGE = "s6flow"
_LATE = re.compile(rf"{_PACKAGE}(\.\w+)+(:\w+)?")
# of no consequence for what a program computes, or not in the syntax trees of every Python
_SILENT = {"annotation", "returns", "type_comment", "type_ignores", "type_params", "kind"}


@functools.cache
def package_root() -> Path:
    """The folder of the import package, with `symbolic`, `numeric`, ... in it."""
    import s6flow

    assert s6flow.__file__ is not None, "the package is an ordinary one"
    return Path(s6flow.__file__).parent


@functools.cache
def _file(module: str) -> Path | None:
    """The source of a module of this package."""
    parts = module.split(".")
    if parts[0] != _PACKAGE:
        return None
    base = package_root().joinpath(*parts[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.exists() and (len(parts) > 1 or path.name == "__init__.py"):
            return path
    return None


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    """Modules of this package that a file imports anywhere, by statement or by name as in a table of backends."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _LATE.fullmatch(node.value):
            found.add(node.value.partition(":")[0])
    return frozenset(name for name in found if name.split(".")[0] == _PACKAGE)


@functools.cache
def source_files(module: str, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Path]:
    """Module -> file of everything that `module` imports, itself and packages on the way included.

    Args:
        module: dotted name in this package.
        wanted: modules for which it is false are left out, with what only they import.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found or not wanted(name):
            continue
        found[name] = path
        waiting += _imports(path)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return found


def _parts(node: ast.AST) -> Iterator[tuple[str, object]]:
    """A node's fields that mean something, a body without its docstring."""
    for name in node._fields:
        part: object = getattr(node, name, None)
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if name == "body" and documented and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
            part = part[1:]  # type: ignore[index]
        if name not in _SILENT and part is not None and part != []:
            yield name, part


def _says(value: object) -> Iterator[str]:
    """The words of a syntax tree in order; the same in every Python that parses it to the same program."""
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name, part in _parts(value):
            yield f" {name}="
            yield from _says(part)
        yield ")"
    elif isinstance(value, list):
        for part in value:
            yield from _says(part)
    else:
        yield repr(value)


def meaning_digest(path: Path) -> str:
    """Hash of what a source file does: comments, layout, docstrings and annotations do not touch it.

    Annotations of fields are kept in name and order (an annotated assignment stays one), their text is not.
    Raises: OSError, SyntaxError: the file cannot be read or parsed.
    """
    return hashlib.sha256("".join(_says(ast.parse(path.read_bytes()))).encode()).hexdigest()
