"""`figures` and `derive`: the paper's figures and its derivation, written to files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s6flow.api.result import Result, Table
from s6flow.errors import FormatError
from s6flow.files import refuse_clashes, write_atomic
from s6flow.paper_figures.draw import Progress, Report, draw_figures
from s6flow.paper_record import PAGES, Record, derivation_digest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Derivation", "Figures", "derive", "figures"]


@dataclass(frozen=True, repr=False)
class Figures(Result, Report):
    """What became of every figure, and the folder that holds the files."""

    TABLES = ("figures",)

    def lines(self) -> list[str]:
        """How many figures were drawn, unchanged, skipped, and where they are."""
        return Report.lines(self)[-1:]

    def _table(self, name: str) -> Table:
        data: dict[str, list[Any]] = {
            "figure": [outcome.figure.name for outcome in self.outcomes],
            "state": [outcome.state for outcome in self.outcomes],
            "title": [outcome.figure.title for outcome in self.outcomes],
            "reason": [outcome.reason for outcome in self.outcomes],
            "seconds": [outcome.seconds for outcome in self.outcomes],
        }
        return Table(data, ("figure", "state", "title"))

    def to_json(self) -> dict[str, Any]:
        """One entry a figure."""
        rows = [dict(zip(self.table().columns, row, strict=True)) for row in self.table().rows()]
        return {"schema": "s6flow-figures/1", "out": None if self.out is None else str(self.out), "figures": rows}

    def plot(self) -> Figure:
        """The pictures as they lie in the folder, one below the other.

        Raises: FormatError: no figure was drawn.
        """
        from matplotlib import image, pyplot

        there = [outcome.figure.name for outcome in self.outcomes if outcome.state in ("drawn", "unchanged")]
        if self.out is None or not there:
            raise FormatError("only drawn figures can be shown", "none", "figures", "Run figures() without check.")
        pictures = [image.imread(self.out / f"{name}.png") for name in there]
        ratios = [picture.shape[0] / picture.shape[1] for picture in pictures]
        canvas, places = pyplot.subplots(
            len(pictures),
            1,
            figsize=(7.0, 7.0 * sum(ratios)),
            height_ratios=ratios,
            squeeze=False,
            layout="constrained",
        )
        for ax, picture in zip(places[:, 0], pictures, strict=True):
            ax.imshow(picture)
            ax.set_axis_off()
        return canvas


def figures(
    names: str | Iterable[str] | None = None,
    *,
    out: str | Path = Path("out/figures"),
    check: bool = False,
    progress: Progress | None = None,
) -> Figures:
    """Draw the paper's figures as PDF, SVG, PNG and CSV with an index page; those that are up to date are left alone.

    Args:
        names: of figures, or the name of one; all by default.
        out: folder for the files, made if need be.
        check: draw nothing; say which committed results that figures show no longer belong to the code.
        progress: called after every figure with its outcome, its number and how many there are.
    Returns: what became of each; its `exit_code` is 0, 3 (skipped) or 4 (stale).
    Raises: FormatError: an unknown figure, or a folder that cannot be written.

    >>> import s6flow as sf
    >>> sf.figures("convergence", check=True).to_json()["figures"][0]["state"]
    'fresh'
    """
    chosen = (names,) if isinstance(names, str) else names
    report = draw_figures(chosen, Path(out), check=check, progress=progress)
    return Figures(**{field.name: getattr(report, field.name) for field in fields(report)})


@dataclass(frozen=True, repr=False)
class Derivation(Result):
    """The derivation: what was written, and its steps.

    Args:
        paths: of the pages.
        steps: number, section, title and count of residuals of each step; every residual was reduced to 0.
        unchanged: whether the files were there already, made from the same sources.
    """

    paths: tuple[Path, ...]
    steps: tuple[tuple[str, str, str, int], ...]
    unchanged: bool = False

    TABLES = ("steps",)

    @property
    def residuals(self) -> int:
        """How many residuals were reduced to 0."""
        return sum(row[-1] for row in self.steps)

    def lines(self) -> list[str]:
        """Files, and how many steps and residuals."""
        said = [f"{'unchanged' if self.unchanged else 'wrote'} {path}" for path in self.paths]
        return [*said, f"{len(self.steps)} steps, {self.residuals} residuals, all reduced to 0"]

    def _table(self, name: str) -> Table:
        columns = ("step", "section", "title", "residuals")
        data = {column: [row[place] for row in self.steps] for place, column in enumerate(columns)}
        return Table(data, ("step", "residuals", "title"))

    def to_json(self) -> dict[str, Any]:
        """Paths and steps."""
        rows = [dict(zip(self.table().columns, row, strict=True)) for row in self.table().rows()]
        return {"schema": "s6flow-derivation/1", "paths": [str(path) for path in self.paths], "steps": rows}


def derive(
    *, out: str | Path = Path("out/derivation"), figures: bool | None = None, theorems: bool = True
) -> Derivation:
    """Write the derivation as Markdown, LaTeX and HTML: numbered steps, each with its residual reduced to zero.

    Args:
        out: folder, made if need be.
        figures: include the figures; by default if they have been drawn beside `out`.
        theorems: include the theorem library with statuses.
    Returns: paths and steps; where the folder holds what the same sources made, nothing is computed.
    Raises: FormatError: a folder that cannot be written.

    >>> import tempfile
    >>> import s6flow as sf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in sf.derive(out=folder, theorems=False).paths]
    ['derivation.md', 'derivation.tex', 'derivation.html']
    """
    folder = Path(out)
    if figures is None:
        figures = theorems and (folder.parent / "figures" / "index.html").exists()
    record = Record(folder, derivation_digest(theorems, figures))
    if (found := record.read()) is not None:
        return Derivation(tuple(folder / name for name in PAGES), found, unchanged=True)
    from s6flow.paper import ABSTRACT, paper_blocks
    from s6flow.symbolic.derivation import TITLE, all_steps
    from s6flow.symbolic.derivation.document import RENDERERS, render

    targets = {form: folder / f"derivation{suffix}" for form, (suffix, *_) in RENDERERS.items()}
    refuse_clashes({"page": list(targets.values())}, {})
    blocks = paper_blocks(theorems=theorems, figures=folder if figures else None)
    pages = {path: render(TITLE, blocks, form, ABSTRACT) for form, path in targets.items()}
    for path, text in pages.items():
        write_atomic(path, text)
    steps = tuple((number, section.title, step.title, len(step.residuals)) for number, section, step in all_steps())
    record.write(steps)
    return Derivation(tuple(pages), steps)
