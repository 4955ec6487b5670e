"""Draw the figures that are not up to date, and say what became of each."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from s6flow.errors import FormatError, MissingDependencyError, S6FlowError
from s6flow.files import write_atomic
from s6flow.paper_figures.catalogue import FIGURES, chosen
from s6flow.paper_figures.contents import index_page
from s6flow.paper_figures.digest import figure_digest, versions
from s6flow.paper_figures.figure import Figure, FigureUnavailable
from s6flow.paper_figures.freshness import stale_results, unchecked_results
from s6flow.paper_figures.record import read_record
from s6flow.paper_figures.workers import workers

__all__ = ["LONGEST", "Outcome", "Progress", "Report", "content_of", "draw_figures", "in_turn"]

State = Literal["drawn", "unchanged", "skipped", "fresh", "stale"]
Progress = Callable[["Outcome", int, int], None]
#: Figures that take longest, the longest first; no harm is done where one takes less.
LONGEST = (
    "phase-diagram", "real-weights", "two-dimensions", "theorem-graph", "orbits", "training", "competition", "performance",
    "memory", "table-of-rates",
)  # fmt: skip
#: What the exit status says: all is well, something was skipped, something committed is stale.
OK, SKIPPED, STALE = 0, 3, 4


@dataclass(frozen=True)
class Outcome:
    """What became of one figure.

    Args:
        state: drawn, unchanged, skipped; with `check` fresh or stale in place of the first two.
        reason: why it was skipped or is stale, or what of it cannot be checked here.
        seconds: wall time.
    """

    figure: Figure
    state: State
    reason: str = ""
    seconds: float = 0.0

    def line(self) -> str:
        """One line of text."""
        took = f"  {self.seconds:.1f} s" if self.state == "drawn" else ""
        return f"{self.state:9}  {self.figure.name}{took}" + (f"  ({self.reason})" if self.reason else "")


@dataclass(frozen=True)
class Report:
    """All outcomes, and the folder that holds the files; None where nothing was drawn."""

    out: Path | None
    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0: everything is there; 3: a figure was skipped; 4: a committed result is stale (only with `check`)."""
        states = {outcome.state for outcome in self.outcomes}
        return STALE if "stale" in states else SKIPPED if "skipped" in states else OK

    def lines(self) -> list[str]:
        """One line a figure, and a last one that counts."""
        counts: dict[str, int] = {}
        for outcome in self.outcomes:
            counts[outcome.state] = counts.get(outcome.state, 0) + 1
        total = ", ".join(f"{number} {state}" for state, number in counts.items())
        return [outcome.line() for outcome in self.outcomes] + [total if self.out is None else f"{total} in {self.out}"]


def draw_figures(
    names: Iterable[str] | None = None,
    out: Path = Path("out/figures"),
    check: bool = False,
    progress: Progress | None = None,
    reuse: Iterable[Path] = (),
    processes: int = 1,
) -> Report:
    """Draw figures as PDF, SVG, PNG and CSV with an index page; those that are up to date are left alone.

    Args:
        names: of figures; all by default.
        out: folder for the files.
        check: draw nothing; say which committed results that figures show no longer belong to the code.
        progress: called after every figure with its outcome, its number and how many there are.
        reuse: other folders that may hold up-to-date files, which are then copied.
        processes: that draw at the same time; more than one are started anew, so that a script needs its main guard.
    Returns: what became of every figure; its `exit_code` is 0, 3 (skipped) or 4 (stale).
    Raises: FormatError: an unknown figure, or a folder that cannot be written. S6FlowError: a process that drew was ended.
    """
    figures = chosen(None if names is None else tuple(names))
    if not check:
        try:  # an unwritable folder is found before the work is done
            write_atomic(Path(out) / ".writable", "").unlink()
        except FormatError as error:
            raise FormatError("figures go into a folder that can be written", error.value, str(out)) from error
    outcomes: list[Outcome] = []
    found = map(_check, figures) if check else _made(figures, Path(out), [Path(folder) for folder in reuse], processes)
    for number, figure in enumerate(figures, 1):
        try:
            outcome = next(found)
        except FormatError as error:  # a disk that is full, say: what is there must not be taken for the whole
            raise _unwritten(error, figure, outcomes, Path(out)) from error
        outcomes.append(outcome)
        if progress:
            progress(outcome, number, len(figures))
    if not check:
        write_atomic(Path(out) / "index.html", index_page(Path(out), _skips(outcomes)))
    return Report(None if check else Path(out), tuple(outcomes))


def _unwritten(error: FormatError, figure: Figure, outcomes: Iterable[Outcome], out: Path) -> FormatError:
    """An error of writing that says which figures are whole."""
    whole = [outcome.figure.name for outcome in outcomes if outcome.state in ("drawn", "unchanged")]
    said = f"{figure.name} is not whole ({error}); whole are {', '.join(whole) if whole else 'none'}"
    return FormatError("figures need a folder with room", said, str(out), "The same command draws what is missing.")


def _skips(outcomes: Iterable[Outcome]) -> dict[str, str]:
    return {outcome.figure.name: outcome.reason for outcome in outcomes if outcome.state == "skipped"}


def _check(figure: Figure) -> Outcome:
    try:
        reasons = stale_results(figure)
    except FigureUnavailable as error:
        return Outcome(figure, "skipped", str(error))
    return Outcome(figure, "stale" if reasons else "fresh", "; ".join(reasons) or unchecked_results(figure))


