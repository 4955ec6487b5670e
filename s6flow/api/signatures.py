"""One signature for two functions: what the API passes on takes what the function behind it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["takes_what"]

P = ParamSpec("P")
T = TypeVar("T")


def takes_what(below: Callable[P, object]) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """A decorator that gives a function of (*args, **options) the parameters of `below`, for type checkers and `help`.

    Numerics: docs/site/docstrings.py does the same for the pages, which are read from the source.
    """

    def given(function: Callable[..., T]) -> Callable[P, T]:
        returned = inspect.signature(function).return_annotation
        shown = inspect.signature(below).replace(return_annotation=returned)
        function.__signature__ = shown  # type: ignore[attr-defined]  # what inspect looks for first
        return function

    return given
