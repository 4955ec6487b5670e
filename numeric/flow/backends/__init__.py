"""The table of integration backends: one function `solve(problem) -> Run` each, imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

from s6flow.errors import FormatError, MissingDependencyError
from s6flow.numeric.flow.problem import Problem, Run

__all__ = ["BACKENDS", "fastest_on_cpu", "load_backend"]

#: name -> "module:function" of a solver, imported when it is asked for.
BACKENDS: dict[str, str] = {
    "numpy": "s6flow.numeric.flow.backends.numpy.driver:solve",
    "numba": "s6flow.numeric.flow.backends.numba.backend:solve",
    "torch": "s6flow.numeric.flow.backends.torch.backend:solve",
    "triton": "s6flow.numeric.flow.backends.triton.backend:solve",
}


def load_backend(name: str) -> Callable[[Problem], Run]:
    """The solver of a backend.

    Raises: FormatError: no such backend, or its row names no function. MissingDependencyError: its library is not installed.
    """
    if name not in BACKENDS:
        raise FormatError("a flow backend must be one of " + ", ".join(BACKENDS), name, "backend")
    module, _, function = BACKENDS[name].partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):  # the module itself, and no library
            raise _misspelled(name) from None
        raise MissingDependencyError(
            f"the {name} flow backend needs its library", error, "backend", "Use backend='numpy'."
        ) from None
    solver: Callable[[Problem], Run] | None = getattr(found, function, None)
    if solver is None:
        raise _misspelled(name)
    return solver


def _misspelled(name: str) -> FormatError:
    return FormatError("a backend's row must name a module and its function", BACKENDS[name], f"BACKENDS, {name}")


def fastest_on_cpu() -> str:
    """The backend for many systems of log tokens: the compiled one where Numba is installed."""
    return "numpy" if importlib.util.find_spec("numba") is None else "numba"
