"""How annotations are checked while tests run: by beartype, with jaxtyping's shapes, over the whole package.

A hook decorates every function and dataclass of a module as it is imported. The check itself is made when the function is
first called, since most of the package sleeps through any one test; and only a call whose annotations speak of shapes gets a
scope for the lengths of axes.

An int may stand for a float and a float for a complex number, as type checkers have it. Left as they are written:
- what Numba and Triton compile (`KERNELS`);
- functions within functions: they are made anew at every call of the outer one, each with a check of its own.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

__all__ = ["KERNELS", "check", "checked", "install"]

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))

#: Numba and Triton compile the functions of these packages from their source.
KERNELS = ("s6flow.symbolic.codegen.numba", "s6flow.symbolic.codegen.triton")
#: A change of what the hook writes into modules needs another name for the compiled files.
_VERSION = "annotated1"
_SHAPED = (jaxtyping.AbstractDtype, jaxtyping.AbstractArray)


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its annotations checked, but those that name what only a type checker imports."""
    unknown, shaped = _not_imported(function.__module__), False
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if isinstance(annotation, str):
            names = {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}
            shaped |= any(_is_shaped(function.__globals__.get(word)) for word in names)
            if unknown & names:
                function.__annotations__[name] = Any
    inner: Callable[..., Any] = _check(function)
    if not shaped:
        return inner

    def scoped(*arguments: Any, **options: Any) -> Any:
        with jaxtyping.jaxtyped("context"):  # the axes' lengths of this call
            return inner(*arguments, **options)

    return scoped


def _is_shaped(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, _SHAPED)


def checked(found: Any) -> Any:
    """What the hook puts on functions and classes: of these, dataclasses check what they are made of."""
    if isinstance(found, type):
        if "__dataclass_fields__" in vars(found) and "__init__" in vars(found):
            found.__init__ = checked(found.__init__)  # type: ignore[misc]
        return found
    ready: list[Callable[..., Any]] = []

    @functools.wraps(found)
    def asked(*arguments: Any, **options: Any) -> Any:
        if not ready:
            ready.append(check(found))
        return ready[0](*arguments, **options)

    return asked


@functools.cache
def _not_imported(module: str) -> frozenset[str]:
    """Names that a module imports or defines under `if TYPE_CHECKING` alone."""
    text = Path(str(sys.modules[module].__file__)).read_bytes()
    if b"if TYPE_CHECKING" not in text:
        return frozenset()
    guarded = (node for node in ast.parse(text).body if isinstance(node, ast.If))
    rows = [row for node in guarded if ast.unparse(node.test) == "TYPE_CHECKING" for row in node.body]
    imports = [row for row in rows if isinstance(row, ast.Import | ast.ImportFrom)]
    defined = {row.name for row in rows if isinstance(row, ast.ClassDef)}
    return frozenset(alias.asname or alias.name for row in imports for alias in row.names) | defined


class _Marks(ast.NodeTransformer):
    """Decorates what stands in a module or a class; goes into no function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list.append(_mark(node))  # innermost: caches and properties stay what they are
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.decorator_list.insert(0, _mark(node))  # outermost: after `dataclass`
        return node


def _mark(node: ast.FunctionDef | ast.ClassDef) -> ast.expr:
    mark = ast.parse("__import__('annotations').checked", mode="eval").body
    return ast.fix_missing_locations(ast.copy_location(mark, node))


class _Loader(SourceFileLoader):
    """Compiled files are kept beside Python's own, under another name."""

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:
        tree = _Marks().visit(ast.parse(data))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True, optimize=_optimize)

    def get_data(self, path: Any) -> bytes:
        return super().get_data(_renamed(path))

    def set_data(self, path: Any, data: Any, *, _mode: int = 0o666) -> None:
        super().set_data(_renamed(path), data, _mode=_mode)


def _renamed(path: str) -> str:
    return f"{path.removesuffix('.pyc')}.{_VERSION}.pyc" if path.endswith(".pyc") else path


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.split(".")[0] != "s6flow" or any(name == kernel or name.startswith(f"{kernel}.") for kernel in KERNELS):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Check the package's annotations from now on.

    Raises: RuntimeError: a part of it is imported already, which no hook would reach.
    """
    early = sorted(name for name in sys.modules if name.split(".")[0] == "s6flow")
    if early:
        raise RuntimeError(f"annotations are checked in modules that are imported afterwards: {early[:3]}")
    sys.meta_path.insert(0, _Finder())
