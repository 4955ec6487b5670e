"""A figure as a value: what it is called, what computes and draws it, and what it needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from s6flow.errors import S6FlowError
from s6flow.provenance import package_root

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["Canvas", "Data", "Drawing", "Figure", "FigureUnavailable", "as_data", "result_files", "shown_files"]

Data = dict[str, NDArray[Any]]


def __getattr__(name: str) -> Any:
    """`Canvas` is Matplotlib's figure, imported where something is drawn: the table of figures is read without it."""
    if name != "Canvas":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from matplotlib.figure import Figure

    return Figure


class FigureUnavailable(S6FlowError):
    """Optional data or an optional package is missing; the figure is skipped with this reason."""


@runtime_checkable
class Drawing(Protocol):
    """What a figure's module defines."""

    #: width and height [inch]; 3.3 is one column
    SIZE: tuple[float, float]
    #: every number that the data depend on, besides code and committed results
    PARAMETERS: Mapping[str, Any]

    def data(self) -> Data:
        """Everything that is drawn, as arrays."""

    def draw(self, canvas: Canvas, data: Data) -> None:
        """Draw the arrays; computes nothing that a reader could want."""

    def caption(self, data: Data) -> str:
        """What is seen, with $mathematics$ and `code`; formulas and statuses come from theorem values."""


@dataclass(frozen=True)
class Figure:
    """One entry of the table of figures.

    Args:
        name: what the command line calls it; also the stem of its files.
        title: one line.
        module: the module in `s6flow.paper_figures.drawings` that is its `Drawing`.
        theorems: ids of the theorems whose content it shows.
        packages: optional distributions that it reads data from.
        results: committed result files that it shows, as patterns below the package's root.
        inputs: other committed files that it shows; `--check` does not judge them.
    """

    name: str
    title: str
    module: str
    theorems: tuple[str, ...]
    packages: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Full name of the module."""
        return f"s6flow.paper_figures.drawings.{self.module}"

    def drawing(self) -> Drawing:
        """The module, imported.

        Raises: FigureUnavailable: an optional package is missing.
        """
        for package in self.packages:
            if importlib.util.find_spec(package) is None:
                raise FigureUnavailable(
                    f"figure {self.name} needs the package {package}", remedy=f"Run pip install {package}."
                )
        return cast(Drawing, importlib.import_module(self.path))


def result_files(figure: Figure) -> list[Path]:
    """Committed result files that the figure shows, those that exist."""
    return _existing(figure.results)


def shown_files(figure: Figure) -> list[Path]:
    """Every committed file that the figure shows, those that exist."""
    return _existing(figure.results + figure.inputs)


def _existing(patterns: tuple[str, ...]) -> list[Path]:
    base = package_root()
    return sorted(
        {
            path.resolve()
            for pattern in patterns
            for root in (base, base.resolve().parent)
            for path in root.glob(pattern)
        }
    )


def as_data(**arrays: Any) -> Data:
    """Arrays by name; masked entries become NaN."""
    return {
        name: np.ma.filled(value.astype(float), np.nan) if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
        for name, value in arrays.items()
    }
