"""How annotations are checked while tests run: by beartype, with the shapes of jaxtyping.

Annotations of arrays are always checked, where a module or a class has a function under its name: they say most, and few
functions have some. What only a table holds, what another function defines and what torch has wrapped is left out. Every annotation of
the package, there as well, costs as much to check as the tests.

An int may stand for a float and a float for a complex number, as type checkers have it. What a compiler of kernels reads
stays as it is written.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sys
from collections.abc import Callable
from functools import cache, cached_property, lru_cache, partial, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, AbstractDtype, TypeCheckError, config, jaxtyped

__all__ = ["Arrays", "arrays", "check", "hooked", "member"]

_check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeCheckError))

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


class Arrays(MetaPathFinder):
    """Checks the annotations of arrays, and no other, in every module that has some, once it is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """What the other finders say, a mutant's among them, with a loader that checks where the text speaks of jaxtyping."""
        if not name.startswith("s6flow.") or name.startswith(KERNELS):
            return None
        asked = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in asked if found is not None), None)
        loader = None if spec is None else spec.loader
        if isinstance(loader, SourceFileLoader) and b"jaxtyping" in loader.get_data(loader.path):
            loader.exec_module = partial(_checked, loader.exec_module)  # type: ignore[method-assign]
        return spec


def _checked(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    execute(module)
    for name, found in list(vars(module).items()):
        if getattr(found, "__module__", None) != module.__name__:
            continue
        if isinstance(found, type):
            for key, held in list(vars(found).items()):
                if (checked := member(held)) is not held:
                    setattr(found, key, checked)
        elif (checked := member(found)) is not found:
            setattr(module, name, checked)


def member(found: Any) -> Any:
    """What a module or a class holds, with the annotations of arrays checked of the function behind it."""
    if isinstance(found, FunctionType):
        return arrays(found)
    if isinstance(found, classmethod | staticmethod):
        inner = arrays(found.__func__)
        return found if inner is found.__func__ else type(found)(inner)
    if isinstance(found, cached_property):
        found.func = arrays(found.func)  # type: ignore[arg-type]
    if hasattr(found, "cache_parameters"):
        inner = arrays(found.__wrapped__)
        return found if inner is found.__wrapped__ else lru_cache(**found.cache_parameters())(inner)
    if isinstance(found, property) and isinstance(found.fget, FunctionType):
        inner = arrays(found.fget)
        return found if inner is found.fget else property(inner, found.fset, found.fdel)
    return found


def arrays(function: FunctionType) -> Any:
    """The function with its annotations of arrays checked; itself where it has none.

    jaxtyping's own decorator binds the arguments of every call and checks them twice, once to say which was wrong: that takes
    several times as long. It alone goes with a generator's body.
    """
    written = dict(function.__annotations__)
    others = [name for name, annotation in written.items() if not _shaped(annotation, function.__globals__)]
    if len(others) == len(written):
        return function
    function.__annotations__.update(dict.fromkeys(others, Any))
    try:
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            return jaxtyped(typechecker=_check)(function)
        checked = _check(function)
    finally:
        function.__annotations__.update(written)

    @wraps(function)
    def within(*args: Any, **kwargs: Any) -> Any:
        if config.jaxtyping_disable:
            return function(*args, **kwargs)
        with jaxtyped("context"):  # an axis has one length in one call
            return checked(*args, **kwargs)

    return within


def _shaped(annotation: Any, names: dict[str, Any]) -> bool:
    """Whether a word of it is a type of arrays with a shape."""
    if not isinstance(annotation, str):
        return isinstance(annotation, type) and issubclass(annotation, AbstractArray)
    words = {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}
    found = (names.get(word) for word in words)
    return any(isinstance(one, type) and issubclass(one, AbstractDtype | AbstractArray) for one in found)


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
