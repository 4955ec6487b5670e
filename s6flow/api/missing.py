"""What stands in the place of a function whose library is not installed: it says so when it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from s6flow.errors import MissingDependencyError

__all__ = ["missing"]


def missing(name: str, library: str) -> Callable[..., NoReturn]:
    """A function that raises.

    Args:
        name: of the function in the API.
        library: what it needs, which is also the name of the extra that brings it.
    Raises: MissingDependencyError: when it is called.
    """

    def call(*_: object, **__: object) -> NoReturn:
        remedy = f"Run pip install 's6flow[{library}]'."
        raise MissingDependencyError(f"sf.{name} needs {library}", f"no {library}", "", remedy)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Needs {library}: pip install 's6flow[{library}]'."
    return call