def _made(figures: list[Figure], out: Path, reuse: list[Path], processes: int) -> Iterator[Outcome]:
    """The outcomes in order; no process is started for what is up to date, nor for one figure alone."""
    if processes < 2:
        for figure in figures:
            digest = figure_digest(figure)
            yield _kept(figure, out, reuse, digest) or _drawn(figure, out, digest)
        return
    folders = (out, *reuse)
    absent = sum(all(read_record(figure.name, folder) is None for folder in folders) for figure in figures)
    with workers(early=absent > 1) as pool:
        try:
            yield from _side_by_side(figures, out, reuse, processes, pool)
        except BrokenProcessPool as error:
            remedy = "Give it more memory; the same command draws what is missing."
            raise S6FlowError(
                "a process that draws figures must end by itself", "one that was ended", "", remedy
            ) from error


def _side_by_side(
    figures: list[Figure], out: Path, reuse: list[Path], processes: int, pool: Callable[[int], ProcessPoolExecutor]
) -> Iterator[Outcome]:
    """The outcomes in order, of what `pool` makes where more than one must be drawn.

    A figure is drawn as soon as its digest is known, while those of the others are found.
    """
    asked: dict[int, Outcome | Future[Outcome]] = {}
    due: list[tuple[int, str]] = []
    running: ProcessPoolExecutor | None = None
    for place in in_turn(list(range(len(figures))), figures):
        digest = figure_digest(figures[place])
        kept = _kept(figures[place], out, reuse, digest)
        if kept is not None:
            asked[place] = kept
            continue
        due.append((place, digest))
        if running is None and len(due) > 1:
            running = pool(processes)
        if running is not None:
            for ready, key in due:
                asked[ready] = running.submit(_drawn, figures[ready], out, key)
            due.clear()
    alone = dict(due)
    for place, figure in enumerate(figures):
        ask = asked.get(place)
        if ask is None:
            yield _drawn(figure, out, alone[place])
        else:
            yield ask if isinstance(ask, Outcome) else ask.result()


def in_turn(places: list[int], figures: list[Figure]) -> list[int]:
    """Places of figures in the order in which processes begin them: the longest first, so that none draws alone at the end."""
    turn = {name: place for place, name in enumerate(LONGEST)}
    return sorted(places, key=lambda place: turn.get(figures[place].name, len(turn)))


def _kept(figure: Figure, out: Path, reuse: list[Path], digest: str) -> Outcome | None:
    """The outcome of a figure whose files are up to date, here or where they may be taken from; else None."""
    start = time.perf_counter()
    for folder in (out, *reuse):
        files = _current(figure, folder, digest)
        if files is None:
            continue
        if folder != out:
            _write(figure, out, files)
        return Outcome(figure, "unchanged", seconds=time.perf_counter() - start)
    return None


def _drawn(figure: Figure, out: Path, digest: str) -> Outcome:
    """Draw a figure; it is skipped where its data are not there."""
    start = time.perf_counter()
    try:
        files = content_of(figure, digest)
    except (FigureUnavailable, MissingDependencyError) as error:
        for path in _paths(figure, out):  # what an earlier run drew no longer belongs to these data
            path.unlink(missing_ok=True)
        return Outcome(figure, "skipped", str(error), time.perf_counter() - start)
    _write(figure, out, files)
    return Outcome(figure, "drawn", seconds=time.perf_counter() - start)


def content_of(figure: Figure, digest: str) -> dict[str, bytes]:
    """Suffix -> content of every file of a figure, its record included."""
    from s6flow.paper_figures.render import render
    from s6flow.proofs.index import ids, status_of

    drawing = figure.drawing()
    theorems = ids() if figure.theorems == ("*",) else figure.theorems
    about: dict[str, Any] = {
        "figure": figure.name,
        "parameters": json.loads(json.dumps(drawing.PARAMETERS, default=_plain)),
        "theorems": {key: status_of(key) for key in theorems},
        "digest": digest,
        "versions": versions(figure),
    }
    data = drawing.data()
    files = render(drawing, data, figure.title, about)
    extra = getattr(drawing, "extra_files", None)
    if extra is not None:
        files |= {suffix: text.encode() for suffix, text in extra(data).items()}
    hashes = {form: hashlib.sha256(content).hexdigest() for form, content in files.items()}
    record = {**about, "title": figure.title, "caption": drawing.caption(data), "files": hashes}
    files["json"] = (json.dumps(record, indent=1, sort_keys=True) + "\n").encode()
    return files


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def _write(figure: Figure, out: Path, files: dict[str, bytes]) -> None:
    for form, content in sorted(files.items(), key=lambda item: item[0] == "json"):  # the record is written last
        write_atomic(out / f"{figure.name}.{form}", content)


def _paths(figure: Figure, out: Path) -> Iterator[Path]:
    record = read_record(figure.name, out)
    if record is not None and figure.name in FIGURES:
        yield from (out / f"{figure.name}.{form}" for form in (*record["files"], "json"))


def _current(figure: Figure, folder: Path, digest: str) -> dict[str, bytes] | None:
    """The files of a figure if they are whole and belong to this digest."""
    record = read_record(figure.name, folder)
    if record is None or record["digest"] != digest:
        return None
    files = {}
    try:
        for form, expected in record["files"].items():
            files[form] = (folder / f"{figure.name}.{form}").read_bytes()
            if hashlib.sha256(files[form]).hexdigest() != expected:
                return None
        files["json"] = (folder / f"{figure.name}.json").read_bytes()
    except OSError:
        return None
    return files
