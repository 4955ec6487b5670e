"""Generated text as a module: written to the cache for those who read it there, and run from the text itself.

The cache file is named by the hash of the text and of the tool versions that may change its meaning. What it holds is
compared with the text, and the text is what is compiled and run.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from s6flow.errors import MissingDependencyError
from s6flow.files import write_atomic
from s6flow.symbolic.codegen.cache import cache_folder, guard_triton
from s6flow.symbolic.codegen.ir import Program

__all__ = ["Generated", "installed_version", "load_module"]

_IMPORTING = threading.RLock()


@dataclass(frozen=True)
class Generated:
    """A callable with its text: calling it evaluates the program; `inputs` names the arguments in order."""

    program: Program
    backend: str
    text: str
    path: Path
    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arguments in calling order."""
        return tuple(inp.name for inp in self.program.inputs)


@cache
def installed_version(package: str) -> str:
    """The version of an installed package, kept: reading it takes milliseconds, and an audit loads forty modules.

    Raises: importlib.metadata.PackageNotFoundError: it is not installed.
    """
    return importlib.metadata.version(package)


def load_module(text: str, name: str, packages: tuple[str, ...], extra: str = "") -> tuple[ModuleType, Path]:
    """Run `text` as a module whose file lies in the cache.

    Raises: MissingDependencyError: if a package is not installed.
    """
    versions = [f"python {platform.python_version()}"]
    for package in packages:
        try:
            versions.append(f"{package} {installed_version(package)}")
        except importlib.metadata.PackageNotFoundError:
            raise MissingDependencyError(
                "this backend needs an optional package",
                f"no {package}",
                "",
                f"Run pip install 's6flow[{extra}]'.",
            ) from None
    key = hashlib.sha256("\n".join([text, *versions]).encode()).hexdigest()[:20]
    folder = cache_folder()
    if "triton" in packages:
        guard_triton()
    path = folder / f"{name}_{key}.py"
    if not path.is_file() or path.read_bytes() != text.encode():
        write_atomic(path, text, 0o600)
    label = f"s6flow_generated.{name}_{key}"
    with _IMPORTING:  # a module is registered before it has run: other threads must not see it half made
        if label not in sys.modules:
            module = ModuleType(label)
            module.__file__ = str(path)  # Numba and Triton read the text there
            sys.modules[label] = module
            try:
                # Compiled here from the text itself: the import system would believe whatever lies in __pycache__.
                exec(compile(text, str(path), "exec"), vars(module))
                if "numba" in packages:
                    from s6flow.symbolic.codegen.compiled import guard

                    guard(module, folder)
            except BaseException:
                del sys.modules[label]
                raise
    return sys.modules[label], path
